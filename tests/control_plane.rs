//! The harness itself: the real control plane comes up, binds and comes back; the oracle answers.

mod support;

use k8s_openapi::api::core::v1::{Binding, Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use support::control_plane::{ControlPlane, Options};
use support::oracle::Oracle;
use support::upstream;
use support::users::User;

#[tokio::test]
async fn a_pod_is_bound_through_its_subresource() {
    let Some(plane) = ControlPlane::start("a_pod_is_bound_through_its_subresource").await else {
        return;
    };
    let client = plane.client().await;

    let nodes: Api<Node> = Api::all(client.clone());
    let node = nodes.create(&PostParams::default(), &from(node("n1"))).await.unwrap();
    let allocatable = node.status.unwrap().allocatable.unwrap();
    assert_eq!(allocatable["cpu"].0, "4", "a node is created with its status in one call");

    let pods: Api<Pod> = Api::default_namespaced(client);
    pods.create(&PostParams::default(), &from(pod("p1"))).await.unwrap();
    let bound = bind(&pods, "p1", "n1").await.unwrap();
    assert_eq!(bound.status.as_deref(), Some("Success"));
    let pod = pods.get("p1").await.unwrap();
    assert_eq!(pod.spec.unwrap().node_name.as_deref(), Some("n1"));

    let again = bind(&pods, "p1", "n2").await.unwrap_err();
    assert!(matches!(again, kube::Error::Api(status) if status.code == 409));
}

#[tokio::test]
async fn users_and_data_survive_an_outage_of_the_api_server() {
    let test = "users_and_data_survive_an_outage_of_the_api_server";
    let users = vec![User::new("system:kube-scheduler", &[]), User::new("nobody", &["strangers"])];
    let options = Options { users, ..Options::default() };
    let Some(mut plane) = ControlPlane::start_with(test, &options).await else {
        return;
    };
    let pods: Api<Pod> = Api::default_namespaced(plane.client().await);
    pods.create(&PostParams::default(), &from(pod("p1"))).await.unwrap();

    plane.stop_apiserver();
    pods.get("p1").await.unwrap_err();
    plane.start_apiserver().await;

    let read = async |client: Client| Api::<Pod>::default_namespaced(client).get("p1").await;
    read(plane.client().await).await.unwrap();
    read(plane.client_for("system:kube-scheduler").await).await.unwrap();
    let refused = read(plane.client_for("nobody").await).await.unwrap_err();
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 403));
}

#[test]
fn the_oracle_answers() {
    let Some(mut oracle) = Oracle::start("the_oracle_answers") else {
        return;
    };
    let mut full = node("full");
    full["status"]["allocatable"]["cpu"] = json!("0");
    for name in ["first", "second"] {
        let answer = oracle.ask(&json!({
            "name": name, "mode": "evaluate",
            "objects": [node("empty"), full], "pods": [pod("p1")],
        }));
        assert_eq!(answer["name"], name);
        let judged = &answer["pods"][0];
        assert_eq!(judged["pod"], "default/p1", "{answer}");
        assert_eq!(judged["feasible"], 1, "{answer}");
        assert_eq!(judged["best"], json!(["empty"]), "{answer}");
        assert_eq!(judged["rejected"]["full"]["reasons"], json!(["Insufficient cpu"]), "{answer}");
    }
}

#[test]
fn the_hash_that_names_a_build_is_fnv_1a() {
    assert_eq!(upstream::fnv1a(b""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(upstream::fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
}

async fn bind(pods: &Api<Pod>, pod: &str, node: &str) -> kube::Result<Status> {
    let binding: Binding = from(json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": {"name": pod}, "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }));
    pods.create_subresource("binding", pod, &PostParams::default(), &binding).await
}

fn node(name: &str) -> Value {
    let resources = json!({"cpu": "4", "memory": "32Gi", "pods": "110"});
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "status": {"capacity": resources, "allocatable": resources},
    })
}

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{
            "name": "c", "image": "registry.k8s.io/pause:3.10",
            "resources": {"requests": {"cpu": "100m"}},
        }]},
    })
}

/// The typed form of a document that this file wrote.
fn from<T: serde::de::DeserializeOwned>(document: Value) -> T {
    serde_json::from_value(document).expect("the document has the fields of its type")
}
