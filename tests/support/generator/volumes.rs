//! Storage: classes, CSI drivers and nodes, claims and volumes, and the pods that use them. Called by
//! scenarios of the topics `volumes` and `mixed`.

use super::{Gen, HOST, ZONE};
use serde_json::{Value, json};

const DRIVER: &str = "csi.example.com";

/// One claim that a pod is about to use.
struct Claim {
    namespace: String,
    name: String,
    modes: Value,
    class: &'static str,
}

impl Gen {
    /// Gives most of `pods` volumes and answers with the objects these need.
    pub(super) fn volumes<'a>(
        &mut self,
        pods: impl Iterator<Item = &'a mut Value>,
        nodes: &[Value],
    ) -> Vec<Value> {
        let mut objects = self.storage_classes();
        objects.push(json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver",
            "metadata": {"name": DRIVER}, "spec": {"storageCapacity": false}}));
        for node in nodes {
            if self.rng.percent(80) {
                objects.push(self.csi_node(&node["metadata"]["name"]));
            }
        }
        for pod in pods {
            if self.rng.percent(75) {
                self.pod_volumes(pod, nodes, &mut objects);
            }
        }
        for i in 0..self.rng.below(4) {
            let node = &nodes[self.rng.below(nodes.len())]["metadata"]["name"];
            objects.push(self.local_volume(i, node));
        }
        objects
    }

    fn storage_classes(&mut self) -> Vec<Value> {
        let class = |name: &str, provisioner: &str, mode: &str| {
            json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                "metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode})
        };
        let mut wait = class("wait", DRIVER, "WaitForFirstConsumer");
        if self.rng.percent(30) {
            wait["allowedTopologies"] =
                json!([{"matchLabelExpressions": [{"key": ZONE, "values": ["z0", "z1"]}]}]);
        }
        vec![
            wait,
            class("local", "kubernetes.io/no-provisioner", "WaitForFirstConsumer"),
            class("now", DRIVER, "Immediate"),
        ]
    }

    fn csi_node(&mut self, name: &Value) -> Value {
        let mut driver = json!({"name": DRIVER, "nodeID": name, "topologyKeys": [ZONE]});
        if self.rng.percent(70) {
            driver["allocatable"] = json!({"count": self.rng.between(1, 4)});
        }
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": name},
               "spec": {"drivers": [driver]}})
    }

    fn pod_volumes(&mut self, pod: &mut Value, nodes: &[Value], objects: &mut Vec<Value>) {
        let node = pod["spec"]["nodeName"].as_str().map(str::to_owned);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut volumes = Vec::new();
        for j in 0..self.rng.pick(&[1, 1, 2]) {
            let claim = Claim {
                namespace: text(&pod["metadata"]["namespace"]),
                name: format!("pvc-{}-{j}", text(&pod["metadata"]["name"])),
                modes: json!([self.rng.pick(&[
                    "ReadWriteOnce",
                    "ReadWriteOnce",
                    "ReadWriteOncePod",
                    "ReadOnlyMany"
                ])]),
                class: self.rng.pick(&["wait", "local", "now"]),
            };
            match self.rng.below(100) {
                kind if node.is_some() || kind < 40 => {
                    let zone = self.volume_zone(node.as_deref(), nodes);
                    objects.push(self.bound_volume(&claim, &zone));
                    objects.push(bound_claim(&claim));
                }
                0..90 => objects.push(self.open_claim(&claim)),
                _ => {}
            }
            let source = json!({"claimName": claim.name});
            volumes.push(json!({"name": format!("v{j}"), "persistentVolumeClaim": source}));
        }
        pod["spec"]["volumes"] = volumes.into();
    }

    /// The zone of the pod's node, or any.
    fn volume_zone(&mut self, node: Option<&str>, nodes: &[Value]) -> String {
        let any = format!("z{}", self.rng.below(4));
        let Some(node) = node else { return any };
        nodes
            .iter()
            .find(|other| other["metadata"]["name"] == node)
            .and_then(|node| node["metadata"]["labels"][ZONE].as_str())
            .unwrap_or("z0")
            .to_owned()
    }

    fn bound_volume(&mut self, claim: &Claim, zone: &str) -> Value {
        let name = format!("pv-{}", claim.name);
        let mut labels = json!({});
        let mut spec = json!({
            "capacity": {"storage": "10Gi"}, "accessModes": claim.modes,
            "storageClassName": claim.class, "csi": {"driver": DRIVER, "volumeHandle": name},
            "claimRef": {"kind": "PersistentVolumeClaim", "namespace": claim.namespace,
                         "name": claim.name, "uid": format!("uid-{}", claim.name)},
            "persistentVolumeReclaimPolicy": "Delete",
        });
        match self.rng.below(100) {
            0..50 => spec["nodeAffinity"] = node_affinity(ZONE, zone),
            50..80 => {
                let more = if self.rng.percent(70) { "" } else { "__z3" };
                labels[ZONE] = json!(format!("{zone}{more}"));
            }
            _ => {}
        }
        json!({
            "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": name, "labels": labels,
                         "annotations": {"pv.kubernetes.io/bound-by-controller": "yes"}},
            "spec": spec, "status": {"phase": "Bound"},
        })
    }

    fn open_claim(&mut self, claim: &Claim) -> Value {
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": claim.name, "namespace": claim.namespace,
                         "uid": format!("uid-{}", claim.name)},
            "spec": {"accessModes": claim.modes, "storageClassName": claim.class,
                     "resources": {"requests": {"storage": self.rng.pick(&["1Gi", "5Gi", "50Gi"])}}},
            "status": {"phase": "Pending"},
        })
    }

    fn local_volume(&mut self, i: usize, node: &Value) -> Value {
        let node = node.as_str().unwrap_or_default();
        json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("local-{i}")},
            "spec": {"capacity": {"storage": self.rng.pick(&["2Gi", "20Gi"])},
                     "accessModes": ["ReadWriteOnce"], "storageClassName": "local",
                     "local": {"path": "/d"}, "persistentVolumeReclaimPolicy": "Retain",
                     "nodeAffinity": node_affinity(HOST, node)},
            "status": {"phase": "Available"},
        })
    }
}

fn bound_claim(claim: &Claim) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim.name, "namespace": claim.namespace,
                     "uid": format!("uid-{}", claim.name),
                     "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"accessModes": claim.modes, "storageClassName": claim.class,
                 "volumeName": format!("pv-{}", claim.name),
                 "resources": {"requests": {"storage": "5Gi"}}},
        "status": {"phase": "Bound"},
    })
}

fn node_affinity(key: &str, value: &str) -> Value {
    let expression = json!({"key": key, "operator": "In", "values": [value]});
    json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}})
}
