//! NodeVolumeLimits: the CSI drivers of the node can attach the volumes of the pod beside those that are
//! attached already.

mod attached;
mod eval;

use crate::cluster::{Cluster, Fact, Facts};
use crate::framework::{
    Action, Candidate, Change, ExtensionPoint, Hint, Interest, Plugin, PluginEval, PluginInfo,
    PrepareCx, Resource,
};
use crate::model::{
    CsiNode, PersistentVolumeClaim, Pod, PodVolume, VolumeAttachment, VolumeSource,
};

use super::csi_translation::{InTreePlugin, inline_volume};
use super::hints::{has_place, uses_claim};
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
    fn prepared_from(&self, pod: &Pod) -> Option<Facts> {
        // Also of disks of the pod alone: what counts on a node follows from claims and their classes.
        let counts = pod.volumes.iter().any(may_count);
        Some(if counts { Facts::of(&[Fact::StorageClasses]) } else { Facts::NONE })
    }

    fn prepares_each(&self, pod: &Pod) -> bool {
        pod.volumes.iter().any(is_claim)
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let of_nodes = |has_csi_node| new_volumes(cx.view.cluster, pod, has_csi_node);
        let none = |volumes: &Result<Vec<_>, _>| volumes.as_ref().is_ok_and(Vec::is_empty);
        let (with_csi_node, without) = (of_nodes(true), of_nodes(false));
        if none(&with_csi_node) && none(&without) {
            return PluginEval::Skip;
        }
        let known = with_csi_node.is_ok() && without.is_ok();
        PluginEval::Run(Box::new(NodeVolumeLimitsEval {
            position: cx.position,
            requires_drivers: self.requires_drivers,
            with_csi_node,
            without,
            lasting: known.then(|| cx.view.cluster.objects().classes_epoch()),
        }))
    }

    fn events(&self) -> &'static [Interest] {
        const {
            &[
                Interest::always(Resource::CsiNode, Action::ADD),
                Interest::asks(Resource::CsiNode, Action::UPDATE),
                Interest::asks(Resource::AssignedPod, Action::DELETE),
                Interest::asks_each(Resource::PersistentVolumeClaim, Action::ADD),
                Interest::asks(Resource::VolumeAttachment, Action::DELETE),
            ]
        }
    }

    /// A node helps that takes more volumes of a driver; a pod that leaves with volumes that may count; a
    /// claim, if it is one of the pod's; a volume that is detached, if it may be of a driver of the pod's.
    ///
    /// Upstream: isSchedulableAfterCSINodeUpdated, isSchedulableAfterAssignedPodDeleted,
    /// isSchedulableAfterPVCAdded and isSchedulableAfterVolumeAttachmentDeleted, v1.37.
    fn hint(&self, change: &Change, pod: Candidate<'_>, _: &Cluster) -> Hint {
        if let (Some(old), Some(new)) = change.object::<CsiNode>() {
            return Hint::queue_if(takes_more(old, new));
        }
        if let (Some(left), _) = change.pod() {
            return Hint::queue_if(has_place(left) && left.volumes.iter().any(may_count));
        }
        if let (_, Some(claim)) = change.object::<PersistentVolumeClaim>() {
            return Hint::queue_if(uses_claim(pod, claim));
        }
        match change.object::<VolumeAttachment>() {
            (Some(detached), _) => helped_by_detached(pod.pod, detached),
            _ => Hint::Error,
        }
    }
}

/// Whether the node takes more volumes of a driver than before.
fn takes_more(old: &CsiNode, new: &CsiNode) -> bool {
    let limit = |of: &CsiNode, name: &str| {
        let driver = of.drivers.iter().rfind(|driver| *driver.name == *name);
        driver.and_then(|driver| driver.volumes_max).unwrap_or_default()
    };
    new.drivers
        .iter()
        .any(|driver| driver.volumes_max.unwrap_or_default() > limit(old, &driver.name))
}

/// Whether a volume of a pod may be one of a CSI driver.
fn may_count(volume: &PodVolume) -> bool {
    is_claim(volume) || InTreePlugin::of_inline(&volume.source).is_some()
}

fn is_claim(volume: &PodVolume) -> bool {
    matches!(volume.source, VolumeSource::Claim { .. } | VolumeSource::Ephemeral)
}

/// The first volume of the pod that says something: a claim may be of any driver.
fn helped_by_detached(pod: &Pod, detached: &VolumeAttachment) -> Hint {
    for volume in &pod.volumes {
        if matches!(volume.source, VolumeSource::Claim { .. }) {
            return Hint::Queue;
        }
        let Some(plugin) = InTreePlugin::of_inline(&volume.source) else { continue };
        if inline_volume(&volume.source).is_err() {
            return Hint::Error;
        }
        if *detached.attacher == *plugin.driver() {
            return Hint::Queue;
        }
    }
    Hint::Skip
}
