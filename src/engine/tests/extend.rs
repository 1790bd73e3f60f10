//! Attempts that wait for extenders, on the virtual clock: what is asked, what is made of the answers, and
//! what may happen meanwhile.

use crate::engine::extend::PARKED_MAX;
use crate::engine::{AttemptId, BindOutcome, DecisionVerdict, Effect, Event, NoticeLevel, Report};
use crate::framework::{Answer, Code, Extender, ExtenderVerb, NodeVictims, Question};
use crate::queue::QueueLengths;
use crate::units::Nanos;

use super::kit::{self, Kit, TestPod, node, pod};

fn extender(name: &str) -> Extender {
    Extender { name: name.into(), weight: 1, ..Extender::default() }
}

fn filter(name: &str) -> Extender {
    Extender { filters: true, ..extender(name) }
}

fn prioritizer(name: &str, weight: i64) -> Extender {
    Extender { prioritizes: true, weight, ..extender(name) }
}

fn ignorable(extender: Extender) -> Extender {
    Extender { ignorable: true, ..extender }
}

/// Nodes `n1`, `n2` and `n3`, and these extenders.
fn kit<const N: usize>(extenders: [Extender; N]) -> Kit {
    let mut kit = Kit::with_nodes(["n1", "n2", "n3"].map(|name| node(name).cpu(4000)));
    kit.engine.config.extenders = extenders.into();
    kit
}

/// A question: the attempt, the extender, the verb, and the nodes, sorted.
type Asked = (AttemptId, usize, ExtenderVerb, Vec<String>);

fn asked(effects: &[Effect]) -> Vec<Asked> {
    let one = |effect: &Effect| {
        let Effect::AskExtender { attempt, extender, question, .. } = effect else { return None };
        let mut nodes: Vec<String> = match question {
            Question::Filter(nodes) | Question::Prioritize(nodes) => {
                nodes.iter().map(ToString::to_string).collect()
            }
            Question::Bind(node) => vec![node.to_string()],
            Question::Preempt(victims) => {
                let one = |on: &NodeVictims| format!("{}: {}", on.node, on.pods.join(" "));
                victims.iter().map(one).collect()
            }
        };
        nodes.sort_unstable();
        Some((*attempt, *extender, question.verb(), nodes))
    };
    effects.iter().filter_map(one).collect()
}

fn leaves(nodes: &[&str]) -> Answer {
    let nodes = nodes.iter().map(|name| (*name).into()).collect();
    Answer::Filtered { nodes, failed: Vec::new() }
}

fn scores(scores: &[(&str, i64)]) -> Answer {
    Answer::Scored(scores.iter().map(|(node, score)| ((*node).into(), *score)).collect())
}

impl Kit {
    /// One attempt, which must ask.
    fn asks(&mut self) -> Vec<Asked> {
        let asked = asked(&self.step(Event::Attempt));
        assert!(!asked.is_empty(), "nobody was asked");
        asked
    }

    fn hears(&mut self, asked: &Asked, answer: Answer) -> Vec<Effect> {
        self.takes(asked, Ok(answer))
    }

    fn takes(&mut self, asked: &Asked, answer: Result<Answer, String>) -> Vec<Effect> {
        let (attempt, extender, verb, _) = *asked;
        self.step(Event::ExtenderAnswer { attempt, extender, verb, answer })
    }

    fn try_pod(&mut self, pod: TestPod) -> Asked {
        self.put(pod);
        self.asks().remove(0)
    }
}

fn bound_to(effects: &[Effect]) -> Option<String> {
    kit::bind(effects).map(|(_, node)| node)
}

fn message(effects: &[Effect]) -> String {
    let said = effects.iter().find_map(kit::condition);
    said.map(|condition| format!("{}: {}", condition.reason, condition.message)).unwrap_or_default()
}

fn nodes(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn filters_are_asked_one_after_the_other_about_what_is_left() {
    let mut kit = kit([filter("x"), prioritizer("y", 1), filter("z")]);
    let first = kit.try_pod(pod("a"));
    assert_eq!(
        (first.1, first.2, &first.3),
        (0, ExtenderVerb::Filter, &nodes(&["n1", "n2", "n3"]))
    );
    let second = asked(&kit.hears(&first, leaves(&["n3", "n1"]))).remove(0);
    assert_eq!((second.1, second.2, &second.3), (2, ExtenderVerb::Filter, &nodes(&["n1", "n3"])));
    // A single node needs no scores.
    let effects = kit.hears(&second, leaves(&["n3"]));
    assert_eq!(bound_to(&effects), Some("n3".to_owned()));
}

#[test]
fn scores_of_all_are_weighed_and_added() {
    let mut kit = kit([prioritizer("x", 1), prioritizer("y", 3), prioritizer("z", 100)]);
    kit.put(pod("a"));
    let asked = kit.asks();
    let all = nodes(&["n1", "n2", "n3"]);
    assert_eq!(asked.iter().map(|it| it.1).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(asked.iter().all(|it| it.2 == ExtenderVerb::Prioritize && it.3 == all));
    assert_eq!(kit.hears(&asked[1], scores(&[("n2", 2), ("ghost", 9)])), []);
    assert_eq!(bound_to(&kit.hears(&asked[0], scores(&[("n1", 5), ("n2", 1)]))), None);
    // An error counts for nothing; the same answer again finds nobody.
    let effects = kit.takes(&asked[2], Err("it is down".to_owned()));
    assert_eq!(bound_to(&effects), Some("n2".to_owned()));
    let warns = |effect: &Effect| matches!(effect, Effect::Notice { level: NoticeLevel::Warn, .. });
    assert!(effects.iter().any(warns), "{effects:?}");
    assert_eq!(kit.hears(&asked[2], scores(&[("n1", 10)])), []);
}

#[test]
fn what_extenders_reject_is_said_and_anything_may_help() {
    let mut kit = kit([filter("x")]);
    kit.put_node(&node("small").cpu(10));
    let asked = kit.try_pod(pod("a").cpu(100));
    assert_eq!(asked.3, nodes(&["n1", "n2", "n3"]));
    let failed = vec![
        ("n1".into(), Code::Unschedulable, "too warm".to_owned()),
        ("n2".into(), Code::UnschedulableAndUnresolvable, "on fire".to_owned()),
        // It was not asked about these.
        ("small".into(), Code::Unschedulable, "too small".to_owned()),
        ("ghost".into(), Code::Unschedulable, "boo".to_owned()),
    ];
    let effects = kit.hears(&asked, Answer::Filtered { nodes: Vec::new(), failed });
    let text = message(&effects);
    let want = "Unschedulable: 0/4 nodes are available: 1 Insufficient cpu, 1 on fire, 1 too warm. \
                preemption: 0/4 nodes are available: ";
    assert!(text.starts_with(want), "{text}");
    assert_eq!(kit.engine.queue_lengths(), QueueLengths { unschedulable: 1, ..Default::default() });
    // NodeResourcesFit would not look again for the sake of a taint.
    kit.put_node(&node("n1").cpu(4000).taint("k", crate::model::Effect::NoSchedule));
    assert_eq!(kit.engine.queue_lengths(), QueueLengths { backoff: 1, ..Default::default() });
}

#[test]
fn what_happens_while_a_pod_waits_is_not_missed() {
    let mut kit = kit([filter("x")]);
    let asked = kit.try_pod(pod("a"));
    kit.put_node(&node("n4").cpu(4000));
    kit.hears(&asked, leaves(&[]));
    assert_eq!(kit.engine.queue_lengths(), QueueLengths { backoff: 1, ..Default::default() });
}

#[test]
fn the_nodes_that_are_left_are_judged_as_they_are_then() {
    let mut kit = kit([filter("x")]);
    let asked = kit.try_pod(pod("a").cpu(1000));
    kit.put(pod("other").cpu(3500).on("n1"));
    kit.step(Event::NodeDelete("n2".into()));
    let effects = kit.hears(&asked, leaves(&["n1", "n2", "n3"]));
    assert_eq!(bound_to(&effects), Some("n3".to_owned()));
    // Nothing is left of what was left.
    let asked = kit.try_pod(pod("b").cpu(1000));
    assert_eq!(asked.3, nodes(&["n3"]));
    kit.put(pod("another").cpu(3000).on("n3"));
    let text = message(&kit.hears(&asked, leaves(&["n3"])));
    assert!(
        text.starts_with("Unschedulable: 0/2 nodes are available: 2 Insufficient cpu."),
        "{text}"
    );
}

#[test]
fn others_go_on_while_one_waits_but_not_without_bound() {
    let wants = Extender { managed_resources: vec!["example.com/gpu".into()], ..filter("x") };
    let mut kit = Kit::with_nodes([node("n1").cpu(4000).gpus(100)]);
    kit.engine.config.extenders = vec![wants];
    let asked = kit.try_pod(pod("slow").gpus(1));
    kit.put(pod("plain"));
    let bind = kit.attempt_binds("n1");
    kit.answer(bind, BindOutcome::Bound);
    for at in 1..PARKED_MAX {
        kit.try_pod(pod(&format!("slow-{at}")).gpus(1));
    }
    kit.put(pod("late"));
    assert!(!kit.next.attempt, "a place has to be free");
    assert_eq!(kit.step(Event::Attempt), []);
    assert_eq!(bound_to(&kit.hears(&asked, leaves(&["n1"]))), Some("n1".to_owned()));
    assert!(kit.next.attempt);
    kit.attempt_binds("n1");
}

#[test]
fn a_failure_is_the_pods_unless_it_may_be_ignored() {
    let mut kit = kit([filter("x"), ignorable(filter("y"))]);
    let first = kit.try_pod(pod("a"));
    let effects = kit.takes(&first, Err("it hangs".to_owned()));
    assert_eq!(message(&effects), "SchedulerError: it hangs");
    assert_eq!(kit.engine.queue_lengths(), QueueLengths { backoff: 1, ..Default::default() });
    kit.wait(Nanos::from_secs(5));
    let again = kit.asks().remove(0);
    let second = asked(&kit.hears(&again, leaves(&["n2"]))).remove(0);
    assert_eq!(second.1, 1);
    let effects = kit.takes(&second, Err("it hangs".to_owned()));
    assert_eq!(bound_to(&effects), Some("n2".to_owned()));
}

#[test]
fn a_pod_that_goes_or_is_bound_meanwhile_is_nobodys() {
    let mut kit = kit([filter("x")]);
    let gone = kit.try_pod(pod("gone"));
    kit.delete("gone");
    let elsewhere = kit.try_pod(pod("elsewhere"));
    kit.put(pod("elsewhere").on("n2"));
    let doomed = kit.try_pod(pod("doomed"));
    kit.put(pod("doomed").terminating());
    assert_eq!(kit.hears(&gone, leaves(&["n1"])), []);
    assert_eq!(kit.hears(&elsewhere, leaves(&["n1"])), []);
    let effects = kit.hears(&doomed, leaves(&["n1"]));
    let skipped = "skip schedule deleting pod: default/doomed".into();
    assert_eq!(kit::reports(&effects), [Report::FailedScheduling { message: skipped }]);
    assert_eq!(bound_to(&effects), None);
    assert_eq!(kit.engine.queue_lengths(), QueueLengths::default());
    assert!(!kit.next.attempt);
}

#[test]
fn a_pod_that_changes_meanwhile_is_judged_as_it_is_then_and_once() {
    let mut kit = kit([filter("x")]);
    let asked = kit.try_pod(pod("a").cpu(1000));
    kit.put(pod("a").cpu(5000));
    assert!(!kit.next.attempt, "it is not in the queue twice");
    let text = message(&kit.hears(&asked, leaves(&["n1"])));
    assert!(text.contains("3 Insufficient cpu"), "{text}");
}

#[test]
fn a_stop_ends_what_waits() {
    let mut kit = kit([filter("x")]);
    let asked = kit.try_pod(pod("a"));
    kit.step(Event::Stop);
    assert_eq!(kit.hears(&asked, leaves(&["n1"])), []);
}

#[test]
fn an_extender_binds_and_may_fail() {
    let binder = |name| Extender { binds: true, ..extender(name) };
    let mut kit = kit([binder("x")]);
    let asked = kit.try_pod(pod("a"));
    assert_eq!((asked.1, asked.2), (0, ExtenderVerb::Bind));
    assert_eq!(kit.engine.bindings_in_flight(), 1);
    let effects = kit.hears(&asked, Answer::Bound);
    let scheduled = Report::Scheduled { node: (*asked.3[0]).into() };
    assert_eq!(kit::reports(&effects), [scheduled]);
    assert_eq!(kit.put(pod("a").on(&asked.3[0])), []);
    let asked = kit.try_pod(pod("b"));
    let effects = kit.takes(&asked, Err("not this one".to_owned()));
    assert_eq!(message(&effects), "SchedulerError: not this one");
    let forgotten =
        |verdict: &DecisionVerdict| matches!(verdict, DecisionVerdict::Forgotten { .. });
    assert!(kit::decisions(&effects).iter().any(forgotten));
    assert_eq!(kit.engine.bindings_in_flight(), 0);
    // The watch is faster than the answer, and the answer changes nothing.
    kit.wait(Nanos::from_secs(5));
    let asked = kit.asks().remove(0);
    kit.put(pod("b").on(&asked.3[0]));
    assert_eq!(kit.takes(&asked, Err("late".to_owned())), []);
    assert_eq!(kit.engine.bindings_in_flight(), 0);
}

#[test]
fn plugins_bind_where_an_ignorable_extender_fails() {
    let mut kit = kit([ignorable(Extender { binds: true, ..extender("x") })]);
    let asked = kit.try_pod(pod("a"));
    let effects = kit.takes(&asked, Err("it is down".to_owned()));
    assert_eq!(bound_to(&effects).as_ref(), Some(&asked.3[0]));
    assert_eq!(kit.engine.bindings_in_flight(), 1);
}

fn preempter(name: &str) -> Extender {
    Extender { preempts: true, ..extender(name) }
}

fn victims(of: &[(&str, &[&str])]) -> Answer {
    let one = |(node, pods): &(&str, &[&str])| NodeVictims {
        node: (*node).into(),
        pods: pods.iter().map(|uid| (*uid).into()).collect(),
        budget_violations: 0,
    };
    Answer::Victims(of.iter().map(one).collect())
}

fn evicted(effects: &[Effect]) -> Vec<String> {
    let one = |effect: &Effect| match effect {
        Effect::Evict(eviction) => Some(eviction.pod.uid.to_string()),
        _ => None,
    };
    effects.iter().filter_map(one).collect()
}

/// Three full nodes, each with a pod of low priority; what a pod of high priority makes be asked.
fn full(kit: &mut Kit) -> Asked {
    for node in ["n1", "n2", "n3"] {
        kit.put(pod(&format!("on-{node}")).cpu(4000).on(node));
    }
    kit.try_pod(pod("high").cpu(1000).priority(10))
}

#[test]
fn extenders_say_whom_preemption_may_evict() {
    let mut kit = kit([preempter("x"), ignorable(preempter("y")), preempter("z")]);
    let first = full(&mut kit);
    assert_eq!((first.1, first.2), (0, ExtenderVerb::Preempt));
    assert_eq!(first.3, nodes(&["n1: uid-on-n1", "n2: uid-on-n2", "n3: uid-on-n3"]));
    let left = victims(&[("n2", &["uid-on-n2"]), ("n3", &["uid-on-n3"])]);
    let second = asked(&kit.hears(&first, left)).remove(0);
    assert_eq!((second.1, &second.3), (1, &nodes(&["n2: uid-on-n2", "n3: uid-on-n3"])));
    let third = asked(&kit.takes(&second, Err("it is down".to_owned()))).remove(0);
    assert_eq!((third.1, &third.3), (2, &nodes(&["n2: uid-on-n2", "n3: uid-on-n3"])));
    let effects = kit.hears(&third, victims(&[("n3", &["uid-on-n3"])]));
    assert_eq!(evicted(&effects), ["uid-on-n3"]);
    let text = message(&effects);
    let want = "preemption: found a potential placement for pod on node n3, preempting 1 victims";
    assert!(text.ends_with(want), "{text}");
}

#[test]
fn without_their_leave_nobody_is_evicted() {
    let rows = [
        (Ok(victims(&[])), "preemption: no candidate node for preemption"),
        (Err("it is down".to_owned()), "preemption: it is down"),
        (
            Ok(victims(&[("n1", &["uid-on-n2"])])),
            "preemption: extender: x claims to preempt pod (UID: &{uid-on-n2}) on node: n1, but the \
             pod is not found on that node",
        ),
        (Ok(victims(&[("n9", &["u"])])), "preemption: nodeinfo not found for node name \"n9\""),
        (
            Ok(victims(&[("n1", &[])])),
            "preemption: expected at least one victim pod on node \"n1\"",
        ),
    ];
    for (answer, want) in rows {
        let mut kit = kit([preempter("x")]);
        let asked = full(&mut kit);
        let effects = kit.takes(&asked, answer);
        assert_eq!(evicted(&effects), [""; 0], "{want}");
        let text = message(&effects);
        assert!(text.ends_with(want), "{text}: {want}");
    }
}

#[test]
fn room_that_comes_while_they_are_asked_is_taken_without_evictions() {
    let mut kit = kit([preempter("x")]);
    let asked = full(&mut kit);
    kit.delete("on-n1");
    let effects = kit.hears(&asked, victims(&[("n2", &["uid-on-n2"])]));
    assert_eq!((evicted(&effects).len(), bound_to(&effects)), (0, Some("n1".to_owned())));
}

#[test]
fn the_node_that_a_pod_is_nominated_to_is_asked_about_first() {
    let mut kit = kit([filter("x")]);
    let nominated = |name: &str| {
        let mut pod = pod(name);
        pod.0.nominated_node = Some("n2".into());
        pod
    };
    let first = kit.try_pod(nominated("a"));
    assert_eq!(first.3, nodes(&["n2"]));
    assert_eq!(bound_to(&kit.hears(&first, leaves(&["n2"]))), Some("n2".to_owned()));
    for answer in [Ok(leaves(&[])), Err("it is down".to_owned())] {
        let first = kit.try_pod(nominated("b"));
        assert_eq!(first.3, nodes(&["n2"]));
        let second = asked(&kit.takes(&first, answer)).remove(0);
        assert_eq!(second.3, nodes(&["n1", "n2", "n3"]));
        assert_eq!(bound_to(&kit.hears(&second, leaves(&["n3"]))), Some("n3".to_owned()));
        kit.delete("b");
    }
}
