//! Hard constraints, as TestSingleConstraint and TestMultipleConstraints have them.

use crate::model::{
    Effect, NodeAffinity, NodeOperator, NodeRequirement, NodeSelectorTerm, Taint, Toleration,
    TolerationOperator,
};

use super::*;

/// Upstream's name, labels and constraints of the pod, nodes, pods on them, verdicts.
type Row =
    (&'static str, &'static str, Vec<SpreadConstraint>, &'static str, &'static str, &'static str);

fn check(rows: Vec<Row>) {
    for (name, with, constraints, nodes, pods, want) in rows {
        let cluster = cluster(nodes, pods);
        assert_eq!(verdicts(&pod(with, constraints), View::new(&cluster)), want, "{name}");
    }
}

const FULL: &str = "a:foo a:foo b:foo y:foo y:foo y:foo";

#[test]
fn one_constraint() {
    check(vec![
        ("no existing pods", "foo", vec![hard(1, "zone", "foo")], GRID, "", "++++"),
        ("doesn't match itself", "foo", vec![hard(1, "zone", "bar")], GRID, "", "++++"),
        (
            "existing pods in a different namespace do not count",
            "foo",
            vec![hard(1, "zone", "foo")],
            GRID,
            "a:foo@ns1 a:foo@ns2 x:foo y:foo",
            "++UU",
        ),
        (
            "existing pods do not match null selector",
            "foo",
            vec![hard(1, "zone", "-")],
            GRID,
            "x:foo y:foo",
            "++++",
        ),
        ("spread across zones as 3/3", "foo", vec![hard(1, "zone", "foo")], GRID, FULL, "++++"),
        (
            "as 1/2 due to absence of label 'zone' on node-b",
            "foo",
            vec![hard(1, "zone", "foo")],
            "a zone=1; b zon=1; x zone=2; y zone=2",
            "a:foo b:foo x:foo y:foo",
            "+NUU",
        ),
        ("no node has label 'rack'", "foo", vec![hard(1, "rack", "foo")], GRID, "", "NNNN"),
        ("nodes as 2/1/0/3", "foo", vec![hard(1, "node", "foo")], GRID, FULL, "UU+U"),
        ("nodes as 2/1/0/3, maxSkew is 2", "foo", vec![hard(2, "node", "foo")], GRID, FULL, "U++U"),
        ("2/1/0/3, no self-match", "bar", vec![hard(1, "node", "foo")], GRID, FULL, "U++U"),
        (
            "terminating Pods should be excluded",
            "foo",
            vec![hard(1, "node", "foo")],
            "a node=a; b node=b",
            "a:foo! b:foo",
            "+U",
        ),
        (
            "an empty selector counts nothing but the pod itself",
            "foo",
            vec![hard(1, "node", "{}")],
            GRID,
            FULL,
            "++++",
        ),
        (
            "an empty selector with no skew to spare",
            "foo",
            vec![hard(0, "node", "{}")],
            GRID,
            FULL,
            "UUUU",
        ),
    ]);
}

#[test]
fn min_domains() {
    let with = |constraint: SpreadConstraint, min| {
        vec![SpreadConstraint { min_domains: Some(min), ..constraint }]
    };
    let three = "a node=a; b node=b; c node=c";
    let pods = "a:foo a:foo b:foo b:foo c:foo";
    let node = || hard(2, "node", "foo");
    let zone = || hard(2, "zone", "foo");
    check(vec![
        ("2/2/1, fewer domains than minDomains", "foo", with(node(), 4), three, pods, "UU+"),
        ("2/2/1, more domains than minDomains", "foo", with(node(), 2), three, pods, "+++"),
        ("zones 2/1, fewer domains", "foo", with(zone(), 3), GRID, "a:foo b:foo y:foo", "UU++"),
        ("zones 2/1, more domains", "foo", with(zone(), 1), GRID, "a:foo b:foo y:foo", "++++"),
    ]);
}

#[test]
fn several_constraints() {
    let both = |zone, node| vec![hard(1, "zone", zone), hard(1, "node", node)];
    check(vec![
        ("[3/3, 2/1/0/3]", "foo", both("foo", "foo"), GRID, FULL, "UU+U"),
        (
            "[3/4, 2/1/0/4]",
            "foo",
            both("foo", "foo"),
            GRID,
            "a:foo a:foo b:foo y:foo y:foo y:foo y:foo",
            "UUUU",
        ),
        ("[1/0, 1/0/0/1]", "foo,bar", both("foo", "bar"), GRID, "a:foo y:bar", "UU+U"),
        ("[1/0, 0/0/1/1]", "foo,bar", both("foo", "bar"), GRID, "a:foo x:bar y:bar", "UUUU"),
        (
            "[2/3, 1/0/0/1]",
            "foo,bar",
            both("foo", "bar"),
            GRID,
            "a:foo a:foo,bar y:foo y:foo,bar y:foo",
            "U+UU",
        ),
        ("no self-match on zone", "bar", both("foo", "bar"), GRID, "a:foo x:bar y:bar", "++UU"),
        (
            "absence of label 'node' on node-x",
            "foo",
            both("foo", "foo"),
            "a zone=1 node=a; b zone=1 node=b; x zone=2; y zone=2 node=y",
            "a:foo y:foo",
            "U+NU",
        ),
    ]);
}

fn affinity(key: &str, operator: NodeOperator, values: &[&str]) -> NodeAffinity {
    let values = values.iter().map(|value| (*value).into()).collect();
    let requirement = NodeRequirement { key: key.into(), operator: Some(operator), values };
    let term = NodeSelectorTerm { expressions: vec![requirement], ..NodeSelectorTerm::default() };
    NodeAffinity { required: Some(vec![term]), ..NodeAffinity::default() }
}

#[test]
fn node_affinity_policy() {
    let on_nodes = |ignores: bool| SpreadConstraint {
        honors_node_affinity: !ignores,
        ..hard(1, "node", "foo")
    };
    let only = |affinity| Some(affinity);
    let in_a_y = affinity("node", NodeOperator::In, &["a", "y"]);
    let not_b = affinity("node", NodeOperator::NotIn, &["b"]);
    let rows = [
        ("2/~1~/~0~/3, hence node-a fits", only(in_a_y.clone()), on_nodes(false), FULL, "+++U"),
        ("the same, ignored", only(in_a_y), on_nodes(true), FULL, "UU+U"),
        (
            "0/~2~/0/1, hence node-a fits",
            only(not_b),
            hard(1, "zone", "foo"),
            "b:foo b:foo y:foo",
            "++UU",
        ),
        ("no affinity", None, on_nodes(false), FULL, "UU+U"),
    ];
    for (name, node_affinity, constraint, pods, want) in rows {
        let cluster = cluster(GRID, pods);
        let pod = Pod { node_affinity, ..pod("foo", vec![constraint]) };
        assert_eq!(verdicts(&pod, View::new(&cluster)), want, "{name}");
    }
}

#[test]
fn node_selector_counts_as_affinity() {
    let nodes = "a zone=1 node=a foo; b zone=1 node=b foo; x zone=2 node=x foo; y zone=2 node=y";
    let ignoring = SpreadConstraint { honors_node_affinity: false, ..hard(1, "node", "foo") };
    let constraints = vec![hard(1, "zone", "foo"), ignoring];
    let pod = Pod { node_selector: labels("foo"), ..pod("foo", constraints) };
    let cluster = cluster(nodes, "a:foo b:foo y:foo");
    assert_eq!(verdicts(&pod, View::new(&cluster)), "UU+U", "zone: honor, node: ignore");
}

#[test]
fn node_taints_policy() {
    let mut cluster = cluster(GRID, "a:foo b:foo y:foo");
    let taint = |effect| Taint { key: "k".into(), value: "".into(), effect };
    for (node, effect) in [("y", Effect::NoSchedule), ("b", Effect::PreferNoSchedule)] {
        let zone = if node == "y" { "zone=2 node=y" } else { "zone=1 node=b" };
        let taints = vec![taint(effect)];
        let node = Node { name: node.into(), labels: labels(zone), taints, ..Node::default() };
        cluster.upsert_node(&node, 0);
    }
    let honoring = SpreadConstraint { honors_taints: true, ..hard(1, "zone", "foo") };
    let tolerating = Toleration {
        key: "k".into(),
        operator: TolerationOperator::Exists,
        value: "".into(),
        effect: None,
    };
    let rows = [
        ("2/~1~", honoring.clone(), vec![], "UU++"),
        ("2/1, ignored", hard(1, "zone", "foo"), vec![], "UU++"),
        ("2/~1~, skew 2", SpreadConstraint { max_skew: 2, ..honoring.clone() }, vec![], "UU++"),
        (
            "2/1, tolerated, skew 2",
            SpreadConstraint { max_skew: 2, ..honoring },
            vec![tolerating],
            "++++",
        ),
    ];
    for (name, constraint, tolerations, want) in rows {
        let pod = Pod { tolerations: tolerations.into(), ..pod("foo", vec![constraint]) };
        assert_eq!(verdicts(&pod, View::new(&cluster)), want, "{name}");
    }
}

#[test]
fn where_no_node_counts_every_node_with_the_labels_fits() {
    let pod = Pod { node_selector: labels("none"), ..pod("foo", vec![hard(1, "node", "foo")]) };
    let cluster = cluster(GRID, FULL);
    assert_eq!(verdicts(&pod, View::new(&cluster)), "++++");
    let strict = SpreadConstraint { min_domains: Some(1), max_skew: 0, ..hard(1, "node", "foo") };
    let pod = Pod { topology_spread: vec![strict], ..pod };
    assert_eq!(verdicts(&pod, View::new(&cluster)), "UUUU", "no domain is fewer than one");
}

#[test]
fn a_selector_that_cannot_be_read_is_an_error() {
    let broken = SpreadConstraint { selector_error: Some("no".into()), ..hard(1, "node", "foo") };
    let cluster = cluster(GRID, "");
    let profile = profile(DefaultSpread::default());
    let pod = pod("foo", vec![broken]);
    let Prepared::Failed { message, .. } = prepare(&profile, &pod, View::new(&cluster)) else {
        panic!("nothing can be decided")
    };
    let want = "running PreFilter plugin \"PodTopologySpread\": get constraints from pod: \
                obtaining pod's hard topology spread constraints: no";
    assert_eq!(message, want);
}
