//! DefaultPreemption: has room made, where no node is feasible, by evicting pods of lower priority. The search
//! for it is in `preemption`.

use crate::framework::{
    Code, EnqueueCx, ExtensionPoint, Plugin, PluginEval, PluginInfo, PodRejection, PrepareCx,
};
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
    /// Upstream: DefaultPreemption.PreEnqueue with asynchronous preemption, v1.37.
    fn pre_enqueue(&self, _pod: &Pod, cx: EnqueueCx) -> Option<PodRejection> {
        cx.preempting.then(|| PodRejection {
            code: Code::UnschedulableAndUnresolvable,
            reasons: vec!["waiting for the preemption for this pod to be finished".to_owned()],
        })
    }

    fn prepare(&self, _pod: &Pod, _cx: &PrepareCx<'_>) -> PluginEval {
        PluginEval::Skip
    }

    fn preempts(&self) -> Option<DefaultPreemptionArgs> {
        Some(self.0)
    }
}
