//! Plugins that look at volumes.

use crate::framework::Resource;
use crate::model::{
    BindingMode, CsiDriver, CsiNode, CsiNodeDriver, CsiStorageCapacity, PersistentVolume,
    PersistentVolumeClaim, PodVolume, StorageClass, VolumeAttachment, VolumeSource,
};
use crate::units::Quantity;

use super::*;

fn with_volumes<const N: usize>(sources: [VolumeSource; N]) -> Pod {
    let volumes = sources.into_iter().enumerate();
    let volumes = volumes.map(|(at, source)| PodVolume { name: format!("v{at}").into(), source });
    Pod { volumes: volumes.collect(), ..pod() }
}

fn claim_volume(name: &str) -> VolumeSource {
    VolumeSource::Claim { name: name.into() }
}

fn claim(namespace: &str, name: &str) -> Object {
    PersistentVolumeClaim {
        namespace: namespace.into(),
        name: name.into(),
        ..PersistentVolumeClaim::default()
    }
    .into()
}

fn disk(name: &str) -> VolumeSource {
    VolumeSource::GcePersistentDisk { pd_name: name.into(), read_only: false }
}

#[test]
fn claims_of_the_pod() {
    let (a, b) = (claim_volume("a"), claim_volume("b"));
    let named = || with_volumes([a.clone(), b.clone()]);
    let ephemeral = || with_volumes([VolumeSource::Ephemeral, VolumeSource::Ephemeral]);
    let rows = [
        ("no volumes", pod(), claim("default", "b"), Skip, Skip),
        ("another namespace", named(), claim("other", "b"), Skip, Skip),
        ("another claim", named(), claim("default", "c"), Skip, Skip),
        ("another ephemeral claim", ephemeral(), claim("default", "p-v2"), Skip, Skip),
        ("its claim", named(), claim("default", "b"), Queue, Queue),
        // By the pod's own name, which two of the plugins do not look at.
        ("its ephemeral claim", ephemeral(), claim("default", "p-v1"), Queue, Skip),
    ];
    for (name, pod, claim, with_ephemeral, without) in rows {
        let change = object_change(Resource::PersistentVolumeClaim, None, Some(claim));
        for plugin_name in ["VolumeBinding", "NodeVolumeLimits"] {
            assert_eq!(ask(&*plugin(plugin_name), &pod, &change), with_ephemeral, "{name}");
        }
        for plugin_name in ["VolumeRestrictions", "VolumeZone"] {
            assert_eq!(ask(&*plugin(plugin_name), &pod, &change), without, "{name}");
        }
    }
}

#[test]
fn binding_after_an_object() {
    let class = |values: &[&str]| {
        let topologies = (!values.is_empty()).then(|| vec![selector("zone", values)]);
        let name = "c".into();
        StorageClass { name, allowed_topologies: topologies, ..StorageClass::default() }.into()
    };
    let csi_node = |plugins: &[&str]| {
        let migrated_plugins = plugins.iter().map(|plugin| (*plugin).into()).collect();
        CsiNode { name: "n".into(), migrated_plugins, ..CsiNode::default() }.into()
    };
    let driver = |storage_capacity| {
        CsiDriver { name: "d".into(), storage_capacity, ..CsiDriver::default() }.into()
    };
    let capacity = |capacity: Option<i64>, size: Option<i64>| {
        CsiStorageCapacity {
            name: "s".into(),
            capacity: capacity.map(Quantity::from_units),
            volume_size_max: size.map(Quantity::from_units),
            ..CsiStorageCapacity::default()
        }
        .into()
    };
    let (of_class, of_node) = (Resource::StorageClass, Resource::CsiNode);
    let (of_driver, of_capacity) = (Resource::CsiDriver, Resource::CsiStorageCapacity);
    let rows: Vec<(_, _, Option<Object>, Object, _)> = vec![
        ("a class comes", of_class, None, class(&[]), Queue),
        ("a class allows other zones", of_class, Some(class(&[])), class(&["1"]), Queue),
        ("a class is as before", of_class, Some(class(&["1"])), class(&["1"]), Skip),
        ("a CSINode comes", of_node, None, csi_node(&[]), Queue),
        ("it has migrated", of_node, Some(csi_node(&[])), csi_node(&["a"]), Queue),
        ("it has migrated more", of_node, Some(csi_node(&["a"])), csi_node(&["a", "b"]), Queue),
        ("it is as before", of_node, Some(csi_node(&["a"])), csi_node(&["a"]), Skip),
        ("storage is said", of_driver, Some(driver(false)), driver(true), Skip),
        ("it is said as before", of_driver, Some(driver(true)), driver(true), Skip),
        ("it is said no more", of_driver, Some(driver(true)), driver(false), Queue),
        ("storage comes", of_capacity, None, capacity(None, None), Queue),
        ("a first number", of_capacity, Some(capacity(None, None)), capacity(Some(1), None), Queue),
        ("a first size", of_capacity, Some(capacity(None, None)), capacity(None, Some(1)), Queue),
        ("more", of_capacity, Some(capacity(Some(20), None)), capacity(Some(100), None), Queue),
        (
            "no size, and more",
            of_capacity,
            Some(capacity(Some(100), Some(50))),
            capacity(Some(100), None),
            Queue,
        ),
        ("larger", of_capacity, Some(capacity(None, Some(50))), capacity(None, Some(60)), Queue),
        ("as large", of_capacity, Some(capacity(None, Some(50))), capacity(None, Some(50)), Skip),
        ("as much", of_capacity, Some(capacity(Some(100), None)), capacity(Some(100), None), Skip),
        (
            "no size, and as much",
            of_capacity,
            Some(capacity(Some(50), Some(50))),
            capacity(Some(50), None),
            Skip,
        ),
        ("less", of_capacity, Some(capacity(Some(100), None)), capacity(Some(90), None), Skip),
        ("smaller", of_capacity, Some(capacity(None, Some(100))), capacity(None, Some(90)), Skip),
    ];
    for (name, resource, old, new, want) in rows {
        let change = object_change(resource, old, Some(new));
        assert_eq!(ask(&*plugin("VolumeBinding"), &pod(), &change), want, "{name}");
    }
}

#[test]
fn restrictions_after_a_pod() {
    use VolumeSource::{AwsElasticBlockStore, Iscsi, Rbd};
    let aws = |id: &str| AwsElasticBlockStore { volume_id: id.into() };
    let iscsi = |id: &str| Iscsi { iqn: id.into(), read_only: false };
    let rbd = |id: &str| Rbd {
        monitors: vec!["m".into()],
        image: id.into(),
        pool: "p".into(),
        read_only: false,
    };
    let sources: [&dyn Fn(&str) -> VolumeSource; 5] = [&disk, &aws, &iscsi, &rbd, &claim_volume];
    for source in sources {
        for (other, want) in [("foo", Queue), ("bar", Skip)] {
            let gone = on_node(with_volumes([source(other)]));
            let change = pod_change(Some(&gone), None);
            let pod = with_volumes([source("foo")]);
            assert_eq!(ask(&*plugin("VolumeRestrictions"), &pod, &change), want, "{gone:?}");
            let mut elsewhere = pod.clone();
            elsewhere.key.namespace = "other".into();
            assert_eq!(ask(&*plugin("VolumeRestrictions"), &elsewhere, &change), Skip);
        }
    }
}

#[test]
fn zones_after_a_class_or_a_volume() {
    let class = |binding_mode| {
        Object::from(StorageClass { name: "c".into(), binding_mode, ..StorageClass::default() })
    };
    let modes = [(BindingMode::WaitForFirstConsumer, Queue), (BindingMode::Immediate, Skip)];
    for (mode, want) in modes {
        let change = object_change(Resource::StorageClass, None, Some(class(mode)));
        assert_eq!(ask(&*plugin("VolumeZone"), &pod(), &change), want, "{mode:?}");
    }
    let zone = "topology.kubernetes.io/zone";
    let volume = |labels: &[(&str, &str)]| {
        let labels = labels.iter().copied().collect();
        Object::from(PersistentVolume { name: "v".into(), labels, ..PersistentVolume::default() })
    };
    let rows = [
        ("one comes", None, volume(&[]), Queue),
        ("another label", Some(volume(&[])), volume(&[("a", "b")]), Skip),
        ("a zone", Some(volume(&[])), volume(&[(zone, "1")]), Queue),
        ("another zone", Some(volume(&[(zone, "1")])), volume(&[(zone, "2")]), Queue),
        ("no zone", Some(volume(&[(zone, "1")])), volume(&[]), Queue),
        ("the same two", Some(volume(&[(zone, "1__2")])), volume(&[(zone, "2__1")]), Skip),
    ];
    for (name, old, new, want) in rows {
        let change = object_change(Resource::PersistentVolume, old, Some(new));
        assert_eq!(ask(&*plugin("VolumeZone"), &pod(), &change), want, "{name}");
    }
}

#[test]
fn limits_after_a_pod_a_node_or_a_detached_volume() {
    let counting = with_volumes([claim_volume("a")]);
    let rows = [
        ("one without volumes goes", on_node(pod()), Skip),
        ("one that waits goes", counting.clone(), Skip),
        ("one with a claim goes", on_node(counting.clone()), Queue),
        (
            "a nominated one with a claim goes",
            Pod { nominated_node: Some("n".into()), ..counting.clone() },
            Queue,
        ),
        (
            "one with a claim of its own goes",
            on_node(with_volumes([VolumeSource::Ephemeral])),
            Queue,
        ),
        ("one with a disk goes", on_node(with_volumes([disk("a")])), Queue),
        (
            "one with a disk that no driver has goes",
            on_node(with_volumes([VolumeSource::Iscsi { iqn: "i".into(), read_only: false }])),
            Skip,
        ),
    ];
    for (name, gone, want) in rows {
        let change = pod_change(Some(&gone), None);
        assert_eq!(ask(&*plugin("NodeVolumeLimits"), &pod(), &change), want, "{name}");
    }

    let csi_node = |limits: &[(&str, Option<i32>)]| {
        let driver = |(name, max): &(&str, Option<i32>)| CsiNodeDriver {
            name: (*name).into(),
            volumes_max: *max,
            ..CsiNodeDriver::default()
        };
        let drivers = limits.iter().map(driver).collect();
        Object::from(CsiNode { name: "n".into(), drivers, ..CsiNode::default() })
    };
    let limits: [(&[_], &[_], _); 5] = [
        (&[("d", Some(1))], &[("d", Some(2))], Queue),
        (&[("d", Some(1))], &[("d", Some(1))], Skip),
        (&[("d", Some(2))], &[("d", Some(1))], Skip),
        (&[("d", None)], &[("d", Some(1))], Queue),
        (&[("d", Some(1))], &[("d", Some(1)), ("e", Some(1))], Queue),
    ];
    for (old, new, want) in limits {
        let change = object_change(Resource::CsiNode, Some(csi_node(old)), Some(csi_node(new)));
        assert_eq!(ask(&*plugin("NodeVolumeLimits"), &pod(), &change), want, "{new:?}");
    }

    let attachers = [
        (counting, "any", Queue),
        (with_volumes([disk("a")]), "pd.csi.storage.gke.io", Queue),
        (with_volumes([disk("a")]), "ebs.csi.aws.com", Skip),
        (pod(), "any", Skip),
    ];
    for (pod, attacher, want) in attachers {
        let attacher = attacher.into();
        let attachment = VolumeAttachment { attacher, ..VolumeAttachment::default() };
        let change = object_change(Resource::VolumeAttachment, Some(attachment.into()), None);
        assert_eq!(ask(&*plugin("NodeVolumeLimits"), &pod, &change), want, "{change:?}");
    }
}
