//! What is refused where a pod is told of itself: fields and resources in variables and files.
//!
//! Upstream: core/validation validateObjectFieldSelector, validateContainerResourceFieldSelector and
//! validateDownwardAPIVolumeFile, v1.37.

use serde_json::Value;

use crate::apiserver::objects::json::{list, text};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::selector;

/// The fields that there are.
const FIELDS: [&str; 14] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.phase",
    "status.podIP",
    "status.podIPs",
];
/// Those that a variable can have.
const IN_VARIABLES: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Those that a file can have.
const IN_FILES: [&str; 5] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// Checks the two references of a variable's source.
pub(super) fn variable(source: &Value, field: &Field, causes: &mut Causes) {
    if !source["fieldRef"].is_null() {
        one_field(&source["fieldRef"], &IN_VARIABLES, &field.child("fieldRef"), causes);
    }
    if !source["resourceFieldRef"].is_null() {
        resource(&source["resourceFieldRef"], false, &field.child("resourceFieldRef"), causes);
    }
}

/// Checks the files of a volume. Upstream does not say which one is wrong.
pub(super) fn files(source: &Value, field: &Field, causes: &mut Causes) {
    for file in list(source, "items") {
        local_path(text(file, "path"), &field.child("path"), causes);
        let (own, other) = (&file["fieldRef"], &file["resourceFieldRef"]);
        if !own.is_null() {
            one_field(own, &IN_FILES, &field.child("fieldRef"), causes);
            if !other.is_null() {
                let why = "fieldRef and resourceFieldRef can not be specified simultaneously";
                causes.invalid(field, "resource", why);
            }
        } else if !other.is_null() {
            resource(other, true, &field.child("resourceFieldRef"), causes);
        } else {
            causes.required(field, "one of fieldRef and resourceFieldRef is required");
        }
    }
}

/// A path inside a volume.
pub(super) fn local_path(path: &str, field: &Field, causes: &mut Causes) {
    if path.is_empty() {
        causes.required(field, "");
    }
    if path.starts_with('/') {
        causes.invalid(field, path, "must be a relative path");
    }
    let back = path.split('/').any(|part| part == "..");
    if back {
        causes.invalid(field, path, "must not contain '..'");
    } else if path.starts_with("..") {
        causes.invalid(field, path, "must not start with '..'");
    }
}

fn one_field(reference: &Value, valid: &[&str], field: &Field, causes: &mut Causes) {
    let (path, at) = (text(reference, "fieldPath"), field.child("fieldPath"));
    if path.is_empty() {
        causes.required(&at, "");
        return;
    }
    let subscript = path.strip_suffix("']").and_then(|start| start.split_once("['"));
    if let Some((of, key)) = subscript {
        match of {
            "metadata.annotations" => selector::label_key(&key.to_lowercase(), field, causes),
            "metadata.labels" => selector::label_key(key, field, causes),
            _ => unknown(path, &at, causes),
        }
        return;
    }
    // The old name of the node.
    let name = if path == "spec.host" { "spec.nodeName" } else { path };
    if !FIELDS.contains(&name) {
        unknown(path, &at, causes);
    } else if !valid.contains(&name) {
        causes.not_supported(&at, name, valid);
    }
}

fn unknown(path: &str, field: &Field, causes: &mut Causes) {
    let why = format!("error converting fieldPath: field label not supported: {path}");
    causes.invalid(field, path, &why);
}

fn resource(reference: &Value, in_file: bool, field: &Field, causes: &mut Causes) {
    let (name, at) = (text(reference, "resource"), field.child("resource"));
    let huge = ["limits.hugepages-", "requests.hugepages-"];
    if in_file && text(reference, "containerName").is_empty() {
        causes.required(&field.child("containerName"), "");
    } else if name.is_empty() {
        causes.required(&at, "");
    } else if !RESOURCES.contains(&name) && !huge.iter().any(|start| name.starts_with(start)) {
        causes.not_supported(&at, name, &RESOURCES);
    }
}
