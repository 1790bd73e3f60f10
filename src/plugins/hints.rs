//! What several plugins ask about a change before they let a pod be tried again.

use crate::framework::Candidate;
use crate::model::{PersistentVolumeClaim, Pod};

/// Whether the pod was on a node, or kept room on one.
pub(super) fn has_place(pod: &Pod) -> bool {
    pod.node_name.is_some() || pod.nominated_node.is_some()
}

/// Whether `claim` is one of the pod's, by the name that the pod gives it or that follows from the pod's own.
pub(super) fn uses_claim(pod: Candidate<'_>, claim: &PersistentVolumeClaim) -> bool {
    pod.pod.key.namespace == claim.namespace
        && pod
            .pod
            .volumes
            .iter()
            .any(|volume| volume.claim_name(pod.name).is_some_and(|name| name == claim.name))
}
