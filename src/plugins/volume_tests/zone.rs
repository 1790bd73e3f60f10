//! VolumeZone.

use crate::framework::Code;
use crate::model::{BindingMode, Object, PersistentVolume, PersistentVolumeClaim, StorageClass};

use super::{FITS, Said, bound_to, claims, cluster, labels, not_on_node, pod, said};

const PLUGIN: &str = "VolumeZone";
const BETA_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";
const BETA_REGION: &str = "failure-domain.beta.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";

/// Labels of a volume or a node.
type Pairs<'a> = &'a [(&'a str, &'a str)];

#[test]
fn labels_of_volumes_and_nodes() {
    let conflict =
        || not_on_node(Code::UnschedulableAndUnresolvable, "node(s) had no available volume zone");
    let (both, two) = ([(ZONE, "a"), (REGION, "r")], "c__a");
    let rows: [(&str, Pairs<'_>, Pairs<'_>, Said); 21] = [
        ("a volume without labels", &[("useless", "none")], &[(ZONE, "a")], Said::Skip),
        ("a node without labels", &[(BETA_ZONE, "a")], &[], FITS),
        ("a node without such labels", &[(ZONE, "a")], &[("useless", "none")], FITS),
        ("beta zone label matched", &[(BETA_ZONE, "a")], &[(BETA_ZONE, "a")], FITS),
        ("beta region label matched", &[(BETA_REGION, "r")], &[(BETA_REGION, "r")], FITS),
        ("beta region differs", &[(BETA_REGION, "r")], &[(BETA_REGION, "s")], conflict()),
        ("beta zone label differs", &[(BETA_ZONE, "a")], &[(BETA_ZONE, "b")], conflict()),
        ("zone label matched", &[(ZONE, "a")], &[(ZONE, "a"), ("useless", "none")], FITS),
        ("region label matched", &[(REGION, "r")], &[(REGION, "r")], FITS),
        ("region label differs", &[(REGION, "r")], &[(REGION, "s")], conflict()),
        ("zone label differs", &[(ZONE, "a")], &[(ZONE, "b")], conflict()),
        ("zone and region, node with only zone", &both, &[(ZONE, "a")], conflict()),
        ("zone, node with beta zone", &[(ZONE, "a")], &[(BETA_ZONE, "a")], conflict()),
        ("beta label, node with GA label", &[(BETA_ZONE, "a")], &[(ZONE, "a")], FITS),
        ("beta label, other GA label", &[(BETA_ZONE, "a")], &[(ZONE, "b")], conflict()),
        (
            "the node's own beta label comes first",
            &[(BETA_ZONE, "a")],
            &[(BETA_ZONE, "b"), (ZONE, "a")],
            conflict(),
        ),
        ("one of two beta zones", &[(BETA_ZONE, two)], &[(BETA_ZONE, "a")], FITS),
        ("one of two zones", &[(ZONE, two)], &[(ZONE, "a")], FITS),
        ("none of two zones", &[(ZONE, two)], &[(ZONE, "c__a")], conflict()),
        ("a set with nothing in it says nothing", &[(ZONE, "a__")], &[(ZONE, "b")], Said::Skip),
        ("the other label still counts", &[(ZONE, ""), (REGION, "r")], &[(ZONE, "b")], conflict()),
    ];
    for (name, volume, node, want) in rows {
        let volume = PersistentVolume {
            name: "volume".into(),
            labels: labels(volume),
            ..PersistentVolume::default()
        };
        let cluster = cluster(node, [], [volume.into(), bound_to("claim", "volume").into()]);
        assert_eq!(said(PLUGIN, &cluster, &pod("new", claims(&["claim"]))), want, "{name}");
        assert_eq!(said(PLUGIN, &cluster, &pod("new", [])), Said::Skip, "{name}");
    }
}

fn class(name: &str, binding_mode: BindingMode) -> Object {
    StorageClass { name: name.into(), binding_mode, ..StorageClass::default() }.into()
}

#[test]
fn claims_without_a_volume() {
    let rejected =
        |reason: &str| Said::Rejected(Code::UnschedulableAndUnresolvable, reason.to_owned());
    let unbound = |name: &str, class: &str| {
        let claim = PersistentVolumeClaim { class: class.into(), ..bound_to(name, "") };
        Object::from(claim)
    };
    let objects = [
        class("now", BindingMode::Immediate),
        class("wait", BindingMode::WaitForFirstConsumer),
        unbound("now", "now"),
        unbound("wait", "wait"),
        unbound("no-class", ""),
        unbound("unknown-class", "unknown"),
        bound_to("gone", "gone").into(),
    ];
    let cluster = cluster(&[(ZONE, "a")], [], objects);
    let rows: [(&[&str], Said); 8] = [
        (&["wait"], Said::Skip),
        (&["wait", "now"], rejected("PersistentVolume had no name")),
        (&["no-class"], rejected("PersistentVolumeClaim had no pv name and storageClass name")),
        (&["unknown-class"], rejected("storageclass.storage.k8s.io \"unknown\" not found")),
        (&["gone"], rejected("persistentvolume \"gone\" not found")),
        (&["unknown"], rejected("persistentvolumeclaim \"unknown\" not found")),
        (&[""], rejected("PersistentVolumeClaim had no name")),
        (&["gone", "now"], rejected("persistentvolume \"gone\" not found")),
    ];
    for (names, want) in rows {
        assert_eq!(said(PLUGIN, &cluster, &pod("new", claims(names))), want, "{names:?}");
    }
}
