//! Claims, volumes and their classes, as far as volume plugins read them.

use std::borrow::Cow;

use crate::units::Quantity;

use super::object::Groups;
use super::{HOSTNAME, LabelSelector, Labels, NodeOperator, NodeSelectorTerm};

/// A claim of storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct PersistentVolumeClaim {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its UID.
    pub uid: Box<str>,
    /// The resource version it was last seen with.
    pub resource_version: Box<str>,
    /// It is being deleted.
    pub terminating: bool,
    /// UID of the controller that it belongs to, such as the pod of an ephemeral volume.
    pub controller_uid: Option<Box<str>>,
    /// Has the annotation `pv.kubernetes.io/bind-completed`, whatever its value.
    pub bind_completed: bool,
    /// Has the annotation `pv.kubernetes.io/bound-by-controller`, whatever its value.
    pub bound_by_controller: bool,
    /// The annotation `volume.kubernetes.io/selected-node`.
    pub selected_node: Option<Box<str>>,
    /// Name of its class, from the annotation `volume.beta.kubernetes.io/storage-class` where there is
    /// one; empty where it has none.
    ///
    /// Upstream: GetPersistentVolumeClaimClass, v1.37.
    pub class: Box<str>,
    /// `spec.volumeName`; empty where it is not bound.
    pub volume_name: Box<str>,
    /// `spec.accessModes`.
    pub access_modes: AccessModes,
    /// `spec.volumeMode`.
    pub volume_mode: VolumeMode,
    /// The storage that it asks for, in bytes; `None` where it names none.
    pub request: Option<Quantity>,
    /// Which volumes it takes.
    pub selector: ClaimSelector,
    /// `spec.volumeAttributesClassName`; empty where it has none.
    pub attributes_class: Box<str>,
    /// `status.phase` is `Lost`: its volume is gone.
    pub lost: bool,
}

impl PersistentVolumeClaim {
    /// The volume that it names.
    pub(super) fn groups(&self) -> Groups<'_> {
        let volume = (!self.volume_name.is_empty()).then(|| (&*self.volume_name).into());
        [volume, None, None]
    }

    /// It names a volume, and both are bound for good.
    ///
    /// Upstream: volumeBinder.isPVCFullyBound, v1.37.
    #[must_use]
    pub fn is_fully_bound(&self) -> bool {
        !self.volume_name.is_empty() && self.bind_completed
    }
}

/// Which volumes a claim takes (`spec.selector`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClaimSelector {
    /// It has no selector: any.
    #[default]
    Any,
    /// Those with such labels.
    Labels(LabelSelector),
    /// Its selector cannot be read; no API server lets one in.
    Invalid,
}

/// A volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersistentVolume {
    /// Its name.
    pub name: Box<str>,
    /// Its UID.
    pub uid: Box<str>,
    /// The resource version it was last seen with.
    pub resource_version: Box<str>,
    /// Its labels.
    pub labels: Labels,
    /// It is being deleted.
    pub terminating: bool,
    /// Has the annotation `pv.kubernetes.io/bound-by-controller`, whatever its value.
    pub bound_by_controller: bool,
    /// Name of its class, from the annotation `volume.beta.kubernetes.io/storage-class` where there is
    /// one; empty where it has none.
    ///
    /// Upstream: GetPersistentVolumeClass, v1.37.
    pub class: Box<str>,
    /// `spec.capacity.storage` in bytes; zero where it names none.
    pub capacity: Quantity,
    /// `spec.accessModes`.
    pub access_modes: AccessModes,
    /// `spec.volumeMode`.
    pub volume_mode: VolumeMode,
    /// The claim that it is bound to, or kept for.
    pub claim: Option<ClaimRef>,
    /// One of these terms must match a node that can use it; `None` where all can.
    pub node_affinity: Option<Vec<NodeSelectorTerm>>,
    /// What it is.
    pub source: PersistentVolumeSource,
    /// `spec.volumeAttributesClassName`; empty where it has none.
    pub attributes_class: Box<str>,
    /// `status.phase` is `Available`: it waits for a claim.
    pub available: bool,
}

impl PersistentVolume {
    /// The only host that can use it, where its node affinity is just that.
    #[must_use]
    fn host(&self) -> Option<&str> {
        let [term] = &self.node_affinity.as_ref()?[..] else { return None };
        let [requirement] = &term.expressions[..] else { return None };
        let [host] = &requirement.values[..] else { return None };
        let names_host = &*requirement.key == HOSTNAME
            && requirement.operator == Some(NodeOperator::In)
            && term.fields.is_empty();
        names_host.then_some(host)
    }

    /// The groups that it is looked up in.
    pub(super) fn groups(&self) -> Groups<'_> {
        let named = |group: VolumeGroup<'_>| {
            let mut text = String::new();
            group.write(&self.class, &mut text);
            Some(Cow::Owned(text))
        };
        let called = match &self.source {
            PersistentVolumeSource::Csi { handle, .. } => {
                named(VolumeGroup::Called(end_of(handle)))
            }
            PersistentVolumeSource::Other => None,
            PersistentVolumeSource::AwsElasticBlockStore { volume_id: name }
            | PersistentVolumeSource::GcePersistentDisk { pd_name: name }
            | PersistentVolumeSource::AzureDisk { disk_uri: name, .. }
            | PersistentVolumeSource::Cinder { volume_id: name }
            | PersistentVolumeSource::Portworx { volume_id: name } => {
                let end = end_of(name);
                let is_plain = !end.is_empty() && !name.contains(['%', '?', '#']);
                named(if is_plain { VolumeGroup::Called(end) } else { VolumeGroup::CalledOddly })
            }
        };
        let (who, on_hosts) = match (&self.claim, self.host()) {
            (Some(claim), _) => (named(VolumeGroup::Of(&claim.namespace, &claim.name)), None),
            (None, Some(host)) => (named(VolumeGroup::OnHost(host)), named(VolumeGroup::OnHosts)),
            (None, None) => (Some(Cow::Borrowed(&*self.class)), None),
        };
        [who, on_hosts, called]
    }
}

/// The volumes of a class, sorted by who can have them, so that nobody looks at the volumes of all hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeGroup<'a> {
    /// Nobody has them, and more than one host can use them.
    Free,
    /// Nobody has them, and only the host of this name can use them.
    OnHost(&'a str),
    /// All that are in a group of that kind.
    OnHosts,
    /// The claim of this namespace and name has them, or they are kept for it.
    Of(&'a str, &'a str),
    /// What a CSI driver calls them [ends](end_of) so, in whatever class: their own, or one that takes the place of
    /// their plugin.
    Called(&'a str),
    /// They have no CSI driver of their own, and what one in their plugin's place would call them is not seen from
    /// their name, since it is a URL with more than a path; in whatever class.
    CalledOddly,
}

/// The last part of what a volume is called. Each plugin's name for a volume ends as that of the CSI driver does which
/// takes its place, but for URLs, which are decoded.
#[must_use]
pub fn end_of(handle: &str) -> &str {
    let path = handle.trim_end_matches('/');
    path.rsplit_once('/').map_or(path, |(_, end)| end)
}

impl VolumeGroup<'_> {
    /// Puts what it is called in the class `class` in the place of `text`.
    pub fn write(self, class: &str, text: &mut String) {
        text.clear();
        // No class, label or namespace has a line break in it, and no label a slash.
        if !matches!(self, Self::Called(_) | Self::CalledOddly) {
            text.push_str(class);
        }
        match self {
            Self::Free => {}
            Self::OnHosts => text.push_str("\n\n"),
            Self::CalledOddly => text.push_str("\n\noddly"),
            Self::Called(end) => {
                text.push_str("\n\ncalled\n");
                text.push_str(end);
            }
            Self::OnHost(host) => {
                text.push('\n');
                text.push_str(host);
            }
            Self::Of(namespace, name) => {
                for part in ["\n", namespace, "/", name] {
                    text.push_str(part);
                }
            }
        }
    }
}

/// The claim that a volume is bound to, or kept for (`spec.claimRef`). Text that is missing is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimRef {
    /// Namespace of the claim.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its UID; empty where the volume is kept for a claim of this name.
    pub uid: Box<str>,
}

/// What a volume is. Text that is missing is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PersistentVolumeSource {
    /// `csi`.
    Csi {
        /// The driver.
        driver: Box<str>,
        /// What the driver calls the volume.
        handle: Box<str>,
    },
    /// `awsElasticBlockStore`.
    AwsElasticBlockStore {
        /// `volumeID`, as it stands there.
        volume_id: Box<str>,
    },
    /// `gcePersistentDisk`.
    GcePersistentDisk {
        /// `pdName`.
        pd_name: Box<str>,
    },
    /// `azureDisk`.
    AzureDisk {
        /// `diskURI`.
        disk_uri: Box<str>,
        /// `kind` is `Managed`, in letters of any case; no other kind is translated to a CSI volume.
        managed: bool,
    },
    /// `cinder`.
    Cinder {
        /// `volumeID`.
        volume_id: Box<str>,
    },
    /// `portworxVolume`.
    Portworx {
        /// `volumeID`.
        volume_id: Box<str>,
    },
    /// Anything else. `azureFile` and `vsphereVolume` too: no plugin takes them for CSI volumes.
    ///
    /// Upstream: nodevolumelimits.isCSIMigrationOn and volumebinding.isCSIMigrationOnForPlugin, v1.37.
    #[default]
    Other,
}

/// What a volume is to a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum VolumeMode {
    /// A file system; also where nothing is said.
    #[default]
    Filesystem,
    /// A raw device.
    Block,
}

/// A set of the ways in which a volume may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AccessModes(u8);

impl AccessModes {
    /// No mode.
    pub const NONE: Self = Self(0);
    /// `ReadWriteOnce`.
    pub const READ_WRITE_ONCE: Self = Self(1);
    /// `ReadOnlyMany`.
    pub const READ_ONLY_MANY: Self = Self(1 << 1);
    /// `ReadWriteMany`.
    pub const READ_WRITE_MANY: Self = Self(1 << 2);
    /// `ReadWriteOncePod`.
    pub const READ_WRITE_ONCE_POD: Self = Self(1 << 3);
    /// One that the API does not know; all of them are one mode here.
    pub const UNKNOWN: Self = Self(1 << 4);

    /// The modes of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all modes of `other` are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A class of volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageClass {
    /// Its name.
    pub name: Box<str>,
    /// Who makes its volumes; `kubernetes.io/no-provisioner` where nobody does.
    pub provisioner: Box<str>,
    /// When claims are bound. The API server writes `Immediate` where nothing is said.
    pub binding_mode: BindingMode,
    /// One of these must match the labels of a node for which a volume can be made: `None` where all
    /// nodes will do, none in it where no node does. Terms that are empty or cannot be read, which match
    /// no node, are left out.
    ///
    /// Upstream: MatchTopologySelectorTerms, v1.37.
    pub allowed_topologies: Option<Vec<LabelSelector>>,
}

/// When a claim is bound to a volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BindingMode {
    /// At once.
    #[default]
    Immediate,
    /// Once a pod that uses it is placed.
    WaitForFirstConsumer,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_modes_are_a_set() {
        let both = AccessModes::READ_WRITE_ONCE.or(AccessModes::READ_ONLY_MANY);
        assert!(both.contains(AccessModes::READ_ONLY_MANY));
        assert!(both.contains(AccessModes::NONE) && both.contains(both));
        assert!(!both.contains(AccessModes::READ_WRITE_ONCE_POD));
        assert!(!AccessModes::READ_ONLY_MANY.contains(both));
    }
}
