//! Plugins that look at pods beside pods: affinity and spreading.

use crate::framework::{Action, Resource};
use crate::model::{Effect, Namespace, PodAffinity, SpreadConstraint, Taint, WhenUnsatisfiable};

use super::*;

const BOTH: [&str; 2] = ["securityscan", "value2"];

fn near(terms: Vec<AffinityTerm>) -> Pod {
    let affinity = PodAffinity { required: terms, ..PodAffinity::default() };
    Pod { pod_affinity: Some(Box::new(affinity)), ..pod() }
}

fn away(terms: Vec<AffinityTerm>) -> Pod {
    let affinity = PodAffinity { anti_required: terms, ..PodAffinity::default() };
    Pod { pod_affinity: Some(Box::new(affinity)), ..pod() }
}

fn there<const N: usize>(labels: [(&str, &str); N]) -> Pod {
    on_node(labelled(labels))
}

type PodRow = (&'static str, Pod, Option<Pod>, Option<Pod>, Hint);

fn check(name: &str, rows: Vec<PodRow>) {
    for (what, pod, old, new, want) in rows {
        let change = pod_change(old.as_ref(), new.as_ref());
        assert_eq!(ask(&*plugin(name), &pod, &change), want, "{what}");
    }
}

#[test]
fn affinity_after_a_pod() {
    let scan = || near(vec![term("service", &BOTH, "region")]);
    let two = || near(vec![term("aaa", &[], "hostname"), term("bbb", &[], "hostname")]);
    let (match_, other) = ([("service", "securityscan")], [("aaa", "a")]);
    check(
        "InterPodAffinity",
        vec![
            ("one that is wanted comes", scan(), None, Some(there(match_)), Queue),
            ("one that waits comes", scan(), None, Some(labelled(match_)), Skip),
            ("another comes", scan(), None, Some(there(other)), Skip),
            ("one is wanted now", scan(), Some(there(other)), Some(there(match_)), Queue),
            (
                "one is wanted as before",
                scan(),
                Some(there([("service", "value2")])),
                Some(there(match_)),
                Skip,
            ),
            (
                "one that waits is wanted now",
                scan(),
                Some(labelled(other)),
                Some(labelled(match_)),
                Skip,
            ),
            ("one is wanted no more", scan(), Some(there(match_)), Some(there(other)), Skip),
            ("of two terms none holds now", two(), Some(there(other)), Some(there(match_)), Skip),
            (
                "of two terms both hold now",
                two(),
                Some(there(other)),
                Some(there([("aaa", ""), ("bbb", "")])),
                Queue,
            ),
            ("one that is wanted goes", scan(), Some(there(match_)), None, Skip),
        ],
    );
}

#[test]
fn anti_affinity_after_a_pod() {
    let scan = || away(vec![term("service", &BOTH, "region")]);
    let two = || {
        let service = term("service", &["securityscan"], "region");
        away(vec![service, term("app", &["web"], "region")])
    };
    let (match_, other) = ([("service", "securityscan")], [("aaa", "a")]);
    let foo = |pod| Pod { labels: Labels::from_iter([("service", "foo")]), ..pod };
    let nominated = |labels| Some(Pod { nominated_node: Some("n".into()), ..labelled(labels) });
    let matching = || labelled(match_);
    check(
        "InterPodAffinity",
        vec![
            (
                "repelled no more",
                scan(),
                Some(there(match_)),
                Some(there([("service", "aaaa")])),
                Queue,
            ),
            ("repelled now", scan(), Some(there([("service", "bbb")])), Some(there(match_)), Skip),
            ("another goes", scan(), Some(there(other)), None, Skip),
            ("a repelled one goes", scan(), Some(there(match_)), None, Queue),
            ("one that repels goes", matching(), Some(on_node(scan())), None, Queue),
            ("one that repels others goes", foo(pod()), Some(on_node(scan())), None, Skip),
            (
                "one goes, and neither repels the other",
                foo(scan()),
                Some(on_node(foo(scan()))),
                None,
                Skip,
            ),
            ("another nominated one goes", scan(), nominated(other), None, Skip),
            ("a repelled nominated one goes", scan(), nominated(match_), None, Queue),
            (
                "of two terms none repels it now",
                two(),
                Some(there([("service", "securityscan"), ("app", "bar")])),
                Some(there([("service", "foo"), ("app", "bar")])),
                Queue,
            ),
            (
                "of two terms the other repels it now",
                two(),
                Some(there([("service", "securityscan"), ("app", "bar")])),
                Some(there([("service", "foo"), ("app", "web")])),
                Skip,
            ),
            ("one goes that one of two terms repels", two(), Some(there(match_)), None, Queue),
            ("one of two terms of one that goes", matching(), Some(on_node(two())), None, Queue),
        ],
    );
}

#[test]
fn a_term_with_a_namespace_selector_sees_the_labels_of_namespaces() {
    let mut cluster = Cluster::new(0);
    let labels = Labels::from_iter([("team", "red")]);
    cluster.upsert_namespace(&Namespace { name: "default".into(), labels });
    let chosen = AffinityTerm {
        namespace_selector: Some(selector("team", &["red"])),
        ..term("a", &[], "zone")
    };
    let pod = near(vec![chosen]);
    let change = pod_change(None, Some(there([("a", "b")])).as_ref());
    let plugin = plugin("InterPodAffinity");
    assert_eq!(plugin.hint(&change, Candidate::whole(&pod), &cluster), Queue);
    assert_eq!(ask(&*plugin, &pod, &change), Skip, "nobody knows the namespace");
}

#[test]
fn both_affinities_after_a_node() {
    let near = || near(vec![term("service", &BOTH, "zone")]);
    let away = || away(vec![term("another", &["label"], "zone")]);
    let (one, two, none) = (node([("zone", "1")]), node([("zone", "2")]), node([("aaa", "a")]));
    let more = node([("zone", "1"), ("unrelated", "x")]);
    let rows = [
        ("one comes in a domain", near(), None, &one, Queue),
        ("one comes in none", near(), None, &none, Skip),
        ("another label", near(), Some(&none), &node([("aaa", "b")]), Skip),
        ("another label, in a domain", near(), Some(&one), &more, Skip),
        ("it is in another domain", near(), Some(&one), &two, Queue),
        ("it is in a domain now", near(), Some(&none), &one, Queue),
        ("it is in none now", near(), Some(&one), &none, Skip),
        ("anti: one comes in a domain", away(), None, &one, Queue),
        ("anti: one comes in none", away(), None, &none, Queue),
        ("anti: another label", away(), Some(&one), &more, Skip),
        ("anti: it is in another domain", away(), Some(&one), &two, Queue),
        ("anti: it is in a domain now", away(), Some(&none), &one, Skip),
        ("anti: it is in none now", away(), Some(&one), &none, Queue),
    ];
    for (name, pod, old, new, want) in rows {
        let action = if old.is_some() { Action::UPDATE_NODE_LABEL } else { Action::ADD };
        let change = node_change(action, old, Some(new));
        assert_eq!(ask(&*plugin("InterPodAffinity"), &pod, &change), want, "{name}");
    }
}

fn constraint(topology_key: &str, label: &str) -> SpreadConstraint {
    SpreadConstraint {
        max_skew: 1,
        topology_key: topology_key.into(),
        when_unsatisfiable: WhenUnsatisfiable::DoNotSchedule,
        selector: Some(selector(label, &[])),
        ..SpreadConstraint::default()
    }
}

fn spread(constraints: Vec<SpreadConstraint>) -> Pod {
    Pod { topology_spread: constraints, ..labelled([("foo", "")]) }
}

#[test]
fn spreading_after_a_node() {
    let one = || spread(vec![constraint("zone", "foo")]);
    let two = || spread(vec![constraint("zone", "foo"), constraint("node", "foo")]);
    let tainted = |node: Node, key: &str| {
        let taint = Taint { key: key.into(), value: "b".into(), effect: Effect::NoSchedule };
        Some(Node { taints: vec![taint], ..node })
    };
    let (zone, other) = (node([("zone", "1")]), node([("foo", "bar1")]));
    let both = || node([("zone", "1"), ("node", "1")]);
    let some = |node: &Node| Some(node.clone());
    let rows = [
        ("another domain", one(), some(&zone), Some(node([("zone", "2")])), Queue),
        ("in none as before", one(), some(&other), Some(node([("foo", "bar2")])), Skip),
        (
            "another label of one in all",
            two(),
            Some(node([("zone", "1"), ("node", "1"), ("foo", "bar")])),
            Some(both()),
            Skip,
        ),
        ("one comes in none", one(), None, some(&other), Skip),
        ("one comes", one(), None, some(&zone), Queue),
        ("one goes in none", one(), some(&other), None, Skip),
        ("one goes", one(), some(&zone), None, Queue),
        ("one comes in one of two", two(), None, some(&zone), Skip),
        ("one comes in both", two(), None, Some(both()), Queue),
        ("in one of two as before", two(), some(&zone), some(&zone), Skip),
        (
            "another domain of two",
            two(),
            Some(both()),
            Some(node([("zone", "1"), ("node", "2")])),
            Queue,
        ),
        ("in both now", two(), some(&zone), Some(both()), Queue),
        ("other taints", two(), tainted(both(), "a"), tainted(both(), "c"), Queue),
        (
            "other taints in one of two",
            two(),
            tainted(zone.clone(), "a"),
            tainted(zone.clone(), "c"),
            Skip,
        ),
    ];
    for (name, pod, old, new, want) in rows {
        let action = match (&old, &new) {
            (None, _) => Action::ADD,
            (_, None) => Action::DELETE,
            _ => Action::UPDATE_NODE_LABEL,
        };
        let change = node_change(action, old.as_ref(), new.as_ref());
        assert_eq!(ask(&*plugin("PodTopologySpread"), &pod, &change), want, "{name}");
    }
}

#[test]
fn spreading_after_a_pod() {
    let one = || spread(vec![constraint("zone", "foo")]);
    let two = || spread(vec![constraint("zone", "foo"), constraint("node", "bar")]);
    let (foo, bar) = ([("foo", "")], [("bar", "")]);
    let waits = |labels| Some(labelled(labels));
    let nominated = |labels| Some(Pod { nominated_node: Some("n".into()), ..labelled(labels) });
    let elsewhere = || {
        let mut pod = on_node(labelled(foo));
        pod.key.namespace = "other".into();
        Some(pod)
    };
    check(
        "PodTopologySpread",
        vec![
            ("one comes that counts", one(), None, Some(there(foo)), Queue),
            ("one that waits comes", one(), None, waits(foo), Skip),
            ("one that waits changes", one(), waits(bar), waits(foo), Skip),
            ("one that waits goes", one(), waits(foo), None, Skip),
            ("one of another namespace comes", one(), None, elsewhere(), Skip),
            ("one comes that does not count", one(), None, Some(there(bar)), Skip),
            ("one goes that counts", one(), Some(there(foo)), None, Queue),
            ("one goes that does not count", one(), Some(there(bar)), None, Skip),
            ("a nominated one goes that counts", one(), nominated(foo), None, Queue),
            ("a nominated one goes that does not", one(), nominated(bar), None, Skip),
            (
                "another label of one that counts",
                one(),
                Some(there([("foo", ""), ("bar", "1")])),
                Some(there([("foo", ""), ("bar", "2")])),
                Skip,
            ),
            ("one counts now", one(), Some(there([])), Some(there(foo)), Queue),
            ("one counts no more", one(), Some(there(foo)), Some(there([])), Queue),
            (
                "one counts as before",
                one(),
                Some(there([("foo", "1")])),
                Some(there([("foo", "2")])),
                Skip,
            ),
            (
                "one counts for the second now",
                two(),
                Some(there(foo)),
                Some(there([("foo", ""), ("bar", "2")])),
                Queue,
            ),
            (
                "another label of one that counts for the first",
                two(),
                Some(there(foo)),
                Some(there([("foo", ""), ("baz", "")])),
                Skip,
            ),
        ],
    );
}

#[test]
fn spreading_after_an_update_of_the_pod() {
    let honoring = SpreadConstraint { honors_taints: true, ..constraint("zone", "foo") };
    let before = |constraint| spread(vec![constraint]);
    let tolerant = |pod: Pod| Pod { tolerations: [toleration("a")].into(), ..pod };
    let renamed = |pod: Pod, label| Pod { labels: Labels::from_iter([(label, "")]), ..pod };
    let plain = || before(constraint("zone", "foo"));
    let rows = [
        ("a toleration, and taints count", before(honoring.clone()), true, "foo", Queue),
        ("a toleration, and taints do not count", plain(), true, "foo", Skip),
        ("it counts no more", plain(), false, "bar", Queue),
        ("nothing that matters", plain(), false, "foo", Skip),
    ];
    for (name, old, tolerates, label, want) in rows {
        let new = renamed(old.clone(), label);
        let new = if tolerates { tolerant(new) } else { new };
        let action = Action::UPDATE_POD_TOLERATION;
        let change = pod_event(Resource::TargetPod, action, Some(&old), Some(&new));
        assert_eq!(ask(&*plugin("PodTopologySpread"), &new, &change), want, "{name}");
    }
}
