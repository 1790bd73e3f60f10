//! A mixed cluster: 500 nodes of several shapes and 2,000 pods of several kinds. `tests/e2e_mixed.rs`
//! creates it on a real control plane.
//!
//! There is room for every pod that fits anywhere, whatever the order: half of what the nodes have, and
//! exactly as many GPUs as the pods that want one.

use serde_json::{Value, json};

pub(crate) const NODES: usize = 500;
pub(crate) const PODS: usize = 2_000;
pub(crate) const NAMESPACE: &str = "mixed";

const GPU_NODES: usize = 40;
const GPUS_PER_NODE: usize = 4;
const GPU: &str = "example.com/gpu";
/// Pods that fit nowhere.
pub(crate) const MISFITS: usize = 12;
/// Pods that are held back at first.
pub(crate) const GATED: usize = 30;

/// What a pod of the cluster is to the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It has to be placed.
    Fits,
    /// So has this one, once its gate is taken away.
    FitsOnceUngated,
    /// No node is large enough.
    Misfit,
}

/// All nodes.
pub(crate) fn nodes() -> Vec<Value> {
    (0..NODES).map(node).collect()
}

/// All pods, each with what has to become of it.
pub(crate) fn pods() -> Vec<(Value, Fate)> {
    // 7 and 2,000 have no common divisor, so kinds come mixed.
    (0..PODS).map(|i| pod(i * 7 % PODS)).collect()
}

fn node(i: usize) -> Value {
    let name = format!("node-{i:03}");
    let mut resources = match i % 5 {
        0 => json!({"cpu": "2", "memory": "4Gi", "pods": "110", "ephemeral-storage": "20Gi"}),
        1 => json!({"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "50Gi"}),
        2 => {
            json!({"cpu": "3920m", "memory": "7934Mi", "pods": "58", "ephemeral-storage": "47093746742"})
        }
        3 => json!({"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}),
        _ => json!({"cpu": "16", "memory": "65432100Ki", "pods": "8", "ephemeral-storage": "100G"}),
    };
    let mut spec = json!({});
    match i {
        0..GPU_NODES => {
            resources = json!({"cpu": "16", "memory": "64Gi", "pods": "110"});
            resources[GPU] = json!(GPUS_PER_NODE.to_string());
            spec["taints"] = json!([{"key": GPU, "effect": "NoSchedule"}]);
        }
        40..60 => spec["unschedulable"] = json!(true),
        60..90 => spec["taints"] = json!([{"key": "slow", "effect": "PreferNoSchedule"}]),
        90..120 => {
            spec["taints"] = json!([
                {"key": "team", "value": "a", "effect": "NoSchedule"},
                {"key": "slow", "value": "very", "effect": "PreferNoSchedule"},
            ]);
        }
        120..150 => resources["pods"] = json!("2"),
        _ => {}
    }
    let mut images = Vec::new();
    if i.is_multiple_of(7) {
        images.push(json!({"names": ["example.com/web:1"], "sizeBytes": 300_000_000}));
    }
    if i % 11 == 3 {
        let names = ["example.com/model@sha256:0123", "example.com/model:latest"];
        images.push(json!({"names": names, "sizeBytes": 900_000_000}));
    }
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels(i)},
        "spec": spec,
        "status": {"capacity": resources, "allocatable": resources, "images": images},
    })
}

fn labels(i: usize) -> Value {
    let mut labels = json!({"zone": format!("z{}", i % 4), "cores": (2 << (i % 4)).to_string()});
    if i.is_multiple_of(3) {
        labels["disk"] = json!(if i.is_multiple_of(2) { "ssd" } else { "hdd" });
    }
    labels
}

/// Where a pod may go, what it would like, and a port of its node: some of each.
fn constrain(spec: &mut Value, i: usize) {
    let term = |key: &str, operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
    let required = match i % 12 {
        1 => Some(json!([term("zone", "In", &["z0", "z1"])])),
        5 => Some(json!([term("disk", "Exists", &[]), term("cores", "Gt", &["7"])])),
        7 => Some(json!([term("zone", "NotIn", &["z3"])])),
        _ => None,
    };
    let mut affinity = json!({});
    if let Some(terms) = required {
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] =
            json!({"nodeSelectorTerms": terms});
    }
    if i.is_multiple_of(4) {
        affinity["preferredDuringSchedulingIgnoredDuringExecution"] = json!([
            {"weight": 30, "preference": term("zone", "In", &["z2"])},
            {"weight": 70, "preference": term("cores", "Lt", &["5"])},
        ]);
    }
    if affinity != json!({}) {
        spec["affinity"] = json!({"nodeAffinity": affinity});
    }
    if i % 12 == 11 {
        spec["nodeSelector"] = json!({"disk": "ssd"});
    }
    if i.is_multiple_of(20) {
        let protocol = if i.is_multiple_of(40) { "TCP" } else { "UDP" };
        let port = json!({"containerPort": 80, "hostPort": 8080, "protocol": protocol});
        spec["containers"][0]["ports"] = json!([port]);
    }
}

fn pod(i: usize) -> (Value, Fate) {
    let gpu_pods = GPU_NODES * GPUS_PER_NODE;
    let (kind, spec, fate) = if i < gpu_pods {
        ("gpu", gpu_spec(), Fate::Fits)
    } else if i < gpu_pods + MISFITS {
        ("misfit", misfit_spec(i), Fate::Misfit)
    } else {
        let (kind, mut spec) = ordinary_spec(i);
        constrain(&mut spec, i);
        if i < gpu_pods + MISFITS + GATED {
            spec["schedulingGates"] = json!([{"name": "example.com/later"}]);
            ("gated", spec, Fate::FitsOnceUngated)
        } else {
            (kind, spec, Fate::Fits)
        }
    };
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{kind}-{i:04}"), "namespace": NAMESPACE},
        "spec": spec,
    });
    pod["spec"]["schedulerName"] = json!("berth");
    (pod, fate)
}

fn gpu_spec() -> Value {
    let mut amounts = json!({"cpu": "1200m", "memory": "2Gi"});
    amounts[GPU] = json!("1");
    // Of an extended resource the limit is the request.
    let container =
        container("c", "example.com/model", &json!({"requests": amounts, "limits": {GPU: "1"}}));
    json!({"containers": [container], "tolerations": [{"key": GPU, "operator": "Exists"}]})
}

fn misfit_spec(i: usize) -> Value {
    let amounts = match i % 4 {
        0 => json!({"cpu": "17"}),
        1 => json!({"memory": "1Ti"}),
        2 => json!({GPU: "5"}),
        _ => json!({"example.com/none": "1", "cpu": "100m"}),
    };
    let resources = json!({"requests": amounts, "limits": amounts});
    json!({"containers": [container("c", "example.com/web:1", &resources)]})
}

/// The pods that are most of the cluster.
fn ordinary_spec(i: usize) -> (&'static str, Value) {
    let one = |image: &str, amounts: Value| json!({"containers": [container("c", image, &json!({"requests": amounts}))]});
    match i % 10 {
        0 => ("web", one("example.com/web:1", json!({"cpu": "250m", "memory": "256Mi"}))),
        1 => ("batch", one("example.com/batch", json!({"cpu": "500m", "memory": "512Mi"}))),
        2 => ("sidecar", sidecar_spec()),
        3 => ("init", init_spec()),
        4 => {
            let amounts = json!({"cpu": "0.1", "memory": "100M", "ephemeral-storage": "2Gi"});
            ("disk", one("example.com/model:latest", amounts))
        }
        5 => ("best-effort", one("example.com/web:1", json!({}))),
        6 => {
            let limits = json!({"limits": {"cpu": "300m", "memory": "300Mi"}});
            ("limits", json!({"containers": [container("c", "example.com/web:1", &limits)]}))
        }
        7 => {
            let mut spec = one("example.com/team", json!({"cpu": "333m", "memory": "333333333"}));
            spec["tolerations"] = json!([
                {"key": "team", "value": "a", "effect": "NoSchedule"},
                {"key": "slow", "operator": "Exists"},
            ]);
            ("team", spec)
        }
        8 => {
            let first = json!({"requests": {"cpu": "150m"}});
            let second = json!({"requests": {"cpu": "1", "memory": "1500Mi"}});
            let containers = [
                container("a", "example.com/web:1", &first),
                container("b", "example.com/model:latest", &second),
            ];
            ("double", json!({"containers": containers}))
        }
        _ => {
            // It tolerates cordoned nodes as well.
            let mut spec = one("example.com/agent", json!({"cpu": "100m", "memory": "64Mi"}));
            spec["tolerations"] = json!([{"operator": "Exists"}]);
            spec["priority"] = json!(0);
            ("anywhere", spec)
        }
    }
}

/// What runs at once is more than what the init container needs, in memory; in CPU it is less.
fn sidecar_spec() -> Value {
    let requests = |cpu: &str, memory: &str| json!({"requests": {"cpu": cpu, "memory": memory}});
    let mut stays = container("stays", "example.com/agent", &requests("50m", "300Mi"));
    stays["restartPolicy"] = json!("Always");
    json!({
        "initContainers": [stays, container("first", "example.com/web:1", &requests("700m", "200Mi"))],
        "containers": [container("c", "example.com/web:1", &requests("100m", "428Mi"))],
    })
}

fn init_spec() -> Value {
    let requests = |cpu: &str, memory: &str| json!({"requests": {"cpu": cpu, "memory": memory}});
    json!({
        "initContainers": [container("first", "example.com/batch", &requests("1", "1Gi"))],
        "containers": [container("c", "example.com/batch", &requests("120m", "64Mi"))],
    })
}

fn container(name: &str, image: &str, resources: &Value) -> Value {
    json!({"name": name, "image": image, "resources": resources})
}
