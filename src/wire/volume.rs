//! Volumes of a pod: those that volume plugins judge, and images.

use serde::Deserialize;

use crate::model::{PodVolume, VolumeSource};

use super::json::List;

/// The pool of an `rbd` volume that names none. Upstream: `SetDefaults_RBDVolumeSource`, v1.37.
const RBD_POOL: &str = "rbd";

/// The kind of an `azureDisk` volume that names none. Upstream: `SetDefaults_AzureDiskVolumeSource`, v1.37.
const AZURE_DISK_KIND: &str = "Shared";

/// A volume; more than one source is nonsense, and the first counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct Volume {
    name: Option<Box<str>>,
    pub(super) image: Option<ImageVolume>,
    persistent_volume_claim: Option<Fields>,
    ephemeral: Option<serde::de::IgnoredAny>,
    gce_persistent_disk: Option<Fields>,
    aws_elastic_block_store: Option<Fields>,
    iscsi: Option<Fields>,
    rbd: Option<Fields>,
    azure_disk: Option<Fields>,
    azure_file: Option<Fields>,
    cinder: Option<Fields>,
    #[serde(rename = "vsphereVolume")]
    vsphere: Option<Fields>,
    #[serde(rename = "portworxVolume")]
    portworx: Option<Fields>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct ImageVolume {
    pub(super) reference: Option<Box<str>>,
}

/// The fields of all sources that are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Fields {
    claim_name: Option<Box<str>>,
    pd_name: Option<Box<str>>,
    #[serde(rename = "volumeID")]
    volume_id: Option<Box<str>>,
    read_only: Option<bool>,
    iqn: Option<Box<str>>,
    monitors: List<Box<str>>,
    image: Option<Box<str>>,
    pool: Option<Box<str>>,
    #[serde(rename = "diskURI")]
    disk_uri: Option<Box<str>>,
    kind: Option<Box<str>>,
    share_name: Option<Box<str>>,
    secret_name: Option<Box<str>>,
    volume_path: Option<Box<str>>,
}

impl Volume {
    /// The volume, if it is of a kind that a volume plugin judges.
    ///
    /// Upstream: `VolumeRestrictions` needsRestrictionsCheck, `NodeVolumeLimits` CSILimits.PreFilter with
    /// `IsInlineMigratable`, `VolumeBinding` podHasPVCs, `VolumeZone` getPVbyPod, v1.37.
    pub(super) fn to_model(&self) -> Option<PodVolume> {
        let text = |text: &Option<Box<str>>| text.clone().unwrap_or_default();
        let source = if let Some(claim) = &self.persistent_volume_claim {
            VolumeSource::Claim { name: text(&claim.claim_name) }
        } else if self.ephemeral.is_some() {
            VolumeSource::Ephemeral
        } else if let Some(disk) = &self.gce_persistent_disk {
            let read_only = disk.read_only == Some(true);
            VolumeSource::GcePersistentDisk { pd_name: text(&disk.pd_name), read_only }
        } else if let Some(disk) = &self.aws_elastic_block_store {
            VolumeSource::AwsElasticBlockStore { volume_id: text(&disk.volume_id) }
        } else if let Some(disk) = &self.iscsi {
            let read_only = disk.read_only == Some(true);
            VolumeSource::Iscsi { iqn: text(&disk.iqn), read_only }
        } else if let Some(disk) = &self.rbd {
            VolumeSource::Rbd {
                monitors: disk.monitors.to_vec(),
                image: text(&disk.image),
                pool: disk.pool.clone().filter(|p| !p.is_empty()).unwrap_or(RBD_POOL.into()),
                read_only: disk.read_only == Some(true),
            }
        } else if let Some(disk) = &self.azure_disk {
            let kind = disk.kind.clone().unwrap_or(AZURE_DISK_KIND.into());
            VolumeSource::AzureDisk { disk_uri: text(&disk.disk_uri), kind }
        } else if let Some(share) = &self.azure_file {
            let (share_name, secret_name) = (text(&share.share_name), text(&share.secret_name));
            VolumeSource::AzureFile { share_name, secret_name }
        } else if let Some(disk) = &self.cinder {
            VolumeSource::Cinder { volume_id: text(&disk.volume_id) }
        } else if let Some(disk) = &self.vsphere {
            VolumeSource::Vsphere { volume_path: text(&disk.volume_path) }
        } else {
            let volume = self.portworx.as_ref()?;
            VolumeSource::Portworx { volume_id: text(&volume.volume_id) }
        };
        Some(PodVolume { name: text(&self.name), source })
    }
}
