//! DefaultPreemption: asks, where no node is feasible, what evicting pods of lower priority would bring.
//! The search itself is in `preemption`.

use crate::framework::{ExtensionPoint, Plugin, PluginEval, PluginInfo, PrepareCx};
use crate::model::Pod;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "DefaultPreemption",
    default_weight: 0,
    points: &[ExtensionPoint::PreEnqueue, ExtensionPoint::PostFilter],
    summary: "says what evicting pods of lower priority would bring; does not evict yet",
    make: |_| Box::new(DefaultPreemption),
};

struct DefaultPreemption;

impl Plugin for DefaultPreemption {
    fn prepare(&self, _pod: &Pod, _cx: &PrepareCx<'_>) -> PluginEval {
        PluginEval::Skip
    }

    fn preempts(&self) -> bool {
        true
    }
}
