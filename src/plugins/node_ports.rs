//! NodePorts: a node whose ports the pod asks for are free.

use crate::cluster::{Cluster, Facts, View};
use crate::framework::{
    Action, Candidate, Change, Code, Eval, ExtensionPoint, Hint, Interest, Parts, Plugin,
    PluginEval, PluginInfo, PrepareCx, Resource, Verdict,
};
use crate::model::{HostPort, Pod};
use crate::units::NodeId;

use super::hints::has_place;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "NodePorts",
    default_weight: Some(0),
    points: &[ExtensionPoint::PreFilter, ExtensionPoint::Filter],
    summary: "the host ports that the pod asks for are free",
    make: |_| Ok(Box::new(NodePorts)),
};

const REASON: &str = "node(s) didn't have free ports for the requested pod ports";

struct NodePorts;

impl Plugin for NodePorts {
    fn lacks(&self, missing: ExtensionPoint, at: ExtensionPoint) -> Option<&'static str> {
        use ExtensionPoint::{Filter, PreFilter};
        match (missing, at) {
            (PreFilter, Filter) => {
                Some("reading \"PreFilterNodePorts\" from cycleState: not found")
            }
            _ => None,
        }
    }

    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::NONE)
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        if pod.host_ports.is_empty() {
            return PluginEval::Skip;
        }
        let wanted = pod.host_ports.clone();
        PluginEval::Run(Box::new(NodePortsEval { position: cx.position, wanted }))
    }

    fn events(&self) -> &'static [Interest] {
        const {
            &[
                Interest::asks(Resource::AssignedPod, Action::DELETE),
                Interest::always(Resource::Node, Action::ADD),
            ]
        }
    }

    /// A pod that leaves helps if it has a port that the pod asks for.
    ///
    /// Upstream: isSchedulableAfterAssignedPodDeleted, v1.37.
    fn hint(&self, change: &Change, pod: Candidate<'_>, _: &Cluster) -> Hint {
        let (Some(left), _) = change.pod() else { return Hint::Error };
        if !has_place(left) {
            return Hint::Skip;
        }
        let frees = |wanted: &HostPort| left.host_ports.iter().any(|p| p.conflicts_with(wanted));
        Hint::queue_if(pod.pod.host_ports.iter().any(frees))
    }
}

struct NodePortsEval {
    position: u16,
    wanted: Vec<HostPort>,
}

impl Eval for NodePortsEval {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
    }

    fn lasting(&self) -> Option<u64> {
        Some(0)
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let rejected = Verdict::reject(self.position, Code::Unschedulable, 0);
        for (node, verdict) in nodes.iter().zip(out).filter(|(_, verdict)| verdict.is_pass()) {
            let taken = |wanted: &HostPort| {
                view.ports(*node).iter().any(|(used, _)| used.conflicts_with(wanted))
            };
            if self.wanted.iter().any(taken) {
                *verdict = rejected;
            }
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, _verdict: Verdict) -> Vec<String> {
        vec![REASON.into()]
    }
}
