//! Namespaces.
//!
//! Upstream: registry/core/namespace strategy, v1.37.

use serde_json::{Value, json};

use crate::apiserver::objects::json::{ensure, list, name, push, set};
use crate::apiserver::objects::names;
use crate::apiserver::objects::refusal::{Causes, Field};

const NAME_LABEL: &str = "kubernetes.io/metadata.name";
const FINALIZER: &str = "kubernetes";

/// Fills in a namespace.
pub(super) fn defaults(namespace: &mut Value) {
    let name = name(namespace).to_owned();
    if let Some(labels) = ensure(namespace, "metadata").and_then(|meta| ensure(meta, "labels")) {
        set(labels, NAME_LABEL, name);
    }
    ensure(namespace, "spec");
    ensure(namespace, "status");
}

/// Makes the namespace an active one that does not go before its contents.
pub(super) fn create(namespace: &mut Value, _now: &str) {
    set(namespace, "status", json!({"phase": "Active"}));
    if !list(&namespace["spec"], "finalizers").contains(&json!(FINALIZER)) {
        push(&mut namespace["spec"], "finalizers", json!(FINALIZER));
    }
}

/// What is refused in a namespace.
pub(super) fn validate(namespace: &Value, causes: &mut Causes) {
    let field = Field::new("spec.finalizers");
    for name in list(&namespace["spec"], "finalizers").iter().filter_map(Value::as_str) {
        causes.invalid_each(&field, name, names::qualified(name));
    }
}
