//! PrioritySort: waiting pods of higher priority are taken first; `queue` sorts by it.

use crate::cluster::Facts;
use crate::framework::{Candidate, ExtensionPoint, Plugin, PluginEval, PluginInfo, PrepareCx};
use crate::model::Pod;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "PrioritySort",
    default_weight: Some(0),
    points: &[ExtensionPoint::QueueSort],
    summary: "takes pods of higher priority first, then those that wait longer",
    make: |_| Ok(Box::new(PrioritySort)),
};

struct PrioritySort;

impl Plugin for PrioritySort {
    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::NONE)
    }

    fn prepare(&self, _pod: &Pod, _cx: &PrepareCx<'_>) -> PluginEval {
        PluginEval::Skip
    }

    /// Upstream: PrioritySort.Less, v1.37; what it says of equals holds for all plugins here.
    fn sort(&self, pod: Candidate<'_>) -> i64 {
        pod.pod.priority.into()
    }
}
