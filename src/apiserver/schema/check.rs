//! What upstream says of a body that does not fit its type: wrong JSON types and unknown fields.
//!
//! Differs from upstream: fields are looked at in the order of their names, upstream takes the order of
//! the body, so of several errors another one may be the first; and bytes must be a text in base64, where
//! upstream also takes a list of numbers.

use serde_json::Value;

use super::decode::Path;
use super::table::{Shape, Struct, Type};
use super::{GroupVersionKind, Schema, quantity, time};

/// How many messages about unknown or repeated fields are given for one body.
pub const MESSAGES_MAX: usize = 100;

/// Upstream's messages about fields that the kind does not have: `unknown field "spec.foo"`.
///
/// At most [`MESSAGES_MAX`]. None for a kind that is not served.
#[must_use]
pub fn unknown_fields(kind: &GroupVersionKind, object: &Value) -> Vec<String> {
    let mut messages = Vec::new();
    if let Some(shape) = Schema::of(kind) {
        unknown(shape, object, &Path::Root, &mut messages);
    }
    messages
}

fn unknown(shape: &Type, value: &Value, at: &Path<'_>, messages: &mut Vec<String>) {
    if messages.len() >= MESSAGES_MAX {
        return;
    }
    match (&shape.shape, value) {
        (Shape::List { item, .. }, Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                unknown(item, value, &Path::Index(at, index), messages);
            }
        }
        (Shape::Struct { .. } | Shape::Map { .. }, Value::Object(fields)) => {
            for (name, value) in fields {
                let at = &Path::Field(at, name);
                match shape.child(name) {
                    Some(child) => unknown(child, value, at, messages),
                    None if messages.len() < MESSAGES_MAX => {
                        messages.push(format!("unknown field {:?}", at.to_string()));
                    }
                    None => {}
                }
            }
        }
        _ => {}
    }
}

/// The message of the 400 for a body in which something has the wrong JSON type, or is a quantity, a
/// time or base64 that cannot be read; `None` when everything fits or the kind is not served.
///
/// Upstream: transformDecodeError around the errors of sigs.k8s.io/json, v1.37.
#[must_use]
pub fn type_error(kind: &GroupVersionKind, object: &Value) -> Option<String> {
    let shape = Schema::of(kind)?;
    let error = Walk::default().wrong(shape, object)?;
    let GroupVersionKind { version, kind, .. } = kind;
    Some(format!("{kind} in version {version:?} cannot be handled as a {kind}: {error}"))
}

/// Where Go's decoder says it is: the fields from the top, and the struct that the last is of.
#[derive(Default)]
struct Walk<'a> {
    fields: Vec<&'a str>,
    of: Option<&'static Struct>,
}

impl<'a> Walk<'a> {
    fn wrong(&mut self, shape: &Type, value: &'a Value) -> Option<String> {
        match (&shape.shape, value) {
            (_, Value::Null)
            | (Shape::Raw, _)
            | (Shape::Bool, Value::Bool(_))
            | (Shape::Float, Value::Number(_))
            | (Shape::String | Shape::Duration | Shape::IntOrString, Value::String(_))
            | (Shape::FieldsV1, Value::Object(_)) => None,
            (Shape::Int(bits), Value::Number(number)) if fits(number, *bits) => None,
            (Shape::IntOrString, Value::Number(number)) if fits(number, 32) => None,
            (Shape::Int(_), Value::Number(number)) => {
                Some(self.cannot(&format!("number {number}"), &shape.go_name()))
            }
            (Shape::IntOrString, Value::Number(number)) => {
                Some(self.cannot(&format!("number {number}"), "int32"))
            }
            (Shape::Bytes, Value::String(text)) => base64_error(text),
            (Shape::Quantity, Value::String(text)) => {
                quantity::canonical(text).err().map(str::to_owned)
            }
            (Shape::Quantity, other) => {
                quantity::canonical(&other.to_string()).err().map(str::to_owned)
            }
            (Shape::Time | Shape::MicroTime, Value::String(text)) => {
                time::normal(text, matches!(shape.shape, Shape::MicroTime)).err()
            }
            (Shape::Time | Shape::MicroTime | Shape::Duration, other) => {
                Some(self.cannot(json_type(other), "string"))
            }
            (Shape::IntOrString, other) => Some(self.cannot(json_type(other), "int32")),
            (Shape::List { item, .. }, Value::Array(items)) => {
                items.iter().find_map(|value| self.wrong(item, value))
            }
            (Shape::Map { value: inner, .. }, Value::Object(fields)) => {
                fields.values().find_map(|value| self.wrong(inner, value))
            }
            (Shape::Struct { .. }, Value::Object(fields)) => {
                let of = shape.as_struct()?;
                fields.iter().find_map(|(name, value)| {
                    let field = of.field(name)?;
                    let outer = self.of.replace(of);
                    let depth = self.fields.len();
                    self.fields.extend(field.embedded);
                    self.fields.push(name);
                    let error = self.wrong(&field.holds, value);
                    self.fields.truncate(depth);
                    self.of = outer;
                    error
                })
            }
            (_, other) => Some(self.cannot(json_type(other), &shape.go_name())),
        }
    }

    fn cannot(&self, what: &str, go: &str) -> String {
        match self.of {
            Some(of) => format!(
                "json: cannot unmarshal {what} into Go struct field {}.{} of type {go}",
                of.short_name(),
                self.fields.join("."),
            ),
            None => format!("json: cannot unmarshal {what} into Go value of type {go}"),
        }
    }
}

fn fits(number: &serde_json::Number, bits: u8) -> bool {
    match bits {
        8 => number.as_u64().is_some_and(|n| u8::try_from(n).is_ok()),
        32 => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        _ => number.is_i64(),
    }
}

/// What Go's decoder calls a JSON value.
#[must_use]
pub fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The message for a text that is not standard base64 with padding; line breaks are skipped.
fn base64_error(text: &str) -> Option<String> {
    let mut digits = 0_usize;
    let mut padding = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\r' | b'\n' => {}
            b'=' if (digits + padding) % 4 >= 2 && padding < 2 => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => digits += 1,
            _ => return Some(format!("illegal base64 data at input byte {at}")),
        }
    }
    let end = text.len();
    (!(digits + padding).is_multiple_of(4))
        .then(|| format!("illegal base64 data at input byte {end}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> GroupVersionKind {
        GroupVersionKind::new("", "v1", "Pod")
    }

    #[test]
    fn unknown_fields_have_the_paths_of_upstream() {
        let object = json!({"kind": "Pod", "spec": {"foo": 1, "containers": [{"name": "a"}, {"bar": {}}],
            "nodeSelector": {"any": "thing"}}, "x": null});
        let want = [
            r#"unknown field "spec.containers[1].bar""#,
            r#"unknown field "spec.foo""#,
            r#"unknown field "x""#,
        ];
        assert_eq!(unknown_fields(&pod(), &object), want);
        let many: Value = (0..300).map(|n| (format!("f{n}"), Value::Null)).collect();
        assert_eq!(unknown_fields(&pod(), &many).len(), MESSAGES_MAX);
    }

    #[test]
    fn wrong_types_have_the_messages_of_go() {
        let rows = [
            (
                json!({"spec": {"containers": [{"ports": [{"containerPort": "80"}]}]}}),
                "json: cannot unmarshal string into Go struct field \
              ContainerPort.spec.containers.ports.containerPort of type int32",
            ),
            (
                json!({"spec": {"containers": {}}}),
                "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type \
              []v1.Container",
            ),
            (
                json!({"metadata": {"labels": {"a": 1}}}),
                "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type \
              string",
            ),
            (
                json!({"spec": {"priority": 1.5}}),
                "json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type \
              int32",
            ),
            (json!("x"), "json: cannot unmarshal string into Go value of type v1.Pod"),
            (
                json!({"spec": {"overhead": {"cpu": "1 core"}}}),
                "quantities must match the regular expression \
              '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            ),
        ];
        for (object, want) in rows {
            let want = format!(r#"Pod in version "v1" cannot be handled as a Pod: {want}"#);
            assert_eq!(type_error(&pod(), &object), Some(want));
        }
        let fine = json!({"spec": {"overhead": {"cpu": 1}, "hostNetwork": null, "priority": 3}});
        assert_eq!(type_error(&pod(), &fine), None);
    }

    #[test]
    fn base64_is_checked() {
        let secret = GroupVersionKind::new("", "v1", "Secret");
        for (text, fine) in
            [("", true), ("YQ==", true), ("YWI=", true), ("YQ", false), ("a=b=", false)]
        {
            let error = type_error(&secret, &json!({"data": {"a": text}}));
            assert_eq!(error.is_none(), fine, "{text}: {error:?}");
        }
    }
}
