//! Objects and waits of the tests about volumes: two classes, disks that are there, claims, and pods with the
//! claim of their name. Used by the tests with berth's own controllers and by those with upstream's.

use serde_json::{Value, json};

use super::berth::Berth;
use super::rest::{NODES, Rest, node_of, pods_path, scheduled_condition};

pub(crate) const CLASSES: &str = "/apis/storage.k8s.io/v1/storageclasses";
pub(crate) const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";
pub(crate) const VOLUMES: &str = "/api/v1/persistentvolumes";
pub(crate) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
pub(crate) const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// Who makes the volumes of the class `made`.
pub(crate) const PROVISIONER: &str = "p.example.com";

/// Nodes, a class whose volumes are made, and one whose volumes are there; both wait for a pod.
pub(crate) async fn create_cluster(rest: &Rest, nodes: &[&str]) {
    for name in nodes {
        let resources = json!({"cpu": "4", "memory": "16Gi", "pods": "110"});
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "status": {"capacity": resources, "allocatable": resources},
        });
        rest.create(NODES, &node).await;
    }
    for (name, provisioner) in [("made", PROVISIONER), ("local", "kubernetes.io/no-provisioner")] {
        rest.create(CLASSES, &class(name, provisioner)).await;
    }
}

/// A class whose claims wait for a pod.
pub(crate) fn class(name: &str, provisioner: &str) -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": provisioner, "volumeBindingMode": "WaitForFirstConsumer",
    })
}

/// A volume of the class `local`, on `node`.
pub(crate) fn disk(name: &str, size: &str, node: &str) -> Value {
    let is_there = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [node]});
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {
            "storageClassName": "local", "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": size}, "hostPath": {"path": format!("/disks/{name}")},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [is_there]}]}},
        },
    })
}

pub(crate) fn claim(name: &str, class: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {
            "storageClassName": class, "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    })
}

/// A pod with the claim of its name.
pub(crate) fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "schedulerName": "berth", "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "c", "image": "example.com/c:1"}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": name}}],
        },
    })
}

/// Creates a claim of this class and a pod that uses it.
pub(crate) async fn create_both(rest: &Rest, name: &str, class: &str) {
    rest.create(CLAIMS, &claim(name, class)).await;
    rest.create(&pods_path("default"), &pod(name)).await;
}

pub(crate) async fn read_pod(rest: &Rest, name: &str) -> Option<Value> {
    rest.get(&format!("{}/{name}", pods_path("default"))).await
}

/// Waits until the pod is on a node, and says which.
pub(crate) async fn bound(rest: &Rest, berth: &Berth, name: &str) -> String {
    let node = async || node_of(&read_pod(rest, name).await?).map(str::to_owned);
    berth.wait_for(&format!("{name} on a node"), node).await
}

/// Waits until the condition of the pod says `words`.
pub(crate) async fn says(rest: &Rest, berth: &Berth, name: &str, words: &str) {
    let said = async || {
        let pod = read_pod(rest, name).await?;
        let message = scheduled_condition(&pod)["message"].as_str()?.to_owned();
        message.contains(words).then_some(())
    };
    berth.wait_for(&format!("{name}: {words}"), said).await;
}
