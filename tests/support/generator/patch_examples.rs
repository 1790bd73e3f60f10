//! Cases for `tests/upstream/patches` written by hand: what kubectl, controllers and leader election send.

use serde_json::{Value, json};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// All of them.
pub(super) fn examples() -> Vec<Value> {
    let mut cases = strategic();
    cases.extend(server_side());
    cases.extend(decoded());
    cases
}

fn deployment(replicas: u32, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {"name": "web", "image": image, "ports": [{"containerPort": 80}],
                            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
                        {"name": "side", "image": "side:1"},
                    ],
                    "volumes": [{"name": "data", "emptyDir": {}}],
                },
            },
        },
    })
}

fn strategic() -> Vec<Value> {
    let patches = [
        json!({}),
        json!({"spec": {"replicas": null}}),
        json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
        json!({"spec": {"strategy": {"$retainKeys": ["other"], "type": "Recreate"}}}),
        json!({"spec": {"template": {"spec": {
            "$setElementOrder/containers": [{"name": "web"}, {"name": "side"}],
            "containers": [{"name": "web", "image": "web:2",
                "$setElementOrder/env": [{"name": "B"}, {"name": "C"}],
                "env": [{"name": "C", "value": "3"}, {"$patch": "delete", "name": "A"}]}]}}}}),
        json!({"spec": {"template": {"spec": {
            "$setElementOrder/containers": [{"name": "new"}, {"name": "side"}, {"name": "web"}],
            "containers": [{"name": "new", "image": "new:1"}]}}}}),
        json!({"spec": {"template": {"spec": {"containers": [{"$patch": "replace"},
            {"name": "only", "image": "only:1"}]}}}}),
        json!({"spec": {"template": {"spec": {"containers": [{"image": "nameless"}]}}}}),
        json!({"spec": {"template": {"spec": {"volumes": [
            {"name": "data", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/d"}}]}}}}),
        json!({"spec": {"template": {"spec": {"$patch": "replace", "containers": []}}}}),
        json!({"metadata": {"finalizers": ["x/y"], "labels": {"a": "b"}}}),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["x/y"]}}),
        json!({"$patch": "delete"}),
        json!({"spec": {"template": {"spec": {"containers": [["nested"]]}}}}),
        json!({"spec": {"template": {"spec": {"containers": ["a", 1]}}}}),
    ];
    let case = |patch: Value| {
        let doc = deployment(3, "web:1");
        json!({"op": "strategic", "kind": "apps/v1/Deployment", "doc": doc, "patch": patch})
    };
    patches.into_iter().map(case).collect()
}

fn server_side() -> Vec<Value> {
    let apply = |before: &Value, patch: &Value, manager: &str, force: bool| {
        json!({"op": "apply", "kind": "apps/v1/Deployment", "before": before, "patch": patch,
            "manager": manager, "force": force, "subresource": ""})
    };
    let entry = |manager: &str, operation: &str, fields: Value| {
        json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1",
            "time": "2001-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields})
    };
    let mut stored = deployment(3, "web:1");
    stored["metadata"]["uid"] = "u".into();
    let mut client_side = stored.clone();
    client_side["metadata"]["annotations"] =
        json!({LAST_APPLIED: deployment(3, "web:1").to_string()});
    let by_client = json!({"f:metadata": {"f:annotations": {format!("f:{LAST_APPLIED}"): {}}},
        "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers":
            {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:name": {}}}}}}});
    client_side["metadata"]["managedFields"] =
        json!([entry("kubectl-client-side-apply", "Update", by_client)]);
    let mut scaled = stored.clone();
    scaled["metadata"]["managedFields"] =
        json!([entry("kubectl", "Update", json!({"f:spec": {"f:replicas": {}}}))]);
    scaled["metadata"]["managedFields"][0]["subresource"] = "scale".into();
    let mut wrong = deployment(3, "web:1");
    wrong["spec"]["template"]["spec"]["containers"][1]["name"] = "web".into();
    let mut with_owners = deployment(3, "web:1");
    with_owners["metadata"]["managedFields"] = json!([]);
    let mut other_kind = deployment(3, "web:1");
    other_kind["kind"] = "DaemonSet".into();
    vec![
        apply(&Value::Null, &deployment(3, "web:1"), "kubectl", false),
        apply(&stored, &deployment(4, "web:2"), "kubectl", false),
        apply(&stored, &deployment(4, "web:2"), "kubectl", true),
        apply(&client_side, &deployment(4, "web:2"), "kubectl", false),
        apply(&client_side, &deployment(4, "web:2"), "other", false),
        apply(&scaled, &deployment(4, "web:1"), "other", false),
        apply(&scaled, &wrong, "other", false),
        apply(&scaled, &with_owners, "other", false),
        apply(&scaled, &other_kind, "other", false),
    ]
}

fn decoded() -> Vec<Value> {
    let lease = |spec: Value| {
        json!({"op": "decode", "kind": "coordination.k8s.io/v1/Lease", "doc": {
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"},
            "spec": spec}})
    };
    vec![
        lease(json!({"holderIdentity": "a", "leaseDurationSeconds": 15, "leaseTransitions": 0,
            "acquireTime": "2026-01-01T00:00:00.000000Z", "renewTime": "2026-01-01T02:00:00.123456+02:00"})),
        lease(json!({"renewTime": "2026-01-01T00:00:00Z"})),
        lease(json!({"renewTime": "2026-13-01T00:00:00.000000Z"})),
        lease(json!({"leaseDurationSeconds": "15"})),
        lease(json!({"holder": "a"})),
    ]
}
