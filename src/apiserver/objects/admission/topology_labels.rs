//! The zone and region of a node as labels of its pods.
//!
//! Upstream: the admission plugin PodTopologyLabels, v1.37.

use serde_json::Value;

use crate::apiserver::objects::Lookup;
use crate::apiserver::objects::json::{ensure, set};

const KEYS: [&str; 2] = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

/// Copies the labels of the node onto the pod; a node that is not there has none.
pub(in crate::apiserver::objects) fn copy(pod: &mut Value, node: &str, lookup: &dyn Lookup) {
    for key in KEYS {
        let Some(value) = lookup.label("nodes", "", node, key) else { continue };
        if let Some(labels) = ensure(pod, "metadata").and_then(|meta| ensure(meta, "labels")) {
            set(labels, key, value);
        }
    }
}
