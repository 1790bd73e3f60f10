//! Facts of upstream's own unit tests: what was reserved, what the API server has by now, whether it is bound.
//!
//! Upstream: `TestCheckBindings` and `TestCheckBindingsWithCSIMigration` of binder_test.go, v1.37, without the
//! cases of lists that are nil.

use crate::cluster::Cluster;
use crate::framework::Placement;
use crate::model::{CsiNode, Labels, Node, PersistentVolumeSource, PodKey};
use crate::units::{NodeId, PodId};

use super::check::is_bound;
use super::reserve::{Reserved, ReservedClaim, ReservedVolume};
use super::tests::{Claim, Volume, bound, claim, cluster, kept, near, pod, selected, volume};

const NODE: &str = "n";

/// Nothing is known yet.
const WAIT: Result<bool, &str> = Ok(false);
const BOUND: Result<bool, &str> = Ok(true);

fn key(name: &str) -> PodKey {
    PodKey { namespace: "ns".into(), name: name.into() }
}

/// The volumes given to claims (volume, claim) and the claims that wait for a volume. All were written.
fn reserved(volumes: &[(&str, &str)], claims: &[&str]) -> Reserved {
    let volume = |(name, claim): &(&str, &str)| ReservedVolume {
        name: (*name).into(),
        version: "before".into(),
        claim: key(claim),
        claim_uid: format!("uid-{claim}").into(),
        claim_version: "before".into(),
        by_controller: true,
        written: true,
    };
    let claim =
        |name: &&str| ReservedClaim { claim: key(name), version: "before".into(), written: true };
    Reserved {
        volumes: volumes.iter().map(volume).collect(),
        claims: claims.iter().map(claim).collect(),
    }
}

fn asked(reserved: &Reserved, cluster: &Cluster) -> Result<bool, String> {
    let pod = pod(&[]);
    let at = Placement { pod: &pod, id: PodId(0), node: NodeId(0), node_name: NODE };
    is_bound(reserved, &at, cluster)
}

/// A volume near the node that is kept for a claim.
fn given(name: &str, claim: &str) -> Volume {
    near("a", kept(claim, &format!("uid-{claim}"), volume(name, "wait", 5)))
}

/// A claim that names a volume, which nothing has made complete.
fn named(name: &str, volume: &str) -> Claim {
    Claim { bind_completed: false, ..bound(name, volume) }
}

fn on_node(claim: Claim) -> Claim {
    Claim { selected_node: Some(NODE.into()), ..claim }
}

/// What it is called, volumes given to claims, claims that wait, what there is by now, what is said.
type Row = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
    Vec<Claim>,
    Vec<Volume>,
    Result<bool, &'static str>,
);

#[test]
fn bindings() {
    let one: &[_] = &[("v", "c")];
    let unbound = || claim("c", "wait", 1);
    let no_uid = near("a", kept("c", "", volume("v", "wait", 5)));
    let reset = Err("ClaimRef got reset for pv \"v\"");
    let rows: Vec<Row> = vec![
        ("nothing to bind", &[], &[], vec![], vec![], BOUND),
        ("bound", one, &[], vec![bound("c", "v")], vec![given("v", "c")], BOUND),
        ("prebound", one, &[], vec![named("c", "v")], vec![given("v", "c")], WAIT),
        ("unbound", one, &[], vec![unbound()], vec![given("v", "c")], WAIT),
        (
            "no claim",
            one,
            &[],
            vec![],
            vec![given("v", "c")],
            Err("failed to check binding: persistentvolumeclaims \"ns/c\" not found"),
        ),
        (
            "no volume",
            one,
            &[],
            vec![bound("c", "v")],
            vec![],
            Err("failed to check binding: persistentvolumes \"v\" not found"),
        ),
        (
            "no claimRef",
            one,
            &[],
            vec![bound("c", "v")],
            vec![near("a", volume("v", "wait", 5))],
            reset,
        ),
        ("no UID in the claimRef", one, &[], vec![bound("c", "v")], vec![no_uid], reset),
        (
            "one bound, one unbound",
            &[("v", "c"), ("w", "d")],
            &[],
            vec![bound("c", "v"), claim("d", "wait", 1)],
            vec![given("v", "c"), given("w", "d")],
            WAIT,
        ),
        (
            "bound, and one that waits",
            one,
            &["p"],
            vec![bound("c", "v"), selected("p", NODE)],
            vec![given("v", "c")],
            WAIT,
        ),
    ];
    check(rows);
}

#[test]
fn volumes_that_are_made() {
    let rows: Vec<Row> = vec![
        ("bound", &[], &["p"], vec![on_node(bound("p", "v"))], vec![given("v", "p")], BOUND),
        ("unbound", &[], &["p"], vec![selected("p", NODE)], vec![], WAIT),
        (
            "no claim",
            &[],
            &["p"],
            vec![],
            vec![],
            Err("failed to check provisioning pvc: persistentvolumeclaims \"ns/p\" not found"),
        ),
        (
            "the node was taken back",
            &[],
            &["p"],
            vec![claim("p", "wait", 1)],
            vec![],
            Err("provisioning failed for PVC \"p\""),
        ),
        (
            "another node",
            &[],
            &["p"],
            vec![selected("p", "wrong-node")],
            vec![],
            Err("provisioning failed for PVC \"p\""),
        ),
        (
            "bound, the volume comes later",
            &[],
            &["p"],
            vec![on_node(bound("p", "v"))],
            vec![],
            WAIT,
        ),
        (
            "the volume is elsewhere",
            &[],
            &["p"],
            vec![on_node(bound("p", "v"))],
            vec![near("b", volume("v", "wait", 5))],
            Err("pv \"v\" node affinity doesn't match node \"n\": no matching NodeSelectorTerms"),
        ),
    ];
    check(rows);
}

fn check(rows: Vec<Row>) {
    for (what, volumes, waiting, claims, there, want) in rows {
        let got = asked(&reserved(volumes, waiting), &cluster(&claims, &there));
        assert_eq!(got.as_ref().map(|bound| *bound).map_err(String::as_str), want, "{what}");
    }
}

/// A disk of an in-tree plugin has a zone in its labels, which counts where a CSI driver serves it.
#[test]
fn disks_of_plugins_that_moved() {
    let elsewhere =
        Err("pv \"v\" node affinity doesn't match node \"n\": no matching NodeSelectorTerms");
    // The claim is bound, and waited for a volume; the zone of the node; the CSINode's plugins; what is said.
    let rows: [(bool, &str, Option<&str>, bool, Result<bool, &str>); 6] = [
        (true, "us-east-1", Some("kubernetes.io/gce-pd"), true, BOUND),
        (false, "us-east-1", Some("kubernetes.io/gce-pd"), true, WAIT),
        (false, "us-east-1", None, true, WAIT),
        (false, "us-east-1", Some(""), true, WAIT),
        (false, "us-east-2", Some("kubernetes.io/gce-pd"), true, elsewhere),
        (false, "us-east-2", Some("kubernetes.io/gce-pd"), false, WAIT),
    ];
    for (made, zone, migrated, translated, want) in rows {
        let source = if translated {
            PersistentVolumeSource::GcePersistentDisk { pd_name: "test-disk".into() }
        } else {
            PersistentVolumeSource::Other
        };
        let labels = Labels::from_iter([
            ("failure-domain.beta.kubernetes.io/region", "us-east-1a"),
            ("failure-domain.beta.kubernetes.io/zone", "us-east-1"),
        ]);
        let disk = Volume { labels, source, ..kept("c", "uid-c", volume("v", "wait", 1)) };
        let claim = if made { on_node(bound("c", "v")) } else { claim("c", "wait", 1) };
        let mut cluster = cluster(&[claim], &[disk]);
        let labels = Labels::from_iter([("topology.gke.io/zone", zone)]);
        cluster.upsert_node(&Node { name: NODE.into(), labels, ..Node::default() }, 0);
        if let Some(plugin) = migrated {
            let migrated_plugins = vec![plugin.into()];
            let node = CsiNode { name: NODE.into(), migrated_plugins, ..CsiNode::default() };
            cluster.upsert_object(node.into());
        }
        let reserved = if made { reserved(&[], &["c"]) } else { reserved(&[("v", "c")], &[]) };
        let got = asked(&reserved, &cluster);
        let got = got.as_ref().map(|bound| *bound).map_err(String::as_str);
        assert_eq!(got, want, "{made} {zone} {migrated:?} {translated}");
    }
}
