//! The nodes of a scenario: labels, what can be allocated, taints, images. Called by the scenario.

use super::{Gen, HOST, REGION, ZONE};
use serde_json::{Value, json};

impl Gen {
    /// Node number `i`, and for how many bound pods it has room.
    pub(super) fn node(&mut self, i: usize) -> (Value, usize) {
        let name = format!("n{i}");
        let labels = self.node_labels(&name);
        let (allocatable, room) = self.node_allocatable();
        let mut node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
            "spec": {},
            "status": {"allocatable": allocatable, "capacity": allocatable,
                       "conditions": [{"type": "Ready", "status": "True"}]},
        });
        if self.reaches("resources") {
            self.loosen_allocatable(&mut node["status"]);
        }
        if self.on("taints") {
            let taints = self.node_taints();
            if !taints.is_empty() {
                node["spec"]["taints"] = taints.into();
            }
        }
        if self.reaches("taints") {
            self.cordon(&mut node);
        } else if self.rng.percent(8) {
            node["spec"]["unschedulable"] = json!(true);
        }
        if self.reaches("images") {
            self.many_images(&mut node["status"]);
        } else if self.on("images") {
            node["status"]["images"] = self.node_images();
        }
        (node, room)
    }

    fn node_labels(&mut self, name: &str) -> Value {
        let mut labels = json!({HOST: name, "kubernetes.io/os": "linux"});
        let rng = &mut self.rng;
        if rng.percent(97) {
            labels[ZONE] = json!(format!("z{}", rng.below(4)));
        }
        if rng.percent(50) {
            labels[REGION] = json!(format!("r{}", rng.below(2)));
        }
        if rng.percent(50) {
            labels["disk"] = json!(rng.pick(&["ssd", "hdd", "nvme"]));
        }
        if rng.percent(40) {
            labels["cores"] = json!(rng.pick(&["2", "4", "8", "16", "32"]));
        }
        labels
    }

    fn node_allocatable(&mut self) -> (Value, usize) {
        if self.reaches("resources") {
            return self.odd_allocatable();
        }
        let room = if self.is("preemption") { 30 } else { self.rng.pick(&[5, 8, 110]) };
        let rng = &mut self.rng;
        let mut list = json!({
            "cpu": rng.pick(&["2", "4", "8", "3920m", "16"]),
            "memory": rng.pick(&["4Gi", "8Gi", "16Gi", "15842308Ki", "32Gi"]),
            "pods": room.to_string(),
            "ephemeral-storage": rng.pick(&["20Gi", "100Gi"]),
        });
        if self.is("preemption") {
            list["cpu"] = json!("4");
        }
        if self.on("resources") && self.rng.percent(50) {
            list["example.com/gpu"] = json!(self.rng.pick(&["1", "2", "4", "8"]));
        }
        if self.on("resources") && self.rng.percent(30) {
            list["hugepages-2Mi"] = json!(self.rng.pick(&["0", "512Mi"]));
        }
        (list, room)
    }
}
