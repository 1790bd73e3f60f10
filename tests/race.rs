//! Beside another scheduler on the same nodes: pods that a kubelet refuses, since both had given the same room
//! away, are counted, and nothing else goes wrong.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use support::berth::Berth;
use support::control_plane::ControlPlane;
use support::controllers::{controller_manager, kubelets};
use support::endpoint::{Endpoint, plain_of};
use support::plain::{node, pod};
use support::process::Process;
use support::rest::{NODES, Rest, node_of, pods_path};
use support::{accounts, require, say, upstream};

const NAMESPACE: &str = "default";
/// The pods of the scheduler that is always kube-scheduler, and those of the one beside it.
const SCHEDULERS: [&str; 2] = ["first", "second"];
/// Objects created at the same time.
const CREATED_AT_ONCE: usize = 24;
/// How long it may take until every pod runs or is refused.
const DEADLINE: Duration = Duration::from_mins(10);
/// How often a test looks.
const POLL: Duration = Duration::from_millis(200);
/// Pods for which a node has room besides the one that fills it.
const PLACES: usize = 4;

/// Who schedules the second half of the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    KubeScheduler,
    Berth,
    /// Binds each pod to any node as soon as it is created.
    Blind,
}

/// Nodes, and pods of each scheduler.
#[derive(Clone, Copy, Debug)]
struct Size {
    nodes: usize,
    pods: usize,
}

fn pinned(name: &str, scheduler: &str, node: &str) -> Value {
    let mut pod = pod(name, scheduler, "600m");
    pod["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": node});
    pod
}

fn is_refused(pod: &Value) -> bool {
    let reason = pod["status"]["reason"].as_str().unwrap_or_default();
    pod["status"]["phase"] == "Failed" && reason.starts_with("OutOf")
}

/// What berth counts: its own pods that were refused, and others'.
async fn conflicts(endpoint: &Endpoint) -> [usize; 2] {
    let (_, text) = endpoint.get("/metrics").await.expect("there is an answer");
    ["self", "foreign"].map(|lost_by| {
        let name = format!(r#"berth_bind_conflicts_total{{lost_by="{lost_by}"}} "#);
        let value = text.lines().find_map(|line| line.strip_prefix(&name));
        value.and_then(|value| value.parse().ok()).expect("the metric is there from the start")
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_loses_is_counted() {
    let Some(plane) = ControlPlane::start("whoever_loses_is_counted").await else { return };
    let rest = Rest(plane.client().await);
    let berth = Berth::start(&plane.kubeconfig(), "berth", &["--http-address", "127.0.0.1:0"]);
    let endpoint = plain_of(&berth).await;
    let pods = pods_path(NAMESPACE);
    // A kubelet that starts takes the oldest pods first, by their seconds, then by their names.
    let rows = [("n1", "a-foreign", "b-own", "b-own"), ("n2", "a-own", "b-foreign", "b-foreign")];
    let name = |node: &str, pod: &str| format!("{pod}-{node}");
    for (node_name, first, second, _) in rows {
        rest.create(NODES, &node(node_name, "1")).await;
        for pod in [first, second] {
            let scheduler = if pod.ends_with("own") { "berth" } else { "nobody" };
            rest.create(&pods, &pinned(&name(node_name, pod), scheduler, node_name)).await;
        }
        let own = name(node_name, if first.ends_with("own") { first } else { second });
        let path = format!("{pods}/{own}");
        let is_bound = async || rest.get(&path).await.filter(|pod| node_of(pod).is_some());
        berth.wait_for("berth's pod on its node", is_bound).await;
        let foreign = name(node_name, if first.ends_with("own") { second } else { first });
        rest.bind(NAMESPACE, &foreign, node_name).await;
    }
    let _kubelets = kubelets(&plane.kubeconfig());
    for (node_name, _, _, loser) in rows {
        let path = format!("{pods}/{}", name(node_name, loser));
        berth.wait_for("a refused pod", async || rest.get(&path).await.filter(is_refused)).await;
    }
    let counted = async || (conflicts(&endpoint).await == [1, 1]).then_some(());
    berth.wait_for("both conflicts in the metric", counted).await;
    let warnings = berth.warnings();
    let told = |words: &str| warnings.iter().filter(|line| line.contains(words)).count();
    assert_eq!(told("the node's kubelet refused the pod right after its Binding"), 1);
    assert_eq!(told("OutOfcpu"), 1, "{warnings:#?}");
    // The room of the one that was refused is free again, and only that.
    assert_eq!(accounts::overfull(&rest.list(NODES, "Node").await, &running(&rest).await), [""; 0]);
    berth.stop().await;
}

/// The ReplicaSet of one pod whose pod a kubelet refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_pod_of_its_owner_goes_elsewhere() {
    let test = "the_next_pod_of_its_owner_goes_elsewhere";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let controllers = controller_manager(test, &plane.kubeconfig(), &["replicaset-controller"]);
    let Some(_controllers) = controllers else { return };
    let rest = Rest(plane.client().await);
    let berth = Berth::start(&plane.kubeconfig(), "berth", &["--http-address", "127.0.0.1:0"]);
    let pods = pods_path(NAMESPACE);
    rest.create(NODES, &node("n1", "1")).await;
    // The older one: a kubelet that starts takes it first.
    rest.create(&pods, &pinned("a-foreign", "nobody", "n1")).await;
    rest.create("/apis/apps/v1/namespaces/default/replicasets", &replica_set()).await;
    let of_the_set = async || {
        let all = rest.list(&format!("{pods}?labelSelector=app%3Dset"), "Pod").await;
        let (refused, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_refused);
        (refused, others)
    };
    let is_bound = async || {
        let (_, others) = of_the_set().await;
        others.into_iter().find(|pod| node_of(pod) == Some("n1"))
    };
    let first = berth.wait_for("the set's pod on the only node", is_bound).await;
    rest.bind(NAMESPACE, "a-foreign", "n1").await;
    rest.create(NODES, &node("n2", "1")).await;
    let _kubelets = kubelets(&plane.kubeconfig());
    let goes_elsewhere = async || {
        let (refused, others) = of_the_set().await;
        let runs = |pod: &Value| {
            pod["status"]["phase"] == "Running" && node_of(pod).is_some_and(|node| node == "n2")
        };
        (refused.len() == 1 && others.iter().any(runs)).then_some(refused)
    };
    let refused = berth.wait_for("another pod of the set on the other node", goes_elsewhere).await;
    assert_eq!(refused[0]["metadata"]["uid"], first["metadata"]["uid"]);

    // What the refused pod asked for is free: what the foreign one leaves of the node is, to the last bit.
    let mut rest_of_it = pinned("rest-of-it", "berth", "n1");
    rest_of_it["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("400m");
    rest.create(&pods, &rest_of_it).await;
    let path = format!("{pods}/rest-of-it");
    let runs = async || rest.get(&path).await.filter(|pod| pod["status"]["phase"] == "Running");
    berth.wait_for("a pod in the rest of the node", runs).await;
    assert_eq!(conflicts(&plain_of(&berth).await).await, [1, 0]);
    berth.stop().await;
}

fn replica_set() -> Value {
    let mut template = pod("set", "berth", "600m");
    template["metadata"] = json!({"labels": {"app": "set"}});
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "set"},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "set"}},
            "template": {"metadata": template["metadata"], "spec": template["spec"]},
        },
    })
}

async fn running(rest: &Rest) -> Vec<Value> {
    let mut pods = rest.list(&pods_path(NAMESPACE), "Pod").await;
    pods.retain(|pod| pod["status"]["phase"] == "Running");
    pods
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_kube_scheduler_every_pod_runs_or_is_counted() {
    let test = "beside_kube_scheduler_every_pod_runs_or_is_counted";
    let size = Size { nodes: 26, pods: 50 };
    race(test, Second::Berth, size).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_pods_each_onto_a_nearly_full_cluster() {
    let test = "two_thousand_pods_each_onto_a_nearly_full_cluster";
    // Takes minutes.
    if std::env::var_os("BERTH_FULL").is_none() {
        say(&format!("{test}: left out without BERTH_FULL"));
        return;
    }
    let size = Size { nodes: 1010, pods: 2000 };
    let mut refused = Vec::new();
    for second in [Second::KubeScheduler, Second::Berth, Second::Blind] {
        let Some(count) = race(test, second, size).await else { return };
        refused.push(count);
    }
    assert!(3 * refused[1] <= refused[0], "{refused:?}");
}

/// A scheduler at work, ended when it is dropped.
struct KubeScheduler {
    _process: Process,
    _folder: TempDir,
}

impl KubeScheduler {
    fn start(program: &Path, kubeconfig: &Path, name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("kube-scheduler-").tempdir();
        let folder = folder.expect("a folder for the log can be made");
        let config = json!({
            "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
            "clientConnection": {"kubeconfig": kubeconfig, "qps": 5000, "burst": 5000},
            "leaderElection": {"leaderElect": false},
            "profiles": [{"schedulerName": name}],
        });
        let file = folder.path().join("config.yaml");
        // JSON is YAML, too.
        std::fs::write(&file, config.to_string()).expect("the folder can be written");
        let mut command = std::process::Command::new(program);
        command.arg("--config").arg(file).args(["--secure-port", "0"]);
        let process = Process::spawn(&mut command, &folder.path().join("log"));
        Self { _process: process.expect("kube-scheduler can be started"), _folder: folder }
    }
}

/// Has both schedulers fill a cluster at the same time, each pod a fortieth of a node; how many pods were
/// refused.
async fn race(test: &str, second: Second, size: Size) -> Option<usize> {
    let program = require(test, "kube-scheduler", upstream::binary("kube-scheduler"))?;
    let plane = ControlPlane::start(test).await?;
    let rest = Rest(plane.client().await);
    let create = async |i: usize| drop(rest.create(NODES, &node(&format!("n{i}"), "4")).await);
    stream::iter(0..size.nodes).for_each_concurrent(CREATED_AT_ONCE, create).await;
    let _kubelets = kubelets(&plane.kubeconfig());
    fill(&rest, size).await;
    let _first = KubeScheduler::start(&program, &plane.kubeconfig(), SCHEDULERS[0]);
    let mut kube = None;
    let mut berth = None;
    match second {
        Second::KubeScheduler => {
            kube = Some(KubeScheduler::start(&program, &plane.kubeconfig(), SCHEDULERS[1]));
        }
        Second::Berth => {
            let flags = ["--http-address", "127.0.0.1:0"];
            berth = Some(Berth::start(&plane.kubeconfig(), SCHEDULERS[1], &flags));
        }
        Second::Blind => {}
    }
    // Neither has a start.
    let warm = &SCHEDULERS[..if second == Second::Blind { 1 } else { 2 }];
    for scheduler in warm {
        let name = format!("warm-{scheduler}");
        rest.create(&pods_path(NAMESPACE), &pod(&name, scheduler, "1m")).await;
    }
    settled(&rest, size.nodes + warm.len()).await;
    let start = Instant::now();
    let create = async |i: usize| {
        let (name, scheduler) = (format!("pod-{i}"), SCHEDULERS[i % 2]);
        rest.create(&pods_path(NAMESPACE), &pod(&name, scheduler, "100m")).await;
        if second == Second::Blind && i % 2 == 1 {
            // A large odd factor spreads them as chance would.
            let any = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            let node = any % (size.nodes as u64);
            rest.bind(NAMESPACE, &name, &format!("n{node}")).await;
        }
    };
    stream::iter(0..2 * size.pods).for_each_concurrent(CREATED_AT_ONCE, create).await;
    let pods = settled(&rest, size.nodes + warm.len() + 2 * size.pods).await;
    let took = start.elapsed();
    drop(kube);
    let refused = SCHEDULERS.map(|scheduler| {
        let lost = |pod: &&Value| pod["spec"]["schedulerName"] == scheduler && is_refused(pod);
        pods.iter().filter(lost).count()
    });
    if let Some(berth) = &berth {
        audit(berth, &rest, &pods, refused).await;
    }
    say(&format!(
        "{test}: {size:?}, kube-scheduler and {second:?}: refused {refused:?} in {took:.1?}"
    ));
    Some(refused.iter().sum())
}

/// Puts a pod on every node that leaves room for [`PLACES`] more, and waits until they run.
async fn fill(rest: &Rest, size: Size) {
    let create = async |i: usize| {
        let mut pod = pod(&format!("there-{i}"), "nobody", "3590m");
        pod["spec"]["nodeName"] = json!(format!("n{i}"));
        rest.create(&pods_path(NAMESPACE), &pod).await;
    };
    stream::iter(0..size.nodes).for_each_concurrent(CREATED_AT_ONCE, create).await;
    settled(rest, size.nodes).await;
    assert!(size.nodes * PLACES >= 2 * size.pods, "there is room for all");
}

/// Waits until there are `count` pods, each running or refused.
async fn settled(rest: &Rest, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let pods = rest.list(&pods_path(NAMESPACE), "Pod").await;
        let is_settled = |pod: &&Value| pod["status"]["phase"] == "Running" || is_refused(pod);
        let done = pods.iter().filter(is_settled).count();
        if done == count && pods.len() == count {
            return pods;
        }
        assert!(Instant::now() < deadline, "{done} of {count} pods run or are refused");
        sleep(POLL).await;
    }
}

/// What must be so wherever berth took part: its count is the API server's, each of its pods is where it
/// decided last, and no node runs more than it has room for.
async fn audit(berth: &Berth, rest: &Rest, pods: &[Value], refused: [usize; 2]) {
    let endpoint = plain_of(berth).await;
    let [foreign, own] = refused;
    let counted = async || (conflicts(&endpoint).await == [own, foreign]).then_some(());
    berth.wait_for(&format!("{own} and {foreign} conflicts in the metric"), counted).await;
    let mut decided = BTreeMap::new();
    for line in berth.decisions() {
        if let (Some(pod), Some(node)) = (line["pod"].as_str(), line["node"].as_str()) {
            decided.insert(pod.to_owned(), node.to_owned());
        }
    }
    for pod in pods.iter().filter(|pod| pod["spec"]["schedulerName"] == SCHEDULERS[1]) {
        let name = pod["metadata"]["name"].as_str().expect("a pod has a name");
        let at = decided.get(&format!("{NAMESPACE}/{name}")).map(String::as_str);
        assert_eq!(node_of(pod), at, "{name} is where berth decided last");
    }
    let nodes = rest.list(NODES, "Node").await;
    assert_eq!(accounts::overfull(&nodes, &running(rest).await), [""; 0]);
}
