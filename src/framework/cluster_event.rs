//! Changes of the cluster that can help a pod that failed, as upstream names them.

/// The resource that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Any of them: registered for, everything; happened, something for every pod that waits.
    Any,
    /// A node.
    Node,
    /// Registered for: any of the three below. It never happens itself.
    Pod,
    /// A pod that is on a node.
    AssignedPod,
    /// A pod that waits, other than the one in question. Nothing tells of it yet.
    UnscheduledPod,
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

/// What changed of it; a set of bits, in upstream's order.
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
    /// The status of a node's conditions. Nothing tells of it: no built-in plugin asks.
    pub const UPDATE_NODE_CONDITION: Self = Self(1 << 5);
    /// A node's annotations. Nothing tells of it: no built-in plugin asks.
    pub const UPDATE_NODE_ANNOTATION: Self = Self(1 << 6);
    /// The features that a node declares.
    pub const UPDATE_NODE_DECLARED_FEATURE: Self = Self(1 << 7);
    /// Whom a node lets be preempted. Nothing tells of it: no built-in plugin asks.
    pub const UPDATE_NODE_PREEMPTION_POLICY: Self = Self(1 << 8);
    /// A pod's labels.
    pub const UPDATE_POD_LABEL: Self = Self(1 << 9);
    /// A pod asks for less.
    pub const UPDATE_POD_SCALE_DOWN: Self = Self(1 << 10);
    /// A pod asks for more.
    pub const UPDATE_POD_SCALE_UP: Self = Self(1 << 11);
    /// The number of a pod's tolerations.
    pub const UPDATE_POD_TOLERATION: Self = Self(1 << 12);
    /// A pod's last scheduling gate went.
    pub const UPDATE_POD_GATES_ELIMINATED: Self = Self(1 << 13);
    /// A pod's claims of devices were made. Nothing tells of it: such pods are held.
    pub const UPDATE_POD_GENERATED_RESOURCE_CLAIM: Self = Self(1 << 14);

    /// All of them.
    pub const ALL: Self = Self((1 << 15) - 1);
    /// Something of it: registered for, any of the updates; happened, none that has a name.
    pub const UPDATE: Self = Self(Self::ALL.0 & !(Self::ADD.0 | Self::DELETE.0));

    /// All bits of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether who registered for `self` is told of `happened`: an update without a name only tells who
    /// registered for any.
    ///
    /// Upstream: MatchClusterEvents, v1.37.
    #[must_use]
    pub const fn covers(self, happened: Self) -> bool {
        self.0 & happened.0 != 0 && happened.0 <= self.0
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

/// The label of an action on a pod.
macro_rules! pod_labels {
    ($action:expr, $resource:literal) => {
        match $action {
            Action::UPDATE_POD_LABEL => concat!($resource, "UpdatePodLabel"),
            Action::UPDATE_POD_SCALE_DOWN => concat!($resource, "UpdatePodScaleDown"),
            Action::UPDATE_POD_SCALE_UP => concat!($resource, "UpdatePodScaleUp"),
            Action::UPDATE_POD_TOLERATION => concat!($resource, "UpdatePodToleration"),
            Action::UPDATE_POD_GATES_ELIMINATED => {
                concat!($resource, "UpdatePodSchedulingGatesEliminated")
            }
            action => labels!(action, $resource),
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
    /// Something that concerns every pod it reaches, whatever rejected it.
    ///
    /// Upstream: the wildcard event, v1.37.
    pub const ANY: Self = Self::new(Resource::Any, Action::ALL);

    /// `action` on `resource`.
    #[must_use]
    pub const fn new(resource: Resource, action: Action) -> Self {
        Self { resource, action }
    }

    /// Upstream's label of it: the resource and what changed.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match (self.resource, self.action) {
            (Resource::Any, _) => "*All",
            (Resource::Node, Action::UPDATE_NODE_ALLOCATABLE) => "NodeUpdateNodeAllocatable",
            (Resource::Node, Action::UPDATE_NODE_LABEL) => "NodeUpdateNodeLabel",
            (Resource::Node, Action::UPDATE_NODE_TAINT) => "NodeUpdateNodeTaint",
            (Resource::Node, Action::UPDATE_NODE_DECLARED_FEATURE) => {
                "NodeUpdateNodeDeclaredFeature"
            }
            (Resource::Node, action) => labels!(action, "Node"),
            (Resource::Pod, action) => pod_labels!(action, "Pod"),
            (Resource::AssignedPod, action) => pod_labels!(action, "AssignedPod"),
            (Resource::UnscheduledPod, action) => pod_labels!(action, "UnscheduledPod"),
            (Resource::TargetPod, action) => pod_labels!(action, "TargetPod"),
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
    ///
    /// Upstream: MatchClusterEvents, v1.37.
    #[must_use]
    pub fn covers(self, happened: Self) -> bool {
        let resource = match self.resource {
            Resource::Any => true,
            Resource::Pod => matches!(
                happened.resource,
                Resource::AssignedPod | Resource::UnscheduledPod | Resource::TargetPod
            ),
            resource => resource == happened.resource,
        };
        resource && self.action.covers(happened.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_the_labels_of_upstream() {
        let rows = [
            (Resource::Node, Action::ADD, "NodeAdd"),
            (Resource::Node, Action::UPDATE_NODE_TAINT, "NodeUpdateNodeTaint"),
            (Resource::AssignedPod, Action::UPDATE, "AssignedPodUpdate"),
            (Resource::AssignedPod, Action::DELETE, "AssignedPodDelete"),
            (Resource::TargetPod, Action::UPDATE_POD_LABEL, "TargetPodUpdatePodLabel"),
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

    #[test]
    fn who_registered_for_what_is_told_of_what() {
        let event = ClusterEvent::new;
        let add_or_label = Action::ADD.or(Action::UPDATE_NODE_LABEL);
        let rows = [
            (event(Resource::Node, add_or_label), event(Resource::Node, Action::ADD), true),
            (event(Resource::Node, add_or_label), event(Resource::Node, Action::DELETE), false),
            // An update without a name is not one of labels.
            (event(Resource::Node, add_or_label), event(Resource::Node, Action::UPDATE), false),
            (
                event(Resource::TargetPod, Action::UPDATE),
                event(Resource::TargetPod, Action::UPDATE_POD_LABEL),
                true,
            ),
            (
                event(Resource::TargetPod, Action::UPDATE),
                event(Resource::TargetPod, Action::UPDATE),
                true,
            ),
            (
                event(Resource::CsiNode, Action::ADD.or(Action::UPDATE)),
                event(Resource::CsiNode, Action::UPDATE),
                true,
            ),
            (
                event(Resource::Pod, Action::DELETE),
                event(Resource::AssignedPod, Action::DELETE),
                true,
            ),
            (event(Resource::Pod, Action::DELETE), event(Resource::Node, Action::DELETE), false),
            (ClusterEvent::ANY, event(Resource::Node, Action::UPDATE), true),
        ];
        for (registered, happened, told) in rows {
            assert_eq!(registered.covers(happened), told, "{registered:?} {happened:?}");
        }
    }
}
