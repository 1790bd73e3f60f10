//! Reserve, PreBind, Bind and PostBind, and what is taken back where one of them, or Permit, says no.

use serde_json::json;

use crate::plugin::BOUND_BY;
use crate::runner::{Test, tests};
use crate::stage::{Cluster, Profile, Setting};

pub(crate) const TESTS: &[Test] =
    tests![reserve, reserve_order, taken_back, pre_bind, bind, nobody_binds, post_bind];

/// A plugin at Reserve may fail.
///
/// Upstream: TestReservePluginReserve, v1.37.
async fn reserve(cluster: &Cluster) {
    let rules = json!([{"at": "Reserve", "pods": ["fails"], "say": {"fail": "injecting failure"}}]);
    let profile = Profile::usual().at("reserve", &["Scripted1"]).rules("Scripted1", &rules);
    let stage = Setting::new().profile(profile).nodes(2).start(cluster).await;
    stage.pod("passes").await;
    stage.scheduled("passes").await;
    assert!(!stage.calls("Scripted1", "Reserve", "passes").is_empty());
    stage.pod("fails").await;
    let why = stage.turned_down("fails", "SchedulerError").await;
    assert_eq!(why, "running Reserve plugin \"Scripted1\": injecting failure");
    assert!(!stage.calls("Scripted1", "Reserve", "fails").is_empty());
    stage.end().await;
}

/// Plugins at Reserve are asked in their order until one fails; then all take back what they have, in the
/// other order.
///
/// Upstream: TestUnReserveReservePlugins, v1.37.
async fn reserve_order(cluster: &Cluster) {
    let fails = |pods: &[&str]| json!([{"at": "Reserve", "pods": pods, "say": {"fail": "no"}}]);
    // The order of this point is not that of others.
    let profile = Profile::usual()
        .at("preBind", &["Scripted3", "Scripted2", "Scripted1"])
        .at("permit", &["Scripted2", "Scripted3", "Scripted1"])
        .at("reserve", &["Scripted3", "Scripted1", "Scripted2"])
        .rules("Scripted3", &fails(&["first-and-last"]))
        .rules("Scripted1", &fails(&["middle"]))
        .rules("Scripted2", &fails(&["first-and-last", "last"]));
    let stage = Setting::new().profile(profile).nodes(2).start(cluster).await;
    let reserve = ["Scripted3 Reserve", "Scripted1 Reserve", "Scripted2 Reserve"];
    let unreserve = ["Scripted2 Unreserve", "Scripted1 Unreserve", "Scripted3 Unreserve"];
    let points = ["Reserve", "Unreserve"];
    for (pod, asked) in [("first-and-last", 1), ("middle", 2), ("last", 3)] {
        stage.pod(pod).await;
        stage.turned_down(pod, "SchedulerError").await;
        stage.called_in_order(&points, pod, &[&reserve[..asked], &unreserve].concat()).await;
    }
    stage.pod("passes").await;
    stage.scheduled("passes").await;
    assert_eq!(stage.order(&points, "passes"), reserve);
    stage.end().await;
}

/// What a plugin has kept at Reserve is taken back once where the pod is turned away later, and not where it is
/// bound.
///
/// Upstream: TestUnReservePermitPlugins, TestUnReservePreBindPlugins and TestUnReserveBindPlugins, v1.37.
async fn taken_back(cluster: &Cluster) {
    let rules = json!([
        {"at": "Permit", "pods": ["not-permitted"], "say": {"reject": "reject pod"}},
        {"at": "Permit", "pods": ["late"], "say": {"wait": 500}},
        {"at": "PreBind", "pods": ["not-prepared"], "say": {"reject": "reject pod"}},
        {"at": "Bind", "pods": ["bound"], "say": {"bind": cluster.kubeconfig}},
        {"at": "Bind", "pods": ["not-bound"], "say": {"fail": "failed to bind"}},
    ]);
    let profile = Profile::usual()
        .at("permit", &["Scripted1"])
        .at("preBind", &["Scripted1"])
        .at("bind", &["Scripted1"])
        .without("bind", &["DefaultBinder"])
        .at("reserve", &["Scripted2"])
        .rules("Scripted1", &rules)
        .rules("Scripted2", &json!([]));
    let stage = Setting::new().profile(profile).nodes(2).start(cluster).await;
    let points = ["Reserve", "Unreserve", "Permit", "PreBind", "Bind"];
    let calls = |point: &str| match point {
        "Permit" => 3,
        "PreBind" => 4,
        _ => 5,
    };
    let all = ["Scripted2 Reserve", "Scripted1 Permit", "Scripted1 PreBind", "Scripted1 Bind"];
    for (pod, last, reason) in [
        ("not-permitted", "Permit", "Unschedulable"),
        ("late", "Permit", "Unschedulable"),
        ("not-prepared", "PreBind", "Unschedulable"),
        ("not-bound", "Bind", "SchedulerError"),
    ] {
        stage.pod(pod).await;
        stage.turned_down(pod, reason).await;
        let until = &all[..calls(last) - 1];
        let wanted: Vec<&str> = until.iter().copied().chain(["Scripted2 Unreserve"]).collect();
        stage.called_in_order(&points, pod, &wanted).await;
    }
    stage.pod("bound").await;
    stage.scheduled("bound").await;
    assert_eq!(stage.order(&points, "bound"), all);
    stage.end().await;
}

/// A plugin at PreBind may let a pod on, turn it away and fail; the pod is tried again, and so are others that
/// wait for one to leave a node.
///
/// Upstream: TestPrebindPlugin, v1.37. A plugin that fails and rejects, fails.
async fn pre_bind(cluster: &Cluster) {
    let rules = json!([
        {"at": "PreBind", "pods": ["fails"], "say": {"fail": "injecting failure"}},
        {"at": "PreBind", "pods": ["rejected"], "say": {"reject": "reject pod"}},
        {"at": "PreBind", "pods": ["fails-once"], "times": 1, "say": {"fail": "injecting failure"}},
    ]);
    let first = Profile::usual().at("preBind", &["Scripted1"]).rules("Scripted1", &rules);
    let rules = json!([{"at": "Filter", "say": {"reject": "reject pod"}}]);
    let events = json!([{"resource": "Pod", "action": "Delete"}]);
    let second = Profile::named("2nd-scheduler")
        .at("filter", &["Scripted2"])
        .script("Scripted2", json!({"events": events, "rules": rules}));
    let setting = Setting::new().profile(first).profile(second).nodes(2);
    let stage = setting.start(cluster).await;
    stage.pod("passes").await;
    stage.scheduled("passes").await;
    stage.pod("rejected").await;
    stage.turned_down("rejected", "Unschedulable").await;
    stage.pod("fails-once").await;
    stage.scheduled("fails-once").await;
    stage.called("Scripted1", "PreBind", "fails-once", 2).await;
    stage.pod_with("unschedulable", &json!({"schedulerName": "2nd-scheduler"})).await;
    stage.turned_down("unschedulable", "Unschedulable").await;
    stage.pod("fails").await;
    let why = stage.turned_down("fails", "SchedulerError").await;
    assert_eq!(why, "running PreBind plugin \"Scripted1\": injecting failure");
    // On two nodes, twice.
    stage.called("Scripted2", "Filter", "unschedulable", 4).await;
    for pod in ["passes", "rejected", "fails"] {
        assert!(!stage.calls("Scripted1", "PreBind", pod).is_empty(), "not asked about {pod}");
    }
    stage.end().await;
}

/// The first plugin at Bind that does not skip a pod binds it.
///
/// Upstream: TestBindPlugin, v1.37.
async fn bind(cluster: &Cluster) {
    let by_itself = json!({"bind": cluster.kubeconfig});
    let first = json!([
        {"at": "Bind", "pods": ["by-default", "by-second"], "say": "skip"},
        {"at": "Bind", "pods": ["by-first"], "say": by_itself},
        {"at": "Bind", "pods": ["fails"], "say": {"fail": "failed to bind"}},
    ]);
    let second = json!([
        {"at": "Bind", "pods": ["by-default"], "say": "skip"},
        {"at": "Bind", "say": by_itself},
    ]);
    let profile = Profile::usual()
        .without("multiPoint", &["DefaultBinder"])
        .at("reserve", &["Scripted3"])
        .at("bind", &["Scripted1", "Scripted2", "DefaultBinder"])
        .without("bind", &["DefaultBinder"])
        .at("postBind", &["Scripted4"])
        .rules("Scripted1", &first)
        .rules("Scripted2", &second)
        .rules("Scripted3", &json!([]))
        .rules("Scripted4", &json!([]));
    let stage = Setting::new().profile(profile).nodes(2).start(cluster).await;
    let points = ["Bind", "PostBind", "Unreserve"];
    for (pod, binder, asked) in [
        ("by-default", None, &["Scripted1 Bind", "Scripted2 Bind"][..]),
        ("by-second", Some("Scripted2"), &["Scripted1 Bind", "Scripted2 Bind"]),
        ("by-first", Some("Scripted1"), &["Scripted1 Bind"]),
    ] {
        stage.pod(pod).await;
        stage.scheduled(pod).await;
        stage.called_in_order(&points, pod, &[asked, &["Scripted4 PostBind"]].concat()).await;
        let bound = stage.get(pod).await.expect("the pod is there");
        assert_eq!(bound["metadata"]["annotations"][BOUND_BY].as_str(), binder, "{pod}");
    }
    stage.pod("fails").await;
    let why = stage.turned_down("fails", "SchedulerError").await;
    assert!(why.contains("running Bind plugin \"Scripted1\": failed to bind"), "{why}");
    stage.called_in_order(&points, "fails", &["Scripted1 Bind", "Scripted3 Unreserve"]).await;
    stage.end().await;
}

/// Where all plugins at Bind skip a pod it is not bound.
///
/// Upstream: TestBindPlugin, "all bind plugins will be skipped", v1.37.
async fn nobody_binds(cluster: &Cluster) {
    let skip = json!([{"at": "Bind", "say": "skip"}]);
    let profile = Profile::usual()
        .without("multiPoint", &["DefaultBinder"])
        .at("reserve", &["Scripted3"])
        .at("bind", &["Scripted1", "Scripted2"])
        .at("postBind", &["Scripted4"])
        .rules("Scripted1", &skip)
        .rules("Scripted2", &skip)
        .rules("Scripted3", &json!([]))
        .rules("Scripted4", &json!([]));
    let stage = Setting::new().profile(profile).nodes(2).start(cluster).await;
    stage.pod("test-pod").await;
    stage.turned_down("test-pod", "SchedulerError").await;
    let wanted = ["Scripted1 Bind", "Scripted2 Bind", "Scripted3 Unreserve"];
    stage.called_in_order(&["Bind", "PostBind", "Unreserve"], "test-pod", &wanted).await;
    stage.end().await;
}

/// A plugin at PostBind is told of pods that are bound, and of no others.
///
/// Upstream: TestPostBindPlugin, v1.37.
async fn post_bind(cluster: &Cluster) {
    let rules = json!([{"at": "PreBind", "pods": ["fails"], "say": {"fail": "injecting failure"}}]);
    let profile = Profile::usual()
        .at("preBind", &["Scripted1"])
        .at("postBind", &["Scripted2"])
        .rules("Scripted1", &rules)
        .rules("Scripted2", &json!([]));
    let stage = Setting::new().profile(profile).nodes(2).start(cluster).await;
    stage.pod("fails").await;
    stage.turned_down("fails", "SchedulerError").await;
    stage.pod("passes").await;
    stage.scheduled("passes").await;
    stage.called("Scripted2", "PostBind", "passes", 1).await;
    assert!(stage.calls("Scripted2", "PostBind", "fails").is_empty());
    stage.end().await;
}
