//! Nodes that kube-controller-manager taints for their conditions, on the real kube-apiserver: berth gives them
//! the pods that tolerate it, and no others. Upstream's TestTaintNodeByCondition, case by case.

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use support::berth::Berth;
use support::control_plane::{ControlPlane, Options};
use support::controllers::controller_manager;
use support::rest::{NODES, Rest, node_of, pods_path, scheduled_condition};

const TEST: &str = "taints";
const GATE: &str = "TaintTolerationComparisonOperators";
const SCHEDULER: &str = "default-scheduler";

/// What a pod asks for.
#[derive(Clone, Copy)]
enum Class {
    BestEffort,
    Burstable,
    Guaranteed,
}
use Class::{BestEffort, Burstable, Guaranteed};

/// A key and an effect; with a value also an operator, else `Exists`.
type Tolerated = (&'static str, Option<(&'static str, &'static str)>, &'static str);

/// A pod: what it asks for, what it tolerates, and whether it gets the node.
type PodCase = (Class, &'static [Tolerated], bool);

/// A node and its pods.
struct Case {
    name: &'static str,
    conditions: &'static [(&'static str, &'static str)],
    cordoned: bool,
    /// The taints that it has from the beginning: key, value, effect.
    tainted: &'static [(&'static str, &'static str, &'static str)],
    /// The keys of the taints that it has in the end.
    keys: &'static [&'static str],
    pods: &'static [PodCase],
}

const READY: (&str, &str) = ("Ready", "True");
const CLOSED: &str = "NoSchedule";
const NOT_READY: Tolerated = ("node.kubernetes.io/not-ready", None, CLOSED);
const CORDONED: Tolerated = ("node.kubernetes.io/unschedulable", None, CLOSED);
const MEMORY: Tolerated = ("node.kubernetes.io/memory-pressure", None, CLOSED);
const DISK: Tolerated = ("node.kubernetes.io/disk-pressure", None, CLOSED);
const NETWORK: Tolerated = ("node.kubernetes.io/network-unavailable", None, CLOSED);
const PIDS: Tolerated = ("node.kubernetes.io/pid-pressure", None, CLOSED);

const CLASS: &str = "node.example.com/priority-class";
const ERRORS: &str = "node.example.com/error-rate";
const CPU: &str = "node.example.com/cpu-utilization";
const HIGH_CLASS: Tolerated = (CLASS, Some(("Gt", "900")), CLOSED);
const FEW_ERRORS: Tolerated = (ERRORS, Some(("Lt", "10")), CLOSED);

/// Without tolerations, no pod fits.
const NONE_FIT: [PodCase; 3] =
    [(BestEffort, &[], false), (Burstable, &[], false), (Guaranteed, &[], false)];

/// A node whose conditions say so.
const fn of_condition(
    name: &'static str,
    conditions: &'static [(&'static str, &'static str)],
    keys: &'static [&'static str],
    pods: &'static [PodCase],
) -> Case {
    Case { name, conditions, cordoned: false, tainted: &[], keys, pods }
}

/// A node that somebody has tainted with numbers.
const fn of_numbers(
    name: &'static str,
    tainted: &'static [(&'static str, &'static str, &'static str)],
    keys: &'static [&'static str],
    pods: &'static [PodCase],
) -> Case {
    Case { name, conditions: &[READY], cordoned: false, tainted, keys, pods }
}

const CONDITIONS: [Case; 8] = [
    of_condition(
        "not-ready",
        &[("Ready", "False")],
        &[NOT_READY.0],
        &[NONE_FIT[0], NONE_FIT[1], NONE_FIT[2], (BestEffort, &[NOT_READY], true)],
    ),
    Case {
        name: "unschedulable",
        conditions: &[READY],
        cordoned: true,
        tainted: &[],
        keys: &[CORDONED.0],
        pods: &[NONE_FIT[0], NONE_FIT[1], NONE_FIT[2], (BestEffort, &[CORDONED], true)],
    },
    // The API server lets all but the best-effort ones tolerate it.
    of_condition(
        "memory-pressure",
        &[("MemoryPressure", "True"), READY],
        &[MEMORY.0],
        &[
            NONE_FIT[0],
            (BestEffort, &[MEMORY], true),
            (BestEffort, &[DISK], false),
            (Burstable, &[], true),
            (Guaranteed, &[], true),
        ],
    ),
    of_condition(
        "disk-pressure",
        &[("DiskPressure", "True"), READY],
        &[DISK.0],
        &[
            NONE_FIT[0],
            NONE_FIT[1],
            NONE_FIT[2],
            (BestEffort, &[DISK], true),
            (BestEffort, &[MEMORY], false),
        ],
    ),
    of_condition(
        "network-unavailable",
        &[("NetworkUnavailable", "True"), READY],
        &[NETWORK.0],
        &[NONE_FIT[0], NONE_FIT[1], NONE_FIT[2], (Burstable, &[NETWORK], true)],
    ),
    of_condition(
        "network-unavailable-and-not-ready",
        &[("NetworkUnavailable", "True"), ("Ready", "False")],
        &[NETWORK.0, NOT_READY.0],
        &[
            NONE_FIT[0],
            NONE_FIT[1],
            NONE_FIT[2],
            (Burstable, &[NETWORK], false),
            (Burstable, &[NETWORK, NOT_READY], true),
        ],
    ),
    of_condition(
        "pid-pressure",
        &[("PIDPressure", "True"), READY],
        &[PIDS.0],
        &[NONE_FIT[0], NONE_FIT[1], NONE_FIT[2], (BestEffort, &[PIDS], true)],
    ),
    of_condition(
        "several-pressures",
        &[("PIDPressure", "True"), ("MemoryPressure", "True"), ("DiskPressure", "True"), READY],
        &[DISK.0, MEMORY.0, PIDS.0],
        &[],
    ),
];

const NUMBERS: [Case; 5] = [
    of_numbers(
        "class",
        &[(CLASS, "950", "NoSchedule")],
        &[CLASS],
        &[NONE_FIT[0], (BestEffort, &[HIGH_CLASS], true)],
    ),
    of_numbers(
        "errors",
        &[(ERRORS, "5", "NoSchedule")],
        &[ERRORS],
        &[NONE_FIT[1], (Burstable, &[FEW_ERRORS], true)],
    ),
    of_numbers(
        "class-and-errors",
        &[(CLASS, "950", "NoSchedule"), (ERRORS, "5", "NoSchedule")],
        &[CLASS, ERRORS],
        &[
            NONE_FIT[2],
            (Guaranteed, &[HIGH_CLASS], false),
            (Guaranteed, &[HIGH_CLASS, FEW_ERRORS], true),
        ],
    ),
    of_numbers(
        "no-execute",
        &[(CPU, "75", "NoExecute")],
        &[CPU],
        &[
            NONE_FIT[2],
            (Guaranteed, &[(CPU, Some(("Lt", "90")), "NoExecute")], true),
            (Guaranteed, &[(CPU, Some(("Gt", "50")), "NoExecute")], true),
        ],
    ),
    of_numbers(
        "rather-not",
        &[(CLASS, "950", "PreferNoSchedule")],
        &[CLASS],
        &[
            (BestEffort, &[], true),
            (BestEffort, &[(CLASS, Some(("Gt", "900")), "PreferNoSchedule")], true),
            (BestEffort, &[(ERRORS, Some(("Lt", "10")), "PreferNoSchedule")], true),
        ],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_gets_the_pods_that_tolerate_its_conditions() {
    let flags = [
        format!("--feature-gates={GATE}=true"),
        // It has pods that ask for something tolerate a lack of memory.
        "--enable-admission-plugins=PodTolerationRestriction".to_owned(),
    ];
    let options = Options { apiserver_flags: flags.into(), ..Options::default() };
    let Some(plane) = ControlPlane::start_with(TEST, &options).await else { return };
    let kubeconfig = plane.kubeconfig();
    let lifecycle = ["node-lifecycle-controller"];
    let Some(_manager) = controller_manager(TEST, &kubeconfig, &lifecycle) else { return };
    let rest = Rest(plane.client().await);
    for enabled in [false, true] {
        let numbers = if enabled { &NUMBERS[..] } else { &[] };
        for case in CONDITIONS.iter().chain(numbers) {
            on_one_node(&kubeconfig, &rest, case, enabled).await;
        }
    }
}

/// A cluster of one node; berth, with the gate or without it.
async fn on_one_node(kubeconfig: &Path, rest: &Rest, case: &Case, gate: bool) {
    let berth =
        Berth::start(kubeconfig, SCHEDULER, &["--feature-gates", &format!("{GATE}={gate}")]);
    let name = format!("{}-{gate}", case.name);
    rest.create(NODES, &node(&name, case)).await;
    let path = format!("{NODES}/{name}");
    let tainted = async || {
        let node = rest.get(&path).await?;
        let taints = node["spec"]["taints"].as_array()?;
        // A node that is not ready is also cleared of pods.
        let counts = |taint: &&Value| taint["effect"] != "NoExecute" || taint["key"] == CPU;
        let keys = taints.iter().filter(counts).filter_map(|taint| taint["key"].as_str());
        let wanted: BTreeSet<_> = case.keys.iter().copied().collect();
        (keys.collect::<BTreeSet<_>>() == wanted).then_some(())
    };
    berth.wait_for(&format!("the taints of {name}"), tainted).await;
    let pods = pods_path("default");
    for (number, tried) in case.pods.iter().enumerate() {
        rest.create(&pods, &pod(&format!("{name}-{number}"), tried)).await;
    }
    for (number, (.., fits)) in case.pods.iter().enumerate() {
        let pod = format!("{pods}/{name}-{number}");
        let as_wanted = async || {
            let pod = rest.get(&pod).await?;
            let is_unschedulable = scheduled_condition(&pod)["reason"] == "Unschedulable";
            let there = node_of(&pod) == Some(&*name);
            (if *fits { there } else { !there && is_unschedulable }).then_some(())
        };
        berth.wait_for(&format!("{pod} to be placed: {fits}"), as_wanted).await;
    }
    // Others had their turn since.
    for (number, (.., fits)) in case.pods.iter().enumerate() {
        let pod = format!("{pods}/{name}-{number}");
        let placed = node_of(&rest.get(&pod).await.expect("nobody deletes it")).is_some();
        assert_eq!(placed, *fits, "{pod}");
        rest.delete(&pod).await;
    }
    rest.delete(&path).await;
    berth.stop().await;
}

fn node(name: &str, case: &Case) -> Value {
    let condition = |(kind, status): &(&str, &str)| json!({"type": kind, "status": status});
    let conditions: Vec<_> = case.conditions.iter().map(condition).collect();
    let taint = |(key, value, effect): &(&str, &str, &str)| json!({"key": key, "value": value, "effect": effect});
    let taints: Vec<_> = case.tainted.iter().map(taint).collect();
    let size = json!({"cpu": "4000m", "memory": "16Gi", "pods": "110"});
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "spec": {"unschedulable": case.cordoned, "taints": taints},
        "status": {"capacity": size, "allocatable": size, "conditions": conditions},
    })
}

fn pod(name: &str, (class, tolerated, _): &PodCase) -> Value {
    let asks = json!({"cpu": "100m", "memory": "100Mi"});
    let resources = match class {
        BestEffort => json!({}),
        Burstable => json!({"requests": asks}),
        Guaranteed => json!({"requests": asks, "limits": asks}),
    };
    let toleration = |(key, value, effect): &Tolerated| match value {
        Some((operator, value)) => {
            json!({"key": key, "operator": operator, "value": value, "effect": effect})
        }
        None => json!({"key": key, "operator": "Exists", "effect": effect}),
    };
    let tolerations: Vec<_> = tolerated.iter().map(toleration).collect();
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0, "tolerations": tolerations,
            "containers": [{"name": "c", "image": "example.com/c:1", "resources": resources}],
        },
    })
}
