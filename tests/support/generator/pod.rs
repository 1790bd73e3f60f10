//! The pods of a scenario, bound and pending: what every topic has, and where the topics add theirs.
//! Called by the scenario.

use super::{APPS, Gen};
use serde_json::{Value, json};

impl Gen {
    /// A pod on the node `bound`, or a pending one.
    pub(super) fn pod(&mut self, name: &str, bound: Option<&str>) -> Value {
        let app = self.rng.pick(&APPS);
        let metadata = self.pod_metadata(name, app);
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {},
            "status": {"phase": if bound.is_some() { "Running" } else { "Pending" }},
        });
        if self.reaches("resources") {
            self.odd_pod_resources(&mut pod["spec"]);
        } else {
            self.containers(&mut pod["spec"], bound.is_none());
        }
        self.placement_rules(&mut pod["spec"], app, bound.is_none());
        self.importance(&mut pod, bound.is_none());
        if self.reaches("images") {
            self.many_pod_images(&mut pod["spec"]);
        }
        match bound {
            Some(node) => {
                pod["spec"]["nodeName"] = json!(node);
                if self.reaches("resources") {
                    self.running_status(&mut pod);
                }
            }
            None if self.extra => self.held_back(&mut pod["spec"]),
            None => {}
        }
        pod
    }

    fn pod_metadata(&mut self, name: &str, app: &str) -> Value {
        let rng = &mut self.rng;
        let namespace = rng.pick(&["default", "default", "team-a", "team-b"]);
        let mut labels = json!({"app": app});
        if rng.percent(40) {
            labels["tier"] = json!(rng.pick(&["front", "back"]));
        }
        if rng.percent(40) {
            labels["rev"] = json!(rng.pick(&["1", "2"]));
        }
        let created = format!("2026-01-01T00:{:02}:{:02}Z", rng.below(60), rng.below(60));
        json!({"name": name, "namespace": namespace, "labels": labels, "uid": format!("uid-{name}"),
               "creationTimestamp": created})
    }

    fn containers(&mut self, spec: &mut Value, pending: bool) {
        let small = !pending && !self.is("preemption") && !self.is("resources");
        let count = self.rng.pick(&[1, 1, 1, 2, 3]);
        let list: Vec<Value> =
            (0..count).map(|i| self.container(&format!("c{i}"), small)).collect();
        spec["containers"] = list.into();
        if !self.on("resources") {
            return;
        }
        if self.rng.percent(30) {
            let mut init = self.container("i0", false);
            if let Some(fields) = init.as_object_mut() {
                fields.remove("ports");
            }
            if self.rng.percent(50) {
                init["restartPolicy"] = json!("Always");
            }
            spec["initContainers"] = json!([init]);
        }
        if self.rng.percent(20) {
            spec["overhead"] = json!({"cpu": "120m", "memory": "100Mi"});
        }
        if self.rng.percent(15) {
            spec["resources"] = json!({"requests": {"cpu": "3", "memory": "6Gi"}});
        }
    }

    fn container(&mut self, name: &str, small: bool) -> Value {
        let mut container = json!({"name": name, "image": self.container_image()});
        let resources = self.container_resources(small);
        if resources != json!({}) {
            container["resources"] = resources;
        }
        if self.on("ports") && self.rng.percent(60) {
            let count = self.rng.between(1, 3);
            container["ports"] = (0..count).map(|_| self.host_port()).collect();
        }
        container
    }

    fn host_port(&mut self) -> Value {
        let rng = &mut self.rng;
        let mut port = json!({"containerPort": 80, "hostPort": rng.pick(&[8080, 8081, 9090])});
        if rng.percent(50) {
            port["protocol"] = json!(rng.pick(&["TCP", "UDP"]));
        }
        if rng.percent(50) {
            port["hostIP"] = json!(rng.pick(&["0.0.0.0", "10.1.1.1", "127.0.0.1"]));
        }
        port
    }

    fn placement_rules(&mut self, spec: &mut Value, app: &str, pending: bool) {
        if self.on("taints") && self.rng.percent(80) {
            spec["tolerations"] = self.tolerations();
        }
        let mut affinity = json!({});
        if self.on("nodeaffinity") {
            let node = self.node_affinity();
            if node != json!({}) {
                affinity["nodeAffinity"] = node;
            }
            if self.rng.percent(20) {
                spec["nodeSelector"] = json!({"disk": self.rng.pick(&["ssd", "hdd"])});
            }
        }
        if self.on("podaffinity") && self.rng.percent(85) {
            for kind in ["podAffinity", "podAntiAffinity"] {
                let terms = self.pod_affinity(app);
                if terms != json!({}) {
                    affinity[kind] = terms;
                }
            }
        }
        if affinity != json!({}) {
            spec["affinity"] = affinity;
        }
        if self.on("spread") && (pending || self.rng.percent(20)) {
            spec["topologySpreadConstraints"] = self.spread_constraints(app);
        }
    }

    /// Priority and what belongs to it, in the topics where pods differ in it.
    fn importance(&mut self, pod: &mut Value, pending: bool) {
        if self.is("preemption") || (self.mixed() && self.rng.percent(40)) {
            pod["spec"]["priority"] = json!(if pending {
                self.rng.pick(&[50, 100, 1000])
            } else {
                self.rng.pick(&[0, 0, 10, 50, 100])
            });
            if pending && self.rng.percent(10) {
                pod["spec"]["preemptionPolicy"] = json!("Never");
            }
            if !pending && self.rng.percent(50) {
                pod["status"]["startTime"] = pod["metadata"]["creationTimestamp"].clone();
            }
        }
        if self.is("preemption") {
            let cpu = if pending {
                self.rng.pick(&["1500m", "2", "3", "3500m"])
            } else {
                self.rng.pick(&["500m", "600m", "1"])
            };
            pod["spec"]["containers"] = json!([{"name": "c", "image": "x",
                "resources": {"requests": {"cpu": cpu, "memory": "256Mi"}}}]);
        }
    }

    /// What keeps a few pending pods of the `+` topics from the queue, or from evicting others.
    fn held_back(&mut self, spec: &mut Value) {
        if self.rng.percent(5) {
            let gates = self.rng.between(1, 3);
            let names = self.rng.sample(&["example.com/hold", "quota", "a.example/b"], gates);
            spec["schedulingGates"] = names.iter().map(|name| json!({"name": name})).collect();
        }
        if self.rng.percent(4) {
            spec["preemptionPolicy"] = json!("Never");
        }
    }
}
