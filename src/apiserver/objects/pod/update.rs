//! What may change in a pod, through the pod itself and through `ephemeralcontainers`.
//!
//! Upstream: registry/core/pod strategy and core/validation ValidatePodUpdate, v1.37.

use serde_json::{Value, json};

use super::{placement, validate};
use crate::apiserver::objects::json::{copy, fields, int, length, list, list_mut, set, take, text};
use crate::apiserver::objects::metadata;
use crate::apiserver::objects::refusal::{Causes, Field};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const MIRROR: &str = "kubernetes.io/config.mirror";
/// How the refusal of any other change begins.
const ONLY_THESE: &str = "pod updates may not change fields other than \
    `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
    `spec.tolerations` (only additions to existing tolerations),\
    `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Puts back what a change of the pod cannot reach.
pub(in crate::apiserver::objects) fn prepare(new: &mut Value, old: &Value) {
    copy(new, old, "status");
    for key in ["priority", "preemptionPolicy"] {
        if new["spec"][key].is_null() {
            copy(&mut new["spec"], &old["spec"], key);
        }
    }
    if new["spec"]["resources"].is_null() {
        copy(&mut new["spec"], &old["spec"], "resources");
    }
    count_generation(new, old);
}

/// Moves the generation on where the spec has changed.
pub(super) fn count_generation(new: &mut Value, old: &Value) {
    let had = int(&old["metadata"], "generation").unwrap_or(0);
    let generation = if new["spec"] == old["spec"] { had } else { had + 1 };
    set(&mut new["metadata"], "generation", generation);
}

/// Checks a change of the pod.
pub(in crate::apiserver::objects) fn validate(new: &Value, old: &Value, causes: &mut Causes) {
    metadata::on_update(&new["metadata"], &old["metadata"], causes);
    validate::metadata_and_spec(new, causes);
    mirror_annotation(new, old, causes);
    let (field, (own, was)) = (Field::new("spec"), (&new["spec"], &old["spec"]));
    for which in ["containers", "initContainers"] {
        if list(own, which).len() != list(was, which).len() {
            let why = "pod updates may not add or remove containers";
            causes.forbidden(&field.child(which), why);
            return;
        }
        for (at, container) in list(own, which).iter().enumerate() {
            let (image, field) = (text(container, "image"), field.child(which).index(at));
            if image.is_empty() {
                causes.required(&field.child("image"), "");
            } else if image.trim().len() != image.len() {
                let why = "must not have leading or trailing whitespace";
                causes.invalid(&field.child("image"), image, why);
            }
        }
    }
    if !deadline(own, was, &field.child("activeDeadlineSeconds"), causes) {
        return;
    }
    let (tolerations, had) = (list(own, "tolerations"), list(was, "tolerations"));
    placement::only_added(tolerations, had, &field.child("tolerations"), causes);
    placement::only_removed(own, was, &field.child("schedulingGates"), causes);
    if own == was {
        return;
    }
    let mut rest = own.clone();
    undo_allowed(&mut rest, was);
    if !list(was, "schedulingGates").is_empty() {
        undo_gated(&mut rest, was, &field, causes);
    }
    let changed = differences(was, &rest);
    if !changed.is_empty() {
        causes.forbidden(&field, &format!("{ONLY_THESE}\n{}", changed.join("\n")));
    }
}

/// Whether the deadline may change so.
fn deadline(new: &Value, old: &Value, field: &Field, causes: &mut Causes) -> bool {
    let key = "activeDeadlineSeconds";
    let most = i64::from(i32::MAX);
    match (int(new, key), int(old, key)) {
        (Some(seconds), _) if !(0..=most).contains(&seconds) => {
            let why = format!("must be between 0 and {most}, inclusive");
            causes.invalid(field, seconds, &why);
            return false;
        }
        (Some(seconds), Some(before)) if before < seconds => {
            causes.invalid(field, seconds, "must be less than or equal to previous value");
            return false;
        }
        (None, Some(_)) => {
            let why = "must not update from a positive integer to nil value";
            causes.invalid(field, Value::Null, why);
        }
        _ => {}
    }
    true
}

/// Sets back what any pod may change.
fn undo_allowed(rest: &mut Value, was: &Value) {
    for which in ["containers", "initContainers"] {
        for (container, was) in list_mut(rest, which).iter_mut().zip(list(was, which)) {
            copy(container, was, "image");
        }
    }
    for key in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
        copy(rest, was, key);
    }
    let key = "terminationGracePeriodSeconds";
    if int(was, key).is_some_and(|seconds| seconds < 0) && int(rest, key) == Some(1) {
        copy(rest, was, key);
    }
}

/// Sets back what a pod with scheduling gates may narrow, after a look at it.
fn undo_gated(rest: &mut Value, was: &Value, field: &Field, causes: &mut Causes) {
    let (new, old) = (&rest["nodeSelector"], &was["nodeSelector"]);
    if fields(old).any(|(key, value)| new[key.as_str()] != *value) {
        let why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        causes.invalid(&field.child("nodeSelector"), new.clone(), why);
    }
    copy(rest, was, "nodeSelector");
    let (new, old) = (&rest["affinity"]["nodeAffinity"], &was["affinity"]["nodeAffinity"]);
    if new == old {
        return;
    }
    let at = field.child("affinity").child("nodeAffinity").child(REQUIRED);
    node_terms(&new[REQUIRED], &old[REQUIRED], &at.child("nodeSelectorTerms"), causes);
    if was["affinity"].is_null() && length(&rest["affinity"]) <= 1 {
        take(rest, "affinity");
        return;
    }
    if rest["affinity"].is_null() {
        set(rest, "affinity", json!({}));
    }
    copy(&mut rest["affinity"], &was["affinity"], "nodeAffinity");
}

fn node_terms(new: &Value, old: &Value, field: &Field, causes: &mut Causes) {
    let (terms, had) = (list(new, "nodeSelectorTerms"), list(old, "nodeSelectorTerms"));
    if had.is_empty() {
        return;
    }
    if terms.len() != had.len() {
        let why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        causes.invalid(field, terms.to_vec(), why);
        return;
    }
    for (at, (term, was)) in terms.iter().zip(had).enumerate() {
        let keys = ["matchExpressions", "matchFields"];
        let grown = keys.iter().all(|key| list(term, key).starts_with(list(was, key)));
        let selects = |term: &Value| keys.iter().any(|key| !list(term, key).is_empty());
        if !grown || (!selects(was) && selects(term)) {
            let why = "only additions are allowed (no mutations or deletions)";
            causes.invalid(&field.index(at), term.clone(), why);
        }
    }
}

/// The fields of a spec that are not the same, one line each.
fn differences(old: &Value, new: &Value) -> Vec<String> {
    let names = fields(old).chain(fields(new).filter(|(key, _)| old[key.as_str()].is_null()));
    let changed = names.filter(|(key, _)| old[key.as_str()] != new[key.as_str()]);
    changed
        .map(|(key, _)| format!("spec.{key}: {} -> {}", old[key.as_str()], new[key.as_str()]))
        .collect()
}

fn mirror_annotation(new: &Value, old: &Value, causes: &mut Causes) {
    let own = |pod: &Value| pod["metadata"]["annotations"][MIRROR].clone();
    let (new, old) = (own(new), own(old));
    if new == old {
        return;
    }
    let what = if old.is_null() { "add" } else { "remove or update" };
    let field = Field::new("metadata.annotations").key(MIRROR);
    causes.forbidden(&field, &format!("may not {what} mirror pod annotation"));
}

/// Puts back all but the ephemeral containers.
pub(in crate::apiserver::objects) fn prepare_ephemeral(new: &mut Value, old: &Value) {
    let containers = new["spec"]["ephemeralContainers"].clone();
    copy(new, old, "spec");
    copy(new, old, "status");
    reset_metadata(new, old);
    take(&mut new["spec"], "ephemeralContainers");
    if !containers.is_null() {
        set(&mut new["spec"], "ephemeralContainers", containers);
    }
    count_generation(new, old);
}

/// Puts back the metadata that a subresource does not write.
///
/// Upstream: metav1.ResetObjectMetaForStatus, v1.37.
pub(in crate::apiserver::objects) fn reset_metadata(new: &mut Value, old: &Value) {
    for key in [
        "deletionTimestamp",
        "generation",
        "selfLink",
        "labels",
        "annotations",
        "finalizers",
        "ownerReferences",
    ] {
        copy(&mut new["metadata"], &old["metadata"], key);
    }
}

/// Checks a change of the ephemeral containers.
pub(in crate::apiserver::objects) fn validate_ephemeral(
    new: &Value,
    old: &Value,
    causes: &mut Causes,
) {
    metadata::on_update(&new["metadata"], &old["metadata"], causes);
    validate::metadata_and_spec(new, causes);
    let field = Field::new("spec.ephemeralContainers");
    let all = list(&new["spec"], "ephemeralContainers");
    for was in list(&old["spec"], "ephemeralContainers") {
        let name = text(was, "name");
        let kept = all.iter().find(|container| text(container, "name") == name);
        let what = match kept {
            None => "removed",
            Some(kept) if kept != was => "changed",
            Some(_) => continue,
        };
        let why = format!("existing ephemeral containers {name:?} may not be {what}\n");
        causes.forbidden(&field, &why);
    }
}
