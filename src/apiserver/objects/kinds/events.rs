//! Events, of the core group and of `events.k8s.io`.
//!
//! Upstream: core/validation events.go, v1.37.

use serde_json::Value;

use crate::apiserver::objects::json::{ensure, namespace, set_default, take, text};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::selector;

const INSTANCE_MAX: usize = 128;
const ACTION_MAX: usize = 128;
const REASON_MAX: usize = 128;
const NOTE_MAX: usize = 1024;

/// Fills in an Event of the core group.
pub(super) fn defaults(event: &mut Value) {
    if let Some(Value::Object(object)) = ensure(event, "involvedObject") {
        object.retain(|_, value| value != "");
    }
    ensure(event, "source");
    if text(event, "type").is_empty() {
        take(event, "type");
    }
    set_default(event, "reportingComponent", "");
    set_default(event, "reportingInstance", "");
}

/// Fills in an Event of `events.k8s.io`.
pub(super) fn new_defaults(event: &mut Value) {
    ensure(event, "regarding");
    ensure(event, "deprecatedSource");
}

/// What is refused in an Event of the core group.
pub(super) fn validate(event: &Value, causes: &mut Causes) {
    legacy(event, "involvedObject", "reportingComponent", "message", causes);
}

/// What is refused in an Event of `events.k8s.io`.
pub(super) fn validate_new(event: &Value, causes: &mut Causes) {
    legacy(event, "regarding", "reportingController", "note", causes);
    if event["eventTime"].is_null() {
        causes.required(&Field::new("eventTime"), "");
    }
    let kind = text(event, "type");
    if kind != "Normal" && kind != "Warning" {
        causes.invalid(&Field::new("type"), "", &format!("has invalid value: {kind}"));
    }
    let old = [
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedCount", "count"),
    ];
    for (key, name) in old.into_iter().filter(|(key, _)| !event[*key].is_null()) {
        let set = event[key].as_i64() != Some(0);
        if set {
            causes.invalid(&Field::new(name), "", "needs to be unset");
        }
    }
}

fn legacy(event: &Value, object: &str, reporter: &str, note: &str, causes: &mut Causes) {
    let (own, of_object) = (namespace(event), text(&event[object], "namespace"));
    let field = Field::new("involvedObject.namespace");
    let why = "does not match event.namespace";
    if event["eventTime"].is_null() {
        let fits = match of_object {
            "" => own.is_empty() || own == "default",
            other => own == other,
        };
        if !fits {
            causes.invalid(&field, of_object, why);
        }
        return;
    }
    if of_object.is_empty() && own != "default" && own != "kube-system" {
        causes.invalid(&field, of_object, why);
    }
    let (name, field) = (text(event, reporter), Field::new(reporter));
    if name.is_empty() {
        causes.required(&field, "");
    }
    selector::label_key(name, &field, causes);
    bounded(event, "reportingInstance", "reportingInstance", INSTANCE_MAX, causes);
    bounded(event, "action", "action", ACTION_MAX, causes);
    bounded(event, "reason", "reason", REASON_MAX, causes);
    if text(event, note).len() > NOTE_MAX {
        let why = format!("can have at most {NOTE_MAX} characters");
        causes.invalid(&Field::new("message"), "", &why);
    }
}

/// A text that has to be there, and short.
fn bounded(event: &Value, key: &str, field: &str, most: usize, causes: &mut Causes) {
    let (value, field) = (text(event, key), Field::new(field));
    if value.is_empty() {
        causes.required(&field, "");
    } else if value.len() > most {
        causes.invalid(&field, "", &format!("can have at most {most} characters"));
    }
}
