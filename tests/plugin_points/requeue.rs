//! When pods that a plugin has turned down are tried again.

use serde_json::{Value, json};

use crate::runner::{Test, tests};
use crate::stage::{Cluster, Profile, Setting, Stage, node};
use crate::support::rest::{NODES, node_of};

pub(crate) const TESTS: &[Test] =
    tests![rescheduling, bind_failure, permit_rejection, a_hint_for_each_pod];

/// How long pods wait at Permit where they are not to time out, in milliseconds.
const LONG_WAIT: u64 = 120_000;

fn large(name: &str) -> Value {
    node(name, &json!({"cpu": "32", "memory": "64Gi", "pods": "110"}))
}

/// A pod that a plugin rejects at Permit or Reserve waits for an event of that plugin, and no other one brings it
/// back; one that it fails is tried again by itself.
///
/// Upstream: TestReScheduling, v1.37.
async fn rescheduling(cluster: &Cluster) {
    for (point, at) in [("permit", "Permit"), ("reserve", "Reserve")] {
        let script = json!({
            "events": [{"resource": "Node", "action": "Add"}],
            "rules": [
                {"at": at, "pods": ["rejected"], "times": 1, "say": {"reject": "not at first"}},
                {"at": at, "pods": ["fails"], "say": {"fail": "it broke"}},
            ],
        });
        let profile = Profile::usual().at(point, &["Scripted1"]).script("Scripted1", script);
        let stage = Setting::new().profile(profile).nodes(1).start(cluster).await;
        stage.pod("rejected").await;
        let why = stage.turned_down("rejected", "Unschedulable").await;
        assert_eq!(why, "0/1 nodes are available: 1 not at first.");
        // Pods that come, and are put onto nodes, do not matter to it.
        for other in ["first", "second"] {
            stage.pod(other).await;
            stage.scheduled(other).await;
        }
        let rejected = stage.get("rejected").await.expect("nobody deletes it");
        assert!(node_of(&rejected).is_none(), "{rejected}");
        assert_eq!(stage.calls("Scripted1", at, "rejected").len(), 1);
        stage.pod("fails").await;
        stage.turned_down("fails", "SchedulerError").await;

        stage.rest.create(NODES, &large("fake-node")).await;
        stage.scheduled("rejected").await;
        assert_eq!(stage.calls("Scripted1", at, "rejected").len(), 2);
        stage.called("Scripted1", at, "fails", 3).await;
        stage.turned_down("fails", "SchedulerError").await;
        stage.end().await;
        cluster.clean().await;
    }
}

/// A pod that its binder fails is tried again without any event.
///
/// Upstream: TestRequeueByBindFailure, v1.37.
async fn bind_failure(cluster: &Cluster) {
    let rules = json!([{"at": "Bind", "times": 1, "say": {"fail": "rejects the Pod"}}]);
    let profile = Profile::usual()
        .at("bind", &["Scripted1"])
        .without("bind", &["DefaultBinder"])
        .script("Scripted1", json!({"events": [], "rules": rules}));
    let stage = Setting::new().profile(profile).nodes(1).start(cluster).await;
    stage.pod("pod-1").await;
    stage.scheduled("pod-1").await;
    assert_eq!(stage.calls("Scripted1", "Bind", "pod-1").len(), 2, "the first time it failed");
    stage.end().await;
}

/// An event that came while a pod waited at Permit counts for it when it is rejected later; the hint is asked
/// once.
///
/// Upstream: TestRequeueByPermitRejection, v1.37, where somebody outside rejects the pod that waits.
async fn permit_rejection(cluster: &Cluster) {
    let script = json!({
        "events": [{"resource": "Node", "action": "UpdateNodeLabel", "asks": true}],
        "rules": [
            {"at": "Permit", "pods": ["pod-1"], "say": {"wait": LONG_WAIT}},
            {"at": "Permit", "pods": ["pod-2"], "say": {"reject_others": "rejects the Pod"}},
        ],
    });
    let profile = Profile::usual().at("permit", &["Scripted1"]).script("Scripted1", script);
    let stage = Setting::new().profile(profile).nodes(1).start(cluster).await;
    stage.pod("pod-1").await;
    stage.called("Scripted1", "Permit", "pod-1", 1).await;
    let path = format!("{NODES}/test-node-0");
    stage.rest.patch(&path, &json!({"metadata": {"labels": {"updated": "yes"}}})).await;
    // Where this one can go, the label has been seen.
    stage.pod_with("pod-2", &json!({"nodeSelector": {"updated": "yes"}})).await;
    stage.scheduled("pod-2").await;
    stage.called("Scripted1", "Permit", "pod-1", 2).await;
    assert_eq!(stage.calls("Scripted1", "Hint", "pod-1").len(), 1);
    stage.end().await;
}

/// A hint that a plugin wants to give for each pod is asked for each pod that it rejected.
///
/// Upstream: TestPreQueueingHintNarrowsPodSet with its feature disabled, v1.37.
async fn a_hint_for_each_pod(cluster: &Cluster) {
    let script = json!({
        "events": [{"resource": "Node", "action": "UpdateNodeLabel", "asks": true}],
        "rules": [{"at": "Filter", "say": {"reject": "node missing enable-scheduling label"}}],
    });
    let profile = Profile::usual().at("filter", &["Scripted1"]).script("Scripted1", script);
    let stage = Setting::new().profile(profile).nodes(1).start(cluster).await;
    let pods = ["pod-1", "pod-2", "pod-3"];
    for pod in pods {
        stage.pod(pod).await;
        stage.turned_down(pod, "Unschedulable").await;
    }
    let asked = |stage: &Stage| pods.map(|pod| stage.calls("Scripted1", "Hint", pod).len());
    assert_eq!(asked(&stage), [0; 3]);
    let path = format!("{NODES}/test-node-0");
    stage.rest.patch(&path, &json!({"metadata": {"labels": {"some-label": "some-value"}}})).await;
    for pod in pods {
        stage.called("Scripted1", "Filter", pod, 2).await;
    }
    assert_eq!(asked(&stage), [1; 3]);
    stage.end().await;
}
