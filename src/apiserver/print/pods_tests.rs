//! What the columns of pods say of pods in all states.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::PODS;

fn now() -> Timestamp {
    "2026-08-01T12:00:00Z".parse().unwrap()
}

/// The pod's READY, STATUS and RESTARTS.
fn summary(pod: &Value) -> [String; 3] {
    [1, 2, 3].map(|at| PODS[at].cell(pod, now()).as_str().unwrap().to_owned())
}

/// A pod with containers `a` and `b`.
fn pod(status: &Value) -> Value {
    json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}]}, "status": status})
}

/// A pod with an init container `i`, a sidecar `s` and a container `a`.
fn pod_with_init(status: &Value) -> Value {
    let init_containers = json!([{"name": "i"}, {"name": "s", "restartPolicy": "Always"}]);
    json!({
        "spec": {"initContainers": init_containers, "containers": [{"name": "a"}]},
        "status": status,
    })
}

fn running() -> Value {
    json!({"ready": true, "started": true, "state": {"running": {}}})
}

fn waiting(reason: &str) -> Value {
    json!({"state": {"waiting": {"reason": reason}}})
}

fn terminated(terminated: &Value) -> Value {
    json!({"state": {"terminated": terminated}})
}

fn completed() -> Value {
    terminated(&json!({"exitCode": 0, "reason": "Completed"}))
}

fn named(name: &str, mut status: Value) -> Value {
    status["name"] = json!(name);
    status
}

fn ready(status: &str) -> Value {
    json!({"type": "Ready", "status": status})
}

#[test]
fn a_pod_without_containers_shows_its_phase_or_reason() {
    let cases = [
        (json!({"phase": "Pending"}), "Pending"),
        (json!({"phase": "Failed", "reason": "Evicted"}), "Evicted"),
        (json!({"phase": "Failed", "reason": "OutOfcpu"}), "OutOfcpu"),
        (json!({}), ""),
        (
            json!({"phase": "Pending", "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"},
            ]}),
            "SchedulingGated",
        ),
        (
            json!({"phase": "Pending", "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"},
            ]}),
            "Pending",
        ),
    ];
    for (status, shown) in cases {
        assert_eq!(summary(&pod(&status)), ["0/2", shown, "0"], "{status}");
    }
}

#[test]
fn containers_tell_the_state_of_the_pod() {
    let signal = json!({"exitCode": 137, "signal": 9});
    let error = json!({"exitCode": 1, "reason": "Error"});
    let not_ready = json!({"ready": false, "state": {"running": {}}});
    let cases = [
        ([running(), running()], "2/2", "Running"),
        ([running(), not_ready], "1/2", "Running"),
        ([waiting("CrashLoopBackOff"), running()], "1/2", "CrashLoopBackOff"),
        ([waiting("ErrImagePull"), waiting("CrashLoopBackOff")], "0/2", "ErrImagePull"),
        ([waiting(""), running()], "1/2", "Running"),
        ([terminated(&json!({"exitCode": 3})), running()], "1/2", "ExitCode:3"),
        ([terminated(&signal), running()], "1/2", "Signal:9"),
        ([running(), terminated(&error)], "1/2", "Error"),
        ([completed(), running()], "1/2", "NotReady"),
        ([completed(), terminated(&error)], "0/2", "Error"),
        ([completed(), completed()], "0/2", "Completed"),
    ];
    for (statuses, containers, shown) in cases {
        let status = json!({"phase": "Running", "containerStatuses": statuses});
        assert_eq!(summary(&pod(&status)), [containers, shown, "0"], "{status}");
    }
    let status = json!({
        "phase": "Running", "conditions": [ready("True")],
        "containerStatuses": [completed(), running()],
    });
    assert_eq!(summary(&pod(&status)), ["1/2", "Running", "0"], "one is done, the others are fine");
}

#[test]
fn init_containers_come_first() {
    let failed = json!({"exitCode": 2});
    let killed = json!({"exitCode": 137, "signal": 9});
    let named_failure = json!({"exitCode": 2, "reason": "Error"});
    let cases = [
        ([waiting("PodInitializing"), waiting("PodInitializing")], "0/2", "Init:0/2"),
        ([json!({"state": {"running": {}}}), waiting("PodInitializing")], "0/2", "Init:0/2"),
        ([completed(), waiting("PodInitializing")], "0/2", "Init:1/2"),
        ([waiting("ImagePullBackOff"), waiting("")], "0/2", "Init:ImagePullBackOff"),
        ([terminated(&failed), waiting("")], "0/2", "Init:ExitCode:2"),
        ([terminated(&killed), waiting("")], "0/2", "Init:Signal:9"),
        ([terminated(&named_failure), waiting("")], "0/2", "Init:Error"),
        ([completed(), running()], "1/2", "PodInitializing"),
    ];
    for ([i, s], containers, shown) in cases {
        let status = json!({
            "phase": "Pending", "initContainerStatuses": [named("i", i), named("s", s)],
            "containerStatuses": [waiting("PodInitializing")],
        });
        assert_eq!(summary(&pod_with_init(&status)), [containers, shown, "0"], "{status}");
    }
}

#[test]
fn restarts_are_counted_while_they_matter() {
    let restarted = |mut status: Value, count: i64, at: &str| {
        status["restartCount"] = json!(count);
        status["lastState"] = json!({"terminated": {"finishedAt": at}});
        status
    };
    let i = named("i", restarted(completed(), 1, "2026-08-01T11:00:00Z"));
    let s = named("s", restarted(running(), 2, "2026-08-01T11:30:00Z"));
    let a = restarted(running(), 4, "2026-08-01T11:55:00Z");
    let mut status = json!({
        "phase": "Running", "initContainerStatuses": [i, s], "containerStatuses": [a],
    });
    let shown = summary(&pod_with_init(&status));
    assert_eq!(shown, ["2/2", "Running", "6 (5m ago)"], "those of init containers are past");

    status["initContainerStatuses"][1] = named("s", waiting("CrashLoopBackOff"));
    let shown = summary(&pod_with_init(&status));
    assert_eq!(shown, ["0/2", "Init:CrashLoopBackOff", "1 (60m ago)"], "still initializing");

    status["conditions"] = json!([{"type": "Initialized", "status": "True"}]);
    let shown = summary(&pod_with_init(&status));
    assert_eq!(shown, ["1/2", "Init:CrashLoopBackOff", "4 (5m ago)"], "was initialized before");

    let status = json!({"containerStatuses": [{"restartCount": 3}]});
    assert_eq!(summary(&pod(&status))[2], "3", "when is not known");
}

#[test]
fn deletion_hides_all_but_the_end() {
    let deleted = |status: Value| {
        let mut pod = pod(&status);
        pod["metadata"] = json!({"deletionTimestamp": "2026-08-01T12:00:30Z"});
        summary(&pod)[1].clone()
    };
    assert_eq!(deleted(json!({"phase": "Running"})), "Terminating");
    assert_eq!(deleted(json!({"phase": "Succeeded"})), "Succeeded");
    assert_eq!(deleted(json!({"phase": "Running", "reason": "NodeLost"})), "Unknown");
}

#[test]
fn wide_columns_say_where_the_pod_is() {
    let wide =
        |pod: &Value| [5, 6, 7, 8].map(|at| PODS[at].cell(pod, now()).as_str().unwrap().to_owned());
    assert_eq!(wide(&pod(&json!({}))), ["<none>"; 4]);
    let gates = json!([{"conditionType": "open"}, {"conditionType": "shut"}]);
    let pod = json!({
        "spec": {"nodeName": "n1", "readinessGates": gates},
        "status": {
            "podIPs": [{"ip": "10.1.0.7"}, {"ip": "fd00::7"}], "nominatedNodeName": "n2",
            "conditions": [{"type": "open", "status": "True"}, {"type": "shut", "status": "False"}],
        },
    });
    assert_eq!(wide(&pod), ["10.1.0.7", "n1", "n2", "1/2"]);
}
