//! The overhead of a pod comes from its runtime class.
//!
//! Upstream: the admission plugin RuntimeClass, v1.37.
//! Differs from upstream: the node selector and the tolerations of a class are not merged; the embedded
//! API server serves no runtime classes.

use serde_json::Value;

use crate::apiserver::objects::json::{length, name, set, text};
use crate::apiserver::objects::{Lookup, Refusal};

const CLASSES: &str = "runtimeclasses.node.k8s.io";

/// Sets the overhead that the class of a new pod says.
pub(in crate::apiserver::objects) fn admit(
    pod: &mut Value,
    lookup: &dyn Lookup,
) -> Result<(), Refusal> {
    let fixed = overhead_of_class(pod, lookup)?;
    if length(&fixed) == 0 {
        return Ok(());
    }
    let own = &pod["spec"]["overhead"];
    if length(own) > 0 && *own != fixed {
        return Err(refuse(pod, "Pod's Overhead doesn't match RuntimeClass's defined Overhead"));
    }
    set(&mut pod["spec"], "overhead", fixed);
    Ok(())
}

/// Refuses an overhead that the class of the pod does not say.
pub(in crate::apiserver::objects) fn validate(
    pod: &Value,
    lookup: &dyn Lookup,
) -> Result<(), Refusal> {
    let fixed = overhead_of_class(pod, lookup)?;
    if length(&fixed) == 0 && length(&pod["spec"]["overhead"]) > 0 {
        let why = "Pod Overhead set without corresponding RuntimeClass defined Overhead";
        return Err(refuse(pod, why));
    }
    Ok(())
}

fn refuse(pod: &Value, why: &str) -> Refusal {
    Refusal::forbidden("pods", name(pod), &format!("pod rejected: {why}"))
}

fn overhead_of_class(pod: &Value, lookup: &dyn Lookup) -> Result<Value, Refusal> {
    let class = text(&pod["spec"], "runtimeClassName");
    if class.is_empty() {
        return Ok(Value::Null);
    }
    let missing = || refuse(pod, &format!("RuntimeClass {class:?} not found"));
    let found = lookup.get(CLASSES, "", class).ok_or_else(missing)?;
    Ok(found["overhead"]["podFixed"].clone())
}
