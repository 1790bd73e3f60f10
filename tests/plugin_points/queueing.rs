//! QueueSort, PreEnqueue, and what PostBind has tried at once.

use serde_json::json;

use crate::runner::{Test, tests};
use crate::stage::{Cluster, Profile, Setting, Stage, create_pod};

pub(crate) const TESTS: &[Test] = tests![queue_sort, pre_enqueue, pre_enqueue_events, activation];

/// A plugin at QueueSort says which of the pods that wait is the next.
///
/// Upstream: TestQueueSortPlugin, v1.37.
async fn queue_sort(cluster: &Cluster) {
    for (by_priority, order) in
        [(false, ["pod-1", "pod-2", "pod-3"]), (true, ["pod-3", "pod-2", "pod-1"])]
    {
        // They wait before the scheduler is there.
        for (name, priority) in [("pod-1", 1), ("pod-2", 2), ("pod-3", 3)] {
            let spec = json!({"priority": priority});
            create_pod(&cluster.rest, name, &json!({}), &spec).await;
        }
        let profile = Profile::usual()
            .at("queueSort", &["Scripted1"])
            .without("queueSort", &["*"])
            .at("preFilter", &["Scripted1"])
            .script("Scripted1", json!({"by_priority": by_priority}));
        let stage = Setting::new().profile(profile).nodes(2).start(cluster).await;
        let mut tried = Vec::new();
        for pod in order {
            stage.scheduled(pod).await;
        }
        for line in stage.log() {
            tried.extend(line.strip_prefix("Scripted1 PreFilter default/").map(str::to_owned));
        }
        assert_eq!(tried, order, "by priority: {by_priority}");
        stage.end().await;
        cluster.clean().await;
    }
}

/// Waits until a pod that comes now is on a node: what came before it has been seen.
async fn fence(stage: &Stage, name: &str) {
    stage.labelled_pod(name, &json!({"fence": ""}), &json!({})).await;
    stage.scheduled(name).await;
}

/// A pod that a plugin at PreEnqueue does not let in is not tried.
///
/// Upstream: TestPreEnqueuePlugin, v1.37.
async fn pre_enqueue(cluster: &Cluster) {
    let rules = json!([
        {"at": "PreEnqueue", "pods": ["held"], "say": {"unresolvable": "not ready for scheduling"}},
    ]);
    let profile = Profile::usual()
        .at("preEnqueue", &["Scripted1"])
        .at("preFilter", &["Scripted1"])
        .rules("Scripted1", &rules);
    let stage = Setting::new().profile(profile).nodes(1).start(cluster).await;
    stage.pod("admitted").await;
    stage.scheduled("admitted").await;
    assert!(!stage.calls("Scripted1", "PreEnqueue", "admitted").is_empty());
    stage.pod_with("held", &json!({"schedulingGates": [{"name": "foo"}]})).await;
    stage.turned_down("held", "SchedulingGated").await;
    fence(&stage, "fence").await;
    assert!(stage.calls("Scripted1", "PreFilter", "held").is_empty());
    stage.end().await;
}

/// A pod that a plugin at PreEnqueue holds is looked at again for the events that the plugin registers for, and
/// for no others: not even when its gates are gone.
///
/// Upstream: TestPreEnqueuePluginEventsToRegister, v1.37.
async fn pre_enqueue_events(cluster: &Cluster) {
    let update = json!([{"resource": "Pod", "action": "Update"}]);
    for (events, calls) in [(json!([]), 1), (update, 2)] {
        let rules = json!([{"at": "PreEnqueue", "gated": true, "say": {"unresolvable": "gated"}}]);
        let profile = Profile::usual()
            .at("preEnqueue", &["Scripted1"])
            .without("preEnqueue", &["*"])
            .script("Scripted1", json!({"events": events, "rules": rules}));
        let stage = Setting::new().profile(profile).nodes(2).start(cluster).await;
        let near = json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"foo": "bar"}}},
        ]}});
        let gated = json!({"schedulingGates": [{"name": "foo"}], "affinity": near});
        stage.pod_with("p", &gated).await;
        stage.turned_down("p", "SchedulingGated").await;
        stage.called("Scripted1", "PreEnqueue", "p", 1).await;
        stage.labelled_pod("pause-pod", &json!({"foo": "bar"}), &json!({})).await;
        stage.scheduled("pause-pod").await;
        fence(&stage, "before").await;
        assert_eq!(stage.calls("Scripted1", "PreEnqueue", "p").len(), 1);
        let annotated = json!({"metadata": {"annotations": {"foo": "bar"}}});
        stage.rest.patch(&Stage::path("pause-pod"), &annotated).await;
        stage.called("Scripted1", "PreEnqueue", "p", calls).await;
        fence(&stage, "after").await;
        assert_eq!(stage.calls("Scripted1", "PreEnqueue", "p").len(), calls);
        stage.turned_down("p", "SchedulingGated").await;
        let ungated = json!({"spec": {"schedulingGates": null}});
        stage.rest.patch(&Stage::path("p"), &ungated).await;
        if calls > 1 {
            stage.scheduled("p").await;
        } else {
            fence(&stage, "last").await;
            stage.turned_down("p", "SchedulingGated").await;
            assert_eq!(stage.calls("Scripted1", "PreEnqueue", "p").len(), calls);
        }
        stage.end().await;
        cluster.clean().await;
    }
}

/// A plugin at PostBind has pods tried that wait for the one that is bound, although no event would do so.
///
/// Upstream: TestActivatePods, v1.37, where the plugin registers for all events.
async fn activation(cluster: &Cluster) {
    let setting = Setting::new();
    let executors = ["executor-1", "executor-2"];
    let rules = json!([
        {"at": "PreFilter", "pods": executors, "until": setting.file("driver"),
            "say": {"unresolvable": "unable to find driver pod"}},
        {"at": "PostBind", "pods": ["driver"], "say": {"activate": executors}},
    ]);
    let profile = Profile::usual()
        .at("preFilter", &["Scripted1"])
        .at("postBind", &["Scripted1"])
        .script("Scripted1", json!({"events": [], "rules": rules}));
    let stage = setting.profile(profile).nodes(1).start(cluster).await;
    for pod in executors {
        stage.pod(pod).await;
    }
    for pod in executors {
        let why = stage.turned_down(pod, "Unschedulable").await;
        assert!(why.contains("unable to find driver pod"), "{why}");
    }
    stage.make_file("driver");
    stage.pod("driver").await;
    for pod in ["driver", "executor-1", "executor-2"] {
        stage.scheduled(pod).await;
    }
    stage.called("Scripted1", "PostBind", "driver", 1).await;
    stage.end().await;
}
