//! Whether what is applied fits its type: known fields, right JSON types, no key twice in a list.
//!
//! Upstream: structured-merge-diff, typed/validate.go.

use serde_json::Value;

use super::{element, go};
use crate::apiserver::schema::{ListKind, MESSAGES_MAX, Shape, Type};
use crate::units::Set;

const NUMERIC: &str = "numeric (int or float)";

/// Upstream's text about all that is wrong; `None` when nothing is.
pub(super) fn mistakes(shape: &Type, value: &Value) -> Option<String> {
    let mut found = Vec::new();
    check(shape, value, &mut Vec::new(), &mut found);
    match &found[..] {
        [] => None,
        [one] => Some(one.clone()),
        all => Some(format!("errors:\n  {}", all.join("\n  "))),
    }
}

fn check(shape: &Type, value: &Value, at: &mut Vec<String>, found: &mut Vec<String>) {
    if found.len() >= MESSAGES_MAX || value.is_null() {
        return;
    }
    match (&shape.shape, value) {
        // Upstream takes a struct without fields for one of which it knows nothing.
        (Shape::Struct { .. }, Value::Object(_))
            if shape.as_struct().is_some_and(|of| of.fields().is_empty()) => {}
        (Shape::Struct { .. } | Shape::Map { .. }, Value::Object(fields)) => {
            for (name, value) in fields {
                at.push(element::field(name));
                match shape.child(name) {
                    Some(child) => check(child, value, at, found),
                    None => say(at, "field not declared in schema", found),
                }
                at.pop();
            }
        }
        (Shape::List { item, kind }, Value::Array(items)) => {
            let mut seen = Set::default();
            for (index, value) in items.iter().enumerate() {
                let step = match kind {
                    ListKind::Atomic => format!("i:{index}"),
                    _ => match element::item(kind, item, value) {
                        Ok(step) => step,
                        Err(why) => {
                            say(at, &format!("element {index}: {why}"), found);
                            return;
                        }
                    },
                };
                if !seen.insert(step.clone()) {
                    let key = element::display(&step);
                    say(at, &format!("duplicate entries for key {key}"), found);
                }
                at.push(step);
                check(item, value, at, found);
                at.pop();
            }
        }
        (shape, value) => {
            if let Some(want) = expected(shape, value) {
                let got = match want {
                    "string" => format!("&value.valueUnstructured{{Value:{}}}", go::syntax(value)),
                    NUMERIC => go::type_name(value).to_owned(),
                    _ => format!("&{{{}}}", go::text(value)),
                };
                say(at, &format!("expected {want}, got {got}"), found);
            }
        }
    }
}

/// What a value should be and is not.
fn expected(shape: &Shape, value: &Value) -> Option<&'static str> {
    let is_scalar = !value.is_object() && !value.is_array();
    match shape {
        Shape::Struct { .. } | Shape::Map { .. } => Some("map"),
        Shape::List { .. } => Some("list"),
        Shape::Bool => (!value.is_boolean()).then_some("boolean"),
        Shape::Int(_) | Shape::Float => (!value.is_number()).then_some(NUMERIC),
        Shape::String | Shape::Bytes => (!value.is_string()).then_some("string"),
        Shape::Quantity | Shape::Time | Shape::MicroTime | Shape::Duration | Shape::IntOrString => {
            (!is_scalar).then_some("any scalar")
        }
        Shape::FieldsV1 | Shape::Raw => None,
    }
}

fn say(at: &[String], what: &str, found: &mut Vec<String>) {
    if found.len() < MESSAGES_MAX {
        let path = super::fields::path_text(at);
        found.push(if path.is_empty() { what.to_owned() } else { format!("{path}: {what}") });
    }
}
