//! Objects that are kept by name: where they are in the API, what is read of them, what errors say.

use serde_json::{Value, json};

use crate::model::{
    AccessModes, BindingMode, ClaimRef, ClaimSelector, CsiNodeDriver, LabelOperator,
    LabelRequirement, LabelSelector, Labels, ObjectKind, PersistentVolumeSource, VolumeMode,
};
use crate::units::Quantity;

use super::super::{self as wire, Change, Kept, Object, change, decode, page};

/// Decodes an object of the kind and version with these fields besides its name `x`.
fn object(version: &str, kind: &str, fields: Value) -> Result<Object, String> {
    let mut value = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}});
    let Value::Object(fields) = fields else { panic!("fields") };
    for (key, field) in fields {
        value[key] = field;
    }
    decode(&value).map_err(|error| error.to_string())
}

/// What the kind reads of it.
macro_rules! read {
    ($kind:ident, $version:literal, $fields:tt) => {
        match object($version, ObjectKind::$kind.name(), json!($fields)) {
            Ok(Object::Kept(object)) => match *object {
                crate::model::Object::$kind(object) => object,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
}

fn selector(key: &str, value: &str) -> LabelSelector {
    let (key, values) = (key.into(), vec![value.into()]);
    LabelSelector {
        requirements: vec![LabelRequirement { key, operator: LabelOperator::In, values }],
    }
}

/// The kinds with their versions and paths.
fn rows() -> Vec<(ObjectKind, String, String)> {
    fn row<K: Kept>() -> (ObjectKind, String, String) {
        (K::KIND, K::api_version(&()).into_owned(), K::url_path(&(), None))
    }
    vec![
        row::<wire::Service>(),
        row::<wire::ReplicationController>(),
        row::<wire::ReplicaSet>(),
        row::<wire::StatefulSet>(),
        row::<wire::PodDisruptionBudget>(),
        row::<wire::PersistentVolumeClaim>(),
        row::<wire::PersistentVolume>(),
        row::<wire::StorageClass>(),
        row::<wire::CsiNode>(),
        row::<wire::CsiDriver>(),
        row::<wire::CsiStorageCapacity>(),
        row::<wire::VolumeAttachment>(),
    ]
}

#[test]
fn every_kind_is_read_watched_and_called_as_the_api_calls_it() {
    let rows = rows();
    assert_eq!(rows.iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), ObjectKind::ALL);
    for (kind, version, path) in rows {
        let start = if version == "v1" { "api" } else { "apis" };
        assert_eq!(path, format!("/{start}/{version}/{}", kind.plural()));
        let Ok(Object::Kept(read)) = object(&version, kind.name(), json!({})) else {
            panic!("{kind:?} without fields")
        };
        let namespace = if kind.is_namespaced() { "default/" } else { "" };
        assert_eq!((read.kind(), read.key().to_string()), (kind, format!("{namespace}x")));
        let nulls = json!({"metadata": {"name": "x", "labels": null, "annotations": null,
            "ownerReferences": null}, "spec": null, "status": null});
        assert_eq!(object(&version, kind.name(), nulls), Ok(Object::Kept(read)));

        let start = format!("{} {namespace}x: ", kind.name());
        let error = object("v0", kind.name(), json!({})).unwrap_err();
        assert_eq!(error, format!("{start}apiVersion: \"v0\": want {version:?}"));
        let error = object(&version, kind.name(), json!({"metadata": {}})).unwrap_err();
        assert_eq!(
            error,
            format!("{} {namespace}: metadata.name: missing", kind.name()).replace(" :", ":")
        );
    }
    assert_eq!(ObjectKind::of_name("CSINode"), Some(ObjectKind::CsiNode));
    assert_eq!(ObjectKind::of_name("CsiNode"), None);
}

#[test]
fn what_selects_pods() {
    let service = read!(Service, "v1", {"spec": {"selector": {"a": "b", "c": null}}});
    assert_eq!(service.selector, Labels::from_iter([("a", "b"), ("c", "")]));
    let spec = json!({"selector": {"matchLabels": {"a": "b"}}});
    let set = read!(ReplicaSet, "apps/v1", { "spec": spec });
    assert_eq!(set.selector, Some(selector("a", "b")));
    let set = read!(StatefulSet, "apps/v1", {"spec": {"selector": {}}});
    assert_eq!(set.selector, Some(LabelSelector::default()));
    let operator = json!({"selector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}});
    let set = read!(ReplicaSet, "apps/v1", { "spec": operator });
    assert_eq!(set.selector, None);
    let budget = read!(PodDisruptionBudget, "policy/v1", {
        "metadata": {"name": "x", "namespace": "y"},
        "spec": spec,
        "status": {"disruptionsAllowed": 2, "disruptedPods": {"q": "2026-01-01T00:00:00Z", "p": null}},
    });
    assert_eq!((&*budget.namespace, budget.disruptions_allowed), ("y", 2));
    assert_eq!(budget.selector, Some(selector("a", "b")));
    assert_eq!(budget.disrupted_pods, ["p".into(), "q".into()]);
}

#[test]
fn a_claim() {
    let claim = read!(PersistentVolumeClaim, "v1", {
        "metadata": {
            "name": "x", "namespace": "y", "uid": "u", "resourceVersion": "7",
            "deletionTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {
                "pv.kubernetes.io/bind-completed": "no", "pv.kubernetes.io/bound-by-controller": "",
                "volume.kubernetes.io/selected-node": "n1",
                "volume.beta.kubernetes.io/storage-class": "old"},
            "ownerReferences": [
                {"kind": "Other", "uid": "o"}, {"kind": "Pod", "uid": "p", "controller": true}]},
        "spec": {
            "accessModes": ["ReadWriteOnce", "ReadWriteOncePod"], "volumeMode": "Block",
            "resources": {"requests": {"storage": "1Gi"}}, "volumeName": "v",
            "storageClassName": "new", "volumeAttributesClassName": "fast",
            "selector": {"matchLabels": {"a": "b"}}},
        "status": {"phase": "Lost"},
    });
    assert_eq!((&*claim.namespace, &*claim.name, &*claim.uid), ("y", "x", "u"));
    assert_eq!((&*claim.resource_version, claim.terminating, claim.lost), ("7", true, true));
    assert_eq!(claim.controller_uid.as_deref(), Some("p"));
    assert!(claim.bind_completed && claim.bound_by_controller && claim.is_fully_bound());
    assert_eq!((claim.selected_node.as_deref(), &*claim.class), (Some("n1"), "old"));
    let modes = AccessModes::READ_WRITE_ONCE.or(AccessModes::READ_WRITE_ONCE_POD);
    assert_eq!((claim.access_modes, claim.volume_mode), (modes, VolumeMode::Block));
    assert_eq!(claim.request, Some(Quantity::from_units(1 << 30)));
    assert_eq!((&*claim.volume_name, &*claim.attributes_class), ("v", "fast"));
    assert_eq!(claim.selector, ClaimSelector::Labels(selector("a", "b")));

    let spec = json!({"storageClassName": "new", "volumeName": "v", "selector": {
        "matchLabels": {"a": "no label"}}});
    let claim = read!(PersistentVolumeClaim, "v1", { "spec": spec });
    assert_eq!((&*claim.class, claim.request, claim.is_fully_bound()), ("new", None, false));
    assert_eq!(claim.selector, ClaimSelector::Invalid);
    let claim = read!(PersistentVolumeClaim, "v1", {});
    assert_eq!((claim.selector, claim.volume_mode), (ClaimSelector::Any, VolumeMode::Filesystem));
}

#[test]
fn a_volume() {
    let volume = read!(PersistentVolume, "v1", {
        "metadata": {"name": "x", "uid": "u", "resourceVersion": "7", "labels": {"zone": "a"}},
        "spec": {
            "capacity": {"storage": "5"}, "accessModes": ["ReadOnlyMany", "Sideways"],
            "claimRef": {"namespace": "y", "name": "c", "uid": "o"}, "storageClassName": "new",
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "zone", "operator": "In", "values": ["a"]}]}]}},
            "csi": {"driver": "d", "volumeHandle": "h"}},
        "status": {"phase": "Available"},
    });
    assert_eq!((&*volume.name, &*volume.uid, &*volume.resource_version), ("x", "u", "7"));
    assert_eq!((volume.labels.get("zone"), &*volume.class), (Some("a"), "new"));
    assert_eq!((volume.capacity, volume.available), (Quantity::from_units(5), true));
    let modes = AccessModes::READ_ONLY_MANY.or(AccessModes::UNKNOWN);
    assert_eq!(volume.access_modes, modes);
    let claim = ClaimRef { namespace: "y".into(), name: "c".into(), uid: "o".into() };
    assert_eq!(volume.claim, Some(claim));
    assert_eq!(&*volume.node_affinity.unwrap()[0].expressions[0].key, "zone");
    let source = PersistentVolumeSource::Csi { driver: "d".into(), handle: "h".into() };
    assert_eq!(volume.source, source);
    assert_eq!(read!(PersistentVolume, "v1", {"spec": {"nodeAffinity": {}}}).node_affinity, None);
}

#[test]
fn sources_of_volumes() {
    use PersistentVolumeSource as S;
    let azure = |managed| S::AzureDisk { disk_uri: "u".into(), managed };
    let rows = [
        (
            json!({"awsElasticBlockStore": {"volumeID": "v"}}),
            S::AwsElasticBlockStore { volume_id: "v".into() },
        ),
        (
            json!({"gcePersistentDisk": {"pdName": "p"}}),
            S::GcePersistentDisk { pd_name: "p".into() },
        ),
        (json!({"azureDisk": {"diskURI": "u", "kind": "managed"}}), azure(true)),
        (json!({"azureDisk": {"diskURI": "u", "kind": null}}), azure(false)),
        (json!({"cinder": {"volumeID": "v"}}), S::Cinder { volume_id: "v".into() }),
        (json!({"portworxVolume": {"volumeID": "v"}}), S::Portworx { volume_id: "v".into() }),
        (json!({"hostPath": {"path": "/"}, "csi": null}), S::Other),
    ];
    for (spec, want) in rows {
        assert_eq!(read!(PersistentVolume, "v1", { "spec": spec }).source, want);
    }
}

#[test]
fn classes_and_drivers() {
    let class = read!(StorageClass, "storage.k8s.io/v1", {
        "provisioner": "p", "volumeBindingMode": "WaitForFirstConsumer",
        "allowedTopologies": [
            {"matchLabelExpressions": [{"key": "a", "values": ["b"]}]},
            {}, {"matchLabelExpressions": [{"key": "a", "values": []}]}],
    });
    assert_eq!((&*class.provisioner, class.binding_mode), ("p", BindingMode::WaitForFirstConsumer));
    assert_eq!(class.allowed_topologies, Some(vec![selector("a", "b")]));
    let class = read!(StorageClass, "storage.k8s.io/v1", {"allowedTopologies": []});
    assert_eq!((class.binding_mode, class.allowed_topologies), (BindingMode::Immediate, None));
    let class = read!(StorageClass, "storage.k8s.io/v1", {"allowedTopologies": [{}]});
    assert_eq!(class.allowed_topologies, Some(Vec::new()));

    let node = read!(CsiNode, "storage.k8s.io/v1", {
        "metadata": {"name": "x", "annotations": {
            "storage.alpha.kubernetes.io/migrated-plugins": "b,,a"}},
        "spec": {"drivers": [
            {"name": "d", "nodeID": "i", "topologyKeys": ["k"], "allocatable": {"count": 3}},
            {"name": "e", "topologyKeys": null, "allocatable": {}}]},
    });
    assert!(node.has_migrated("a") && node.has_migrated("b") && !node.has_migrated(""));
    let driver = CsiNodeDriver {
        name: "d".into(),
        node_id: "i".into(),
        topology_keys: vec!["k".into()],
        volumes_max: Some(3),
    };
    let other = CsiNodeDriver { name: "e".into(), ..CsiNodeDriver::default() };
    assert_eq!(node.drivers, [driver, other]);

    let driver = read!(CsiDriver, "storage.k8s.io/v1", {
        "spec": {"storageCapacity": true, "preventPodSchedulingIfMissing": true}});
    assert!(driver.storage_capacity && driver.prevents_if_missing);
    let driver = read!(CsiDriver, "storage.k8s.io/v1", {"spec": {"storageCapacity": null}});
    assert!(!driver.storage_capacity && !driver.prevents_if_missing);
}

#[test]
fn capacities_and_attachments() {
    let capacity = read!(CsiStorageCapacity, "storage.k8s.io/v1", {
        "storageClassName": "c", "capacity": "2Gi", "nodeTopology": {"matchLabels": {"a": "b"}}});
    assert_eq!((&*capacity.class, &capacity.nodes), ("c", &Some(selector("a", "b"))));
    assert_eq!(capacity.volume_limit(), Some(Quantity::from_units(2 << 30)));
    let capacity = read!(CsiStorageCapacity, "storage.k8s.io/v1", {
        "capacity": "2Gi", "maximumVolumeSize": 5, "nodeTopology": null});
    assert_eq!(capacity.volume_limit(), Some(Quantity::from_units(5)));
    assert_eq!(capacity.nodes, None);

    let attachment = read!(VolumeAttachment, "storage.k8s.io/v1", {"spec": {
        "attacher": "d", "nodeName": "n", "source": {"persistentVolumeName": "v"}}});
    assert_eq!((&*attachment.attacher, &*attachment.node_name), ("d", "n"));
    assert_eq!(attachment.volume_name.as_deref(), Some("v"));
    let spec = json!({"source": {"inlineVolumeSpec": {}}});
    assert_eq!(read!(VolumeAttachment, "storage.k8s.io/v1", { "spec": spec }).volume_name, None);
}

#[test]
fn errors_name_the_field() {
    let rows = [
        (
            "v1",
            "Service",
            json!({"spec": {"selector": {"a": 1}}}),
            "spec.selector.a: invalid type: integer `1`, expected a string",
        ),
        (
            "apps/v1",
            "ReplicaSet",
            json!({"spec": {"selector": "a"}}),
            "spec.selector: invalid type: string \"a\", expected an object",
        ),
        (
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {"resources": {"requests": {"storage": "1x"}}}}),
            "spec.resources.requests.storage: \"1x\": unknown suffix \"x\"",
        ),
        (
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {"volumeMode": "Tape"}}),
            "spec.volumeMode: \"Tape\": neither \"Filesystem\" nor \"Block\"",
        ),
        (
            "v1",
            "PersistentVolume",
            json!({"spec": {"accessModes": [1]}}),
            "spec.accessModes[0]: invalid type: integer `1`, expected a string",
        ),
        (
            "v1",
            "PersistentVolume",
            json!({"metadata": {"name": "x", "annotations": {"a": true}}}),
            "metadata.annotations.a: invalid type: boolean `true`, expected a string",
        ),
        (
            "storage.k8s.io/v1",
            "StorageClass",
            json!({"volumeBindingMode": "Soon"}),
            "volumeBindingMode: \"Soon\": neither \"Immediate\" nor \"WaitForFirstConsumer\"",
        ),
        (
            "storage.k8s.io/v1",
            "CSIStorageCapacity",
            json!({"maximumVolumeSize": "x"}),
            "maximumVolumeSize: \"x\": no number",
        ),
        (
            "storage.k8s.io/v1",
            "CSINode",
            json!({"spec": {"drivers": [{"allocatable": {"count": "1"}}]}}),
            "spec.drivers[0].allocatable.count: invalid type: string \"1\", expected i32",
        ),
    ];
    for (version, kind, fields, want) in rows {
        let error = object(version, kind, fields).unwrap_err();
        assert!(error.ends_with(&format!("x: {want}")), "{error}\n{want}");
    }
}

#[test]
fn an_unreadable_object_takes_no_other_along() {
    let good =
        |name: &str| json!({"metadata": {"name": name}, "spec": {"capacity": {"storage": "1"}}});
    let mut broken = good("b");
    broken["spec"]["capacity"] = json!([]);
    let list =
        json!({"metadata": {"resourceVersion": "9"}, "items": [good("a"), broken, good("c")]});
    let page = page::<wire::PersistentVolume>(list.to_string().as_bytes()).unwrap();
    assert_eq!((page.objects.len(), page.unreadable.len()), (2, 1));
    assert_eq!(
        page.unreadable[0].error.to_string(),
        "PersistentVolume b: spec.capacity: invalid type: sequence, expected a map of quantities"
    );
    let line = json!({"type": "MODIFIED", "object": broken}).to_string();
    let change = change::<wire::PersistentVolume>(line.as_bytes()).unwrap();
    assert!(matches!(&change, Change::Unreadable(b) if b.identity.name == "b"), "{change:?}");
}
