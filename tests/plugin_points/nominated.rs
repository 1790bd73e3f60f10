//! When a pod says which node it is about to get: at Permit, at PreBind, and after a restart.

use kube::Client;
use serde_json::{Value, json};

use crate::runner::{Test, tests};
use crate::stage::{Cluster, Profile, Setting, Stage, node};
use crate::support::cutter::{Cutter, Verb};
use crate::support::rest::node_of;

pub(crate) const TESTS: &[Test] =
    tests![nominated_before_prebind_and_permit, cleared_where_prebind_fails, kept_by_a_restart];

/// How long pods wait at Permit, in milliseconds.
const LONG_WAIT: u64 = 120_000;
/// What nominates a pod that is about to be bound.
const GATE: &str = "NominatedNodeNameForExpectation";

fn nomination(pod: &Value) -> Option<&str> {
    pod["status"]["nominatedNodeName"].as_str()
}

/// Waits until a pod is nominated to this node, or to none.
async fn nominated(stage: &Stage, pod: &str, to: Option<&str>) {
    let look = async || (nomination(&stage.get(pod).await?) == to).then_some(());
    stage.berth.wait_for(&format!("{pod} to be nominated to {to:?}"), look).await;
}

/// A pod that a plugin holds up at PreBind or Permit is nominated to its node; with the gate off it is not, nor is
/// one that nothing holds up.
///
/// Upstream: TestNominatedNodeNameIsSetBeforePreBindAndWaitOnPermit, v1.37.
async fn nominated_before_prebind_and_permit(cluster: &Cluster) {
    let client: Client = cluster.rest.0.clone();
    for enabled in [true, false] {
        let cutter = Cutter::start(client.clone(), None).await;
        let cut = Cluster { rest: cluster.rest.clone(), kubeconfig: cutter.kubeconfig() };
        let setting = Setting::new();
        let rules = json!([
            {"at": "Permit", "pods": ["permit-waits"], "say": {"wait": LONG_WAIT}},
            {"at": "PreBind", "pods": ["prebind-works"], "takes_until": setting.file("go")},
            {"at": "PreBind", "say": "skip"},
        ]);
        let profile = Profile::usual()
            .at("permit", &["Scripted1"])
            .at("preBind", &["Scripted1"])
            .rules("Scripted1", &rules);
        let flag = format!("--feature-gates={GATE}={enabled}");
        // Nobody is asked anything about this one.
        let plain = Profile::named("plain");
        let setting = setting.profile(profile).profile(plain).flag(&flag).nodes(1);
        let stage = setting.start(&cut).await;
        for (pod, point) in [("permit-waits", "Permit"), ("prebind-works", "PreBind")] {
            stage.pod(pod).await;
            stage.called("Scripted1", point, pod, 1).await;
            if enabled {
                nominated(&stage, pod, Some("test-node-0")).await;
            }
        }
        stage.pod("permitted").await;
        stage.pod_with("plain", &json!({"schedulerName": "plain"})).await;
        for pod in ["permitted", "plain"] {
            stage.scheduled(pod).await;
        }
        stage.make_file("go");
        stage.scheduled("prebind-works").await;
        let waits = stage.get("permit-waits").await.expect("nobody deletes it");
        assert_eq!(node_of(&waits), None);
        assert_eq!(nomination(&waits).is_some(), enabled, "{waits}");
        stage.end().await;
        for (pod, once) in
            [("permit-waits", 1), ("prebind-works", 1), ("permitted", 0), ("plain", 0)]
        {
            let path = format!("/pods/{pod}/status");
            let written = cutter.asked_for(Verb::Condition, &path).len();
            assert_eq!(written, if enabled { once } else { 0 }, "{pod}, {enabled}");
        }
        cluster.clean().await;
    }
}

/// A pod that others made way for loses its nomination when a plugin turns it down at PreBind.
///
/// Upstream: TestNominatedNode, v1.37, the case that fails on PreBind.
async fn cleared_where_prebind_fails(cluster: &Cluster) {
    let rules = json!([{"at": "PreBind", "pods": ["medium"], "say": {"reject": "always"}}]);
    let profile = Profile::usual().at("preBind", &["Scripted1"]).rules("Scripted1", &rules);
    let one_core = node("fake-node", &json!({"cpu": "1", "memory": "1Gi", "pods": "32"}));
    let stage = Setting::new().profile(profile).node(one_core).start(cluster).await;
    for (pod, priority) in [("low", 100), ("medium", 200)] {
        let resources = json!({"requests": {"cpu": "1"}});
        let container = json!({"name": "c", "image": "example.com/c:1", "resources": resources});
        let spec = json!({"priority": priority, "containers": [container]});
        stage.pod_with(pod, &spec).await;
        if pod == "low" {
            stage.scheduled(pod).await;
        }
    }
    nominated(&stage, "medium", Some("fake-node")).await;
    let now = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0});
    let path = Stage::path("low");
    let gone = stage.rest.send(http::Method::DELETE, &path, "application/json", Some(&now)).await;
    gone.expect("the victim was going");
    stage.called("Scripted1", "PreBind", "medium", 1).await;
    nominated(&stage, "medium", None).await;
    stage.end().await;
}

/// What a pod was nominated to before berth ended is kept for it: one that is looked at first goes elsewhere.
///
/// Upstream: TestSchedulerRestartWithNominatedNode, v1.37, where a plugin at QueueSort has that one looked at
/// first; here it is listed first.
async fn kept_by_a_restart(cluster: &Cluster) {
    let preferred = node("node-preferred", &json!({"cpu": "4", "memory": "4Gi", "pods": "1"}));
    let mut other = node("node-other", &json!({"cpu": "4", "memory": "4Gi", "pods": "32"}));
    other["spec"] = json!({"taints": [{"key": "foo", "effect": "PreferNoSchedule"}]});
    let setting = Setting::new();
    let rules = json!([{"at": "PreBind", "takes_until": setting.file("go")}]);
    let profile = || Profile::usual().at("preBind", &["Scripted1"]);
    let setting = setting.profile(profile().rules("Scripted1", &rules));
    let stage = setting.node(preferred).node(other).start(cluster).await;
    stage.pod("the-nominated").await;
    nominated(&stage, "the-nominated", Some("node-preferred")).await;
    stage.berth.kill();
    stage.berth.exit().await;
    let pod = stage.get("the-nominated").await.expect("nobody deletes it");
    assert_eq!((nomination(&pod), node_of(&pod)), (Some("node-preferred"), None));

    stage.pod("another").await;
    let stage = Setting::new().profile(profile()).start(cluster).await;
    assert_eq!(stage.scheduled("the-nominated").await, "node-preferred");
    assert_eq!(stage.scheduled("another").await, "node-other");
    let first = stage.berth.decisions()[0].clone();
    assert_eq!(first["pod"], "default/another", "{first}");
    stage.end().await;
}
