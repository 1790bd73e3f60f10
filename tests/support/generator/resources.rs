//! What pods ask for and what nodes offer, in the plain topics and, from `odd_` on, in `resources+`.
//! Called for each node and each pod.

use super::Gen;
use super::quantities::{
    COUNT, CPU, HUGE_2M, MEMORY, NODE_CPU, NODE_MEMORY, NODE_PODS, ODD_CPU, ODD_MEMORY, SMALL_CPU,
    SMALL_MEMORY, STORAGE,
};
use serde_json::{Value, json};

const GPU: &str = "example.com/gpu";
const FPGA: &str = "vendor.example/fpga";
const HUGE: &str = "hugepages-2Mi";
const HUGE_1G: &str = "hugepages-1Gi";

/// Whether a pod asks for resources itself, and so what its containers may ask for.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Containers,
    PodToo,
}

impl Gen {
    /// Requests and limits of one container of a plain topic; may be empty.
    pub(super) fn container_resources(&mut self, small: bool) -> Value {
        let mut resources = json!({});
        if !self.rng.percent(85) {
            return resources;
        }
        let mut requests = json!({});
        if self.rng.percent(90) {
            let pool = if small { &["50m", "100m", "200m"][..] } else { CPU };
            requests["cpu"] = json!(self.rng.pick(pool));
        }
        if self.rng.percent(90) {
            let pool = if small { &["64Mi", "128Mi"][..] } else { MEMORY };
            requests["memory"] = json!(self.rng.pick(pool));
        }
        if self.rng.percent(10) {
            requests["ephemeral-storage"] = json!(self.rng.pick(&["1Gi", "15Gi"]));
        }
        if self.on("resources") && self.rng.percent(35) {
            requests[GPU] = json!(self.rng.pick(&["1", "1", "2"]));
        }
        if requests.get(GPU).is_some() {
            resources["limits"] = json!({GPU: requests[GPU]});
        } else if self.rng.percent(10) {
            // In a plain topic the limit may be below the request, which only the oracle takes.
            let cpu = if self.extra { "3" } else { "2" };
            resources["limits"] = json!({"cpu": cpu, "memory": "4Gi"});
        }
        if requests != json!({}) {
            resources["requests"] = requests;
        }
        resources
    }

    /// What a node of `resources+` offers, and for how many bound pods it has room.
    pub(super) fn odd_allocatable(&mut self) -> (Value, usize) {
        let rng = &mut self.rng;
        let (pods, room) = rng.pick(NODE_PODS);
        let mut list = json!({"cpu": rng.pick(NODE_CPU), "memory": rng.pick(NODE_MEMORY), "pods": pods,
            "ephemeral-storage": rng.pick(&["20Gi", "100Gi", "21474836480", "0.1T"])});
        if rng.percent(50) {
            list[GPU] = json!(rng.pick(&["1", "2", "4", "8", "0", "2e0"]));
        }
        if rng.percent(20) {
            list[FPGA] = json!(rng.pick(&["1", "2", "1000m"]));
        }
        if rng.percent(35) {
            list[HUGE] = json!(rng.pick(&["0", "512Mi", "1Gi", "64Mi"]));
        }
        if rng.percent(15) {
            list[HUGE_1G] = json!(rng.pick(&["1Gi", "4Gi"]));
        }
        if rng.percent(10) {
            let name = rng.pick(&["cpu", "memory", "ephemeral-storage", GPU]);
            list[name] = json!("0");
        }
        (list, room)
    }

    /// Makes what a node of `resources+` has differ from what can be allocated, or leaves one of them out.
    pub(super) fn loosen_allocatable(&mut self, status: &mut Value) {
        let drawn = self.rng.below(100);
        let name = self.rng.pick(&["ephemeral-storage", "cpu", "memory", "pods"]);
        let Some(status) = status.as_object_mut() else {
            return;
        };
        match drawn {
            0..8 => drop(status.remove("allocatable")),
            8..10 => {
                status["allocatable"] = json!({});
            }
            10..14 => {
                if let Some(list) = status["allocatable"].as_object_mut() {
                    list.remove(name);
                }
            }
            14..30 => {
                status["capacity"]["cpu"] = json!("96");
                status["capacity"]["memory"] = json!("1Ti");
            }
            _ => {}
        }
    }

    /// Containers, init containers, overhead and resources of its own for a pod of `resources+`.
    pub(super) fn odd_pod_resources(&mut self, spec: &mut Value) {
        let level = if self.rng.percent(25) { Level::PodToo } else { Level::Containers };
        let count = self.rng.pick(&[1, 1, 1, 2, 3]);
        spec["containers"] =
            (0..count).map(|i| self.odd_container(&format!("c{i}"), level)).collect();
        if self.rng.percent(45) {
            let count = self.rng.between(1, 4);
            let inits = (0..count).map(|i| {
                let mut init = self.odd_container(&format!("i{i}"), level);
                if self.rng.percent(50) {
                    init["restartPolicy"] = json!("Always");
                }
                init
            });
            spec["initContainers"] = inits.collect();
        }
        if self.rng.percent(25) {
            spec["overhead"] = match self.rng.below(5) {
                0 => json!({"cpu": "120m", "memory": "100Mi"}),
                1 => json!({"cpu": "0", "memory": "0"}),
                2 => json!({"memory": "64Mi", "ephemeral-storage": "1Gi"}),
                3 => json!({"cpu": "0.0001"}),
                _ => json!({"cpu": "1", "memory": "1e9", GPU: "1"}),
            };
            spec["runtimeClassName"] = json!("sandboxed");
        }
        if level == Level::PodToo {
            spec["resources"] = self.pod_level();
        }
    }

    /// Requests and limits of a whole pod: at least what six containers of [`Level::PodToo`] need.
    fn pod_level(&mut self) -> Value {
        let rng = &mut self.rng;
        let cpu = rng.pick(&["3", "3500m", "4", "3.0001"]);
        let memory = rng.pick(&["3Gi", "4Gi", "6Gi", "5e9"]);
        let limits = json!({"cpu": rng.pick(&["4", "8"]), "memory": rng.pick(&["6Gi", "8Gi"])});
        match rng.below(8) {
            0 => json!({"requests": {"cpu": cpu}}),
            1 => json!({"requests": {"memory": memory}}),
            2 => json!({"requests": {"cpu": cpu, "memory": memory}, "limits": limits}),
            3 => json!({"requests": {"cpu": cpu}, "limits": {"memory": limits["memory"]}}),
            4 => json!({"limits": limits}),
            5 => json!({"requests": {"cpu": cpu, HUGE: "512Mi"},
                        "limits": {"cpu": limits["cpu"], HUGE: "512Mi"}}),
            6 => json!({}),
            _ => json!({"requests": {"cpu": cpu, "memory": memory}}),
        }
    }

    fn odd_container(&mut self, name: &str, level: Level) -> Value {
        let mut container = json!({"name": name, "image": self.container_image()});
        if !self.rng.percent(12) {
            container["resources"] = self.odd_requirements(level);
        }
        container
    }

    fn odd_requirements(&mut self, level: Level) -> Value {
        let (cpu, memory) = match level {
            Level::Containers => (ODD_CPU, ODD_MEMORY),
            Level::PodToo => (SMALL_CPU, SMALL_MEMORY),
        };
        let (cpu_limit, memory_limit) = match level {
            Level::Containers => ("0.02k", "64e9"),
            Level::PodToo => ("500m", "512Mi"),
        };
        let mut both = Requirements::default();
        if self.rng.percent(88) {
            self.elastic(&mut both, "cpu", cpu, cpu_limit);
        }
        if self.rng.percent(88) {
            self.elastic(&mut both, "memory", memory, memory_limit);
        }
        if self.rng.percent(15) {
            self.elastic(&mut both, "ephemeral-storage", STORAGE, "64Gi");
        }
        if self.rng.percent(22) {
            self.fixed(&mut both, GPU, COUNT);
        }
        if self.rng.percent(4) {
            self.fixed(&mut both, FPGA, COUNT);
        }
        if both.has("cpu") || both.has("memory") {
            if self.rng.percent(10) {
                self.fixed(&mut both, HUGE, HUGE_2M);
            }
            if level == Level::Containers && self.rng.percent(3) {
                self.fixed(&mut both, HUGE_1G, &["1Gi", "1073741824"]);
            }
        }
        both.document()
    }

    /// A resource whose limit may be above the request or stand alone.
    fn elastic(&mut self, both: &mut Requirements, name: &str, pool: &[&str], above: &str) {
        let quantity = self.rng.pick(pool);
        match self.rng.below(10) {
            0 | 1 => both.limits[name] = json!(quantity),
            2 => {
                both.requests[name] = json!(quantity);
                both.limits[name] = json!(quantity);
            }
            3 => {
                both.requests[name] = json!(quantity);
                both.limits[name] = json!(above);
            }
            _ => both.requests[name] = json!(quantity),
        }
    }

    /// A resource whose limit is its request.
    fn fixed(&mut self, both: &mut Requirements, name: &str, pool: &[&str]) {
        let quantity = self.rng.pick(pool);
        both.limits[name] = json!(quantity);
        if self.rng.percent(60) {
            both.requests[name] = json!(quantity);
        }
    }
}

/// The requests and limits of one container while they are drawn.
struct Requirements {
    requests: Value,
    limits: Value,
}

impl Default for Requirements {
    fn default() -> Self {
        Self { requests: json!({}), limits: json!({}) }
    }
}

impl Requirements {
    fn has(&self, name: &str) -> bool {
        self.requests.get(name).is_some() || self.limits.get(name).is_some()
    }

    fn document(self) -> Value {
        let mut document = json!({});
        if self.requests != json!({}) {
            document["requests"] = self.requests;
        }
        if self.limits != json!({}) {
            document["limits"] = self.limits;
        }
        document
    }
}
