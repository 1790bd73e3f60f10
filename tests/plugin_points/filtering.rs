//! PreFilter, Filter and PostFilter.

use serde_json::json;

use crate::runner::{Test, tests};
use crate::stage::{Cluster, Profile, Setting};

pub(crate) const TESTS: &[Test] = tests![pre_filter, filter];

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
