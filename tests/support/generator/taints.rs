//! Taints of nodes and tolerations of pods, in the plain topic and in `taints+`. Called for each node and
//! each pod whose topic has them.

use super::Gen;
use serde_json::{Value, json};

const KEYS: [&str; 3] = ["dedicated", "gpu", "spot"];
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const MORE_KEYS: [&str; 6] = [
    "dedicated",
    "gpu",
    "spot",
    "example.com/maintenance",
    "node.kubernetes.io/not-ready",
    UNSCHEDULABLE,
];

impl Gen {
    /// Taints of one node: a key and an effect together at most once.
    pub(super) fn node_taints(&mut self) -> Vec<Value> {
        let more = self.reaches("taints");
        let count = self.rng.below(if more { 4 } else { 3 });
        let mut taints: Vec<Value> = Vec::new();
        for _ in 0..count {
            let taint = if more {
                self.odd_taint()
            } else {
                let rng = &mut self.rng;
                json!({"key": rng.pick(&KEYS), "value": rng.pick(&["a", "b", "", "5"]),
                       "effect": rng.pick(&EFFECTS)})
            };
            taints.retain(|old| old["key"] != taint["key"] || old["effect"] != taint["effect"]);
            taints.push(taint);
        }
        taints
    }

    fn odd_taint(&mut self) -> Value {
        let rng = &mut self.rng;
        let effect = rng.pick(&[EFFECTS[0], EFFECTS[1], EFFECTS[1], EFFECTS[2]]);
        let mut taint = json!({"key": rng.pick(&MORE_KEYS), "effect": effect});
        if rng.percent(70) {
            taint["value"] = json!(rng.pick(&["a", "b", "", "5", "A", "true"]));
        }
        if effect == "NoExecute" && rng.percent(50) {
            taint["timeAdded"] = json!("2026-01-01T00:00:00Z");
        }
        taint
    }

    /// Makes some nodes unschedulable, with and without the taint that says so.
    pub(super) fn cordon(&mut self, node: &mut Value) {
        if !self.rng.percent(20) {
            return;
        }
        node["spec"]["unschedulable"] = json!(true);
        if !self.rng.percent(60) {
            return;
        }
        let taint = json!({"key": UNSCHEDULABLE, "effect": "NoSchedule"});
        if let Some(taints) = node["spec"]["taints"].as_array_mut() {
            taints.retain(|old| old["key"] != taint["key"] || old["effect"] != taint["effect"]);
            taints.push(taint);
        } else {
            node["spec"]["taints"] = json!([taint]);
        }
    }

    /// The tolerations of one pod.
    pub(super) fn tolerations(&mut self) -> Value {
        if self.reaches("taints") {
            return self.odd_tolerations();
        }
        let count = self.rng.between(1, 4);
        (0..count).map(|_| self.toleration()).collect()
    }

    fn toleration(&mut self) -> Value {
        let rng = &mut self.rng;
        if rng.percent(10) {
            return json!({"operator": "Exists"});
        }
        let mut toleration = json!({"key": rng.pick(&KEYS)});
        if rng.percent(40) {
            toleration["operator"] = json!("Exists");
        } else {
            toleration["operator"] = json!("Equal");
            toleration["value"] = json!(rng.pick(&["a", "b", ""]));
        }
        if rng.percent(70) {
            toleration["effect"] = json!(rng.pick(&EFFECTS));
        }
        toleration
    }

    /// Several tolerations of one key with and without effect, whole keys left out, operators left out,
    /// and the one for unschedulable nodes.
    fn odd_tolerations(&mut self) -> Value {
        let mut list = Vec::new();
        for _ in 0..self.rng.below(4) {
            let toleration = self.odd_toleration();
            if self.rng.percent(25) {
                list.push(self.same_key(&toleration));
            }
            list.push(toleration);
        }
        if self.rng.percent(25) {
            list.push(self.for_unschedulable());
        }
        list.into()
    }

    fn odd_toleration(&mut self) -> Value {
        let rng = &mut self.rng;
        let mut toleration = if rng.percent(7) {
            json!({"operator": "Exists"})
        } else {
            json!({"key": rng.pick(&MORE_KEYS)})
        };
        if toleration.get("key").is_some() {
            match rng.below(5) {
                0 | 1 => toleration["operator"] = json!("Exists"),
                2 => toleration["operator"] = json!("Equal"),
                _ => {}
            }
            if toleration["operator"] != "Exists" && rng.percent(80) {
                toleration["value"] = json!(rng.pick(&["a", "b", "", "5", "A", "true"]));
            }
        }
        if rng.percent(60) {
            let effect = rng.pick(&EFFECTS);
            toleration["effect"] = json!(effect);
            if effect == "NoExecute" && rng.percent(50) {
                toleration["tolerationSeconds"] = json!(rng.pick(&[-1, 0, 300]));
            }
        }
        toleration
    }

    /// The same toleration for another effect, or for all of them.
    fn same_key(&mut self, toleration: &Value) -> Value {
        let mut copy = toleration.clone();
        if let Some(fields) = copy.as_object_mut() {
            fields.remove("tolerationSeconds");
            fields.remove("effect");
        }
        if self.rng.percent(60) {
            copy["effect"] = json!(self.rng.pick(&EFFECTS));
        }
        copy
    }

    fn for_unschedulable(&mut self) -> Value {
        let rng = &mut self.rng;
        let mut toleration = json!({"key": UNSCHEDULABLE});
        match rng.below(4) {
            0 => toleration["value"] = json!("x"),
            1 => toleration["value"] = json!(""),
            2 => {}
            _ => toleration["operator"] = json!("Exists"),
        }
        if rng.percent(60) {
            toleration["effect"] =
                json!(rng.pick(&["NoSchedule", "NoSchedule", "NoSchedule", "NoExecute"]));
        }
        toleration
    }
}
