//! A whole run of berth on both API servers, with 500 nodes and 2,000 pods of all kinds, audited from
//! outside: every pod that fits is bound, no node is overfull, what is written says so, and the upstream
//! scheduler, asked about every decision in its turn, would have taken one of the same nodes.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures::{StreamExt, stream};
use serde_json::{Value, json};

use support::berth::Berth;
use support::control_plane::{ControlPlane, Server};
use support::mixed::{self, Fate, NAMESPACE};
use support::oracle::Oracle;
use support::rest::{NODES, Rest, node_of, pods_path, scheduled_condition};
use support::{accounts, on_both_servers, say};

/// Objects created at the same time.
const CREATED_AT_ONCE: usize = 24;
/// Pods that are bound before the first gate is taken away, at least.
const BOUND_BEFORE_UNGATING: usize = 500;

on_both_servers! {
    a_mixed_cluster_is_scheduled_as_upstream_would,
}

async fn a_mixed_cluster_is_scheduled_as_upstream_would(server: Server) {
    let test = "a_mixed_cluster_is_scheduled_as_upstream_would";
    let Some(mut oracle) = Oracle::start(test) else { return };
    let Some(plane) = ControlPlane::start_on(server, test).await else { return };
    let rest = Rest(plane.client().await);
    create_nodes(&rest).await;
    let nodes = without_managed_fields(rest.list(NODES, "Node").await);
    assert_eq!(nodes.len(), mixed::NODES);

    let start = Instant::now();
    let berth = Berth::start(&plane.kubeconfig(), "berth", &[]);
    let mut created = create_pods(&rest).await;
    ungate(&rest, &berth, &mut created).await;
    everything_is_decided(&rest, &berth).await;
    let bound_after = start.elapsed();
    everything_is_reported(&rest, &berth).await;
    // It writes all that it still has to say first.
    berth.stop().await;

    let events = rest.events(NAMESPACE).await;
    let pods = rest.list(&pods_path(NAMESPACE), "Pod").await;
    assert_eq!(pods.len(), mixed::PODS);
    assert_eq!(accounts::overfull(&nodes, &pods), Vec::<String>::new());
    each_pod_met_its_fate(&pods);
    events_tell_what_happened(&pods, &events);
    let placements = placements(&berth.decisions(), &pods);
    let answer = replay(&mut oracle, nodes, &created, &placements);
    say(&format!(
        "{test}: {} pods placed on {} nodes in {:.1} s, {} events; upstream agrees {}, disagrees {}",
        placements.len(),
        placements.iter().map(|(_, node)| node).collect::<BTreeSet<_>>().len(),
        bound_after.as_secs_f64(),
        events.len(),
        answer["agree"],
        answer["disagree"],
    ));
    assert_eq!(answer["agree"], mixed::PODS - mixed::MISFITS, "{}", first_pods(&answer));
    assert!(answer["disagree"].is_null(), "{}", first_pods(&answer));
}

async fn create_nodes(rest: &Rest) {
    let all = stream::iter(mixed::nodes());
    all.for_each_concurrent(CREATED_AT_ONCE, async |node| drop(rest.create(NODES, &node).await))
        .await;
}

/// Creates all pods; returns what the API server made of them, by name. None has a node then.
async fn create_pods(rest: &Rest) -> BTreeMap<String, Value> {
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    rest.create("/api/v1/namespaces", &namespace).await;
    let path = pods_path(NAMESPACE);
    let create = async |(pod, _): (Value, Fate)| rest.create(&path, &pod).await;
    let all = stream::iter(mixed::pods()).map(create).buffer_unordered(CREATED_AT_ONCE);
    let all: Vec<Value> = all.collect().await;
    without_managed_fields(all).into_iter().map(|pod| (name(&pod).to_owned(), pod)).collect()
}

/// Takes the gates away in the middle of the run, and keeps the pods as they are then in `created`.
async fn ungate(rest: &Rest, berth: &Berth, created: &mut BTreeMap<String, Value>) {
    let unbound = async || {
        let left = unbound(rest).await.len();
        (left + BOUND_BEFORE_UNGATING <= mixed::PODS).then_some(left)
    };
    berth.wait_for("a part of the pods on nodes", unbound).await;
    for (pod, fate) in mixed::pods() {
        if fate == Fate::FitsOnceUngated {
            let path = format!("{}/{}", pods_path(NAMESPACE), name(&pod));
            let gated = rest.get(&path).await.expect("nobody deletes pods here");
            assert_eq!(node_of(&gated), None, "{} is on a node", name(&pod));
            assert_eq!(scheduled_condition(&gated)["reason"], "SchedulingGated");
            let no_gates = json!({"spec": {"schedulingGates": null}});
            let ungated = rest.patch(&path, &no_gates).await;
            assert_eq!(node_of(&ungated), None, "{} cannot be on a node yet", name(&pod));
            let ungated = without_managed_fields(vec![ungated]).remove(0);
            created.insert(name(&pod).to_owned(), ungated);
        }
    }
}

/// Waits until every pod has a node or is known to fit nowhere.
async fn everything_is_decided(rest: &Rest, berth: &Berth) {
    let look = async || {
        let left = unbound(rest).await;
        let misfit = |pod: &Value| scheduled_condition(pod)["reason"] == "Unschedulable";
        (left.len() == mixed::MISFITS && left.iter().all(misfit)).then_some(())
    };
    berth.wait_for("all pods on nodes, but for those that fit nowhere", look).await;
}

/// Waits until there is an Event for every pod.
async fn everything_is_reported(rest: &Rest, berth: &Berth) {
    let look = async || {
        let events = rest.events(NAMESPACE).await;
        let regarding: BTreeSet<_> =
            events.iter().map(|event| event["regarding"]["uid"].to_string()).collect();
        (regarding.len() == mixed::PODS).then_some(())
    };
    berth.wait_for("an Event for every pod", look).await;
}

async fn unbound(rest: &Rest) -> Vec<Value> {
    rest.list(&format!("{}?fieldSelector=spec.nodeName%3D", pods_path(NAMESPACE)), "Pod").await
}

fn each_pod_met_its_fate(pods: &[Value]) {
    let pods: BTreeMap<_, _> = pods.iter().map(|pod| (name(pod), pod)).collect();
    for (wanted, fate) in mixed::pods() {
        let pod = pods[name(&wanted)];
        if fate == Fate::Misfit {
            let condition = scheduled_condition(pod);
            let message = condition["message"].as_str().unwrap_or_default();
            assert_eq!(node_of(pod), None, "{}", name(pod));
            assert_eq!(condition["status"], "False", "{}: {condition}", name(pod));
            assert_eq!(condition["reason"], "Unschedulable", "{}: {condition}", name(pod));
            assert!(message.starts_with("0/500 nodes are available:"), "{}: {message}", name(pod));
        } else {
            assert!(node_of(pod).is_some(), "{} is on no node", name(pod));
            assert_eq!(scheduled_condition(pod)["status"], "True", "{}", name(pod));
        }
    }
}

/// Every pod has its Events and no others: one that it was scheduled, or that it cannot be.
fn events_tell_what_happened(pods: &[Value], events: &[Value]) {
    let mut by_uid: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for event in events {
        by_uid.entry(text(&event["regarding"]["uid"])).or_default().push(event);
    }
    for pod in pods {
        let events = by_uid.remove(text(&pod["metadata"]["uid"])).unwrap_or_default();
        let told: Vec<_> = events.iter().map(|event| text(&event["reason"])).collect();
        let Some(node) = node_of(pod) else {
            assert_eq!(told, ["FailedScheduling"], "{}", name(pod));
            assert_eq!(events[0]["note"], scheduled_condition(pod)["message"], "{}", name(pod));
            continue;
        };
        assert_eq!(told, ["Scheduled"], "{}", name(pod));
        let assigned = format!("Successfully assigned {NAMESPACE}/{} to {node}", name(pod));
        assert_eq!(events[0]["note"], assigned);
        assert_eq!(events[0]["type"], "Normal");
        assert_eq!(events[0]["reportingController"], "berth");
    }
    assert!(by_uid.is_empty(), "events about nobody: {by_uid:?}");
}

/// Pods and nodes in the order of the decisions, which must be where the pods are.
fn placements(decisions: &[Value], pods: &[Value]) -> Vec<(String, String)> {
    let forgotten: Vec<_> = decisions.iter().filter(|d| d.get("forgotten").is_some()).collect();
    assert!(forgotten.is_empty(), "nothing was in the way in this run: {forgotten:?}");
    let is: BTreeMap<_, _> =
        pods.iter().map(|pod| (format!("{NAMESPACE}/{}", name(pod)), node_of(pod))).collect();
    let mut placements = Vec::new();
    for decision in decisions.iter().filter(|decision| decision.get("node").is_some()) {
        let (pod, node) = (text(&decision["pod"]).to_owned(), text(&decision["node"]).to_owned());
        assert_eq!(is[&pod], Some(node.as_str()), "{pod} is not where it was to be");
        placements.push((pod, node));
    }
    assert_eq!(placements.len(), mixed::PODS - mixed::MISFITS);
    placements
}

/// What upstream says of every placement in its turn.
fn replay(
    oracle: &mut Oracle,
    mut objects: Vec<Value>,
    created: &BTreeMap<String, Value>,
    placements: &[(String, String)],
) -> Value {
    objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}));
    let pod = |(key, _): &(String, String)| {
        let (_, name) = key.split_once('/').expect("a key has a namespace");
        created[name].clone()
    };
    let pods: Vec<_> = placements.iter().map(pod).collect();
    let placements: BTreeMap<_, _> = placements.iter().cloned().collect();
    let answer = oracle.ask(&json!({
        "name": "mixed", "mode": "replay", "brief": true,
        "objects": objects, "pods": pods, "placements": placements,
    }));
    assert!(answer["error"].is_null(), "{}", answer["error"]);
    answer
}

/// The beginning of what the oracle says about pods on which it disagrees.
fn first_pods(answer: &Value) -> String {
    let pods = answer["pods"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pods: Vec<_> = pods.iter().take(3).map(Value::to_string).collect();
    pods.join("\n")
}

fn without_managed_fields(mut objects: Vec<Value>) -> Vec<Value> {
    for object in &mut objects {
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
    }
    objects
}

fn name(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
