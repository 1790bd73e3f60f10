//! SchedulingGates: a pod with gates does not even wait its turn.

use crate::cluster::{Cluster, Facts};
use crate::framework::{
    Action, Candidate, Code, ExtensionPoint, Interest, Plugin, PluginEval, PluginInfo,
    PodRejection, PrepareCx, Resource,
};
use crate::model::Pod;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "SchedulingGates",
    default_weight: Some(0),
    points: &[ExtensionPoint::PreEnqueue],
    summary: "holds pods back while they have scheduling gates",
    make: |_| Ok(Box::new(SchedulingGates)),
};

struct SchedulingGates;

impl Plugin for SchedulingGates {
    /// Upstream: SchedulingGates.PreEnqueue, v1.37; the gates are printed as Go prints a slice.
    fn pre_enqueue(&self, pod: Candidate<'_>, _cluster: &Cluster) -> Option<PodRejection> {
        let pod = pod.pod;
        if pod.scheduling_gates.is_empty() {
            return None;
        }
        let gates = pod.scheduling_gates.join(" ");
        Some(PodRejection {
            code: Code::UnschedulableAndUnresolvable,
            reasons: vec![format!("waiting for scheduling gates: [{gates}]")],
        })
    }

    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::NONE)
    }

    fn prepare(&self, _pod: &Pod, _cx: &PrepareCx<'_>) -> PluginEval {
        PluginEval::Skip
    }

    fn events(&self) -> &'static [Interest] {
        const { &[Interest::always(Resource::TargetPod, Action::UPDATE_POD_GATES_ELIMINATED)] }
    }
}
