//! NodeUnschedulable: cordoned nodes take only pods that tolerate it.

use crate::cluster::{Cluster, Facts, Row, View};
use crate::framework::{
    Action, Candidate, Change, Code, Eval, ExtensionPoint, Hint, Interest, Parts, Plugin,
    PluginEval, PluginInfo, PrepareCx, Resource, Verdict,
};
use crate::model::{Effect, Pod, Taint, UNSCHEDULABLE_TAINT_KEY};
use crate::units::NodeId;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "NodeUnschedulable",
    default_weight: Some(0),
    points: &[ExtensionPoint::PreFilter, ExtensionPoint::Filter],
    summary: "leaves out nodes with spec.unschedulable",
    make: |_| Ok(Box::new(NodeUnschedulable)),
};

const REASON: &str = "node(s) were unschedulable";

struct NodeUnschedulable;

impl Plugin for NodeUnschedulable {
    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::NONE)
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        if tolerates(pod) {
            return PluginEval::Skip;
        }
        PluginEval::Run(Box::new(NodeUnschedulableEval { position: cx.position }))
    }

    fn events(&self) -> &'static [Interest] {
        const {
            &[
                Interest::asks(Resource::Node, Action::ADD.or(Action::UPDATE_NODE_TAINT)),
                Interest::asks(Resource::TargetPod, Action::UPDATE_POD_TOLERATION),
            ]
        }
    }

    /// A node helps that comes uncordoned or is uncordoned; the pod itself, if it tolerates that now.
    ///
    /// Upstream: isSchedulableAfterNodeChange and isSchedulableAfterTargetPodTolerationChange, v1.37.
    fn hint(&self, change: &Change, _: Candidate<'_>, _: &Cluster) -> Hint {
        match (change.node(), change.pod()) {
            ((old, Some(new)), _) => {
                let was_closed = old.is_none_or(|old| old.unschedulable);
                Hint::queue_if(was_closed && !new.unschedulable)
            }
            (_, (_, Some(new))) => Hint::queue_if(tolerates(new)),
            _ => Hint::Error,
        }
    }
}

/// Whether the pod goes to cordoned nodes.
fn tolerates(pod: &Pod) -> bool {
    let taint =
        Taint { key: UNSCHEDULABLE_TAINT_KEY.into(), value: "".into(), effect: Effect::NoSchedule };
    // The taint has no value that a number could be compared with, whatever the gate says.
    pod.tolerations.iter().any(|toleration| toleration.tolerates(&taint, false))
}

struct NodeUnschedulableEval {
    position: u16,
}

impl Eval for NodeUnschedulableEval {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
    }

    fn lasting(&self) -> Option<u64> {
        Some(0)
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let rejected = Verdict::reject(self.position, Code::UnschedulableAndUnresolvable, 0);
        for (node, verdict) in nodes.iter().zip(out) {
            if view.row(*node).flags & Row::UNSCHEDULABLE != 0 && verdict.is_pass() {
                *verdict = rejected;
            }
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, _verdict: Verdict) -> Vec<String> {
        vec![REASON.into()]
    }
}
