//! [`Kept`]: the kinds that are kept by name, how each is called in the API, and their metadata.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::Resource;
use kube::core::ObjectMeta;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::model::{Object, ObjectKind};

use super::error::ObjectError;
use super::json::{List, string_map};
use super::metadata::text;

/// An object of a kind that is kept by name, trimmed.
pub trait Kept: Resource<DynamicType = ()> + DeserializeOwned {
    /// Its kind.
    const KIND: ObjectKind;

    /// Converts it, with the API server's defaults; a namespace that only a file can lack is `default`.
    fn to_model(&self) -> Result<Object, ObjectError>;
}

/// The fields of metadata that are read.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Annotated {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    #[serde(deserialize_with = "string_map")]
    labels: Option<BTreeMap<String, String>>,
    #[serde(deserialize_with = "string_map")]
    annotations: Option<BTreeMap<String, String>>,
    owner_references: List<Owner>,
    deletion_timestamp: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct Owner {
    uid: Option<String>,
    controller: Option<bool>,
}

/// Decodes metadata with its annotations and the UID of its controller; every other field stays empty. To
/// be used with `deserialize_with`.
pub(super) fn annotated<'de, D>(deserializer: D) -> Result<ObjectMeta, D::Error>
where
    D: Deserializer<'de>,
{
    let kept = Option::<Annotated>::deserialize(deserializer)?.unwrap_or_default();
    let controller = kept.owner_references.iter().find(|owner| owner.controller == Some(true));
    let controller = controller.map(|owner| OwnerReference {
        uid: owner.uid.clone().unwrap_or_default(),
        controller: Some(true),
        ..OwnerReference::default()
    });
    Ok(ObjectMeta {
        name: kept.name,
        namespace: kept.namespace,
        uid: kept.uid,
        resource_version: kept.resource_version,
        labels: kept.labels,
        annotations: kept.annotations,
        owner_references: controller.map(|controller| vec![controller]),
        deletion_timestamp: kept.deletion_timestamp,
        ..ObjectMeta::default()
    })
}

/// The annotation `key`, if there is one.
pub(super) fn annotation<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// `field`, or nothing at all.
pub(super) fn boxed(field: Option<&String>) -> Box<str> {
    text(field).into()
}

/// The namespace; `default` where a file names none.
pub(super) fn namespace(metadata: &ObjectMeta) -> Box<str> {
    match text(metadata.namespace.as_ref()) {
        "" => "default".into(),
        namespace => namespace.into(),
    }
}

/// Makes a type with a field `metadata` and a method `convert` known: its name in the model, its group,
/// version and scope in the API.
macro_rules! kept_kind {
    ($type:ident, $group:literal, $version:literal, $scope:ty) => {
        impl kube::Resource for $type {
            type DynamicType = ();
            type Scope = $scope;

            fn kind((): &()) -> std::borrow::Cow<'_, str> {
                <Self as $crate::wire::Kept>::KIND.name().into()
            }

            fn group((): &()) -> std::borrow::Cow<'_, str> {
                $group.into()
            }

            fn version((): &()) -> std::borrow::Cow<'_, str> {
                $version.into()
            }

            fn plural((): &()) -> std::borrow::Cow<'_, str> {
                <Self as $crate::wire::Kept>::KIND.plural().into()
            }

            fn meta(&self) -> &kube::core::ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut kube::core::ObjectMeta {
                &mut self.metadata
            }
        }

        impl $crate::wire::Kept for $type {
            const KIND: $crate::model::ObjectKind = $crate::model::ObjectKind::$type;

            fn to_model(&self) -> Result<$crate::model::Object, $crate::wire::ObjectError> {
                self.convert().map(Into::into).map_err(|error| {
                    let name = super::metadata::text(self.metadata.name.as_ref());
                    let kind = <Self as $crate::wire::Kept>::KIND;
                    let name = if kind.is_namespaced() {
                        format!("{}/{name}", super::kept::namespace(&self.metadata))
                    } else {
                        name.to_owned()
                    };
                    error.of(kind.name(), name)
                })
            }
        }
    };
}

pub(super) use kept_kind;
