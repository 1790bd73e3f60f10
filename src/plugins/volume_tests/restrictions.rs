//! VolumeRestrictions.

use crate::cluster::Cluster;
use crate::framework::Code;
use crate::model::{AccessModes, PersistentVolumeClaim, Pod, PodKey, VolumeSource};

use super::{FITS, Said, bound_to, claims, cluster, not_on_node, pod, said, said_without};

const PLUGIN: &str = "VolumeRestrictions";
const DISK: &str = "node(s) had no available disk";
const CLAIM: &str = "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access \
                     mode already in-use by another pod";

fn google(pd_name: &str, read_only: bool) -> VolumeSource {
    VolumeSource::GcePersistentDisk { pd_name: pd_name.into(), read_only }
}

fn amazon(volume_id: &str) -> VolumeSource {
    VolumeSource::AwsElasticBlockStore { volume_id: volume_id.into() }
}

fn iscsi(iqn: &str, read_only: bool) -> VolumeSource {
    VolumeSource::Iscsi { iqn: iqn.into(), read_only }
}

fn rbd(monitors: &[&str], pool: &str, image: &str, read_only: bool) -> VolumeSource {
    let monitors = monitors.iter().map(|monitor| (*monitor).into()).collect();
    VolumeSource::Rbd { monitors, image: image.into(), pool: pool.into(), read_only }
}

#[test]
fn disks() {
    let taken = || not_on_node(Code::Unschedulable, DISK);
    let (foo, bar) = ("iqn.2016-12.server:storage.target01", "iqn.2017-12.server:storage.target01");
    let rows = [
        (google("foo", false), google("foo", false), taken()),
        (google("foo", false), google("bar", false), FITS),
        (google("foo", true), google("foo", false), taken()),
        (google("foo", true), google("foo", true), FITS),
        (amazon("foo"), amazon("foo"), taken()),
        (amazon("foo"), amazon("bar"), FITS),
        (amazon("foo"), google("foo", false), FITS),
        (iscsi(foo, false), iscsi(foo, false), taken()),
        (iscsi(foo, false), iscsi(bar, false), FITS),
        (iscsi(foo, true), iscsi(foo, true), FITS),
        (rbd(&["a", "b"], "p", "i", false), rbd(&["b", "c"], "p", "i", false), taken()),
        (rbd(&["a", "b"], "p", "i", false), rbd(&["c", "d"], "p", "i", false), FITS),
        (rbd(&["a"], "p", "i", false), rbd(&["a"], "q", "i", false), FITS),
        (rbd(&["a"], "p", "i", false), rbd(&["a"], "p", "j", false), FITS),
        (rbd(&["a"], "p", "i", true), rbd(&["a"], "p", "i", true), FITS),
    ];
    for (there, wanted, want) in rows {
        let cluster = cluster(&[], [pod("there", [there.clone()])], []);
        let got = said(PLUGIN, &cluster, &pod("new", [wanted.clone()]));
        assert_eq!(got, want, "{wanted:?} beside {there:?}");
        assert_eq!(said(PLUGIN, &cluster, &pod("new", [])), Said::Skip);
        let free = [VolumeSource::Cinder { volume_id: "foo".into() }];
        assert_eq!(said(PLUGIN, &cluster, &pod("new", free)), Said::Skip);
    }
}

fn claim(name: &str, access_modes: AccessModes) -> PersistentVolumeClaim {
    PersistentVolumeClaim { access_modes, ..bound_to(name, "") }
}

/// The claims `one` and `two`, which only one pod may use, and `many`; these pods on the node.
fn claimed(pods: impl IntoIterator<Item = Pod>) -> Cluster {
    let once = AccessModes::READ_WRITE_ONCE_POD;
    let all = [
        claim("one", once),
        claim("two", once.or(AccessModes::READ_ONLY_MANY)),
        claim("many", AccessModes::READ_WRITE_MANY),
    ];
    cluster(&[], pods, all.map(Into::into))
}

/// Name, claims of the new pod, claims of each pod on the node, what is said.
type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a [&'a str]], Said);

#[test]
fn claims_of_one_pod() {
    let taken = || not_on_node(Code::Unschedulable, CLAIM);
    let missing = |name| {
        let reason = format!("persistentvolumeclaim \"{name}\" not found");
        Said::Rejected(Code::UnschedulableAndUnresolvable, reason)
    };
    let rows: [Row<'_>; 8] = [
        ("no conflict", &["one"], &[&["many"]], Said::Skip),
        ("nothing there", &["one", "two"], &[], Said::Skip),
        ("one conflict", &["one"], &[&["one"]], taken()),
        ("two conflicts", &["one", "two"], &[&["one", "two"]], taken()),
        ("one conflict of two", &["one", "two"], &[&["two"]], taken()),
        ("a claim of many", &["many"], &[&["many"]], Said::Skip),
        ("an unknown claim", &["one", "three"], &[&["one"]], missing("three")),
        ("a claim without a name", &[""], &[], missing("")),
    ];
    for (name, wanted, there, want) in rows {
        let there =
            there.iter().zip(["a", "b"]).map(|(names, pod_name)| pod(pod_name, claims(names)));
        let cluster = claimed(there);
        assert_eq!(said(PLUGIN, &cluster, &pod("new", claims(wanted))), want, "{name}");
    }
}

#[test]
fn claims_are_told_apart_by_namespace_at_first() {
    let mut other = pod("a", claims(&["one"]));
    other.key.namespace = "elsewhere".into();
    assert_eq!(said(PLUGIN, &claimed([other]), &pod("new", claims(&["one"]))), Said::Skip);
}

/// Upstream: a claim counts once at first, and every pod that goes takes one away.
#[test]
fn a_claim_is_free_without_its_pods() {
    let taken = || not_on_node(Code::Unschedulable, CLAIM);
    let id = |cluster: &Cluster, namespace: &str, name: &str| {
        let key = PodKey { namespace: namespace.into(), name: name.into() };
        cluster.find_pod(&key).expect("the pod")
    };
    let mut other = pod("other", claims(&["one"]));
    other.key.namespace = "elsewhere".into();
    let there = [pod("a", claims(&["one"])), pod("b", claims(&["one", "two"])), other];
    let cluster = claimed(there);
    let new = pod("new", claims(&["one", "two"]));
    let [a, b] = ["a", "b"].map(|name| id(&cluster, "default", name));
    let other = id(&cluster, "elsewhere", "other");
    let rows: [(&[_], Said); 5] = [
        (&[], taken()),
        (&[a], taken()),
        (&[b], FITS),
        (&[a, other], FITS),
        (&[a, b, other], FITS),
    ];
    for (removed, want) in rows {
        assert_eq!(said_without(PLUGIN, &cluster, &new, removed), want, "{removed:?}");
    }
}

#[test]
fn a_disk_is_free_without_its_pod() {
    let cluster = cluster(&[], [pod("a", [amazon("d")])], []);
    let key = PodKey { namespace: "default".into(), name: "a".into() };
    let id = cluster.find_pod(&key).expect("the pod");
    let new = pod("new", [amazon("d")]);
    assert_eq!(said(PLUGIN, &cluster, &new), not_on_node(Code::Unschedulable, DISK));
    assert_eq!(said_without(PLUGIN, &cluster, &new, &[id]), FITS);
}
