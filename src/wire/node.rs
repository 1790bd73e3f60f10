//! [`Node`]: what a node offers, and what keeps pods away from it.

use kube::core::{ClusterResourceScope, ObjectMeta};
use serde::{Deserialize, Deserializer};

use crate::model::{self, Effect, ResourceList};
use crate::units::Resources;

use super::amounts::Amounts;
use super::error::{FieldError, ObjectError};
use super::json::{List, Text, or_default};
use super::metadata::{self, core_kind};

/// A node, trimmed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub struct Node {
    #[serde(deserialize_with = "metadata::trimmed")]
    metadata: ObjectMeta,
    #[serde(deserialize_with = "or_default")]
    spec: NodeSpec,
    #[serde(deserialize_with = "or_default")]
    status: NodeStatus,
}

core_kind!(Node, "Node", "nodes", ClusterResourceScope);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct NodeSpec {
    taints: List<Taint>,
    unschedulable: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct NodeStatus {
    allocatable: Option<Amounts>,
    capacity: Option<Amounts>,
    images: List<Image>,
    #[serde(rename = "declaredFeatures")]
    declared_features: List<Box<str>>,
}

#[derive(Clone, Debug)]
struct Taint(model::Taint);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Image {
    names: List<Box<str>>,
    size_bytes: Option<i64>,
}

impl<'de> Deserialize<'de> for Taint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default, expecting = "an object")]
        struct Fields<'a> {
            #[serde(borrow)]
            key: Text<'a>,
            #[serde(borrow)]
            value: Text<'a>,
            #[serde(borrow)]
            effect: Text<'a>,
        }
        let fields = Fields::deserialize(deserializer)?;
        Ok(Self(model::Taint {
            key: fields.key.boxed(),
            value: fields.value.boxed(),
            effect: effect(&fields.effect.0),
        }))
    }
}

/// What `text` calls an effect.
pub(super) fn effect(text: &str) -> Effect {
    match text {
        "NoSchedule" => Effect::NoSchedule,
        "PreferNoSchedule" => Effect::PreferNoSchedule,
        "NoExecute" => Effect::NoExecute,
        _ => Effect::Unknown,
    }
}

impl Node {
    /// Converts it, with the API server's defaults.
    pub fn to_model(&self) -> Result<model::Node, ObjectError> {
        self.convert()
            .map_err(|error| error.of("Node", metadata::text(self.metadata.name.as_ref())))
    }

    fn convert(&self) -> Result<model::Node, FieldError> {
        let none = ResourceList::new();
        let allocatable = self.status.allocatable()?.unwrap_or(&none);
        Ok(model::Node {
            name: metadata::name(&self.metadata)?.into(),
            labels: metadata::labels(&self.metadata),
            taints: self.spec.taints.iter().map(|taint| taint.0.clone()).collect(),
            unschedulable: self.spec.unschedulable == Some(true),
            allocatable: Resources::from_quantities(allocatable.iter().map(|(k, v)| (&**k, *v))),
            allocatable_pods: allocatable.get("pods").map_or(0, |pods| pods.value()),
            declared_features: self.status.declared_features(),
            images: self.status.images.iter().map(Image::to_model).collect(),
        })
    }
}

impl NodeStatus {
    /// The list is read as a sorted one: what stands behind something greater does not count.
    ///
    /// Upstream: nodedeclaredfeatures.FeatureMapper.TryMap, v1.37.
    fn declared_features(&self) -> Vec<Box<str>> {
        let mut rising: Vec<Box<str>> = Vec::new();
        for feature in self.declared_features.iter() {
            if rising.last().is_none_or(|last| last < feature) {
                rising.push(feature.clone());
            }
        }
        rising
    }

    /// What pods may use: all of the node where it does not say.
    ///
    /// Upstream: `SetDefaults_NodeStatus`, v1.37.
    fn allocatable(&self) -> Result<Option<&ResourceList>, FieldError> {
        let (list, path) = match &self.allocatable {
            None => (&self.capacity, "status.capacity"),
            some => (some, "status.allocatable"),
        };
        list.as_ref().map(|list| list.get(|| path.to_owned())).transpose()
    }
}

impl Image {
    fn to_model(&self) -> model::Image {
        model::Image { names: self.names.to_vec(), size_bytes: self.size_bytes.unwrap_or_default() }
    }
}
