//! [`PersistentVolumeClaim`]: what a claim of storage asks for, and how far its binding is.

use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use crate::model::{self, ClaimSelector};

use super::amounts::Amounts;
use super::error::FieldError;
use super::json::or_default;
use super::kept::{annotated, annotation, boxed, kept_kind, namespace};
use super::metadata;
use super::selector::LabelSelector;
use super::volume_fields::{AccessModes, BOUND_BY_CONTROLLER, class, storage, volume_mode};

/// Upstream: `AnnBindCompleted`, v1.37.
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";

/// Upstream: `AnnSelectedNode`, v1.37.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// `PersistentVolumeClaim`, trimmed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub struct PersistentVolumeClaim {
    #[serde(deserialize_with = "annotated")]
    metadata: ObjectMeta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

kept_kind!(PersistentVolumeClaim, "", "v1", NamespaceResourceScope);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Spec {
    #[serde(deserialize_with = "or_default")]
    access_modes: AccessModes,
    selector: Option<LabelSelector>,
    #[serde(deserialize_with = "or_default")]
    resources: Resources,
    volume_name: Option<Box<str>>,
    storage_class_name: Option<Box<str>>,
    volume_mode: Option<Box<str>>,
    volume_attributes_class_name: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct Resources {
    requests: Option<Amounts>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct Status {
    phase: Option<Box<str>>,
}

impl PersistentVolumeClaim {
    fn convert(&self) -> Result<model::PersistentVolumeClaim, FieldError> {
        let Self { metadata, spec, status } = self;
        let owner = metadata.owner_references.as_ref().and_then(|owners| owners.first());
        Ok(model::PersistentVolumeClaim {
            namespace: namespace(metadata),
            name: metadata::name(metadata)?.into(),
            uid: boxed(metadata.uid.as_ref()),
            resource_version: boxed(metadata.resource_version.as_ref()),
            terminating: metadata.deletion_timestamp.is_some(),
            controller_uid: owner.map(|owner| owner.uid.as_str().into()),
            bind_completed: annotation(metadata, BIND_COMPLETED).is_some(),
            bound_by_controller: annotation(metadata, BOUND_BY_CONTROLLER).is_some(),
            selected_node: annotation(metadata, SELECTED_NODE).map(Into::into),
            class: class(metadata, spec.storage_class_name.as_deref()),
            volume_name: spec.volume_name.clone().unwrap_or_default(),
            access_modes: spec.access_modes.0,
            volume_mode: volume_mode(spec.volume_mode.as_deref(), "spec.volumeMode")?,
            request: storage(spec.resources.requests.as_ref(), "spec.resources.requests")?,
            selector: match &spec.selector {
                None => ClaimSelector::Any,
                Some(selector) => {
                    selector.to_model().map_or(ClaimSelector::Invalid, ClaimSelector::Labels)
                }
            },
            attributes_class: spec.volume_attributes_class_name.clone().unwrap_or_default(),
            lost: status.phase.as_deref() == Some("Lost"),
        })
    }
}
