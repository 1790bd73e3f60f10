//! Volumes of in-tree plugins as the CSI drivers that took their place know them. Used by the volume
//! plugins.
//!
//! Upstream: csi-translation-lib and nodevolumelimits.isCSIMigrationOn, v1.37.

mod ebs;
mod topology;

use std::borrow::Cow;

use crate::model::{Labels, PersistentVolume, PersistentVolumeSource, VolumeSource};

use ebs::ebs_volume_id;

pub(super) use topology::migrated_affinity;

/// What stands for a project, a zone or a region that nobody knows.
const UNSPECIFIED: &str = "UNSPECIFIED";

/// Stands between the zones in a label.
const DELIMITER: &str = "__";

/// The one kind of an Azure disk that is translated, in letters of any case.
const MANAGED: &str = "Managed";

/// An in-tree plugin whose volumes a CSI driver serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InTreePlugin {
    AwsElasticBlockStore,
    GcePersistentDisk,
    AzureDisk,
    AzureFile,
    Cinder,
    Portworx,
    Vsphere,
}

impl InTreePlugin {
    /// All of them.
    const ALL: [Self; 7] = [
        Self::AwsElasticBlockStore,
        Self::GcePersistentDisk,
        Self::AzureDisk,
        Self::AzureFile,
        Self::Cinder,
        Self::Portworx,
        Self::Vsphere,
    ];

    /// Its name, which is also the provisioner of a class, and the name of the CSI driver.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::AwsElasticBlockStore => ("kubernetes.io/aws-ebs", "ebs.csi.aws.com"),
            Self::GcePersistentDisk => ("kubernetes.io/gce-pd", "pd.csi.storage.gke.io"),
            Self::AzureDisk => ("kubernetes.io/azure-disk", "disk.csi.azure.com"),
            Self::AzureFile => ("kubernetes.io/azure-file", "file.csi.azure.com"),
            Self::Cinder => ("kubernetes.io/cinder", "cinder.csi.openstack.org"),
            Self::Portworx => ("kubernetes.io/portworx-volume", "pxd.portworx.com"),
            Self::Vsphere => ("kubernetes.io/vsphere-volume", "csi.vsphere.vmware.com"),
        }
    }

    /// The plugin of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plugin| plugin.names().0 == name)
    }

    /// Whether a CSI driver of this name may take the place of one of them.
    pub(super) fn is_driver(name: &str) -> bool {
        Self::ALL.into_iter().any(|plugin| plugin.names().1 == name)
    }

    /// The name of the CSI driver.
    pub(super) const fn driver(self) -> &'static str {
        self.names().1
    }

    /// Whether the scheduler counts its volumes as the driver's on a node with a `CSINode`.
    pub(super) const fn is_counted(self) -> bool {
        !matches!(self, Self::AzureFile | Self::Vsphere)
    }

    /// The plugin of a volume that stands in a pod.
    pub(super) const fn of_inline(source: &VolumeSource) -> Option<Self> {
        Some(match source {
            VolumeSource::AwsElasticBlockStore { .. } => Self::AwsElasticBlockStore,
            VolumeSource::GcePersistentDisk { .. } => Self::GcePersistentDisk,
            VolumeSource::AzureDisk { .. } => Self::AzureDisk,
            VolumeSource::AzureFile { .. } => Self::AzureFile,
            VolumeSource::Cinder { .. } => Self::Cinder,
            VolumeSource::Portworx { .. } => Self::Portworx,
            VolumeSource::Vsphere { .. } => Self::Vsphere,
            VolumeSource::Claim { .. }
            | VolumeSource::Ephemeral
            | VolumeSource::Iscsi { .. }
            | VolumeSource::Rbd { .. } => return None,
        })
    }
}

/// The driver of a volume that stands in a pod, and what it calls the volume, where the scheduler counts
/// such volumes; the error where the volume cannot be translated.
pub(super) fn inline_volume(
    source: &VolumeSource,
) -> Result<Option<(&'static str, Cow<'_, str>)>, String> {
    let Some(plugin) = InTreePlugin::of_inline(source) else { return Ok(None) };
    let handle = match source {
        VolumeSource::AwsElasticBlockStore { volume_id } => ebs_volume_id(volume_id)?,
        VolumeSource::GcePersistentDisk { pd_name, .. } => zonal_disk(UNSPECIFIED, pd_name).into(),
        VolumeSource::AzureDisk { disk_uri, kind } if kind.eq_ignore_ascii_case(MANAGED) => {
            (&**disk_uri).into()
        }
        VolumeSource::AzureDisk { kind, .. } => {
            return Err(format!("kind({kind}) is not supported in csi migration"));
        }
        VolumeSource::Cinder { volume_id } | VolumeSource::Portworx { volume_id } => {
            (&**volume_id).into()
        }
        _ => return Ok(None),
    };
    Ok(Some((plugin.driver(), handle)))
}

/// The in-tree plugin of a volume that no CSI driver made, and what the driver in its place calls the
/// volume; `None` where the volume cannot be translated, or is not counted.
pub(super) fn in_tree_volume(volume: &PersistentVolume) -> Option<(InTreePlugin, Cow<'_, str>)> {
    Some(match &volume.source {
        PersistentVolumeSource::AwsElasticBlockStore { volume_id } => {
            (InTreePlugin::AwsElasticBlockStore, ebs_volume_id(volume_id).ok()?)
        }
        PersistentVolumeSource::GcePersistentDisk { pd_name } => {
            (InTreePlugin::GcePersistentDisk, google_disk(&volume.labels, pd_name)?.into())
        }
        PersistentVolumeSource::AzureDisk { disk_uri, managed: true } => {
            (InTreePlugin::AzureDisk, (&**disk_uri).into())
        }
        PersistentVolumeSource::Cinder { volume_id } => {
            (InTreePlugin::Cinder, (&**volume_id).into())
        }
        PersistentVolumeSource::Portworx { volume_id } => {
            (InTreePlugin::Portworx, (&**volume_id).into())
        }
        PersistentVolumeSource::Csi { .. }
        | PersistentVolumeSource::AzureDisk { .. }
        | PersistentVolumeSource::Other => return None,
    })
}

/// The handle of a disk whose zones the labels name; `None` where they are of no single region.
fn google_disk(labels: &Labels, name: &str) -> Option<String> {
    let label = |key| labels.get(key).filter(|zones| !zones.is_empty());
    let zones = label("failure-domain.beta.kubernetes.io/zone")
        .or_else(|| label("topology.kubernetes.io/zone"));
    let Some(zones) = zones else { return Some(zonal_disk(UNSPECIFIED, name)) };
    if !zones.contains(DELIMITER) {
        return Some(zonal_disk(zones, name));
    }
    let mut regions = zones.split(DELIMITER).map(region);
    let first = regions.next()??;
    let one = regions.all(|region| region == Some(first));
    one.then(|| format!("projects/{UNSPECIFIED}/regions/{first}/disks/{name}"))
}

fn zonal_disk(zone: &str, name: &str) -> String {
    format!("projects/{UNSPECIFIED}/zones/{zone}/disks/{name}")
}

/// The region of a zone, which is written as `continent-region-zone`.
fn region(zone: &str) -> Option<&str> {
    let (region, _) = zone.rsplit_once('-')?;
    (region.matches('-').count() == 1).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels of a volume.
    type Pairs<'a> = &'a [(&'a str, &'a str)];

    fn google(labels: Pairs<'_>) -> Option<String> {
        google_disk(&labels.iter().copied().collect(), "disk")
    }

    #[test]
    fn a_google_disk_is_called_after_its_zones() {
        let (beta, ga) = ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone");
        let rows: [(Pairs<'_>, Option<&str>); 9] = [
            (&[], Some("zones/UNSPECIFIED")),
            (&[(ga, "")], Some("zones/UNSPECIFIED")),
            (&[(ga, "us-east1-a")], Some("zones/us-east1-a")),
            (&[(ga, "anything")], Some("zones/anything")),
            (&[(beta, "b"), (ga, "a")], Some("zones/b")),
            (&[(beta, ""), (ga, "a")], Some("zones/a")),
            (&[(ga, "us-east1-a__us-east1-c")], Some("regions/us-east1")),
            (&[(ga, "us-east1-a__us-east2-c")], None),
            (&[(ga, "a__b")], None),
        ];
        for (labels, want) in rows {
            let want = want.map(|place| format!("projects/UNSPECIFIED/{place}/disks/disk"));
            assert_eq!(google(labels), want, "{labels:?}");
        }
    }

    #[test]
    fn volumes_in_pods() {
        let azure =
            |kind: &str| VolumeSource::AzureDisk { disk_uri: "uri".into(), kind: kind.into() };
        let rows = [
            (azure("managed"), Ok(Some(("disk.csi.azure.com", "uri".into())))),
            (azure("Shared"), Err("kind(Shared) is not supported in csi migration".into())),
            (
                VolumeSource::GcePersistentDisk { pd_name: "d".into(), read_only: true },
                Ok(Some((
                    "pd.csi.storage.gke.io",
                    "projects/UNSPECIFIED/zones/UNSPECIFIED/disks/d".into(),
                ))),
            ),
            (
                VolumeSource::Cinder { volume_id: String::new().into() },
                Ok(Some(("cinder.csi.openstack.org", "".into()))),
            ),
            (
                VolumeSource::Portworx { volume_id: "p".into() },
                Ok(Some(("pxd.portworx.com", "p".into()))),
            ),
            (VolumeSource::Vsphere { volume_path: "v".into() }, Ok(None)),
            (VolumeSource::Ephemeral, Ok(None)),
        ];
        for (source, want) in rows {
            assert_eq!(inline_volume(&source), want, "{source:?}");
        }
    }
}
