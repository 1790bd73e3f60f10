//! Pods: what the whole pod is up to, told from its phase, its conditions and its containers.
//!
//! Upstream: printPod, v1.37.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::column::{AGE, Column, NAME};
use super::duration::{since, time};
use super::fields::{at, has_condition, is_deleting, list, number, text, text_or};
use super::selector::labels;

/// The columns of pods.
pub(super) const PODS: &[Column] = &[
    NAME,
    Column::read("Ready", |pod| {
        let summary = Summary::of(pod);
        format!("{}/{}", summary.ready, summary.containers).into()
    }),
    Column::read("Status", |pod| Summary::of(pod).reason.into()),
    Column::timed("Restarts", restarts),
    AGE,
    Column::read("IP", |pod| pod_ip(pod).into()).wide(),
    Column::read("Node", |pod| or_none(pod, "spec.nodeName")).wide(),
    Column::read("Nominated Node", |pod| or_none(pod, "status.nominatedNodeName")).wide(),
    Column::read("Readiness Gates", |pod| readiness_gates(pod).into()).wide(),
];

/// The columns of pod templates.
pub(super) const POD_TEMPLATES: &[Column] = &[
    NAME,
    Column::joined("Containers", "template.spec.containers", "name"),
    Column::joined("Images", "template.spec.containers", "image"),
    Column::read("Pod Labels", |object| labels(at(object, "template.metadata.labels")).into()),
];

/// The condition in the row of a pod that has ended: clients may leave such rows out.
pub(super) fn row_conditions(pod: &Value) -> Option<Value> {
    let phase = text(pod, "status.phase");
    let message = match phase {
        "Succeeded" => "The pod has completed successfully.",
        "Failed" => "The pod failed.",
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": phase, "message": message}]))
}

fn or_none(object: &Value, path: &str) -> Value {
    text_or(object, path, "<none>").into()
}

/// The first of the pod's addresses.
fn pod_ip(pod: &Value) -> &str {
    list(pod, "status.podIPs").first().map_or("<none>", |first| text_or(first, "ip", "<none>"))
}

/// `5 (3m ago)`, or `5` where the time of the last restart is not known.
fn restarts(pod: &Value, now: Timestamp) -> String {
    let Restarts { count, last } = Summary::of(pod).restarts;
    match last {
        Some(_) if count != 0 => format!("{count} ({} ago)", since(last, now)),
        _ => count.to_string(),
    }
}

/// How many of the pod's readiness gates are open: `1/2`, or `<none>` without gates.
fn readiness_gates(pod: &Value) -> String {
    let gates = list(pod, "spec.readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates.iter().filter(|gate| has_condition(pod, text(gate, "conditionType"))).count();
    format!("{open}/{}", gates.len())
}

/// What the containers of a pod come to.
struct Summary {
    reason: String,
    ready: usize,
    containers: usize,
    restarts: Restarts,
}

/// How often containers were restarted, and when the last of them had ended.
#[derive(Clone, Copy, Default)]
struct Restarts {
    count: i64,
    last: Option<Timestamp>,
}

impl Restarts {
    fn add(&mut self, status: &Value) {
        self.count = self.count.saturating_add(number(status, "restartCount"));
        self.last = self.last.max(time(at(status, "lastState.terminated.finishedAt")));
    }
}

impl Summary {
    fn of(pod: &Value) -> Self {
        let phase = text(pod, "status.phase");
        let sidecars = list(pod, "spec.initContainers").iter().filter(|one| is_sidecar(one));
        let mut summary = Self {
            reason: text_or(pod, "status.reason", phase).to_owned(),
            ready: 0,
            containers: list(pod, "spec.containers").len() + sidecars.count(),
            restarts: Restarts::default(),
        };
        if is_gated(pod) {
            "SchedulingGated".clone_into(&mut summary.reason);
        }
        let sidecar_restarts = summary.add_init_containers(pod);
        if let Some(restarts) = sidecar_restarts {
            summary.restarts = restarts;
            summary.add_containers(pod);
        }
        if is_deleting(pod) {
            if text(pod, "status.reason") == "NodeLost" {
                "Unknown".clone_into(&mut summary.reason);
            } else if !matches!(phase, "Succeeded" | "Failed") {
                "Terminating".clone_into(&mut summary.reason);
            }
        }
        summary
    }

    /// Goes through the init containers up to the first that is still in the way. Gives the restarts
    /// of sidecars if the pod is past its initialization, so that the other containers tell the rest.
    fn add_init_containers(&mut self, pod: &Value) -> Option<Restarts> {
        let mut of_sidecars = Restarts::default();
        let init_containers = list(pod, "spec.initContainers");
        for (position, status) in list(pod, "status.initContainerStatuses").iter().enumerate() {
            let name = text(status, "name");
            // Where names repeat, the last one counts.
            let container = init_containers.iter().rfind(|one| text(one, "name") == name);
            let is_sidecar = container.is_some_and(is_sidecar);
            self.restarts.add(status);
            if is_sidecar {
                of_sidecars.add(status);
            }
            let terminated = at(status, "state.terminated");
            if terminated.is_object() && number(terminated, "exitCode") == 0 {
                continue;
            }
            if is_sidecar && status["started"] == true {
                self.ready += usize::from(status["ready"] == true);
                continue;
            }
            let reason = match text(status, "state.waiting.reason") {
                _ if terminated.is_object() => end_reason(terminated),
                "" | "PodInitializing" => format!("{position}/{}", init_containers.len()),
                waiting => waiting.to_owned(),
            };
            self.reason = format!("Init:{reason}");
            return has_condition(pod, "Initialized").then_some(of_sidecars);
        }
        Some(of_sidecars)
    }

    /// Goes through the containers from the last to the first, so that the first has the last word.
    fn add_containers(&mut self, pod: &Value) {
        let mut is_running = false;
        let mut failure = None;
        for status in list(pod, "status.containerStatuses").iter().rev() {
            self.restarts.add(status);
            let terminated = at(status, "state.terminated");
            let waiting = text(status, "state.waiting.reason");
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.reason);
            } else if terminated.is_object() {
                self.reason = end_reason(terminated);
                if number(terminated, "exitCode") != 0 {
                    failure = Some(self.reason.clone());
                }
            } else if status["ready"] == true && at(status, "state.running").is_object() {
                is_running = true;
                self.ready += 1;
            }
        }
        // One container has completed; that is not the pod's state while others run or have failed.
        if self.reason == "Completed" {
            if is_running && is_ready(pod) {
                "Running".clone_into(&mut self.reason);
            } else if let Some(failure) = failure {
                self.reason = failure;
            } else if is_running {
                "NotReady".clone_into(&mut self.reason);
            }
        }
    }
}

/// Why a container ended: its reason, or the signal or code it ended with.
fn end_reason(terminated: &Value) -> String {
    match (text(terminated, "reason"), number(terminated, "signal")) {
        ("", 0) => format!("ExitCode:{}", number(terminated, "exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// Whether an init container stays, and is restarted, while the pod runs.
fn is_sidecar(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}

fn is_gated(pod: &Value) -> bool {
    let mut conditions = list(pod, "status.conditions").iter();
    conditions.any(|c| text(c, "type") == "PodScheduled" && text(c, "reason") == "SchedulingGated")
}

fn is_ready(pod: &Value) -> bool {
    let mut conditions = list(pod, "status.conditions").iter();
    conditions.any(|c| text(c, "type") == "Ready" && text(c, "status") == "True")
}

#[cfg(test)]
#[path = "pods_tests.rs"]
mod tests;
