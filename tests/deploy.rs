//! What is in `deploy/`, on the real API server: it takes every manifest and example as they are; berth
//! places the examples with the identity and the configuration that the manifests give it, uses every
//! right that it has there, and says clearly which one is missing.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use support::accounts;
use support::berth::Berth;
use support::control_plane::Options;
use support::deployed::{Deployed, documents, examples, files, manifests, only, user_of};
use support::endpoint::start_secure;
use support::proxy::{Action, Proxy};
use support::rest::{NODES, Rest, node_of, pods_path, scheduled_condition};
use support::rights::{Audit, Right, granted, without};
use support::users;

/// How often the log may speak of a missing right within [`STORM_WATCH`].
const LINES_MAX: usize = 3;
/// How long the log is watched for a storm: several of the pods' backoffs.
const STORM_WATCH: Duration = Duration::from_secs(5);
/// Pods that want to be placed while a right is missing.
const PODS: usize = 30;
/// So much CPU that two such pods do not fit on one node.
const MORE_THAN_HALF: &str = "2500m";
/// A pod that fits nowhere.
const LARGE: &str = "large";

#[test]
fn the_files_are_of_this_version_and_all_are_used() {
    let kustomization = documents("kustomization.yaml").remove(0);
    let listed = kustomization["resources"].as_array().expect("it lists resources");
    let mut listed: Vec<_> = listed.iter().filter_map(Value::as_str).collect();
    listed.sort_unstable();
    assert_eq!(listed, files("manifests"));

    let manifests = manifests();
    let pod = &only(&manifests, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], concat!("berth:", env!("CARGO_PKG_VERSION")));
    let container = &pod["containers"][0];
    assert_eq!(container["ports"], json!([{"name": "https", "containerPort": 10259}]));
    for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
        let get = json!({"path": path, "port": "https", "scheme": "HTTPS"});
        assert_eq!(container[probe]["httpGet"], get, "{probe}");
    }
    let deployment = only(&manifests, "Deployment");
    assert_eq!(deployment["spec"]["replicas"], 2);
    let selector = &deployment["spec"]["selector"];
    assert_eq!(only(&manifests, "PodDisruptionBudget")["spec"]["selector"], *selector);
    let lease = &only(&manifests, "Role")["rules"][1]["resourceNames"];
    assert_eq!(*lease, json!([berth::config::LEASE_NAME]));
    let config = only(&manifests, "ConfigMap")["data"]["config.yaml"].as_str();
    let config: Value = serde_saphyr::from_str(config.expect("the file is text")).unwrap();
    assert_eq!(config["profiles"], json!([{"schedulerName": "berth"}]));
    assert_eq!(config["leaderElection"], json!({"leaderElect": true}));
    for example in examples().iter().filter(|example| example["kind"] == "Pod") {
        assert_eq!(example["spec"]["schedulerName"], "berth", "{example}");
    }
    let cluster = documents("kind.yaml").remove(0);
    assert_eq!(cluster["nodes"].as_array().map(Vec::len), Some(3), "{cluster}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_are_placed_on_ten_nodes() {
    let test = "the_examples_are_placed_on_ten_nodes";
    let Some(deployed) = Deployed::start(test, &Options::default()).await else { return };
    let rest = &deployed.rest;
    for i in 0..10 {
        rest.create(NODES, &node(i)).await;
    }
    for example in examples() {
        deployed.apply(&example).await;
    }
    let berth = deployed.start_berth(&deployed.kubeconfig());
    let urgent = "default/priorities-urgent";
    let decided = async || (!berth.decisions_with(urgent, "pod").is_empty()).then_some(());
    berth.wait_for("a decision", decided).await;
    let gated = format!("{}/scheduling-gates", pods_path("default"));
    let pod = rest.patch(&gated, &json!({"spec": {"schedulingGates": null}})).await;
    assert_eq!(node_of(&pod), None, "it was placed before its gate was taken away");

    all_placed(rest, &berth).await;
    let (nodes, pods) = (rest.list(NODES, "Node").await, pods(rest).await);
    let places: BTreeMap<_, _> = pods.iter().filter_map(place).collect();
    assert_eq!(places.len(), examples().iter().filter(|e| e["kind"] == "Pod").count());
    let wrong: Vec<_> = places.iter().filter(|(pod, node)| !is_right(pod, **node)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_ne!(places["host-ports-web-1"], places["host-ports-web-2"]);
    assert_eq!(accounts::overfull(&nodes, &pods), Vec::<String>::new());
    let decisions = berth.decisions();
    let turn = |pod: &str| decisions.iter().position(|decision| decision["pod"] == pod);
    assert!(turn(urgent) < turn("default/priorities-ordinary"), "{decisions:?}");
    berth.stop().await;
    assert!(!berth.log().contains("forbidden"), "{}", berth.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_right_is_used_and_no_other_is_asked_for() {
    let test = "every_right_is_used_and_no_other_is_asked_for";
    let audit = Audit::of(&user_of(&manifests()));
    let options = Options { apiserver_flags: audit.flags(), ..Options::default() };
    let Some(deployed) = Deployed::start(test, &options).await else { return };
    let rest = &deployed.rest;
    for i in [2, 3] {
        rest.create(NODES, &node(i)).await;
    }
    // The proxy has the rights of berth's service account, no others.
    let client = users::client(&deployed.kubeconfig()).await.expect("the token is good");
    let proxy = Proxy::start(client).await;
    proxy.decide(|ask| if ask.pod == "contested" { Action::Hold } else { Action::Pass });
    let berth = deployed.start_berth(&proxy.kubeconfig());

    // A Binding that comes too late is answered with a conflict, and berth reads the pod.
    create_pod(rest, "contested", "100m").await;
    let asked = async || proxy.asked_for("contested").into_iter().next();
    let asked = berth.wait_for("a Binding", asked).await;
    proxy.pause_watches();
    let other = if asked.node == "node-2" { "node-3" } else { "node-2" };
    rest.bind("default", "contested", other).await;
    proxy.release("contested");
    let get = Right::new("", "pods", "get");
    let read = async || audit.asked().contains(&get).then_some(());
    berth.wait_for("a look at the pod", read).await;
    proxy.resume_watches();

    // A pod of higher priority, for which another one is deleted.
    for name in ["half-1", "half-2", "urgent"] {
        let class = if name == "urgent" { "system-cluster-critical" } else { "" };
        create_pod_of_class(rest, name, MORE_THAN_HALF, class).await;
        let path = format!("{}/{name}", pods_path("default"));
        let bound = async || node_of(&rest.get(&path).await?).map(ToOwned::to_owned);
        berth.wait_for("a pod on a node", bound).await;
    }
    // Volumes: one that is there, and one that is to be made.
    create_claims(rest).await;
    let written = async || {
        let asked = audit.asked();
        let patch = |resource| Right::new("", resource, "patch");
        let both = ["persistentvolumes", "persistentvolumeclaims"].map(patch);
        both.iter().all(|right| asked.contains(right)).then_some(())
    };
    berth.wait_for("the writes of volumes", written).await;

    // A pod that fails again and again for the same reason: its event counts that up.
    create_pod(rest, LARGE, "100").await;
    let mut all_granted = granted(deployed.role());
    all_granted.extend(granted(deployed.role_of_lease()));
    for turn in 0..30 {
        if audit.asked().is_superset(&all_granted) {
            break;
        }
        // One that goes may have made room.
        let path = format!("{}/short-{turn}", pods_path("default"));
        create_pod(rest, &format!("short-{turn}"), "1m").await;
        let bound = async || node_of(&rest.get(&path).await?).map(|_| ());
        berth.wait_for("a short pod on a node", bound).await;
        rest.delete(&format!("{path}?gracePeriodSeconds=0")).await;
        sleep(Duration::from_secs(1)).await;
    }
    berth.stop().await;
    assert_eq!(audit.asked(), all_granted);
    assert_eq!(audit.refused(), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secure_port_knows_who_asks() {
    let test = "the_secure_port_knows_who_asks";
    let Some(deployed) = Deployed::start(test, &Options::default()).await else { return };
    // The API server makes one where it knows authorities; this one knows none.
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "extension-apiserver-authentication"},
    });
    deployed.rest.create("/api/v1/namespaces/kube-system/configmaps", &map).await;
    let kubeconfig = deployed.kubeconfig();
    let path = kubeconfig.display().to_string();
    let flags = [
        "--authentication-kubeconfig",
        &path,
        "--authorization-kubeconfig",
        &path,
        // The rights of the manifests are enough for it.
        "--authentication-tolerate-lookup-failure=false",
    ];
    let (berth, endpoint) = start_secure(&kubeconfig, "berth", &flags).await;
    for (path, token, status) in [
        ("/livez", None, 200),
        ("/metrics", None, 403),
        ("/metrics", Some("token-of-nobody"), 401),
        ("/metrics", Some("token-of-admin"), 200),
    ] {
        let answer = endpoint.get_as(path, token).await.expect("there is an answer");
        assert_eq!(answer.0, status, "{path} {token:?}: {}", answer.1);
    }
    berth.stop().await;
    assert!(!berth.log().contains("cannot be told"), "{}", berth.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_is_said_and_all_goes_on_once_it_is_there() {
    let test = "a_missing_right_is_said_and_all_goes_on_once_it_is_there";
    let Some(deployed) = Deployed::start(test, &Options::default()).await else { return };
    for i in 2..5 {
        deployed.rest.create(NODES, &node(i)).await;
    }
    for (group, resource, verb) in [
        ("", "pods/binding", "create"),
        ("", "pods/status", "patch"),
        ("events.k8s.io", "events", "create"),
        ("", "nodes", "list"),
        ("", "pods", "watch"),
    ] {
        go_without(&deployed, &Right::new(group, resource, verb)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_to_the_lease_is_said_and_berth_leads_once_it_is_there() {
    let test = "a_missing_right_to_the_lease_is_said_and_berth_leads_once_it_is_there";
    let Some(deployed) = Deployed::start(test, &Options::default()).await else { return };
    let (rest, namespace) = (&deployed.rest, deployed.namespace());
    rest.create(NODES, &node(2)).await;
    let right = Right::new("coordination.k8s.io", "leases", "create");
    let role = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/berth");
    rest.delete(&role).await;
    deployed.wait_for_right_in(namespace, &right, false).await;
    let berth = deployed.start_berth(&deployed.kubeconfig());
    create_pod(rest, "waits", "10m").await;
    berth.wait_for_log("berth needs a Role in namespace berth-system").await;
    let waits = format!("{}/waits", pods_path("default"));
    let pod = rest.get(&waits).await.expect("nobody deletes it");
    assert_eq!((node_of(&pod), scheduled_condition(&pod)), (None, &Value::Null));
    deployed.apply(deployed.role_of_lease()).await;
    all_placed(rest, &berth).await;
    berth.stop().await;
    let log = berth.log();
    let lines = log.lines().filter(|line| line.contains("forbidden")).count();
    assert!(lines <= LINES_MAX, "{lines}:\n{log}");
}

/// Runs berth without a right of its role, and then gives it back.
async fn go_without(deployed: &Deployed, right: &Right) {
    let rest = &deployed.rest;
    deployed.apply(&without(deployed.role(), right)).await;
    deployed.wait_for_right(right, false).await;
    let berth = deployed.start_berth(&deployed.kubeconfig());
    create_pod(rest, LARGE, "100").await;
    for i in 0..PODS {
        create_pod(rest, &format!("small-{i}"), "10m").await;
    }
    let Right { resource, verb, .. } = right;
    berth.wait_for_log(&format!("cannot {verb} resource \"{resource}\"")).await;
    sleep(STORM_WATCH).await;
    let log = berth.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("forbidden")).collect();
    assert!(lines.len() <= LINES_MAX, "{}:\n{}", lines.len(), lines.join("\n"));
    for line in lines {
        assert!(line.contains("in a ClusterRole"), "it does not say what to do: {line}");
    }

    deployed.apply(deployed.role()).await;
    deployed.wait_for_right(right, true).await;
    all_placed(rest, &berth).await;
    let large = format!("{}/{LARGE}", pods_path("default"));
    let says = async || {
        let pod = rest.get(&large).await?;
        (scheduled_condition(&pod)["reason"] == "Unschedulable").then_some(())
    };
    // A condition that was refused is not written again before there is something else to say.
    if resource != "pods/status" {
        berth.wait_for("the condition of the large pod", says).await;
    }
    berth.stop().await;
    rest.delete(&pods_path("default")).await;
}

/// A node of the ten. The first is kept for batch work, the second is cordoned, two have fast disks, and
/// the second half has a large image.
fn node(i: usize) -> Value {
    let resources =
        json!({"cpu": "4", "memory": "16Gi", "ephemeral-storage": "100Gi", "pods": "110"});
    let name = format!("node-{i}");
    let (disk, generation) = if [2, 3].contains(&i) { ("ssd", "7") } else { ("hdd", "4") };
    let mut node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {
            "kubernetes.io/hostname": name,
            "topology.kubernetes.io/zone": if i.is_multiple_of(2) { "zone-a" } else { "zone-b" },
            "example.com/disk": disk,
            "example.com/generation": generation,
        }},
        "spec": {},
        "status": {"capacity": resources, "allocatable": resources},
    });
    match i {
        0 => {
            node["spec"]["taints"] =
                json!([{"key": "dedicated", "value": "batch", "effect": "NoSchedule"}]);
        }
        1 => node["spec"]["unschedulable"] = json!(true),
        5.. => {
            let names = ["docker.io/library/python:3.14"];
            node["status"]["images"] = json!([{"names": names, "sizeBytes": 1_100_000_000}]);
        }
        _ => {}
    }
    node
}

/// Whether an example's pod may be, or is best, on the node of this number.
fn is_right(pod: &str, node: usize) -> bool {
    match pod {
        "taints-batch" => node != 1,
        "taints-cordoned" => node != 0,
        "images-python" => node >= 5,
        _ if pod.starts_with("node-affinity-") => node == 2 || node == 3,
        _ => node >= 2,
    }
}

/// The name of a pod and the number of the node that it is on.
fn place(pod: &Value) -> Option<(&str, usize)> {
    let number = node_of(pod)?.strip_prefix("node-")?.parse().ok()?;
    Some((pod["metadata"]["name"].as_str()?, number))
}

async fn pods(rest: &Rest) -> Vec<Value> {
    rest.list(&pods_path("default"), "Pod").await
}

/// Waits until all pods are on nodes, but the one that fits nowhere.
async fn all_placed(rest: &Rest, berth: &Berth) {
    let waits = |pod: &Value| node_of(pod).is_none() && pod["metadata"]["name"] != LARGE;
    let none_waits = async || (!pods(rest).await.iter().any(waits)).then_some(());
    berth.wait_for("all pods on nodes", none_waits).await;
}

/// Two claims with a pod each: a volume is there for one, and would be made for the other.
async fn create_claims(rest: &Rest) {
    for (name, provisioner) in
        [("there", "kubernetes.io/no-provisioner"), ("made", "example.com/p")]
    {
        let class = json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": provisioner, "volumeBindingMode": "WaitForFirstConsumer",
        });
        rest.create("/apis/storage.k8s.io/v1/storageclasses", &class).await;
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
            "spec": {
                "storageClassName": name, "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        });
        rest.create("/api/v1/namespaces/default/persistentvolumeclaims", &claim).await;
    }
    let volumes = "/api/v1/persistentvolumes";
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "disk"},
        "spec": {
            "storageClassName": "there", "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/disk"},
        },
    });
    rest.create(volumes, &volume).await;
    let available = json!({"status": {"phase": "Available"}});
    rest.patch(&format!("{volumes}/disk/status"), &available).await;
    for name in ["there", "made"] {
        let claim = json!({"claimName": name});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {
                "schedulerName": "berth", "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "c", "image": "example.com/c:1"}],
                "volumes": [{"name": "v", "persistentVolumeClaim": claim}],
            },
        });
        rest.create(&pods_path("default"), &pod).await;
    }
}

async fn create_pod(rest: &Rest, name: &str, cpu: &str) {
    create_pod_of_class(rest, name, cpu, "").await;
}

/// `class` is the name of a priority class; without a name it is the default.
async fn create_pod_of_class(rest: &Rest, name: &str, cpu: &str, class: &str) {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "schedulerName": "berth", "terminationGracePeriodSeconds": 0,
            "priorityClassName": class,
            "containers": [{
                "name": "c", "image": "example.com/c:1", "resources": {"requests": {"cpu": cpu}},
            }],
        },
    });
    rest.create(&pods_path("default"), &pod).await;
}
