//! Whether a pod that ended right after its bind was refused by its node. The watch does not say: an object
//! that leaves a selection is shown as it was before, so that the pod is read.

use serde::Deserialize;

use crate::engine::{Inquiry, Refused};
use crate::units::Nanos;

use super::api::{Api, Problem};

/// A question to be sent.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) inquiry: Inquiry,
    /// Tries so far.
    pub(super) tries: u32,
    /// Not before this time; zero for the first try.
    pub(super) not_before: Nanos,
}

/// What came of one try.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is known, and was a refusal where there is one.
    Known(Option<Refused>),
    /// It may go through later.
    Again(Problem),
    /// It will not.
    Never(Problem),
}

/// What is read of the pod.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Ended {
    metadata: Metadata,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    uid: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: String,
    reason: String,
}

impl Ask {
    pub(super) fn new(inquiry: Inquiry) -> Self {
        Self { inquiry, tries: 0, not_before: Nanos::default() }
    }
}

/// Reads the pod once.
pub(super) async fn send(api: &Api, ask: &Ask) -> Answer {
    let key = &ask.inquiry.pod.key;
    let path = format!("/api/v1/namespaces/{}/pods/{}", key.namespace, key.name);
    match api.read::<Ended>(&path).await {
        Ok(pod) => Answer::Known(refusal(&ask.inquiry, pod)),
        Err(problem) if problem.is_not_found() => Answer::Known(None),
        Err(problem) if problem.is_transient() => Answer::Again(problem),
        Err(problem) => Answer::Never(problem),
    }
}

fn refusal(inquiry: &Inquiry, pod: Ended) -> Option<Refused> {
    let is_it = *pod.metadata.uid == *inquiry.pod.uid && pod.status.phase == "Failed";
    (is_it && is_want_of_room(&pod.status.reason))
        .then(|| Refused { inquiry: inquiry.clone(), reason: pod.status.reason.into() })
}

/// Whether a kubelet gives this reason where others have used what the pod needs. Other reasons to refuse a
/// pod, such as its affinity, have nothing to do with other pods.
///
/// Upstream: kubelet/lifecycle predicateAdmitHandler.Admit, v1.37.
fn is_want_of_room(reason: &str) -> bool {
    reason.starts_with("OutOf") || reason == "NodePorts"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::PodRef;
    use crate::framework::LostBy;
    use crate::model::PodKey;

    #[test]
    fn which_ends_are_refusals_for_want_of_room() {
        let key = PodKey { namespace: "default".into(), name: "a".into() };
        let pod = PodRef { key, uid: "u".into(), resource_version: "".into() };
        let inquiry = Inquiry { pod, node: "n".into(), lost_by: LostBy::Own };
        let rows = [
            ("u", "Failed", "OutOfcpu", true),
            ("u", "Failed", "OutOfpods", true),
            ("u", "Failed", "OutOfexample.com/gpu", true),
            ("u", "Failed", "NodePorts", true),
            ("u", "Failed", "NodeAffinity", false),
            ("u", "Failed", "Evicted", false),
            ("u", "Failed", "", false),
            ("u", "Succeeded", "", false),
            ("u", "Pending", "OutOfcpu", false),
            ("another", "Failed", "OutOfcpu", false),
        ];
        for (uid, phase, reason, want) in rows {
            let text = format!(
                r#"{{"metadata":{{"uid":"{uid}"}},"status":{{"phase":"{phase}","reason":"{reason}"}}}}"#
            );
            let found = refusal(&inquiry, serde_json::from_str(&text).unwrap());
            assert_eq!(found.is_some(), want, "{text}");
        }
    }
}
