//! NodeUnschedulable: cordoned nodes take only pods that tolerate it.

use crate::cluster::{Row, View};
use crate::framework::{
    Action, ClusterEvent, Code, Eval, ExtensionPoint, Parts, Plugin, PluginEval, PluginInfo,
    PrepareCx, Resource, Verdict,
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
    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let taint = Taint {
            key: UNSCHEDULABLE_TAINT_KEY.into(),
            value: "".into(),
            effect: Effect::NoSchedule,
        };
        // The taint has no value that a number could be compared with, whatever the gate says.
        if pod.tolerations.iter().any(|toleration| toleration.tolerates(&taint, false)) {
            return PluginEval::Skip;
        }
        PluginEval::Run(Box::new(NodeUnschedulableEval { position: cx.position }))
    }

    fn events(&self) -> &'static [ClusterEvent] {
        const {
            &[
                ClusterEvent::new(Resource::Node, Action::ADD.or(Action::UPDATE_NODE_TAINT)),
                ClusterEvent::new(Resource::TargetPod, Action::UPDATE_POD_TOLERATION),
            ]
        }
    }
}

struct NodeUnschedulableEval {
    position: u16,
}

impl Eval for NodeUnschedulableEval {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
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
