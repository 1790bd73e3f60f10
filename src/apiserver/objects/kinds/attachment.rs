//! VolumeAttachments.
//!
//! Upstream: storage/validation ValidateVolumeAttachment, v1.37.

use serde_json::{Value, json};

use crate::apiserver::objects::json::{ensure, set, set_default, text};
use crate::apiserver::objects::names;
use crate::apiserver::objects::refusal::{Causes, Field};

/// Fills in an attachment.
pub(super) fn defaults(attachment: &mut Value) {
    if let Some(spec) = ensure(attachment, "spec") {
        ensure(spec, "source");
    }
    if let Some(status) = ensure(attachment, "status") {
        set_default(status, "attached", false);
    }
}

/// Makes the attachment a new one.
pub(super) fn create(attachment: &mut Value, _now: &str) {
    set(attachment, "status", json!({"attached": false}));
}

/// What is refused in an attachment.
pub(super) fn validate(attachment: &Value, causes: &mut Causes) {
    let (spec, field) = (&attachment["spec"], Field::new("spec"));
    if text(spec, "attacher").is_empty() {
        causes.required(&field.child("attacher"), "");
    }
    let (node, at) = (text(spec, "nodeName"), field.child("nodeName"));
    causes.invalid_each(&at, node, names::subdomain(node));
    if let Some(volume) = spec["source"]["persistentVolumeName"].as_str() {
        let at = field.child("source").child("persistentVolumeName");
        causes.invalid_each(&at, volume, names::subdomain(volume));
    }
    let source = &spec["source"];
    let given = ["persistentVolumeName", "inlineVolumeSpec"].map(|key| !source[key].is_null());
    match given.iter().filter(|given| **given).count() {
        0 => causes.required(
            &field.child("source"),
            "must specify exactly one of inlineVolumeSpec and persistentVolumeName",
        ),
        1 => {}
        _ => causes.forbidden(
            &field.child("source"),
            "must specify exactly one of inlineVolumeSpec and persistentVolumeName",
        ),
    }
}
