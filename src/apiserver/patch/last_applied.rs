//! The annotation of client-side apply, for those who move from it to server-side apply.
//!
//! Upstream: lastAppliedManager and lastAppliedUpdater in apimachinery/pkg/util/managedfields, v1.37.

use serde_json::Value;

use super::compare::{compare, fields_of};
use super::fields::FieldSet;
use super::{check_depth, validate};
use crate::apiserver::schema::{GroupVersionKind, Type};

/// The fieldManager for which all this is done.
pub(super) const KUBECTL: &str = "kubectl";

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// How many bytes the annotations of an object may have. Upstream: TotalAnnotationSizeLimitB.
const ANNOTATIONS_BYTES_MAX: usize = 256 << 10;

/// The fields that still are as client-side apply left them; `None` without the annotation.
pub(super) fn untouched(kind: &GroupVersionKind, shape: &Type, live: &Value) -> Option<FieldSet> {
    let text = live.get("metadata")?.get("annotations")?.get(ANNOTATION)?.as_str()?;
    let last: Value = serde_json::from_str(text).ok()?;
    let fits = check_depth(&last).is_ok()
        && last.get("apiVersion").and_then(Value::as_str) == Some(&*kind.api_version())
        && validate::mistakes(shape, &last).is_none();
    if !fits {
        return None;
    }
    let mut set = fields_of(Some(shape), &last);
    let difference = compare(Some(shape), Some(&last), Some(live));
    set.subtract(&difference.changed);
    set.subtract(&difference.removed);
    Some(set)
}

/// Makes the annotation, where there is one, say what was applied now.
pub(super) fn renew(object: &mut Value, applied: &Value) {
    let annotations = object
        .get_mut("metadata")
        .and_then(|metadata| metadata.get_mut("annotations"))
        .and_then(Value::as_object_mut);
    let Some(annotations) = annotations else { return };
    let is_set = annotations.get(ANNOTATION).and_then(Value::as_str).is_some_and(|t| !t.is_empty());
    if !is_set {
        return;
    }
    let mut applied = applied.clone();
    if let Some(metadata) = applied.get_mut("metadata").and_then(Value::as_object_mut) {
        // Upstream holds them as texts meanwhile, so that null becomes one.
        match metadata.get_mut("annotations") {
            Some(Value::Object(own)) => {
                own.remove(ANNOTATION);
                for value in own.values_mut().filter(|value| value.is_null()) {
                    *value = "".into();
                }
            }
            Some(Value::Null) => {
                metadata.remove("annotations");
            }
            _ => {}
        }
    }
    // Go escapes these in JSON.
    let text = applied.to_string().replace('&', "\\u0026").replace('<', "\\u003c");
    annotations.insert(ANNOTATION.to_owned(), (text.replace('>', "\\u003e") + "\n").into());
    let size = |(name, value): (&String, &Value)| name.len() + value.as_str().map_or(0, str::len);
    if annotations.iter().map(size).sum::<usize>() > ANNOTATIONS_BYTES_MAX {
        annotations.remove(ANNOTATION);
    }
}
