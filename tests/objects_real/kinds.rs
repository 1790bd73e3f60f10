//! Objects of the other kinds, and those that pods refer to.
#![expect(clippy::too_many_lines, reason = "these functions are tables")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::pods::pod;

/// An object from its kind, its name and the rest.
pub(crate) fn object(version: &str, kind: &str, name: &str, rest: &Value) -> Value {
    let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
    json_patch::merge(&mut object, rest);
    object
}

/// What the other objects refer to: namespaces, classes, nodes, limits.
pub(crate) fn foundations() -> Vec<Value> {
    let class =
        |name: &str, rest: &Value| object("scheduling.k8s.io/v1", "PriorityClass", name, rest);
    let limits = json!({"metadata": {"namespace": "limited"}, "spec": {"limits": [
        {"type": "Container", "default": {"cpu": "1000m"}, "defaultRequest": {"cpu": "0.1", "memory": "64Mi"},
         "min": {"cpu": "50m"}, "max": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "10"}},
        {"type": "Pod", "max": {"cpu": "3"}},
        {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "5Gi"}}]}});
    vec![
        object("v1", "Namespace", "team-a", &json!({})),
        object(
            "v1",
            "Namespace",
            "team-b",
            &json!({"metadata": {"labels": {"a": "b"}}, "spec": {"finalizers": ["x.io/y"]}}),
        ),
        object("v1", "Namespace", "limited", &json!({})),
        object("v1", "LimitRange", "limits", &limits),
        object(
            "v1",
            "Node",
            "n1",
            &json!({"metadata": {"labels": {"topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1", "other": "x"}}}),
        ),
        object(
            "storage.k8s.io/v1",
            "StorageClass",
            "first",
            &json!({"provisioner": "A.io/b", "metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}}),
        ),
        object(
            "storage.k8s.io/v1",
            "StorageClass",
            "late",
            &json!({"provisioner": "x.io", "volumeBindingMode": "WaitForFirstConsumer", "reclaimPolicy": "Retain", "parameters": {"a": ""}, "allowVolumeExpansion": false}),
        ),
        class("high", &json!({"value": 1000})),
        class(
            "polite",
            &json!({"value": -5, "preemptionPolicy": "Never", "description": "d", "globalDefault": false}),
        ),
    ]
}

/// Pods in a namespace with limits.
pub(crate) fn limited_pods() -> Vec<Value> {
    let with = |resources: Value| json!({"containers": [{"name": "c", "image": "x", "resources": resources}]});
    let mut specs = vec![
        json!({}),
        json!({"initContainers": [{"name": "i", "image": "x"}], "containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "x", "resources": {"requests": {"cpu": "200m", "memory": "1Gi"}, "limits": {"cpu": "200m"}}}]}),
        with(json!({"requests": {"cpu": "10m"}, "limits": {"cpu": "100m"}})),
        with(json!({"limits": {"cpu": "3"}})),
        with(json!({"requests": {"cpu": "100m"}, "limits": {"cpu": "2"}})),
    ];
    let big = json!({"requests": {"cpu": "2"}, "limits": {"cpu": "2"}});
    specs.push(json!({"containers": [{"name": "a", "image": "x", "resources": big}, {"name": "b", "image": "x", "resources": big}]}));
    let named = specs.iter().enumerate().map(|(at, spec)| {
        let mut pod = pod(&format!("limited-{at}"), spec);
        pod["metadata"]["namespace"] = json!("limited");
        pod
    });
    named.collect()
}

fn template(labels: &Value) -> Value {
    json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}})
}

fn workload(version: &str, kind: &str, name: &str, spec: &Value) -> Value {
    let mut all = json!({"selector": {"matchLabels": {"app": "a"}}, "template": template(&json!({"app": "a"}))});
    json_patch::merge(&mut all, spec);
    object(version, kind, name, &json!({"spec": all}))
}

fn job(name: &str, spec: &Value) -> Value {
    let mut all = json!({"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}});
    json_patch::merge(&mut all, spec);
    object("batch/v1", "Job", name, &json!({"spec": all}))
}

fn service(name: &str, spec: &Value) -> Value {
    let mut all = json!({"selector": {"app": "a"}, "ports": [{"port": 80}]});
    json_patch::merge(&mut all, spec);
    object("v1", "Service", name, &json!({"spec": all}))
}

fn claim(name: &str, spec: &Value) -> Value {
    let mut all =
        json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}});
    json_patch::merge(&mut all, spec);
    object("v1", "PersistentVolumeClaim", name, &json!({"spec": all}))
}

fn volume(name: &str, spec: &Value) -> Value {
    let mut all = json!({"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "0.5Gi"}, "hostPath": {"path": "/x"}});
    json_patch::merge(&mut all, spec);
    object("v1", "PersistentVolume", name, &json!({"spec": all}))
}

/// Objects that are taken.
pub(crate) fn taken() -> Vec<Value> {
    let mut all = taken_core();
    all.extend(taken_workloads());
    all.extend(taken_rest());
    all
}

fn taken_core() -> Vec<Value> {
    vec![
        object("v1", "Node", "plain", &json!({})),
        object(
            "v1",
            "Node",
            "full",
            &json!({
            "metadata": {"labels": {"a": "b"}, "annotations": {"x": "y"}},
            "spec": {"podCIDR": "10.1.0.0/24", "providerID": "p://1", "unschedulable": false, "taints": [{"key": "a", "effect": "NoSchedule"}, {"key": "a", "value": "", "effect": "NoExecute"}]},
            "status": {"capacity": {"cpu": "4000m", "memory": "8388608Ki", "pods": "110", "example.com/gpu": "2"},
                "conditions": [{"type": "Ready", "status": "True"}], "images": [{"names": ["a:1"], "sizeBytes": 5}],
                "addresses": [{"type": "InternalIP", "address": "1.2.3.4"}], "nodeInfo": {"kubeletVersion": "v1"}}}),
        ),
        object(
            "v1",
            "Node",
            "both",
            &json!({"spec": {"podCIDRs": ["10.1.0.0/24", "fd00::/64"]}, "status": {"capacity": {"cpu": "1.5"}, "allocatable": {"cpu": "1"}}}),
        ),
        object(
            "v1",
            "ConfigMap",
            "m",
            &json!({"data": {"a": "", "b": "c"}, "binaryData": {"x": "aGk="}}),
        ),
        object("v1", "ConfigMap", "empty", &json!({"immutable": false})),
        object(
            "v1",
            "Secret",
            "s",
            &json!({"stringData": {"a": "hello", "b": "hi", "c": "x"}, "data": {"b": "eA==", "d": "eA=="}}),
        ),
        object(
            "v1",
            "Secret",
            "tls",
            &json!({"type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""}}),
        ),
        object("v1", "ServiceAccount", "sa", &json!({"imagePullSecrets": [{"name": "x"}]})),
        object(
            "v1",
            "Event",
            "e1",
            &json!({"involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}, "reason": "R", "message": "m", "type": "Normal", "count": 1, "firstTimestamp": "2026-01-01T00:00:00Z", "source": {"component": "c"}}),
        ),
        service("plain", &json!({})),
        service(
            "headless",
            &json!({"clusterIP": "None", "ports": [{"port": 1, "name": "a"}, {"port": 1, "protocol": "UDP", "name": "b", "targetPort": "web"}]}),
        ),
        service("bare", &json!({"clusterIP": "None", "selector": null})),
        service("node-port", &json!({"type": "NodePort", "sessionAffinity": "ClientIP"})),
        service("balanced", &json!({"type": "LoadBalancer", "externalTrafficPolicy": "Cluster"})),
        service(
            "named",
            &json!({"type": "ExternalName", "externalName": "a.b.c", "ports": null, "selector": null}),
        ),
        claim("plain", &json!({})),
        claim(
            "none",
            &json!({"storageClassName": "", "volumeMode": "Block", "selector": {"matchLabels": {"a": "b"}}}),
        ),
        claim(
            "copied",
            &json!({"storageClassName": "late", "dataSource": {"kind": "PersistentVolumeClaim", "name": "x"}}),
        ),
        volume("plain", &json!({})),
        volume(
            "local",
            &json!({"hostPath": null, "local": {"path": "/x"}, "storageClassName": "late", "persistentVolumeReclaimPolicy": "Delete",
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]}},
            "claimRef": {"name": "c", "namespace": "default"}}),
        ),
        volume(
            "csi",
            &json!({"hostPath": null, "csi": {"driver": "d.io", "volumeHandle": "h", "readOnly": false}, "storageClassName": ""}),
        ),
    ]
}

fn taken_workloads() -> Vec<Value> {
    vec![
        workload("apps/v1", "Deployment", "d", &json!({})),
        workload(
            "apps/v1",
            "Deployment",
            "recreate",
            &json!({"replicas": 0, "strategy": {"type": "Recreate"}, "minReadySeconds": 5, "paused": false}),
        ),
        workload(
            "apps/v1",
            "Deployment",
            "half",
            &json!({"strategy": {"rollingUpdate": {"maxSurge": 2}}}),
        ),
        workload("apps/v1", "ReplicaSet", "r", &json!({"replicas": 2})),
        workload(
            "apps/v1",
            "StatefulSet",
            "s",
            &json!({"serviceName": "x", "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}],
            "template": {"spec": {"containers": [{"name": "c", "image": "x", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}]}}}),
        ),
        workload(
            "apps/v1",
            "StatefulSet",
            "on-delete",
            &json!({"updateStrategy": {"type": "OnDelete"}, "podManagementPolicy": "Parallel", "template": {"spec": {"terminationGracePeriodSeconds": 10}}}),
        ),
        workload("apps/v1", "DaemonSet", "ds", &json!({})),
        workload(
            "apps/v1",
            "DaemonSet",
            "ds-on-delete",
            &json!({"updateStrategy": {"type": "OnDelete"}}),
        ),
        object(
            "v1",
            "ReplicationController",
            "rc",
            &json!({"spec": {"template": template(&json!({"app": "rc"}))}}),
        ),
        job("j", &json!({})),
        job(
            "many",
            &json!({"completions": 5, "completionMode": "Indexed", "backoffLimitPerIndex": 1, "template": {"metadata": {"labels": {"x": "y"}}}}),
        ),
        job("parallel", &json!({"parallelism": 3, "suspend": true, "ttlSecondsAfterFinished": 5})),
        job(
            "manual",
            &json!({"manualSelector": true, "selector": {"matchLabels": {"x": "y"}}, "template": {"metadata": {"labels": {"x": "y"}}}}),
        ),
        object(
            "batch/v1",
            "CronJob",
            "cj",
            &json!({"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "OnFailure", "containers": [{"name": "c", "image": "x"}]}}}}}}),
        ),
        object(
            "policy/v1",
            "PodDisruptionBudget",
            "pdb",
            &json!({"spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}}),
        ),
        object(
            "policy/v1",
            "PodDisruptionBudget",
            "pdb2",
            &json!({"spec": {"maxUnavailable": "50%", "selector": {}}, "status": {"disruptionsAllowed": 3, "currentHealthy": 3, "desiredHealthy": 1, "expectedPods": 3}}),
        ),
    ]
}

fn taken_rest() -> Vec<Value> {
    vec![
        object("scheduling.k8s.io/v1", "PriorityClass", "normal", &json!({"value": 0})),
        object(
            "storage.k8s.io/v1",
            "CSINode",
            "n1",
            &json!({"spec": {"drivers": [{"name": "d.io", "nodeID": "n1", "topologyKeys": ["a"], "allocatable": {"count": 3}}, {"name": "e.io", "nodeID": "n1"}]}}),
        ),
        object("storage.k8s.io/v1", "CSINode", "n2", &json!({"spec": {"drivers": []}})),
        object("storage.k8s.io/v1", "CSIDriver", "d.io", &json!({"spec": {}})),
        object(
            "storage.k8s.io/v1",
            "VolumeAttachment",
            "va",
            &json!({"spec": {"attacher": "d.io", "nodeName": "n1", "source": {"persistentVolumeName": "x"}}}),
        ),
        object(
            "coordination.k8s.io/v1",
            "Lease",
            "l",
            &json!({"spec": {"holderIdentity": "", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"}}),
        ),
        object("coordination.k8s.io/v1", "Lease", "l2", &json!({})),
        object(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "es",
            &json!({"addressType": "IPv4", "endpoints": [{"addresses": ["1.2.3.4"], "conditions": {"ready": true}}, {"addresses": ["1.2.3.5"]}], "ports": [{"port": 80}]}),
        ),
        object(
            "resource.k8s.io/v1",
            "ResourceClaim",
            "rc",
            &json!({"spec": {"devices": {"requests": [{"name": "a", "exactly": {"deviceClassName": "gpu"}}, {"name": "b", "firstAvailable": [{"name": "s", "deviceClassName": "gpu", "allocationMode": "All"}]}]}}}),
        ),
    ]
}

/// Objects that are refused.
pub(crate) fn refused() -> Vec<Value> {
    vec![
        object("v1", "Node", "UP", &json!({})),
        object(
            "v1",
            "Node",
            "bad",
            &json!({"metadata": {"labels": {"a b": "c d"}, "annotations": {"": "x"}, "finalizers": ["x y"]},
            "spec": {"taints": [{"key": "", "effect": ""}, {"key": "a", "value": "x y", "effect": "Odd"}, {"key": "b", "effect": "NoSchedule"}, {"key": "b", "effect": "NoSchedule", "value": "z"}]},
            "status": {"capacity": {"cpu": "-1", "example.com/gpu": "0.5"}}}),
        ),
        object("v1", "Node", "ranges", &json!({"spec": {"podCIDRs": ["x", "10.0.0.0/8"]}})),
        object(
            "v1",
            "Node",
            "owned",
            &json!({"metadata": {"ownerReferences": [{"apiVersion": "a/b/c", "kind": "", "name": "x", "uid": "u", "controller": true}, {"apiVersion": "v1", "kind": "Pod", "name": "y", "uid": "u", "controller": true}]}}),
        ),
        object("v1", "Namespace", "a.b", &json!({})),
        object(
            "v1",
            "ConfigMap",
            "m-bad",
            &json!({"data": {"a b": "x", "..": "y", "k": "1"}, "binaryData": {"k": "aGk="}}),
        ),
        object("v1", "Secret", "s-bad", &json!({"type": "kubernetes.io/tls"})),
        object("v1", "Secret", "s-auth", &json!({"type": "kubernetes.io/basic-auth"})),
        service("no-ports", &json!({"ports": null})),
        service(
            "bad-ports",
            &json!({"ports": [{"port": 0}, {"port": 80, "name": "UP", "protocol": "ICMP"}, {"port": 80, "name": "a"}, {"port": 80, "name": "b"}]}),
        ),
        service("odd", &json!({"type": "Odd"})),
        service("nowhere", &json!({"type": "ExternalName", "ports": null})),
        claim("nothing", &json!({"accessModes": null, "resources": null})),
        claim(
            "bad",
            &json!({"accessModes": ["Odd", "ReadWriteOncePod", "ReadWriteOnce"], "resources": {"requests": {"storage": "0"}}, "storageClassName": "UP", "volumeMode": "Odd", "selector": {"matchLabels": {"a b": "c"}}}),
        ),
        volume("bad", &json!({"accessModes": null, "capacity": null, "hostPath": null})),
        volume("two", &json!({"csi": {"driver": "d.io", "volumeHandle": "h"}})),
        volume("local-bad", &json!({"hostPath": null, "local": {"path": "/x"}})),
        workload("apps/v1", "Deployment", "d1", &json!({"selector": null})),
        workload(
            "apps/v1",
            "Deployment",
            "d2",
            &json!({"selector": {"matchLabels": {"app": "b"}}}),
        ),
        workload(
            "apps/v1",
            "Deployment",
            "d3",
            &json!({"replicas": -1, "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}, "minReadySeconds": 700}),
        ),
        workload(
            "apps/v1",
            "Deployment",
            "d4",
            &json!({"template": {"spec": {"restartPolicy": "Never", "containers": []}}}),
        ),
        workload(
            "apps/v1",
            "Deployment",
            "d5",
            &json!({"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": "x", "maxUnavailable": "120%"}}}),
        ),
        workload(
            "apps/v1",
            "Deployment",
            "d6",
            &json!({"strategy": {"rollingUpdate": {"maxSurge": "x", "maxUnavailable": "120%"}}}),
        ),
        workload("apps/v1", "Deployment", "d7", &json!({"selector": {"matchLabels": null}})),
        workload("apps/v1", "ReplicaSet", "r1", &json!({"selector": null})),
        workload(
            "apps/v1",
            "StatefulSet",
            "s1",
            &json!({"podManagementPolicy": "Odd", "updateStrategy": {"type": "Odd"}, "serviceName": "UP"}),
        ),
        workload(
            "apps/v1",
            "DaemonSet",
            "ds1",
            &json!({"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}}),
        ),
        workload(
            "apps/v1",
            "DaemonSet",
            "ds2",
            &json!({"selector": {"matchLabels": {"app": "x"}}}),
        ),
        object(
            "v1",
            "ReplicationController",
            "rc1",
            &json!({"spec": {"selector": {"a": "b"}, "template": template(&json!({"app": "rc"}))}}),
        ),
        object("v1", "ReplicationController", "rc2", &json!({"spec": {}})),
        job("j1", &json!({"template": {"spec": {"restartPolicy": "Always"}}})),
        job("j2", &json!({"completionMode": "Indexed", "completions": null, "parallelism": -1})),
        job("j3", &json!({"selector": {"matchLabels": {"x": "y"}}})),
        job("j4", &json!({"backoffLimitPerIndex": 1})),
        object(
            "policy/v1",
            "PodDisruptionBudget",
            "p1",
            &json!({"spec": {"minAvailable": 1, "maxUnavailable": 1}}),
        ),
        object(
            "policy/v1",
            "PodDisruptionBudget",
            "p2",
            &json!({"spec": {"minAvailable": "150%", "unhealthyPodEvictionPolicy": "Odd"}}),
        ),
        object("scheduling.k8s.io/v1", "PriorityClass", "system-mine", &json!({"value": 5})),
        object(
            "scheduling.k8s.io/v1",
            "PriorityClass",
            "too-high",
            &json!({"value": 1_000_000_001}),
        ),
        object(
            "scheduling.k8s.io/v1",
            "PriorityClass",
            "odd",
            &json!({"value": 1, "preemptionPolicy": "Odd"}),
        ),
        object(
            "storage.k8s.io/v1",
            "StorageClass",
            "sc1",
            &json!({"provisioner": "", "reclaimPolicy": "Odd", "volumeBindingMode": "Odd"}),
        ),
        object(
            "storage.k8s.io/v1",
            "CSINode",
            "n3",
            &json!({"spec": {"drivers": [{"name": "", "nodeID": ""}]}}),
        ),
        object(
            "coordination.k8s.io/v1",
            "Lease",
            "l3",
            &json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}),
        ),
        object("v1", "Event", "e2", &json!({"involvedObject": {"namespace": "other"}})),
    ]
}

/// The manifests of `deploy/examples`.
pub(crate) fn examples() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/examples");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the examples are there")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    let read = |path: &std::path::PathBuf| -> Vec<Value> {
        let text = fs::read_to_string(path).expect("an example can be read");
        let documents = text.split("\n---").map(serde_saphyr::from_str::<Value>);
        documents
            .map(|object| object.expect("an example is YAML"))
            .filter(Value::is_object)
            .collect()
    };
    files.iter().flat_map(read).collect()
}
