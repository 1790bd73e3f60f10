//! The metrics of berth beside kube-scheduler's: both do the same work on the real API server, and what they
//! say of it has the same names, types, labels and buckets. What they say of the resources of the same pods is
//! the same, line for line.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use support::control_plane::ControlPlane;
use support::endpoint::{Endpoint, free_port, start_secure};
use support::process::Process;
use support::rest::{
    NODES, PRIORITY_CLASSES, Rest, node_of, pods_path, priority_class, scheduled_condition,
};
use support::{
    plain::{self, node},
    require, upstream,
};

/// Who both of them schedule for.
const SCHEDULER: &str = "default-scheduler";
/// How long kube-scheduler may take for anything.
const DEADLINE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);
/// How often a port is chosen anew that another program has taken meanwhile.
const PORT_CHOICES_MAX: usize = 5;
/// Pods that are tried one after the other, so that some of them are among the tenth whose plugins are timed.
const MANY: usize = 120;

/// What only a scheduler with batches of pods has to say.
const BATCHES: &str = "no pod is placed by the decision about another one like it";
/// Families of kube-scheduler's that berth lacks on purpose, and why; a `*` stands for the rest of a name.
const LACKS: [(&str, &str); 16] = [
    ("go_*", "there is no Go in it"),
    ("aggregator_discovery_*", "it is an API server's, which kube-scheduler only links"),
    ("apiserver_audit_*", "the same"),
    ("apiserver_envelope_*", "the same"),
    ("apiserver_storage_*", "the same"),
    ("apiserver_validation_*", "the same"),
    (
        "apiserver_webhooks_x509_*",
        "the same; berth's TLS takes neither SHA-1 nor certificates without a SAN",
    ),
    ("cardinality_enforcement_*", "--allow-metric-labels is refused"),
    ("informer_*", "nothing is queued between a watch and the engine but its channel"),
    (
        "workqueue_*",
        "kube-scheduler's are those of files that are read again, and berth reads them on a timer",
    ),
    ("rest_client_exec_plugin_*", "what a credential plugin gives is not opened"),
    (
        "rest_client_rate_limiter_duration_seconds",
        "a request is made when it may go, and does not wait",
    ),
    (
        "rest_client_transport_*",
        "there is one connection for each kubeconfig, and no cache of them",
    ),
    ("scheduler_batch_*", BATCHES),
    ("scheduler_get_node_hint_duration_seconds", BATCHES),
    ("scheduler_store_schedule_results_duration_seconds", BATCHES),
];

/// What one thread does without further ones.
const ONE_THREAD: &str = "one thread judges nodes and looks for pods to make way";
const POINTS: &str = "scheduler_framework_extension_point_duration_seconds";
const RUNS: &str = "scheduler_plugin_execution_duration_seconds";
/// What kube-scheduler writes down with up to a second's delay.
const DELAYED: [&str; 3] =
    [RUNS, "scheduler_inflight_events", "scheduler_queueing_hint_execution_duration_seconds"];
/// Values of labels that berth lacks on purpose, and why.
const LACKS_VALUES: [(&str, &str, &str, &str); 11] = [
    ("registered_metrics_total", "stability_level", "INTERNAL", INTERNAL),
    (POINTS, "extension_point", "Sign", BATCHES),
    (
        POINTS,
        "extension_point",
        "PreBindPreFlight",
        "PreBind itself says that it has nothing to do",
    ),
    (RUNS, "extension_point", "Sign", BATCHES),
    (RUNS, "extension_point", "PreBindPreFlight", "PreBind itself says that it has nothing to do"),
    (RUNS, "extension_point", "PreScore", "it is done in PreFilter"),
    (RUNS, "extension_point", "ScoreExtensionNormalize", "it is part of Score"),
    ("scheduler_goroutines", "operation", "Filter", ONE_THREAD),
    ("scheduler_goroutines", "operation", "Score", ONE_THREAD),
    ("scheduler_goroutines", "operation", "InterPodAffinity", ONE_THREAD),
    ("scheduler_goroutines", "operation", "DefaultPreemption", ONE_THREAD),
];
/// Labels with a closed set of values: what kube-scheduler says of this work, berth says, too.
const CLOSED: [&str; 12] = [
    "code",
    "component",
    "extension_point",
    "method",
    "operation",
    "profile",
    "queue",
    "result",
    "stability_level",
    "type",
    "username",
    "verb",
];
/// A stability that no metric of berth's has.
const INTERNAL: &str = "only what an API server validates is internal";
/// The pods that are compared at /metrics/resources begin with it.
const SAID: &str = "said-";
/// A pod that berth does not keep: it waits for another scheduler.
const FOREIGN: &str = "said-foreign";

/// A family of metrics as it is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Family {
    kind: String,
    /// The names of the labels.
    labels: BTreeSet<String>,
    /// The values of each label.
    values: BTreeMap<String, BTreeSet<String>>,
}

/// Reads Prometheus text.
fn families(text: &str) -> BTreeMap<String, Family> {
    let mut all = BTreeMap::<String, Family>::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type has a name");
            name.clone_into(&mut current);
            kind.clone_into(&mut all.entry(current.clone()).or_default().kind);
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let parts = ["", "_bucket", "_sum", "_count"];
            let own = parts.iter().any(|part| name.strip_suffix(part) == Some(current.as_str()));
            assert!(own, "{line} is not part of {current}");
            let family = all.entry(current.clone()).or_default();
            for (label, value) in labels(line) {
                family.labels.insert(label.clone());
                family.values.entry(label).or_default().insert(value);
            }
        }
    }
    all
}

/// The labels of a sample. No value that is compared has a quote in it.
fn labels(line: &str) -> Vec<(String, String)> {
    let Some((_, rest)) = line.split_once('{') else { return Vec::new() };
    let (inside, _) = rest.rsplit_once('}').expect("labels end");
    let pairs = inside.split("\",").filter(|pair| !pair.is_empty());
    let pair = |text: &str| {
        let (name, value) = text.split_once("=\"").expect("a label has a value");
        (name.to_owned(), value.trim_end_matches('"').to_owned())
    };
    pairs.map(pair).collect()
}

fn pod(name: &str, cpu: &str) -> Value {
    let mut pod = plain::pod(name, SCHEDULER, cpu);
    pod["metadata"]["labels"] = json!({"app": name});
    pod["spec"]["terminationGracePeriodSeconds"] = json!(0);
    pod
}

/// Waits until the pod `name` is on a node, or is said to fit nowhere.
async fn settled(rest: &Rest, name: &str, placed: bool) {
    let path = format!("{}/{name}", pods_path("default"));
    let deadline = Instant::now() + DEADLINE;
    loop {
        let pod = rest.get(&path).await.unwrap_or_default();
        let misfit = scheduled_condition(&pod)["reason"] == "Unschedulable";
        if (placed && node_of(&pod).is_some()) || (!placed && misfit) {
            return;
        }
        assert!(Instant::now() < deadline, "not settled: {pod}");
        sleep(POLL).await;
    }
}

/// The work: pods that fit, one that does not until a node comes, one with a gate, one that makes others go.
async fn work(rest: &Rest) {
    let pods = pods_path("default");
    rest.create(PRIORITY_CLASSES, &priority_class("high", 1000)).await;
    rest.create(NODES, &node("n1", "4")).await;
    rest.create(NODES, &node("n2", "4")).await;
    rest.create(&pods, &pod("a", "3")).await;
    rest.create(&pods, &pod("b", "3")).await;
    for name in ["a", "b"] {
        settled(rest, name, true).await;
    }
    rest.create(&pods, &pod("big", "9")).await;
    settled(rest, "big", false).await;
    let mut gated = pod("gated", "10m");
    gated["spec"]["schedulingGates"] = json!([{"name": "example.com/wait"}]);
    rest.create(&pods, &gated).await;
    let mut high = pod("high", "3");
    high["spec"]["priorityClassName"] = json!("high");
    rest.create(&pods, &high).await;
    settled(rest, "high", true).await;
    rest.patch(&format!("{pods}/gated"), &json!({"spec": {"schedulingGates": null}})).await;
    settled(rest, "gated", true).await;
    rest.create(NODES, &node("n3", "16")).await;
    settled(rest, "big", true).await;
    for i in 0..MANY {
        rest.create(&pods, &pod(&format!("many-{i}"), "1m")).await;
    }
    for i in 0..MANY {
        settled(rest, &format!("many-{i}"), true).await;
    }
    // One that is left among the unschedulable, and one that stays gated.
    rest.create(&pods, &pod("bigger", "90")).await;
    settled(rest, "bigger", false).await;
    gated["metadata"]["name"] = json!("gated-for-ever");
    rest.create(&pods, &gated).await;
    rest.patch(&format!("{NODES}/n1"), &json!({"metadata": {"labels": {"x": "y"}}})).await;
    rest.delete(&format!("{pods}/many-0")).await;
}

/// What `/metrics` says once it says `last`, the last thing that happens, and has the families that
/// kube-scheduler fills with up to a second's delay.
async fn scraped(endpoint: &Endpoint) -> String {
    let last = [
        "scheduler_pending_pods{queue=\"gated\"} 1",
        "scheduler_event_handling_duration_seconds_count{event=\"AssignedPodDelete\"} 2",
    ];
    let deadline = Instant::now() + DEADLINE;
    loop {
        let (_, text) = endpoint.get("/metrics").await.unwrap_or_default();
        let late = DELAYED.iter().all(|family| text.contains(family));
        if late && last.iter().all(|last| text.lines().any(|line| line == *last)) {
            return text;
        }
        assert!(Instant::now() < deadline, "not all of {last:?} are in\n{text}");
        sleep(POLL).await;
    }
}

/// Pods of every kind that metrics of resources tell apart, of which none is placed by a scheduler.
async fn resources(rest: &Rest, endpoint: &Endpoint) -> BTreeSet<String> {
    let pods = pods_path("default");
    let class = json!({
        "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "sandboxed"},
        "handler": "h", "overhead": {"podFixed": {"cpu": "9m", "memory": "3Mi"}},
    });
    rest.create("/apis/node.k8s.io/v1/runtimeclasses", &class).await;
    let container = |name: &str, requests: Value, limits: Value| {
        json!({
            "name": name, "image": "example.com/c:1",
            "resources": {"requests": requests, "limits": limits},
        })
    };
    let create = async |name: &str, containers: Value, more: Value| {
        let mut pod = pod(&format!("{SAID}{name}"), "1");
        pod["spec"]["nodeName"] = json!("n1");
        pod["spec"]["containers"] = containers;
        for (key, value) in more.as_object().expect("these are fields") {
            pod["spec"][key] = value.clone();
        }
        rest.create(&pods, &pod).await;
    };
    let plain = || json!([container("c", json!({"cpu": "250m"}), json!({"memory": "1Gi"}))]);
    create("plain", plain(), json!({})).await;
    create("sandboxed", plain(), json!({"runtimeClassName": "sandboxed"})).await;
    create("urgent", plain(), json!({"priorityClassName": "high"})).await;
    let mut sidecar = container("s", json!({"cpu": "57m"}), json!({"cpu": "1"}));
    sidecar["restartPolicy"] = json!("Always");
    let first = container("i", json!({"memory": "5Gi"}), json!({"memory": "6Gi"}));
    let last = container("j", json!({"cpu": "1001m", "ephemeral-storage": "1500k"}), json!({}));
    let beside = json!({"initContainers": [first, sidecar, last]});
    create("prepared", plain(), beside).await;
    let odd = json!({"hugepages-2Mi": "4Mi", "memory": "1", "example.com/thing": "3"});
    create("odd", json!([container("c", odd.clone(), odd)]), json!({})).await;
    let whole = json!({"resources": {
        "requests": {"cpu": "2"}, "limits": {"cpu": "3", "memory": "2Gi"},
    }});
    create("whole", plain(), whole).await;
    create("nothing", json!([container("c", json!({}), json!({}))]), json!({})).await;
    create("foreign", plain(), json!({"nodeName": null, "schedulerName": "nobody"})).await;
    create("waiting", plain(), json!({"nodeName": null, "nodeSelector": {"no": "node"}})).await;
    create("finished", plain(), json!({})).await;
    create("last", plain(), json!({})).await;
    let ended = json!({"status": {"phase": "Succeeded"}});
    rest.patch(&format!("{pods}/{SAID}finished/status"), &ended).await;
    let is_there = |text: &str, name: &str| text.contains(&format!("pod=\"{SAID}{name}\""));
    let deadline = Instant::now() + DEADLINE;
    loop {
        let (_, text) = endpoint.get("/metrics/resources").await.unwrap_or_default();
        if is_there(&text, "last") && is_there(&text, "waiting") && !is_there(&text, "finished") {
            let lines = text.lines().filter(|line| line.starts_with('#') || line.contains(SAID));
            return lines.map(str::to_owned).collect();
        }
        assert!(Instant::now() < deadline, "not all pods are in\n{text}");
        sleep(POLL).await;
    }
}

/// What is not as kube-scheduler has it.
fn differences(theirs: &str, ours: &str) -> Vec<String> {
    let (theirs, ours) = (families(theirs), families(ours));
    let of_both = |name: &&String| !name.starts_with("berth_");
    let names: BTreeSet<_> = theirs.keys().chain(ours.keys()).filter(of_both).collect();
    let mut found = Vec::new();
    for name in names {
        let lacks = LACKS.iter().any(|(lacks, _)| match lacks.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => lacks == name,
        });
        match (theirs.get(name), ours.get(name)) {
            (Some(_), None) if lacks => {}
            (Some(theirs), Some(ours)) if !lacks => compare(name, theirs, ours, &mut found),
            (theirs, ours) => found.push(format!("{name}: {theirs:?} and {ours:?}")),
        }
    }
    for (family, label, value, _) in LACKS_VALUES {
        let has = |side: &BTreeMap<String, Family>| {
            side.get(family)
                .and_then(|family| family.values.get(label))
                .is_some_and(|values| values.contains(value))
        };
        if has(&ours) {
            found.push(format!("{family}: {label} {value} is there after all"));
        }
    }
    found
}

fn compare(name: &str, theirs: &Family, ours: &Family, found: &mut Vec<String>) {
    if (&theirs.kind, &theirs.labels) != (&ours.kind, &ours.labels) {
        found.push(format!("{name}: {theirs:?} and {ours:?}"));
    }
    if theirs.values.get("le") != ours.values.get("le") {
        found.push(format!("{name}: {:?} and {:?}", theirs.values["le"], ours.values.get("le")));
    }
    // Plugins are timed in one of ten cycles, drawn by lot on both sides: which points that meets is chance.
    let compared: &[&str] = if name == RUNS { &[] } else { &CLOSED };
    for label in compared {
        let none = BTreeSet::new();
        let lacks = |value: &&String| {
            LACKS_VALUES.iter().any(|(f, l, v, _)| (*f, *l, *v) == (name, *label, value.as_str()))
        };
        let ours = ours.values.get(*label).unwrap_or(&none);
        let theirs = theirs.values.get(*label).unwrap_or(&none);
        let missing: Vec<_> = theirs.difference(ours).filter(|value| !lacks(value)).collect();
        if !missing.is_empty() {
            found.push(format!("{name}: {label} is never {missing:?}"));
        }
    }
}

/// A kube-scheduler at work. Dropping it ends it.
struct Upstream {
    _process: Process,
    _folder: TempDir,
    endpoint: Endpoint,
}

impl Upstream {
    async fn start(program: &Path, kubeconfig: &Path) -> Self {
        for _ in 0..PORT_CHOICES_MAX {
            let folder = tempfile::Builder::new().prefix("kube-scheduler-").tempdir();
            let folder = folder.expect("a folder for the log can be made");
            let port = free_port();
            let mut command = Command::new(program);
            command.args(["--secure-port", &port.to_string(), "--bind-address", "127.0.0.1"]);
            command.args(["--leader-elect=false", "--authentication-skip-lookup=true"]);
            command.arg("--authorization-always-allow-paths=/readyz,/metrics,/metrics/resources");
            command.args(["--kube-api-qps=5000", "--kube-api-burst=5000"]);
            command.arg("--kubeconfig").arg(kubeconfig);
            let process = Process::spawn(&mut command, &folder.path().join("log"));
            let mut process = process.expect("kube-scheduler can be started");
            let endpoint = Endpoint::https((Ipv4Addr::LOCALHOST, port).into());
            let deadline = Instant::now() + DEADLINE;
            while process.exited().expect("it can be looked at").is_none() {
                if endpoint.get("/readyz").await.is_some_and(|(status, _)| status == 200) {
                    return Self { _process: process, _folder: folder, endpoint };
                }
                assert!(Instant::now() < deadline, "not ready; {}", process.log_tail());
                sleep(POLL).await;
            }
            let tail = process.log_tail();
            assert!(tail.contains("address already in use"), "{tail}");
        }
        unreachable!("no port stays free");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_types_labels_and_buckets_are_kube_schedulers() {
    let name = "names_types_labels_and_buckets_are_kube_schedulers";
    let program = upstream::binary("kube-scheduler");
    let Some(program) = require(name, "kube-scheduler", program) else { return };
    let (theirs, their_resources) = {
        let Some(plane) = ControlPlane::start(name).await else { return };
        let scheduler = Upstream::start(&program, &plane.kubeconfig()).await;
        let rest = Rest(plane.client().await);
        work(&rest).await;
        let said = scraped(&scheduler.endpoint).await;
        (said, resources(&rest, &scheduler.endpoint).await)
    };
    let (ours, our_resources) = {
        let Some(plane) = ControlPlane::start(name).await else { return };
        let skip = ["--authentication-skip-lookup=true"];
        let (berth, endpoint) = start_secure(&plane.kubeconfig(), SCHEDULER, &skip).await;
        let rest = Rest(plane.client().await);
        work(&rest).await;
        let said = scraped(&endpoint).await;
        let resources = resources(&rest, &endpoint).await;
        berth.stop().await;
        (said, resources)
    };
    let found = differences(&theirs, &ours);
    assert!(found.is_empty(), "{found:#?}");
    let gates = |text: &str| {
        let lines = text.lines().filter(|line| line.contains("kubernetes_feature_enabled"));
        lines.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    assert_eq!(gates(&theirs), gates(&ours));
    let foreign = |line: &&String| line.contains(FOREIGN);
    assert!(their_resources.iter().any(|line| foreign(&line)), "{their_resources:#?}");
    let theirs: BTreeSet<_> = their_resources.iter().filter(|line| !foreign(line)).collect();
    assert!(theirs.len() > 25, "{theirs:#?}");
    assert_eq!(theirs, our_resources.iter().collect());
}
