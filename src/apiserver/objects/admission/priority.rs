//! The priority of a pod from its class, and one default class at most.
//!
//! Upstream: the admission plugin Priority, v1.37.

use std::sync::Arc;

use serde_json::Value;

use crate::apiserver::objects::json::{flag, int, name, set, text};
use crate::apiserver::objects::{Lookup, Refusal};

/// Where the classes are.
const CLASSES: &str = "priorityclasses.scheduling.k8s.io";

/// Sets class, priority and preemption policy of a new pod.
pub(in crate::apiserver::objects) fn admit(
    pod: &mut Value,
    lookup: &dyn Lookup,
) -> Result<(), Refusal> {
    let spec = &pod["spec"];
    let refuse = |why: &str| Refusal::forbidden("pods", name(pod), why);
    let class = match text(spec, "priorityClassName") {
        "" => default_class(lookup),
        wanted => {
            let missing = || refuse(&format!("no PriorityClass with name {wanted} was found"));
            Some(lookup.get(CLASSES, "", wanted).ok_or_else(missing)?)
        }
    };
    let (class_name, priority, policy) = match &class {
        Some(class) => (name(class), int(class, "value").unwrap_or(0), &class["preemptionPolicy"]),
        None => ("", 0, &Value::from("PreemptLowerPriority")),
    };
    if let Some(own) = int(spec, "priority").filter(|own| *own != priority) {
        return Err(refuse(&format!(
            "the integer value of priority ({own}) must not be provided in pod spec; priority \
             admission controller computed {priority} from the given PriorityClass name"
        )));
    }
    let (own, policy) = (text(spec, "preemptionPolicy"), policy.as_str().unwrap_or_default());
    if !own.is_empty() && !policy.is_empty() && own != policy {
        return Err(refuse(&format!(
            "the string value of PreemptionPolicy ({own}) must not be provided in pod spec; priority \
             admission controller computed {policy} from the given PriorityClass name"
        )));
    }
    let spec = &mut pod["spec"];
    set(spec, "priorityClassName", class_name);
    set(spec, "priority", priority);
    if !policy.is_empty() {
        set(spec, "preemptionPolicy", policy);
    }
    Ok(())
}

/// Refuses a second default class.
pub(in crate::apiserver::objects) fn validate_class(
    class: &Value,
    is_new: bool,
    lookup: &dyn Lookup,
) -> Result<(), Refusal> {
    let other = default_class(lookup).filter(|_| flag(class, "globalDefault"));
    let Some(other) = other.filter(|other| is_new || name(other) != name(class)) else {
        return Ok(());
    };
    let why = format!(
        "PriorityClass {} is already marked as default. Only one default can exist",
        name(&other)
    );
    Err(Refusal::forbidden(CLASSES, name(class), &why))
}

/// The default class; of several the one with the lowest priority.
fn default_class(lookup: &dyn Lookup) -> Option<Arc<Value>> {
    let classes = lookup.list(CLASSES, None).into_iter();
    classes.filter(|class| flag(class, "globalDefault")).min_by_key(|class| int(class, "value"))
}
