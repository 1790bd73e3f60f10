//! NodeVolumeLimits.

use crate::cluster::Cluster;
use crate::framework::Code;
use crate::model::{
    CsiDriver, CsiNode, CsiNodeDriver, Object, PersistentVolume, PersistentVolumeClaim,
    PersistentVolumeSource, Pod, StorageClass, VolumeAttachment, VolumeSource,
};

use super::{FITS, Said, bound_to, claims, cluster, not_on_node, pod, said};

const PLUGIN: &str = "NodeVolumeLimits";
const EBS: &str = "ebs.csi.aws.com";
const PD: &str = "pd.csi.storage.gke.io";

fn too_many() -> Said {
    not_on_node(Code::Unschedulable, "node(s) exceed max volume count")
}

fn volume(name: &str, source: PersistentVolumeSource) -> [Object; 2] {
    let volume = PersistentVolume { name: name.into(), source, ..PersistentVolume::default() };
    [volume.into(), bound_to(name, name).into()]
}

fn unbound(name: &str, class: &str, volume: &str) -> PersistentVolumeClaim {
    PersistentVolumeClaim { class: class.into(), ..bound_to(name, volume) }
}

/// The claim of the first volume of the pod called `pod`.
fn of_pod(pod: &str, uid: &str) -> PersistentVolumeClaim {
    let controller_uid = Some(uid.into());
    PersistentVolumeClaim { controller_uid, ..unbound(&format!("{pod}-v0"), "csi", "") }
}

fn csi_node(limits: &[(&str, Option<i32>)]) -> Object {
    let driver = |(name, max): &(&str, Option<i32>)| CsiNodeDriver {
        name: (*name).into(),
        volumes_max: *max,
        ..CsiNodeDriver::default()
    };
    let drivers = limits.iter().map(driver).collect();
    CsiNode { name: "n".into(), drivers, ..CsiNode::default() }.into()
}

fn driver(name: &str, prevents_if_missing: bool) -> Object {
    CsiDriver { name: name.into(), prevents_if_missing, ..CsiDriver::default() }.into()
}

fn attached(volume: &str) -> Object {
    let (attacher, node_name, volume_name) = (EBS.into(), "n".into(), Some(volume.into()));
    let name = format!("to-{volume}").into();
    VolumeAttachment { name, attacher, node_name, volume_name }.into()
}

/// Claims bound to volumes of both drivers (`ebs-0`, `pd-0`, ...) and of the in-tree plugins, and claims
/// without a volume: of the class `csi`, of the class `in-tree`, of none.
fn objects() -> Vec<Object> {
    let handle = |name: &str| Box::from(name);
    let class = |name: &str, provisioner: &str| {
        let (name, provisioner) = (name.into(), provisioner.into());
        Object::from(StorageClass { name, provisioner, ..StorageClass::default() })
    };
    let mut objects = vec![class("csi", EBS), class("in-tree", "kubernetes.io/aws-ebs")];
    for i in 0..4 {
        for (prefix, driver) in [("ebs", EBS), ("pd", PD)] {
            let name = format!("{prefix}-{i}");
            let source =
                PersistentVolumeSource::Csi { driver: driver.into(), handle: handle(&name) };
            objects.extend(volume(&name, source));
        }
        let name = format!("aws-{i}");
        let volume_id = handle(&name);
        let source = PersistentVolumeSource::AwsElasticBlockStore { volume_id };
        objects.extend(volume(&name, source));
    }
    objects.extend(volume("hostpath", PersistentVolumeSource::Other));
    let claims = [
        unbound("pending", "csi", ""),
        unbound("in-tree", "in-tree", ""),
        unbound("no-class", "", ""),
        unbound("lost", "csi", "missing-in-action"),
    ];
    objects.extend(claims.map(Into::into));
    objects
}

/// The cluster with these pods, each with its claims, and these objects.
fn with(pods: &[&[&str]], more: impl IntoIterator<Item = Object>) -> Cluster {
    let pods = pods.iter().zip(["a", "b", "c"]).map(|(names, name)| pod(name, claims(names)));
    cluster(&[], pods, objects().into_iter().chain(more))
}

fn inline(volume_id: &str) -> Pod {
    pod("inline", [VolumeSource::AwsElasticBlockStore { volume_id: volume_id.into() }])
}

/// Claims of each pod on the node.
type There<'a> = &'a [&'a [&'a str]];

/// Name, claims of the new pod, claims of the pods on the node, limit, what is said.
type Row<'a> = (&'a str, &'a [&'a str], There<'a>, i32, Said);

#[test]
fn claims_of_pods_count() {
    let two: &[&str] = &["ebs-1", "ebs-2"];
    let in_tree: &[&str] = &["aws-1", "aws-2"];
    let rows: [Row<'_>; 16] = [
        ("fits", &["ebs-0"], &[&["ebs-3"], two], 4, FITS),
        ("does not fit", &["ebs-0"], &[&["ebs-3"], two], 2, too_many()),
        ("pending claims count", &["ebs-0"], &[&["pending"], two], 3, too_many()),
        ("once", &["ebs-0"], &[&["pending"], &["pending"], two], 4, FITS),
        ("lost claims count by their class", &["ebs-0"], &[&["lost"], two], 3, too_many()),
        ("claims without a class do not", &["ebs-0"], &[&["ebs-3"], &["no-class"]], 2, FITS),
        ("claims that are gone do not", &["ebs-0"], &[&["ebs-3"], &["gone"]], 2, FITS),
        ("nor those of another driver", &["ebs-0"], &[&["pd-1", "pd-2"], two], 3, FITS),
        ("each driver has its own limit", &["pd-1", "pd-2"], &[two, &["ebs-3"]], 2, FITS),
        ("a volume in use counts once", two, &[two], 2, FITS),
        ("the pod's own volumes", &["ebs-0", "ebs-1"], &[], 1, too_many()),
        ("in-tree volumes count", &["aws-0"], &[in_tree], 2, too_many()),
        ("unbound in-tree volumes", &["in-tree"], &[in_tree], 2, too_many()),
        ("in-tree beside CSI", &["aws-0"], &[two], 2, too_many()),
        ("CSI beside in-tree", &["ebs-0"], &[in_tree], 2, too_many()),
        ("others do not count", &["hostpath"], &[two], 1, Said::Skip),
    ];
    for (name, wanted, there, max, want) in rows {
        let new = pod("new", claims(wanted));
        let limits = csi_node(&[(EBS, Some(max)), (PD, Some(max))]);
        assert_eq!(said(PLUGIN, &with(there, [limits]), &new), want, "{name}");
        let free = if want == Said::Skip { Said::Skip } else { FITS };
        for without in [csi_node(&[(EBS, None), (PD, None)]), csi_node(&[])] {
            assert_eq!(said(PLUGIN, &with(there, [without]), &new), free, "{name}: no limit");
        }
        assert_eq!(said(PLUGIN, &with(there, []), &new), free, "{name}: no CSINode");
    }
}

/// Claims of the new pod, claims of the pods on the node, attached volumes, limit, what is said.
type AttachedRow<'a> = (&'a [&'a str], There<'a>, &'a [&'a str], i32, Said);

#[test]
fn attachments_count_beside_the_pods() {
    let rows: [AttachedRow<'_>; 6] = [
        (&["ebs-0"], &[], &["ebs-1", "ebs-2"], 2, too_many()),
        (&["ebs-0"], &[], &["ebs-1"], 2, FITS),
        (&["ebs-0"], &[&["ebs-1"]], &["ebs-1"], 2, FITS),
        // Upstream counts the new volume as well as its attachment.
        (&["ebs-0"], &[], &["ebs-0"], 1, too_many()),
        (&["ebs-0"], &[], &["aws-1", "gone"], 1, FITS),
        (&["pd-0"], &[], &["ebs-1", "ebs-2"], 1, FITS),
    ];
    for (wanted, there, volumes, max, want) in rows {
        let limits = csi_node(&[(EBS, Some(max)), (PD, Some(max))]);
        let more = volumes.iter().map(|volume| attached(volume)).chain([limits]);
        let got = said(PLUGIN, &with(there, more), &pod("new", claims(wanted)));
        assert_eq!(got, want, "{wanted:?} beside {there:?} and {volumes:?}");
    }
}

#[test]
fn volumes_in_the_pod() {
    let two: &[&str] = &["ebs-1", "ebs-2"];
    let limit = |max| csi_node(&[(EBS, Some(max))]);
    let rows = vec![
        ("they count", inline("other"), with(&[&["aws-1", "aws-2"]], [limit(2)]), too_many()),
        ("beside both", inline("other"), with(&[two, &["aws-0"]], [limit(3)]), too_many()),
        ("the same volume", inline("ebs-1"), with(&[two, &["aws-0"]], [limit(3)]), FITS),
        ("no CSINode", inline("other"), with(&[two], []), FITS),
        ("a URL", inline("aws://zone/vol-1"), with(&[], [limit(0)]), too_many()),
        (
            "no volume id",
            inline("aws://zone/1"),
            with(&[], [limit(0)]),
            not_on_node(
                Code::Error,
                "converting volume(v0) from inline to csi: failed to translate Kubernetes ID to \
                 EBS Volume ID Invalid format for AWS volume (aws://zone/1)",
            ),
        ),
        ("no volume id, no CSINode", inline("aws://zone/1"), with(&[], []), FITS),
    ];
    for (name, new, cluster, want) in rows {
        assert_eq!(said(PLUGIN, &cluster, &new), want, "{name}");
    }
    let free = [VolumeSource::Vsphere { volume_path: "p".into() }];
    assert_eq!(said(PLUGIN, &with(&[], [limit(0)]), &pod("new", free)), Said::Skip);
}

#[test]
fn ephemeral_volumes() {
    let abc = pod("abc", [VolumeSource::Ephemeral]);
    let owned = || of_pod("abc", "uid-abc").into();
    let foreign = || of_pod("abc", "other").into();
    let limit = |max| csi_node(&[(EBS, Some(max))]);
    let not_owned = || {
        let reason = "PVC default/abc-v0 was not created for pod default/abc (pod is not owner)";
        not_on_node(Code::Error, reason)
    };
    let missing = not_on_node(
        Code::UnschedulableAndUnresolvable,
        "looking up PVC default/abc-v0: persistentvolumeclaim \"abc-v0\" not found",
    );
    let two: &[&str] = &["ebs-1", "ebs-2"];
    let rows = vec![
        ("missing", with(&[], [limit(1)]), missing),
        ("not owned", with(&[], [foreign(), limit(1)]), not_owned()),
        ("unbound", with(&[], [owned(), csi_node(&[(EBS, None)])]), FITS),
        ("too many", with(&[two], [owned(), limit(2)]), too_many()),
        ("not too many", with(&[two], [owned(), limit(3)]), FITS),
    ];
    for (name, cluster, want) in rows {
        assert_eq!(said(PLUGIN, &cluster, &abc), want, "{name}");
    }
    // The same claims of a pod that is there already.
    let new = pod("new", claims(&["ebs-0"]));
    let rows = [
        ("counts", vec![owned(), limit(1)], too_many()),
        ("has room", vec![owned(), limit(2)], FITS),
        ("missing", vec![limit(1)], FITS),
        ("not owned", vec![foreign(), limit(1)], not_owned()),
    ];
    for (name, more, want) in rows {
        let cluster = cluster(&[], [abc.clone()], objects().into_iter().chain(more));
        assert_eq!(said(PLUGIN, &cluster, &new), want, "{name}");
    }
}

#[test]
fn a_driver_can_be_required() {
    let new = pod("new", claims(&["pd-0", "ebs-0"]));
    let missing = |name: &str| {
        not_on_node(Code::Unschedulable, &format!("{name} CSI driver is not installed on the node"))
    };
    let rows = [
        ("not required", vec![driver(EBS, false), csi_node(&[])], FITS),
        ("required", vec![driver(EBS, true), csi_node(&[])], missing(EBS)),
        ("the first of two", vec![driver(EBS, true), driver(PD, true)], missing(PD)),
        ("no CSINode", vec![driver(EBS, true)], missing(EBS)),
        ("installed", vec![driver(EBS, true), csi_node(&[(EBS, Some(2))])], FITS),
        ("no CSIDriver", vec![csi_node(&[])], FITS),
        ("none of its volumes", vec![driver("other", true)], FITS),
    ];
    for (name, more, want) in rows {
        assert_eq!(said(PLUGIN, &with(&[], more), &new), want, "{name}");
    }
}

#[test]
fn claims_that_cannot_be_read() {
    let rows = [
        (
            "gone",
            not_on_node(
                Code::UnschedulableAndUnresolvable,
                "looking up PVC default/gone: persistentvolumeclaim \"gone\" not found",
            ),
        ),
        ("", not_on_node(Code::Error, "PersistentVolumeClaim had no name")),
    ];
    for (name, want) in rows {
        assert_eq!(said(PLUGIN, &with(&[], []), &pod("new", claims(&["ebs-0", name]))), want);
    }
    assert_eq!(said(PLUGIN, &with(&[], []), &pod("new", [])), Said::Skip);
}
