//! Which volumes count for which CSI driver: those of a pod, and those that are attached to a node.
//!
//! Upstream: filterAttachableVolumes and getNodeVolumeAttachmentInfo of nodevolumelimits, v1.37.

use std::borrow::Cow;

use crate::cluster::{Cluster, PodEntry, View};
use crate::framework::Code;
use crate::model::{
    PersistentVolume, PersistentVolumeClaim, PersistentVolumeSource, Pod, PodKey, PodVolume,
    VolumeSource,
};
use crate::plugins::csi_translation::{InTreePlugin, in_tree_volume, inline_volume};
use crate::units::NodeId;

/// A volume of a CSI driver. Two that are equal are one volume.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CsiVolume<'a> {
    pub(super) driver: Cow<'a, str>,
    pub(super) handle: Handle<'a>,
}

/// What the driver calls the volume.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Handle<'a> {
    /// By its own name for it.
    Known(Cow<'a, str>),
    /// Not at all yet: the claim for which it will make one, by namespace and name.
    Claim(Cow<'a, str>, Cow<'a, str>),
}

impl<'a> CsiVolume<'a> {
    fn known(driver: impl Into<Cow<'a, str>>, handle: impl Into<Cow<'a, str>>) -> Self {
        Self { driver: driver.into(), handle: Handle::Known(handle.into()) }
    }

    /// The same with its own text.
    fn into_owned(self) -> CsiVolume<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        CsiVolume {
            driver: own(self.driver),
            handle: match self.handle {
                Handle::Known(handle) => Handle::Known(own(handle)),
                Handle::Claim(namespace, name) => Handle::Claim(own(namespace), own(name)),
            },
        }
    }
}

/// Why the volumes of a pod cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) code: Code,
    pub(super) reason: String,
}

impl Unknown {
    fn error(reason: String) -> Self {
        Self { code: Code::Error, reason }
    }
}

/// A pod, as far as its volumes go.
#[derive(Clone, Copy)]
struct Owner<'a> {
    key: &'a PodKey,
    uid: &'a str,
    volumes: &'a [PodVolume],
    /// It is on a node already, where a claim that is missing counts for nothing.
    placed: bool,
}

/// The volumes of `pod`, which is to be placed, each once and in order, on a node with or without a
/// `CSINode`.
pub(super) fn new_volumes(
    cluster: &Cluster,
    pod: &Pod,
    has_csi_node: bool,
) -> Result<Vec<CsiVolume<'static>>, Unknown> {
    let mut volumes: Vec<CsiVolume<'static>> = Vec::new();
    let owner = Owner { key: &pod.key, uid: &pod.uid, volumes: &pod.volumes, placed: false };
    owner.each_volume(cluster, has_csi_node, &mut |volume| {
        if !volumes.contains(&volume) {
            volumes.push(volume.into_owned());
        }
    })?;
    Ok(volumes)
}

/// The volumes of the pods on `node`, which has a `CSINode`, each once and sorted.
pub(super) fn volumes_in_use<'a>(
    view: &View<'a>,
    node: NodeId,
) -> Result<Vec<CsiVolume<'a>>, Unknown> {
    let mut volumes = Vec::new();
    let entries = view.pods_on(node).filter_map(|pod| view.cluster.pod(pod));
    for PodEntry { key, uid, volumes: own, .. } in entries {
        let owner = Owner { key, uid, volumes: own, placed: true };
        owner.each_volume(view.cluster, true, &mut |volume| volumes.push(volume))?;
    }
    volumes.sort_unstable();
    volumes.dedup();
    Ok(volumes)
}

/// The volumes that are attached to the node called `node`, each once and sorted.
pub(super) fn attached_volumes<'a>(cluster: &'a Cluster, node: &str) -> Vec<CsiVolume<'a>> {
    let objects = cluster.objects();
    let attachments = objects.attachments_to(node).filter(|a| !a.attacher.is_empty());
    let volumes = attachments.filter_map(|attachment| {
        let volume = objects.volumes.named(attachment.volume_name.as_deref()?)?;
        let PersistentVolumeSource::Csi { handle, .. } = &volume.source else { return None };
        Some(CsiVolume::known(&*attachment.attacher, &**handle))
    });
    let mut volumes: Vec<_> = volumes.collect();
    volumes.sort_unstable();
    volumes.dedup();
    volumes
}

/// Whether it is known which nodes have the volume: not where a disk of an in-tree plugin may be the same one.
pub(super) fn is_traceable(volume: &CsiVolume<'_>, cluster: &Cluster) -> bool {
    matches!(volume.handle, Handle::Claim(..))
        || !InTreePlugin::is_driver(&volume.driver)
        || !cluster.has_disks_in_pods() && !cluster.objects().has_volumes_called_oddly()
}

/// Adds the nodes to which the volume is attached, or on which a pod uses it, and perhaps others; false where they
/// are not known.
pub(super) fn add_nodes_with(
    volume: &CsiVolume<'_>,
    cluster: &Cluster,
    out: &mut Vec<NodeId>,
) -> bool {
    match &volume.handle {
        Handle::Claim(namespace, name) => out.extend(cluster.nodes_with_claim(namespace, name)),
        Handle::Known(handle) => {
            let is_it = |other: &&PersistentVolume| match &other.source {
                PersistentVolumeSource::Csi { handle: other, .. } => **other == **handle,
                _ => in_tree_volume(other).is_some_and(|(_, other)| other == *handle),
            };
            for volume in cluster.objects().volumes_called(handle).filter(is_it) {
                out.extend(cluster.nodes_with_volume(&volume.name));
            }
        }
    }
    is_traceable(volume, cluster)
}

impl<'a> Owner<'a> {
    /// Gives every volume that counts to `found`.
    fn each_volume(
        self,
        cluster: &'a Cluster,
        has_csi_node: bool,
        found: &mut impl FnMut(CsiVolume<'a>),
    ) -> Result<(), Unknown> {
        for volume in self.volumes {
            let claim = match &volume.source {
                VolumeSource::Claim { name } => self.claim(cluster, name)?,
                VolumeSource::Ephemeral => self.ephemeral_claim(cluster, &volume.name)?,
                source => {
                    if has_csi_node {
                        let inline = inline_volume(source).map_err(|why| {
                            let name = &volume.name;
                            let what = format!("converting volume({name}) from inline to csi");
                            Unknown::error(format!("{what}: {why}"))
                        })?;
                        if let Some((driver, handle)) = inline {
                            found(CsiVolume::known(driver, handle));
                        }
                    }
                    continue;
                }
            };
            if let Some(volume) = claim.and_then(|claim| of_claim(cluster, claim, has_csi_node)) {
                found(volume);
            }
        }
        Ok(())
    }

    fn claim(
        self,
        cluster: &'a Cluster,
        name: &str,
    ) -> Result<Option<&'a PersistentVolumeClaim>, Unknown> {
        if name.is_empty() {
            return Err(Unknown::error("PersistentVolumeClaim had no name".into()));
        }
        let namespace = &self.key.namespace;
        let claim = cluster.objects().claims.get(namespace, name);
        if claim.is_none() && !self.placed {
            let missing = format!("persistentvolumeclaim {name:?} not found");
            let reason = format!("looking up PVC {namespace}/{name}: {missing}");
            return Err(Unknown { code: Code::UnschedulableAndUnresolvable, reason });
        }
        Ok(claim)
    }

    /// The claim of the ephemeral volume `volume`, which must belong to this very pod.
    fn ephemeral_claim(
        self,
        cluster: &'a Cluster,
        volume: &str,
    ) -> Result<Option<&'a PersistentVolumeClaim>, Unknown> {
        let PodKey { namespace, name: pod } = self.key;
        let name = format!("{pod}-{volume}");
        let claim = self.claim(cluster, &name)?;
        if claim.is_some_and(|claim| claim.controller_uid.as_deref() != Some(self.uid)) {
            return Err(Unknown::error(format!(
                "PVC {namespace}/{name} was not created for pod {namespace}/{pod} \
                 (pod is not owner)"
            )));
        }
        Ok(claim)
    }
}

/// The volume behind a claim, as far as it counts for a driver.
///
/// Upstream: getCSIDriverInfo, v1.37.
fn of_claim<'a>(
    cluster: &'a Cluster,
    claim: &'a PersistentVolumeClaim,
    has_csi_node: bool,
) -> Option<CsiVolume<'a>> {
    let named = || cluster.objects().volumes.named(&claim.volume_name);
    let Some(volume) = (!claim.volume_name.is_empty()).then(named).flatten() else {
        return of_class(cluster, claim, has_csi_node);
    };
    let found = match &volume.source {
        PersistentVolumeSource::Csi { driver, handle } => CsiVolume::known(&**driver, &**handle),
        _ if has_csi_node => {
            let (plugin, handle) = in_tree_volume(volume)?;
            CsiVolume::known(plugin.driver(), handle)
        }
        _ => return None,
    };
    let is_empty = |text: &Handle<'_>| matches!(text, Handle::Known(text) if text.is_empty());
    (!found.driver.is_empty() && !is_empty(&found.handle)).then_some(found)
}

/// The volume that the driver of the claim's class will make.
///
/// Upstream: getCSIDriverInfoFromSC, v1.37.
fn of_class<'a>(
    cluster: &'a Cluster,
    claim: &'a PersistentVolumeClaim,
    has_csi_node: bool,
) -> Option<CsiVolume<'a>> {
    let provisioner = &*cluster.objects().classes.named(&claim.class)?.provisioner;
    let driver = match InTreePlugin::named(provisioner) {
        Some(plugin) if has_csi_node && plugin.is_counted() => plugin.driver(),
        Some(_) => return None,
        None => provisioner,
    };
    let handle = Handle::Claim((&*claim.namespace).into(), (&*claim.name).into());
    (!driver.is_empty()).then(|| CsiVolume { driver: driver.into(), handle })
}
