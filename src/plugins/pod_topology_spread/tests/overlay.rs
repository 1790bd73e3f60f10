//! Pods that come and go in thought, as TestPreFilterStateAddPod and TestPreFilterStateRemovePod have them.

use crate::cluster::Overlay;
use crate::units::PodId;

use super::*;

/// What is found where `added` (pods that are nowhere) come to `node` and those at `removed` go.
fn changed(
    cluster: &mut Cluster,
    pod: &Pod,
    node: &str,
    added: &[&str],
    removed: &[usize],
) -> String {
    let id = |cluster: &Cluster, at: usize| -> PodId {
        let key = PodKey { namespace: "default".into(), name: format!("b{at}").into() };
        cluster.find_pod(&key).expect("there is such a pod")
    };
    let removed: Vec<_> = removed.iter().map(|at| id(cluster, *at)).collect();
    let add = |(at, text): (usize, &&str)| {
        let nowhere = Pod { node_name: None, ..bound(100 + at, &format!("-:{text}")) };
        cluster.add_pod(&nowhere, 0)
    };
    let added: Vec<_> = added.iter().enumerate().map(add).collect();
    let node = cluster.find_node(node).expect("there is such a node");
    let mut overlay = Overlay::without(cluster, node, removed);
    for pod in added {
        overlay.add(cluster, pod);
    }
    verdicts(pod, View::new(cluster).with(&overlay))
}

#[test]
fn pods_that_come() {
    let node = || vec![hard(1, "node", "foo")];
    let both = || vec![hard(1, "zone", "foo"), hard(1, "node", "foo")];
    let two = "a zone=1 node=a; b zone=1 node=b";
    let across = "a zone=1 node=a; x zone=2 node=x";
    let rows = [
        ("node a and b both impact current min match", node(), two, "", "a", "foo", "U+"),
        ("only node a impacts current min match", node(), two, "b:foo", "a", "foo", "++"),
        ("a pod in a different namespace", node(), two, "b:foo", "a", "foo@ns1", "+U"),
        ("add pod on non-critical node", node(), two, "b:foo", "b", "foo", "+U"),
        ("a pod that is not meant", node(), two, "b:foo", "a", "bar", "+U"),
        ("a pod that is being deleted counts", node(), two, "b:foo", "a", "foo!", "++"),
        ("node a and x both impact, empty cluster", both(), across, "", "a", "foo", "U+"),
        ("only node a impacts", both(), across, "x:foo", "a", "foo", "++"),
        (
            "node a impacts on node, node x on zone",
            both(),
            "a zone=1 node=a; b zone=1 node=b; x zone=2 node=x",
            "b:foo b:foo x:foo",
            "a",
            "foo",
            "UU+",
        ),
    ];
    for (name, constraints, nodes, pods, on, added, want) in rows {
        let mut cluster = cluster(nodes, pods);
        let got = changed(&mut cluster, &pod("foo", constraints), on, &[added], &[]);
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn pods_that_go() {
    let zone = || vec![hard(1, "zone", "foo")];
    let node = || vec![hard(1, "node", "foo")];
    let rows = [
        ("zones 2/2 to 1/2", zone(), "a:foo b:foo x:foo y:foo", "a", vec![0], "++UU"),
        ("zones 1/2 to 1/1", zone(), "a:foo x:foo y:foo", "x", vec![1], "++++"),
        ("zones 1/3 to 1/1", zone(), "a:foo x:foo x:foo y:foo", "x", vec![1, 2], "++++"),
        ("the only one of its node", node(), "a:foo b:foo x:foo y:foo", "y", vec![3], "UUU+"),
        ("one that is not meant", zone(), "a:foo x:bar x:foo y:foo", "x", vec![1], "++UU"),
        // Never counted, yet taken away: upstream goes below zero.
        ("one that is being deleted", node(), "a:foo! b:foo", "a", vec![0], "+UUU"),
        (
            "with an empty selector",
            vec![hard(1, "node", "{}")],
            "a:foo b:foo",
            "a",
            vec![0],
            "+UUU",
        ),
    ];
    for (name, constraints, pods, on, removed, want) in rows {
        let mut cluster = cluster(GRID, pods);
        let got = changed(&mut cluster, &pod("foo", constraints), on, &[], &removed);
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn a_node_that_does_not_count_changes_nothing() {
    let constraints = vec![hard(1, "zone", "foo"), hard(1, "rack", "foo")];
    let nodes = "a zone=1 rack=1; b zone=1; x zone=2 rack=2";
    let mut before = cluster(nodes, "b:foo");
    let pod = pod("foo", constraints);
    assert_eq!(changed(&mut before, &pod, "b", &["foo", "foo"], &[]), "+N+", "b has no rack");
    let pod =
        Pod { node_selector: labels("zone=1"), ..super::pod("foo", vec![hard(1, "zone", "foo")]) };
    let mut before = cluster(GRID, "a:foo");
    assert_eq!(changed(&mut before, &pod, "x", &["foo", "foo"], &[]), "++++", "x is not selected");
}
