//! The fleet without an API server: what it writes, and when.

use std::time::Duration;

use http::Method;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::KubeletOptions;
use super::fleet::{Act, Fleet};
use super::pod::{BoundPod, SeenPod};
use crate::actors::write::Write;
use crate::units::Nanos;

const NOW: Nanos = Nanos::from_secs(1_000_000);

fn node(name: &str) -> DynamicObject {
    let value = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": "node-uid"},
        "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "10"}},
    });
    serde_json::from_value(value).unwrap()
}

fn pod(name: &str, cpu: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "ns", "uid": format!("uid-{name}"), "generation": 1},
        "spec": {"nodeName": "n1", "restartPolicy": "Never", "containers": [
            {"name": "main", "image": "a", "resources": {"requests": {"cpu": cpu}}},
        ]},
        "status": {"phase": "Pending"},
    })
}

fn seen(value: Value) -> BoundPod {
    serde_json::from_value::<SeenPod>(value).unwrap().trim()
}

/// More than is ever due here.
const ROOM: usize = 100;

fn fleet(options: KubeletOptions) -> Fleet {
    let mut fleet = Fleet::new(options);
    fleet.node_seen(&node("n1"), NOW);
    fleet.take_acts(NOW, ROOM);
    fleet
}

fn after(seconds: u64) -> Nanos {
    NOW + Nanos::from_secs(seconds)
}

/// What is written at `now`, without leases.
fn writes(fleet: &mut Fleet, now: Nanos) -> Vec<Write> {
    let acts = fleet.take_acts(now, ROOM).into_iter();
    acts.filter_map(|act| if let Act::Write(write) = act { Some(write) } else { None }).collect()
}

#[test]
fn a_node_is_made_ready_and_its_lease_is_renewed_for_ever() {
    let mut fleet = Fleet::new(KubeletOptions::default());
    fleet.node_seen(&node("n1"), NOW);
    let acts = fleet.take_acts(NOW, ROOM);
    let [Act::Write(write)] = acts.as_slice() else { panic!("{acts:?}") };
    assert_eq!(write.path, "/api/v1/nodes/n1/status");
    let ready = &write.body["status"]["conditions"][3];
    assert_eq!((&ready["type"], &ready["status"]), (&json!("Ready"), &json!("True")));
    // The watch shows the node once more before it shows the patch.
    fleet.node_seen(&node("n1"), NOW);
    assert_eq!(fleet.take_acts(NOW, ROOM), []);
    for _ in 0..3 {
        let due = fleet.next_due().unwrap();
        let renewed = |act: &Act| matches!(act, Act::Renew(name, _) if &**name == "n1");
        if !fleet.take_acts(due, ROOM).iter().any(renewed) {
            // The other timer: the status of a node that still is not ready.
            assert!(due <= after(10));
        }
    }
    fleet.lease_missing("n1", NOW);
    let acts = fleet.take_acts(NOW, ROOM);
    let [Act::Write(write)] = acts.as_slice() else { panic!("{acts:?}") };
    assert_eq!(
        (&write.method, &write.body["spec"]["leaseDurationSeconds"]),
        (&Method::POST, &json!(40))
    );
}

#[test]
fn a_pod_runs_after_a_while_and_is_deleted_for_good() {
    let start_after = Duration::from_secs(2);
    let mut fleet = fleet(KubeletOptions { start_after, ..KubeletOptions::default() });
    fleet.pod_seen(seen(pod("a", "1")), NOW);
    assert_eq!(writes(&mut fleet, after(1)), []);
    let written = writes(&mut fleet, after(2));
    assert_eq!(written[0].path, "/api/v1/namespaces/ns/pods/a/status");
    assert_eq!(written[0].body["metadata"]["uid"], "uid-a");
    assert_eq!(written[0].body["status"]["podIP"], "10.0.0.1");
    let mut deleted = pod("a", "1");
    deleted["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    deleted["metadata"]["deletionGracePeriodSeconds"] = json!(30);
    for _ in 0..2 {
        fleet.pod_seen(seen(deleted.clone()), after(3));
    }
    let written = writes(&mut fleet, after(3));
    assert_eq!(written.len(), 1, "{written:?}");
    assert_eq!(written[0].method, Method::DELETE);
    let options = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": "uid-a"}});
    assert_eq!(written[0].body, options);
}

#[test]
fn stopping_takes_as_long_as_asked_but_no_longer_than_the_grace_period() {
    let stop_after = Duration::from_secs(20);
    let mut fleet = fleet(KubeletOptions { stop_after, ..KubeletOptions::default() });
    for (name, grace) in [("a", 30), ("b", 5)] {
        let mut deleted = pod(name, "500m");
        fleet.pod_seen(seen(deleted.clone()), NOW);
        writes(&mut fleet, NOW);
        deleted["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        deleted["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        fleet.pod_seen(seen(deleted), NOW);
    }
    assert_eq!(writes(&mut fleet, after(4)), []);
    assert_eq!(writes(&mut fleet, after(5))[0].path, "/api/v1/namespaces/ns/pods/b");
    assert_eq!(writes(&mut fleet, after(20))[0].path, "/api/v1/namespaces/ns/pods/a");
}

#[test]
fn a_pod_that_does_not_fit_is_refused_until_room_is_made() {
    let mut fleet = fleet(KubeletOptions::default());
    fleet.pod_seen(seen(pod("a", "1500m")), NOW);
    writes(&mut fleet, NOW);
    fleet.pod_seen(seen(pod("b", "2")), NOW);
    let written = writes(&mut fleet, NOW);
    let status = &written[0].body["status"];
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Failed"), &json!("OutOfcpu")));
    let want = "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 1500, \
                capacity: 2000";
    assert_eq!(status["message"], want);
    assert_eq!(written[1].body["reason"], "OutOfcpu");
    fleet.pod_gone(&seen(pod("a", "1")).key);
    fleet.pod_seen(seen(pod("c", "2")), NOW);
    assert_eq!(writes(&mut fleet, NOW)[0].body["status"]["phase"], "Running");
}

#[test]
fn of_a_list_those_that_run_come_first() {
    let mut fleet = fleet(KubeletOptions::default());
    let mut running = pod("z", "2");
    running["status"] = json!({"phase": "Running", "startTime": "2026-01-01T00:00:00Z"});
    fleet.all_pods(vec![seen(pod("a", "1")), seen(running)], NOW);
    let written = writes(&mut fleet, NOW);
    assert_eq!(written[0].path, "/api/v1/namespaces/ns/pods/a/status");
    assert_eq!(written[0].body["status"]["reason"], "OutOfcpu");
    // The next list lacks the one that ran.
    fleet.all_pods(vec![seen(pod("b", "2"))], NOW);
    assert_eq!(writes(&mut fleet, NOW)[0].body["status"]["phase"], "Running");
}

#[test]
fn containers_end_when_the_annotation_says_so() {
    let rows =
        [("Never", "0", "Succeeded"), ("Never", "3", "Failed"), ("OnFailure", "3", "Running")];
    for (policy, code, want) in rows {
        let mut fleet = fleet(KubeletOptions::default());
        let mut ending = pod("a", "2");
        ending["spec"]["restartPolicy"] = json!(policy);
        ending["metadata"]["annotations"] =
            json!({"berth.dev/exit-after": "5s", "berth.dev/exit-code": code});
        fleet.pod_seen(seen(ending), NOW);
        writes(&mut fleet, NOW);
        assert_eq!(writes(&mut fleet, after(4)), []);
        let written = writes(&mut fleet, after(5));
        assert_eq!(written[0].body["status"]["phase"], want, "{policy} {code}");
        let restarts = &written[0].body["status"]["containerStatuses"][0]["restartCount"];
        assert_eq!(*restarts, u32::from(want == "Running"));
        // What has ended takes nothing of the node.
        fleet.pod_seen(seen(pod("b", "2")), after(5));
        let other = &writes(&mut fleet, after(5))[0].body["status"]["phase"];
        assert_eq!(other, if want == "Running" { "Failed" } else { "Running" });
    }
}

#[test]
fn pods_of_a_node_that_comes_later_are_looked_up() {
    let mut fleet = Fleet::new(KubeletOptions::default());
    fleet.pod_seen(seen(pod("a", "1")), NOW);
    assert_eq!(fleet.take_acts(NOW, ROOM), []);
    fleet.node_seen(&node("n1"), NOW);
    assert!(fleet.take_acts(NOW, ROOM).contains(&Act::ListPods("n1".into())));
    fleet.node_seen(&node("n2"), NOW);
    assert!(!fleet.take_acts(NOW, ROOM).contains(&Act::ListPods("n2".into())));
}

#[test]
fn a_pod_with_finalizers_fails_before_it_goes() {
    let mut fleet = fleet(KubeletOptions::default());
    let mut kept = pod("a", "1");
    kept["metadata"]["finalizers"] = json!(["x.io/y"]);
    fleet.pod_seen(seen(kept.clone()), NOW);
    writes(&mut fleet, NOW);
    kept["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    fleet.pod_seen(seen(kept), NOW);
    let written = writes(&mut fleet, NOW);
    assert_eq!(written[0].body["status"]["phase"], "Failed");
    assert_eq!(written[1].method, Method::DELETE);
}

#[test]
fn what_there_is_no_room_for_stays_due_and_keeps_its_order() {
    let mut fleet = fleet(KubeletOptions::default());
    for name in ["c", "a", "e", "b", "d"] {
        fleet.pod_seen(seen(pod(name, "100m")), NOW);
    }
    fleet.pod_seen(seen(pod("late", "100m")), after(1));
    let mut paths = |room| -> Vec<String> {
        let acts = fleet.take_acts(NOW, room).into_iter();
        let path = |act| if let Act::Write(write) = act { Some(write.path) } else { None };
        let paths = acts.filter_map(path);
        paths.map(|path| path.rsplit('/').nth(1).unwrap().to_owned()).collect()
    };
    assert_eq!(paths(0), Vec::<String>::new());
    assert_eq!(paths(2), ["a", "b"]);
    assert_eq!(paths(1), ["c"]);
    assert_eq!(paths(ROOM), ["d", "e"]);
    assert_eq!(fleet.next_due(), Some(after(1)));
}

#[test]
fn what_waits_for_room_is_what_is_left_to_do_then() {
    let mut fleet = fleet(KubeletOptions::default());
    fleet.pod_seen(seen(pod("a", "1")), NOW);
    fleet.pod_seen(seen(pod("big", "4")), NOW);
    assert_eq!(fleet.take_acts(NOW, 0), []);
    // One is gone meanwhile, and one is deleted before its refusal was written.
    fleet.pod_gone(&seen(pod("a", "1")).key);
    let mut deleted = pod("big", "4");
    deleted["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    fleet.pod_seen(seen(deleted), NOW);
    let written: Vec<Write> = (0..3)
        .filter_map(|_| {
            let mut acts = fleet.take_acts(NOW, 1);
            let act = acts.pop();
            assert_eq!(acts, []);
            if let Some(Act::Write(write)) = act { Some(write) } else { None }
        })
        .collect();
    let short: Vec<_> = written.iter().map(|write| (&write.method, write.path.as_str())).collect();
    let want = [
        (&Method::PATCH, "/api/v1/namespaces/ns/pods/big/status"),
        (&Method::POST, "/api/v1/namespaces/ns/events"),
        (&Method::DELETE, "/api/v1/namespaces/ns/pods/big"),
    ];
    assert_eq!(short, want);
    assert_eq!(written[0].body["status"]["reason"], "OutOfcpu");
    assert_eq!(writes(&mut fleet, NOW), []);
}

#[test]
fn containers_that_end_at_once_for_ever_hold_up_no_others() {
    let mut fleet = fleet(KubeletOptions::default());
    let mut restless = pod("a", "1");
    restless["spec"]["restartPolicy"] = json!("Always");
    restless["metadata"]["annotations"] = json!({"berth.dev/exit-after": "0s"});
    fleet.pod_seen(seen(restless), NOW);
    fleet.pod_seen(seen(pod("b", "1")), NOW);
    assert_eq!(fleet.take_acts(NOW, 10).len(), 10);
    let mut paths = Vec::new();
    for second in 1..=3 {
        let acts = fleet.take_acts(after(second), 1);
        let [Act::Write(write)] = acts.as_slice() else { panic!("{acts:?}") };
        paths.push(write.path.clone());
    }
    assert!(paths.contains(&"/api/v1/namespaces/ns/pods/b/status".to_owned()), "{paths:?}");
}
