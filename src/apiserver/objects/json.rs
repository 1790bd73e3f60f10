//! Reading and changing JSON objects by field, for all of `objects`. Nothing here fails: a field that is
//! not there, or of another type, reads as empty. Whoever decodes the request has refused wrong types.

use serde_json::{Map, Value};

use crate::units::Canonical;

/// A text, or the empty one.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The items of a list, or none.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    items(&value[key])
}

/// The items of `value` where it is a list.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The fields of `value` where it is an object, by name.
pub(super) fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// How many fields or items `value` has.
pub(super) fn length(value: &Value) -> usize {
    value.as_object().map(Map::len).or_else(|| value.as_array().map(Vec::len)).unwrap_or(0)
}

/// A number.
pub(super) fn int(value: &Value, key: &str) -> Option<i64> {
    value[key].as_i64()
}

/// Whether a flag is there and true.
pub(super) fn flag(value: &Value, key: &str) -> bool {
    value[key] == true
}

/// A quantity, as text or as a number.
pub(super) fn quantity(value: &Value) -> Option<Canonical> {
    match value {
        Value::String(text) => Canonical::parse(text.trim()).ok(),
        Value::Number(number) => Canonical::parse(&number.to_string()).ok(),
        _ => None,
    }
}

/// The object in `value`; one is made of null.
pub(super) fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// Sets a field.
pub(super) fn set(value: &mut Value, key: &str, new: impl Into<Value>) {
    if let Some(object) = object(value) {
        object.insert(key.to_owned(), new.into());
    }
}

/// Removes a field and hands it out.
pub(super) fn take(value: &mut Value, key: &str) -> Value {
    value.as_object_mut().and_then(|object| object.remove(key)).unwrap_or_default()
}

/// Sets a field to what it is in `from`, or removes it where `from` has none.
pub(super) fn copy(value: &mut Value, from: &Value, key: &str) {
    match &from[key] {
        Value::Null => drop(take(value, key)),
        new => set(value, key, new.clone()),
    }
}

/// Sets a field that is not there.
pub(super) fn set_default(value: &mut Value, key: &str, new: impl Into<Value>) {
    if value[&key].is_null() {
        set(value, key, new);
    }
}

/// Sets a text that is not there or empty.
pub(super) fn set_default_text(value: &mut Value, key: &str, new: &str) {
    if text(value, key).is_empty() {
        set(value, key, new);
    }
}

/// Sets a number that is not there or zero.
pub(super) fn set_default_int(value: &mut Value, key: &str, new: i64) {
    if int(value, key).unwrap_or(0) == 0 {
        set(value, key, new);
    }
}

/// The field `key`, if it is an object or a list with something to change.
pub(super) fn part<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    value.as_object_mut()?.get_mut(key).filter(|part| part.is_object() || part.is_array())
}

/// The field `key`, made an empty object where it is not there.
pub(super) fn ensure<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    let part = object(value)?.entry(key).or_insert(Value::Null);
    if part.is_null() {
        *part = Value::Object(Map::new());
    }
    Some(part)
}

/// The items of a list to change.
pub(super) fn list_mut<'a>(value: &'a mut Value, key: &str) -> &'a mut [Value] {
    match value.as_object_mut().and_then(|object| object.get_mut(key)) {
        Some(Value::Array(items)) => items,
        _ => &mut [],
    }
}

/// Appends to a list, which is made where there is none.
pub(super) fn push(value: &mut Value, key: &str, item: Value) {
    let Some(object) = object(value) else { return };
    match object.entry(key).or_insert(Value::Null) {
        Value::Array(items) => items.push(item),
        other => *other = Value::Array(vec![item]),
    }
}

/// The name of an object.
pub(super) fn name(object: &Value) -> &str {
    text(&object["metadata"], "name")
}

/// The namespace of an object, or the empty text.
pub(super) fn namespace(object: &Value) -> &str {
    text(&object["metadata"], "namespace")
}
