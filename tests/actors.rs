//! Pretend kubelets and small controllers on the real API server, with `berth run` as the scheduler: what
//! people apply comes to be, changes as they change it, and goes when they delete it.

mod support;

use berth::actors::controllers::{self, ControllerOptions};
use berth::actors::kubelets::{self, KubeletOptions, NewNodes};
use kube::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use support::berth::Berth;
use support::control_plane::ControlPlane;
use support::rest::{Rest, pods_path};

const NAMESPACE: &str = "default";
const NODES: usize = 4;
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/web";

/// A cluster at work: kubelets and controllers in this process, the scheduler in its own.
struct Cluster {
    rest: Rest,
    berth: Berth,
    /// Dropping it ends them.
    _actors: JoinSet<()>,
}

impl Cluster {
    async fn start(plane: &ControlPlane) -> Self {
        let client: Client = plane.client().await;
        let nodes = NewNodes { count: NODES, cpu: "2".to_owned(), ..NewNodes::default() };
        let options = KubeletOptions { create: Some(nodes), ..KubeletOptions::default() };
        let mut actors = JoinSet::new();
        let never = std::future::pending::<()>;
        actors.spawn(kubelets::run(client.clone(), options, never()));
        actors.spawn(controllers::run(client.clone(), ControllerOptions::default(), never()));
        let berth = Berth::start(&plane.kubeconfig(), "default-scheduler", &[]);
        Self { rest: Rest(client), berth, _actors: actors }
    }

    async fn apply(&self, api_version: &str, plural: &str, object: &Value) {
        let root = if api_version == "v1" { "api" } else { "apis" };
        let mut object = object.clone();
        object["apiVersion"] = json!(api_version);
        let path = format!("/{root}/{api_version}/namespaces/{NAMESPACE}/{plural}");
        self.rest.create(&path, &object).await;
    }

    /// Waits until the object at `path` is as wanted, and returns it.
    async fn until(&self, what: &str, path: &str, is: impl Fn(&Value) -> bool) -> Value {
        let look = async || self.rest.get(path).await.filter(|object| is(object));
        self.berth.wait_for(what, look).await
    }

    async fn until_gone(&self, path: &str) {
        let look = async || self.rest.get(path).await.is_none().then_some(());
        self.berth.wait_for(&format!("{path} gone"), look).await;
    }

    /// Pods of NAMESPACE with the label `app`.
    async fn pods(&self, app: &str) -> Vec<Value> {
        let path = format!("{}?labelSelector=app%3D{app}", pods_path(NAMESPACE));
        self.rest.list(&path, "Pod").await
    }

    /// Waits until so many pods of `app` are there, all of them ready.
    async fn until_ready(&self, app: &str, count: usize) -> Vec<Value> {
        let look = async || {
            let pods = self.pods(app).await;
            (pods.len() == count && pods.iter().all(is_ready)).then_some(pods)
        };
        self.berth.wait_for(&format!("{count} ready pods of {app}"), look).await
    }
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
        && pod["status"]["phase"] == "Running"
        && pod["metadata"]["deletionTimestamp"].is_null()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn template(app: &str, image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workloads_do_what_people_expect() {
    let Some(plane) = ControlPlane::start("workloads_do_what_people_expect").await else { return };
    let cluster = Cluster::start(&plane).await;
    deployments_roll_and_scale(&cluster).await;
    stateful_sets_have_an_order(&cluster).await;
    daemon_sets_are_on_every_node(&cluster).await;
    jobs_end(&cluster).await;
    budgets_count(&cluster).await;
    owners_take_along_what_they_own(&cluster).await;
    orphans_stay(&cluster).await;
    claims_are_bound(&cluster).await;
    namespaces_are_emptied(&cluster).await;
}

async fn deployments_roll_and_scale(cluster: &Cluster) {
    let deployment = json!({
        "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 4, "selector": {"matchLabels": {"app": "web"}},
            "template": template("web", "web:1"),
        },
    });
    cluster.apply("apps/v1", "deployments", &deployment).await;
    cluster.until_ready("web", 4).await;
    cluster.rest.patch(DEPLOYMENT, &json!({"spec": {"template": template("web", "web:2")}})).await;
    let is_done = |object: &Value| {
        let (status, generation) = (&object["status"], &object["metadata"]["generation"]);
        let all = ["replicas", "updatedReplicas", "availableReplicas"];
        all.iter().all(|name| status[name] == 4) && status["observedGeneration"] == *generation
    };
    let rolled = cluster.until("the update is rolled out", DEPLOYMENT, is_done).await;
    assert_eq!(rolled["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
    let conditions = rolled["status"]["conditions"].as_array();
    let progressing = conditions.into_iter().flatten().find(|c| c["type"] == "Progressing");
    let reason = progressing.map(|condition| &condition["reason"]);
    assert_eq!(reason, Some(&json!("NewReplicaSetAvailable")));
    let pods = cluster.until_ready("web", 4).await;
    assert!(pods.iter().all(|pod| pod["spec"]["containers"][0]["image"] == "web:2"));

    for size in [7, 2] {
        cluster.rest.patch(DEPLOYMENT, &json!({"spec": {"replicas": size}})).await;
        cluster.until_ready("web", size).await;
    }
    let events = cluster.rest.list("/api/v1/namespaces/default/events", "Event").await;
    let scaled = events.iter().any(|event| {
        let message = event["message"].as_str().unwrap_or_default();
        event["reason"] == "ScalingReplicaSet" && message.ends_with("from 4 to 7")
    });
    assert!(scaled, "an event says how the Deployment was scaled");
}

async fn stateful_sets_have_an_order(cluster: &Cluster) {
    let set = json!({
        "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {
            "replicas": 3, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
            "template": template("db", "db:1"),
        },
    });
    cluster.apply("apps/v1", "statefulsets", &set).await;
    let mut pods = cluster.until_ready("db", 3).await;
    pods.sort_by_key(|pod| name(pod).to_owned());
    assert_eq!(pods.iter().map(name).collect::<Vec<_>>(), ["db-0", "db-1", "db-2"]);
    assert_eq!(pods[1]["metadata"]["labels"]["apps.kubernetes.io/pod-index"], "1");
    let started = |pod: &Value| pod["metadata"]["creationTimestamp"].to_string();
    assert!(pods.iter().map(started).is_sorted(), "each waits for the one before it");
    let path = "/apis/apps/v1/namespaces/default/statefulsets/db";
    cluster.rest.patch(path, &json!({"spec": {"replicas": 1}})).await;
    let left = cluster.until_ready("db", 1).await;
    assert_eq!(name(&left[0]), "db-0");
    cluster.rest.patch(path, &json!({"spec": {"template": template("db", "db:2")}})).await;
    cluster
        .until("the update is rolled out", path, |set| {
            let status = &set["status"];
            status["updatedReplicas"] == 1
                && status["readyReplicas"] == 1
                && status["currentRevision"] == status["updateRevision"]
                && status["observedGeneration"] == set["metadata"]["generation"]
        })
        .await;
    let pods = cluster.until_ready("db", 1).await;
    assert_eq!(pods[0]["spec"]["containers"][0]["image"], "db:2");
}

async fn daemon_sets_are_on_every_node(cluster: &Cluster) {
    let set = json!({
        "kind": "DaemonSet", "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}}, "template": template("agent", "agent:1"),
        },
    });
    cluster.apply("apps/v1", "daemonsets", &set).await;
    let pods = cluster.until_ready("agent", NODES).await;
    let mut nodes: Vec<_> = pods.iter().map(|pod| pod["spec"]["nodeName"].to_string()).collect();
    nodes.sort();
    nodes.dedup();
    assert_eq!(nodes.len(), NODES, "one a node");
}

async fn jobs_end(cluster: &Cluster) {
    let job = |name: &str, code: &str| {
        let annotations = json!({kubelets::EXIT_AFTER: "100ms", kubelets::EXIT_CODE: code});
        let mut template = template(name, "work:1");
        template["metadata"]["annotations"] = annotations;
        template["spec"]["restartPolicy"] = json!("Never");
        json!({
            "kind": "Job", "metadata": {"name": name},
            "spec": {
                "completions": 3, "parallelism": 2, "backoffLimit": 0, "template": template,
            },
        })
    };
    for (name, code, want) in [("works", "0", "Complete"), ("fails", "1", "Failed")] {
        cluster.apply("batch/v1", "jobs", &job(name, code)).await;
        let path = format!("/apis/batch/v1/namespaces/default/jobs/{name}");
        let has_ended = |job: &Value| {
            let conditions = job["status"]["conditions"].as_array();
            conditions.into_iter().flatten().any(|c| c["type"] == want && c["status"] == "True")
        };
        let ended = cluster.until(&format!("{name} is {want}"), &path, has_ended).await;
        if want == "Complete" {
            assert_eq!(ended["status"]["succeeded"], 3);
        }
        assert!(ended["status"]["active"].is_null(), "{ended}");
    }
}

async fn budgets_count(cluster: &Cluster) {
    let budget = json!({
        "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    });
    cluster.apply("policy/v1", "poddisruptionbudgets", &budget).await;
    let path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/web";
    let status = cluster.until("it is counted", path, |b| b["status"]["currentHealthy"] == 2).await;
    assert_eq!(status["status"]["disruptionsAllowed"], 1);
    assert_eq!(status["status"]["expectedPods"], 2);
}

async fn owners_take_along_what_they_own(cluster: &Cluster) {
    let foreground = json!({"propagationPolicy": "Foreground"});
    let json_type = "application/json";
    let deleted = cluster.rest.send(http::Method::DELETE, DEPLOYMENT, json_type, Some(&foreground));
    deleted.await.expect("it can be deleted in the foreground");
    cluster.until_gone(DEPLOYMENT).await;
    assert_eq!(cluster.pods("web").await, Vec::<Value>::new());
    cluster.rest.delete("/apis/apps/v1/namespaces/default/daemonsets/agent").await;
    cluster.until_ready("agent", 0).await;
}

async fn orphans_stay(cluster: &Cluster) {
    let orphan = json!({"propagationPolicy": "Orphan"});
    let path = "/apis/apps/v1/namespaces/default/statefulsets/db";
    let sent = cluster.rest.send(http::Method::DELETE, path, "application/json", Some(&orphan));
    sent.await.expect("it can be deleted without its pods");
    cluster.until_gone(path).await;
    let left = cluster.until_ready("db", 1).await;
    assert!(left[0]["metadata"]["ownerReferences"].is_null(), "{}", left[0]["metadata"]);
}

async fn claims_are_bound(cluster: &Cluster) {
    for (class, provisioner, mode) in [
        ("at-once", "example.com/folders", "Immediate"),
        ("waits", "csi.example.com", "WaitForFirstConsumer"),
    ] {
        let object = json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": class},
            "provisioner": provisioner, "volumeBindingMode": mode,
        });
        cluster.rest.create("/apis/storage.k8s.io/v1/storageclasses", &object).await;
        let claim = json!({
            "kind": "PersistentVolumeClaim", "metadata": {"name": class},
            "spec": {
                "storageClassName": class, "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        });
        cluster.apply("v1", "persistentvolumeclaims", &claim).await;
        let path = format!("/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/{class}");
        if mode != "Immediate" {
            // As the scheduler does it.
            let selected = json!({"volume.kubernetes.io/selected-node": "node-1"});
            cluster.rest.patch(&path, &json!({"metadata": {"annotations": selected}})).await;
        }
        let is_bound = |claim: &Value| claim["status"]["phase"] == "Bound";
        let bound = cluster.until("it is bound", &path, is_bound).await;
        assert_eq!(bound["status"]["capacity"]["storage"], "1Gi");
        let volume = bound["spec"]["volumeName"].as_str().unwrap_or_default();
        let volume = format!("/api/v1/persistentvolumes/{volume}");
        cluster.until("its volume, too", &volume, is_bound).await;
        cluster.rest.delete(&path).await;
        cluster.until_gone(&path).await;
        cluster.until_gone(&volume).await;
    }
}

async fn namespaces_are_emptied(cluster: &Cluster) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "full"}});
    cluster.rest.create("/api/v1/namespaces", &namespace).await;
    let set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "rs"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "rs"}},
            "template": template("rs", "rs:1"),
        },
    });
    let sets = "/apis/apps/v1/namespaces/full/replicasets";
    cluster.rest.create(sets, &set).await;
    let is_ready = |set: &Value| set["status"]["readyReplicas"] == 2;
    cluster.until("its pods are ready", &format!("{sets}/rs"), is_ready).await;
    cluster.rest.delete("/api/v1/namespaces/full").await;
    cluster.until_gone("/api/v1/namespaces/full").await;
    assert_eq!(cluster.rest.list(&pods_path("full"), "Pod").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubelets_keep_nodes_and_refuse_what_does_not_fit() {
    let test = "kubelets_keep_nodes_and_refuse_what_does_not_fit";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let cluster = Cluster::start(&plane).await;
    let is_ready_node = |node: &Value| {
        let conditions = node["status"]["conditions"].as_array();
        conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    let node = cluster.until("the node is ready", "/api/v1/nodes/node-1", is_ready_node).await;
    assert_eq!(node["metadata"]["labels"]["topology.kubernetes.io/zone"], "zone-1");

    let pod = |name: &str, cpu: &str| {
        json!({
            "kind": "Pod", "metadata": {"name": name},
            "spec": {"schedulerName": "nobody", "containers": [
                {"name": "main", "image": "a", "resources": {"requests": {"cpu": cpu}}},
            ]},
        })
    };
    for (name, cpu) in [("fits", "1500m"), ("too-much", "2")] {
        cluster.apply("v1", "pods", &pod(name, cpu)).await;
        cluster.rest.bind(NAMESPACE, name, "node-1").await;
        let path = format!("{}/{name}", pods_path(NAMESPACE));
        let is_decided = |pod: &Value| pod["status"]["phase"] != "Pending";
        let pod = cluster.until("its kubelet has decided", &path, is_decided).await;
        if name == "fits" {
            assert!(is_ready(&pod), "{}", pod["status"]);
            assert!(pod["status"]["podIP"].as_str().is_some_and(|ip| ip.starts_with("10.")));
            continue;
        }
        assert_eq!(pod["status"]["reason"], "OutOfcpu");
        let want = "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: \
                    1500, capacity: 2000";
        assert_eq!(pod["status"]["message"], want);
    }
    // With grace, as kubectl does it.
    let path = format!("{}/fits", pods_path(NAMESPACE));
    cluster.rest.delete(&path).await;
    cluster.until_gone(&path).await;

    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1";
    let first = cluster.until("there is a lease", lease, |_| true).await;
    let renewed = |lease: &Value| lease["spec"]["renewTime"] != first["spec"]["renewTime"];
    let second = cluster.until("it is renewed", lease, renewed).await;
    assert_eq!(second["spec"]["holderIdentity"], "node-1");
}
