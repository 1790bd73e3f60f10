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

#[cfg(test)]
mod tests {
    use super::*;

    /// Upstream: TestLess, v1.37.
    #[test]
    fn the_higher_priority_comes_first_and_of_equals_the_earlier_one() {
        let key = |(priority, inserted)| sort_key(priority, Nanos(inserted));
        let rows = [
            ("p1.priority less than p2.priority", (10, 0), (100, 0), false),
            ("p1.priority greater than p2.priority", (100, 0), (10, 0), true),
            ("p1 is added earlier than p2", (100, 1), (100, 2), true),
            ("p2 is added earlier than p1", (100, 2), (100, 1), false),
        ];
        for (name, p1, p2, want) in rows {
            assert_eq!(key(p1) < key(p2), want, "{name}");
        }
    }
}
