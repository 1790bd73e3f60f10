//! The default storage class of claims, and the finalizers that keep volumes in use.
//!
//! Upstream: the admission plugins DefaultStorageClass and StorageObjectInUseProtection, v1.37.

use std::cmp::Reverse;

use serde_json::{Value, json};

use crate::apiserver::objects::json::{ensure, items, name, push, quantity, set, text};
use crate::apiserver::objects::{Lookup, Refusal};
use crate::units::Canonical;

const MARKS: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];
/// The old way to name a class.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// Gives a new claim that names no class the newest default one.
pub(in crate::apiserver::objects) fn set_default_class(claim: &mut Value, lookup: &dyn Lookup) {
    let annotated = !claim["metadata"]["annotations"][CLASS_ANNOTATION].is_null();
    if annotated || !claim["spec"]["storageClassName"].is_null() {
        return;
    }
    let classes = lookup.list("storageclasses.storage.k8s.io", None).into_iter();
    let defaults = classes
        .filter(|class| MARKS.iter().any(|mark| class["metadata"]["annotations"][mark] == "true"));
    let created = |class: &Value| text(&class["metadata"], "creationTimestamp").to_owned();
    let newest = defaults.min_by_key(|class| (Reverse(created(class)), name(class).to_owned()));
    if let Some(class) = newest {
        set(&mut claim["spec"], "storageClassName", name(&class));
    }
}

/// Refuses to let a claim grow that cannot.
///
/// Upstream: the admission plugin PersistentVolumeClaimResize, v1.37.
pub(in crate::apiserver::objects) fn validate_resize(
    new: &Value,
    old: &Value,
    lookup: &dyn Lookup,
) -> Result<(), Refusal> {
    let size = |claim: &Value| {
        let amount = quantity(&claim["spec"]["resources"]["requests"]["storage"]);
        amount.unwrap_or(Canonical::ZERO)
    };
    if size(new).compare(&size(old)).is_le() {
        return Ok(());
    }
    let refuse = |why: &str| Err(Refusal::forbidden("persistentvolumeclaims", name(new), why));
    if text(&old["status"], "phase") != "Bound" {
        return refuse("Only bound persistent volume claims can be expanded");
    }
    let class = text(&new["spec"], "storageClassName");
    let class = lookup.get("storageclasses.storage.k8s.io", "", class);
    if class.is_none_or(|class| class["allowVolumeExpansion"] != true) {
        return refuse(
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the \
             pvc must support resize",
        );
    }
    Ok(())
}

/// Adds a finalizer that is not there.
pub(in crate::apiserver::objects) fn add_finalizer(object: &mut Value, finalizer: &str) {
    if items(&object["metadata"]["finalizers"]).contains(&json!(finalizer)) {
        return;
    }
    if let Some(meta) = ensure(object, "metadata") {
        push(meta, "finalizers", json!(finalizer));
    }
}
