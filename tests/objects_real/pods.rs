//! Pods that are taken and pods that are refused, one for each rule.
#![expect(clippy::too_many_lines, reason = "these functions are tables")]

use serde_json::{Value, json};

/// A pod with one container, and `spec` merged into its spec.
pub(crate) fn pod(name: &str, spec: &Value) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": "nginx:1.27"}]},
    });
    json_patch::merge(&mut pod["spec"], spec);
    pod
}

/// Specs that are taken.
pub(crate) fn taken() -> Vec<Value> {
    vec![
        json!({}),
        json!({"containers": [
            {"name": "a", "image": "nginx"}, {"name": "b", "image": "r.io:5000/x/y@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
            {"name": "d", "image": "busybox:latest", "imagePullPolicy": "Never"},
        ]}),
        json!({"containers": [{"name": "c", "image": "x", "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}}]}),
        json!({"containers": [{"name": "c", "image": "x", "resources": {
            "requests": {"cpu": "0.5", "memory": "1.5Gi", "ephemeral-storage": "1e3", "example.com/gpu": "2"},
            "limits": {"cpu": "2", "memory": "2048Mi", "example.com/gpu": 2}}}]}),
        json!({"containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "0.0001", "memory": "100m"}}}]}),
        json!({"containers": [{"name": "c", "image": "x", "resources": {
            "requests": {"cpu": 1, "memory": "1.500", "hugepages-2Mi": "4Mi"}, "limits": {"hugepages-2Mi": "4Mi"}}}]}),
        json!({"containers": [{"name": "c", "image": "x", "resources": {"requests": {}, "limits": {}}}],
               "nodeSelector": {}, "tolerations": [], "volumes": [], "hostNetwork": false}),
        json!({"resources": {"limits": {"cpu": "2", "memory": "2Gi"}},
               "containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "500m"}}}]}),
        json!({"resources": {"requests": {"cpu": "2"}},
               "containers": [{"name": "c", "image": "x", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}]}),
        json!({"resources": {"requests": {"cpu": "3", "memory": "6Gi"}},
               "initContainers": [{"name": "i", "image": "x", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}}]}),
        json!({"initContainers": [
            {"name": "i", "image": "x", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}},
            {"name": "s", "image": "x", "restartPolicy": "Always", "readinessProbe": {"tcpSocket": {"port": 80}}}]}),
        with(&json!({"requests": {"kubernetes.io/odd": "1"}})),
        json!({"terminationGracePeriodSeconds": -5}),
        json!({"terminationGracePeriodSeconds": 0, "restartPolicy": "Never", "dnsPolicy": "Default"}),
        json!({"hostNetwork": true, "containers": [{"name": "c", "image": "x", "ports": [{"containerPort": 80}, {"containerPort": 81, "protocol": "UDP"}]}]}),
        json!({"containers": [{"name": "c", "image": "x", "ports": [
            {"containerPort": 80, "hostPort": 8080}, {"containerPort": 80, "hostPort": 8080, "protocol": "UDP"},
            {"name": "http", "containerPort": 81, "hostPort": 8080, "hostIP": "127.0.0.1"}]}]}),
        json!({"containers": [{"name": "c", "image": "x",
            "livenessProbe": {"httpGet": {"port": 80}}, "readinessProbe": {"grpc": {"port": 9}},
            "startupProbe": {"exec": {"command": ["true"]}, "failureThreshold": 30},
            "lifecycle": {"preStop": {"httpGet": {"port": "web", "path": "/x", "scheme": "HTTPS"}}, "postStart": {"sleep": {"seconds": 3}}},
            "env": [{"name": "A", "value": ""}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                    {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k", "optional": true}}}],
            "envFrom": [{"configMapRef": {"name": "m"}}, {"prefix": "P", "secretRef": {"name": "s"}}]}]}),
        json!({"volumes": [
            {"name": "a"}, {"name": "b", "hostPath": {"path": "/x"}}, {"name": "c", "secret": {"secretName": "s"}},
            {"name": "d", "configMap": {"name": "m", "items": [{"key": "k", "path": "p"}]}},
            {"name": "e", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {"name": "g", "emptyDir": {"medium": "Memory", "sizeLimit": "0.5Gi"}}, {"name": "h", "persistentVolumeClaim": {"claimName": "x", "readOnly": false}},
            {"name": "i", "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}}}},
            {"name": "j", "nfs": {"server": "a", "path": "/b"}}, {"name": "k", "csi": {"driver": "d.io"}}, {"name": "l", "image": {"reference": "busybox"}}],
            "containers": [{"name": "c", "image": "x", "volumeMounts": [
                {"name": "a", "mountPath": "/a", "readOnly": false}, {"name": "b", "mountPath": "/b", "subPath": "s", "readOnly": true}]}]}),
        json!({"volumes": [{"name": "p", "projected": {"sources": [
            {"configMap": {"name": "m"}}, {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.namespace"}}]}}]}},
            {"name": "i", "iscsi": {"targetPortal": "1.2.3.4", "iqn": "iqn.2001-04.com.example:storage", "lun": 1}},
            {"name": "r", "rbd": {"monitors": ["a"], "image": "i"}}]}),
        json!({"serviceAccount": "old"}),
        json!({"serviceAccountName": "new", "automountServiceAccountToken": false}),
        json!({"tolerations": [{"operator": "Exists"}]}),
        json!({"tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}]}),
        json!({"tolerations": [{"key": "a", "value": "b"}, {"key": "x", "operator": "Exists", "effect": "PreferNoSchedule"}, {"key": "e", "operator": "Equal", "value": "", "effect": ""}]}),
        json!({"priorityClassName": "high"}),
        json!({"priorityClassName": "polite"}),
        json!({"priorityClassName": "system-node-critical"}),
        json!({"preemptionPolicy": "PreemptLowerPriority"}),
        json!({"priority": 1000, "priorityClassName": "high"}),
        json!({"schedulingGates": [{"name": "a.io/b"}, {"name": "c"}]}),
        json!({"readinessGates": [{"conditionType": "a.io/ready"}]}),
        json!({"nodeSelector": {"zone": "", "disk": "ssd"}, "nodeName": "n1"}),
        json!({"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}, {"key": "n", "operator": "Gt", "values": ["5"]}]}, {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]},
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": []}]}}]}}}),
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]},
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 3, "preference": {}}]}, "podAffinity": {}, "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}}}),
        json!({"affinity": {"podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "web"}}, "namespaceSelector": {}, "matchLabelKeys": ["rev"]}],
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]}, "mismatchLabelKeys": ["rev"], "namespaces": ["a"]}}]},
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}, {"topologyKey": "a"}]}}}),
        json!({"topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2, "labelSelector": {"matchLabels": {"app": "web"}}, "matchLabelKeys": ["rev", "absent"]},
            {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "nodeTaintsPolicy": "Honor", "nodeAffinityPolicy": "Ignore"}]}),
        json!({"resourceClaims": [{"name": "gpu", "resourceClaimName": "x"}, {"name": "t", "resourceClaimTemplateName": "y"}],
            "containers": [{"name": "c", "image": "x", "resources": {"claims": [{"name": "gpu"}, {"name": "t", "request": "r"}]}}]}),
        json!({"securityContext": {"runAsUser": 0, "fsGroup": 5, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "c", "image": "x", "tty": false, "stdin": true, "securityContext": {"runAsNonRoot": false, "capabilities": {"add": ["NET_ADMIN"]}}, "command": ["a"], "workingDir": "/w"}]}),
        json!({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"], "options": [{"name": "ndots", "value": "2"}]}, "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a.b"]}], "imagePullSecrets": [{"name": "s"}]}),
        json!({"os": {"name": "linux"}, "hostname": "h", "subdomain": "s", "setHostnameAsFQDN": true, "shareProcessNamespace": true, "hostUsers": true, "activeDeadlineSeconds": 5, "schedulerName": "berth", "enableServiceLinks": false, "schedulingGroup": {"podGroupName": "g"}}),
        json!({"containers": [{"name": "c", "image": "x", "restartPolicy": "OnFailure", "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}],
            "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [3]}}]}]}),
    ]
}

/// Specs that are refused.
pub(crate) fn refused() -> Vec<Value> {
    let mut all = refused_containers();
    all.extend(refused_resources());
    all.extend(refused_placement());
    all.extend(refused_rest());
    all
}

fn one(container: &Value) -> Value {
    let mut base = json!({"name": "c", "image": "x"});
    json_patch::merge(&mut base, container);
    json!({"containers": [base]})
}

fn refused_containers() -> Vec<Value> {
    vec![
        json!({"containers": []}),
        one(&json!({"name": ""})),
        one(&json!({"name": "A"})),
        one(&json!({"name": "a.b"})),
        one(&json!({"image": ""})),
        one(&json!({"image": " x"})),
        one(
            &json!({"name": "a-name-that-is-much-longer-than-sixty-three-characters-and-so-not-a-label"}),
        ),
        json!({"containers": [{"name": "c", "image": "x"}, {"name": "c", "image": "x"}]}),
        json!({"initContainers": [{"name": "c", "image": "x"}]}),
        json!({"initContainers": [{"name": "i", "image": "x", "livenessProbe": {"tcpSocket": {"port": 1}}, "restartPolicy": "Sometimes"}]}),
        one(&json!({"imagePullPolicy": "Often", "terminationMessagePolicy": "X"})),
        one(
            &json!({"ports": [{"containerPort": 0}, {"containerPort": 70000}, {"containerPort": 1, "hostPort": -1, "protocol": "ICMP"}]}),
        ),
        one(
            &json!({"ports": [{"name": "UP", "containerPort": 1}, {"name": "a--b", "containerPort": 2}, {"name": "x", "containerPort": 3}, {"name": "x", "containerPort": 4}]}),
        ),
        one(
            &json!({"ports": [{"containerPort": 1, "hostPort": 8}, {"containerPort": 2, "hostPort": 8}]}),
        ),
        json!({"hostNetwork": true, "containers": [{"name": "c", "image": "x", "ports": [{"containerPort": 1, "hostPort": 8}]}]}),
        one(&json!({"livenessProbe": {}})),
        one(
            &json!({"livenessProbe": {"tcpSocket": {"port": 0}, "successThreshold": 2}, "readinessProbe": {"exec": {"command": []}, "terminationGracePeriodSeconds": 5}}),
        ),
        one(
            &json!({"startupProbe": {"httpGet": {"port": "UP", "scheme": "FTP"}, "periodSeconds": -1}}),
        ),
        one(
            &json!({"lifecycle": {"preStop": {"sleep": {"seconds": 99}}, "postStart": {"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}}}),
        ),
        one(
            &json!({"env": [{"name": ""}, {"name": "a=b"}, {"name": "X", "valueFrom": {}}, {"name": "Y", "value": "1", "valueFrom": {"secretKeyRef": {"name": "UP", "key": ""}}}]}),
        ),
        one(&json!({"envFrom": [{}]})),
        one(
            &json!({"volumeMounts": [{"name": "no", "mountPath": "/a"}, {"name": "", "mountPath": ""}]}),
        ),
        json!({"volumes": [{"name": "a"}, {"name": "a"}, {"name": "B"}, {"name": ""}]}),
        json!({"volumes": [{"name": "a", "emptyDir": {}, "hostPath": {"path": "/x"}}, {"name": "b", "hostPath": {"path": ""}}, {"name": "d", "hostPath": {"path": "/../x", "type": "Odd"}}]}),
        json!({"volumes": [{"name": "a", "secret": {}}, {"name": "b", "configMap": {"name": ""}}, {"name": "c", "persistentVolumeClaim": {"claimName": ""}}]}),
        json!({"volumes": [{"name": "a"}], "containers": [{"name": "c", "image": "x", "volumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "a", "mountPath": "/a", "subPath": "/abs"}]}]}),
        json!({"volumes": [{"name": "a"}], "containers": [{"name": "c", "image": "x", "volumeDevices": [{"name": "a", "devicePath": "/a"}]}]}),
        json!({"volumes": [{"name": "e", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]}),
        json!({"ephemeralContainers": [{"name": "e", "image": "x"}]}),
        one(&json!({"resizePolicy": [{"resourceName": "disk", "restartPolicy": "X"}]})),
        one(&json!({"securityContext": {"runAsUser": -1}})),
    ]
}

fn with(resources: &Value) -> Value {
    one(&json!({"resources": resources}))
}

fn refused_resources() -> Vec<Value> {
    vec![
        with(&json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}})),
        with(&json!({"requests": {"cpu": "-1"}})),
        with(&json!({"limits": {"example.com/gpu": "1.5"}})),
        with(&json!({"requests": {"example.com/gpu": "1"}})),
        with(&json!({"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "2"}})),
        with(&json!({"requests": {"gpu": "1"}})),
        with(&json!({"requests": {"pods": "1"}})),
        with(&json!({"requests": {"a/b/c": "1"}})),
        with(&json!({"requests": {"requests.a.io/odd": "1"}})),
        with(&json!({"limits": {"hugepages-2Mi": "3Mi", "cpu": "1"}})),
        with(&json!({"limits": {"hugepages-2Mi": "4Mi"}})),
        with(
            &json!({"requests": {"hugepages-2Mi": "2Mi", "memory": "1Gi"}, "limits": {"hugepages-2Mi": "4Mi"}}),
        ),
        with(&json!({"claims": [{"name": "no"}, {"name": ""}]})),
        json!({"resources": {"requests": {"cpu": "1"}}, "containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "2"}}}]}),
        json!({"resources": {"limits": {"cpu": "1", "example.com/gpu": "1"}}, "containers": [{"name": "c", "image": "x", "resources": {"limits": {"cpu": "2"}}}]}),
        json!({"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}}),
        json!({"overhead": {"cpu": "120m"}}),
        json!({"runtimeClassName": "none-such"}),
        json!({"resourceClaims": [{"name": "a"}, {"name": "a", "resourceClaimName": "x", "resourceClaimTemplateName": "y"}, {"name": "", "resourceClaimName": "UP"}]}),
    ]
}

fn affinity(kind: &str, term: &Value) -> Value {
    json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
}

fn node_term(term: &Value) -> Value {
    json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}})
}

fn spread(constraint: &Value) -> Value {
    let mut base =
        json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"});
    json_patch::merge(&mut base, constraint);
    json!({"topologySpreadConstraints": [base]})
}

fn toleration(toleration: &Value) -> Value {
    json!({"tolerations": [toleration]})
}

fn refused_placement() -> Vec<Value> {
    vec![
        json!({"nodeSelector": {"a b": "c"}}),
        json!({"nodeSelector": {"a": "-"}}),
        json!({"nodeSelector": {"UP_.io/a": "x", "/b": "y"}}),
        json!({"nodeName": "UP"}),
        json!({"nodeName": "n1", "schedulingGates": [{"name": "a"}]}),
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}}),
        node_term(
            &json!({"matchExpressions": [{"key": "a", "operator": "In"}, {"key": "b", "operator": "Exists", "values": ["x"]}, {"key": "c", "operator": "Gt", "values": ["1", "2"]}, {"key": "", "operator": "Odd"}]}),
        ),
        node_term(
            &json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["a b"]}]}),
        ),
        node_term(
            &json!({"matchFields": [{"key": "metadata.namespace", "operator": "Exists"}, {"key": "metadata.name", "operator": "In", "values": ["a", "UP"]}]}),
        ),
        json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "preference": {}}, {"weight": 101, "preference": {"matchExpressions": [{"key": "a", "operator": "In"}]}}]}}}),
        affinity("podAffinity", &json!({"topologyKey": "", "labelSelector": {}})),
        affinity("podAffinity", &json!({"topologyKey": "a b", "namespaces": ["UP"]})),
        affinity(
            "podAntiAffinity",
            &json!({"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b c"}, "matchExpressions": [{"key": "x", "operator": "In"}, {"key": "y", "operator": "Gt", "values": ["1"]}, {"key": "z", "operator": "Exists", "values": ["v"]}]}}),
        ),
        affinity("podAffinity", &json!({"topologyKey": "zone", "matchLabelKeys": ["rev"]})),
        affinity(
            "podAffinity",
            &json!({"topologyKey": "zone", "labelSelector": {"matchLabels": {"rev": "1"}}, "matchLabelKeys": ["rev"]}),
        ),
        affinity(
            "podAffinity",
            &json!({"topologyKey": "zone", "labelSelector": {}, "matchLabelKeys": ["rev"], "mismatchLabelKeys": ["rev"]}),
        ),
        json!({"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": -1, "podAffinityTerm": {"topologyKey": ""}}]}}}),
        spread(&json!({"maxSkew": 0})),
        spread(&json!({"topologyKey": ""})),
        spread(&json!({"whenUnsatisfiable": "Maybe"})),
        spread(&json!({"minDomains": 0})),
        spread(&json!({"minDomains": 2, "whenUnsatisfiable": "ScheduleAnyway"})),
        spread(&json!({"nodeAffinityPolicy": "Odd", "nodeTaintsPolicy": "Odd"})),
        spread(&json!({"matchLabelKeys": ["rev"]})),
        spread(
            &json!({"labelSelector": {"matchLabels": {"rev": "1"}}, "matchLabelKeys": ["rev", "a b"]}),
        ),
        json!({"topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}, {"maxSkew": 2, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]}),
        toleration(&json!({})),
        toleration(&json!({"key": "a b", "operator": "Exists"})),
        toleration(&json!({"key": "a", "operator": "Exists", "value": "x"})),
        toleration(&json!({"key": "a", "operator": "Lt", "value": "5"})),
        toleration(&json!({"key": "a", "operator": "Odd", "value": "5"})),
        toleration(&json!({"key": "a", "value": "x y"})),
        toleration(&json!({"key": "a", "effect": "Odd"})),
        toleration(&json!({"key": "a", "tolerationSeconds": 5, "effect": "NoSchedule"})),
        json!({"schedulingGates": [{"name": ""}, {"name": "a b"}, {"name": "x"}, {"name": "x"}]}),
        json!({"readinessGates": [{"conditionType": "a b"}]}),
        json!({"priorityClassName": "none-such"}),
        json!({"priority": 9}),
        json!({"priority": 9, "priorityClassName": "high"}),
        json!({"preemptionPolicy": "Never", "priorityClassName": "high"}),
    ]
}

fn refused_rest() -> Vec<Value> {
    vec![
        json!({"restartPolicy": "Sometimes"}),
        json!({"dnsPolicy": "Odd"}),
        json!({"dnsPolicy": "None"}),
        json!({"dnsPolicy": "None", "dnsConfig": {"nameservers": []}}),
        json!({"activeDeadlineSeconds": 0}),
        json!({"hostname": "UP", "subdomain": "a.b"}),
        json!({"serviceAccountName": "UP"}),
        json!({"hostPID": true, "shareProcessNamespace": true}),
        json!({"os": {"name": "beos"}}),
        json!({"os": {"name": ""}}),
        json!({"hostAliases": [{"ip": "1.2.3", "hostnames": ["UP"]}]}),
        json!({"hostNetwork": true, "hostnameOverride": "a"}),
        json!({"securityContext": {"runAsUser": -1, "fsGroup": 4_294_967_296_i64}}),
    ]
}
