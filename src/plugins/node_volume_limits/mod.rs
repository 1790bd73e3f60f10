//! NodeVolumeLimits: the CSI drivers of the node can attach the volumes of the pod beside those that are
//! attached already.

mod attached;
mod eval;

use crate::framework::{
    Action, ClusterEvent, ExtensionPoint, Plugin, PluginEval, PluginInfo, PrepareCx, Resource,
};
use crate::model::Pod;

use attached::new_volumes;
use eval::NodeVolumeLimitsEval;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "NodeVolumeLimits",
    default_weight: Some(0),
    points: &[ExtensionPoint::PreFilter, ExtensionPoint::Filter],
    summary: "the node can attach the pod's volumes",
    make: |args| {
        Ok(Box::new(NodeVolumeLimits { requires_drivers: args.gates.volume_limit_scaling }))
    },
};

struct NodeVolumeLimits {
    /// The gate VolumeLimitScaling: a driver can say that no pod with its volumes goes to a node without it.
    requires_drivers: bool,
}

impl Plugin for NodeVolumeLimits {
    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let of_nodes = |has_csi_node| new_volumes(cx.view.cluster, pod, has_csi_node);
        let none = |volumes: &Result<Vec<_>, _>| volumes.as_ref().is_ok_and(Vec::is_empty);
        let (with_csi_node, without) = (of_nodes(true), of_nodes(false));
        if none(&with_csi_node) && none(&without) {
            return PluginEval::Skip;
        }
        PluginEval::Run(Box::new(NodeVolumeLimitsEval {
            position: cx.position,
            requires_drivers: self.requires_drivers,
            with_csi_node,
            without,
        }))
    }

    fn events(&self) -> &'static [ClusterEvent] {
        const {
            &[
                ClusterEvent::new(Resource::CsiNode, Action::ADD.or(Action::UPDATE)),
                ClusterEvent::new(Resource::AssignedPod, Action::DELETE),
                ClusterEvent::new(Resource::PersistentVolumeClaim, Action::ADD),
                ClusterEvent::new(Resource::VolumeAttachment, Action::DELETE),
            ]
        }
    }
}
