//! Looking into JSON objects: what is not there, or of another type, reads as nothing.

use serde_json::Value;

use super::duration;

/// What is at `path`, the names of the fields with dots in between; null where there is nothing.
pub(super) fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.split('.').try_fold(object, |value, name| value.get(name)).unwrap_or(&Value::Null)
}

/// The text at `path`, or the empty one.
pub(super) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    at(object, path).as_str().unwrap_or_default()
}

/// The text at `path`, or `otherwise` where it is empty.
pub(super) fn text_or<'a>(object: &'a Value, path: &str, otherwise: &'a str) -> &'a str {
    Some(text(object, path)).filter(|text| !text.is_empty()).unwrap_or(otherwise)
}

/// The whole number at `path`, or 0.
pub(super) fn number(object: &Value, path: &str) -> i64 {
    at(object, path).as_i64().unwrap_or_default()
}

/// The list at `path`, or an empty one.
pub(super) fn list<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    at(object, path).as_array().map(Vec::as_slice).unwrap_or_default()
}

/// How many entries the list or the map at `path` has.
pub(super) fn count(object: &Value, path: &str) -> usize {
    match at(object, path) {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    }
}

/// Whether the object is being deleted.
pub(super) fn is_deleting(object: &Value) -> bool {
    duration::time(at(object, "metadata.deletionTimestamp")).is_some()
}

/// An annotation, if there is one.
pub(super) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    at(object, "metadata.annotations").get(key)?.as_str()
}

/// The first condition of a type in `status.conditions`; null where there is none.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let mut conditions = list(object, "status.conditions").iter();
    conditions.find(|condition| text(condition, "type") == kind).unwrap_or(&Value::Null)
}

/// Whether the first condition of a type is `True`.
pub(super) fn has_condition(object: &Value, kind: &str) -> bool {
    text(condition(object, kind), "status") == "True"
}

/// Texts with commas in between, or `otherwise` where there are none.
pub(super) fn joined<'a>(texts: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    let joined = texts.collect::<Vec<_>>().join(",");
    if joined.is_empty() { otherwise.to_owned() } else { joined }
}
