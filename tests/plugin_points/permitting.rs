//! Permit.

use serde_json::json;

use crate::runner::{Test, tests};
use crate::stage::{Cluster, Profile, Setting, Stage};

pub(crate) const TESTS: &[Test] = tests![permit, several_permits, cancelled_permits, coscheduling];

/// How long pods wait at Permit where they are to time out, in milliseconds. Upstream: 3 s.
const WAIT: u64 = 1_000;
/// How long they wait where they are not to, in milliseconds.
const LONG_WAIT: u64 = 120_000;

/// A plugin at Permit may let a pod on, turn it away, fail, and make it wait until its time is up.
///
/// Upstream: TestPermitPlugin, v1.37. A plugin that fails and rejects, fails.
async fn permit(cluster: &Cluster) {
    let rules = json!([
        {"at": "Permit", "pods": ["fails"], "say": {"fail": "injecting failure"}},
        {"at": "Permit", "pods": ["rejected"], "say": {"reject": "reject pod"}},
        {"at": "Permit", "pods": ["late"], "say": {"wait": WAIT}},
    ]);
    let profile = Profile::usual().at("permit", &["Scripted1"]).rules("Scripted1", &rules);
    let stage = Setting::new().profile(profile).nodes(2).start(cluster).await;
    for pod in ["late", "passes", "fails", "rejected"] {
        stage.pod(pod).await;
    }
    stage.scheduled("passes").await;
    let why = stage.turned_down("fails", "SchedulerError").await;
    assert_eq!(why, "running Permit plugin \"Scripted1\": injecting failure");
    let why = stage.turned_down("rejected", "Unschedulable").await;
    assert_eq!(why, "0/1 nodes are available: 1 reject pod.");
    let why = stage.turned_down("late", "Unschedulable").await;
    assert!(
        why.contains("1 rejected due to timeout after waiting 1s at plugin Scripted1"),
        "{why}"
    );
    for pod in ["late", "passes", "fails", "rejected"] {
        assert!(!stage.calls("Scripted1", "Permit", pod).is_empty(), "not asked about {pod}");
    }
    stage.end().await;
}

/// A profile with two plugins at Permit that both make the pod `waits` wait. When `first` or `second` comes, that
/// plugin lets all go on that wait for it; when `first-refuser` comes, it turns them away.
async fn two_that_wait(cluster: &Cluster) -> Stage {
    let rules = |own: &str| {
        json!([
            {"at": "Permit", "pods": ["waits"], "times": 1, "say": {"wait": LONG_WAIT}},
            {"at": "Permit", "pods": [own], "say": "allow_waiting"},
            {"at": "Permit", "pods": [format!("{own}-refuser")], "say": {"reject_others": "refused"}},
        ])
    };
    let script = |own| json!({"events": [], "rules": rules(own)});
    let profile = Profile::usual()
        .at("permit", &["Scripted1", "Scripted2"])
        .script("Scripted1", script("first"))
        .script("Scripted2", script("second"));
    Setting::new().profile(profile).nodes(2).start(cluster).await
}

/// Which of the two plugins the pod `waits` waits for, as seen by a pod that comes now.
async fn waits_for(stage: &Stage, probe: &str) -> [bool; 2] {
    stage.pod(probe).await;
    stage.scheduled(probe).await;
    ["Scripted1", "Scripted2"]
        .map(|plugin| stage.calls(plugin, "Permit", probe)[0].ends_with("=waits"))
}

/// A pod that waits for two plugins goes on when both have let it.
///
/// Upstream: TestMultiplePermitPlugins, v1.37.
async fn several_permits(cluster: &Cluster) {
    let stage = two_that_wait(cluster).await;
    stage.pod("waits").await;
    stage.called("Scripted2", "Permit", "waits", 1).await;
    assert_eq!(waits_for(&stage, "probe-1").await, [true, true]);
    stage.pod("first").await;
    stage.scheduled("first").await;
    assert_eq!(waits_for(&stage, "probe-2").await, [false, true]);
    stage.pod("second").await;
    stage.scheduled("waits").await;
    stage.end().await;
}

/// A pod that one plugin turns away does not wait for the other any more.
///
/// Upstream: TestPermitPluginsCancelled, v1.37, where plugins see it by a context of theirs.
async fn cancelled_permits(cluster: &Cluster) {
    let stage = two_that_wait(cluster).await;
    stage.pod("waits").await;
    stage.called("Scripted2", "Permit", "waits", 1).await;
    assert_eq!(waits_for(&stage, "probe-1").await, [true, true]);
    stage.pod("first-refuser").await;
    let why = stage.turned_down("waits", "Unschedulable").await;
    assert_eq!(why, "0/1 nodes are available: 1 refused.");
    assert_eq!(waits_for(&stage, "probe-2").await, [false, false]);
    stage.end().await;
}

/// Of two pods the first one waits; the second one lets it go on, or has both turned away.
///
/// Upstream: TestCoSchedulingWithPermitPlugin, v1.37.
async fn coscheduling(cluster: &Cluster) {
    let rules = |then: serde_json::Value| {
        json!([
            {"at": "Permit", "pods": ["a"], "times": 1, "say": {"wait": LONG_WAIT}},
            {"at": "Permit", "say": then},
        ])
    };
    let profile = |name, then| {
        let profile = Profile::named(name).at("permit", &["Scripted1"]);
        profile.script("Scripted1", json!({"events": [], "rules": rules(then)}))
    };
    for (name, then, allowed) in [
        ("allows", json!("allow_waiting"), true),
        ("rejects", json!({"reject_waiting": "reject pod"}), false),
    ] {
        let stage = Setting::new().profile(profile(name, then)).nodes(2).start(cluster).await;
        let spec = json!({"schedulerName": name});
        stage.pod_with("a", &spec).await;
        stage.called("Scripted1", "Permit", "a", 1).await;
        stage.pod_with("b", &spec).await;
        for pod in ["a", "b"] {
            if allowed {
                stage.scheduled(pod).await;
            } else {
                stage.turned_down(pod, "Unschedulable").await;
            }
        }
        assert!(stage.calls("Scripted1", "Permit", "b")[0].ends_with("waiting=a"));
        stage.end().await;
        cluster.clean().await;
    }
}
