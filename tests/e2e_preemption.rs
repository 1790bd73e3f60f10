//! Preemption on both API servers: victims are deleted, the node is kept for the pod that they make way
//! for, and it is bound there once they are gone; a pod that a disruption budget protects is spared.

mod support;

use serde_json::{Value, json};

use support::control_plane::Server;
use support::controllers::kubelets;
use support::on_both_servers;
use support::rest::{PRIORITY_CLASSES, priority_class};
use support::scene::Scene;

const SCENE: &str = "preempting";
const BUDGETS: &str = "/apis/policy/v1/namespaces/preempting/poddisruptionbudgets";

on_both_servers! {
    a_pod_of_higher_priority_takes_a_place,
}

async fn a_pod_of_higher_priority_takes_a_place(server: Server) {
    let Some(scene) = Scene::start_on(server, SCENE).await else { return };
    scene.rest.create(PRIORITY_CLASSES, &priority_class("preempting-urgent", 1000)).await;
    scene.rest.create(BUDGETS, &budget("kept")).await;
    for name in ["a", "b"] {
        scene.add_node(name, "1").await;
    }
    for name in ["kept", "other"] {
        scene.create_pod(&scene.patient_pod(name)).await;
    }
    let (kept_on, other_on) = (scene.bound("kept").await, scene.bound("other").await);
    assert_ne!(kept_on, other_on, "there is room for one on each");

    let mut urgent = scene.patient_pod("urgent");
    urgent["spec"]["priorityClassName"] = json!("preempting-urgent");
    scene.create_pod(&urgent).await;
    let nominated = async || {
        let pod = scene.read_pod("urgent").await?;
        let node = pod["status"]["nominatedNodeName"].as_str()?.to_owned();
        let victim = scene.read_pod("other").await?;
        (!victim["metadata"]["deletionTimestamp"].is_null()).then_some((pod, node))
    };
    let (urgent, node) = scene.berth.wait_for("a nomination and a victim", nominated).await;
    assert_eq!(node, other_on, "a budget protects the other one");
    let message = scene.unschedulable("urgent").await;
    let found = format!("found a potential placement for pod on node {other_on}, preempting 1");
    let waits = "not eligible due to a terminating pod on the nominated node.";
    assert!(message.contains(&found) || message.contains(waits), "{message}");

    let victim = scene.read_pod("other").await.expect("it is still going");
    let conditions = victim["status"]["conditions"].as_array().expect("it has some");
    let disrupted = conditions.iter().find(|of| of["type"] == "DisruptionTarget");
    let disrupted = disrupted.expect("it is said why it goes");
    assert_eq!(disrupted["reason"], "PreemptionByScheduler", "{disrupted}");
    let why = "berth-preempting: preempting to accommodate a higher priority pod";
    assert_eq!(disrupted["message"], why, "{disrupted}");
    assert_eq!(victim["metadata"]["deletionGracePeriodSeconds"], 30, "its own grace period");

    // Nobody has finished the victim so far: kubelets do.
    let _kubelets = kubelets(&scene.proxy.kubeconfig());
    assert_eq!(scene.bound("urgent").await, other_on);
    let gone = async || scene.read_pod("other").await.is_none().then_some(());
    scene.berth.wait_for("the victim to be gone", gone).await;
    let kept = scene.read_pod("kept").await.expect("it is spared");
    assert!(kept["metadata"]["deletionTimestamp"].is_null(), "{kept}");
    let uid = urgent["metadata"]["uid"].as_str().expect("it has one");
    let text = format!("Preempted by pod {uid} on node {other_on}");
    let noted = async || (scene.notes("other", "Preempted").await == [text.clone()]).then_some(());
    scene.berth.wait_for("the Event on the victim", noted).await;
    scene.reported("urgent", &other_on).await;
    scene.end().await;
}

/// A budget that allows no disruption: nobody has counted its pods yet.
fn budget(app: &str) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": app, "namespace": SCENE},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": app}}},
    })
}
