//! The same manifests sent to the real kube-apiserver and to `apiserver::objects`: what is stored is the
//! same but for UIDs, resource versions, times and managed fields, and what is refused is refused for the
//! same reasons. What the real one then has is read alike in JSON and in protobuf.

#[path = "../support/mod.rs"]
mod support;

mod both;
mod changes;
mod formats;
mod kinds;
mod memory;
mod mutations;
mod pods;

use http::Method;
use serde_json::{Value, json};

use both::Both;
use memory::Memory;
use mutations::{Random, mutate};
use pods::pod;
use support::control_plane::ControlPlane;
use support::generator;
use support::rest::{NODES, Rest, pods_path};

/// Topics of the generator, and how many scenarios of each are sent.
const TOPICS: [(&str, u32); 11] = [
    ("resources", 4),
    ("taints", 3),
    ("nodeaffinity", 4),
    ("podaffinity", 4),
    ("spread", 4),
    ("ports", 3),
    ("volumes", 3),
    ("mixed", 6),
    ("resources+", 4),
    ("taints+", 3),
    ("images+", 2),
];
/// How long the real server may take to see its own objects.
const SYNC_TRIES: usize = 200;

/// Both sides with the objects that others refer to, and the real one aware of them.
async fn prepared(plane: &ControlPlane) -> Both {
    let rest = Rest(plane.client().await);
    let mut both =
        Both { rest, memory: Memory::default(), differences: Vec::new(), compared: 0, refused: 0 };
    for object in
        both.rest.list("/apis/scheduling.k8s.io/v1/priorityclasses", "PriorityClass").await
    {
        both.memory.put("priorityclasses.scheduling.k8s.io", &object);
    }
    for (at, object) in kinds::foundations().into_iter().enumerate() {
        both.create(&format!("foundation {at}"), namespace_of(&object), &object).await;
    }
    let probe = json!({"nodeName": "n1", "priorityClassName": "polite"});
    let zone = "/metadata/labels/topology.kubernetes.io~1zone";
    sees(&both.rest, &pods_path("default"), &pod("probe", &probe), zone, "z1").await;
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "probe"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let claims = "/api/v1/namespaces/default/persistentvolumeclaims";
    sees(&both.rest, claims, &claim, "/spec/storageClassName", "first").await;
    both
}

/// Waits until the admission of the real server knows what it needs to put `value` at `field`.
async fn sees(rest: &Rest, path: &str, probe: &Value, field: &str, value: &str) {
    let path = format!("{path}?dryRun=All");
    for _ in 0..SYNC_TRIES {
        let made = rest.send(Method::POST, &path, "application/json", Some(probe)).await;
        if made.is_ok_and(|made| made.pointer(field) == Some(&json!(value))) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    support::say(&format!("the real API server still does not know {field}"));
}

fn namespace_of(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or("default")
}

/// Fails with all differences.
fn conclude(both: &Both, least: usize) {
    support::say(&format!("compared {}, of which refused {}", both.compared, both.refused));
    let count = both.differences.len();
    let text = both.differences.join("\n");
    assert!(both.differences.is_empty(), "{count} of {} differ:\n{text}", both.compared);
    assert!(both.compared >= least, "only {} were compared", both.compared);
}

#[tokio::test]
async fn pods_are_stored_and_refused_alike() {
    let test = "pods_are_stored_and_refused_alike";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let mut both = prepared(&plane).await;
    for (at, spec) in pods::taken().into_iter().enumerate() {
        let mut pod = pod(&format!("taken-{at}"), &spec);
        pod["metadata"]["labels"] = json!({"app": "web", "rev": "7"});
        both.create(&format!("taken {at} {spec}"), "default", &pod).await;
    }
    for (at, spec) in pods::refused().into_iter().enumerate() {
        let mut pod = pod(&format!("refused-{at}"), &spec);
        pod["metadata"]["labels"] = json!({"rev": "7"});
        both.create(&format!("refused {at} {spec}"), "default", &pod).await;
    }
    for (at, pod) in kinds::limited_pods().into_iter().enumerate() {
        both.create(&format!("limited {at} {pod}"), namespace_of(&pod), &pod).await;
    }
    generated(&mut both).await;
    let read = formats::compare(&both.rest).await;
    assert!(read >= 100, "only {read} objects were read");
    conclude(&both, 200);
}

/// How many pods are changed at random.
const MUTATIONS: usize = 600;

#[tokio::test]
async fn pods_changed_at_random_are_stored_and_refused_alike() {
    let test = "pods_changed_at_random_are_stored_and_refused_alike";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let mut both = prepared(&plane).await;
    let mut random = Random(seed());
    let specs = pods::taken();
    for at in 0..MUTATIONS {
        let mut spec = specs[random.below(specs.len())].clone();
        let base = pod("x", &spec);
        spec = base["spec"].clone();
        for _ in 0..=random.below(2) {
            mutate(&mut spec, &mut random);
        }
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": {"name": format!("random-{at}"), "labels": {"app": "web", "rev": "7"}},
        });
        both.create(&format!("random {at} {spec}"), "default", &pod).await;
    }
    both.differences.retain(|text| !text.contains("cannot be handled as a Pod"));
    formats::compare(&both.rest).await;
    conclude(&both, MUTATIONS);
}

/// How many objects of other kinds are changed at random.
const OTHER_MUTATIONS: usize = 300;

#[tokio::test]
async fn other_kinds_changed_at_random_are_stored_and_refused_alike() {
    let test = "other_kinds_changed_at_random_are_stored_and_refused_alike";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let mut both = prepared(&plane).await;
    let mut random = Random(seed());
    let objects = kinds::taken();
    for at in 0..OTHER_MUTATIONS {
        let mut object = objects[random.below(objects.len())].clone();
        let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
        let (version, name) = (object["apiVersion"].clone(), object["kind"].clone());
        for _ in 0..=random.below(2) {
            mutate(&mut object, &mut random);
        }
        object["apiVersion"] = version;
        object["kind"] = name;
        object["metadata"]["name"] = json!(format!("random-{at}"));
        both.create(&format!("random {at} {kind} {object}"), "default", &object).await;
    }
    both.differences.retain(|text| !text.contains("cannot be handled as a"));
    formats::compare(&both.rest).await;
    conclude(&both, OTHER_MUTATIONS);
}

/// The seed of the random changes: another one by `OBJECTS_SEED`.
fn seed() -> u64 {
    std::env::var("OBJECTS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

async fn generated(both: &mut Both) {
    for (topic, count) in TOPICS {
        for index in 0..count {
            let scenario = generator::scenario(topic, "objects", index);
            let objects = scenario["objects"].as_array().into_iter().flatten();
            let pods = scenario["pods"].as_array().into_iter().flatten();
            let of_kind = |kind: &'static str| {
                objects.clone().filter(move |object| object["kind"] == kind).cloned()
            };
            let all = of_kind("Node").take(3).chain(of_kind("Pod").take(4)).chain(pods.cloned());
            for mut object in all {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                let prefix = topic.replace('+', "x");
                object["metadata"]["name"] = json!(format!("{prefix}-{index}-{name}"));
                // Nodes of scenarios and their pods are not told of each other's new names.
                if object["spec"]["nodeName"].is_string() {
                    object["spec"]["nodeName"] = json!("n1");
                }
                let space = namespace_of(&object).to_owned();
                let case = format!("{topic} {index} {}", object["metadata"]["name"]);
                both.create(&case, &space, &object).await;
            }
        }
    }
}

#[tokio::test]
async fn other_kinds_are_stored_and_refused_alike() {
    let test = "other_kinds_are_stored_and_refused_alike";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let mut both = prepared(&plane).await;
    for (at, object) in kinds::taken().into_iter().chain(kinds::examples()).enumerate() {
        let kind = object["kind"].clone();
        both.create(&format!("taken {at} {kind}"), namespace_of(&object), &object).await;
    }
    for (at, object) in kinds::refused().into_iter().enumerate() {
        both.create(&format!("refused {at} {object}"), namespace_of(&object), &object).await;
    }
    let read = formats::compare(&both.rest).await;
    assert!(read >= 50, "only {read} objects were read");
    conclude(&both, 80);
}

#[tokio::test]
async fn changes_and_bindings_are_alike() {
    let test = "changes_and_bindings_are_alike";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let mut both = prepared(&plane).await;
    for (at, (object, subresource, change)) in changes::all().into_iter().enumerate() {
        if !both.knows(&object) {
            both.create(&format!("before change {at}"), "default", &object).await;
        }
        let case = format!("change {at} {change}");
        both.update(&case, &object, subresource, &change).await;
    }
    for (pod, binding) in changes::bindings() {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if !both.knows(&pod) {
            both.create(&format!("before binding {name}"), "default", &pod).await;
        }
        if name == "going" {
            both.delete(&name).await;
        }
        both.bind(&format!("binding {name} {binding}"), &name, &binding).await;
    }
    let first = both.rest.get(NODES).await;
    assert!(first.is_some(), "the API server still answers");
    conclude(&both, 60);
}
