//! NodeDeclaredFeatures: a node must declare the features that a pod needs of its kubelet.

use crate::cluster::View;
use crate::framework::{
    Action, ClusterEvent, Code, Eval, ExtensionPoint, Parts, Plugin, PluginEval, PluginInfo,
    PrepareCx, Resource, Verdict,
};
use crate::model::Pod;
use crate::units::NodeId;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "NodeDeclaredFeatures",
    default_weight: Some(0),
    points: &[ExtensionPoint::PreFilter, ExtensionPoint::Filter],
    summary: "honours status.declaredFeatures of nodes",
    make: |_| Ok(Box::new(NodeDeclaredFeatures)),
};

const REASON: &str = "node(s) didn't match Pod's required features";

struct NodeDeclaredFeatures;

impl Plugin for NodeDeclaredFeatures {
    fn lacks(&self, missing: ExtensionPoint, at: ExtensionPoint) -> Option<&'static str> {
        use ExtensionPoint::{Filter, PreFilter};
        match (missing, at) {
            (PreFilter, Filter) => {
                Some("error reading \"PreFilterNodeDeclaredFeatures\" from cycle-state: not found")
            }
            _ => None,
        }
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        if pod.required_features.is_empty() {
            return PluginEval::Skip;
        }
        let required = pod.required_features.clone();
        PluginEval::Run(Box::new(NodeDeclaredFeaturesEval { position: cx.position, required }))
    }

    /// What a pod needs follows from fields that never change, so no update of the pod itself helps.
    fn events(&self) -> &'static [ClusterEvent] {
        const {
            let action = Action::ADD.or(Action::UPDATE_NODE_DECLARED_FEATURE);
            &[ClusterEvent::new(Resource::Node, action)]
        }
    }
}

struct NodeDeclaredFeaturesEval {
    position: u16,
    required: Vec<&'static str>,
}

impl Eval for NodeDeclaredFeaturesEval {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let rejected = Verdict::reject(self.position, Code::UnschedulableAndUnresolvable, 0);
        for (node, verdict) in nodes.iter().zip(out).filter(|(_, verdict)| verdict.is_pass()) {
            let declared = view.cluster.declared_features(*node);
            let is_met = |feature: &&str| declared.iter().any(|own| **own == **feature);
            if !self.required.iter().all(is_met) {
                *verdict = rejected;
            }
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, _verdict: Verdict) -> Vec<String> {
        vec![REASON.into()]
    }
}
