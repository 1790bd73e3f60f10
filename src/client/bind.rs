//! One Binding: its request, and the one place where its outcome is classified.

use std::sync::Arc;

use http::Method;
use serde::Deserialize;

use crate::engine::{AttemptId, BindOutcome, PodRef};

use super::api::{Api, JSON, Problem};
use super::json::quote;

/// A Binding to be sent.
#[derive(Clone, Debug)]
pub(super) struct Bind {
    pub(super) attempt: AttemptId,
    pub(super) pod: Arc<PodRef>,
    pub(super) node: Arc<str>,
}

/// What is read of a pod after a conflict.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PodNow {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    uid: String,
    deletion_timestamp: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    node_name: String,
    scheduling_gates: Vec<serde::de::IgnoredAny>,
}

/// Sends `bind` once and says what came of it; after a conflict the pod is read.
pub(super) async fn send(api: &Api, bind: &Bind) -> BindOutcome {
    let mut path = pod_path(bind);
    path.push_str("/binding");
    let problem = match api.write(Method::POST, &path, JSON, body(bind)).await {
        Ok(()) => return BindOutcome::Bound,
        Err(problem) => problem,
    };
    if problem.status() == 409 {
        let pod = api.read(&pod_path(bind)).await;
        return after_conflict(bind, &problem, pod);
    }
    classify(&problem)
}

/// Any answer but a conflict. A missing node is no answer: the API server does not look for it.
fn classify(problem: &Problem) -> BindOutcome {
    if problem.is_not_found() {
        BindOutcome::Gone
    } else if problem.is_transient() {
        unknown(problem)
    } else {
        BindOutcome::Refused { message: problem.to_string() }
    }
}

/// A conflict has four meanings: bound already, being deleted, gated, another pod of that name.
fn after_conflict(bind: &Bind, conflict: &Problem, pod: Result<PodNow, Problem>) -> BindOutcome {
    let pod = match pod {
        Ok(pod) => pod,
        Err(problem) if problem.is_not_found() => return BindOutcome::Gone,
        Err(problem) => {
            let message = format!("{conflict}; then the pod could not be read: {problem}");
            return BindOutcome::Unknown { message, retry_after: problem.retry_after() };
        }
    };
    if *pod.metadata.uid != *bind.pod.uid {
        BindOutcome::Gone
    } else if *pod.spec.node_name == *bind.node {
        BindOutcome::Bound
    } else if !pod.spec.node_name.is_empty() {
        BindOutcome::BoundElsewhere { node: pod.spec.node_name.into() }
    } else if pod.metadata.deletion_timestamp.is_some() || !pod.spec.scheduling_gates.is_empty() {
        BindOutcome::NotNow { message: conflict.to_string() }
    } else {
        // What was in the way is gone already: try again.
        unknown(conflict)
    }
}

fn unknown(problem: &Problem) -> BindOutcome {
    BindOutcome::Unknown { message: problem.to_string(), retry_after: problem.retry_after() }
}

fn pod_path(bind: &Bind) -> String {
    let key = &bind.pod.key;
    format!("/api/v1/namespaces/{}/pods/{}", key.namespace, key.name)
}

/// Upstream: defaultbinder.DefaultBinder.Bind, v1.37. The UID is a precondition: another pod of the
/// same name is never bound.
fn body(bind: &Bind) -> String {
    let key = &bind.pod.key;
    let mut out = String::with_capacity(256);
    out.push_str(r#"{"apiVersion":"v1","kind":"Binding","metadata":{"namespace":"#);
    quote(&mut out, &key.namespace);
    out.push_str(r#","name":"#);
    quote(&mut out, &key.name);
    out.push_str(r#","uid":"#);
    quote(&mut out, &bind.pod.uid);
    out.push_str(r#"},"target":{"kind":"Node","name":"#);
    quote(&mut out, &bind.node);
    out.push_str("}}");
    out
}
