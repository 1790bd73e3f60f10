//! What is refused in the affinity of a pod.
//!
//! Upstream: core/validation validateAffinity and what it calls, v1.37.

use serde_json::Value;

use crate::apiserver::objects::json::{fields, int, list, text};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::{names, selector};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Checks an affinity, if there is one.
pub(super) fn affinity(affinity: &Value, field: &Field, causes: &mut Causes) {
    node_affinity(&affinity["nodeAffinity"], &field.child("nodeAffinity"), causes);
    for which in ["podAffinity", "podAntiAffinity"] {
        pod_affinity(&affinity[which], &field.child(which), causes);
    }
}

fn node_affinity(affinity: &Value, field: &Field, causes: &mut Causes) {
    let required = &affinity[REQUIRED];
    if !required.is_null() {
        node_selector(required, &field.child(REQUIRED), causes);
    }
    for (at, term) in list(affinity, PREFERRED).iter().enumerate() {
        let field = field.child(PREFERRED).index(at);
        weight(term, &field, causes);
        node_term(&term["preference"], false, &field.child("preference"), causes);
    }
}

/// Checks a NodeSelector, of a pod or of a volume.
pub(in crate::apiserver::objects) fn node_selector(
    selector: &Value,
    field: &Field,
    causes: &mut Causes,
) {
    let (terms, field) = (list(selector, "nodeSelectorTerms"), field.child("nodeSelectorTerms"));
    if terms.is_empty() {
        causes.required(&field, "must have at least one node selector term");
    }
    for (at, term) in terms.iter().enumerate() {
        node_term(term, true, &field.index(at), causes);
    }
}

fn node_term(term: &Value, values_checked: bool, field: &Field, causes: &mut Causes) {
    for (at, requirement) in list(term, "matchExpressions").iter().enumerate() {
        let field = field.child("matchExpressions").index(at);
        node_expression(requirement, values_checked, &field, causes);
    }
    for (at, requirement) in list(term, "matchFields").iter().enumerate() {
        node_field(requirement, &field.child("matchFields").index(at), causes);
    }
}

fn node_expression(requirement: &Value, values_checked: bool, field: &Field, causes: &mut Causes) {
    let (values, at) = (list(requirement, "values"), field.child("values"));
    match text(requirement, "operator") {
        "In" | "NotIn" if values.is_empty() => {
            causes.required(&at, "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            causes.forbidden(&at, why);
        }
        "Gt" | "Lt" if values.len() != 1 => {
            causes.required(&at, "must be specified single value when `operator` is 'Lt' or 'Gt'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => {
            causes.invalid(&field.child("operator"), other, "not a valid selector operator");
        }
    }
    selector::label_key(text(requirement, "key"), &field.child("key"), causes);
    if values_checked {
        for (index, value) in values.iter().filter_map(Value::as_str).enumerate() {
            causes.invalid_each(&at.index(index), value, names::label_value(value));
        }
    }
}

fn node_field(requirement: &Value, field: &Field, causes: &mut Causes) {
    let (values, at) = (list(requirement, "values"), field.child("values"));
    match text(requirement, "operator") {
        "In" | "NotIn" if values.len() != 1 => {
            let why =
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            causes.required(&at, why);
        }
        "In" | "NotIn" => {}
        other => {
            causes.invalid(&field.child("operator"), other, "not a valid selector operator");
        }
    }
    let key = text(requirement, "key");
    if key != "metadata.name" {
        causes.invalid(&field.child("key"), key, "not a valid field selector key");
        return;
    }
    for (index, value) in values.iter().filter_map(Value::as_str).enumerate() {
        causes.invalid_each(&at.index(index), value, names::subdomain(value));
    }
}

fn weight(term: &Value, field: &Field, causes: &mut Causes) {
    let weight = int(term, "weight").unwrap_or(0);
    if !(1..=100).contains(&weight) {
        causes.invalid(&field.child("weight"), weight, "must be in the range 1-100");
    }
}

fn pod_affinity(affinity: &Value, field: &Field, causes: &mut Causes) {
    for (at, term) in list(affinity, REQUIRED).iter().enumerate() {
        pod_term(term, &field.child(REQUIRED).index(at), causes);
    }
    for (at, term) in list(affinity, PREFERRED).iter().enumerate() {
        let field = field.child(PREFERRED).index(at);
        weight(term, &field, causes);
        pod_term(&term["podAffinityTerm"], &field.child("podAffinityTerm"), causes);
    }
}

fn pod_term(term: &Value, field: &Field, causes: &mut Causes) {
    for which in ["labelSelector", "namespaceSelector"] {
        selector::selector(&term[which], &field.child(which), causes);
    }
    for name in list(term, "namespaces").iter().filter_map(Value::as_str) {
        causes.invalid_each(&field.child("namespace"), name, names::dns_label(name));
    }
    match_label_keys(term, field, causes);
    let key = text(term, "topologyKey");
    if key.is_empty() {
        causes.required(&field.child("topologyKey"), "can not be empty");
    }
    selector::label_key(key, &field.child("topologyKey"), causes);
}

/// Checks `matchLabelKeys` and `mismatchLabelKeys` of a term or of a spread constraint, which creation
/// has merged into the selector already.
pub(super) fn match_label_keys(term: &Value, field: &Field, causes: &mut Causes) {
    let selector = &term["labelSelector"];
    for which in ["matchLabelKeys", "mismatchLabelKeys"] {
        let (keys, field) = (list(term, which), field.child(which));
        if !keys.is_empty() && selector.is_null() {
            causes.forbidden(&field, "must not be specified when labelSelector is not set");
            continue;
        }
        for (at, key) in keys.iter().filter_map(Value::as_str).enumerate() {
            selector::label_key(key, &field.index(at), causes);
        }
    }
    let keys = list(term, "matchLabelKeys");
    let mut seen: Vec<&str> =
        fields(&selector["matchLabels"]).map(|(key, _)| key.as_str()).collect();
    for requirement in list(selector, "matchExpressions") {
        let key = text(requirement, "key");
        let at = keys.iter().rposition(|own| own == key).filter(|_| seen.contains(&key));
        if let Some(at) = at {
            let why = "exists in both matchLabelKeys and labelSelector";
            causes.invalid(&field.index(at), key, why);
        }
        seen.push(key);
    }
    let mismatch = list(term, "mismatchLabelKeys");
    for (at, key) in keys.iter().enumerate().filter(|(_, key)| mismatch.contains(key)) {
        let why = "exists in both matchLabelKeys and mismatchLabelKeys";
        causes.invalid(&field.child("matchLabelKeys").index(at), key.clone(), why);
    }
}
