//! Volumes that are there before any claim wants them. Called by `volumes+`.

use super::claims::Storage;
use super::spread::terminating;
use super::{Gen, HOST, ZONE};
use serde_json::{Value, json};

impl Gen {
    /// Some volumes without a claim, or kept for one. No two have the same size: upstream takes the smallest
    /// that fits, and of equal ones any.
    pub(super) fn static_volumes(&mut self, nodes: &[Value], storage: &mut Storage) {
        for i in 0..self.rng.between(nodes.len(), 4 * nodes.len()) {
            let mut volume = self.free_volume(i, nodes);
            let kept = self.rng.below(storage.open.len() * 4);
            if let Some((namespace, name)) = storage.open.get(kept)
                && self.rng.percent(30)
            {
                volume["spec"]["claimRef"] = self.kept_for(namespace, name);
            }
            storage.objects.push(volume);
        }
    }

    fn kept_for(&mut self, namespace: &str, name: &str) -> Value {
        let mut reference =
            json!({"kind": "PersistentVolumeClaim", "namespace": namespace, "name": name});
        match self.rng.below(4) {
            0 => reference["uid"] = json!("uid-of-an-earlier-one"),
            1 => {}
            _ => reference["uid"] = json!(format!("uid-{namespace}-{name}")),
        }
        reference
    }

    fn free_volume(&mut self, i: usize, nodes: &[Value]) -> Value {
        let rng = &mut self.rng;
        let modes = rng.pick(&[
            &["ReadWriteOnce"][..],
            &["ReadWriteOnce", "ReadOnlyMany", "ReadWriteOncePod"],
            &["ReadWriteOnce", "ReadOnlyMany", "ReadWriteOncePod", "ReadWriteMany"],
            &["ReadOnlyMany"],
        ]);
        let mebibytes = rng.pick(&[1024, 2048, 6000, 60_000]) + i;
        let mut spec = json!({"capacity": {"storage": format!("{mebibytes}Mi")}, "accessModes": modes,
            "storageClassName": rng.pick(&["local", "local", "local", "wait", "tracked", ""]),
            "local": {"path": "/d"}, "persistentVolumeReclaimPolicy": "Retain"});
        if rng.percent(85) {
            let node = &nodes[rng.below(nodes.len())]["metadata"]["name"];
            let expression = if rng.percent(50) {
                json!({"key": HOST, "operator": "In", "values": [node]})
            } else {
                json!({"key": ZONE, "operator": "NotIn", "values": [rng.pick(&["z0", "z1"])]})
            };
            spec["nodeAffinity"] =
                json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}});
        }
        if rng.percent(8) {
            spec["volumeMode"] = json!("Block");
        }
        if rng.percent(5) {
            spec["volumeAttributesClassName"] = json!("gold");
        }
        let mut labels = json!({});
        if rng.percent(50) {
            labels["speed"] = json!(rng.pick(&["fast", "slow"]));
        }
        let phase =
            if rng.percent(90) { "Available" } else { rng.pick(&["Released", "Pending", "Bound"]) };
        let mut volume = json!({"apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": format!("static-{i}"), "labels": labels},
            "spec": spec, "status": {"phase": phase}});
        if self.rng.percent(5) {
            terminating(&mut volume);
        }
        volume
    }
}
