//! Nodes and pods with nothing special about them, one by one and in numbers, and where the pods are.

use std::collections::BTreeMap;
use std::ops::Range;

use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::rest::{NODES, Rest, node_of, pods_path};

/// Objects created at the same time.
pub(crate) const CREATED_AT_ONCE: usize = 16;
/// Pods of a crowd for which one of its nodes has room.
pub(crate) const PODS_A_NODE: usize = 16;

/// A node with so much CPU and room for 110 pods.
pub(crate) fn node(name: &str, cpu: &str) -> Value {
    let resources = json!({"cpu": cpu, "memory": "32Gi", "pods": "110"});
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {}, "status": {"capacity": resources, "allocatable": resources},
    })
}

/// A pod of the default namespace that asks for so much CPU.
pub(crate) fn pod(name: &str, scheduler: &str, cpu: &str) -> Value {
    let requests = json!({"requests": {"cpu": cpu}});
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "schedulerName": scheduler,
            "containers": [{"name": "c", "image": "example.com/c:1", "resources": requests}],
        },
    })
}

/// Creates so many nodes, each with room for [`PODS_A_NODE`] pods of a crowd.
pub(crate) async fn create_nodes(rest: &Rest, count: usize) {
    for i in 0..count {
        let mut node = node(&format!("n{i}"), "4");
        for side in ["capacity", "allocatable"] {
            node["status"][side]["pods"] = json!(PODS_A_NODE.to_string());
        }
        rest.create(NODES, &node).await;
    }
}

/// Creates a crowd: pods for the scheduler `berth`, with these numbers.
pub(crate) async fn create_pods(rest: &Rest, which: Range<usize>) {
    let path = pods_path("default");
    let create = async |i| {
        drop(rest.create(&path, &pod(&format!("p{i}"), "berth", "200m")).await);
    };
    stream::iter(which).for_each_concurrent(CREATED_AT_ONCE, create).await;
}

/// The pods of the default namespace that are on nodes.
pub(crate) async fn bound(rest: &Rest) -> Vec<Value> {
    let path = format!("{}?fieldSelector=spec.nodeName!%3D", pods_path("default"));
    rest.list(&path, "Pod").await
}

/// Where pods are, by `namespace/name`.
pub(crate) fn places(pods: &[Value]) -> BTreeMap<String, String> {
    let place = |pod: &Value| {
        let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default();
        Some((format!("{}/{}", text("namespace"), text("name")), node_of(pod)?.to_owned()))
    };
    pods.iter().filter_map(place).collect()
}
