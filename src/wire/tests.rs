//! Tests of decoding and conversion, by what is decoded.

mod feed;
mod kept;
mod objects;
mod pods;
mod requests;
mod unsupported;

use serde_json::{Value, json};

use crate::model;

use super::{Object, decode};

/// The pod `default/p` of the given spec and status, with an image and a name for each container.
fn pod_json(mut spec: Value, status: &Value) -> Value {
    for list in ["initContainers", "containers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            container["image"] = json!("example.com/app:1");
        }
    }
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec, "status": status,
    })
}

/// That pod, converted.
fn pod(spec: Value) -> model::Pod {
    match decode(&pod_json(spec, &Value::Null)) {
        Ok(Object::Pod(pod)) => *pod,
        other => panic!("{other:?}"),
    }
}
