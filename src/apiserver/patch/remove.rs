//! Takes a set of fields out of a value.
//!
//! Upstream: structured-merge-diff, typed/remove.go.

use serde_json::{Map, Value};

use super::element;
use super::fields::FieldSet;
use crate::apiserver::schema::{ListKind, Shape, Type};

/// `value` without the fields of `gone`. An object or list of which nothing is left becomes null.
pub(super) fn without(shape: Option<&Type>, value: &Value, gone: &FieldSet) -> Value {
    match (shape.map(|shape| (shape, &shape.shape)), value) {
        (
            Some((shape, Shape::Struct { atomic: false, .. } | Shape::Map { atomic: false, .. })),
            Value::Object(fields),
        ) => {
            let mut kept = Map::new();
            for (name, value) in fields {
                let below = gone.get(&element::field(name));
                if below.is_some_and(|below| below.here) {
                    continue;
                }
                kept.insert(name.clone(), keep(shape.child(name), value, below));
            }
            if kept.is_empty() { Value::Null } else { Value::Object(kept) }
        }
        (
            Some((_, Shape::List { item, kind: kind @ (ListKind::Set | ListKind::Map(_)) })),
            Value::Array(items),
        ) => {
            let mut kept = Vec::with_capacity(items.len());
            for value in items {
                let step = element::item(kind, item, value).unwrap_or_default();
                let below = gone.get(&step);
                if !below.is_some_and(|below| below.here) {
                    kept.push(keep(Some(item), value, below));
                }
            }
            if kept.is_empty() { Value::Null } else { Value::Array(kept) }
        }
        (_, Value::Object(_) | Value::Array(_)) => Value::Null,
        (_, scalar) => scalar.clone(),
    }
}

fn keep(shape: Option<&Type>, value: &Value, gone: Option<&FieldSet>) -> Value {
    match gone {
        Some(gone) => without(shape, value, gone),
        None => value.clone(),
    }
}
