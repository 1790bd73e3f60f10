//! What a kubelet writes into the status of its pods, as strategic merge patches. Pure.
//!
//! Upstream: kubelet generateAPIPodStatus and status.Generate*Condition, v1.37.

use serde_json::{Map, Value, json};

use crate::units::{Nanos, hash_bytes};

use super::super::clock::seconds_text;
use super::admission::Refusal;
use super::pod::{Container, Plan};

/// Where a pod lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) uid: &'a str,
    pub(super) host_ip: &'a str,
    pub(super) pod_ip: &'a str,
}

/// A run of a pod's containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// How many came before it.
    pub(super) restarts: u32,
    pub(super) started: Nanos,
}

/// All containers run and are ready. `before` is the run that ended, and its exit code, where this one is
/// not the first.
pub(super) fn running(
    plan: &Plan,
    place: Place<'_>,
    run: Run,
    before: Option<(Run, Nanos, i32)>,
) -> Value {
    let started = seconds_text(run.started);
    let last = |container: &Container| match before {
        Some((run, ended, code)) => {
            json!({"terminated": terminated(place.uid, run, ended, code, &container.name)})
        }
        None => json!({}),
    };
    let of = |container: &Container| {
        let state = json!({"running": {"startedAt": started}});
        let mut status = container_status(place.uid, container, run, true, &state);
        status["lastState"] = last(container);
        status
    };
    let init = |container: &Container| {
        if container.sidecar {
            return of(container);
        }
        let first = Run { restarts: 0, ..run };
        let state =
            json!({"terminated": terminated(place.uid, first, run.started, 0, &container.name)});
        container_status(place.uid, container, first, false, &state)
    };
    let mut status = json!({
        "observedGeneration": plan.generation,
        "phase": "Running",
        "hostIP": place.host_ip, "hostIPs": [{"ip": place.host_ip}],
        "containerStatuses": plan.containers.iter().map(of).collect::<Value>(),
        "conditions": conditions(plan.generation, run.started, |_| ("True", None)),
    });
    if run.restarts == 0 {
        status["startTime"] = json!(started);
        let ip = if plan.host_network { place.host_ip } else { place.pod_ip };
        status["podIP"] = json!(ip);
        status["podIPs"] = json!([{"ip": ip}]);
    }
    if !plan.init_containers.is_empty() && run.restarts == 0 {
        // The init containers have completed, one after another, in no time. A ready one of them is one
        // that completed.
        let mut all: Vec<Value> = plan.init_containers.iter().map(init).collect();
        for status in &mut all {
            status["ready"] = json!(true);
        }
        status["initContainerStatuses"] = all.into();
    }
    json!({"metadata": {"uid": place.uid}, "status": status})
}

/// All containers have ended with `code`, for good.
pub(super) fn ended(plan: &Plan, place: Place<'_>, run: Run, now: Nanos, code: i32) -> Value {
    let of = |container: &Container| {
        let state = json!({"terminated": terminated(place.uid, run, now, code, &container.name)});
        let mut status = container_status(place.uid, container, run, false, &state);
        status["started"] = json!(false);
        status
    };
    let (phase, reason) =
        if code == 0 { ("Succeeded", "PodCompleted") } else { ("Failed", "PodFailed") };
    let condition = |name: &str| match name {
        "Initialized" if code == 0 => ("True", Some("PodCompleted")),
        "Initialized" => ("True", None),
        "PodReadyToStartContainers" => ("False", None),
        _ => ("False", Some(reason)),
    };
    json!({"metadata": {"uid": place.uid}, "status": {
        "observedGeneration": plan.generation,
        "phase": phase,
        "containerStatuses": plan.containers.iter().map(of).collect::<Value>(),
        "conditions": conditions(plan.generation, now, condition),
    }})
}

/// The node does not take the pod.
///
/// Upstream: Kubelet.rejectPod, v1.37.
pub(super) fn refused(uid: &str, generation: i64, refusal: &Refusal, now: Nanos) -> Value {
    let message = format!("Pod was rejected: {}", refusal.message);
    json!({"metadata": {"uid": uid}, "status": {
        "observedGeneration": generation,
        "phase": "Failed", "reason": refusal.reason, "message": message,
        "startTime": seconds_text(now),
    }})
}

/// A pod that is being deleted and cannot vanish yet has ended all the same.
pub(super) fn stopped(uid: &str) -> Value {
    json!({"metadata": {"uid": uid}, "status": {"phase": "Failed"}})
}

fn conditions(
    generation: i64,
    now: Nanos,
    of: impl Fn(&str) -> (&'static str, Option<&'static str>),
) -> Value {
    let now = seconds_text(now);
    let one = |name: &str| {
        let (status, reason) = of(name);
        let mut condition = json!({
            "type": name, "status": status, "lastTransitionTime": now,
            "observedGeneration": generation,
        });
        // A reason of an earlier time goes with a null.
        condition["reason"] = reason.map_or(Value::Null, |reason| json!(reason));
        condition
    };
    ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"]
        .into_iter()
        .map(one)
        .collect()
}

fn container_status(
    uid: &str,
    container: &Container,
    run: Run,
    ready: bool,
    state: &Value,
) -> Value {
    json!({
        "name": container.name,
        "image": container.image,
        "imageID": image_id(&container.image),
        "containerID": container_id(uid, &container.name, run.restarts),
        "ready": ready,
        "started": ready,
        "restartCount": run.restarts,
        "state": state,
        "lastState": Map::new(),
    })
}

fn terminated(uid: &str, run: Run, ended: Nanos, code: i32, container: &str) -> Value {
    json!({
        "exitCode": code,
        "reason": if code == 0 { "Completed" } else { "Error" },
        "startedAt": seconds_text(run.started),
        "finishedAt": seconds_text(ended),
        "containerID": container_id(uid, container, run.restarts),
    })
}

/// Stable, and different for every run of every container.
fn container_id(uid: &str, container: &str, restarts: u32) -> String {
    format!("containerd://{}", hex(&format!("{uid}/{container}/{restarts}")))
}

fn image_id(image: &str) -> String {
    let name = image.split('@').next().unwrap_or_default();
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    format!("{name}@sha256:{}", hex(image))
}

/// 64 hexadecimal digits of `text`.
fn hex(text: &str) -> String {
    let part = |seed| hash_bytes(seed, text.as_bytes());
    format!("{:016x}{:016x}{:016x}{:016x}", part(0), part(1), part(2), part(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let container = |name: &str, sidecar| Container {
            name: name.into(),
            image: "registry:5000/a/b:1".into(),
            sidecar,
        };
        Plan {
            containers: [container("main", false)].into(),
            init_containers: [container("setup", false), container("proxy", true)].into(),
            generation: 3,
            ..Plan::default()
        }
    }

    const PLACE: Place<'static> = Place { uid: "u", host_ip: "172.16.0.1", pod_ip: "10.0.0.2" };

    #[test]
    fn a_running_pod_is_ready_and_its_init_containers_have_completed() {
        let run = Run { restarts: 0, started: Nanos::from_secs(10) };
        let status = running(&plan(), PLACE, run, None)["status"].take();
        assert_eq!(status["phase"], "Running");
        assert_eq!(status["podIPs"], json!([{"ip": "10.0.0.2"}]));
        assert_eq!(status["hostIP"], "172.16.0.1");
        assert_eq!(status["startTime"], "1970-01-01T00:00:10Z");
        let conditions = status["conditions"].as_array().unwrap();
        assert!(conditions.iter().all(|c| c["status"] == "True" && c["observedGeneration"] == 3));
        let init = &status["initContainerStatuses"];
        assert_eq!(init[0]["state"]["terminated"]["reason"], "Completed");
        assert_eq!(init[1]["state"]["running"]["startedAt"], "1970-01-01T00:00:10Z");
        let main = &status["containerStatuses"][0];
        assert_eq!((&main["ready"], &main["started"]), (&json!(true), &json!(true)));
        assert!(main["imageID"].as_str().unwrap().starts_with("registry:5000/a/b@sha256:"));
        assert_eq!(main["containerID"].as_str().unwrap().len(), "containerd://".len() + 64);
    }

    #[test]
    fn the_host_network_has_the_hosts_address() {
        let run = Run { restarts: 0, started: Nanos::from_secs(10) };
        let plan = Plan { host_network: true, ..plan() };
        let status = running(&plan, PLACE, run, None)["status"].take();
        assert_eq!(status["podIP"], "172.16.0.1");
    }

    #[test]
    fn ends_and_restarts_keep_their_codes() {
        let run = Run { restarts: 1, started: Nanos::from_secs(10) };
        let status = ended(&plan(), PLACE, run, Nanos::from_secs(15), 1)["status"].take();
        assert_eq!(status["phase"], "Failed");
        let state = &status["containerStatuses"][0]["state"]["terminated"];
        assert_eq!((&state["exitCode"], &state["reason"]), (&json!(1), &json!("Error")));
        let status = ended(&plan(), PLACE, run, Nanos::from_secs(15), 0)["status"].take();
        assert_eq!(status["phase"], "Succeeded");
        assert_eq!(status["conditions"][2]["reason"], "PodCompleted");
        let before = Some((run, Nanos::from_secs(15), 7));
        let next = Run { restarts: 2, started: Nanos::from_secs(15) };
        let status = running(&plan(), PLACE, next, before)["status"].take();
        let container = &status["containerStatuses"][0];
        assert_eq!(container["restartCount"], 2);
        assert_eq!(container["lastState"]["terminated"]["exitCode"], 7);
    }
}
