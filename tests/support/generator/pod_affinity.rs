//! Affinity between pods in full: many terms, namespaces in every form, first pods that match only
//! themselves, terms of pods that are there already. Called by scenarios of `podaffinity+`, `mixed+` and
//! `large`.

use super::spread::terminating;
use super::{APPS, Gen, HOST, REGION, Scene, ZONE, text};
use serde_json::{Value, json};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

impl Gen {
    /// Gives the scenario what its topic has beyond the plain one.
    pub(super) fn more_pod_affinity(&mut self, scene: &mut Scene) {
        self.unlabelled(&mut scene.nodes);
        if self.rng.percent(50) {
            let labels =
                json!({"kubernetes.io/metadata.name": "team-c", "team": self.rng.pick(&["", "c"])});
            scene.others.push(json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": "team-c", "labels": labels}}));
        }
        for pod in scene.bound.iter_mut().chain(&mut scene.pending) {
            if self.rng.percent(10) {
                // Its Namespace object may be missing.
                pod["metadata"]["namespace"] = json!("team-c");
            }
        }
        for pod in &mut scene.bound {
            if self.rng.percent(10) {
                terminating(pod);
            }
            if self.rng.percent(20) {
                self.terms_of(pod, 10);
            }
        }
        for pod in &mut scene.pending {
            match self.rng.below(10) {
                0 => {
                    // Nobody else matches its own term: the first of a group.
                    pod["metadata"]["labels"]["app"] = json!("first");
                    pod["spec"]["affinity"] =
                        json!({"podAffinity": {REQUIRED: [self.own_term("first")]}});
                }
                1 => {
                    let terms = [self.own_term("first"), self.own_term("web")];
                    pod["spec"]["affinity"] = json!({"podAffinity": {REQUIRED: terms}});
                }
                2 => {
                    if let Some(spec) = pod["spec"].as_object_mut() {
                        spec.remove("affinity");
                    }
                }
                3..7 => self.terms_of(pod, 35),
                _ => {}
            }
        }
    }

    fn own_term(&mut self, app: &str) -> Value {
        json!({"topologyKey": self.rng.pick(&[HOST, ZONE, REGION]),
               "labelSelector": {"matchLabels": {"app": app}}})
    }

    /// New affinity terms of all four kinds, required ones in `required` of 100 kinds.
    pub(super) fn terms_of(&mut self, pod: &mut Value, required: usize) {
        let own = text(&pod["metadata"]["labels"]["app"]);
        let mut affinity = json!({});
        for kind in ["podAffinity", "podAntiAffinity"] {
            if self.rng.percent(required) {
                let count = self.rng.pick(&[1, 1, 2, 3]);
                affinity[kind][REQUIRED] = (0..count).map(|_| self.full_term(&own)).collect();
            }
            if self.rng.percent(50) {
                let count = self.rng.pick(&[1, 2, 5]);
                affinity[kind][PREFERRED] = (0..count)
                    .map(|_| {
                        let weight = self.rng.pick(&[1, 10, 50, 100]);
                        json!({"weight": weight, "podAffinityTerm": self.full_term(&own)})
                    })
                    .collect();
            }
        }
        if affinity != json!({}) {
            pod["spec"]["affinity"] = affinity;
        }
    }

    fn full_term(&mut self, own: &str) -> Value {
        let rng = &mut self.rng;
        let mut term =
            json!({"topologyKey": rng.pick(&[HOST, ZONE, ZONE, REGION, "disk", "nope"])});
        let selector = match rng.below(20) {
            0 => None,
            1 | 2 => Some(json!({})),
            3 => Some(json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]})),
            4 => Some(json!({"matchExpressions": [
                {"key": "app", "operator": "NotIn", "values": rng.sample(&APPS, 2)}]})),
            5 => Some(json!({"matchExpressions": [
                {"key": "app", "operator": "In", "values": rng.sample(&APPS, 3)},
                {"key": "tier", "operator": "Exists"}]})),
            6..12 => Some(json!({"matchLabels": {"app": own}})),
            _ => Some(json!({"matchLabels": {"app": rng.pick(&APPS)}})),
        };
        if let Some(selector) = selector {
            term["labelSelector"] = selector;
        }
        if rng.percent(30) {
            let count = rng.between(1, 4);
            let known = ["default", "team-a", "team-b", "team-c", "nowhere"];
            term["namespaces"] = json!(rng.sample(&known, count));
        }
        if rng.percent(30) {
            term["namespaceSelector"] = match rng.below(5) {
                0 => json!({}),
                1 => json!({"matchLabels": {"team": "a"}}),
                2 => json!({"matchExpressions": [{"key": "team", "operator": "Exists"}]}),
                3 => json!({"matchLabels": {"team": "nobody"}}),
                _ => {
                    json!({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["b"]}]})
                }
            };
        }
        term
    }
}
