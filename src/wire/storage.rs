//! Classes of storage, what CSI drivers say of themselves and of nodes, attachments.

use kube::core::{ClusterResourceScope, NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use crate::model::{self, BindingMode, LabelOperator, LabelRequirement};

use super::amounts::Amount;
use super::error::FieldError;
use super::json::{List, or_default};
use super::kept::{annotated, annotation, kept_kind, namespace};
use super::metadata;
use super::selector::{LabelSelector, is_label_key, is_label_value};

/// Upstream: `MigratedPluginsAnnotationKey`, v1.37.
const MIGRATED_PLUGINS: &str = "storage.alpha.kubernetes.io/migrated-plugins";

/// `StorageClass`, trimmed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub struct StorageClass {
    #[serde(deserialize_with = "metadata::trimmed")]
    metadata: ObjectMeta,
    provisioner: Option<Box<str>>,
    volume_binding_mode: Option<Box<str>>,
    allowed_topologies: List<TopologyTerm>,
}

kept_kind!(StorageClass, "storage.k8s.io", "v1", ClusterResourceScope);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct TopologyTerm {
    match_label_expressions: List<TopologyRequirement>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct TopologyRequirement {
    key: Option<Box<str>>,
    values: List<Box<str>>,
}

impl StorageClass {
    fn convert(&self) -> Result<model::StorageClass, FieldError> {
        let terms = &*self.allowed_topologies;
        Ok(model::StorageClass {
            name: metadata::name(&self.metadata)?.into(),
            provisioner: self.provisioner.clone().unwrap_or_default(),
            binding_mode: match self.volume_binding_mode.as_deref() {
                None | Some("Immediate") => BindingMode::Immediate,
                Some("WaitForFirstConsumer") => BindingMode::WaitForFirstConsumer,
                Some(other) => {
                    let known = "neither \"Immediate\" nor \"WaitForFirstConsumer\"";
                    return Err(FieldError::new(
                        "volumeBindingMode",
                        format!("{other:?}: {known}"),
                    ));
                }
            },
            allowed_topologies: (!terms.is_empty())
                .then(|| terms.iter().filter_map(TopologyTerm::to_model).collect()),
        })
    }
}

impl TopologyTerm {
    /// The term, unless it matches no node.
    fn to_model(&self) -> Option<model::LabelSelector> {
        let requirement = |requirement: &TopologyRequirement| {
            let (key, values) = (requirement.key.clone()?, requirement.values.to_vec());
            let well = is_label_key(&key)
                && !values.is_empty()
                && values.iter().all(|value| is_label_value(value));
            well.then_some(LabelRequirement { key, operator: LabelOperator::In, values })
        };
        let requirements = self.match_label_expressions.iter().map(requirement);
        let requirements = requirements.collect::<Option<Vec<_>>>()?;
        (!requirements.is_empty()).then_some(model::LabelSelector { requirements })
    }
}

/// `CSINode`, trimmed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub struct CsiNode {
    #[serde(deserialize_with = "annotated")]
    metadata: ObjectMeta,
    #[serde(deserialize_with = "or_default")]
    spec: CsiNodeSpec,
}

kept_kind!(CsiNode, "storage.k8s.io", "v1", ClusterResourceScope);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct CsiNodeSpec {
    drivers: List<CsiNodeDriver>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct CsiNodeDriver {
    name: Option<Box<str>>,
    #[serde(rename = "nodeID")]
    node_id: Option<Box<str>>,
    topology_keys: List<Box<str>>,
    #[serde(deserialize_with = "or_default")]
    allocatable: VolumeNodeResources,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct VolumeNodeResources {
    count: Option<i32>,
}

impl CsiNode {
    fn convert(&self) -> Result<model::CsiNode, FieldError> {
        let migrated = annotation(&self.metadata, MIGRATED_PLUGINS).unwrap_or_default();
        let migrated = migrated.split(',').filter(|plugin| !plugin.is_empty());
        let mut migrated_plugins: Vec<Box<str>> = migrated.map(Into::into).collect();
        migrated_plugins.sort();
        let driver = |driver: &CsiNodeDriver| model::CsiNodeDriver {
            name: driver.name.clone().unwrap_or_default(),
            node_id: driver.node_id.clone().unwrap_or_default(),
            topology_keys: driver.topology_keys.to_vec(),
            volumes_max: driver.allocatable.count,
        };
        Ok(model::CsiNode {
            name: metadata::name(&self.metadata)?.into(),
            migrated_plugins,
            drivers: self.spec.drivers.iter().map(driver).collect(),
        })
    }
}

/// `CSIDriver`, trimmed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub struct CsiDriver {
    #[serde(deserialize_with = "metadata::trimmed")]
    metadata: ObjectMeta,
    #[serde(deserialize_with = "or_default")]
    spec: CsiDriverSpec,
}

kept_kind!(CsiDriver, "storage.k8s.io", "v1", ClusterResourceScope);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct CsiDriverSpec {
    storage_capacity: Option<bool>,
    prevent_pod_scheduling_if_missing: Option<bool>,
}

impl CsiDriver {
    fn convert(&self) -> Result<model::CsiDriver, FieldError> {
        Ok(model::CsiDriver {
            name: metadata::name(&self.metadata)?.into(),
            storage_capacity: self.spec.storage_capacity == Some(true),
            prevents_if_missing: self.spec.prevent_pod_scheduling_if_missing == Some(true),
        })
    }
}

/// `CSIStorageCapacity`, trimmed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub struct CsiStorageCapacity {
    #[serde(deserialize_with = "metadata::trimmed")]
    metadata: ObjectMeta,
    storage_class_name: Option<Box<str>>,
    capacity: Option<Amount>,
    maximum_volume_size: Option<Amount>,
    node_topology: Option<LabelSelector>,
}

kept_kind!(CsiStorageCapacity, "storage.k8s.io", "v1", NamespaceResourceScope);

impl CsiStorageCapacity {
    fn convert(&self) -> Result<model::CsiStorageCapacity, FieldError> {
        let amount = |amount: &Option<Amount>, path| {
            amount.as_ref().map(|amount| amount.get(path)).transpose()
        };
        Ok(model::CsiStorageCapacity {
            namespace: namespace(&self.metadata),
            name: metadata::name(&self.metadata)?.into(),
            class: self.storage_class_name.clone().unwrap_or_default(),
            capacity: amount(&self.capacity, "capacity")?,
            volume_size_max: amount(&self.maximum_volume_size, "maximumVolumeSize")?,
            nodes: self.node_topology.as_ref().and_then(LabelSelector::to_model),
        })
    }
}

/// `VolumeAttachment`, trimmed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub struct VolumeAttachment {
    #[serde(deserialize_with = "metadata::trimmed")]
    metadata: ObjectMeta,
    #[serde(deserialize_with = "or_default")]
    spec: VolumeAttachmentSpec,
}

kept_kind!(VolumeAttachment, "storage.k8s.io", "v1", ClusterResourceScope);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct VolumeAttachmentSpec {
    attacher: Option<Box<str>>,
    node_name: Option<Box<str>>,
    #[serde(deserialize_with = "or_default")]
    source: AttachmentSource,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct AttachmentSource {
    persistent_volume_name: Option<Box<str>>,
}

impl VolumeAttachment {
    fn convert(&self) -> Result<model::VolumeAttachment, FieldError> {
        Ok(model::VolumeAttachment {
            name: metadata::name(&self.metadata)?.into(),
            attacher: self.spec.attacher.clone().unwrap_or_default(),
            node_name: self.spec.node_name.clone().unwrap_or_default(),
            volume_name: self.spec.source.persistent_volume_name.clone(),
        })
    }
}
