//! Which fields a write through a subresource leaves as they are, so that its writer does not own them.
//!
//! Upstream: GetResetFields of the strategies in pkg/registry, v1.37.

use super::fields::FieldSet;
use crate::apiserver::schema::GroupVersionKind;

type Paths = &'static [&'static [&'static str]];

/// Takes out what a write through `subresource` resets.
pub(super) fn filter(kind: &GroupVersionKind, subresource: &str, set: &mut FieldSet) {
    if let Some(kept) = only(subresource) {
        set.keep(kept);
    } else {
        for path in reset(kind, subresource) {
            set.cut(path);
        }
    }
}

fn reset(kind: &GroupVersionKind, subresource: &str) -> Paths {
    match (subresource, &*kind.kind) {
        ("" | "finalize", _) => &[&["status"]],
        ("status", "Pod") => {
            &[&["spec"], &["metadata", "deletionTimestamp"], &["metadata", "ownerReferences"]]
        }
        ("status", "Deployment") => &[&["spec"], &["metadata", "labels"]],
        (
            "status",
            "CSINode" | "VolumeAttachment" | "ResourceClaim" | "DeviceTaintRule" | "PodGroup"
            | "CompositePodGroup",
        ) => &[&["metadata"], &["spec"]],
        ("status", _) => &[&["spec"]],
        _ => &[],
    }
}

/// The only fields that a subresource writes, for those that upstream describes so.
fn only(subresource: &str) -> Option<Paths> {
    match subresource {
        "ephemeralcontainers" => Some(&[&["spec", "ephemeralContainers"]]),
        "resize" => Some(&[
            &["spec", "containers", "*", "resources"],
            &["spec", "containers", "*", "resizePolicy"],
            &["spec", "initContainers", "*", "resources"],
            &["spec", "initContainers", "*", "resizePolicy"],
        ]),
        _ => None,
    }
}
