//! The nulls that upstream writes: times that are not set, in structs that are no pointers.

use serde_json::Value;

use super::json::{list_mut, part};

/// Adds the nulls to an object of a resource.
pub(super) fn add(resource: &str, object: &mut Value) {
    match resource {
        "pods" => {
            if let Some(status) = part(object, "status") {
                for condition in list_mut(status, "conditions") {
                    null(condition, "lastProbeTime");
                }
            }
        }
        "events" => {
            for key in ["eventTime", "firstTimestamp", "lastTimestamp"] {
                null(object, key);
            }
        }
        "events.events.k8s.io" => {
            for key in ["eventTime", "deprecatedFirstTimestamp", "deprecatedLastTimestamp"] {
                null(object, key);
            }
        }
        _ => {}
    }
}

/// Sets a field to null that is not there.
fn null(value: &mut Value, key: &str) {
    if let Some(object) = value.as_object_mut() {
        object.entry(key).or_insert(Value::Null);
    }
}
