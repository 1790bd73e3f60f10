//! Preemption in full: disruption budgets, nominated pods, victims that hold ports, disks or places in a
//! spread, victims that are on their way out. Called by scenarios of `preemption+`, `mixed+` and `large`.

use super::spread::terminating;
use super::{APPS, Gen, HOST, Scene, ZONE, text};
use serde_json::{Value, json};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

impl Gen {
    /// Gives the scenario what its topic has beyond the plain one.
    pub(super) fn more_evictions(&mut self, scene: &mut Scene) {
        let base = self.rng.pick(&[0, 0, -10]);
        for (i, pod) in scene.bound.iter_mut().enumerate() {
            self.victim(pod, i, base);
        }
        for i in 0..scene.pending.len() {
            let mut pod = scene.pending[i].take();
            self.preemptor(&mut pod, scene);
            scene.pending[i] = pod;
        }
        for i in 0..self.rng.pick(&[0, 0, 3, 8]) {
            let node = format!("n{}", self.rng.below(scene.nodes.len() + 1));
            let pod = self.nominated(i, &node);
            scene.bound.push(pod);
        }
        if self.is("preemption") {
            for node in &mut scene.nodes {
                self.narrow(node);
            }
        }
        for i in 0..self.rng.pick(&[0, 1, 3, 6]) {
            let budget = self.full_budget(i, &scene.bound);
            scene.others.push(budget);
        }
    }

    /// Nodes that no eviction helps, and such where only some pods fit by number.
    fn narrow(&mut self, node: &mut Value) {
        match self.rng.below(20) {
            0 => {
                node["spec"]["taints"] =
                    json!([{"key": "dedicated", "value": "a", "effect": "NoSchedule"}]);
            }
            1..4 => {
                node["status"]["allocatable"]["pods"] = json!("6");
                node["status"]["allocatable"]["cpu"] = json!("16");
            }
            _ => {}
        }
    }

    fn victim(&mut self, pod: &mut Value, i: usize, base: i32) {
        let rng = &mut self.rng;
        pod["spec"]["priority"] = json!(base + rng.pick(&[0, 0, 0, 5, 10, 50, 100]));
        if rng.percent(85) {
            // No two begin in the same second, so that the last criterion decides between nodes.
            let second = (i * 7919) % 86_400;
            let (hour, minute) = (second / 3600, second / 60 % 60);
            pod["status"]["startTime"] =
                json!(format!("2026-01-01T{hour:02}:{minute:02}:{:02}Z", second % 60));
        }
        match rng.below(12) {
            0 => {
                pod["spec"]["containers"][0]["ports"] =
                    json!([{"containerPort": 80, "hostPort": 8080}]);
            }
            1 => {
                pod["spec"]["volumes"] =
                    json!([{"name": "d", "gcePersistentDisk": {"pdName": "disk-a"}}]);
            }
            2 => {
                let term = json!({"topologyKey": rng.pick(&[HOST, ZONE]),
                    "labelSelector": {"matchLabels": {"app": rng.pick(&APPS)}}});
                pod["spec"]["affinity"]["podAntiAffinity"] = json!({REQUIRED: [term]});
            }
            3 | 4 => {
                terminating(pod);
                let reason = rng.pick(&[
                    "PreemptionByScheduler",
                    "PreemptionByScheduler",
                    "EvictionByEvictionAPI",
                ]);
                let mut conditions = vec![json!({"type": "Ready", "status": "True"})];
                if rng.percent(80) {
                    let status = rng.pick(&["True", "True", "False"]);
                    conditions.push(
                        json!({"type": "DisruptionTarget", "status": status, "reason": reason}),
                    );
                }
                pod["status"]["conditions"] = conditions.into();
            }
            5 => {
                if let Some(metadata) = pod["metadata"].as_object_mut() {
                    metadata.remove("labels");
                }
            }
            _ => {}
        }
    }

    fn preemptor(&mut self, pod: &mut Value, scene: &Scene) {
        let rng = &mut self.rng;
        let app = rng.pick(&APPS);
        pod["spec"]["priority"] = json!(rng.pick(&[10, 60, 100, 1000, 1000]));
        if rng.percent(25) {
            // It was nominated before; whether its victims are gone by now is the question.
            let on_its_way_out: Vec<&Value> = scene
                .bound
                .iter()
                .filter(|pod| pod["metadata"]["deletionTimestamp"].is_string())
                .map(|pod| &pod["spec"]["nodeName"])
                .collect();
            let any = &scene.nodes[rng.below(scene.nodes.len())]["metadata"]["name"];
            let node = on_its_way_out.get(rng.below(on_its_way_out.len() + 2)).copied();
            pod["status"]["nominatedNodeName"] = node.unwrap_or(any).clone();
        }
        let kind = rng.below(12);
        if (4..9).contains(&kind) {
            // What it lacks is not a resource.
            pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "100m"}});
        }
        match kind {
            4 => {
                pod["spec"]["containers"][0]["ports"] =
                    json!([{"containerPort": 80, "hostPort": 8080}]);
            }
            5 => {
                pod["spec"]["volumes"] =
                    json!([{"name": "d", "gcePersistentDisk": {"pdName": "disk-a"}}]);
            }
            6 => {
                let term = json!({"topologyKey": rng.pick(&[HOST, HOST, ZONE]),
                    "labelSelector": {"matchLabels": {"app": app}}});
                pod["spec"]["affinity"]["podAntiAffinity"] = json!({REQUIRED: [term]});
            }
            7 => {
                let selector = json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]});
                pod["spec"]["topologySpreadConstraints"] = json!([{"maxSkew": 1,
                    "topologyKey": rng.pick(&[HOST, ZONE]), "whenUnsatisfiable": "DoNotSchedule",
                    "minDomains": 20, "labelSelector": selector,
                    "nodeTaintsPolicy": rng.pick(&["Honor", "Ignore"])}]);
                if rng.percent(50) {
                    pod["spec"]["nodeSelector"] = json!({"disk": "ssd"});
                }
            }
            8 => {
                let term = json!({"topologyKey": rng.pick(&[HOST, ZONE]), "labelSelector": {
                    "matchExpressions": [{"key": "app", "operator": "In", "values": [app, "x"]}]}});
                pod["spec"]["affinity"]["podAffinity"] = json!({REQUIRED: [term]});
                pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "3"}});
            }
            9 => {
                pod["spec"]["nodeSelector"] = json!({"disk": rng.pick(&["ssd", "nope"])});
            }
            10 => pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "40"}}),
            _ => {}
        }
    }

    /// A pod that waits for the victims of its own preemption to be gone.
    fn nominated(&mut self, i: usize, node: &str) -> Value {
        let name = format!("nominated-{i}");
        let rng = &mut self.rng;
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": rng.pick(&["default", "team-a"]),
                         "uid": format!("uid-{name}"), "labels": {"app": rng.pick(&APPS)}},
            "spec": {"priority": rng.pick(&[0, 100, 500, 2000]), "containers": [{"name": "c", "image": "x",
                "resources": {"requests": {"cpu": rng.pick(&["100m", "1", "3"])}}}]},
            "status": {"phase": "Pending", "nominatedNodeName": node}});
        match rng.below(6) {
            0 => {
                pod["spec"]["containers"][0]["ports"] =
                    json!([{"containerPort": 80, "hostPort": 8080}]);
            }
            1 => {
                let term = json!({"topologyKey": rng.pick(&[HOST, ZONE]),
                    "labelSelector": {"matchLabels": {"app": rng.pick(&APPS)}}});
                pod["spec"]["affinity"]["podAntiAffinity"] = json!({REQUIRED: [term]});
            }
            2 => {
                pod["spec"]["volumes"] =
                    json!([{"name": "d", "gcePersistentDisk": {"pdName": "disk-a"}}]);
            }
            _ => {}
        }
        pod
    }

    fn full_budget(&mut self, i: usize, bound: &[Value]) -> Value {
        let rng = &mut self.rng;
        let namespace = rng.pick(&["default", "default", "team-a", "team-b"]);
        let mut spec = json!({"maxUnavailable": 1});
        match rng.below(8) {
            // Without a selector it protects nothing.
            0 => {}
            1 => spec["selector"] = json!({}),
            2 => {
                spec["selector"] = json!({"matchExpressions": [
                    {"key": "app", "operator": "In", "values": rng.sample(&APPS, 2)}]});
            }
            3 => spec["selector"] = json!({"matchLabels": {"tier": "front"}}),
            _ => spec["selector"] = json!({"matchLabels": {"app": rng.pick(&APPS)}}),
        }
        let mut status = json!({"disruptionsAllowed": rng.pick(&[0, 0, 1, 2]), "currentHealthy": 3,
            "desiredHealthy": 2, "expectedPods": 3});
        if rng.percent(40) && !bound.is_empty() {
            // These have been evicted already, though nobody has seen it.
            for _ in 0..rng.between(1, 20) {
                let pod = text(&bound[rng.below(bound.len())]["metadata"]["name"]);
                status["disruptedPods"][pod] = json!("2026-01-01T00:00:00Z");
            }
        }
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": format!("budget-{i}"), "namespace": namespace},
            "spec": spec, "status": status})
    }
}
