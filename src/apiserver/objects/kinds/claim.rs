//! PersistentVolumeClaims.
//!
//! Upstream: core/v1 defaults and core/validation ValidatePersistentVolumeClaim, v1.37.

use serde_json::{Value, json};

use super::volume::{access_modes, mode_and_class};
use crate::apiserver::objects::json::{
    copy, ensure, list_mut, quantity, set, set_default, take, text,
};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::selector;
use crate::units::{Canonical, Quantity};

/// Fills in a claim.
pub(super) fn defaults(claim: &mut Value) {
    if let Some(spec) = ensure(claim, "spec") {
        fill_spec(spec);
    }
    if let Some(status) = ensure(claim, "status") {
        crate::apiserver::objects::json::set_default_text(status, "phase", "Pending");
    }
}

fn fill_spec(spec: &mut Value) {
    set_default(spec, "volumeMode", "Filesystem");
    ensure(spec, "resources");
    if !spec["dataSource"].is_null() && !is_plain_source(&spec["dataSource"]) {
        take(spec, "dataSource");
    }
    // The two sources of data are kept the same.
    if spec["dataSourceRef"].is_null() && !spec["dataSource"].is_null() {
        let source = spec["dataSource"].clone();
        set(spec, "dataSourceRef", source);
    } else if spec["dataSource"].is_null() && spec["dataSourceRef"]["namespace"].is_null() {
        let source = spec["dataSourceRef"].clone();
        copy(spec, &json!({"dataSource": source}), "dataSource");
    }
}

/// Whether a claim or a snapshot is meant: the field can have nothing else.
///
/// Upstream: pvcutil.EnforceDataSourceBackwardsCompatibility, v1.37.
fn is_plain_source(source: &Value) -> bool {
    match (text(source, "kind"), text(source, "apiGroup")) {
        ("PersistentVolumeClaim", group) => group.is_empty(),
        (kind, group) => kind == "VolumeSnapshot" && group == "snapshot.storage.k8s.io",
    }
}

/// Fills in the claims that a StatefulSet makes.
pub(super) fn fill_templates(spec: &mut Value) {
    for claim in list_mut(spec, "volumeClaimTemplates") {
        set_default(claim, "apiVersion", "v1");
        set_default(claim, "kind", "PersistentVolumeClaim");
        ensure(claim, "metadata");
        defaults(claim);
    }
}

/// Makes the claim a new one.
pub(super) fn create(claim: &mut Value, _now: &str) {
    set(claim, "status", json!({"phase": "Pending"}));
}

/// What is refused in a claim.
pub(super) fn validate(claim: &Value, causes: &mut Causes) {
    spec(&claim["spec"], &Field::new("spec"), causes);
}

/// What is refused in the spec of a claim, or of a template of one.
pub(in crate::apiserver::objects) fn spec(spec: &Value, field: &Field, causes: &mut Causes) {
    let why = "at least 1 access mode is required";
    access_modes(spec, why, &field.child("accessModes"), causes);
    selector::selector(&spec["selector"], &field.child("selector"), causes);
    let at = field.child("resources").key("storage");
    match quantity(&spec["resources"]["requests"]["storage"]) {
        None => causes.required(&at, ""),
        Some(size) if size.amount() <= Quantity::ZERO => {
            causes.invalid(&at, size.to_string(), "must be greater than zero");
        }
        Some(_) => {}
    }
    mode_and_class(spec, field, causes);
    for key in ["dataSource", "dataSourceRef"] {
        for part in ["name", "kind"] {
            if !spec[key].is_null() && text(&spec[key], part).is_empty() {
                causes.required(&field.child(key).child(part), "");
            }
        }
    }
}

/// What is refused in a change of a claim.
pub(super) fn validate_update(new: &Value, old: &Value, causes: &mut Causes) {
    let (spec, was) = (&new["spec"], &old["spec"]);
    let mut rest = spec.clone();
    if text(was, "volumeName").is_empty() {
        copy(&mut rest, was, "volumeName");
    }
    if was["storageClassName"].is_null() {
        copy(&mut rest, was, "storageClassName");
    }
    if text(&new["status"], "phase") == "Bound" {
        copy(&mut rest, was, "volumeAttributesClassName");
        copy(&mut rest, was, "resources");
    }
    if rest != *was {
        let why = "spec is immutable after creation except resources.requests and \
                   volumeAttributesClassName for bound claims\n";
        causes.forbidden(&Field::new("spec"), why);
    }
    let size = |list: &Value| quantity(&list["storage"]).unwrap_or(Canonical::ZERO);
    let new_size = size(&spec["resources"]["requests"]);
    let shrinks = new_size.compare(&size(&was["resources"]["requests"])).is_lt();
    if shrinks && new_size.compare(&size(&old["status"]["capacity"])).is_le() {
        let field = Field::new("spec.resources.requests.storage");
        causes.forbidden(&field, "field can not be less than status.capacity");
    }
    causes.unchanged(&Field::new("volumeMode"), &spec["volumeMode"], &was["volumeMode"]);
}
