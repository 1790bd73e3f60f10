//! Strategic merge patch: a merge patch that knows which lists have keys.
//!
//! Upstream: apimachinery/pkg/util/strategicpatch, StrategicMergeMapPatch, v1.37.
//! Differs from upstream: what it answers with 500 is a 400 here.

use serde_json::{Map, Value};

use super::strategic_list::{ListRule, merge_list, merge_ordered};
use super::{PatchError, check_depth, go};
use crate::apiserver::schema::{Field, GroupVersionKind, Merge, Schema, Shape, Type, json_type};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ELEMENT_ORDER: &str = "$setElementOrder";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList";

/// Applies a strategic merge patch to an object of `kind`. `doc` stays as it is when there is an error.
pub fn strategic(
    kind: &GroupVersionKind,
    doc: &mut Value,
    patch: &Value,
) -> Result<(), PatchError> {
    let shape = Schema::of(kind).ok_or_else(|| {
        PatchError::UnsupportedMediaType("strategic merge patch format is not supported".to_owned())
    })?;
    let Value::Object(patch) = patch else {
        let what = json_type(patch);
        return Err(bad(format!(
            "json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"
        )));
    };
    patch.values().try_for_each(check_depth)?;
    let mut merged = doc.as_object().cloned().unwrap_or_default();
    merge_object(&mut merged, patch.clone(), shape)?;
    *doc = Value::Object(merged);
    Ok(())
}

/// Merges `patch`, an object of the type `shape`, into `original`.
pub(super) fn merge_object(
    original: &mut Map<String, Value>,
    mut patch: Map<String, Value>,
    shape: &Type,
) -> Result<(), PatchError> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        match directive.as_str() {
            Some("replace") => {
                patch.remove(DIRECTIVE);
                *original = patch;
            }
            Some("delete") => original.clear(),
            _ => {
                let directive = go::text(directive);
                let map = go::text(&Value::Object(patch));
                return Err(bad(format!("unknown patch type: {directive} in map: {map}")));
            }
        }
        return Ok(());
    }
    retain_keys(original, &mut patch)?;
    merge_ordered_lists(original, &mut patch, shape)?;
    for (name, value) in patch {
        let deleted = if name.starts_with(DELETE_FROM_PRIMITIVE_LIST) {
            let format = || bad("invalid patch format of primitive list".to_owned());
            Some(list_name(&name, DELETE_FROM_PRIMITIVE_LIST).ok_or_else(format)?.to_owned())
        } else {
            None
        };
        let is_deletion = deleted.is_some();
        merge_field(original, deleted.unwrap_or(name), value, is_deletion, shape)?;
    }
    Ok(())
}

fn merge_field(
    original: &mut Map<String, Value>,
    name: String,
    patch: Value,
    is_deletion: bool,
    shape: &Type,
) -> Result<(), PatchError> {
    if patch.is_null() {
        original.remove(&name);
        return Ok(());
    }
    match (original.get_mut(&name), patch) {
        (Some(Value::Object(into)), Value::Object(patch)) => {
            let field = lookup(shape, &name)?;
            if field.merge == Merge::Replace {
                *into = patch;
                return Ok(());
            }
            merge_object(into, patch, &field.holds)
        }
        (Some(Value::Array(into)), Value::Array(patch)) => {
            let rule = list_rule(shape, &name)?;
            let (merged, _) = merge_list(std::mem::take(into), patch, &rule, is_deletion)?;
            *into = merged;
            Ok(())
        }
        (_, _) if is_deletion => Ok(()),
        (_, mut patch) => {
            discard_nulls(&mut patch);
            if remove_directives(&mut patch) {
                original.insert(name, patch);
            } else {
                original.remove(&name);
            }
            Ok(())
        }
    }
}

/// The field of a struct. A map has none, and what merges there needs one.
fn lookup<'a>(shape: &'a Type, name: &str) -> Result<&'a Field, PatchError> {
    let of = match &shape.shape {
        Shape::Raw => "RawExtension",
        Shape::Map { .. } | Shape::List { .. } => {
            return Err(bad(
                "merging an object in json but data type is not struct, instead is: map".to_owned(),
            ));
        }
        _ => shape.as_struct().map_or("Time", |found| found.short_name()),
    };
    shape.as_struct().and_then(|found| found.field(name)).ok_or_else(|| {
        bad(format!("unable to find api field in struct {of} for the json field {name:?}"))
    })
}

fn list_rule<'a>(shape: &'a Type, name: &str) -> Result<ListRule<'a>, PatchError> {
    let not_a_list = || bad("expected slice or array type, but got: struct".to_owned());
    let field = lookup(shape, name)?;
    let Shape::List { item, .. } = &field.holds.shape else { return Err(not_a_list()) };
    let merges = field.merge == Merge::Merge;
    Ok(ListRule { item, merges, key: field.merge_key.unwrap_or_default() })
}

/// `$retainKeys`: of `original` only these keys stay, and the patch may have no others.
fn retain_keys(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
) -> Result<(), PatchError> {
    let Some(keys) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let format = || bad("invalid patch format of retainKeys".to_owned());
    let keys = keys.as_array().ok_or_else(format)?;
    let keys: crate::units::Set<&str> = keys.iter().filter_map(Value::as_str).collect();
    let all_known = patch.iter().all(|(name, value)| {
        value.is_null()
            || name.starts_with(DELETE_FROM_PRIMITIVE_LIST)
            || name.starts_with(SET_ELEMENT_ORDER)
            || keys.contains(&**name)
    });
    if !all_known {
        return Err(format());
    }
    original.retain(|name, _| keys.contains(&**name));
    Ok(())
}

/// `$setElementOrder/x`: merges the lists `x` and puts them into that order, and takes both out of the
/// patch.
fn merge_ordered_lists(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    shape: &Type,
) -> Result<(), PatchError> {
    let names: Vec<String> =
        patch.keys().filter(|name| name.starts_with(SET_ELEMENT_ORDER)).cloned().collect();
    for directive in names {
        let order = list(patch.remove(&directive).unwrap_or_default())?;
        let format = || bad("invalid patch format of setElementOrder list".to_owned());
        let name = list_name(&directive, SET_ELEMENT_ORDER).ok_or_else(format)?;
        let live = original.get(name).cloned().map(list).transpose()?;
        let patched = patch.get(name).cloned().map(list).transpose()?;
        let rule = list_rule(shape, name)?;
        if let Some(merged) = merge_ordered(live, patched, &order, &rule)? {
            original.insert(name.to_owned(), Value::Array(merged));
            patch.remove(name);
        }
    }
    Ok(())
}

fn list(value: Value) -> Result<Vec<Value>, PatchError> {
    match value {
        Value::Array(items) => Ok(items),
        other => {
            let got = go::type_name(&other);
            Err(bad(format!("expected a []interface {{}}, but received a {got}")))
        }
    }
}

/// What follows `prefix/`.
fn list_name<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    name.strip_prefix(prefix)?.strip_prefix('/')
}

/// Takes the null fields out of all objects.
fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// Takes out the objects that have a directive; whether `value` itself may stay.
pub(super) fn remove_directives(value: &mut Value) -> bool {
    match value {
        Value::Object(fields) => {
            if fields.contains_key(DIRECTIVE) {
                return false;
            }
            fields.retain(|_, value| remove_directives(value));
        }
        Value::Array(items) => items.retain_mut(remove_directives),
        _ => {}
    }
    true
}

/// The directive of an object, if it has one.
pub(super) fn directive(value: &Value) -> Option<&Value> {
    value.as_object()?.get(DIRECTIVE)
}

pub(super) fn bad(message: String) -> PatchError {
    PatchError::BadRequest(message)
}
