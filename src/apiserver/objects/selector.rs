//! Label selectors and labels.
//!
//! Upstream: apimachinery meta/v1/validation, v1.37.

use serde_json::Value;

use super::json::{fields, list, text};
use super::names;
use super::refusal::{Causes, Field};

/// The keys and values of labels, or of a selector that is a map.
pub(super) fn labels(labels: &Value, field: &Field, causes: &mut Causes) {
    for (key, value) in fields(labels) {
        causes.invalid_each(field, key, names::qualified(key));
        let value = value.as_str().unwrap_or_default();
        causes.invalid_each(field, value, names::label_value(value));
    }
}

/// A key of a label.
pub(super) fn label_key(key: &str, field: &Field, causes: &mut Causes) {
    causes.invalid_each(field, key, names::qualified(key));
}

/// A LabelSelector, if there is one.
pub(super) fn selector(selector: &Value, field: &Field, causes: &mut Causes) {
    labels(&selector["matchLabels"], &field.child("matchLabels"), causes);
    for (at, requirement) in list(selector, "matchExpressions").iter().enumerate() {
        expression(requirement, &field.child("matchExpressions").index(at), causes);
    }
}

fn expression(requirement: &Value, field: &Field, causes: &mut Causes) {
    let values = list(requirement, "values");
    match text(requirement, "operator") {
        "In" | "NotIn" if values.is_empty() => {
            let why = "must be specified when `operator` is 'In' or 'NotIn'";
            causes.required(&field.child("values"), why);
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            causes.forbidden(&field.child("values"), why);
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => {
            causes.invalid(&field.child("operator"), other, "not a valid selector operator");
        }
    }
    label_key(text(requirement, "key"), &field.child("key"), causes);
    for (at, value) in values.iter().filter_map(Value::as_str).enumerate() {
        causes.invalid_each(&field.child("values").index(at), value, names::label_value(value));
    }
}

/// Whether a LabelSelector selects `labels`; an empty one selects all.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    fields(&selector["matchLabels"]).all(|(key, value)| labels[key] == *value)
        && list(selector, "matchExpressions").iter().all(|requirement| {
            let own = &labels[text(requirement, "key")];
            let listed = list(requirement, "values").contains(own);
            match text(requirement, "operator") {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => !own.is_null(),
                "DoesNotExist" => own.is_null(),
                _ => false,
            }
        })
}

/// Whether a LabelSelector has no requirement at all.
pub(super) fn is_empty(selector: &Value) -> bool {
    fields(&selector["matchLabels"]).next().is_none()
        && list(selector, "matchExpressions").is_empty()
}
