//! [`decode`]: one object of a file, whatever its kind.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::model::{self, ObjectKind};

use super::error::{FieldError, ObjectError};
use super::{
    CsiDriver, CsiNode, CsiStorageCapacity, Kept, Namespace, Node, PersistentVolume,
    PersistentVolumeClaim, Pod, PodDisruptionBudget, ReplicaSet, ReplicationController, Service,
    StatefulSet, StorageClass, VolumeAttachment,
};

/// Kinds that a file may hold besides those that [`decode`] reads.
const OTHER_KINDS: &[&str] = &[
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CompositePodGroup",
    "ConfigMap",
    "ControllerRevision",
    "CronJob",
    "CustomResourceDefinition",
    "DaemonSet",
    "Deployment",
    "DeviceClass",
    "DeviceTaintRule",
    "EndpointSlice",
    "Endpoints",
    "Event",
    "FlowSchema",
    "HorizontalPodAutoscaler",
    "Ingress",
    "IngressClass",
    "Job",
    "Lease",
    "LimitRange",
    "MutatingWebhookConfiguration",
    "NetworkPolicy",
    "PodGroup",
    "PodTemplate",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "ResourceClaim",
    "ResourceClaimTemplate",
    "ResourceQuota",
    "ResourceSlice",
    "Role",
    "RoleBinding",
    "RuntimeClass",
    "Secret",
    "ServiceAccount",
    "ValidatingWebhookConfiguration",
    "VolumeAttributesClass",
    "Workload",
];

/// An object, as far as a scheduler reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A node.
    Node(model::Node),
    /// A pod.
    Pod(Box<model::Pod>),
    /// A namespace.
    Namespace(model::Namespace),
    /// An object that is kept by name.
    Kept(Box<model::Object>),
    /// An object of another kind that may stand in a file, by its kind; nothing else of it is read.
    Other(String),
}

/// Reads one object of a file by its `kind` and `apiVersion`, with the API server's defaults. An error
/// names the field, also where the type of a value is wrong.
pub fn decode(value: &Value) -> Result<Object, ObjectError> {
    let field = |name: &str| text(value, name);
    let kind = field("kind").map_err(|error| error.of("", object_name(value, "")))?;
    let failed = |error: FieldError| error.of(kind, object_name(value, kind));
    let version = field("apiVersion").map_err(failed)?;
    let read = matches!(kind, "Node" | "Pod" | "Namespace");
    if read && version != "v1" {
        return Err(failed(FieldError::new("apiVersion", format!("{version:?}: want \"v1\""))));
    }
    if let Some(kind) = ObjectKind::of_name(kind) {
        let object = match kind {
            ObjectKind::Service => kept::<Service>(value, version),
            ObjectKind::ReplicationController => kept::<ReplicationController>(value, version),
            ObjectKind::ReplicaSet => kept::<ReplicaSet>(value, version),
            ObjectKind::StatefulSet => kept::<StatefulSet>(value, version),
            ObjectKind::PodDisruptionBudget => kept::<PodDisruptionBudget>(value, version),
            ObjectKind::PersistentVolumeClaim => kept::<PersistentVolumeClaim>(value, version),
            ObjectKind::PersistentVolume => kept::<PersistentVolume>(value, version),
            ObjectKind::StorageClass => kept::<StorageClass>(value, version),
            ObjectKind::CsiNode => kept::<CsiNode>(value, version),
            ObjectKind::CsiDriver => kept::<CsiDriver>(value, version),
            ObjectKind::CsiStorageCapacity => kept::<CsiStorageCapacity>(value, version),
            ObjectKind::VolumeAttachment => kept::<VolumeAttachment>(value, version),
        };
        return object.map(|object| Object::Kept(Box::new(object)));
    }
    match kind {
        "Node" => object::<Node>(value).map_err(failed)?.to_model().map(Object::Node),
        "Pod" => {
            let pod = object::<Pod>(value).map_err(failed)?.to_model()?;
            Ok(Object::Pod(Box::new(pod)))
        }
        "Namespace" => {
            object::<Namespace>(value).map_err(failed)?.to_model().map(Object::Namespace)
        }
        other if OTHER_KINDS.contains(&other) => Ok(Object::Other(other.to_owned())),
        other => Err(failed(FieldError::new("kind", format!("{other:?}: unknown kind")))),
    }
}

/// Reads an object that is kept by name.
fn kept<K: Kept>(value: &Value, version: &str) -> Result<model::Object, ObjectError> {
    let failed = |error: FieldError| {
        let kind = K::KIND.name();
        error.of(kind, object_name(value, kind))
    };
    let want = K::api_version(&());
    if version != want {
        return Err(failed(FieldError::new("apiVersion", format!("{version:?}: want {want:?}"))));
    }
    object::<K>(value).map_err(failed)?.to_model()
}

/// Decodes an object; an error says where a type is wrong.
pub(super) fn object<T: DeserializeOwned>(value: &Value) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        FieldError::new(if path == "." { String::new() } else { path }, message)
    })
}

/// The text of the field `name` of an object, which must have one.
fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, FieldError> {
    let Value::Object(fields) = value else {
        return Err(FieldError::new("", "not an object"));
    };
    match fields.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        None | Some(Value::Null | Value::String(_)) => Err(FieldError::new(name, "missing")),
        Some(_) => Err(FieldError::new(name, "not a string")),
    }
}

/// The name under which an error speaks of `value`; as little as it has.
fn object_name(value: &Value, kind: &str) -> String {
    let field = |path| value.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let namespaced =
        kind == "Pod" || ObjectKind::of_name(kind).is_some_and(ObjectKind::is_namespaced);
    match (field("/metadata/namespace"), field("/metadata/name")) {
        ("", name) if namespaced => format!("default/{name}"),
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}
