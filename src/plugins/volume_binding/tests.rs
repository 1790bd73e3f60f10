//! Facts of upstream's own unit tests: claims, volumes, a node, what is found there.
//!
//! Upstream: binder_test.go and volume_binding_test.go, v1.37.

use crate::cluster::{Cluster, View};
use crate::framework::{Code, Plugin, PluginEval, PrepareCx};
use crate::model::{
    AccessModes, BindingMode, ClaimRef, CsiDriver, CsiStorageCapacity, LabelOperator,
    LabelRequirement, LabelSelector, Labels, Node, NodeOperator, NodeRequirement, NodeSelectorTerm,
    PersistentVolume, PersistentVolumeClaim, Pod, PodKey, PodVolume, StorageClass, VolumeMode,
    VolumeSource,
};
use crate::units::{NodeId, Quantity};

use super::VolumeBinding;
use super::claims::pod_claims;
use super::find::{BIND_CONFLICT, NO_VOLUME, NODE_CONFLICT, NOT_ENOUGH_SPACE, Slice};
use super::plan::Plan;

pub(super) type Claim = PersistentVolumeClaim;
pub(super) type Volume = PersistentVolume;

fn gi(amount: i64) -> Quantity {
    Quantity::from_units(amount << 30)
}

pub(super) fn claim(name: &str, class: &str, size: i64) -> Claim {
    Claim {
        namespace: "ns".into(),
        name: name.into(),
        uid: format!("uid-{name}").into(),
        class: class.into(),
        request: Some(gi(size)),
        access_modes: AccessModes::READ_WRITE_ONCE,
        ..Claim::default()
    }
}

pub(super) fn bound(name: &str, volume: &str) -> Claim {
    Claim { volume_name: volume.into(), bind_completed: true, ..claim(name, "wait", 1) }
}

pub(super) fn selected(name: &str, node: &str) -> Claim {
    Claim { selected_node: Some(node.into()), ..claim(name, "wait", 1) }
}

pub(super) fn volume(name: &str, class: &str, size: i64) -> Volume {
    Volume {
        name: name.into(),
        class: class.into(),
        capacity: gi(size),
        access_modes: AccessModes::READ_WRITE_ONCE,
        available: true,
        ..Volume::default()
    }
}

pub(super) fn near(zone: &str, volume: Volume) -> Volume {
    let requirement = NodeRequirement {
        key: "zone".into(),
        operator: Some(NodeOperator::In),
        values: vec![zone.into()],
    };
    let term = NodeSelectorTerm { expressions: vec![requirement], fields: vec![] };
    Volume { node_affinity: Some(vec![term]), ..volume }
}

pub(super) fn kept(claim: &str, uid: &str, volume: Volume) -> Volume {
    let (namespace, name) = ("ns".into(), claim.into());
    let claim = Some(ClaimRef { namespace, name, uid: uid.into() });
    Volume { claim, available: false, ..volume }
}

fn in_zone(zone: &str) -> LabelSelector {
    let values = vec![zone.into()];
    let requirement = LabelRequirement { key: "zone".into(), operator: LabelOperator::In, values };
    LabelSelector { requirements: vec![requirement] }
}

/// A node in zone `a`; the classes `wait`, `near` (zone `b` only), `none` (no provisioner), `full` (its
/// driver tells its capacity) and `now`.
pub(super) fn cluster(claims: &[Claim], volumes: &[Volume]) -> Cluster {
    let mut cluster = Cluster::new(0);
    let labels = Labels::from_iter([("zone", "a")]);
    cluster.upsert_node(&Node { name: "n".into(), labels, ..Node::default() }, 0);
    for (name, provisioner) in [
        ("wait", "p"),
        ("near", "p"),
        ("none", "kubernetes.io/no-provisioner"),
        ("full", "told"),
        ("now", "p"),
    ] {
        let binding_mode = match name {
            "now" => BindingMode::Immediate,
            _ => BindingMode::WaitForFirstConsumer,
        };
        let allowed_topologies = (name == "near").then(|| vec![in_zone("b")]);
        let (name, provisioner) = (name.into(), provisioner.into());
        let class = StorageClass { name, provisioner, binding_mode, allowed_topologies };
        cluster.upsert_object(class.into());
    }
    let driver = CsiDriver { name: "told".into(), storage_capacity: true, ..CsiDriver::default() };
    cluster.upsert_object(driver.into());
    for (name, zone, capacity, volume_size_max) in
        [("far", "b", gi(100), None), ("here", "a", gi(50), Some(gi(10)))]
    {
        let nodes = Some(in_zone(zone));
        let (namespace, name, class) = ("".into(), name.into(), "full".into());
        let capacity = Some(capacity);
        let told = CsiStorageCapacity { namespace, name, class, capacity, volume_size_max, nodes };
        cluster.upsert_object(told.into());
    }
    for claim in claims {
        cluster.upsert_object(claim.clone().into());
    }
    for volume in volumes {
        cluster.upsert_object(volume.clone().into());
    }
    cluster
}

pub(super) fn pod(claims: &[Claim]) -> Pod {
    let volume = |claim: &Claim| PodVolume {
        name: claim.name.clone(),
        source: VolumeSource::Claim { name: claim.name.clone() },
    };
    Pod {
        key: PodKey { namespace: "ns".into(), name: "pod".into() },
        uid: "uid-pod".into(),
        volumes: claims.iter().map(volume).collect(),
        ..Pod::default()
    }
}

/// What is special, claims, volumes, what is found.
type Row = (&'static str, Vec<Claim>, Vec<Volume>, (u32, Vec<String>));

/// What is found on the node: the reasons against it, `claim=volume` and `claim` for one that is made.
fn found(claims: &[Claim], volumes: &[Volume]) -> (u32, Vec<String>) {
    let cluster = cluster(claims, volumes);
    let view = View::new(&cluster);
    let claims = pod_claims(&cluster, &pod(claims)).expect("they can be used").expect("some");
    let plan = Plan::new(&view, &claims);
    let slice = Slice::new(&plan, &view, &[NodeId(0)]);
    let found = slice.find(0).unwrap_or_default();
    let given =
        found.volumes.iter().map(|(claim, volume)| format!("{}={}", claim.name, volume.name));
    let made = found.made.iter().map(|(claim, _)| claim.name.to_string());
    (found.reasons, given.chain(made).collect())
}

#[test]
fn bound_claims() {
    let rows: [(&str, Vec<Claim>, Vec<Volume>, u32); 5] = [
        ("bound", vec![bound("c", "v")], vec![volume("v", "wait", 1)], 0),
        ("on the node", vec![bound("c", "v")], vec![near("a", volume("v", "wait", 1))], 0),
        (
            "elsewhere",
            vec![bound("c", "v")],
            vec![near("b", volume("v", "wait", 1))],
            NODE_CONFLICT,
        ),
        ("volume not there", vec![bound("c", "v")], vec![], NO_VOLUME),
        (
            "the first that fails decides",
            vec![bound("c", "gone"), bound("d", "v"), claim("e", "none", 1)],
            vec![near("b", volume("v", "wait", 1))],
            NO_VOLUME | BIND_CONFLICT,
        ),
    ];
    for (what, claims, volumes, want) in rows {
        assert_eq!(found(&claims, &volumes).0, want, "{what}");
    }
}

#[test]
fn volumes_that_are_there() {
    let one = || vec![claim("c", "none", 5)];
    let missing = (BIND_CONFLICT, vec![]);
    let given = |pairs: &[&str]| (0, pairs.iter().map(|pair| (*pair).to_owned()).collect());
    let like = |change: fn(&mut Volume)| {
        let mut volume = volume("v", "none", 5);
        change(&mut volume);
        vec![volume]
    };
    let rows: Vec<Row> = vec![
        ("none", one(), vec![], missing.clone()),
        ("fits", one(), vec![volume("v", "none", 5)], given(&["c=v"])),
        ("too small", one(), vec![volume("v", "none", 4)], missing.clone()),
        ("of another class", one(), vec![volume("v", "wait", 5)], missing.clone()),
        ("elsewhere", one(), vec![near("b", volume("v", "none", 5))], missing.clone()),
        (
            "the smallest",
            one(),
            vec![volume("a", "none", 9), volume("b", "none", 6), volume("c", "none", 7)],
            given(&["c=b"]),
        ),
        (
            "the smallest on the node",
            one(),
            vec![near("b", volume("a", "none", 5)), near("a", volume("b", "none", 9))],
            given(&["c=b"]),
        ),
        ("not available", one(), like(|v| v.available = false), missing.clone()),
        ("being deleted", one(), like(|v| v.terminating = true), missing.clone()),
        ("another mode", one(), like(|v| v.volume_mode = VolumeMode::Block), missing.clone()),
        (
            "other access",
            one(),
            like(|v| v.access_modes = AccessModes::READ_ONLY_MANY),
            missing.clone(),
        ),
        ("other attributes", one(), like(|v| v.attributes_class = "g".into()), missing.clone()),
        ("somebody else's", one(), vec![kept("d", "", volume("v", "none", 5))], missing.clone()),
    ];
    for (what, claims, volumes, want) in rows {
        assert_eq!(found(&claims, &volumes), want, "{what}");
    }
}

#[test]
fn volumes_that_are_kept_and_several_claims() {
    let one = || vec![claim("c", "none", 5)];
    let missing = (BIND_CONFLICT, vec![]);
    let given = |pairs: &[&str]| (0, pairs.iter().map(|pair| (*pair).to_owned()).collect());
    let rows: Vec<Row> = vec![
        (
            "kept comes first",
            one(),
            vec![volume("a", "none", 5), kept("c", "", volume("v", "none", 9))],
            given(&["c=v"]),
        ),
        (
            "kept for the claim before",
            one(),
            vec![kept("c", "old", volume("v", "none", 9))],
            missing.clone(),
        ),
        (
            "kept elsewhere: that or nothing",
            one(),
            vec![volume("a", "none", 5), near("b", kept("c", "uid-c", volume("v", "none", 9)))],
            missing.clone(),
        ),
        (
            "the smallest claim first",
            vec![claim("c", "none", 5), claim("d", "none", 1)],
            vec![volume("a", "none", 1), volume("b", "none", 9)],
            given(&["d=a", "c=b"]),
        ),
        (
            "one volume for two claims",
            vec![claim("c", "none", 5), claim("d", "none", 1)],
            vec![volume("b", "none", 9)],
            (BIND_CONFLICT, vec!["d=b".to_owned()]),
        ),
    ];
    for (what, claims, volumes, want) in rows {
        assert_eq!(found(&claims, &volumes), want, "{what}");
    }
}

#[test]
fn volumes_that_are_made() {
    let no_request = Claim { request: None, ..claim("c", "full", 0) };
    let rows: Vec<(&str, Vec<Claim>, u32, &[&str])> = vec![
        ("made", vec![claim("c", "wait", 5)], 0, &["c"]),
        ("two", vec![claim("c", "wait", 5), claim("d", "wait", 1)], 0, &["d", "c"]),
        ("not allowed here", vec![claim("c", "near", 5)], BIND_CONFLICT, &[]),
        ("nobody makes them", vec![claim("c", "none", 5)], BIND_CONFLICT, &[]),
        ("asked for here", vec![selected("c", "n")], 0, &["c"]),
        ("asked for elsewhere", vec![selected("c", "m")], BIND_CONFLICT, &[]),
        (
            "one was asked for elsewhere",
            vec![claim("c", "wait", 5), selected("d", "m")],
            BIND_CONFLICT,
            &[],
        ),
        (
            "what was asked for comes first",
            vec![claim("c", "wait", 1), selected("d", "n")],
            0,
            &["d", "c"],
        ),
        ("enough is left", vec![claim("c", "full", 10)], 0, &["c"]),
        ("no volume may be so large", vec![claim("c", "full", 11)], NOT_ENOUGH_SPACE, &[]),
        ("no size", vec![no_request], 0, &["c"]),
    ];
    for (what, claims, reasons, made) in rows {
        let want = (reasons, made.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(found(&claims, &[]), want, "{what}");
    }
}

#[test]
fn pods_that_fit_nowhere() {
    let ephemeral = |owner: Option<&str>| {
        let controller_uid = owner.map(Into::into);
        Claim { controller_uid, ..claim("pod-v", "wait", 1) }
    };
    let of = |name: &str| VolumeSource::Claim { name: name.into() };
    let rows: Vec<(VolumeSource, Vec<Claim>, Option<&str>)> = vec![
        (of("c"), vec![], Some("persistentvolumeclaim \"c\" not found")),
        (of("c"), vec![claim("c", "wait", 1)], None),
        (
            of("c"),
            vec![Claim { lost: true, ..bound("c", "v") }],
            Some("persistentvolumeclaim \"c\" bound to non-existent persistentvolume \"v\""),
        ),
        (
            of("c"),
            vec![Claim { terminating: true, ..claim("c", "wait", 1) }],
            Some("persistentvolumeclaim \"c\" is being deleted"),
        ),
        (
            of("c"),
            vec![claim("c", "now", 1)],
            Some("pod has unbound immediate PersistentVolumeClaims"),
        ),
        (
            of("c"),
            vec![claim("c", "", 1)],
            Some("pod has unbound immediate PersistentVolumeClaims"),
        ),
        (
            of("c"),
            vec![Claim { bind_completed: false, ..bound("c", "v") }],
            Some("pod has unbound immediate PersistentVolumeClaims"),
        ),
        (
            VolumeSource::Ephemeral,
            vec![],
            Some(
                "waiting for ephemeral volume controller to create the persistentvolumeclaim \
                 \"pod-v\"",
            ),
        ),
        (VolumeSource::Ephemeral, vec![ephemeral(Some("uid-pod"))], None),
        (
            VolumeSource::Ephemeral,
            vec![ephemeral(None)],
            Some("PVC ns/pod-v was not created for pod ns/pod (pod is not owner)"),
        ),
    ];
    let plugin = VolumeBinding::new(&crate::model::VolumeBindingArgs::default());
    for (source, claims, want) in rows {
        let cluster = cluster(&claims, &[]);
        let mut pod = pod(&[]);
        let cx = PrepareCx { view: View::new(&cluster), position: 0 };
        assert!(matches!(plugin.prepare(&pod, &cx), PluginEval::Skip));
        pod.volumes.push(PodVolume { name: "v".into(), source });
        let got = match plugin.prepare(&pod, &cx) {
            PluginEval::Reject(Code::UnschedulableAndUnresolvable, reasons) => {
                Some(reasons.join(", "))
            }
            _ => None,
        };
        assert_eq!(got.as_deref(), want, "{:?}", pod.volumes);
    }
}
