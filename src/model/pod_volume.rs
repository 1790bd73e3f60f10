//! The volumes of a pod that volume plugins judge.

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodVolume {
    /// Its name in the pod.
    pub name: Box<str>,
    /// What it is.
    pub source: VolumeSource,
}

/// The sources that volume plugins judge. Text that is missing is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum VolumeSource {
    /// `persistentVolumeClaim`.
    Claim {
        /// Name of the claim.
        name: Box<str>,
    },
    /// `ephemeral`: its claim is called after the pod and the volume.
    Ephemeral,
    /// `gcePersistentDisk`.
    GcePersistentDisk {
        /// Its name.
        pd_name: Box<str>,
        /// Only read.
        read_only: bool,
    },
    /// `awsElasticBlockStore`.
    AwsElasticBlockStore {
        /// Its id.
        volume_id: Box<str>,
    },
    /// `iscsi`.
    Iscsi {
        /// The target.
        iqn: Box<str>,
        /// Only read.
        read_only: bool,
    },
    /// `rbd`.
    Rbd {
        /// The monitors.
        monitors: Vec<Box<str>>,
        /// The image.
        image: Box<str>,
        /// The pool; `rbd` where it is not set.
        pool: Box<str>,
        /// Only read.
        read_only: bool,
    },
    /// `azureDisk`.
    AzureDisk {
        /// `diskURI`.
        disk_uri: Box<str>,
        /// `kind`; `Shared` where it is not set.
        kind: Box<str>,
    },
    /// `azureFile`.
    AzureFile {
        /// `shareName`.
        share_name: Box<str>,
        /// `secretName`.
        secret_name: Box<str>,
    },
    /// `cinder`.
    Cinder {
        /// `volumeID`.
        volume_id: Box<str>,
    },
    /// `vsphereVolume`.
    Vsphere {
        /// `volumePath`.
        volume_path: Box<str>,
    },
    /// `portworxVolume`.
    Portworx {
        /// `volumeID`.
        volume_id: Box<str>,
    },
}

impl PodVolume {
    /// The claim that a pod called `pod` uses through this volume, if it uses one.
    ///
    /// Upstream: ephemeral.VolumeClaimName, v1.37.
    #[must_use]
    pub fn claim_name(&self, pod: &str) -> Option<Box<str>> {
        match &self.source {
            VolumeSource::Claim { name } => Some(name.clone()),
            VolumeSource::Ephemeral => Some(format!("{pod}-{}", self.name).into()),
            _ => None,
        }
    }
}
