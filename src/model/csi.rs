//! What CSI drivers say of themselves and of nodes, and which volumes are attached.

use super::object::Groups;
use crate::units::Quantity;

use super::LabelSelector;

/// The drivers of a node; called like the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsiNode {
    /// Its name, which is the node's.
    pub name: Box<str>,
    /// The plugins whose volumes CSI drivers serve on this node, sorted, from the annotation
    /// `storage.alpha.kubernetes.io/migrated-plugins`.
    pub migrated_plugins: Vec<Box<str>>,
    /// The drivers, in the order of its spec.
    pub drivers: Vec<CsiNodeDriver>,
}

impl CsiNode {
    /// Whether CSI drivers serve the volumes of the in-tree plugin `name` here.
    #[must_use]
    pub fn has_migrated(&self, name: &str) -> bool {
        self.migrated_plugins.binary_search_by(|plugin| (**plugin).cmp(name)).is_ok()
    }
}

/// A driver on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsiNodeDriver {
    /// Its name.
    pub name: Box<str>,
    /// What the driver calls the node.
    pub node_id: Box<str>,
    /// Node labels that say where the node is to this driver.
    pub topology_keys: Vec<Box<str>>,
    /// How many of its volumes the node takes (`allocatable.count`); `None` where it does not say.
    pub volumes_max: Option<i32>,
}

/// A driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsiDriver {
    /// Its name.
    pub name: Box<str>,
    /// `spec.storageCapacity`: it says where how much storage is left.
    pub storage_capacity: bool,
    /// `spec.preventPodSchedulingIfMissing`: no pod with its volumes goes to a node without it.
    pub prevents_if_missing: bool,
}

/// How much storage of a class is left somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsiStorageCapacity {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Name of the class.
    pub class: Box<str>,
    /// `capacity` in bytes.
    pub capacity: Option<Quantity>,
    /// `maximumVolumeSize` in bytes.
    pub volume_size_max: Option<Quantity>,
    /// The nodes from which it can be used; `None` where there are none, or where the selector cannot be
    /// read.
    pub nodes: Option<LabelSelector>,
}

impl CsiStorageCapacity {
    /// The largest volume that can be made, as far as it says.
    ///
    /// Upstream: volumebinding.volumeLimit, v1.37.
    #[must_use]
    pub fn volume_limit(&self) -> Option<Quantity> {
        self.volume_size_max.or(self.capacity)
    }
}

/// That a volume is to be attached to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeAttachment {
    /// Its name.
    pub name: Box<str>,
    /// The driver that attaches it.
    pub attacher: Box<str>,
    /// The node.
    pub node_name: Box<str>,
    /// The volume's name; `None` for a volume that stands in a pod.
    pub volume_name: Option<Box<str>>,
}

impl VolumeAttachment {
    /// The node, and the volume.
    pub(super) fn groups(&self) -> Groups<'_> {
        let volume = self.volume_name.as_deref().map(|name| Self::group_of_volume(name).into());
        [Some((&*self.node_name).into()), volume, None]
    }

    /// The group of the attachments of this volume: no node is called so.
    #[must_use]
    pub fn group_of_volume(name: &str) -> String {
        format!("\n{name}")
    }
}
