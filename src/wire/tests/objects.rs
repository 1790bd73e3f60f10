//! Nodes, namespaces, objects of files, and what errors say.

use std::fmt::Debug;

use kube::Resource;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::model::{Effect, Image, Taint};
use crate::units::Resources;

use super::super::{Namespace, Node, Object, Pod, decode};

fn error(value: &Value) -> String {
    decode(value).unwrap_err().to_string()
}

#[test]
fn the_kinds_can_be_watched() {
    fn path<K>() -> String
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        K::url_path(&(), None)
    }
    assert_eq!(path::<Pod>(), "/api/v1/pods");
    assert_eq!(path::<Node>(), "/api/v1/nodes");
    assert_eq!(path::<Namespace>(), "/api/v1/namespaces");
    assert_eq!((Node::kind(&()), Node::api_version(&())), ("Node".into(), "v1".into()));
}

#[test]
fn a_node() {
    let value = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "n", "labels": {"zone": "a", "empty": null}, "managedFields": [{}]},
        "spec": {"unschedulable": true, "podCIDR": "10.0.0.0/24", "taints": [
            {"key": "a", "value": "b", "effect": "NoSchedule"},
            {"key": "c", "effect": "PreferNoSchedule", "timeAdded": null},
            {"key": "d", "effect": "Unheard"}]},
        "status": {
            "capacity": {"cpu": "9", "pods": "200"},
            "allocatable": {"cpu": "3920m", "memory": "8Gi", "pods": 110, "example.com/gpu": "2",
                "hugepages-2Mi": "0"},
            "images": [{"names": ["a@sha256:1", "a:1"], "sizeBytes": 42}, {"names": null}],
            "conditions": [
                {"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "False"}]},
    });
    let Ok(Object::Node(node)) = decode(&value) else { panic!("a node") };
    assert_eq!((&*node.name, node.unschedulable), ("n", true));
    assert_eq!(node.labels.iter().collect::<Vec<_>>(), [("empty", ""), ("zone", "a")]);
    let taint =
        |key: &str, value: &str, effect| Taint { key: key.into(), value: value.into(), effect };
    let taints = [
        taint("a", "b", Effect::NoSchedule),
        taint("c", "", Effect::PreferNoSchedule),
        taint("d", "", Effect::Unknown),
    ];
    assert_eq!(node.taints, taints);
    let allocatable = Resources {
        milli_cpu: 3920,
        memory: 8 << 30,
        ephemeral_storage: 0,
        scalars: vec![("example.com/gpu".into(), 2), ("hugepages-2Mi".into(), 0)],
    };
    assert_eq!((node.allocatable, node.allocatable_pods), (allocatable, 110));
    let images = [
        Image { names: vec!["a@sha256:1".into(), "a:1".into()], size_bytes: 42 },
        Image { names: vec![], size_bytes: 0 },
    ];
    assert_eq!(node.images, images);
}

#[test]
fn a_node_without_allocatable_offers_its_capacity() {
    let rows = [
        (json!({"capacity": {"cpu": "2", "pods": "7"}}), (2000, 7)),
        (json!({"capacity": {"cpu": "2", "pods": "7"}, "allocatable": null}), (2000, 7)),
        (json!({"capacity": {"cpu": "2", "pods": "7"}, "allocatable": {}}), (0, 0)),
        (json!({}), (0, 0)),
        (Value::Null, (0, 0)),
    ];
    for (status, want) in rows {
        let value = json!({"metadata": {"name": "n"}, "status": status});
        let node: Node = serde_json::from_value(value).unwrap();
        let node = node.to_model().unwrap();
        assert_eq!((node.allocatable.milli_cpu, node.allocatable_pods), want, "{status}");
    }
}

#[test]
fn a_namespace_is_labelled_with_its_name() {
    let metadata = json!({"name": "a", "labels": {"x": "y", "kubernetes.io/metadata.name": "b"}});
    let value = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
    let Ok(Object::Namespace(namespace)) = decode(&value) else { panic!("a namespace") };
    let want = [("kubernetes.io/metadata.name", "a"), ("x", "y")];
    assert_eq!(namespace.labels.iter().collect::<Vec<_>>(), want);
}

#[test]
fn other_kinds_are_let_through() {
    for (version, kind) in [("v1", "Secret"), ("apps/v1", "Deployment")] {
        let object = decode(&json!({"apiVersion": version, "kind": kind}));
        assert_eq!(object, Ok(Object::Other(kind.to_owned())));
    }
}

#[test]
fn an_object_must_say_what_it_is() {
    let metadata = json!({"name": "p0"});
    let rows = [
        (json!([]), "not an object"),
        (json!({"apiVersion": "v1"}), "kind: missing"),
        (json!({"apiVersion": "v1", "kind": "", "metadata": metadata}), "p0: kind: missing"),
        (json!({"kind": 5}), "kind: not a string"),
        (json!({"kind": "Node", "metadata": metadata}), "Node p0: apiVersion: missing"),
        (
            json!({"apiVersion": "v2", "kind": "Pod", "metadata": metadata}),
            r#"Pod default/p0: apiVersion: "v2": want "v1""#,
        ),
        (
            json!({"apiVersion": "v1", "kind": "Gizmo", "metadata": metadata}),
            r#"Gizmo p0: kind: "Gizmo": unknown kind"#,
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a"}}),
            "Pod a/: metadata.name: missing",
        ),
    ];
    for (value, want) in rows {
        assert_eq!(error(&value), want);
    }
}

/// The error of a pod `default/p` or a node `p` with these fields, without its beginning.
fn field_error(kind: &str, spec: &Value, status: &Value) -> String {
    let value = json!({
        "apiVersion": "v1", "kind": kind, "metadata": {"name": "p"}, "spec": spec, "status": status,
    });
    let text = error(&value);
    let start = if kind == "Pod" { "Pod default/p: " } else { "Node p: " };
    text.strip_prefix(start).unwrap().to_owned()
}

#[test]
fn errors_of_quantities_name_the_field() {
    let container =
        |resources: Value| json!([{"name": "a"}, {"name": "b", "resources": resources}]);
    let pods = [
        (
            json!({"containers": container(json!({"requests": {"cpu": "1x"}}))}),
            r#"spec.containers[1].resources.requests.cpu: "1x": unknown suffix "x""#,
        ),
        (
            json!({"initContainers": container(json!({"limits": {"memory": ""}}))}),
            "spec.initContainers[1].resources.limits.memory: empty quantity",
        ),
        (
            json!({"resources": {"requests": {"cpu": "x"}}}),
            r#"spec.resources.requests.cpu: "x": no number"#,
        ),
        (json!({"overhead": {"a/b": "x"}}), r#"spec.overhead.a/b: "x": no number"#),
    ];
    for (spec, want) in pods {
        assert_eq!(field_error("Pod", &spec, &Value::Null), want);
    }
    for list in ["capacity", "allocatable"] {
        let got = field_error("Node", &Value::Null, &json!({list: {"pods": "1x"}}));
        assert_eq!(got, format!(r#"status.{list}.pods: "1x": unknown suffix "x""#));
    }
}

#[test]
fn errors_of_types_name_the_field() {
    let rows = [
        (
            json!({"containers": [{"name": "a", "image": 5}]}),
            "spec.containers[0].image: invalid type: integer `5`, expected a string",
        ),
        (
            json!({"nodeSelector": {"gpu": true}}),
            "spec.nodeSelector.gpu: invalid type: boolean `true`, expected a string",
        ),
        (
            json!({"tolerations": [{}, {"key": 1}]}),
            "spec.tolerations[1].key: invalid type: integer `1`, expected a string",
        ),
        (
            json!({"overhead": {"cpu": true}}),
            "spec.overhead.cpu: invalid type: boolean `true`, expected a quantity",
        ),
        (
            json!({"containers": {"name": "a"}}),
            "spec.containers: invalid type: map, expected a sequence",
        ),
        (json!("x"), "spec: invalid type: string \"x\", expected an object"),
    ];
    for (spec, want) in rows {
        assert_eq!(field_error("Pod", &spec, &Value::Null), want);
    }
}

#[test]
fn errors_of_a_status_name_its_place() {
    let spec = json!({"containers": [{"name": "a"}, {"name": "b"}]});
    let rows = [
        (
            json!({"containerStatuses": [
                {"name": "a"}, {"name": "b", "allocatedResources": {"cpu": "?"}}]}),
            r#"status.containerStatuses[1].allocatedResources.cpu: "?": no number"#,
        ),
        (
            json!({"initContainerStatuses": [
                {"name": "a", "resources": {"requests": {"cpu": "?"}}}]}),
            r#"status.initContainerStatuses[0].resources.requests.cpu: "?": no number"#,
        ),
        (
            json!({"resources": {"requests": {"cpu": "?"}}}),
            r#"status.resources.requests.cpu: "?": no number"#,
        ),
    ];
    for (status, want) in rows {
        assert_eq!(field_error("Pod", &spec, &status), want);
    }
}
