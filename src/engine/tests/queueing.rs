//! What brings a pod back that was rejected, and what does not, on the virtual clock: each change through the
//! engine's own events, with the plugins of the default profile.

use crate::engine::{BindOutcome, Event};
use crate::framework::{Answer, Extender};
use crate::model::{
    AffinityTerm, Effect as TaintEffect, HostPort, LabelOperator, LabelRequirement, LabelSelector,
    Labels, Object, ObjectKey, ObjectKind, PersistentVolumeClaim, PodVolume, SpreadConstraint,
    VolumeSource, WhenUnsatisfiable,
};
use crate::queue::QueueLengths;
use crate::units::Nanos;

use super::kit::{self, Kit, TestNode, TestPod, node, pod};

type Happens = fn(&mut Kit);

/// One pod that waits: what there is, the pod, what does not help it, and what does.
struct Story {
    name: &'static str,
    there: Happens,
    pod: fn() -> TestPod,
    in_vain: &'static [Happens],
    helps: Happens,
}

fn zoned(name: &str, zone: &str) -> TestNode {
    node(name).cpu(1000).label("zone", zone)
}

fn term() -> AffinityTerm {
    let (key, values) = ("app".into(), vec!["db".into()]);
    let requirement = LabelRequirement { key, operator: LabelOperator::In, values };
    AffinityTerm {
        selector: Some(LabelSelector { requirements: vec![requirement] }),
        namespaces: Vec::new(),
        namespace_selector: None,
        topology_key: "zone".into(),
    }
}

fn near_db() -> TestPod {
    let mut pod = pod("waits");
    pod.0.pod_affinity.get_or_insert_default().required.push(term());
    pod
}

fn spread() -> TestPod {
    let mut pod = pod("waits").label("app", "db");
    pod.0.topology_spread.push(SpreadConstraint {
        max_skew: 1,
        topology_key: "zone".into(),
        when_unsatisfiable: WhenUnsatisfiable::DoNotSchedule,
        selector: term().selector,
        ..SpreadConstraint::default()
    });
    pod
}

fn with_port(name: &str, port: i32) -> TestPod {
    let mut pod = pod(name);
    let (protocol, ip) = ("TCP".into(), "0.0.0.0".into());
    pod.0.host_ports.push(HostPort { protocol, ip, port });
    pod
}

fn selecting() -> TestPod {
    let mut pod = pod("waits");
    pod.0.node_selector = Labels::from_iter([("zone", "a")]);
    pod
}

fn claiming() -> TestPod {
    let mut pod = pod("waits");
    let source = VolumeSource::Claim { name: "data".into() };
    pod.0.volumes.push(PodVolume { name: "v".into(), source });
    pod
}

fn claim(kit: &mut Kit, name: &str) {
    let (namespace, name) = ("default".into(), name.into());
    let claim = PersistentVolumeClaim { namespace, name, ..PersistentVolumeClaim::default() };
    kit.step(Event::ObjectUpsert(Box::new(Object::from(claim))));
}

const STORIES: &[Story] = &[
    Story {
        name: "resources",
        there: |kit| {
            kit.put_node(&node("n1").cpu(1000));
            kit.put(pod("filler").cpu(900).on("n1"));
            kit.put(pod("greedy").on("n1"));
        },
        pod: || pod("waits").cpu(800),
        in_vain: &[
            |kit| drop(kit.put_node(&node("n2").cpu(700))),
            |kit| drop(kit.put_node(&node("n2").cpu(750))),
            |kit| drop(kit.put_node(&node("n1").cpu(1000).label("a", "b"))),
            |kit| drop(kit.put_node(&node("n1").cpu(900).label("a", "b"))),
            |kit| drop(kit.put(pod("other").cpu(10).on("n2"))),
            |kit| drop(kit.put(pod("filler").cpu(900).label("a", "b").on("n1"))),
            |kit| drop(kit.step(Event::NodeDelete("n2".into()))),
            |kit| drop(kit.put(pod("waits").cpu(800).label("a", "b"))),
            |kit| drop(kit.put(pod("waits").cpu(900).label("a", "b"))),
        ],
        helps: |kit| drop(kit.put(pod("filler").cpu(800).label("a", "b").on("n1"))),
    },
    Story {
        name: "resources of a node that grows",
        there: |kit| drop(kit.put_node(&node("n1").cpu(500))),
        pod: || pod("waits").cpu(800),
        in_vain: &[
            |kit| drop(kit.put_node(&node("n1").cpu(700))),
            |kit| drop(kit.put_node(&node("n1").cpu(500).gpus(1))),
        ],
        helps: |kit| drop(kit.put_node(&node("n1").cpu(800))),
    },
    Story {
        name: "taints",
        there: |kit| drop(kit.put_node(&node("n1").cpu(1).taint("k", TaintEffect::NoSchedule))),
        pod: || pod("waits"),
        in_vain: &[
            |kit| drop(kit.put_node(&node("n1").cpu(9).taint("k", TaintEffect::NoSchedule))),
            |kit| drop(kit.put_node(&node("n1").cpu(9).taint("x", TaintEffect::NoExecute))),
            |kit| drop(kit.put_node(&node("n2").cpu(9).taint("k", TaintEffect::NoSchedule))),
        ],
        helps: |kit| drop(kit.put_node(&node("n2").cpu(9))),
    },
    Story {
        name: "a cordon",
        there: |kit| drop(kit.put_node(&node("n1").cordoned())),
        pod: || pod("waits"),
        in_vain: &[
            |kit| drop(kit.put_node(&node("n2").cordoned())),
            |kit| drop(kit.put_node(&node("n1").cordoned().cpu(1000))),
        ],
        helps: |kit| drop(kit.put_node(&node("n1").cpu(1000))),
    },
    Story {
        name: "a node selector",
        there: |kit| drop(kit.put_node(&zoned("n1", "b"))),
        pod: selecting,
        in_vain: &[
            |kit| drop(kit.put_node(&zoned("n2", "b"))),
            |kit| drop(kit.put_node(&zoned("n1", "c"))),
            |kit| drop(kit.put_node(&zoned("n1", "c").cpu(9000))),
        ],
        helps: |kit| drop(kit.put_node(&zoned("n1", "a"))),
    },
    Story {
        name: "ports",
        there: |kit| {
            kit.put_node(&node("n1"));
            kit.put(with_port("web", 80).on("n1"));
            kit.put(with_port("other", 81).on("n1"));
            kit.put(pod("none").on("n1"));
        },
        pod: || with_port("waits", 80),
        in_vain: &[|kit| drop(kit.delete("other")), |kit| drop(kit.delete("none"))],
        helps: |kit| drop(kit.delete("web")),
    },
    Story {
        name: "affinity",
        there: |kit| drop(kit.put_node(&zoned("n1", "a"))),
        pod: near_db,
        in_vain: &[
            |kit| drop(kit.put(pod("web").label("app", "web").on("n1"))),
            |kit| drop(kit.delete("web")),
            |kit| drop(kit.put_node(&zoned("n1", "a").cpu(2000))),
        ],
        helps: |kit| drop(kit.put(pod("db").label("app", "db").on("n1"))),
    },
    Story {
        name: "affinity to a pod that is relabelled",
        there: |kit| {
            kit.put_node(&zoned("n1", "a"));
            kit.put(pod("db").label("app", "web").on("n1"));
        },
        pod: near_db,
        in_vain: &[|kit| drop(kit.put(pod("db").label("app", "x").on("n1")))],
        helps: |kit| drop(kit.put(pod("db").label("app", "db").on("n1"))),
    },
    Story {
        name: "anti-affinity of another pod",
        there: |kit| {
            kit.put_node(&zoned("n1", "a"));
            kit.put(pod("hates").repels("app", "web").on("n1"));
            kit.put(pod("other").repels("app", "db").on("n1"));
        },
        pod: || pod("waits").label("app", "web"),
        in_vain: &[|kit| drop(kit.delete("other"))],
        helps: |kit| drop(kit.delete("hates")),
    },
    Story {
        name: "spreading",
        there: |kit| {
            kit.put_node(&zoned("n1", "a"));
            kit.put_node(&zoned("n2", "b").cordoned());
            kit.put(pod("db").label("app", "db").on("n1"));
            kit.put(pod("web").label("app", "web").on("n1"));
        },
        pod: spread,
        in_vain: &[
            |kit| drop(kit.delete("web")),
            |kit| drop(kit.put(pod("x").label("app", "web").on("n2"))),
            |kit| drop(kit.put_node(&node("n3").cordoned())),
        ],
        helps: |kit| drop(kit.delete("db")),
    },
    Story {
        name: "a claim",
        there: |kit| drop(kit.put_node(&node("n1"))),
        pod: claiming,
        in_vain: &[
            |kit| claim(kit, "other"),
            |kit| {
                let key = ObjectKey { namespace: "default".into(), name: "other".into() };
                kit.step(Event::ObjectDelete(ObjectKind::PersistentVolumeClaim, key));
            },
        ],
        helps: |kit| claim(kit, "data"),
    },
];

#[test]
fn what_helps_brings_a_pod_back_and_nothing_else_does() {
    for story in STORIES {
        let mut kit = Kit::with_nodes([]);
        (story.there)(&mut kit);
        kit.put((story.pod)());
        let effects = kit.step(Event::Attempt);
        assert_eq!(kit::bind(&effects), None, "{}", story.name);
        let lengths = QueueLengths { unschedulable: 1, ..QueueLengths::default() };
        for (at, happens) in story.in_vain.iter().enumerate() {
            happens(&mut kit);
            assert_eq!(kit.engine.queue_lengths(), lengths, "{} {at}", story.name);
        }
        (story.helps)(&mut kit);
        let lengths = QueueLengths { backoff: 1, ..QueueLengths::default() };
        assert_eq!(kit.engine.queue_lengths(), lengths, "{}", story.name);
    }
}

#[test]
fn a_pod_that_berth_placed_helps_once_the_watch_shows_it() {
    let mut kit = Kit::with_nodes([zoned("n1", "a")]);
    kit.put(near_db());
    kit.step(Event::Attempt);
    kit.put(pod("db").label("app", "db"));
    let bind = kit.attempt_binds("n1");
    kit.answer(bind, BindOutcome::Bound);
    assert!(!kit.next.attempt);
    kit.put(pod("db").label("app", "db").on("n1"));
    kit.attempt_binds("n1");
}

#[test]
fn what_happens_while_an_extender_is_asked_counts() {
    let filter = Extender { name: "e".into(), weight: 1, filters: true, ..Extender::default() };
    let rows: [(Happens, usize); 3] = [
        (|_| (), 0),
        (|kit| drop(kit.put_node(&node("n2").cpu(100))), 0),
        (|kit| drop(kit.put_node(&node("n2").cpu(1000))), 1),
    ];
    for (happens, backoff) in rows {
        let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
        kit.engine.config.extenders = vec![filter.clone()];
        kit.put(pod("waits").cpu(800));
        let effects = kit.step(Event::Attempt);
        let asked = effects.iter().find_map(|effect| match effect {
            crate::engine::Effect::AskExtender { attempt, question, .. } => {
                Some((*attempt, question.verb()))
            }
            _ => None,
        });
        let (attempt, verb) = asked.expect("it is asked");
        kit.put(pod("thief").cpu(900).on("n1"));
        happens(&mut kit);
        let answer = Ok(Answer::Filtered { nodes: vec!["n1".into()], failed: Vec::new() });
        kit.step(Event::ExtenderAnswer { attempt, extender: 0, verb, answer });
        let lengths = kit.engine.queue_lengths();
        assert_eq!((lengths.backoff, lengths.unschedulable), (backoff, 1 - backoff));
    }
}

#[test]
fn a_nomination_that_goes_helps_pods_that_are_no_more_important() {
    let nominated = |on: Option<&str>| {
        let mut pod = pod("nominated").cpu(900).priority(5);
        pod.0.nominated_node = on.map(Into::into);
        pod
    };
    for goes in [true, false] {
        let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
        kit.put(pod("holds").cpu(900).priority(5).on("n1"));
        kit.put(nominated(Some("n1")));
        kit.step(Event::Attempt);
        for (name, priority) in [("low", 1), ("equal", 5)] {
            kit.put(pod(name).cpu(950).priority(priority));
            kit.step(Event::Attempt);
        }
        assert_eq!(kit.engine.queue_lengths().unschedulable, 3);
        if goes {
            kit.delete("nominated");
        } else {
            kit.put(nominated(None));
        }
        let lengths = kit.engine.queue_lengths();
        assert!(lengths.backoff >= 2, "{lengths:?}");
    }
}

#[test]
fn an_error_waits_for_its_backoff_whatever_happens() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a"));
    let bind = kit.attempt_binds("n1");
    kit.answer(bind, BindOutcome::Refused { message: "no".into() });
    kit.put_node(&node("n2").cpu(1000));
    assert!(!kit.next.attempt, "not even while nothing else is ready");
    assert_eq!(kit.engine.queue_lengths().backoff, 1);
    kit.wait(Nanos::from_secs(2));
    assert!(kit.next.attempt);
}

#[test]
fn pods_that_finish_or_belong_to_others_free_their_room() {
    let rows: [Happens; 3] = [
        |kit| drop(kit.put(pod("filler").cpu(900).on("n1").finished())),
        |kit| drop(kit.delete("filler")),
        |kit| drop(kit.put(pod("filler").uid("another").cpu(900))),
    ];
    for happens in rows {
        let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
        kit.put(pod("filler").scheduler("other").cpu(900).on("n1"));
        kit.put(pod("waits").cpu(800));
        kit.step(Event::Attempt);
        kit.put(pod("filler").scheduler("other").cpu(900).on("n1").terminating());
        assert!(!kit.next.attempt, "it is still there while it terminates");
        happens(&mut kit);
        assert!(kit.next.attempt);
    }
}

#[test]
fn a_deleted_pod_waits_nowhere() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("big").cpu(2000));
    kit.step(Event::Attempt);
    kit.put(pod("gated").gate("g"));
    kit.put(pod("fails"));
    let bind = kit.attempt_binds("n1");
    kit.answer(bind, BindOutcome::Refused { message: "no".into() });
    kit.put(pod("ready"));
    for name in ["big", "gated", "fails", "ready"] {
        kit.delete(name);
    }
    assert_eq!(kit.engine.queue_lengths(), QueueLengths::default());
    assert_eq!(kit.next.deadline, None);
}
