//! Metadata as the actors decode it: without the managed fields, which make most of it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::core::ObjectMeta;
use serde::{Deserialize, Deserializer};

use crate::units::Nanos;

/// The fields that are kept.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Kept {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerReference>>,
    finalizers: Option<Vec<String>>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
}

/// Decodes metadata; every field that is not named above stays empty. To be used with
/// `deserialize_with`.
pub(super) fn trimmed<'de, D>(deserializer: D) -> Result<ObjectMeta, D::Error>
where
    D: Deserializer<'de>,
{
    let kept = Option::<Kept>::deserialize(deserializer)?.unwrap_or_default();
    Ok(ObjectMeta {
        name: kept.name,
        namespace: kept.namespace,
        uid: kept.uid,
        resource_version: kept.resource_version,
        generation: kept.generation,
        labels: kept.labels,
        annotations: kept.annotations,
        owner_references: kept.owner_references,
        finalizers: kept.finalizers,
        creation_timestamp: kept.creation_timestamp,
        deletion_timestamp: kept.deletion_timestamp,
        deletion_grace_period_seconds: kept.deletion_grace_period_seconds,
        ..ObjectMeta::default()
    })
}

/// When the object was created; zero where nothing says so.
pub(super) fn created(metadata: &ObjectMeta) -> Nanos {
    let at = metadata.creation_timestamp.as_ref().map(|time| time.0.as_nanosecond());
    at.and_then(|at| u64::try_from(at).ok()).map(Nanos).unwrap_or_default()
}
