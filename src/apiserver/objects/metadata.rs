//! The metadata of all kinds.
//!
//! Upstream: apimachinery api/validation objectmeta.go, v1.37.

use serde_json::Value;

use super::json::{fields, int, list, text};
use super::refusal::{Causes, Field};
use super::{names, selector};

/// Most bytes of all annotations of an object together.
const ANNOTATIONS_MAX: usize = 256 * 1024;

/// Finalizers that have no prefix.
const STANDARD_FINALIZERS: [&str; 3] = ["foregroundDeletion", "kubernetes", "orphan"];

/// What a name has to be.
pub(super) type NameRule = fn(&str) -> Vec<String>;

/// Checks the metadata of a new object.
pub(super) fn on_create(meta: &Value, rule: NameRule, namespaced: bool, causes: &mut Causes) {
    let field = Field::new("metadata");
    let prefix = text(meta, "generateName");
    if !prefix.is_empty() {
        // A prefix may end as a name may not.
        let masked = prefix.strip_suffix('-').map(|start| format!("{start}a"));
        let wrong = rule(masked.as_deref().unwrap_or(prefix));
        causes.invalid_each(&field.child("generateName"), prefix, wrong);
    }
    match text(meta, "name") {
        "" => causes.required(&field.child("name"), "name or generateName is required"),
        name => causes.invalid_each(&field.child("name"), name, rule(name)),
    }
    namespace(meta, namespaced, &field.child("namespace"), causes);
    causes.not_negative(&field.child("generation"), int(meta, "generation"));
    common(meta, &field, causes);
    finalizers(meta, &field.child("finalizers"), causes);
}

fn namespace(meta: &Value, namespaced: bool, field: &Field, causes: &mut Causes) {
    match (text(meta, "namespace"), namespaced) {
        ("", true) => causes.required(field, ""),
        (name, true) => causes.invalid_each(field, name, names::dns_label(name)),
        ("", false) => {}
        (_, false) => causes.forbidden(field, "not allowed on this type"),
    }
}

fn common(meta: &Value, field: &Field, causes: &mut Causes) {
    selector::labels(&meta["labels"], &field.child("labels"), causes);
    let (at, mut size) = (field.child("annotations"), 0);
    for (key, value) in fields(&meta["annotations"]) {
        causes.invalid_each(&at, key, names::qualified(&key.to_lowercase()));
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > ANNOTATIONS_MAX {
        causes.too_long(&at, ANNOTATIONS_MAX);
    }
    owners(meta, &field.child("ownerReferences"), causes);
}

fn owners(meta: &Value, list_field: &Field, causes: &mut Causes) {
    let references = list(meta, "ownerReferences");
    let mut controller: Option<String> = None;
    for (at, owner) in references.iter().enumerate() {
        let field = list_field.index(at);
        let version = text(owner, "apiVersion");
        if !version.is_empty() && (version.ends_with('/') || version.matches('/').count() > 1) {
            let why = "must be <group>/<version> or <version>";
            causes.invalid(&field.child("apiVersion"), version, why);
        }
        for key in ["apiVersion", "kind", "name", "uid"] {
            if text(owner, key).is_empty() {
                causes.required(&field.child(key), "must not be empty");
            }
        }
        if text(owner, "kind") == "Event" && version == "v1" {
            let why = "/v1, Kind=Event is disallowed from being an owner";
            causes.invalid(&field, owner.clone(), why);
        }
        if owner["controller"] != true {
            continue;
        }
        let this = format!("{}/{}", text(owner, "kind"), text(owner, "name"));
        match &controller {
            None => controller = Some(this),
            Some(first) => {
                let why = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in \
                     references for {first} and {this}"
                );
                causes.invalid(list_field, references.to_vec(), &why);
            }
        }
    }
}

fn finalizers(meta: &Value, field: &Field, causes: &mut Causes) {
    let all: Vec<&str> = list(meta, "finalizers").iter().filter_map(Value::as_str).collect();
    for name in &all {
        causes.invalid_each(field, name, names::qualified(name));
    }
    for (at, name) in all.iter().enumerate() {
        if !name.contains('/') && !STANDARD_FINALIZERS.contains(name) {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            causes.invalid(&field.index(at), *name, why);
        }
    }
    if all.contains(&"orphan") && all.contains(&"foregroundDeletion") {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        causes.invalid(field, list(meta, "finalizers").to_vec(), why);
    }
}

/// Checks what a change does to metadata.
pub(super) fn on_update(new: &Value, old: &Value, causes: &mut Causes) {
    let field = Field::new("metadata");
    if !old["deletionTimestamp"].is_null() {
        let had = list(old, "finalizers");
        let mut added: Vec<&str> = list(new, "finalizers")
            .iter()
            .filter(|name| !had.contains(name))
            .filter_map(Value::as_str)
            .collect();
        added.sort_unstable();
        if !added.is_empty() {
            let quoted: Vec<String> = added.iter().map(|name| format!("{name:?}")).collect();
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers \
                 []string{{{}}}",
                quoted.join(", ")
            );
            causes.forbidden(&field.child("finalizers"), &why);
        }
    }
    let (generation, had) = (int(new, "generation"), int(old, "generation").unwrap_or(0));
    if generation.unwrap_or(0) < had {
        let at = field.child("generation");
        causes.invalid(&at, generation.unwrap_or(0), "must not be decremented");
    }
    for key in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        causes.unchanged(&field.child(key), &new[key], &old[key]);
    }
    common(new, &field, causes);
}
