//! One pod that makes room for another: the condition `DisruptionTarget`, then its deletion, and what came
//! of them.

use http::Method;

use crate::engine::{Eviction, EvictionOutcome};
use crate::units::Nanos;

use super::api::{Api, JSON, Problem, STRATEGIC_MERGE};
use super::json::{field, quote, time};

/// A pod to be deleted.
#[derive(Clone, Debug)]
pub(super) struct Evict {
    pub(super) eviction: Eviction,
    /// The condition is written.
    marked: bool,
    /// Tries so far.
    pub(super) tries: u32,
    /// Not before this time; zero for the first try.
    pub(super) not_before: Nanos,
}

/// What came of one try.
#[derive(Debug)]
pub(super) enum EvictAnswer {
    /// It is being deleted, or is gone.
    Done(EvictionOutcome),
    /// The same request would be refused again.
    Refused(String),
    /// It may go through later.
    Again(Problem),
}

impl Evict {
    pub(super) fn new(eviction: Eviction) -> Self {
        Self { eviction, marked: false, tries: 0, not_before: Nanos::default() }
    }
}

/// Sends what is left of `evict` once: the condition, unless it is written, and the deletion.
///
/// Upstream: Executor.PreemptPod and util.DeletePod, v1.37: the pod has its own grace period. Differs from
/// upstream: the UID is a precondition of both, so that another pod of the same name never goes.
pub(super) async fn send(api: &Api, evict: &mut Evict, now: Nanos) -> EvictAnswer {
    let key = &evict.eviction.pod.key;
    let path = format!("/api/v1/namespaces/{}/pods/{}", key.namespace, key.name);
    if let Some(message) = evict.eviction.message.as_deref().filter(|_| !evict.marked) {
        let body = disruption_target(&evict.eviction, message, now);
        let answer =
            api.write(Method::PATCH, &format!("{path}/status"), STRATEGIC_MERGE, body).await;
        match answer {
            Ok(()) => evict.marked = true,
            Err(problem) => return classify(problem),
        }
    }
    match api.write(Method::DELETE, &path, JSON, delete_options(&evict.eviction)).await {
        Ok(()) => EvictAnswer::Done(EvictionOutcome::Done),
        Err(problem) => classify(problem),
    }
}

fn delete_options(eviction: &Eviction) -> String {
    let mut body =
        String::from(r#"{"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"#);
    quote(&mut body, &eviction.pod.uid);
    body.push_str("}}");
    body
}

/// The status patch with the condition.
fn disruption_target(eviction: &Eviction, message: &str, now: Nanos) -> String {
    let mut out = String::with_capacity(384);
    out.push_str(r#"{"metadata":{"uid":"#);
    quote(&mut out, &eviction.pod.uid);
    out.push_str(r#"},"status":{"conditions":[{"type":"DisruptionTarget","status":"True""#);
    field(&mut out, "reason", "PreemptionByScheduler");
    field(&mut out, "message", message);
    out.push_str(r#","lastProbeTime":null"#);
    field(&mut out, "lastTransitionTime", &time(now));
    if eviction.observed_generation != 0 {
        out.push_str(r#","observedGeneration":"#);
        out.push_str(&eviction.observed_generation.to_string());
    }
    out.push_str("}]}}");
    out
}

/// Another pod has the name now where the UID does not match: 409 of a deletion, 422 of a patch.
fn classify(problem: Problem) -> EvictAnswer {
    let text = problem.to_string();
    let other_uid = match problem.status() {
        409 => text.contains("UID") || text.contains("uid"),
        422 => text.contains("metadata.uid"),
        _ => false,
    };
    if problem.is_not_found() || other_uid {
        EvictAnswer::Done(EvictionOutcome::Gone)
    } else if problem.is_transient() || problem.status() == 409 {
        EvictAnswer::Again(problem)
    } else {
        EvictAnswer::Refused(text)
    }
}
