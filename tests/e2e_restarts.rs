//! Ends and new beginnings on both API servers: berth stopped in the middle of its work, stopped at
//! once, and at work while the API server goes away and comes back. That last one is for kube-apiserver
//! alone: `berth apiserver` forgets everything when it ends.

mod support;

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use serde_json::Value;

use support::accounts;
use support::berth::Berth;
use support::control_plane::{ControlPlane, Server};
use support::on_both_servers;
use support::plain::{CREATED_AT_ONCE, PODS_A_NODE, bound, create_nodes, create_pods, places};
use support::proxy::Action;
use support::rest::{NODES, Rest, node_of};
use support::scene::Scene;

on_both_servers! {
    a_stop_in_the_middle_finishes_what_was_decided_and_the_next_run_does_the_rest,
    a_second_signal_ends_it_at_once,
    a_kill_in_the_middle_loses_nothing_and_overfills_nothing,
}

async fn a_stop_in_the_middle_finishes_what_was_decided_and_the_next_run_does_the_rest(
    server: Server,
) {
    const PODS: usize = 300;
    const PASSED: usize = 100;
    let Some(mut scene) = Scene::start_on(server, "stop").await else { return };
    // Room for exactly all of them.
    for i in 0..30 {
        scene.add_node(&format!("n{i}"), "1").await;
    }
    // The rest waits at the door, so that berth is surely in the middle when it is stopped.
    scene.proxy.decide(|ask| if ask.number <= PASSED { Action::Pass } else { Action::Hold });
    let names: Vec<_> = (0..PODS).map(|i| format!("p{i}")).collect();
    let all = stream::iter(&names);
    all.for_each_concurrent(CREATED_AT_ONCE, async |name| scene.add_pod(name, "100m").await).await;
    let held = async || (scene.proxy.asked().len() > PASSED).then_some(());
    scene.berth.wait_for("a Binding at the door", held).await;

    scene.berth.ask_to_stop();
    scene.berth.wait_for_log("stopping").await;
    scene.proxy.release_all();
    let status = scene.berth.exit().await;
    let log = scene.berth.log();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.trim_end().ends_with("stopped"), "{log}");
    let on = places(&scene.pods().await);
    let decided = decided(&scene.berth.decisions());
    assert!(decided.len() >= PASSED && decided.len() < PODS, "{} were decided", decided.len());
    assert_eq!(decided, on, "what was decided is bound, and nothing else");

    scene.start_another_berth();
    let left = async || (places(&scene.pods().await).len() == PODS).then_some(());
    scene.berth.wait_for("all pods on nodes", left).await;
    let (first, last) = (on, places(&scene.pods().await));
    assert!(first.iter().all(|(pod, node)| last.get(pod) == Some(node)), "{first:?} {last:?}");
    scene.end().await;
}

async fn a_second_signal_ends_it_at_once(server: Server) {
    let Some(scene) = Scene::start_on(server, "stop-now").await else { return };
    scene.add_node("n1", "1").await;
    scene.proxy.decide(|_| Action::Hold);
    scene.add_pod("held", "1").await;
    scene.asked("held", 1).await;
    scene.berth.ask_to_stop();
    scene.berth.wait_for_log("stopping").await;
    scene.berth.ask_to_stop();
    let status = scene.berth.exit().await;
    let log = scene.berth.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("stopped at once"), "{log}");
    let pod = scene.read_pod("held").await.expect("nobody deletes it");
    assert_eq!(node_of(&pod), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_api_server_is_survived() {
    const PODS: usize = 300;
    let Some(mut plane) = ControlPlane::start("an_outage_of_the_api_server_is_survived").await
    else {
        return;
    };
    let rest = Rest(plane.client().await);
    create_nodes(&rest, 20).await;
    create_pods(&rest, 0..PODS).await;
    // Slow enough that there is a middle.
    let flags = ["--kube-api-qps", "50", "--kube-api-burst", "10"];
    let berth = Berth::start(&plane.kubeconfig(), "berth", &flags);
    let begun = async || (bound(&rest).await.len() >= 20).then_some(());
    berth.wait_for("some pods on nodes", begun).await;
    plane.stop_apiserver();
    plane.start_apiserver().await;
    // What comes after the outage is seen, too.
    create_pods(&rest, PODS..PODS + 20).await;
    let all = async || (bound(&rest).await.len() == PODS + 20).then_some(());
    berth.wait_for("all pods on nodes", all).await;
    berth.stop().await;

    let nodes = rest.list(NODES, "Node").await;
    let pods = bound(&rest).await;
    assert_eq!(accounts::overfull(&nodes, &pods), Vec::<String>::new());
    assert_eq!(decided(&berth.decisions()), places(&pods));
}

async fn a_kill_in_the_middle_loses_nothing_and_overfills_nothing(server: Server) {
    const PODS: usize = 1000;
    let test = "a_kill_in_the_middle_loses_nothing_and_overfills_nothing";
    let Some(plane) = ControlPlane::start_on(server, test).await else { return };
    let rest = Rest(plane.client().await);
    // 16 pods a node: little more room than there are pods.
    create_nodes(&rest, PODS.div_ceil(PODS_A_NODE)).await;
    create_pods(&rest, 0..PODS).await;
    let flags = ["--kube-api-qps", "200", "--kube-api-burst", "10"];
    let berth = Berth::start(&plane.kubeconfig(), "berth", &flags);
    let begun = async || (bound(&rest).await.len() >= 200).then_some(());
    berth.wait_for("some pods on nodes", begun).await;
    berth.kill();
    assert!(!berth.exit().await.success());
    let before = places(&bound(&rest).await);
    assert!(before.len() < PODS, "it was killed in the middle");

    let berth = Berth::start(&plane.kubeconfig(), "berth", &["--kube-api-qps", "5000"]);
    let all = async || (bound(&rest).await.len() == PODS).then_some(());
    berth.wait_for("all pods on nodes", all).await;
    berth.stop().await;
    let nodes = rest.list(NODES, "Node").await;
    let pods = bound(&rest).await;
    assert_eq!(accounts::overfull(&nodes, &pods), Vec::<String>::new());
    let after = places(&pods);
    assert!(before.iter().all(|(pod, node)| after.get(pod) == Some(node)), "none moved");
}

/// Where pods were last meant to go and were not taken back from.
fn decided(decisions: &[Value]) -> BTreeMap<String, String> {
    let mut decided = BTreeMap::new();
    for decision in decisions {
        let pod = decision["pod"].as_str().unwrap_or_default().to_owned();
        if let Some(node) = decision["node"].as_str() {
            decided.insert(pod, node.to_owned());
        } else if decision.get("forgotten").is_some() {
            decided.remove(&pod);
        }
    }
    decided
}
