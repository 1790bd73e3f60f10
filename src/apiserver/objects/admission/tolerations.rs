//! Tolerations for nodes that are not ready or not reachable.
//!
//! Upstream: the admission plugin DefaultTolerationSeconds, v1.37.

use serde_json::{Value, json};

use crate::apiserver::objects::json::{list, push, text};

const SECONDS: i64 = 300;
const KEYS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// Adds the tolerations that a pod does not have.
pub(in crate::apiserver::objects) fn add(pod: &mut Value) {
    let spec = &mut pod["spec"];
    let missing = KEYS.map(|key| {
        let tolerates = list(spec, "tolerations").iter().any(|toleration| {
            let (own, effect) = (text(toleration, "key"), text(toleration, "effect"));
            (own == key || own.is_empty()) && (effect == "NoExecute" || effect.is_empty())
        });
        (!tolerates).then_some(key)
    });
    for key in missing.into_iter().flatten() {
        let toleration = json!({
            "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS,
        });
        push(spec, "tolerations", toleration);
    }
}
