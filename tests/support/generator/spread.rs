//! Topology spread in full: many constraints in a pod, policies, label keys, nodes that lack labels, default
//! constraints. Called by scenarios of `spread+`, `mixed+` and `large`.

use super::{Gen, HOST, REGION, Scene, ZONE};
use serde_json::{Value, json};

const KEYS: [&str; 5] = [HOST, ZONE, ZONE, REGION, "rack"];

impl Gen {
    /// Gives the scenario what its topic has beyond the plain one.
    pub(super) fn more_spread(&mut self, scene: &mut Scene) {
        for node in &mut scene.nodes {
            self.racked(node);
        }
        self.unlabelled(&mut scene.nodes);
        for pod in &mut scene.pending {
            if self.rng.percent(35) {
                self.without_constraints(pod);
            } else {
                let count = self.rng.pick(&[1, 1, 2, 2, 3, 5]);
                pod["spec"]["topologySpreadConstraints"] = self.constraints(pod, count);
            }
            if self.rng.percent(35) {
                self.picky(pod);
            }
            if self.rng.percent(50) {
                self.owned(pod);
            }
        }
        for pod in &mut scene.bound {
            if self.rng.percent(15) {
                terminating(pod);
            }
            if self.rng.percent(30) {
                self.owned(pod);
            }
        }
        let workloads = self.workloads();
        scene.others.extend(workloads);
    }

    fn racked(&mut self, node: &mut Value) {
        if self.rng.percent(80) {
            node["metadata"]["labels"]["rack"] = json!(self.rng.pick(&["a", "b", "c", ""]));
        }
        if self.rng.percent(20) {
            let effect = self.rng.pick(&["NoSchedule", "NoExecute", "PreferNoSchedule"]);
            node["spec"]["taints"] = json!([{"key": "dedicated", "value": "a", "effect": effect}]);
        }
    }

    /// Takes labels that constraints go by from a few nodes; now and then one from all of them, or all from
    /// one.
    pub(super) fn unlabelled(&mut self, nodes: &mut [Value]) {
        let nowhere = if self.rng.percent(10) { self.rng.pick(&[HOST, ZONE]) } else { "" };
        let chance = self.rng.pick(&[0, 5, 25]);
        if self.rng.percent(20) {
            let bare = self.rng.below(nodes.len());
            nodes[bare]["metadata"]["labels"] = json!({});
        }
        for node in nodes {
            for key in [HOST, ZONE] {
                if (key == nowhere || self.rng.percent(chance))
                    && let Some(labels) = node["metadata"]["labels"].as_object_mut()
                {
                    labels.remove(key);
                }
            }
        }
    }

    fn without_constraints(&mut self, pod: &mut Value) {
        if let Some(spec) = pod["spec"].as_object_mut() {
            spec.remove("topologySpreadConstraints");
        }
        if self.rng.percent(10)
            && let Some(metadata) = pod["metadata"].as_object_mut()
        {
            metadata.remove("labels");
        }
    }

    /// `count` constraints for `pod`; no two with the same key and the same action.
    pub(super) fn constraints(&mut self, pod: &Value, count: usize) -> Value {
        let app = super::text(&pod["metadata"]["labels"]["app"]);
        let mut taken = Vec::new();
        let mut list = Vec::new();
        for _ in 0..count {
            let key = if self.rng.percent(4) { "nope" } else { self.rng.pick(&KEYS) };
            let action = self.rng.pick(&["DoNotSchedule", "ScheduleAnyway", "ScheduleAnyway"]);
            if taken.contains(&(key, action)) {
                continue;
            }
            taken.push((key, action));
            list.push(self.full_constraint(key, action, &app));
        }
        list.into()
    }

    fn full_constraint(&mut self, key: &str, action: &str, app: &str) -> Value {
        let rng = &mut self.rng;
        let mut constraint = json!({"topologyKey": key, "whenUnsatisfiable": action,
            "maxSkew": rng.pick(&[1, 1, 1, 2, 3, 5])});
        let selector = match rng.below(20) {
            // No selector matches nothing, an empty one everything.
            0 => None,
            1 | 2 => Some(json!({})),
            3 => Some(json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]})),
            4 => Some(json!({"matchExpressions": [
                {"key": "app", "operator": "NotIn", "values": [app]}]})),
            5 => Some(json!({"matchLabels": {"app": app},
                "matchExpressions": [{"key": "tier", "operator": "Exists"}]})),
            6 => Some(json!({"matchLabels": {"app": "nobody"}})),
            _ => Some(json!({"matchLabels": {"app": app}})),
        };
        if let Some(selector) = selector {
            constraint["labelSelector"] = selector;
            if rng.percent(30) {
                let count = rng.between(1, 3);
                constraint["matchLabelKeys"] =
                    json!(rng.sample(&["rev", "missing", "team"], count));
            }
        }
        if action == "DoNotSchedule" && rng.percent(40) {
            constraint["minDomains"] = json!(rng.between(1, 8));
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            if rng.percent(40) {
                constraint[policy] = json!(rng.pick(&["Honor", "Ignore"]));
            }
        }
        constraint
    }

    /// What the inclusion policies look at: a node selector or node affinity, tolerations.
    fn picky(&mut self, pod: &mut Value) {
        match self.rng.below(3) {
            0 => pod["spec"]["nodeSelector"] = json!({ZONE: format!("z{}", self.rng.below(4))}),
            1 => {
                let expression = json!({"key": ZONE, "operator": "In", "values": self.rng.sample(&["z0", "z1", "z2", "z3"], 2)});
                let terms = json!({"nodeSelectorTerms": [{"matchExpressions": [expression]}]});
                pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
                    terms;
            }
            _ => pod["spec"]["tolerations"] = json!([{"key": "dedicated", "operator": "Exists"}]),
        }
    }
}

/// Marks a pod as being deleted.
pub(super) fn terminating(pod: &mut Value) {
    pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T02:00:00Z");
    pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
}
