//! Attempts that wait for extenders, on the virtual clock: what is asked, what is made of the answers, and
//! what may happen meanwhile.

use crate::engine::extend::PARKED_MAX;
use crate::engine::{AttemptId, BindOutcome, DecisionVerdict, Effect, Event, NoticeLevel, Report};
use crate::framework::{Answer, Code, Extender, ExtenderVerb, Question};
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
            Question::Preempt(_) => Vec::new(),
        };
        nodes.sort_unstable();
        Some((*attempt, *extender, question.verb(), nodes))
    };
    effects.iter().filter_map(one).collect()
}

fn leaves(nodes: &[&str]) -> Result<Answer, String> {
    let nodes = nodes.iter().map(|name| (*name).into()).collect();
    Ok(Answer::Filtered { nodes, failed: Vec::new() })
}

fn scores(scores: &[(&str, i64)]) -> Result<Answer, String> {
    Ok(Answer::Scored(scores.iter().map(|(node, score)| ((*node).into(), *score)).collect()))
}

impl Kit {
    /// One attempt, which must ask.
    fn asks(&mut self) -> Vec<Asked> {
        let asked = asked(&self.step(Event::Attempt));
        assert!(!asked.is_empty(), "nobody was asked");
        asked
    }

    fn hears(&mut self, asked: &Asked, answer: Result<Answer, String>) -> Vec<Effect> {
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
    let effects = kit.hears(&asked[2], Err("it is down".to_owned()));
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
    let effects = kit.hears(&asked, Ok(Answer::Filtered { nodes: Vec::new(), failed }));
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
    let effects = kit.hears(&first, Err("it hangs".to_owned()));
    assert_eq!(message(&effects), "SchedulerError: it hangs");
    assert_eq!(kit.engine.queue_lengths(), QueueLengths { backoff: 1, ..Default::default() });
    kit.wait(Nanos::from_secs(5));
    let again = kit.asks().remove(0);
    let second = asked(&kit.hears(&again, leaves(&["n2"]))).remove(0);
    assert_eq!(second.1, 1);
    let effects = kit.hears(&second, Err("it hangs".to_owned()));
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
    let skipped = "skip schedule deleting pod: default/doomed".to_owned();
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
    let effects = kit.hears(&asked, Ok(Answer::Bound));
    let scheduled = Report::Scheduled { node: (*asked.3[0]).into() };
    assert_eq!(kit::reports(&effects), [scheduled]);
    assert_eq!(kit.put(pod("a").on(&asked.3[0])), []);
    let asked = kit.try_pod(pod("b"));
    let effects = kit.hears(&asked, Err("not this one".to_owned()));
    assert_eq!(message(&effects), "SchedulerError: not this one");
    let forgotten =
        |verdict: &DecisionVerdict| matches!(verdict, DecisionVerdict::Forgotten { .. });
    assert!(kit::decisions(&effects).iter().any(forgotten));
    assert_eq!(kit.engine.bindings_in_flight(), 0);
    // The watch is faster than the answer, and the answer changes nothing.
    kit.wait(Nanos::from_secs(5));
    let asked = kit.asks().remove(0);
    kit.put(pod("b").on(&asked.3[0]));
    assert_eq!(kit.hears(&asked, Err("late".to_owned())), []);
    assert_eq!(kit.engine.bindings_in_flight(), 0);
}

#[test]
fn plugins_bind_where_an_ignorable_extender_fails() {
    let mut kit = kit([ignorable(Extender { binds: true, ..extender("x") })]);
    let asked = kit.try_pod(pod("a"));
    let effects = kit.hears(&asked, Err("it is down".to_owned()));
    assert_eq!(bound_to(&effects).as_ref(), Some(&asked.3[0]));
    assert_eq!(kit.engine.bindings_in_flight(), 1);
}
