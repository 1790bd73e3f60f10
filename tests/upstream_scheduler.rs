//! The upstream kube-scheduler as a client of `berth apiserver`: it schedules everything, and has nothing to
//! complain about that it would not complain about with kube-apiserver.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use support::control_plane::{ControlPlane, Server};
use support::process::Process;
use support::rest::{NODES, Rest, node_of, pods_path, scheduled_condition};
use support::{accounts, require, say, upstream};

const NAMESPACE: &str = "default";
/// Where the Lease of a kube-scheduler is.
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler";
/// Objects created at the same time.
const CREATED_AT_ONCE: usize = 24;
/// How long it may take until everything is as wanted.
const DEADLINE: Duration = Duration::from_mins(5);
/// How often a test looks.
const POLL: Duration = Duration::from_millis(100);

/// How many nodes and pods.
#[derive(Clone, Copy)]
struct Size {
    nodes: usize,
    pods: usize,
    /// Pods that fit nowhere, on top.
    misfits: usize,
}

/// A kube-scheduler at work. Dropping it ends it.
struct Scheduler {
    process: Process,
    folder: TempDir,
}

impl Scheduler {
    fn start(program: &Path, kubeconfig: &Path, leader_election: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("kube-scheduler-").tempdir();
        let folder = folder.expect("a folder for the log can be made");
        let config = json!({
            "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
            "clientConnection": {"kubeconfig": kubeconfig, "qps": 5000, "burst": 5000},
            "leaderElection": {"leaderElect": leader_election},
        });
        let file = folder.path().join("config.yaml");
        // JSON is YAML, too.
        fs::write(&file, config.to_string()).expect("the folder can be written");
        let mut command = Command::new(program);
        command.arg("--config").arg(file).args(["--secure-port", "0"]);
        let process = Process::spawn(&mut command, &folder.path().join("log"));
        Self { process: process.expect("kube-scheduler can be started"), folder }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until `look` finds something, as long as it runs.
    async fn wait_for<T>(&mut self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            let ended = self.process.exited().expect("it can be looked at");
            let goes_on = ended.is_none() && Instant::now() < deadline;
            assert!(goes_on, "waiting for {what}: {ended:?}; {}", self.process.log_tail());
            sleep(POLL).await;
        }
    }

    /// What it has warned of and what has failed, without what differs from one run to the next.
    fn complaints(&self) -> BTreeSet<String> {
        let log = self.log();
        let lines = log.lines().filter(|line| {
            let level = line.strip_prefix(['E', 'W', 'F']);
            level.is_some_and(|rest| rest.bytes().take(4).all(|byte| byte.is_ascii_digit()))
        });
        lines.filter_map(|line| line.split_once("] ")).map(|(_, text)| blanked(text)).collect()
    }
}

/// A text with every quoted part and every number blanked.
fn blanked(text: &str) -> String {
    let text = text.replace("\\\"", "");
    let parts = text.split('"').enumerate();
    // The first quoted part is the message itself.
    let kept = parts.map(|(at, part)| if at > 1 && at % 2 == 1 { "_" } else { part });
    let kept: Vec<&str> = kept.collect();
    let digits = |c: char| if c.is_ascii_digit() { '#' } else { c };
    kept.join("\"").chars().map(digits).collect()
}

#[test]
fn complaints_are_compared_without_their_numbers_and_names() {
    let text = r#""Failed to watch" err="an \"odd\" error" logger="x" reflector="a.go:17" type="*v1.Pod" n=12"#;
    assert_eq!(
        blanked(text),
        r#""Failed to watch" err="_" logger="_" reflector="_" type="_" n=##"#
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_schedules_two_thousand_pods_on_a_thousand_nodes() {
    let test = "it_schedules_two_thousand_pods_on_a_thousand_nodes";
    let small = Size { nodes: 40, pods: 80, misfits: 3 };
    let Some(known) = complaints_of(test, Server::Upstream, small).await else { return };
    let large = Size { nodes: 1000, pods: 2000, misfits: 10 };
    let Some(found) = complaints_of(test, Server::Embedded, large).await else { return };
    compare(test, &found, &known);
}

/// Fails where there are complaints with the embedded server that there are not with the other one.
fn compare(test: &str, found: &BTreeSet<String>, known: &BTreeSet<String>) {
    let new: Vec<_> = found.difference(known).collect();
    assert!(new.is_empty(), "kube-apiserver gives no reason for {new:#?}");
    say(&format!("{test}: complaints on both servers: {found:?}"));
}

/// Has kube-scheduler schedule a mixed cluster on a server; returns its complaints.
async fn complaints_of(test: &str, server: Server, size: Size) -> Option<BTreeSet<String>> {
    let program = require(test, "kube-scheduler", upstream::binary("kube-scheduler"))?;
    let plane = ControlPlane::start_on(server, test).await?;
    let rest = Rest(plane.client().await);
    let create = async |i| drop(rest.create(NODES, &node(i)).await);
    stream::iter(0..size.nodes).for_each_concurrent(CREATED_AT_ONCE, create).await;
    let start = Instant::now();
    let mut scheduler = Scheduler::start(&program, &plane.kubeconfig(), false);
    let path = pods_path(NAMESPACE);
    let create = async |i| {
        let pod = if i < size.pods { pod(i) } else { misfit(i) };
        drop(rest.create(&path, &pod).await);
    };
    let all = stream::iter(0..size.pods + size.misfits);
    all.for_each_concurrent(CREATED_AT_ONCE, create).await;
    let look = async || {
        let left = format!("{path}?fieldSelector=spec.nodeName%3D");
        let left = rest.list(&left, "Pod").await;
        let misfit = |pod: &Value| scheduled_condition(pod)["reason"] == "Unschedulable";
        (left.len() == size.misfits && left.iter().all(misfit)).then_some(())
    };
    scheduler.wait_for("all pods on nodes, but for those that fit nowhere", look).await;
    say(&format!("{test}: {} pods on {server:?} in {:.1?}", size.pods, start.elapsed()));
    // Its Events come last. It may drop some where they queue up, so they are not counted.
    let look = async || {
        let events = rest.events(NAMESPACE).await;
        let told = |reason: &str| events.iter().any(|event| event["reason"] == reason);
        (told("Scheduled") && told("FailedScheduling")).then_some(())
    };
    scheduler.wait_for("Events", look).await;
    let (nodes, pods) = (rest.list(NODES, "Node").await, rest.list(&path, "Pod").await);
    assert_eq!(accounts::overfull(&nodes, &pods), Vec::<String>::new());
    Some(scheduler.complaints())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_leads_preempts_and_hands_over() {
    let test = "it_leads_preempts_and_hands_over";
    let Some(known) = complaints_of_two(test, Server::Upstream).await else { return };
    let Some(found) = complaints_of_two(test, Server::Embedded).await else { return };
    compare(test, &found, &known);
}

/// Has two of them compete for the Lease; the leader preempts a pod, and the other one follows it.
async fn complaints_of_two(test: &str, server: Server) -> Option<BTreeSet<String>> {
    let program = require(test, "kube-scheduler", upstream::binary("kube-scheduler"))?;
    let plane = ControlPlane::start_on(server, test).await?;
    let rest = Rest(plane.client().await);
    let path = pods_path(NAMESPACE);
    rest.create(NODES, &node(0)).await;
    let class = json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": "high"}, "value": 1000,
    });
    rest.create("/apis/scheduling.k8s.io/v1/priorityclasses", &class).await;
    let holder = async || {
        let lease = rest.get(LEASE).await?;
        let holder = lease["spec"]["holderIdentity"].as_str().filter(|name| !name.is_empty());
        holder.map(ToOwned::to_owned)
    };
    let is_on_node = async |name: &str| {
        let pod = rest.get(&format!("{path}/{name}")).await?;
        node_of(&pod).map(|_| ())
    };
    let mut first = Scheduler::start(&program, &plane.kubeconfig(), true);
    let leader = first.wait_for("a leader", holder).await;
    let mut second = Scheduler::start(&program, &plane.kubeconfig(), true);
    rest.create(&path, &sized("low", "7")).await;
    first.wait_for("the low pod on the node", async || is_on_node("low").await).await;
    let mut high = sized("high", "7");
    high["spec"]["priorityClassName"] = json!("high");
    rest.create(&path, &high).await;
    first.wait_for("the high pod on the node", async || is_on_node("high").await).await;
    assert_eq!(rest.get(&format!("{path}/low")).await, None, "it was in the way");
    assert_eq!(holder().await.as_ref(), Some(&leader));
    let mut complaints = first.complaints();
    // It lets go of the Lease as it ends.
    first.process.terminate().expect("it can be ended");
    let another = async || holder().await.filter(|holder| *holder != leader);
    second.wait_for("another leader", another).await;
    rest.create(&path, &sized("last", "500m")).await;
    second.wait_for("the last pod on the node", async || is_on_node("last").await).await;
    complaints.extend(second.complaints());
    Some(complaints)
}

fn node(i: usize) -> Value {
    let resources =
        json!({"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"});
    let taints = match i % 10 {
        7 => json!([{"key": "team", "value": "a", "effect": "NoSchedule"}]),
        8 => json!([{"key": "slow", "effect": "PreferNoSchedule"}]),
        _ => json!([]),
    };
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": format!("node-{i:04}"), "labels": {
            "kubernetes.io/hostname": format!("node-{i:04}"),
            "topology.kubernetes.io/zone": format!("z{}", i % 3),
            "team": if i % 10 == 7 { "a" } else { "none" },
        }},
        "spec": {"taints": taints},
        "status": {"capacity": resources, "allocatable": resources},
    })
}

fn sized(name: &str, cpu: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "plain"}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{
            "name": "c", "image": "example.com/c:1",
            "resources": {"requests": {"cpu": cpu, "memory": "128Mi"}},
        }]},
    })
}

fn misfit(i: usize) -> Value {
    sized(&format!("misfit-{i:04}"), "64")
}

/// A pod of one of eight kinds, each of which fits.
fn pod(i: usize) -> Value {
    let mut pod = sized(&format!("pod-{i:04}"), if i.is_multiple_of(3) { "200m" } else { "50m" });
    let app = format!("app-{}", i % 8);
    pod["metadata"]["labels"]["app"] = json!(app);
    let zone = "topology.kubernetes.io/zone";
    let host = "kubernetes.io/hostname";
    let same = json!({"matchLabels": {"app": app}});
    let spread = |key: &str, skew: usize, unsatisfiable: &str| json!([{"maxSkew": skew, "topologyKey": key, "whenUnsatisfiable": unsatisfiable, "labelSelector": same}]);
    let spec = &mut pod["spec"];
    match i % 8 {
        1 => {
            let term = json!({"matchExpressions": [{"key": zone, "operator": "In", "values": ["z0", "z1"]}]});
            spec["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}});
        }
        2 => {
            spec["nodeSelector"] = json!({"team": "a"});
            spec["tolerations"] = json!([{"key": "team", "operator": "Exists"}]);
        }
        3 => spec["topologySpreadConstraints"] = spread(zone, 3, "DoNotSchedule"),
        4 => spec["topologySpreadConstraints"] = spread(host, 1, "ScheduleAnyway"),
        5 => {
            let term = json!({"labelSelector": same, "topologyKey": zone});
            spec["affinity"] =
                json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
        }
        6 => {
            let term = json!({"labelSelector": same, "topologyKey": host});
            spec["affinity"] = json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 50, "podAffinityTerm": term}]}});
        }
        7 => spec["containers"][0]["ports"] = json!([{"containerPort": 80, "hostPort": 8080}]),
        _ => {}
    }
    pod
}
