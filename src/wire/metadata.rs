//! Metadata without what makes most of it: managed fields, annotations, owners that are not the controller.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::core::ObjectMeta;
use serde::{Deserialize, Deserializer};

use crate::model::{Labels, Owner};

use super::error::FieldError;
use super::json::{List, Text, string_map};

/// The fields that are kept.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct Trimmed {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    #[serde(default, deserialize_with = "string_map")]
    labels: Option<BTreeMap<String, String>>,
    deletion_timestamp: Option<Time>,
    #[serde(default, deserialize_with = "controller")]
    owner_references: Option<OwnerReference>,
}

/// Decodes metadata; every field that is not named above stays empty. To be used with
/// `deserialize_with`.
pub(super) fn trimmed<'de, D>(deserializer: D) -> Result<ObjectMeta, D::Error>
where
    D: Deserializer<'de>,
{
    let kept = Option::<Trimmed>::deserialize(deserializer)?.unwrap_or_default();
    Ok(ObjectMeta {
        name: kept.name,
        namespace: kept.namespace,
        uid: kept.uid,
        resource_version: kept.resource_version,
        generation: kept.generation,
        labels: kept.labels,
        deletion_timestamp: kept.deletion_timestamp,
        owner_references: kept.owner_references.map(|owner| vec![owner]),
        ..ObjectMeta::default()
    })
}

/// The controller among the owners.
fn controller<'de, D>(deserializer: D) -> Result<Option<OwnerReference>, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase", expecting = "an object")]
    struct Reference<'a> {
        #[serde(borrow)]
        api_version: Text<'a>,
        #[serde(borrow)]
        kind: Text<'a>,
        #[serde(borrow)]
        name: Text<'a>,
        #[serde(borrow)]
        uid: Text<'a>,
        controller: Option<bool>,
    }
    let all = List::<Reference<'de>>::deserialize(deserializer)?;
    let controller = all.iter().find(|owner| owner.controller == Some(true));
    Ok(controller.map(|owner| OwnerReference {
        api_version: owner.api_version.0.to_string(),
        kind: owner.kind.0.to_string(),
        name: owner.name.0.to_string(),
        uid: owner.uid.0.to_string(),
        ..OwnerReference::default()
    }))
}

/// The controller that the object belongs to.
pub(super) fn owner(metadata: &ObjectMeta) -> Option<Owner> {
    let owner = metadata.owner_references.as_ref()?.first()?;
    Some(Owner {
        api_version: owner.api_version.as_str().into(),
        kind: owner.kind.as_str().into(),
        name: owner.name.as_str().into(),
        uid: owner.uid.as_str().into(),
    })
}

/// The name, which every object must have.
pub(super) fn name(metadata: &ObjectMeta) -> Result<&str, FieldError> {
    let name = text(metadata.name.as_ref());
    if name.is_empty() {
        return Err(FieldError::new("metadata.name", "missing"));
    }
    Ok(name)
}

/// `field`, or nothing at all.
pub(super) fn text(field: Option<&String>) -> &str {
    field.map_or("", String::as_str)
}

/// The labels.
pub(super) fn labels(metadata: &ObjectMeta) -> Labels {
    let all = metadata.labels.iter().flatten();
    all.map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// Makes a type with a field `metadata` known to `kube` as a kind of the core group, v1, by its name, its
/// plural and its scope.
macro_rules! core_kind {
    ($type:ident, $kind:literal, $plural:literal, $scope:ty) => {
        impl kube::Resource for $type {
            type DynamicType = ();
            type Scope = $scope;

            fn kind((): &()) -> std::borrow::Cow<'_, str> {
                $kind.into()
            }

            fn group((): &()) -> std::borrow::Cow<'_, str> {
                "".into()
            }

            fn version((): &()) -> std::borrow::Cow<'_, str> {
                "v1".into()
            }

            fn plural((): &()) -> std::borrow::Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &kube::core::ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut kube::core::ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

pub(crate) use core_kind;
