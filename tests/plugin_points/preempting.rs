//! Pods that wait at Permit while others need their room.

use serde_json::{Value, json};

use crate::runner::{Test, tests};
use crate::stage::{Cluster, Profile, Setting, Stage, node};

pub(crate) const TESTS: &[Test] =
    tests![waiting_pods_make_way, waiting_pods_are_tried_again, deleted_waiting_pods_make_room];

/// The pod `waiting` waits at Permit until another one comes there. The node has room for two pods of 200m, or for
/// one of 400m.
async fn stage(cluster: &Cluster) -> Stage {
    let rules = json!([
        {"at": "Permit", "pods": ["waiting"], "times": 1, "say": {"wait": 120_000}},
        {"at": "Permit", "say": "allow_waiting"},
    ]);
    let profile = Profile::usual()
        .at("preFilter", &["Scripted1"])
        .at("permit", &["Scripted1"])
        .rules("Scripted1", &rules);
    let room = json!({"cpu": "500m", "memory": "500", "pods": "32"});
    let node = node("test-node-0", &room);
    Setting::new().profile(profile).node(node).start(cluster).await
}

/// What a pod of this priority says that needs so much, in thousandths of a core and in bytes.
fn needs(priority: i32, amount: u32) -> Value {
    let requests = json!({"cpu": format!("{amount}m"), "memory": amount.to_string()});
    let resources = json!({"requests": requests});
    json!({
        "priority": priority, "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "c", "image": "example.com/pause:1", "resources": resources}],
    })
}

/// Creates the pod that waits.
async fn wait_at_permit(stage: &Stage, priority: i32) {
    stage.pod_with("waiting", &needs(priority, 200)).await;
    stage.called("Scripted1", "Permit", "waiting", 1).await;
}

/// Waits until the pod that waited waits no more, and was tried at most so often.
async fn waits_no_more(stage: &Stage, tries: usize) {
    let gone = "the pod waits no more";
    let look = async || {
        let lines = stage.berth.decisions_with("default/waiting", "forgotten");
        (!lines.is_empty()).then_some(())
    };
    stage.berth.wait_for(gone, look).await;
    let calls = stage.calls("Scripted1", "PreFilter", "waiting").len();
    assert!(calls <= tries, "tried {calls} times");
}

/// A pod that waits at Permit makes way without being deleted, unlike one on the node.
///
/// Upstream: TestPreemptWithPermitPlugin, "waiting pod is not physically deleted upon preemption", v1.37.
async fn waiting_pods_make_way(cluster: &Cluster) {
    let stage = stage(cluster).await;
    stage.pod_with("running", &needs(100, 200)).await;
    stage.scheduled("running").await;
    wait_at_permit(&stage, 150).await;
    stage.pod_with("preemptor", &needs(300, 400)).await;
    stage.scheduled("preemptor").await;
    waits_no_more(&stage, 2).await;
    assert!(stage.get("waiting").await.is_some(), "it was deleted");
    assert!(stage.get("running").await.is_none(), "it was not deleted");
    stage.end().await;
}

/// A pod that waited at Permit and made way is tried again.
///
/// Upstream: TestPreemptWithPermitPlugin, "rejecting a waiting pod to trigger retrying unschedulable pods immediately",
/// v1.37.
async fn waiting_pods_are_tried_again(cluster: &Cluster) {
    let stage = stage(cluster).await;
    wait_at_permit(&stage, 100).await;
    stage.pod_with("preemptor", &needs(300, 400)).await;
    stage.scheduled("preemptor").await;
    waits_no_more(&stage, 2).await;
    stage.called("Scripted1", "PreFilter", "waiting", 2).await;
    stage.turned_down("waiting", "Unschedulable").await;
    stage.end().await;
}

/// A pod that is deleted while it waits at Permit makes room for others at once.
///
/// Upstream: TestPreemptWithPermitPlugin, "deleting a waiting pod to trigger retrying unschedulable pods immediately",
/// v1.37.
async fn deleted_waiting_pods_make_room(cluster: &Cluster) {
    let stage = stage(cluster).await;
    wait_at_permit(&stage, 100).await;
    stage.pod_with("preemptor", &needs(100, 400)).await;
    stage.turned_down("preemptor", "Unschedulable").await;
    stage.rest.delete(&Stage::path("waiting")).await;
    stage.scheduled("preemptor").await;
    waits_no_more(&stage, 1).await;
    stage.end().await;
}
