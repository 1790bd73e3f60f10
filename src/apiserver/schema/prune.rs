//! Makes a body into what upstream stores: what its typed decode and encode do to it.

use serde_json::{Map, Value, json};

use super::table::{Omit, Shape, Type};
use super::{GroupVersionKind, Schema, quantity, time};

/// Does to `object` what upstream's decoding into a typed object and writing it again does: unknown
/// fields, nulls and empty values of fields that are left out when empty go, quantities and times take
/// their canonical form. What has a wrong type stays as it is; ask [`super::type_error`] first.
///
/// Doing it twice changes nothing more. Does nothing for a kind that is not served.
pub fn prune(kind: &GroupVersionKind, object: &mut Value) {
    if let Some(shape) = Schema::of(kind) {
        prune_value(shape, object);
    }
}

/// Adds the fields that upstream writes even when they are empty: `"status": {}`, `"lastProbeTime": null`.
///
/// Upstream: the fields without omitempty, and structs with it. Meant for pruned objects.
pub fn complete(kind: &GroupVersionKind, object: &mut Value) {
    if let Some(shape) = Schema::of(kind) {
        complete_value(shape, object);
    }
}

fn prune_value(shape: &Type, value: &mut Value) {
    match (&shape.shape, &mut *value) {
        (Shape::Struct { .. }, Value::Object(fields)) => prune_fields(shape, fields),
        (Shape::Map { value: inner, .. }, Value::Object(fields)) => {
            for value in fields.values_mut() {
                prune_element(inner, value);
            }
        }
        (Shape::List { item, .. }, Value::Array(items)) => {
            for value in items {
                prune_element(item, value);
            }
        }
        (Shape::Quantity, Value::String(text)) => {
            if let Ok(canonical) = quantity::canonical(text) {
                *text = canonical;
            }
        }
        (Shape::Quantity, Value::Number(number)) => {
            if let Ok(canonical) = quantity::canonical(&number.to_string()) {
                *value = canonical.into();
            }
        }
        (Shape::Time | Shape::MicroTime, Value::String(text)) => {
            if let Ok(normal) = time::normal(text, matches!(shape.shape, Shape::MicroTime)) {
                *text = normal;
            }
        }
        _ => {}
    }
}

/// An element of a list or map: null is the zero value there.
fn prune_element(shape: &Type, value: &mut Value) {
    if value.is_null() && !shape.pointer {
        *value = zero(shape);
        if matches!(shape.shape, Shape::Struct { .. }) {
            *value = json!({});
        }
    }
    prune_value(shape, value);
}

fn prune_fields(shape: &Type, fields: &mut Map<String, Value>) {
    let Some(of) = shape.as_struct() else { return };
    fields.retain(|name, value| {
        let Some(field) = of.field(name) else { return false };
        if value.is_null() {
            return false;
        }
        prune_value(&field.holds, value);
        // An empty list of managedFields is a wish to forget them all.
        if field.name == "managedFields" {
            return true;
        }
        let empty = !field.holds.pointer
            && match value {
                Value::Bool(yes) => !*yes,
                Value::Number(number) => number.as_i64() == Some(0),
                Value::String(text) => text.is_empty(),
                Value::Array(items) => items.is_empty(),
                Value::Object(fields) => {
                    fields.is_empty()
                        && (field.omit == Omit::Zero
                            || !matches!(field.holds.shape, Shape::Struct { .. } | Shape::Raw))
                }
                Value::Null => true,
            };
        // Structs of Go that are no objects in JSON are not empty either.
        let counts =
            !matches!(field.holds.shape, Shape::IntOrString | Shape::Quantity | Shape::Raw);
        !(empty && counts && field.omit != Omit::Never)
    });
}

fn complete_value(shape: &Type, value: &mut Value) {
    match (&shape.shape, value) {
        (Shape::Struct { .. }, Value::Object(fields)) => {
            let Some(of) = shape.as_struct() else { return };
            for field in of.fields() {
                if let Some(value) = fields.get_mut(field.name) {
                    complete_value(&field.holds, value);
                } else if is_written_empty(&field.holds, field.omit) {
                    fields.insert(field.name.to_owned(), zero(&field.holds));
                }
            }
        }
        (Shape::Map { value: inner, .. }, Value::Object(fields)) => {
            for value in fields.values_mut() {
                complete_value(inner, value);
            }
        }
        (Shape::List { item, .. }, Value::Array(items)) => {
            for value in items {
                complete_value(item, value);
            }
        }
        _ => {}
    }
}

fn is_written_empty(shape: &Type, omit: Omit) -> bool {
    match omit {
        Omit::Never => true,
        Omit::Zero => false,
        Omit::Empty => {
            !shape.pointer
                && matches!(
                    shape.shape,
                    Shape::Struct { .. }
                        | Shape::Time
                        | Shape::MicroTime
                        | Shape::Duration
                        | Shape::Quantity
                        | Shape::IntOrString
                        | Shape::Raw
                )
        }
    }
}

/// Go's zero value of a type, as JSON.
fn zero(shape: &Type) -> Value {
    if shape.pointer {
        return Value::Null;
    }
    match &shape.shape {
        Shape::Bool => false.into(),
        Shape::Int(_) | Shape::Float | Shape::IntOrString => 0.into(),
        Shape::String => "".into(),
        Shape::Quantity => "0".into(),
        Shape::Duration => "0s".into(),
        Shape::Struct { .. } => {
            let mut value = json!({});
            complete_value(shape, &mut value);
            value
        }
        Shape::Bytes
        | Shape::Time
        | Shape::MicroTime
        | Shape::FieldsV1
        | Shape::Raw
        | Shape::List { .. }
        | Shape::Map { .. } => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_becomes_what_is_stored() {
        let pod = GroupVersionKind::new("", "v1", "Pod");
        let mut object = json!({
            "metadata": {"name": "a", "creationTimestamp": null, "labels": {}, "extra": 1,
                "annotations": {"a": null}, "managedFields": [{"manager": "m", "extra": 1}]},
            "spec": {
                "containers": [{"name": "a", "image": "", "args": [], "resources": {"limits":
                    {"cpu": "1000m", "memory": 1024}}, "securityContext": {}}],
                "hostNetwork": false, "activeDeadlineSeconds": 0, "nodeName": null,
            },
            "status": {"startTime": "2026-01-01T02:00:00+01:00"},
        });
        prune(&pod, &mut object);
        let want = json!({
            "metadata": {"name": "a", "annotations": {"a": ""}, "managedFields": [{"manager": "m"}]},
            "spec": {
                "containers": [{"name": "a", "resources": {"limits": {"cpu": "1", "memory": "1024"}},
                    "securityContext": {}}],
                "activeDeadlineSeconds": 0,
            },
            "status": {"startTime": "2026-01-01T01:00:00Z"},
        });
        assert_eq!(object, want);
        let mut again = object.clone();
        prune(&pod, &mut again);
        assert_eq!(again, object);

        let mut empty = json!({"status": {"conditions": [{"type": "Ready"}]}});
        complete(&pod, &mut empty);
        assert_eq!(empty["spec"], json!({"containers": null}));
        assert_eq!(empty["metadata"], json!({}));
        assert_eq!(
            empty["status"]["conditions"][0],
            json!({"type": "Ready", "status": "", "lastProbeTime": null, "lastTransitionTime": null})
        );
    }
}
