//! One patch of a pod's status, the condition `PodScheduled` and the nomination: its request and what came
//! of it.

use http::Method;

use crate::engine::{FailedCondition, Nomination, PodRef};
use crate::units::Nanos;

use super::api::{Api, Problem, STRATEGIC_MERGE};
use super::json::{field, quote, time};

/// A condition to be written, a nomination, or both.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    pub(super) pod: PodRef,
    pub(super) condition: Option<FailedCondition>,
    pub(super) nomination: Nomination,
    /// Tries so far.
    pub(super) tries: u32,
    /// Not before this time; zero for the first try.
    pub(super) not_before: Nanos,
}

impl Patch {
    pub(super) fn new(
        pod: PodRef,
        condition: Option<FailedCondition>,
        nomination: Nomination,
    ) -> Self {
        Self { pod, condition, nomination, tries: 0, not_before: Nanos::default() }
    }

    /// Takes over from `older` what this patch says nothing of.
    pub(super) fn complete(&mut self, older: Self) {
        self.condition = self.condition.take().or(older.condition);
        if self.nomination == Nomination::Keep {
            self.nomination = older.nomination;
        }
    }
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
    let mut out = String::with_capacity(
        384 + patch.condition.as_ref().map_or(0, |condition| condition.message.len()),
    );
    out.push_str(r#"{"metadata":{"uid":"#);
    quote(&mut out, &patch.pod.uid);
    out.push_str(r#"},"status":{"#);
    match &patch.nomination {
        Nomination::Keep => {}
        Nomination::Clear => out.push_str(r#""nominatedNodeName":null"#),
        Nomination::Set(node) => {
            out.push_str(r#""nominatedNodeName":"#);
            quote(&mut out, node);
        }
    }
    if let Some(condition) = &patch.condition {
        if patch.nomination != Nomination::Keep {
            out.push(',');
        }
        push_condition(&mut out, condition, now);
    }
    out.push_str("}}");
    out
}

fn push_condition(out: &mut String, condition: &FailedCondition, now: Nanos) {
    let FailedCondition { reason, message, observed_generation, last_transition_time } = condition;
    out.push_str(r#""conditions":[{"type":"PodScheduled","status":"False""#);
    field(out, "reason", reason);
    field(out, "message", message);
    out.push_str(r#","lastProbeTime":null"#);
    match last_transition_time {
        Some(at) => field(out, "lastTransitionTime", at),
        None => field(out, "lastTransitionTime", &time(now)),
    }
    if *observed_generation != 0 {
        out.push_str(r#","observedGeneration":"#);
        out.push_str(&observed_generation.to_string());
    }
    out.push_str("}]");
}
