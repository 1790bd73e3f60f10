//! Which changes help a pod that was rejected for how pods are spread.
//!
//! Upstream: isSchedulableAfterAssignedPodChange, isSchedulableAfterTargetPodChange and
//! isSchedulableAfterNodeChange, v1.37.

use crate::framework::Hint;
use crate::model::{Labels, Node, Pod};

use super::constraint::Constraint;

/// A pod of the namespace came to a node, changed there, or left.
pub(super) fn after_pod(
    constraints: &[Constraint],
    (old, new): (Option<&Pod>, Option<&Pod>),
) -> Hint {
    let selects = |pod: &Pod| constraints.iter().any(|one| one.selects(&pod.labels));
    match (old, new) {
        (Some(old), Some(new)) => after_labels(constraints, &old.labels, &new.labels),
        (Some(one), None) | (None, Some(one)) => Hint::queue_if(selects(one)),
        (None, None) => Hint::Error,
    }
}

/// The pod itself has changed.
pub(super) fn after_target(constraints: &[Constraint], old: &Pod, new: &Pod) -> Hint {
    let honors = constraints.iter().any(|one| one.honors_taints);
    if honors && old.tolerations != new.tolerations {
        return Hint::Queue;
    }
    after_labels(constraints, &old.labels, &new.labels)
}

/// Labels of a pod have changed: it helps where a constraint selects it that did not, or the other way.
fn after_labels(constraints: &[Constraint], old: &Labels, new: &Labels) -> Hint {
    let differs = |one: &Constraint| one.selects(old) != one.selects(new);
    Hint::queue_if(old != new && constraints.iter().any(differs))
}

/// A node came, changed or is to go.
pub(super) fn after_node(
    constraints: &[Constraint],
    (old, new): (Option<&Node>, Option<&Node>),
) -> Hint {
    let value = |node: &Node, one: &Constraint| -> Option<Box<str>> {
        node.labels.get(&one.topology_key).map(Into::into)
    };
    let has_all = |node: &Node| constraints.iter().all(|one| value(node, one).is_some());
    match (old, new) {
        (Some(old), Some(new)) => {
            let moved = || constraints.iter().any(|one| value(old, one) != value(new, one));
            let differs = || moved() || old.taints != new.taints;
            Hint::queue_if(has_all(old) != has_all(new) || (has_all(new) && differs()))
        }
        (Some(one), None) | (None, Some(one)) => Hint::queue_if(has_all(one)),
        (None, None) => Hint::Error,
    }
}
