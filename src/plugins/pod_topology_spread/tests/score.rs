//! Soft constraints, as TestPodTopologySpreadScore has them.

use crate::model::{Effect, Taint};

use super::*;

const HOST: &str = "kubernetes.io/hostname";
const HOSTS: &str = "a kubernetes.io/hostname=a; b kubernetes.io/hostname=b; \
                     c kubernetes.io/hostname=c; d kubernetes.io/hostname=d";
const ZONED: &str = "a zone=1 kubernetes.io/hostname=a; b zone=1 kubernetes.io/hostname=b; \
                     c zone=2 kubernetes.io/hostname=c; d zone=2 kubernetes.io/hostname=d";
const UNEVEN: &str = "a:foo a:foo b:foo d:foo d:foo d:foo";
const FALLING: &str = "a:foo a:foo a:foo a:foo b:foo b:foo b:foo c:foo c:foo d:foo";

/// Upstream's name, labels and constraints of the pod, nodes, the feasible ones, pods on nodes, points.
type Row = (
    &'static str,
    &'static str,
    Vec<SpreadConstraint>,
    &'static str,
    &'static str,
    &'static str,
    &'static [i64],
);

fn check(rows: Vec<Row>) {
    for (name, with, constraints, nodes, feasible, pods, want) in rows {
        let cluster = cluster(nodes, pods);
        let pod = pod(with, constraints);
        let got = scores(DefaultSpread::default(), &pod, &cluster, feasible);
        assert_eq!(got.as_deref(), Some(want), "{name}");
    }
}

#[test]
fn hosts() {
    let host = |skew, selects| vec![soft(skew, HOST, selects)];
    check(vec![
        ("no existing pods", "foo", host(1, "foo"), HOSTS, "ab", "", &[100, 100]),
        ("one candidate", "foo", host(1, "foo"), HOSTS, "a", "a:foo a:foo b:foo", &[100]),
        ("same numbers", "foo", host(1, "foo"), HOSTS, "ab", "a:foo b:foo", &[100, 100]),
        ("all 4 nodes", "foo", host(1, "foo"), HOSTS, "abcd", UNEVEN, &[20, 60, 100, 0]),
        ("null selector", "foo", host(1, "-"), HOSTS, "abcd", UNEVEN, &[100; 4]),
        ("empty selector", "foo", host(1, "{}"), HOSTS, "abcd", UNEVEN, &[100; 4]),
        ("maxSkew=2", "foo", host(2, "foo"), HOSTS, "abcd", UNEVEN, &[33, 66, 100, 16]),
        ("maxSkew=3", "foo", host(3, "foo"), HOSTS, "abcd", FALLING, &[44, 66, 77, 100]),
        (
            "3 out of 4 nodes are candidates",
            "foo",
            host(1, "foo"),
            HOSTS,
            "abc",
            "a:foo a:foo a:foo a:foo b:foo b:foo c:foo d:foo d:foo d:foo",
            &[33, 83, 100],
        ),
        (
            "one node doesn't match topology key",
            "foo",
            host(1, "foo"),
            "a kubernetes.io/hostname=a; b n=b; c kubernetes.io/hostname=c",
            "abc",
            "a:foo a:foo a:foo a:foo b:foo b:foo c:foo",
            &[16, 0, 100],
        ),
        (
            "existing pods in a different namespace do not count",
            "foo",
            host(1, "foo"),
            HOSTS,
            "ab",
            "a:foo@ns1 a:foo b:foo b:foo",
            &[100, 33],
        ),
        ("terminating Pods", "foo", host(1, "foo"), HOSTS, "ab", "a:foo! b:foo", &[100, 0]),
    ]);
}

#[test]
fn zones_and_hosts() {
    let both = |zone, host| vec![soft(1, "zone", zone), soft(1, HOST, host)];
    check(vec![
        (
            "one constraint on zone, 3 out of 4 nodes are candidates",
            "foo",
            vec![soft(1, "zone", "foo")],
            ZONED,
            "abc",
            "a:foo a:foo a:foo a:foo b:foo b:foo c:foo d:foo d:foo d:foo",
            &[75, 75, 100],
        ),
        (
            "different labelSelectors, 3 out of 4 nodes are candidates",
            "foo,bar",
            both("foo", "bar"),
            ZONED,
            "abc",
            "a:foo b:foo,bar d:foo d:bar",
            &[50, 25, 100],
        ),
    ]);
    let pods = "a:foo a:foo b:foo b:foo c:foo";
    let far = SpreadConstraint { min_domains: Some(10), ..soft(2, "node", "foo") };
    let nodes = "a node=a; b node=b; c node=c";
    check(vec![("minDomains has no effect", "foo", vec![far], nodes, "abc", pods, &[75, 75, 100])]);
}

#[test]
fn match_label_keys() {
    let keyed = |constraint: SpreadConstraint, key: &str| SpreadConstraint {
        match_label_keys: vec![key.into(), "none".into()],
        ..constraint
    };
    check(vec![
        (
            "ANDed with LabelSelector when LabelSelector is empty",
            "foo,bar",
            vec![keyed(soft(1, "zone", "{}"), "foo"), keyed(soft(1, HOST, "{}"), "bar")],
            ZONED,
            "abcd",
            "a:foo b:foo,bar c:foo c:bar",
            &[60, 20, 60, 100],
        ),
        (
            "ANDed with LabelSelector when LabelSelector isn't empty",
            "foo,bar,baz",
            vec![soft(1, "zone", "foo"), keyed(soft(1, HOST, "bar"), "baz")],
            ZONED,
            "abcd",
            "a:foo b:foo,bar,baz c:foo c:bar c:bar,baz",
            &[60, 20, 60, 100],
        ),
        (
            "no selector stays none",
            "foo",
            vec![keyed(soft(1, HOST, "-"), "foo")],
            HOSTS,
            "abcd",
            UNEVEN,
            &[100; 4],
        ),
    ]);
}

#[test]
fn which_nodes_count() {
    let nodes = "a node=a foo; b node=b foo; c node=c";
    let pods = "a:foo a:foo b:foo c:foo";
    let honoring = soft(1, "node", "foo");
    let ignoring = SpreadConstraint { honors_node_affinity: false, ..honoring.clone() };
    for (constraint, want) in [(honoring, [0, 33, 100]), (ignoring, [66, 100, 100])] {
        let pod = Pod { node_selector: labels("foo"), ..pod("foo", vec![constraint]) };
        let cluster = cluster(nodes, pods);
        let got = scores(DefaultSpread::default(), &pod, &cluster, "abc");
        assert_eq!(got.as_deref(), Some(&want[..]), "NodeAffinityPolicy");
    }
    let mut cluster = cluster(nodes, pods);
    let taint = Taint { key: "k".into(), value: "".into(), effect: Effect::NoExecute };
    let node =
        Node { name: "c".into(), labels: labels("node=c"), taints: vec![taint], ..Node::default() };
    cluster.upsert_node(&node, 0);
    let ignoring = soft(1, "node", "foo");
    let honoring = SpreadConstraint { honors_taints: true, ..ignoring.clone() };
    for (constraint, want) in [(honoring, [0, 33, 100]), (ignoring, [66, 100, 100])] {
        let pod = pod("foo", vec![constraint]);
        let got = scores(DefaultSpread::default(), &pod, &cluster, "abc");
        assert_eq!(got.as_deref(), Some(&want[..]), "NodeTaintsPolicy");
    }
}

#[test]
fn a_selector_that_cannot_be_read_is_an_error_where_nodes_are_scored() {
    let broken = SpreadConstraint { selector_error: Some("no".into()), ..soft(1, HOST, "foo") };
    let cluster = cluster(HOSTS, "");
    let profile = profile(DefaultSpread::default());
    let view = View::new(&cluster);
    let Prepared::Ready { evals, .. } = prepare(&profile, &pod("foo", vec![broken]), view) else {
        panic!("nodes can be filtered")
    };
    let want = "running PreScore plugin \"PodTopologySpread\": calculating preScoreState: obtaining \
                pod's soft topology spread constraints: no";
    assert_eq!(evals.score_error(&profile).as_deref(), Some(want));
}
