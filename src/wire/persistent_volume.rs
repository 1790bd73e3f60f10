//! [`PersistentVolume`]: what a volume is, who has it, and where it can be used.

use kube::core::{ClusterResourceScope, ObjectMeta};
use serde::Deserialize;

use crate::model::{self, ClaimRef, PersistentVolumeSource};

use super::amounts::Amounts;
use super::error::FieldError;
use super::json::or_default;
use super::kept::{annotated, annotation, boxed, kept_kind};
use super::metadata;
use super::node_affinity::Selector;
use super::volume_fields::{AccessModes, BOUND_BY_CONTROLLER, class, storage, volume_mode};

/// `PersistentVolume`, trimmed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub struct PersistentVolume {
    #[serde(deserialize_with = "annotated")]
    metadata: ObjectMeta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

kept_kind!(PersistentVolume, "", "v1", ClusterResourceScope);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Spec {
    capacity: Option<Amounts>,
    #[serde(deserialize_with = "or_default")]
    access_modes: AccessModes,
    claim_ref: Option<Reference>,
    storage_class_name: Option<Box<str>>,
    volume_mode: Option<Box<str>>,
    #[serde(deserialize_with = "or_default")]
    node_affinity: VolumeNodeAffinity,
    volume_attributes_class_name: Option<Box<str>>,
    csi: Option<Csi>,
    aws_elastic_block_store: Option<Source>,
    gce_persistent_disk: Option<Source>,
    azure_disk: Option<Source>,
    cinder: Option<Source>,
    portworx_volume: Option<Source>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct Reference {
    namespace: Option<Box<str>>,
    name: Option<Box<str>>,
    uid: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct VolumeNodeAffinity {
    required: Option<Selector>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Csi {
    driver: Option<Box<str>>,
    volume_handle: Option<Box<str>>,
}

/// The fields that are read of all other sources.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Source {
    #[serde(rename = "volumeID")]
    volume_id: Option<Box<str>>,
    pd_name: Option<Box<str>>,
    #[serde(rename = "diskURI")]
    disk_uri: Option<Box<str>>,
    kind: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct Status {
    phase: Option<Box<str>>,
}

impl PersistentVolume {
    fn convert(&self) -> Result<model::PersistentVolume, FieldError> {
        let Self { metadata, spec, status } = self;
        let text = |text: &Option<Box<str>>| text.clone().unwrap_or_default();
        Ok(model::PersistentVolume {
            name: metadata::name(metadata)?.into(),
            uid: boxed(metadata.uid.as_ref()),
            resource_version: boxed(metadata.resource_version.as_ref()),
            labels: metadata::labels(metadata),
            terminating: metadata.deletion_timestamp.is_some(),
            bound_by_controller: annotation(metadata, BOUND_BY_CONTROLLER).is_some(),
            class: class(metadata, spec.storage_class_name.as_deref()),
            capacity: storage(spec.capacity.as_ref(), "spec.capacity")?.unwrap_or_default(),
            access_modes: spec.access_modes.0,
            volume_mode: volume_mode(spec.volume_mode.as_deref(), "spec.volumeMode")?,
            claim: spec.claim_ref.as_ref().map(|claim| ClaimRef {
                namespace: text(&claim.namespace),
                name: text(&claim.name),
                uid: text(&claim.uid),
            }),
            node_affinity: spec.node_affinity.required.as_ref().map(Selector::to_model),
            source: spec.source(),
            attributes_class: text(&spec.volume_attributes_class_name),
            available: status.phase.as_deref() == Some("Available"),
        })
    }
}

impl Spec {
    /// What the volume is; the API server lets none have more than one source.
    fn source(&self) -> PersistentVolumeSource {
        let text = |text: &Option<Box<str>>| text.clone().unwrap_or_default();
        if let Some(csi) = &self.csi {
            let (driver, handle) = (text(&csi.driver), text(&csi.volume_handle));
            PersistentVolumeSource::Csi { driver, handle }
        } else if let Some(disk) = &self.aws_elastic_block_store {
            PersistentVolumeSource::AwsElasticBlockStore { volume_id: text(&disk.volume_id) }
        } else if let Some(disk) = &self.gce_persistent_disk {
            PersistentVolumeSource::GcePersistentDisk { pd_name: text(&disk.pd_name) }
        } else if let Some(disk) = &self.azure_disk {
            // The API server writes `Shared` where nothing is said.
            let kind = disk.kind.as_deref().unwrap_or("Shared");
            let managed = kind.eq_ignore_ascii_case("Managed");
            PersistentVolumeSource::AzureDisk { disk_uri: text(&disk.disk_uri), managed }
        } else if let Some(disk) = &self.cinder {
            PersistentVolumeSource::Cinder { volume_id: text(&disk.volume_id) }
        } else if let Some(disk) = &self.portworx_volume {
            PersistentVolumeSource::Portworx { volume_id: text(&disk.volume_id) }
        } else {
            PersistentVolumeSource::Other
        }
    }
}
