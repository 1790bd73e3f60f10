//! Rules about other pods and about node labels: affinity in both kinds, topology spread. Called for each
//! pod whose topic has them.

use super::{APPS, Gen, HOST, REGION, ZONE};
use serde_json::{Value, json};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

impl Gen {
    /// A label selector, now and then none at all.
    fn selector(&mut self) -> Option<Value> {
        let rng = &mut self.rng;
        Some(match rng.below(100) {
            0..60 => json!({"matchLabels": {"app": rng.pick(&APPS)}}),
            60..75 => json!({"matchExpressions": [{"key": "app",
                "operator": rng.pick(&["In", "NotIn"]), "values": rng.sample(&APPS, 2)}]}),
            75..85 => json!({"matchExpressions": [{"key": "tier",
                "operator": rng.pick(&["Exists", "DoesNotExist"])}]}),
            85..95 => json!({}),
            _ => return None,
        })
    }

    fn affinity_term(&mut self, own: &str) -> Value {
        let mut term = json!({"topologyKey": self.rng.pick(&[HOST, ZONE, ZONE, REGION])});
        let selector = if self.rng.percent(40) {
            Some(json!({"matchLabels": {"app": own}}))
        } else {
            self.selector()
        };
        let rng = &mut self.rng;
        match rng.below(100) {
            0..20 => {
                let count = rng.between(1, 3);
                term["namespaces"] = json!(rng.sample(&["default", "team-a", "team-b"], count));
            }
            20..40 => {
                term["namespaceSelector"] = match rng.below(3) {
                    0 => json!({}),
                    1 => json!({"matchLabels": {"team": "a"}}),
                    _ => json!({"matchExpressions": [{"key": "team", "operator": "Exists"}]}),
                }
            }
            _ => {}
        }
        if let Some(selector) = selector {
            term["labelSelector"] = selector;
            if rng.percent(10) {
                term["matchLabelKeys"] = json!(["rev"]);
            }
            if rng.percent(10) {
                term["mismatchLabelKeys"] = json!(["tier"]);
            }
        }
        term
    }

    /// Required and preferred terms of one kind of pod affinity; either may be missing.
    pub(super) fn pod_affinity(&mut self, own: &str) -> Value {
        let mut affinity = json!({});
        if self.rng.percent(35) {
            let count = self.rng.between(1, 3);
            affinity[REQUIRED] = (0..count).map(|_| self.affinity_term(own)).collect();
        }
        if self.rng.percent(50) {
            let count = self.rng.between(1, 3);
            affinity[PREFERRED] = (0..count)
                .map(|_| {
                    let weight = self.rng.between(1, 101);
                    json!({"weight": weight, "podAffinityTerm": self.affinity_term(own)})
                })
                .collect();
        }
        affinity
    }

    /// Required and preferred node terms; either may be missing.
    pub(super) fn node_affinity(&mut self) -> Value {
        let mut affinity = json!({});
        if self.rng.percent(60) {
            let count = self.rng.between(1, 3);
            let terms: Vec<Value> = (0..count).map(|_| self.node_term()).collect();
            affinity[REQUIRED] = json!({"nodeSelectorTerms": terms});
        }
        if self.rng.percent(70) {
            let count = self.rng.between(1, 4);
            affinity[PREFERRED] = (0..count)
                .map(|_| {
                    let weight = self.rng.between(1, 101);
                    json!({"weight": weight, "preference": self.node_term()})
                })
                .collect();
        }
        affinity
    }

    fn node_term(&mut self) -> Value {
        let count = self.rng.between(1, 3);
        let expressions: Vec<Value> = (0..count).map(|_| self.node_expression()).collect();
        let rng = &mut self.rng;
        let by_name = |operator: &str, i: usize| json!([{"key": "metadata.name", "operator": operator, "values": [format!("n{i}")]}]);
        if rng.percent(12) {
            let operator = rng.pick(&["In", "In", "NotIn"]);
            return json!({"matchFields": by_name(operator, rng.below(12))});
        }
        let mut term = json!({"matchExpressions": expressions});
        if rng.percent(5) {
            term["matchFields"] = by_name("In", rng.below(12));
        }
        term
    }

    fn node_expression(&mut self) -> Value {
        let rng = &mut self.rng;
        match rng.below(6) {
            0 => {
                let count = rng.between(1, 3);
                json!({"key": "disk", "operator": rng.pick(&["In", "NotIn"]),
                       "values": rng.sample(&["ssd", "hdd", "nvme"], count)})
            }
            1 => json!({"key": "cores", "operator": rng.pick(&["Gt", "Lt"]),
                        "values": [rng.pick(&["3", "4", "8", "10"])]}),
            2 => json!({"key": rng.pick(&["disk", "cores", "nope"]),
                        "operator": rng.pick(&["Exists", "DoesNotExist"])}),
            _ => {
                let count = rng.between(1, 4);
                json!({"key": ZONE, "operator": rng.pick(&["In", "In", "NotIn"]),
                       "values": rng.sample(&["z0", "z1", "z2", "z3", "z4"], count)})
            }
        }
    }

    /// One or two constraints, each on another key.
    pub(super) fn spread_constraints(&mut self, app: &str) -> Value {
        let count = self.rng.between(1, 3);
        let mut keys = self.rng.sample(&[HOST, ZONE, ZONE, REGION, "disk"], count);
        keys.dedup();
        keys.into_iter().map(|key| self.constraint(key, app)).collect()
    }

    fn constraint(&mut self, key: &str, app: &str) -> Value {
        let selector = if self.rng.percent(70) {
            json!({"matchLabels": {"app": app}})
        } else {
            self.selector().unwrap_or_else(|| json!({}))
        };
        let rng = &mut self.rng;
        let when = rng.pick(&["DoNotSchedule", "ScheduleAnyway"]);
        let mut constraint = json!({"maxSkew": rng.pick(&[1, 1, 1, 2, 3]), "topologyKey": key,
            "whenUnsatisfiable": when, "labelSelector": selector});
        if when == "DoNotSchedule" && rng.percent(30) {
            constraint["minDomains"] = json!(rng.between(1, 7));
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            if rng.percent(25) {
                constraint[policy] = json!(rng.pick(&["Honor", "Ignore"]));
            }
        }
        if rng.percent(25) {
            constraint["matchLabelKeys"] = json!(["rev"]);
        }
        constraint
    }
}
