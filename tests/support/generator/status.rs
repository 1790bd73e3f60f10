//! The status of bound pods in `resources+`: what the kubelet says that it has allocated, resizes under way,
//! pods that have finished. Called for each bound pod there.

use super::Gen;
use super::quantities::{COUNT, ODD_CPU, ODD_MEMORY};
use serde_json::{Value, json};

impl Gen {
    /// Fills in the status of a bound pod.
    pub(super) fn running_status(&mut self, pod: &mut Value) {
        if self.rng.percent(5) {
            pod["status"]["phase"] = json!(self.rng.pick(&["Succeeded", "Failed"]));
        }
        if self.rng.percent(70) {
            return;
        }
        for (list, statuses) in
            [("containers", "containerStatuses"), ("initContainers", "initContainerStatuses")]
        {
            let reported = self.container_statuses(&pod["spec"][list]);
            if !reported.is_empty() {
                pod["status"][statuses] = reported.into();
            }
        }
        if pod["spec"].get("resources").is_some() && self.rng.percent(60) {
            self.pod_level_status(&mut pod["status"]);
        }
        let conditions = self.resize_conditions();
        if !conditions.is_empty() {
            pod["status"]["conditions"] = conditions.into();
        }
    }

    fn container_statuses(&mut self, containers: &Value) -> Vec<Value> {
        let mut statuses = Vec::new();
        for container in containers.as_array().into_iter().flatten() {
            if self.rng.percent(15) {
                continue;
            }
            let mut status = json!({"name": container["name"], "image": container["image"],
                "imageID": "", "ready": true, "restartCount": 0});
            if self.rng.percent(65) {
                status["allocatedResources"] = self.reported();
            }
            match self.rng.below(10) {
                0..6 => status["resources"] = json!({"requests": self.reported()}),
                6 => status["resources"] = json!({"limits": {"cpu": "4"}}),
                7 => status["resources"] = json!({}),
                _ => {}
            }
            statuses.push(status);
        }
        statuses
    }

    /// What the kubelet reports of one container or pod; a few times nothing.
    fn reported(&mut self) -> Value {
        let rng = &mut self.rng;
        let mut list = json!({});
        if rng.percent(90) {
            list["cpu"] = json!(rng.pick(ODD_CPU));
        }
        if rng.percent(90) {
            list["memory"] = json!(rng.pick(ODD_MEMORY));
        }
        if rng.percent(15) {
            list["example.com/gpu"] = json!(rng.pick(COUNT));
        }
        list
    }

    fn pod_level_status(&mut self, status: &mut Value) {
        if self.rng.percent(80) {
            let mut requests = json!({"cpu": self.rng.pick(ODD_CPU)});
            if self.rng.percent(80) {
                requests["memory"] = json!(self.rng.pick(ODD_MEMORY));
            }
            status["resources"] = json!({"requests": requests});
        }
        if self.rng.percent(80) {
            let cpu = self.rng.pick(ODD_CPU);
            let memory = self.rng.pick(ODD_MEMORY);
            status["allocatedResources"] = json!({"cpu": cpu, "memory": memory});
        }
    }

    fn resize_conditions(&mut self) -> Vec<Value> {
        let mut conditions = Vec::new();
        if self.rng.percent(50) {
            conditions.push(json!({"type": "Ready", "status": "True"}));
        }
        if self.rng.percent(50) {
            let reason = self.rng.pick(&["Infeasible", "Infeasible", "Deferred", "Other"]);
            conditions
                .push(json!({"type": "PodResizePending", "status": "True", "reason": reason}));
        }
        if self.rng.percent(20) {
            conditions.push(json!({"type": "PodResizeInProgress", "status": "True"}));
        }
        conditions
    }
}
