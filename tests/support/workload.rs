//! A workload of many kinds of pods: [`workload`]. `tests/whole_run.rs` has it placed.

use serde_json::{Value, json};

/// How large a workload is.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) nodes: usize,
    pub(crate) pods: usize,
    /// How many templates take turns; with as many as there are pods hardly two are alike.
    pub(crate) templates: usize,
}

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";
const DRIVER: &str = "csi.example.com";

/// What the workload makes use of besides resources, node affinity, taints, ports, images and priorities.
#[derive(Clone, Copy, Default)]
pub(crate) struct Features {
    /// Spread constraints, and Services, by which upstream spreads pods without any.
    pub(crate) spread: bool,
    /// Affinity and anti-affinity between pods.
    pub(crate) pod_affinity: bool,
    /// Bound claims and disks.
    pub(crate) volumes: bool,
}

/// The objects that are there first, and the pods in the order in which they appear.
pub(crate) fn workload(features: Features, size: Size) -> (Vec<Value>, Vec<Value>) {
    let mut objects: Vec<Value> = (0..size.nodes).map(node).collect();
    objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "work"}}));
    if features.spread {
        for app in ["web", "api", "cache"] {
            objects.push(json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": app, "namespace": "work"},
                "spec": {"selector": {"app": app}, "ports": [{"port": 80}]}}));
        }
    }
    if features.volumes {
        objects.push(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": "now"}, "provisioner": DRIVER, "volumeBindingMode": "Immediate"}));
        objects.extend((0..size.nodes).map(csi_node));
    }
    let mut pods = Vec::with_capacity(size.pods);
    for i in 0..size.pods {
        let template = i % size.templates;
        let mut pod = pod(template, i);
        if features.spread {
            spread(&mut pod, template);
        }
        if features.pod_affinity {
            affinity(&mut pod, template);
        }
        if features.volumes {
            volumes(&mut pod, template, i, &mut objects);
        }
        pods.push(pod);
    }
    (objects, pods)
}

fn node(i: usize) -> Value {
    let name = format!("node-{i:03}");
    let cpu = ["2", "4", "8", "3920m", "16"][i % 5];
    let memory = ["4Gi", "16Gi", "32Gi", "7934Mi"][i % 4];
    let mut spec = json!({});
    if i.is_multiple_of(17) {
        spec["taints"] = json!([{"key": "team", "value": "a", "effect": "NoSchedule"}]);
    } else if i.is_multiple_of(13) {
        spec["taints"] = json!([{"key": "slow", "effect": "PreferNoSchedule"}]);
    } else if i.is_multiple_of(41) {
        spec["unschedulable"] = json!(true);
    }
    let mut images = Vec::new();
    if i.is_multiple_of(7) {
        images.push(json!({"names": ["example.com/web:1"], "sizeBytes": 300_000_000}));
    }
    let resources =
        json!({"cpu": cpu, "memory": memory, "pods": "20", "ephemeral-storage": "100Gi"});
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {HOST: name, ZONE: zone(i),
            "disk": if i % 7 < 3 { "ssd" } else { "hdd" }}},
        "spec": spec,
        "status": {"capacity": resources, "allocatable": resources, "images": images},
    })
}

fn zone(i: usize) -> String {
    format!("z{}", i % 3)
}

fn csi_node(i: usize) -> Value {
    let name = format!("node-{i:03}");
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": name},
        "spec": {"drivers": [{"name": DRIVER, "nodeID": name, "topologyKeys": [ZONE],
                              "allocatable": {"count": 2 + i % 3}}]}})
}

/// Pod `number` of template `i`.
fn pod(i: usize, number: usize) -> Value {
    let (hour, minute, second) = (number / 3600, number / 60 % 60, number % 60);
    let app = ["web", "api", "cache", "batch", "db"][i % 5];
    let cpu = ["100m", "250m", "500m", "1", "1500m", "50m", "2"][i % 7];
    let memory = ["128Mi", "256Mi", "1Gi", "2Gi", "64Mi", "500M"][i % 6];
    let mut container = json!({"name": "c", "image": "example.com/web:1",
        "resources": {"requests": {"cpu": cpu, "memory": memory}}});
    if i.is_multiple_of(23) {
        container["ports"] = json!([{"containerPort": 80, "hostPort": 8080}]);
    }
    let priority = if i % 4 == 3 { 100 } else { 0 };
    let mut spec = json!({"containers": [container], "priority": priority});
    if i.is_multiple_of(11) {
        spec["nodeSelector"] = json!({"disk": "ssd"});
    }
    if i.is_multiple_of(9) {
        spec["tolerations"] = json!([{"key": "team", "operator": "Exists"}]);
    }
    if i % 8 == 3 {
        let expression = json!({"key": ZONE, "operator": "In", "values": ["z1"]});
        let preferred = json!([{"weight": 50, "preference": {"matchExpressions": [expression]}}]);
        spec["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"] =
            preferred;
    }
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{app}-{number:03}"), "namespace": "work",
            "labels": {"app": app}, "uid": format!("uid-{number}"),
            "creationTimestamp": format!("2026-01-01T{hour:02}:{minute:02}:{second:02}Z")},
        "spec": spec, "status": {"phase": "Pending"},
    })
}

fn selector(pod: &Value) -> Value {
    json!({"matchLabels": {"app": pod["metadata"]["labels"]["app"]}})
}

fn spread(pod: &mut Value, i: usize) {
    let constraint = |key: &str, when: &str| {
        json!({"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": when,
               "labelSelector": selector(pod)})
    };
    let constraints = match i % 10 {
        3 => json!([constraint(ZONE, "DoNotSchedule")]),
        4 => json!([constraint(ZONE, "DoNotSchedule"), constraint(HOST, "ScheduleAnyway")]),
        8 => json!([constraint(HOST, "ScheduleAnyway"), constraint("disk", "ScheduleAnyway")]),
        _ => return,
    };
    pod["spec"]["topologySpreadConstraints"] = constraints;
}

fn affinity(pod: &mut Value, i: usize) {
    let own = selector(pod);
    let web = json!({"matchLabels": {"app": "web"}});
    let term = |key: &str, selector: &Value| json!({"topologyKey": key, "labelSelector": selector});
    let (kind, strength, terms) = match i % 15 {
        4 => ("podAntiAffinity", "required", json!([term(HOST, &own)])),
        5 => ("podAffinity", "required", json!([term(ZONE, &own)])),
        6 => (
            "podAffinity",
            "preferred",
            json!([{"weight": 30, "podAffinityTerm": term(ZONE, &web)}]),
        ),
        7 => (
            "podAntiAffinity",
            "preferred",
            json!([{"weight": 100, "podAffinityTerm": term(HOST, &own)}]),
        ),
        _ => return,
    };
    let field = format!("{strength}DuringSchedulingIgnoredDuringExecution");
    pod["spec"]["affinity"][kind][field] = terms;
}

/// Claims that are bound already: what the scheduler would have to bind itself, a replay does not show.
fn volumes(pod: &mut Value, i: usize, number: usize, objects: &mut Vec<Value>) {
    match i % 12 {
        2 => {
            let name = format!("claim-{number}");
            objects.extend(bound_claim(&name, number));
            pod["spec"]["volumes"] =
                json!([{"name": "v", "persistentVolumeClaim": {"claimName": name}}]);
        }
        9 => {
            let disk = format!("disk-{}", i % 40);
            pod["spec"]["volumes"] = json!([{"name": "v", "gcePersistentDisk": {"pdName": disk, "readOnly": i % 24 == 9}}]);
        }
        _ => {}
    }
}

fn bound_claim(name: &str, i: usize) -> [Value; 2] {
    let volume = format!("volume-{i}");
    let expression = json!({"key": ZONE, "operator": "In", "values": [zone(i / 12)]});
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "work", "uid": format!("uid-{name}"),
                     "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "now", "volumeName": volume,
                 "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": "Bound"},
    });
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "storageClassName": "now", "csi": {"driver": DRIVER, "volumeHandle": volume},
            "claimRef": {"kind": "PersistentVolumeClaim", "namespace": "work", "name": name,
                         "uid": format!("uid-{name}")},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}},
        "status": {"phase": "Bound"},
    });
    [claim, volume]
}
