//! NodeName: a pod that asks for a node by name gets that one or none.

use crate::cluster::{Facts, View};
use crate::framework::{
    Action, Code, Eval, ExtensionPoint, Interest, Parts, Plugin, PluginEval, PluginInfo, PrepareCx,
    Resource, Verdict,
};
use crate::model::Pod;
use crate::units::NodeId;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "NodeName",
    default_weight: Some(0),
    points: &[ExtensionPoint::PreFilter, ExtensionPoint::Filter],
    summary: "honours spec.nodeName",
    make: |_| Ok(Box::new(NodeName)),
};

const REASON: &str = "node(s) didn't match the requested node name";

struct NodeName;

impl Plugin for NodeName {
    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::NONE)
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let Some(name) = &pod.node_name else { return PluginEval::Skip };
        let eval = NodeNameEval { position: cx.position, name: name.clone() };
        PluginEval::Narrow(Some(Box::new(eval)), vec![name.clone()])
    }

    fn events(&self) -> &'static [Interest] {
        const { &[Interest::always(Resource::Node, Action::ADD)] }
    }
}

struct NodeNameEval {
    position: u16,
    name: Box<str>,
}

impl Eval for NodeNameEval {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let rejected = Verdict::reject(self.position, Code::UnschedulableAndUnresolvable, 0);
        for (node, verdict) in nodes.iter().zip(out).filter(|(_, verdict)| verdict.is_pass()) {
            if *view.cluster.node_name(*node) != *self.name {
                *verdict = rejected;
            }
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, _verdict: Verdict) -> Vec<String> {
        vec![REASON.into()]
    }
}
