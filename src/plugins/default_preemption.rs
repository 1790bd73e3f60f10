//! DefaultPreemption: has room made, where no node is feasible, by evicting pods of lower priority. The search
//! for it is in `preemption`.

use crate::cluster::{Cluster, Facts, View};
use crate::framework::{
    Action, Candidate, Change, Code, ExtensionPoint, FailedNodes, Hint, Interest, Plugin,
    PluginEval, PluginInfo, PodRejection, PostFilter, PrepareCx, Resource,
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
    fn pre_enqueue(&self, pod: Candidate<'_>, cluster: &Cluster) -> Option<PodRejection> {
        cluster.is_preempting(pod.uid).then(|| PodRejection {
            code: Code::UnschedulableAndUnresolvable,
            reasons: vec!["waiting for the preemption for this pod to be finished".to_owned()],
        })
    }

    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::NONE)
    }

    fn prepare(&self, _pod: &Pod, _cx: &PrepareCx<'_>) -> PluginEval {
        PluginEval::Skip
    }

    /// Upstream: a pod that it held may pass after some pods' deletion; when that is, the plugins say that
    /// rejected it before.
    fn events(&self) -> &'static [Interest] {
        const { &[Interest::asks(Resource::AssignedPod, Action::DELETE)] }
    }

    fn hint(&self, _: &Change, _: Candidate<'_>, _: &Cluster) -> Hint {
        Hint::Skip
    }

    fn post_filter(&self, _: &Pod, _: &View<'_>, _: Option<&FailedNodes>) -> PostFilter {
        PostFilter::Preempt(self.0)
    }
}
