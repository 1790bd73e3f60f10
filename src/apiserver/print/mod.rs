//! Tables for people: what `kubectl get` shows.

use serde_json::{Value, json};

use super::kinds::Resource;

/// `objects` as a Table of meta.k8s.io/v1, rows without objects.
#[must_use]
pub fn table(_resource: &Resource, objects: &[Value]) -> Value {
    let rows: Vec<Value> = objects.iter().map(|object| json!({"cells": cells(object)})).collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": [
            column("Name", "name", "Name must be unique within a namespace."),
            column("Created At", "date", "When the object was created."),
        ],
        "rows": rows,
    })
}

fn column(name: &str, format: &str, description: &str) -> Value {
    json!({
        "name": name, "type": "string", "format": format,
        "description": description, "priority": 0,
    })
}

fn cells(object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!([metadata["name"], metadata["creationTimestamp"]])
}
