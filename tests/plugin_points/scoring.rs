//! PreScore and Score.

use serde_json::json;

use crate::runner::{Test, tests};
use crate::stage::{Cluster, Profile, Setting};

pub(crate) const TESTS: &[Test] = tests![pre_score, score, normalize_score];

/// A plugin at PreScore may fail, also one that gives no score.
///
/// Upstream: TestPreScorePlugin, v1.37.
async fn pre_score(cluster: &Cluster) {
    let rules = json!([
        {"at": "PreScore", "pods": ["fails"], "say": {"fail": "injecting failure"}},
    ]);
    let profile = Profile::usual().at("preScore", &["Scripted1"]).rules("Scripted1", &rules);
    let stage = Setting::new().profile(profile).nodes(2).start(cluster).await;
    stage.pod("passes").await;
    stage.scheduled("passes").await;
    assert!(!stage.calls("Scripted1", "PreScore", "passes").is_empty());
    stage.pod("fails").await;
    let why = stage.turned_down("fails", "SchedulerError").await;
    assert_eq!(why, "running PreScore plugin \"Scripted1\": injecting failure");
    stage.end().await;
}

/// The node with the highest score is taken. A score that is none ends the attempt.
///
/// Upstream: TestScorePlugin, v1.37. Differs from upstream: a plugin at Score cannot fail in words of its own, but by a
/// score out of range.
async fn score(cluster: &Cluster) {
    let rules = json!([
        {"at": "Score", "pods": ["fails"], "say": {"points": 101}},
        {"at": "Score", "nodes": ["test-node-7"], "say": {"points": 100}},
        {"at": "Score", "say": {"points": 1}},
    ]);
    let profile = Profile::usual().at("score", &["Scripted1"]).rules("Scripted1", &rules);
    let stage = Setting::new().profile(profile).nodes(10).start(cluster).await;
    stage.pod("passes").await;
    assert_eq!(stage.scheduled("passes").await, "test-node-7");
    assert_eq!(stage.calls("Scripted1", "Score", "passes").len(), 10);
    stage.pod("fails").await;
    let why = stage.turned_down("fails", "SchedulerError").await;
    assert!(why.contains("plugin \"Scripted1\" returns an invalid score 101"), "{why}");
    stage.end().await;
}

/// A plugin that normalises is asked to.
///
/// Upstream: TestNormalizeScorePlugin, v1.37.
async fn normalize_score(cluster: &Cluster) {
    let script = json!({"normalises": true, "rules": [{"at": "Score", "say": {"points": 10}}]});
    let profile = Profile::usual().at("score", &["Scripted1"]).script("Scripted1", script);
    let stage = Setting::new().profile(profile).nodes(10).start(cluster).await;
    stage.pod("passes").await;
    stage.scheduled("passes").await;
    for point in ["Score", "NormalizeScore"] {
        assert!(!stage.calls("Scripted1", point, "passes").is_empty(), "{point} is not called");
    }
    stage.end().await;
}
