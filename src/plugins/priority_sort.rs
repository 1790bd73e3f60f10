//! PrioritySort: the order in which waiting pods are taken; `queue` sorts by it.

use std::cmp::Reverse;

use crate::framework::{ExtensionPoint, Plugin, PluginEval, PluginInfo, PrepareCx};
use crate::model::Pod;
use crate::units::Nanos;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "PrioritySort",
    default_weight: Some(0),
    points: &[ExtensionPoint::QueueSort],
    summary: "takes pods of higher priority first, then those that wait longer",
    make: |_| Ok(Box::new(PrioritySort)),
};

/// What sorts a waiting pod: the smallest is taken first.
///
/// Upstream: PrioritySort.Less, v1.37: higher priority, then earlier time of the last insertion.
pub type SortKey = (Reverse<i32>, Nanos);

/// The sort key of a pod with `priority` that was put into the queue at `inserted`.
#[must_use]
pub fn sort_key(priority: i32, inserted: Nanos) -> SortKey {
    (Reverse(priority), inserted)
}

struct PrioritySort;

impl Plugin for PrioritySort {
    fn prepare(&self, _pod: &Pod, _cx: &PrepareCx<'_>) -> PluginEval {
        PluginEval::Skip
    }
}
