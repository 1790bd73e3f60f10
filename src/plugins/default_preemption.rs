//! DefaultPreemption: has room made, where no node is feasible, by evicting pods of lower priority. The search
//! for it is in `preemption`.

use crate::framework::{ExtensionPoint, Plugin, PluginEval, PluginInfo, PrepareCx};
use crate::model::{DefaultPreemptionArgs, Pod};

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "DefaultPreemption",
    default_weight: Some(0),
    points: &[ExtensionPoint::PreEnqueue, ExtensionPoint::PostFilter],
    summary: "evicts pods of lower priority to make room",
    make: |args| Ok(Box::new(DefaultPreemption(args.default_preemption))),
};

struct DefaultPreemption(DefaultPreemptionArgs);

impl Plugin for DefaultPreemption {
    fn prepare(&self, _pod: &Pod, _cx: &PrepareCx<'_>) -> PluginEval {
        PluginEval::Skip
    }

    fn preempts(&self) -> Option<DefaultPreemptionArgs> {
        Some(self.0)
    }
}
