//! Changes of the cluster that can help a pod that failed, as upstream names them.

/// The resource that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// A node.
    Node,
    /// A pod that is on a node.
    AssignedPod,
    /// The very pod that waits.
    TargetPod,
    /// A volume.
    PersistentVolume,
    /// A claim of storage.
    PersistentVolumeClaim,
    /// A class of volumes.
    StorageClass,
    /// The CSI drivers of a node.
    CsiNode,
    /// A CSI driver.
    CsiDriver,
    /// What is said of the storage that is left.
    CsiStorageCapacity,
    /// That a volume is attached to a node.
    VolumeAttachment,
}

/// What changed of it; a set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Action(u16);

impl Action {
    /// It came.
    pub const ADD: Self = Self(1);
    /// It went.
    pub const DELETE: Self = Self(1 << 1);
    /// A node's allocatable amounts.
    pub const UPDATE_NODE_ALLOCATABLE: Self = Self(1 << 2);
    /// A node's labels.
    pub const UPDATE_NODE_LABEL: Self = Self(1 << 3);
    /// A node's taints, or it was uncordoned.
    pub const UPDATE_NODE_TAINT: Self = Self(1 << 4);
    /// A pod's labels.
    pub const UPDATE_POD_LABEL: Self = Self(1 << 5);
    /// A pod asks for less.
    pub const UPDATE_POD_SCALE_DOWN: Self = Self(1 << 6);
    /// The number of a pod's tolerations.
    pub const UPDATE_POD_TOLERATION: Self = Self(1 << 7);
    /// A pod's last scheduling gate went.
    pub const UPDATE_POD_GATES_ELIMINATED: Self = Self(1 << 8);
    /// Something else of a pod.
    pub const UPDATE_POD_OTHER: Self = Self(1 << 9);
    /// The features that a node declares.
    pub const UPDATE_NODE_DECLARED_FEATURE: Self = Self(1 << 10);

    /// Something of an object that is neither a node nor a pod.
    pub const UPDATE: Self = Self(1 << 15);

    /// All bits of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether they share a bit.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The label of an action on a resource that only comes, changes and goes.
macro_rules! labels {
    ($action:expr, $resource:literal) => {
        match $action {
            Action::ADD => concat!($resource, "Add"),
            Action::DELETE => concat!($resource, "Delete"),
            _ => concat!($resource, "Update"),
        }
    };
}

/// A change of the cluster; also what a plugin registers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClusterEvent {
    /// The resource.
    pub resource: Resource,
    /// The change.
    pub action: Action,
}

impl ClusterEvent {
    /// `action` on `resource`.
    #[must_use]
    pub const fn new(resource: Resource, action: Action) -> Self {
        Self { resource, action }
    }

    /// Upstream's label of it: the resource and what changed.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match (self.resource, self.action) {
            (Resource::Node, Action::ADD) => "NodeAdd",
            (Resource::Node, Action::DELETE) => "NodeDelete",
            (Resource::Node, Action::UPDATE_NODE_ALLOCATABLE) => "NodeUpdateNodeAllocatable",
            (Resource::Node, Action::UPDATE_NODE_LABEL) => "NodeUpdateNodeLabel",
            (Resource::Node, Action::UPDATE_NODE_TAINT) => "NodeUpdateNodeTaint",
            (Resource::Node, Action::UPDATE_NODE_DECLARED_FEATURE) => {
                "NodeUpdateNodeDeclaredFeature"
            }
            (Resource::Node, _) => "NodeUpdate",
            (Resource::AssignedPod, Action::ADD) => "AssignedPodAdd",
            (Resource::AssignedPod, Action::DELETE) => "AssignedPodDelete",
            (Resource::AssignedPod, Action::UPDATE_POD_LABEL) => "AssignedPodUpdatePodLabel",
            (Resource::AssignedPod, Action::UPDATE_POD_SCALE_DOWN) => {
                "AssignedPodUpdatePodScaleDown"
            }
            (Resource::AssignedPod, _) => "AssignedPodUpdate",
            (Resource::TargetPod, Action::UPDATE_POD_LABEL) => "TargetPodUpdatePodLabel",
            (Resource::TargetPod, Action::UPDATE_POD_SCALE_DOWN) => "TargetPodUpdatePodScaleDown",
            (Resource::TargetPod, Action::UPDATE_POD_TOLERATION) => "TargetPodUpdatePodToleration",
            (Resource::TargetPod, Action::UPDATE_POD_GATES_ELIMINATED) => {
                "TargetPodUpdatePodSchedulingGatesEliminated"
            }
            (Resource::TargetPod, _) => "TargetPodUpdate",
            (Resource::PersistentVolume, action) => labels!(action, "PersistentVolume"),
            (Resource::PersistentVolumeClaim, action) => labels!(action, "PersistentVolumeClaim"),
            (Resource::StorageClass, action) => labels!(action, "storage.k8s.io/StorageClass"),
            (Resource::CsiNode, action) => labels!(action, "storage.k8s.io/CSINode"),
            (Resource::CsiDriver, action) => labels!(action, "storage.k8s.io/CSIDriver"),
            (Resource::CsiStorageCapacity, action) => {
                labels!(action, "storage.k8s.io/CSIStorageCapacity")
            }
            (Resource::VolumeAttachment, action) => {
                labels!(action, "storage.k8s.io/VolumeAttachment")
            }
        }
    }

    /// Whether a plugin that registered for `self` wants to know of `happened`.
    #[must_use]
    pub fn covers(self, happened: Self) -> bool {
        self.resource == happened.resource && self.action.meets(happened.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_the_labels_of_upstream() {
        let rows = [
            (Resource::PersistentVolumeClaim, Action::ADD, "PersistentVolumeClaimAdd"),
            (Resource::PersistentVolume, Action::UPDATE, "PersistentVolumeUpdate"),
            (Resource::StorageClass, Action::ADD, "storage.k8s.io/StorageClassAdd"),
            (Resource::CsiNode, Action::UPDATE, "storage.k8s.io/CSINodeUpdate"),
            (Resource::CsiDriver, Action::DELETE, "storage.k8s.io/CSIDriverDelete"),
            (Resource::CsiStorageCapacity, Action::ADD, "storage.k8s.io/CSIStorageCapacityAdd"),
            (Resource::VolumeAttachment, Action::DELETE, "storage.k8s.io/VolumeAttachmentDelete"),
        ];
        for (resource, action, label) in rows {
            assert_eq!(ClusterEvent::new(resource, action).label(), label);
        }
    }
}
