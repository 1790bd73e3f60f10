//! Changes of objects, and bindings of pods.
#![expect(clippy::too_many_lines, reason = "these functions are tables")]

use serde_json::{Value, json};

use super::kinds::object;
use super::pods::pod;

/// An object, the subresource, and what is merged into it.
pub(crate) type Change = (Value, Option<&'static str>, Value);

/// All changes, in the order in which they are made.
pub(crate) fn all() -> Vec<Change> {
    let mut all = of_a_pod();
    all.extend(of_other_pods());
    all.extend(of_status());
    all.extend(of_nodes());
    all
}

fn two(first: &Value) -> Value {
    let mut base = json!({"name": "c", "image": "nginx:1.27"});
    json_patch::merge(&mut base, first);
    json!({"spec": {"containers": [base]}})
}

fn of_a_pod() -> Vec<Change> {
    let spec = |change: Value| json!({"spec": change});
    let changes = [
        json!({}),
        json!({"metadata": {"labels": {"a": "b"}, "annotations": {"x": "y"}}}),
        json!({"metadata": {"labels": {"a b": "c"}}}),
        json!({"metadata": {"generation": 17}}),
        spec(json!({"activeDeadlineSeconds": 50})),
        spec(json!({"activeDeadlineSeconds": 60})),
        spec(json!({"activeDeadlineSeconds": null})),
        spec(json!({"activeDeadlineSeconds": 40})),
        spec(json!({"nodeSelector": {"a": "b"}})),
        spec(json!({"tolerations": [{"key": "n", "operator": "Exists"}]})),
        spec(json!({"tolerations": [
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 20},
            {"key": "n", "operator": "Exists"}]})),
        spec(json!({"schedulingGates": [{"name": "late"}]})),
        spec(json!({"terminationGracePeriodSeconds": 5})),
        spec(json!({"priority": 5})),
        spec(json!({"priority": null, "preemptionPolicy": null})),
        spec(json!({"nodeName": "n1"})),
        spec(
            json!({"containers": [{"name": "c", "image": "nginx:1.27"}, {"name": "d", "image": "x"}]}),
        ),
        json!({"status": {"phase": "Running"}}),
        two(
            &json!({"image": "nginx:2", "imagePullPolicy": "IfNotPresent", "resources": {}, "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}),
        ),
        two(&json!({"image": "", "resources": {}})),
        two(&json!({"resources": {"requests": {"cpu": "1"}}})),
    ];
    changes.into_iter().map(|change| (pod("changed", &json!({})), None, change)).collect()
}

fn of_other_pods() -> Vec<Change> {
    let gated = pod(
        "gated",
        &json!({
            "schedulingGates": [{"name": "a"}, {"name": "b"}], "nodeSelector": {"x": "y"},
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]}]}}},
        }),
    );
    let term = |expressions: Value| json!({"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": expressions}]}}}}});
    let sized = pod(
        "sized",
        &json!({"containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]}),
    );
    let size = |resources: Value| json!({"spec": {"containers": [{"name": "c", "image": "ignored", "resources": resources}]}});
    let claim = object(
        "v1",
        "PersistentVolumeClaim",
        "claim",
        &json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
    );
    let deployment = object(
        "apps/v1",
        "Deployment",
        "d",
        &json!({"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}}}),
    );
    let daemons = object(
        "apps/v1",
        "DaemonSet",
        "ds",
        &json!({"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}}}),
    );
    let map = object("v1", "ConfigMap", "m", &json!({"data": {"a": "b"}}));
    let class = object("scheduling.k8s.io/v1", "PriorityClass", "pc", &json!({"value": 5}));
    let service = object(
        "v1",
        "Service",
        "s",
        &json!({"spec": {"ports": [{"port": 80}], "type": "NodePort"}}),
    );
    let statefuls = object(
        "apps/v1",
        "StatefulSet",
        "ss",
        &json!({"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}}}),
    );
    vec![
        (gated.clone(), None, json!({"spec": {"nodeSelector": {"z": "1"}}})),
        (gated.clone(), None, json!({"spec": {"nodeSelector": {"x": null}}})),
        (
            gated.clone(),
            None,
            term(
                json!([{"key": "k", "operator": "In", "values": ["v"]}, {"key": "l", "operator": "Exists"}]),
            ),
        ),
        (gated.clone(), None, term(json!([]))),
        (gated.clone(), None, json!({"spec": {"schedulingGates": [{"name": "b"}]}})),
        (gated.clone(), None, json!({"spec": {"schedulingGates": [{"name": "b"}, {"name": "c"}]}})),
        (gated, None, json!({"spec": {"schedulingGates": null}})),
        (
            sized.clone(),
            Some("resize"),
            size(json!({"requests": {"cpu": "2000m", "memory": "1Gi"}})),
        ),
        (sized.clone(), Some("resize"), size(json!({"requests": {"cpu": "1"}}))),
        (
            sized.clone(),
            Some("resize"),
            size(
                json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}),
            ),
        ),
        (
            sized.clone(),
            Some("resize"),
            json!({"spec": {"containers": [{"name": "d", "image": "x"}]}}),
        ),
        (
            sized.clone(),
            Some("ephemeralcontainers"),
            json!({"spec": {"ephemeralContainers": [{"name": "e", "image": "busybox"}], "nodeName": "n1"}}),
        ),
        (sized, Some("ephemeralcontainers"), json!({"spec": {"ephemeralContainers": null}})),
        (claim.clone(), None, json!({"spec": {"volumeName": "v"}})),
        (claim.clone(), None, json!({"spec": {"accessModes": ["ReadWriteMany"]}})),
        (
            claim.clone(),
            Some("status"),
            json!({"status": {"phase": "Bound", "capacity": {"storage": "1024Mi"}}, "spec": {"volumeName": "w"}}),
        ),
        (claim, None, json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}})),
        (deployment.clone(), None, json!({"spec": {"replicas": 3}})),
        (deployment.clone(), None, json!({"metadata": {"annotations": {"a": "b"}}})),
        (deployment.clone(), None, json!({"metadata": {"labels": {"a": "b"}}})),
        (
            deployment.clone(),
            None,
            json!({"spec": {"selector": {"matchLabels": {"c": "d"}}, "template": {"metadata": {"labels": {"c": "d"}}}}}),
        ),
        (
            deployment,
            Some("status"),
            json!({"status": {"replicas": 3, "observedGeneration": 2, "unavailableReplicas": 0}, "spec": {"replicas": 9}}),
        ),
        (daemons.clone(), None, json!({"spec": {"template": {"spec": {"hostNetwork": true}}}})),
        (daemons, None, json!({"spec": {"minReadySeconds": 3}})),
        (map.clone(), None, json!({"immutable": true})),
        (map.clone(), None, json!({"data": {"a": "c"}})),
        (map, None, json!({"immutable": null})),
        (class.clone(), None, json!({"value": 6})),
        (class, None, json!({"description": "d"})),
        (service.clone(), None, json!({"spec": {"selector": {"x": "y"}}})),
        (service, None, json!({"spec": {"type": "ClusterIP", "ports": [{"port": 80}]}})),
        (statefuls.clone(), None, json!({"spec": {"serviceName": "x"}})),
        (statefuls, Some("status"), json!({"status": {"replicas": 1, "readyReplicas": 1}})),
    ]
}

fn of_status() -> Vec<Change> {
    let ended = json!({"terminated": {"exitCode": 0}});
    let status = |name: &str, state: &Value| json!({"status": {"containerStatuses": [{"name": name, "state": state, "ready": false, "restartCount": 0, "image": "x", "imageID": ""}]}});
    let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}, "terminated": null});
    let once = pod("once", &json!({"restartPolicy": "Never"}));
    let bound = pod("placed", &json!({"nodeName": "n1"}));
    let claims =
        pod("claims", &json!({"resourceClaims": [{"name": "a", "resourceClaimName": "x"}]}));
    vec![
        (
            once.clone(),
            Some("status"),
            json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}, {"type": "a.io/b", "status": "False", "reason": ""}], "podIP": "1.2.3.4", "hostIP": "1.1.1.1"}}),
        ),
        (
            once.clone(),
            Some("status"),
            json!({"status": {"conditions": [{"type": "a b", "status": "True", "observedGeneration": -1}]}}),
        ),
        (once.clone(), Some("status"), json!({"status": {"qosClass": "Guaranteed"}})),
        (
            once.clone(),
            Some("status"),
            json!({"status": {"qosClass": null, "nominatedNodeName": "n1", "observedGeneration": 1}}),
        ),
        (once.clone(), Some("status"), json!({"status": {"nominatedNodeName": "UP"}})),
        (
            once.clone(),
            Some("status"),
            json!({"metadata": {"labels": {"from": "status"}}, "spec": {"nodeName": "x"}}),
        ),
        (once.clone(), Some("status"), status("c", &ended)),
        (once, Some("status"), status("c", &running)),
        (bound.clone(), Some("status"), json!({"status": {"nominatedNodeName": "n2"}})),
        (bound.clone(), Some("status"), status("c", &ended)),
        (bound, Some("status"), status("c", &running)),
        (
            claims.clone(),
            Some("status"),
            json!({"status": {"resourceClaimStatuses": [{"name": "a", "resourceClaimName": "x"}]}}),
        ),
        (claims.clone(), Some("status"), json!({"status": {"resourceClaimStatuses": null}})),
        (
            claims,
            Some("status"),
            json!({"status": {"resourceClaimStatuses": [{"name": "z"}, {"name": "z"}]}}),
        ),
    ]
}

fn of_nodes() -> Vec<Change> {
    let node = object("v1", "Node", "n1", &json!({}));
    vec![
        (node.clone(), None, json!({"spec": {"providerID": "p://1", "unschedulable": true}})),
        (node.clone(), None, json!({"spec": {"providerID": "p://2"}})),
        (node.clone(), None, json!({"spec": {"providerID": null}})),
        (
            node.clone(),
            None,
            json!({"spec": {"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"], "unschedulable": false}}),
        ),
        (
            node.clone(),
            None,
            json!({"spec": {"podCIDR": "10.2.0.0/24", "podCIDRs": ["10.2.0.0/24"]}}),
        ),
        (
            node.clone(),
            None,
            json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule", "value": "1"}]}}),
        ),
        (node.clone(), None, json!({"spec": {"taints": [{"key": "a", "effect": "Odd"}]}})),
        (
            node.clone(),
            None,
            json!({"metadata": {"labels": {"new": "label"}}, "status": {"capacity": {"cpu": "7"}}}),
        ),
        (
            node.clone(),
            Some("status"),
            json!({"status": {"capacity": {"cpu": "8000m", "pods": 110}}, "spec": {"unschedulable": true}}),
        ),
        (
            node.clone(),
            Some("status"),
            json!({"status": {"allocatable": {"example.com/gpu": "0.5"}}}),
        ),
        (
            node,
            Some("status"),
            json!({"status": {"addresses": [{"type": "InternalIP", "address": "1.2.3.4"}, {"type": "InternalIP", "address": "1.2.3.4"}]}}),
        ),
    ]
}

/// Pods and the bindings that are sent for them, in this order.
pub(crate) fn bindings() -> Vec<(Value, Value)> {
    let binding = |pod: &str, rest: &Value| {
        let mut binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod, "namespace": "default"},
            "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"},
        });
        json_patch::merge(&mut binding, rest);
        binding
    };
    let plain = pod("to-bind", &json!({}));
    let gated = pod("bind-gated", &json!({"schedulingGates": [{"name": "a"}]}));
    let other = pod("bind-elsewhere", &json!({}));
    let mut going = pod("going", &json!({}));
    going["metadata"]["finalizers"] = json!(["x.io/y"]);
    vec![
        (going, binding("going", &json!({}))),
        (plain.clone(), binding("to-bind", &json!({"metadata": {"name": "else"}}))),
        (plain.clone(), binding("to-bind", &json!({"target": {"name": ""}}))),
        (plain.clone(), binding("to-bind", &json!({"target": {"name": "UP", "kind": "Pod"}}))),
        (
            plain.clone(),
            binding(
                "to-bind",
                &json!({"metadata": {"annotations": {"a": "b"}, "labels": {"c": "d"}}}),
            ),
        ),
        (plain, binding("to-bind", &json!({"target": {"name": "n2"}}))),
        (
            pod("other-uid", &json!({})),
            binding(
                "other-uid",
                &json!({"metadata": {"uid": "8d8f3c6e-0000-0000-0000-000000000000"}}),
            ),
        ),
        (
            pod("other-version", &json!({})),
            binding("other-version", &json!({"metadata": {"resourceVersion": "1"}})),
        ),
        (gated, binding("bind-gated", &json!({}))),
        (
            other,
            binding("bind-elsewhere", &json!({"target": {"name": "no-such-node", "kind": null}})),
        ),
    ]
}
