//! What is refused in the kinds that make pods.
//!
//! Upstream: apps/validation, v1.37.

use serde_json::{Value, json};

use super::claim;

use crate::apiserver::objects::json::{fields, int, length, list, part, push, set, take, text};
use crate::apiserver::objects::pod::validate;
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::{names, selector};

const LABELS_DIFFER: &str = "`selector` does not match template `labels`";

/// Numbers that must not be negative.
pub(super) fn not_negative(spec: &Value, keys: &[&str], field: &Field, causes: &mut Causes) {
    for key in keys {
        causes.not_negative(&field.child(key), int(spec, key));
    }
}

/// A number that is not negative, or a percentage.
pub(super) fn int_or_percent(value: &Value, field: &Field, causes: &mut Causes) {
    if let Some(text) = value.as_str() {
        let digits = text.strip_suffix('%').unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let why = "a valid percent string must be a numeric string followed by an ending '%' (e.g. \
                       '1%',  or '93%', regex used for validation is '[0-9]+%')";
            causes.invalid(field, text, why);
        }
    }
    causes.not_negative(field, value.as_i64());
}

/// A percentage that is not above 100.
pub(super) fn not_over_all(value: &Value, field: &Field, causes: &mut Causes) {
    let percent = value.as_str().and_then(|text| text.strip_suffix('%')?.parse::<i64>().ok());
    if percent.is_some_and(|percent| percent > 100) {
        causes.invalid(field, value.clone(), "must not be greater than 100%");
    }
}

fn is_zero(value: &Value) -> bool {
    let number = value.as_str().map(|text| text.trim_end_matches('%').parse::<i64>().unwrap_or(0));
    number.or_else(|| value.as_i64()).unwrap_or(0) == 0
}

/// The selector, which has to select the template's pods; says whether it can be read.
fn selected_template(spec: &Value, what: &str, field: &Field, causes: &mut Causes) -> bool {
    let (own, at) = (&spec["selector"], field.child("selector"));
    let before = causes.len();
    if own.is_null() {
        causes.required(&at, "");
    } else {
        selector::selector(own, &at, causes);
        if causes.len() > before {
            let why = if what == "statefulset" { "" } else { "invalid label selector" };
            causes.invalid(&at, own.clone(), why);
            return false;
        }
        if selector::is_empty(own) {
            causes.invalid(&at, own.clone(), &format!("empty selector is invalid for {what}"));
        }
    }
    let labels = &spec["template"]["metadata"]["labels"];
    let fits = !own.is_null() && (selector::is_empty(own) || selector::selects(own, labels));
    if !fits {
        let at = field.child("template").child("metadata").child("labels");
        causes.invalid(&at, labels.clone(), LABELS_DIFFER);
    }
    true
}

/// The template of pods that run for ever.
fn lasting_template(spec: &Value, kind: &str, field: &Field, causes: &mut Causes) {
    let (own, field) = (&spec["template"], field.child("template"));
    validate::template(own, &field, causes);
    lasting(own, kind, &field, causes);
}

fn lasting(template: &Value, kind: &str, field: &Field, causes: &mut Causes) {
    let spec = &template["spec"];
    let policy = text(spec, "restartPolicy");
    if policy != "Always" {
        let at = field.child("spec").child("restartPolicy");
        causes.not_supported(&at, policy, &["Always"]);
    }
    if !spec["activeDeadlineSeconds"].is_null() {
        let at = field.child("spec").child("activeDeadlineSeconds");
        causes.forbidden(&at, &format!("activeDeadlineSeconds in {kind} is not Supported"));
    }
}

/// What is refused in a Deployment.
pub(super) fn deployment(deployment: &Value, causes: &mut Causes) {
    let (spec, field) = (&deployment["spec"], Field::new("spec"));
    not_negative(spec, &["replicas"], &field, causes);
    if selected_template(spec, "deployment", &field, causes) {
        lasting_template(spec, "ReplicaSet", &field, causes);
    }
    let (strategy, at) = (&spec["strategy"], field.child("strategy"));
    let update = &strategy["rollingUpdate"];
    match text(strategy, "type") {
        "Recreate" if !update.is_null() => {
            let why = "may not be specified when strategy `type` is 'Recreate'";
            causes.forbidden(&at.child("rollingUpdate"), why);
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let at = at.child("rollingUpdate");
            for key in ["maxUnavailable", "maxSurge"] {
                int_or_percent(&update[key], &at.child(key), causes);
            }
            let (down, up) = (&update["maxUnavailable"], &update["maxSurge"]);
            if is_zero(down) && is_zero(up) {
                let why = "may not be 0 when `maxSurge` is 0";
                causes.invalid(&at.child("maxUnavailable"), down.clone(), why);
            }
            not_over_all(down, &at.child("maxUnavailable"), causes);
        }
        _ => {
            let valid = ["Recreate", "RollingUpdate"];
            causes.not_supported_json(&at, &strategy.to_string(), &valid);
        }
    }
    let keys = ["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"];
    not_negative(spec, &keys, &field, causes);
    let ready = int(spec, "minReadySeconds").unwrap_or(0);
    if let Some(seconds) = int(spec, "progressDeadlineSeconds").filter(|own| *own <= ready) {
        let at = field.child("progressDeadlineSeconds");
        causes.invalid(&at, seconds, "must be greater than minReadySeconds");
    }
}

/// What is refused in a ReplicaSet.
pub(super) fn replica_set(object: &Value, causes: &mut Causes) {
    let (spec, field) = (&object["spec"], Field::new("spec"));
    not_negative(spec, &["replicas", "minReadySeconds"], &field, causes);
    if selected_template(spec, "deployment", &field, causes) {
        lasting_template(spec, "ReplicaSet", &field, causes);
    }
}

/// What is refused in a ReplicationController.
pub(super) fn controller(object: &Value, causes: &mut Causes) {
    let (spec, field) = (&object["spec"], Field::new("spec"));
    not_negative(spec, &["minReadySeconds", "replicas"], &field, causes);
    let (own, template) = (&spec["selector"], &spec["template"]);
    if length(own) == 0 {
        causes.required(&field.child("selector"), "");
    }
    if template.is_null() {
        causes.required(&field.child("template"), "");
        return;
    }
    let labels = &template["metadata"]["labels"];
    if fields(own).any(|(key, value)| labels[key.as_str()] != *value) {
        let at = field.child("template").child("metadata").child("labels");
        causes.invalid(&at, labels.clone(), LABELS_DIFFER);
    }
    lasting_template(spec, "ReplicationController", &field, causes);
}

/// What is refused in a StatefulSet.
pub(super) fn stateful_set(object: &Value, causes: &mut Causes) {
    let (spec, field) = (&object["spec"], Field::new("spec"));
    let policy = text(spec, "podManagementPolicy");
    if policy != "OrderedReady" && policy != "Parallel" {
        let why = "must be 'OrderedReady' or 'Parallel'";
        causes.invalid(&field.child("podManagementPolicy"), policy, why);
    }
    let (strategy, at) = (&spec["updateStrategy"], field.child("updateStrategy"));
    let update = &strategy["rollingUpdate"];
    match text(strategy, "type") {
        "OnDelete" if !update.is_null() => {
            let why = "only allowed for updateStrategy 'RollingUpdate'";
            causes.invalid(&at.child("rollingUpdate"), update.clone(), why);
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            causes.not_negative(
                &at.child("rollingUpdate").child("partition"),
                int(update, "partition"),
            );
        }
        _ => causes.invalid(&at, strategy.clone(), "must be 'RollingUpdate' or 'OnDelete'"),
    }
    for (at, claim) in list(spec, "volumeClaimTemplates").iter().enumerate() {
        let at = field.child("volumeClaimTemplates").index(at).child("spec");
        claim::spec(&claim["spec"], &at, causes);
    }
    not_negative(spec, &["replicas", "minReadySeconds"], &field, causes);
    let service = text(spec, "serviceName");
    if !service.is_empty() {
        causes.invalid_each(&field.child("serviceName"), service, names::dns_label(service));
    }
    let at = field.child("template");
    if selected_template(spec, "statefulset", &field, causes) {
        let mut template = spec["template"].clone();
        if let Some(own) = part(&mut template, "spec") {
            take(own, "hostname");
            take(own, "subdomain");
        }
        claims_as_volumes(&mut template, spec);
        validate::template(&template, &at, causes);
    }
    lasting(&spec["template"], "StatefulSet", &at, causes);
}

/// Puts the claims that the set makes among the volumes of its template.
fn claims_as_volumes(template: &mut Value, spec: &Value) {
    let claims = list(spec, "volumeClaimTemplates");
    let name_of = |claim: &Value| text(&claim["metadata"], "name").to_owned();
    let own = list(&template["spec"], "volumes").iter();
    let kept: Vec<Value> = own
        .filter(|volume| !claims.iter().any(|claim| name_of(claim) == text(volume, "name")))
        .cloned()
        .collect();
    let Some(pods) = part(template, "spec").filter(|_| !claims.is_empty()) else { return };
    set(pods, "volumes", kept);
    for claim in claims {
        let name = name_of(claim);
        let volume = json!({"name": name, "persistentVolumeClaim": {"claimName": name}});
        push(pods, "volumes", volume);
    }
}

/// What is refused in a change of a StatefulSet.
pub(super) fn stateful_set_update(new: &Value, old: &Value, causes: &mut Causes) {
    let (spec, was) = (&new["spec"], &old["spec"]);
    for key in ["selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy"] {
        causes.unchanged(&Field::new("spec").child(key), &spec[key], &was[key]);
    }
}

/// What is refused in a DaemonSet.
pub(super) fn daemon_set(object: &Value, causes: &mut Causes) {
    let (spec, field) = (&object["spec"], Field::new("spec"));
    let (own, before) = (&spec["selector"], causes.len());
    selector::selector(own, &field.child("selector"), causes);
    let labels = &spec["template"]["metadata"]["labels"];
    let readable = causes.len() == before;
    if readable && (own.is_null() || !selector::selects(own, labels)) {
        let at = field.child("template").child("metadata").child("labels");
        causes.invalid(&at, labels.clone(), LABELS_DIFFER);
    }
    if !own.is_null() && selector::is_empty(own) {
        let why = "empty selector is invalid for daemonset";
        causes.invalid(&field.child("selector"), own.clone(), why);
    }
    lasting_template(spec, "DaemonSet", &field, causes);
    not_negative(spec, &["minReadySeconds", "revisionHistoryLimit"], &field, causes);
    let (strategy, at) = (&spec["updateStrategy"], field.child("updateStrategy"));
    match text(strategy, "type") {
        "OnDelete" => {}
        "RollingUpdate" => rolling_daemons(&strategy["rollingUpdate"], &at, causes),
        _ => {
            let valid = ["RollingUpdate", "OnDelete"];
            causes.not_supported_json(&at, &strategy.to_string(), &valid);
        }
    }
}

fn rolling_daemons(update: &Value, field: &Field, causes: &mut Causes) {
    let field = field.child("rollingUpdate");
    for key in ["maxUnavailable", "maxSurge"] {
        int_or_percent(&update[key], &field.child(key), causes);
        not_over_all(&update[key], &field.child(key), causes);
    }
    let (down, up) = (is_zero(&update["maxUnavailable"]), is_zero(&update["maxSurge"]));
    if !down && !up {
        let why = "may not be set when maxUnavailable is non-zero";
        causes.invalid(&field.child("maxSurge"), update["maxSurge"].clone(), why);
    } else if down && up {
        causes.required(&field.child("maxUnavailable"), "cannot be 0 when maxSurge is 0");
    }
}

/// A selector may not change.
pub(super) fn same_selector(new: &Value, old: &Value, causes: &mut Causes) {
    let field = Field::new("spec.selector");
    causes.unchanged(&field, &new["spec"]["selector"], &old["spec"]["selector"]);
}
