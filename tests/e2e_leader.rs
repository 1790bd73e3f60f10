//! Two berths for the same pods on the real API server: one leads. It is killed, stopped, cut off from the API
//! server, and the Lease is deleted, edited and forbidden.
//!
//! How long each of these may take is asserted where time is virtual: in `src/client/lease/simulation.rs`.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use support::accounts;
use support::berth::Berth;
use support::control_plane::ControlPlane;
use support::endpoint::start_secure;
use support::plain::{PODS_A_NODE, bound, create_nodes, create_pods, places};
use support::process::Process;
use support::proxy::{Action, Proxy};
use support::rest::{NODES, Rest};
use support::{require, upstream};

/// Where the Leases of schedulers are.
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
/// Shorter than the defaults, and long enough for a machine that has much else to do.
const ELECTION: [&str; 4] = [
    "--leader-elect",
    "--leader-elect-lease-duration=8s",
    "--leader-elect-renew-deadline=5s",
    "--leader-elect-retry-period=1s",
];
/// What a leader logs.
const LEADS: &str = "this berth leads";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_is_killed_and_the_other_one_does_the_rest() {
    const PODS: usize = 1_200;
    let test = "a_leader_is_killed_and_the_other_one_does_the_rest";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let rest = Rest(plane.client().await);
    // 16 pods a node: room for all and hardly more.
    create_nodes(&rest, PODS.div_ceil(PODS_A_NODE)).await;
    create_pods(&rest, 0..PODS).await;
    // Slow enough that there is a middle.
    let first = start(&plane.kubeconfig(), &["--kube-api-qps", "200", "--kube-api-burst", "10"]);
    first.wait_for_log(LEADS).await;
    let second = start(&plane.kubeconfig(), &[]);
    second.wait_for_log("standing by").await;
    let begun = async || (bound(&rest).await.len() >= 200).then_some(());
    first.wait_for("some pods on nodes", begun).await;
    first.kill();
    assert!(!first.exit().await.success());
    let before = places(&bound(&rest).await);
    assert!(before.len() < PODS, "it was killed in the middle");
    assert_eq!(second.decisions(), Vec::<Value>::new(), "it was not its turn yet");

    second.wait_for_log(LEADS).await;
    let all = async || (bound(&rest).await.len() == PODS).then_some(());
    second.wait_for("all pods on nodes", all).await;
    assert_eq!(lease(&rest).await["spec"]["leaseTransitions"], 1);
    second.stop().await;
    let (nodes, pods) = (rest.list(NODES, "Node").await, bound(&rest).await);
    assert_eq!(accounts::overfull(&nodes, &pods), Vec::<String>::new());
    let after = places(&pods);
    assert!(before.iter().all(|(pod, node)| after.get(pod) == Some(node)), "none moved");
    let again: Vec<_> = decided(&second).into_iter().filter(|p| before.contains_key(p)).collect();
    assert_eq!(again, Vec::<String>::new(), "nothing is placed twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_stopped_hands_over_in_order() {
    let test = "a_leader_that_is_stopped_hands_over_in_order";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let rest = Rest(plane.client().await);
    create_nodes(&rest, 4).await;
    let first = start(&plane.kubeconfig(), &[]);
    first.wait_for_log(LEADS).await;
    let second = start(&plane.kubeconfig(), &[]);
    second.wait_for_log("standing by").await;
    create_pods(&rest, 0..20).await;
    let all = async |count| (bound(&rest).await.len() == count).then_some(());
    first.wait_for("all pods on nodes", async || all(20).await).await;
    let held = lease(&rest).await;
    first.stop().await;
    assert!(first.log().contains("the lease kube-system/berth is given up"), "{}", first.log());
    assert!(events_of_the_lease(&rest).await.contains(&said(&held, "stopped leading")));

    second.wait_for_log(LEADS).await;
    create_pods(&rest, 20..40).await;
    second.wait_for("all pods on nodes", async || all(40).await).await;
    let taken = lease(&rest).await;
    assert_ne!(taken["spec"]["holderIdentity"], held["spec"]["holderIdentity"]);
    assert_eq!(taken["spec"]["leaseTransitions"], 1);
    let said_by_both = [said(&held, "became leader"), said(&taken, "became leader")];
    let both = async || {
        let notes = events_of_the_lease(&rest).await;
        said_by_both.iter().all(|note| notes.contains(note)).then_some(())
    };
    second.wait_for("both events", both).await;

    second.stop().await;
    let mut notes = events_of_the_lease(&rest).await;
    notes.sort_unstable();
    let of = |lease| [said(lease, "became leader"), said(lease, "stopped leading")];
    let mut all = [of(&held), of(&taken)].concat();
    all.sort_unstable();
    assert_eq!(notes, all, "each is reported once");
    let free = lease(&rest).await;
    assert_eq!(free["spec"]["holderIdentity"], "");
    assert_eq!(free["spec"]["leaseDurationSeconds"], 1);
    assert_eq!(free["spec"]["leaseTransitions"], 1);
    assert_eq!(free["spec"]["acquireTime"], free["spec"]["renewTime"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_without_api_server_ends_and_nothing_of_it_comes_late() {
    const PODS: usize = 300;
    const PASSED: usize = 100;
    let test = "a_leader_without_api_server_ends_and_nothing_of_it_comes_late";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let client = plane.client().await;
    let rest = Rest(client.clone());
    create_nodes(&rest, PODS.div_ceil(PODS_A_NODE)).await;
    let (proxy, other) = (Proxy::start(client.clone()).await, Proxy::start(client).await);
    proxy.decide(|ask| if ask.number <= PASSED { Action::Pass } else { Action::Hold });
    other.decide(|_| Action::Hold);
    let first = start(&proxy.kubeconfig(), &[]);
    first.wait_for_log(LEADS).await;
    let second = start(&other.kubeconfig(), &[]);
    second.wait_for_log("standing by").await;
    create_pods(&rest, 0..PODS).await;
    let at_the_door = async || (proxy.asked().len() > PASSED).then_some(());
    first.wait_for("a Binding at the door", at_the_door).await;
    let passed = async || (bound(&rest).await.len() == PASSED).then_some(());
    first.wait_for("the first pods on nodes", passed).await;

    proxy.cut_off();
    let status = first.exit().await;
    assert_eq!(status.code(), Some(1), "{}", first.log());
    assert!(first.log().contains("leaderelection lost"), "{}", first.log());
    // Whatever of it is still on the way may land from here on.
    proxy.release_all();
    proxy.restore();
    let asks = async || (!other.asked().is_empty()).then_some(());
    second.wait_for("a Binding of the other one", asks).await;
    let before = places(&bound(&rest).await);
    assert_eq!(before.len(), PASSED, "a Binding of the old leader came late");

    other.release_all();
    let all = async || (bound(&rest).await.len() == PODS).then_some(());
    second.wait_for("all pods on nodes", all).await;
    second.stop().await;
    let (nodes, pods) = (rest.list(NODES, "Node").await, bound(&rest).await);
    assert_eq!(accounts::overfull(&nodes, &pods), Vec::<String>::new());
    assert!(decided(&second).iter().all(|pod| !before.contains_key(pod)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_others_delete_or_edit_is_no_trouble() {
    let test = "a_lease_that_others_delete_or_edit_is_no_trouble";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let rest = Rest(plane.client().await);
    create_nodes(&rest, 1).await;
    let path = format!("{LEASES}/berth");
    // Half of it is nonsense, and it names nobody.
    let nonsense = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "berth", "labels": {"team": "a"}}, "spec": {"leaseTransitions": 7},
    });
    rest.create(LEASES, &nonsense).await;
    let first = start(&plane.kubeconfig(), &[]);
    first.wait_for_log(LEADS).await;
    let held = lease(&rest).await;
    assert_eq!(held["spec"]["leaseTransitions"], 8);
    assert_eq!(held["metadata"]["labels"], json!({"team": "a"}), "what is not its own stays");

    // Somebody is faster with a change that means nothing.
    rest.patch(&path, &json!({"metadata": {"labels": {"team": "b"}}})).await;
    let renewed = async || {
        let now = lease(&rest).await;
        let later = now["spec"]["renewTime"].as_str() > held["spec"]["renewTime"].as_str();
        later.then_some(now)
    };
    let renewed = first.wait_for("a renewal", renewed).await;
    assert_eq!(renewed["spec"]["acquireTime"], held["spec"]["acquireTime"]);
    assert_eq!(renewed["metadata"]["labels"], json!({"team": "b"}));

    rest.delete(&path).await;
    let again = async || rest.get(&path).await;
    let again = first.wait_for("the Lease again", again).await;
    assert_eq!(again["spec"]["holderIdentity"], held["spec"]["holderIdentity"]);
    create_pods(&rest, 0..1).await;
    let one = async || (bound(&rest).await.len() == 1).then_some(());
    first.wait_for("the pod on a node", one).await;

    // Somebody else holds it, so it ends; and that one never renews it.
    let other = json!({"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 1}});
    rest.patch(&path, &other).await;
    let status = first.exit().await;
    assert_eq!(status.code(), Some(1), "{}", first.log());
    let lost = "leaderelection lost: somebody holds the lease";
    assert!(first.log().contains(lost), "{}", first.log());
    let second = start(&plane.kubeconfig(), &[]);
    second.wait_for_log(LEADS).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lease_is_made_as_kube_scheduler_makes_its_own() {
    let test = "the_lease_is_made_as_kube_scheduler_makes_its_own";
    let program = upstream::binary("kube-scheduler");
    let Some(program) = require(test, "kube-scheduler", program) else { return };
    let Some(plane) = ControlPlane::start(test).await else { return };
    let rest = Rest(plane.client().await);
    let folder = tempfile::tempdir().expect("a folder for the log can be made");
    let mut command = std::process::Command::new(program);
    command.arg("--kubeconfig").arg(plane.kubeconfig());
    command.args(["--authentication-kubeconfig="]).args(["--secure-port", "0"]);
    let theirs = Process::spawn(&mut command, &folder.path().join("log"));
    let _theirs = theirs.expect("kube-scheduler can be started");
    let defaults = ["--leader-elect"];
    let ours = Berth::start(&plane.kubeconfig(), "berth", &defaults);
    ours.wait_for_log(LEADS).await;
    let theirs = async || rest.get(&format!("{LEASES}/kube-scheduler")).await;
    let theirs = ours.wait_for("the Lease of kube-scheduler", theirs).await;
    let ours_now = lease(&rest).await;
    assert_eq!(shape(&ours_now), shape(&theirs));
    for field in ["leaseDurationSeconds", "leaseTransitions"] {
        assert_eq!(ours_now["spec"][field], theirs["spec"][field], "{field}");
    }
    ours.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stands_by_is_ready_and_says_that_it_does_not_lead() {
    let test = "one_that_stands_by_is_ready_and_says_that_it_does_not_lead";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let first = start_secure(&plane.kubeconfig(), "berth", &ELECTION).await;
    first.0.wait_for_log(LEADS).await;
    let second = start_secure(&plane.kubeconfig(), "berth", &ELECTION).await;
    second.0.wait_for_log("standing by").await;
    for ((berth, endpoint), status) in [(&first, 1), (&second, 0)] {
        let passes = async || {
            let (code, checks) = endpoint.get("/readyz?verbose").await?;
            (code == 200).then_some(checks)
        };
        let checks = berth.wait_for("readiness", passes).await;
        assert!(checks.contains("[+]leaderElection ok"), "{checks}");
        for path in ["/healthz/leaderElection", "/livez/leaderElection"] {
            assert_eq!(endpoint.get(path).await, Some((200, "ok".to_owned())), "{path}");
        }
        let (_, metrics) = endpoint.get("/metrics").await.expect("it is served");
        let line = format!("leader_election_master_status{{name=\"berth\"}} {status}");
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
        assert!(metrics.contains("leader_election_slowpath_total{name=\"berth\"} 0"), "{metrics}");
    }
    second.0.stop().await;
    first.0.stop().await;
}

/// A berth that stands for election.
fn start(kubeconfig: &Path, flags: &[&str]) -> Berth {
    let flags: Vec<_> = ELECTION.iter().chain(flags).copied().collect();
    Berth::start(kubeconfig, "berth", &flags)
}

/// The Lease of berth.
async fn lease(rest: &Rest) -> Value {
    rest.get(&format!("{LEASES}/berth")).await.expect("somebody has made it")
}

/// What a Lease has, with every letter and digit of its texts blanked; the UUID of an identity has no fixed
/// length in common with the host.
fn shape(lease: &Value) -> BTreeMap<String, String> {
    let mut shape = BTreeMap::new();
    for part in ["metadata", "spec"] {
        for (key, value) in lease[part].as_object().into_iter().flatten() {
            let blank = |c: char| if c.is_ascii_alphanumeric() { '#' } else { c };
            let text = match (key.as_str(), value) {
                // They differ, and say who writes with which client.
                ("name" | "uid" | "resourceVersion" | "managedFields", _) => String::new(),
                ("holderIdentity", Value::String(text)) => {
                    let (host, id) = text.rsplit_once('_').expect("a host and a UUID");
                    format!("{host} {}", id.chars().map(blank).collect::<String>())
                }
                (_, Value::String(text)) => text.chars().map(blank).collect(),
                (_, other) => other.to_string(),
            };
            shape.insert(format!("{part}.{key}"), text);
        }
    }
    shape
}

/// What the Event says in which the holder of a lease reports what it did.
fn said(lease: &Value, what: &str) -> String {
    let holder = lease["spec"]["holderIdentity"].as_str().expect("somebody holds it");
    format!("{holder} {what}")
}

/// What the Events about berth's Lease say.
async fn events_of_the_lease(rest: &Rest) -> Vec<String> {
    let events = rest.events("kube-system").await;
    let of_lease = events.iter().filter(|event| {
        event["reason"] == "LeaderElection" && event["regarding"]["name"] == "berth"
    });
    of_lease.filter_map(|event| event["note"].as_str().map(ToOwned::to_owned)).collect()
}

/// Pods that a berth has decided to put somewhere.
fn decided(berth: &Berth) -> Vec<String> {
    let decisions = berth.decisions();
    let placed = decisions.iter().filter(|decision| decision.get("node").is_some());
    placed.filter_map(|decision| decision["pod"].as_str().map(ToOwned::to_owned)).collect()
}
