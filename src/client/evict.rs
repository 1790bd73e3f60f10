//! One deletion of a pod that makes room for another: its request and what came of it.

use http::Method;

use crate::engine::PodRef;
use crate::units::Nanos;

use super::api::{Api, JSON, Problem};
use super::json::quote;

/// A pod to be deleted.
#[derive(Clone, Debug)]
pub(super) struct Eviction {
    pub(super) pod: PodRef,
    /// Tries so far.
    pub(super) tries: u32,
    /// Not before this time; zero for the first try.
    pub(super) not_before: Nanos,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum EvictionOutcome {
    /// It is being deleted, or is gone.
    Done,
    /// The same request would be refused again.
    Refused(String),
    /// It may go through later.
    Again(Problem),
}

impl Eviction {
    pub(super) fn new(pod: PodRef) -> Self {
        Self { pod, tries: 0, not_before: Nanos::default() }
    }
}

/// Sends `eviction` once.
///
/// Upstream: util.DeletePod, v1.37: the pod has its own grace period. Differs from upstream: the UID is a
/// precondition, so that another pod of the same name never goes.
pub(super) async fn send(api: &Api, eviction: &Eviction) -> EvictionOutcome {
    let key = &eviction.pod.key;
    let path = format!("/api/v1/namespaces/{}/pods/{}", key.namespace, key.name);
    let mut body =
        String::from(r#"{"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"#);
    quote(&mut body, &eviction.pod.uid);
    body.push_str("}}");
    match api.write(Method::DELETE, &path, JSON, body).await {
        Ok(()) => EvictionOutcome::Done,
        Err(problem) => classify(problem),
    }
}

/// A conflict says that another pod has the name now.
fn classify(problem: Problem) -> EvictionOutcome {
    if problem.is_not_found() || problem.status() == 409 {
        EvictionOutcome::Done
    } else if problem.is_transient() {
        EvictionOutcome::Again(problem)
    } else {
        EvictionOutcome::Refused(problem.to_string())
    }
}
