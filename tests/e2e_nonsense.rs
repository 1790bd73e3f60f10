//! Objects that make no sense on the real API server: huge ones that it takes, and broken ones that only
//! something in between can make. Whatever they are, the good objects around them are scheduled, and what
//! cannot be used is said once each.

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use support::cutter::{Asked, Fate, Verb};
use support::rest::NODES;
use support::scene::Scene;

const LABELS: usize = 10_000;
const TERMS: usize = 1_000;
const TAINTS: usize = 500;
const CONTAINERS: usize = 200;
const PORTS: usize = 500;
/// Below the API server's limit of 256 KiB.
const ANNOTATION_BYTES: usize = 200 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_as_large_as_they_may_be_are_scheduled() {
    let Some(scene) = Scene::start("huge").await else { return };
    let labels: BTreeMap<_, _> = (0..LABELS).map(|i| (format!("l{i}"), format!("v{i}"))).collect();
    let taints: Vec<_> = (0..TAINTS).map(|i| taint(&format!("t{i}"))).collect();
    node(&scene, "labels", |node| {
        node["metadata"]["labels"] = json!(labels);
        node["metadata"]["annotations"] = json!({"a": "x".repeat(ANNOTATION_BYTES)});
    })
    .await;
    node(&scene, "taints", |node| node["spec"]["taints"] = json!(taints)).await;
    node(&scene, "endless", |node| {
        // As much as can be scored: upstream's arithmetic multiplies by 100 in 64 bits.
        let all = json!({"cpu": "1T", "memory": "80Pi", "pods": "110"});
        node["status"] = json!({"capacity": all, "allocatable": all});
    })
    .await;
    node(&scene, "small", |_| {}).await;
    let pods = huge_pods(&scene, &labels);
    for pod in &pods {
        scene.create_pod(pod).await;
    }
    scene.add_pod("ordinary", "100m").await;
    for pod in &pods {
        let name = pod["metadata"]["name"].as_str().expect("it has a name");
        let on = pod["spec"]["nodeSelector"]["name"].as_str().unwrap_or("labels");
        assert_eq!(scene.bound(name).await, format!("huge-{on}"), "{name}");
    }
    scene.bound("ordinary").await;
    for (pod, why) in pods_that_fit_nowhere(&scene) {
        scene.create_pod(&pod).await;
        let name = pod["metadata"]["name"].as_str().expect("it has a name");
        let message = scene.unschedulable(name).await;
        assert!(message.contains(why), "{name}: {message}");
    }
    nothing_is_passed_over(&scene);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_with_nothing_to_offer_get_no_pods() {
    let Some(scene) = Scene::start("empty").await else { return };
    node(&scene, "bare", |node| drop(node.as_object_mut().map(|node| node.remove("status")))).await;
    node(&scene, "nothing", |node| node["status"] = json!({"allocatable": {}, "capacity": {}}))
        .await;
    node(&scene, "no-pods", |node| {
        node["status"] = json!({"allocatable": {"cpu": "4", "memory": "8Gi"}});
    })
    .await;
    scene.add_pod("ours", "0").await;
    let message = scene.unschedulable("ours").await;
    assert!(message.contains("3 Too many pods"), "{message}");
    let good = scene.add_node("good", "1").await;
    assert_eq!(scene.bound("ours").await, good);
    nothing_is_passed_over(&scene);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_objects_in_lists_and_watches_take_no_others_along() {
    // In lists by name `l..`, in watches `w..`.
    let plan = |asked: &Asked| {
        let prefix = match asked.verb {
            Verb::List => "l",
            Verb::Watch if asked.nth == 1 => "w",
            _ => return Fate::Pass,
        };
        match &*asked.path {
            "/api/v1/pods" => Fate::Inject(broken_pods(prefix)),
            NODES => Fate::Inject(broken_nodes(prefix)),
            _ => Fate::Inject(vec![json!({"metadata": "nothing"})]),
        }
    };
    let Some((scene, cutter)) = Scene::start_cut("broken", None, plan).await else { return };
    let node = scene.add_node("n1", "2").await;
    scene.add_pod("before", "1").await;
    assert_eq!(scene.bound("before").await, node);
    // Whatever came with the watches has been taken in by the time that this one is.
    scene.add_pod("after", "1").await;
    assert_eq!(scene.bound("after").await, node);
    for path in ["/api/v1/pods", NODES] {
        assert_eq!(cutter.asked_for(Verb::List, path).len(), 1, "no watch was given up");
    }
    let said = scene.berth.warnings();
    let unusable = |line: &&String| line.contains("cannot be used and is passed over");
    let said: Vec<_> = said.iter().filter(unusable).collect();
    let all = [("Pod broken/", broken_pods as fn(&str) -> _), ("Node ", broken_nodes)];
    for (kind, object) in all.iter().flat_map(|(kind, broken)| {
        let objects: Vec<Value> = ["l", "w"].into_iter().flat_map(broken).collect();
        objects.into_iter().map(move |object| (kind, object))
    }) {
        let Some(name) = object["metadata"]["name"].as_str() else { continue };
        let start = format!("passed over: {kind}{name}: ");
        let lines = said.iter().filter(|line| line.contains(&start)).count();
        assert_eq!(lines, usize::from(name.contains("bad-")), "{kind}{name}: {said:#?}");
    }
    scene.end().await;
}

/// Pods that an API server would refuse; `bad-` where they cannot be used at all.
fn broken_pods(prefix: &str) -> Vec<Value> {
    let pod = |name: &str, spec: Value| {
        let name = format!("{prefix}-{name}");
        json!({"kind": "Pod", "metadata": {"name": name, "namespace": "broken", "uid": name,
            "resourceVersion": "1"}, "spec": spec})
    };
    let with = |key: &str, value: Value| {
        let mut spec = json!({"schedulerName": "berth-broken", "containers": [{"name": "c"}]});
        spec[key] = value;
        spec
    };
    let asks = |cpu: &str| json!([{"name": "c", "resources": {"requests": {"cpu": cpu}}}]);
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Near"}]}]}}});
    // None of those that can be decoded may be placed: they are not there.
    let gone = |key: &str, value: Value| {
        let mut spec = with(key, value);
        spec["nodeSelector"] = json!({"no-node": "has this"});
        spec
    };
    vec![
        json!(null),
        json!("nonsense"),
        json!({"metadata": null}),
        pod("bad-containers", with("containers", json!("many"))),
        pod("bad-container", with("containers", json!([{"name": {"first": "c"}}]))),
        pod("bad-priority", with("priority", json!("high"))),
        pod("bad-large-priority", with("priority", json!(1e30))),
        pod("bad-node-name", with("nodeName", json!(7))),
        pod("bad-tolerations", with("tolerations", json!({"key": "a"}))),
        pod("bad-amount", with("containers", asks("four"))),
        pod("bad-spec", json!([1, 2, 3])),
        pod("negative", gone("containers", asks("-5"))),
        pod("large", gone("containers", asks("1e30"))),
        pod("larger", gone("containers", asks("9999999E"))),
        pod("no-containers", gone("containers", json!(null))),
        pod("unknown-operator", with("affinity", affinity)),
        pod("unknown-toleration", gone("tolerations", json!([{"key": "a", "operator": "Maybe"}]))),
        pod(
            "nulls",
            json!({"schedulerName": null, "containers": null, "tolerations": null,
            "affinity": null, "nodeSelector": null, "priority": null}),
        ),
        pod("odd-labels", gone("nodeSelector", json!({"\u{202e}\u{0}": "\u{1f4a9} a/b/c"}))),
    ]
}

/// Nodes that an API server would refuse; `bad-` where they cannot be used at all.
fn broken_nodes(prefix: &str) -> Vec<Value> {
    let node = |name: &str, spec: Value, status: Value| {
        let name = format!("{prefix}-{name}");
        json!({"kind": "Node", "metadata": {"name": name, "uid": name, "resourceVersion": "1",
            "labels": {"\u{202e}": "\u{0}"}}, "spec": spec, "status": status})
    };
    let offers = |cpu: Value| json!({"allocatable": {"cpu": cpu, "memory": "1Gi", "pods": "10"}});
    let closed = json!({"unschedulable": true});
    vec![
        json!(7),
        json!([]),
        node("bad-status", closed.clone(), json!("ready")),
        node("bad-allocatable", closed.clone(), json!({"allocatable": ["cpu"]})),
        node("bad-amount", closed.clone(), offers(json!("four"))),
        node("bad-amount-type", closed.clone(), offers(json!(true))),
        node("bad-taints", json!({"taints": "none"}), offers(json!("4"))),
        node("bad-unschedulable", json!({"unschedulable": "yes"}), offers(json!("4"))),
        node("negative", json!({}), offers(json!("-4"))),
        node("endless", closed.clone(), offers(json!("1e30"))),
        node("larger", closed.clone(), offers(json!("9999999E"))),
        node("nulls", json!(null), json!(null)),
    ]
}

/// A pod for the node with the label `name` of `on`.
fn huge(scene: &Scene, name: &str, on: &str, change: &dyn Fn(&mut Value)) -> Value {
    let mut pod = scene.pod(name, "10m");
    pod["spec"]["nodeSelector"] = json!({"name": on});
    change(&mut pod);
    pod
}

/// Pods that fit, each with much of something.
fn huge_pods(scene: &Scene, labels: &BTreeMap<String, String>) -> Vec<Value> {
    vec![
        huge(scene, "by-label", "labels", &|pod| {
            pod["spec"]["nodeSelector"] = json!({"l9999": "v9999"});
        }),
        huge(scene, "labels", "labels", &|pod| {
            pod["metadata"]["labels"] = json!(labels);
            pod["metadata"]["annotations"] = json!({"a": "x".repeat(ANNOTATION_BYTES)});
        }),
        huge(scene, "tolerations", "taints", &|pod| {
            let mut all: Vec<_> = (TAINTS..TERMS).map(|i| toleration(&format!("t{i}"))).collect();
            all.extend((0..TAINTS).map(|i| toleration(&format!("t{i}"))));
            pod["spec"]["tolerations"] = json!(all);
        }),
        huge(scene, "terms", "labels", &|pod| {
            let term = |i: usize| {
                let value = format!("v{}", if i + 1 == TERMS { i } else { i + 1 });
                json!({"matchExpressions": [{"key": format!("l{i}"), "operator": "In",
                    "values": [value]}]})
            };
            let terms: Vec<_> = (0..TERMS).map(term).collect();
            pod["spec"]["affinity"] = json!({"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}});
        }),
        huge(scene, "containers", "labels", &|pod| {
            let of = |kind: &str| -> Vec<Value> {
                let container = |i| {
                    json!({"name": format!("{kind}{i}"), "image": "example.com/c:1",
                        "resources": {"requests": {"cpu": "10m"}}})
                };
                (0..CONTAINERS).map(container).collect()
            };
            pod["spec"]["containers"] = json!(of("c"));
            pod["spec"]["initContainers"] = json!(of("i"));
        }),
        huge(scene, "ports", "endless", &|pod| pod["spec"]["containers"][0]["ports"] = ports()),
        huge(scene, "endless", "endless", &|pod| {
            let requests = json!({"cpu": "900G", "memory": "40Pi"});
            pod["spec"]["containers"][0]["resources"]["requests"] = requests;
        }),
    ]
}

/// Pods that the huge ones leave no room for, and why.
fn pods_that_fit_nowhere(scene: &Scene) -> [(Value, &'static str); 3] {
    [
        (
            huge(scene, "ports-again", "endless", &|pod| {
                pod["spec"]["containers"][0]["ports"] = ports();
            }),
            "didn't have free ports",
        ),
        (
            huge(scene, "too-endless", "endless", &|pod| {
                pod["spec"]["containers"][0]["resources"]["requests"] = json!({"cpu": "1e30"});
            }),
            "Insufficient cpu",
        ),
        (
            huge(scene, "beyond", "small", &|pod| {
                let requests = json!({"memory": "9223372036854775807"});
                pod["spec"]["containers"][0]["resources"]["requests"] = requests;
            }),
            "Insufficient memory",
        ),
    ]
}

/// Adds a node of a scene with a label `name`, changed before it is created.
async fn node(scene: &Scene, name: &str, change: impl FnOnce(&mut Value)) {
    let resources = json!({"cpu": "8", "memory": "32Gi", "pods": "110"});
    let mut node = scene.node(name, &resources);
    change(&mut node);
    node["metadata"]["labels"]["name"] = json!(name);
    scene.rest.create(NODES, &node).await;
}

fn taint(key: &str) -> Value {
    json!({"key": key, "value": "v", "effect": "NoSchedule"})
}

fn toleration(key: &str) -> Value {
    json!({"key": key, "operator": "Equal", "value": "v", "effect": "NoSchedule"})
}

fn ports() -> Value {
    let port = |i| json!({"containerPort": 20_000 + i, "hostPort": 20_000 + i});
    (0..PORTS).map(port).collect()
}

fn nothing_is_passed_over(scene: &Scene) {
    let said = scene.berth.warnings();
    assert!(!said.iter().any(|line| line.contains("passed over")), "{said:?}");
}
