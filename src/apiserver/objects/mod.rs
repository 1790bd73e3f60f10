//! Defaults, validation and admission. A place-holder: enough for pods to be bound.

use std::sync::Arc;

use serde_json::{Value, json};

/// What the checks may look at.
pub trait Lookup {
    /// One object.
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Value>>;
    /// All objects.
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Value>>;
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Such as `FieldValueRequired`.
    pub reason: &'static str,
    /// What is wrong.
    pub message: String,
    /// The path of the field.
    pub field: String,
}

/// Why an object is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 422.
    Invalid {
        /// At least one.
        causes: Vec<Cause>,
    },
    /// 403, with the whole message.
    Forbidden(String),
    /// 400.
    BadRequest(String),
    /// 409, with the whole message.
    Conflict(String),
    /// 404, with the whole message.
    NotFound(String),
}

/// Makes of an object that is created what is stored; returns warnings.
pub fn on_create(
    resource: &str,
    object: &mut Value,
    _: &dyn Lookup,
) -> Result<Vec<String>, Refusal> {
    if resource == "pods" {
        object["status"] = json!({"phase": "Pending", "qosClass": "BestEffort"});
        let spec = &mut object["spec"];
        for (key, value) in [
            ("schedulerName", json!("default-scheduler")),
            ("restartPolicy", json!("Always")),
            ("terminationGracePeriodSeconds", json!(30)),
        ] {
            if spec.get(key).is_none() {
                spec[key] = value;
            }
        }
    }
    Ok(Vec::new())
}

/// Makes of an object that is updated what is stored; returns warnings.
pub fn on_update(
    _: &str,
    _: Option<&str>,
    _: &Value,
    _: &mut Value,
    _: &dyn Lookup,
) -> Result<Vec<String>, Refusal> {
    Ok(Vec::new())
}

/// The pod with its node.
pub fn on_bind(pod: &Value, binding: &Value, _: &dyn Lookup) -> Result<Value, Refusal> {
    let mut pod = pod.clone();
    pod["spec"]["nodeName"] = binding["target"]["name"].clone();
    pod["status"]["conditions"] = json!([{"type": "PodScheduled", "status": "True"}]);
    Ok(pod)
}
