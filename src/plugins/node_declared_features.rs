//! NodeDeclaredFeatures: a node must declare the features that a pod needs of its kubelet.

use crate::cluster::{Cluster, Facts, View};
use crate::framework::{
    Action, Candidate, Change, Code, Eval, ExtensionPoint, Hint, Interest, Parts, Plugin,
    PluginEval, PluginInfo, PrepareCx, Resource, Verdict,
};
use crate::model::{Node, Pod};
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

    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::NONE)
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        if pod.required_features.is_empty() {
            return PluginEval::Skip;
        }
        let required = pod.required_features.clone();
        PluginEval::Run(Box::new(NodeDeclaredFeaturesEval { position: cx.position, required }))
    }

    fn events(&self) -> &'static [Interest] {
        const {
            let action = Action::ADD.or(Action::UPDATE_NODE_DECLARED_FEATURE);
            &[
                Interest::asks(Resource::Node, action),
                Interest::asks(Resource::TargetPod, Action::UPDATE),
            ]
        }
    }

    /// A node helps that declares other features than before; the pod itself, if it needs others.
    ///
    /// Upstream: isSchedulableAfterNodeChange and isSchedulableAfterTargetPodUpdate, v1.37.
    fn hint(&self, change: &Change, _: Candidate<'_>, _: &Cluster) -> Hint {
        match (change.node(), change.pod()) {
            ((old, Some(new)), _) => {
                let same = |old: &Node| old.declared_features == new.declared_features;
                Hint::queue_if(!old.is_some_and(same))
            }
            (_, (Some(old), Some(new))) => {
                Hint::queue_if(old.required_features != new.required_features)
            }
            _ => Hint::Error,
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

    fn lasting(&self) -> Option<u64> {
        Some(0)
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
