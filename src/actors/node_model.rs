//! A Node of the API as the scheduler's model of it.

use kube::core::DynamicObject;
use serde::Deserialize;
use serde_json::json;

use crate::model;
use crate::wire;

/// What a node offers and what keeps pods away from it; nothing where that cannot be read.
pub(super) fn node_model(object: &DynamicObject) -> Option<model::Node> {
    let metadata = json!({"name": object.metadata.name, "labels": object.metadata.labels});
    let value = json!({
        "metadata": metadata, "spec": object.data["spec"],
        "status": {
            "capacity": object.data["status"]["capacity"],
            "allocatable": object.data["status"]["allocatable"],
        },
    });
    wire::Node::deserialize(&value).ok()?.to_model().ok()
}
