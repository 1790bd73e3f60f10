//! PreFilter, Filter and PostFilter.

use serde_json::json;

use crate::runner::{Test, tests};
use crate::stage::{Cluster, NODES, Profile, Setting, node};

pub(crate) const TESTS: &[Test] = tests![pre_filter, filter, post_filter, node_updates];

/// A plugin at PreFilter may let a pod on, turn it away, fail, and say which nodes are in question.
///
/// Upstream: TestPreFilterPlugin, v1.37.
async fn pre_filter(cluster: &Cluster) {
    let rules = json!([
        {"at": "PreFilter", "pods": ["fails"], "say": {"fail": "injecting failure"}},
        {"at": "PreFilter", "pods": ["rejected"], "say": {"reject": "reject pod"}},
        {"at": "PreFilter", "pods": ["two"], "say": {"nodes": ["test-node-0", "test-node-1"]}},
        {"at": "PreFilter", "pods": ["one"], "say": {"nodes": ["test-node-0", "no-such-node"]}},
    ]);
    let profile = Profile::usual().at("preFilter", &["Scripted1"]).rules("Scripted1", &rules);
    let stage = Setting::new().profile(profile).nodes(2).start(cluster).await;
    for pod in ["passes", "fails", "rejected", "two", "one"] {
        stage.pod(pod).await;
    }
    stage.scheduled("passes").await;
    stage.scheduled("two").await;
    assert_eq!(stage.scheduled("one").await, "test-node-0");
    let why = stage.turned_down("rejected", "Unschedulable").await;
    assert!(why.starts_with("0/2 nodes are available: reject pod."), "{why}");
    let why = stage.turned_down("fails", "SchedulerError").await;
    assert_eq!(why, "running PreFilter plugin \"Scripted1\": injecting failure");
    for pod in ["passes", "fails", "rejected", "two", "one"] {
        assert!(!stage.calls("Scripted1", "PreFilter", pod).is_empty(), "not asked about {pod}");
    }
    stage.end().await;
}

/// A plugin at Filter is asked about each node once; its failure ends the attempt.
///
/// Upstream: TestFilterPlugin, v1.37.
async fn filter(cluster: &Cluster) {
    let rules = json!([
        {"at": "Filter", "pods": ["fails"], "say": {"fail": "injecting failure"}},
    ]);
    let profile = Profile::usual().at("filter", &["Scripted1"]).rules("Scripted1", &rules);
    let stage = Setting::new().profile(profile).nodes(1).start(cluster).await;
    stage.pod("passes").await;
    stage.scheduled("passes").await;
    assert_eq!(stage.calls("Scripted1", "Filter", "passes"), ["test-node-0"]);
    stage.pod("fails").await;
    let why = stage.turned_down("fails", "SchedulerError").await;
    assert_eq!(why, "running \"Scripted1\" filter plugin: injecting failure");
    assert!(!stage.calls("Scripted1", "Filter", "fails").is_empty());
    stage.end().await;
}

/// Plugins at PostFilter are asked one after the other where no node will do, until one has helped or says that
/// nobody can.
///
/// Upstream: TestPostFilterPlugin, v1.37. Differs from upstream: a plugin at PostFilter cannot have the others
/// filter and score again, so theirs are the calls of the attempt itself.
async fn post_filter(cluster: &Cluster) {
    let rejected = ["helped", "both-reject", "first-breaks", "second-breaks", "second-fails"];
    let first = json!([
        {"at": "Filter", "pods": rejected, "say": {"reject": "reject pod"}},
        {"at": "PostFilter", "pods": ["helped"], "say": {"help": ""}},
        {"at": "PostFilter", "pods": ["first-breaks"], "say": {"unresolvable": "no use"}},
        {"at": "PostFilter", "say": {"reject": "first can do nothing"}},
    ]);
    let second = json!([
        {"at": "PostFilter", "pods": ["second-breaks"], "say": {"unresolvable": "no use"}},
        {"at": "PostFilter", "pods": ["second-fails"], "say": {"fail": "broken"}},
        {"at": "PostFilter", "say": {"reject": "second can do nothing"}},
    ]);
    let profile = Profile::usual()
        .at("filter", &["Scripted1"])
        .without("preScore", &["*"])
        .at("score", &["Scripted1"])
        .without("score", &["*"])
        .at("postFilter", &["Scripted1", "Scripted2"])
        .without("postFilter", &["*"])
        .script("Scripted1", json!({"events": [], "rules": first}))
        .script("Scripted2", json!({"events": [], "rules": second}));
    let stage = Setting::new().profile(profile).nodes(30).start(cluster).await;
    stage.pod("passes").await;
    stage.scheduled("passes").await;
    assert_eq!(stage.calls("Scripted1", "Filter", "passes").len(), 30);
    assert_eq!(stage.calls("Scripted1", "Score", "passes").len(), 30);
    assert!(stage.calls("Scripted1", "PostFilter", "passes").is_empty());
    let before = "0/30 nodes are available: 30 reject pod.";
    for (pod, said, asked) in [
        ("helped", "helped", [1, 0]),
        ("both-reject", "first can do nothing, second can do nothing", [1, 1]),
        ("first-breaks", "no use", [1, 0]),
        ("second-breaks", "no use", [1, 1]),
        ("second-fails", "broken", [1, 1]),
    ] {
        stage.pod(pod).await;
        let message = stage.turned_down(pod, "Unschedulable").await;
        assert_eq!(message, format!("{before} {said}"), "{pod}");
        assert!(stage.calls("Scripted1", "Filter", pod).len() >= 30, "{pod}");
        let calls = |plugin| stage.calls(plugin, "PostFilter", pod).len();
        assert_eq!(["Scripted1", "Scripted2"].map(calls), asked, "{pod}");
    }
    stage.end().await;
}

/// A plugin that registers for taints of nodes is told of an update that changes labels, too.
///
/// Upstream: TestUpdateNodeEvent, v1.37.
async fn node_updates(cluster: &Cluster) {
    let setting = Setting::new();
    let no_taint = setting.file("no-taint");
    let rules = json!([{"at": "Filter", "until": no_taint, "say": {"reject": "a taint"}}]);
    let events = json!([{"resource": "Node", "action": "UpdateNodeTaint"}]);
    let profile = Profile::usual()
        .at("filter", &["Scripted1"])
        .without("filter", &["*"])
        .script("Scripted1", json!({"events": events, "rules": rules}));
    let mut tainted = node("node-0", &json!({"cpu": "32", "memory": "64Gi", "pods": "110"}));
    let taint = json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    tainted["spec"] = json!({"taints": [taint]});
    let stage = setting.profile(profile).node(tainted).start(cluster).await;
    stage.pod("test-pod").await;
    stage.turned_down("test-pod", "Unschedulable").await;
    stage.make_file("no-taint");
    let both = json!({"metadata": {"labels": {"foo": "bar"}}, "spec": {"taints": null}});
    stage.rest.patch(&format!("{NODES}/node-0"), &both).await;
    stage.scheduled("test-pod").await;
    stage.end().await;
}
