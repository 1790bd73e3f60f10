//! One patch of the condition `PodScheduled`: its request and what came of it.

use http::Method;

use crate::engine::{FailedCondition, PodRef};
use crate::units::Nanos;

use super::api::{Api, Problem, STRATEGIC_MERGE};
use super::json::{field, quote, time};

/// A condition to be written.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    pub(super) pod: PodRef,
    pub(super) condition: FailedCondition,
    /// Tries so far.
    pub(super) tries: u32,
    /// Not before this time; zero for the first try.
    pub(super) not_before: Nanos,
}

/// What came of a patch.
#[derive(Debug)]
pub(super) enum PatchOutcome {
    /// It is written, or there is no such pod any more.
    Done,
    /// The same patch would be refused again.
    Refused(String),
    /// It may go through later.
    Again(Problem),
}

/// Sends `patch` once.
pub(super) async fn send(api: &Api, patch: &Patch, now: Nanos) -> PatchOutcome {
    let key = &patch.pod.key;
    let url = format!("/api/v1/namespaces/{}/pods/{}/status", key.namespace, key.name);
    match api.write(Method::PATCH, &url, STRATEGIC_MERGE, body(patch, now)).await {
        Ok(()) => PatchOutcome::Done,
        Err(problem) => classify(problem),
    }
}

fn classify(problem: Problem) -> PatchOutcome {
    // Another pod has the name now. v1.37 says so in its validation: 422 "metadata.uid: Invalid value:
    // ...: field is immutable". A server that takes the UID for a precondition says 409 "Precondition
    // failed: UID in precondition: ...".
    let text = problem.to_string();
    let other_uid = match problem.status() {
        409 => text.contains("UID"),
        422 => text.contains("metadata.uid"),
        _ => false,
    };
    if other_uid || problem.is_not_found() {
        PatchOutcome::Done
    } else if problem.is_transient() || problem.status() == 409 {
        PatchOutcome::Again(problem)
    } else {
        PatchOutcome::Refused(text)
    }
}

/// Upstream: util.PatchPodStatus, v1.37; the UID keeps it off another pod of the same name.
fn body(patch: &Patch, now: Nanos) -> String {
    let FailedCondition { reason, message, observed_generation, last_transition_time } =
        &patch.condition;
    let mut out = String::with_capacity(320 + message.len());
    out.push_str(r#"{"metadata":{"uid":"#);
    quote(&mut out, &patch.pod.uid);
    out.push_str(r#"},"status":{"conditions":[{"type":"PodScheduled","status":"False""#);
    field(&mut out, "reason", reason);
    field(&mut out, "message", message);
    out.push_str(r#","lastProbeTime":null"#);
    match last_transition_time {
        Some(at) => field(&mut out, "lastTransitionTime", at),
        None => field(&mut out, "lastTransitionTime", &time(now)),
    }
    if *observed_generation != 0 {
        out.push_str(r#","observedGeneration":"#);
        out.push_str(&observed_generation.to_string());
    }
    out.push_str("}]}}");
    out
}
