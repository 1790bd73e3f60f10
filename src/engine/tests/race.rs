//! Beside other schedulers: ties away from foreign binds, placements that are overtaken, pods that were
//! refused.

use crate::engine::{Inquiry, NoticeLevel, Refused};
use crate::framework::LostBy;
use crate::units::Nanos;

use super::kit::{self, Kit, TestPod, node, pod};
use super::{BindOutcome, DecisionVerdict, Effect, Event};

const MS: u64 = Nanos::MILLISECOND.0;

fn foreign(name: &str, cpu: i64, node: &str) -> TestPod {
    pod(name).scheduler("other").cpu(cpu).on(node)
}

fn retracts(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Retract { .. }))
}

fn inquiry(effects: &[Effect]) -> Option<Inquiry> {
    effects.iter().find_map(|effect| match effect {
        Effect::Inquire(inquiry) => Some(inquiry.clone()),
        _ => None,
    })
}

/// Where pod "a" goes of two nodes that are alike, so long after a foreign bind to each of `busy`.
fn chosen(busy: &[&str], after: Nanos) -> String {
    let mut kit = Kit::with_nodes([node("n1").cpu(4000), node("n2").cpu(4000)]);
    for node in busy {
        kit.put(foreign(&format!("on-{node}"), 0, node));
    }
    kit.put(pod("a"));
    kit.wait(after);
    let effects = kit.step(Event::Attempt);
    kit::bind(&effects).expect("it is bound").1
}

#[test]
fn of_tied_nodes_one_without_a_foreign_bind_a_moment_ago_is_taken() {
    let usual = chosen(&[], Nanos(0));
    let other = if usual == "n1" { "n2" } else { "n1" };
    let rows = [
        (vec![&*usual], 0, other),
        (vec![&*usual], 199, other),
        (vec![&*usual], 200, &*usual),
        (vec![other], 0, &*usual),
        // Where all are, it is as if none were.
        (vec!["n1", "n2"], 0, &*usual),
    ];
    for (busy, after, want) in rows {
        assert_eq!(chosen(&busy, Nanos(after * MS)), want, "{busy:?} {after} ms ago");
    }
}

#[test]
fn a_better_node_is_taken_whoever_binds_there() {
    let mut kit = Kit::with_nodes([node("n1").cpu(4000), node("n2").cpu(1000)]);
    kit.put(foreign("x", 0, "n1"));
    kit.put(pod("a").cpu(500));
    kit.attempt_binds("n1");
}

#[test]
fn others_are_at_work_for_a_second() {
    let mut kit = Kit::with_nodes([node("n1").cpu(4000)]);
    assert!(!kit.next.beside_others);
    kit.put(foreign("x", 0, "n1"));
    assert!(kit.next.beside_others);
    kit.wait(Nanos(999 * MS));
    assert!(kit.next.beside_others);
    kit.wait(Nanos(MS));
    assert!(!kit.next.beside_others);
}

#[test]
fn a_binding_that_is_overtaken_is_taken_back_and_the_pod_decided_about_again() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(600));
    let attempt = kit.attempt_binds("n1");
    assert!(!retracts(&kit.put(foreign("small", 300, "n1"))), "there is room for both");
    let effects = kit.put(foreign("large", 200, "n1"));
    assert_eq!(effects, [Effect::Retract { attempt }]);
    kit.put_node(&node("n2").cpu(1000));
    let effects = kit.answer(attempt, BindOutcome::Retracted);
    let [DecisionVerdict::Forgotten { node, .. }] = &kit::decisions(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((&**node, kit.row("n1").requested_milli_cpu), ("n1", 500));
    assert!(kit.next.attempt, "without a backoff");
    kit.attempt_binds("n2");
    assert_eq!(kit.engine.bindings_in_flight(), 1);
}

#[test]
fn a_binding_is_taken_back_from_a_node_that_goes_or_is_cordoned() {
    let n1 = || node("n1").cpu(1000);
    let rows = [
        ("gone", Event::NodeDelete("n1".into()), true),
        ("cordoned", Event::NodeUpsert(Box::new(n1().cordoned().0)), true),
        ("smaller", Event::NodeUpsert(Box::new(n1().cpu(500).0)), true),
        ("the same", Event::NodeUpsert(Box::new(n1().0)), false),
        ("labelled", Event::NodeUpsert(Box::new(n1().label("a", "b").0)), false),
    ];
    for (what, event, want) in rows {
        let mut kit = Kit::with_nodes([n1()]);
        kit.put(pod("a").cpu(600));
        kit.attempt_binds("n1");
        assert_eq!(retracts(&kit.step(event)), want, "{what}");
        // It may be sent already: then its answer counts.
        assert_eq!(kit.engine.bindings_in_flight(), 1, "{what}");
    }
}

#[test]
fn a_binding_that_may_have_been_carried_out_is_not_taken_back() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(600));
    let attempt = kit.attempt_binds("n1");
    let unknown = BindOutcome::Unknown { message: "silence".into(), retry_after: None };
    kit.answer(attempt, unknown);
    assert!(kit::bind(&kit.wait(Nanos::SECOND)).is_some(), "it is sent again");
    assert!(!retracts(&kit.put(foreign("large", 600, "n1"))));
}

/// What is asked once pod "a", bound to n1 by us or by others, leaves the watch after `before`.
fn asked(own: bool, before: impl Fn(&mut Kit)) -> Option<LostBy> {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(600));
    let attempt = kit.attempt_binds("n1");
    kit.answer(attempt, BindOutcome::Bound);
    kit.put(pod("a").cpu(600).on("n1"));
    if !own {
        kit.put(foreign("x", 600, "n1"));
    }
    before(&mut kit);
    inquiry(&kit.delete(if own { "a" } else { "x" })).map(|inquiry| inquiry.lost_by)
}

#[test]
fn what_became_of_a_pod_is_asked_where_it_may_have_been_refused() {
    let nothing = |_: &mut Kit| {};
    assert_eq!(asked(true, nothing), Some(LostBy::Own));
    assert_eq!(asked(false, nothing), Some(LostBy::Foreign));
    let late = |kit: &mut Kit| drop(kit.wait(Nanos::from_secs(31)));
    assert_eq!(asked(true, late), None, "no kubelet takes so long");
    let deleted = |kit: &mut Kit| drop(kit.put(pod("a").cpu(600).on("n1").terminating()));
    assert_eq!(asked(true, deleted), None, "somebody deletes it");
    let ran = |kit: &mut Kit| {
        let mut pod = pod("a").cpu(600).on("n1");
        pod.0.start_time = Some(1);
        kit.put(pod);
    };
    assert_eq!(asked(true, ran), None, "it has run");
}

#[test]
fn races_among_others_are_not_asked_about() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(foreign("x", 600, "n1"));
    kit.put(foreign("y", 600, "n1"));
    assert_eq!(inquiry(&kit.delete("y")), None);
}

#[test]
fn a_refused_pod_is_told_and_its_node_avoided_for_a_moment() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000), node("n2").cpu(1000)]);
    kit.put(pod("a"));
    let effects = kit.step(Event::Attempt);
    let (attempt, first) = kit::bind(&effects).expect("it is bound");
    kit.answer(attempt, BindOutcome::Bound);
    kit.put(pod("a").on(&first));
    let inquiry = inquiry(&kit.delete("a")).expect("it may have been refused");
    assert_eq!(&*inquiry.node, first);
    let effects = kit.step(Event::Refused(Refused { inquiry, reason: "OutOfcpu".into() }));
    let [Effect::Notice { level: NoticeLevel::Warn, message, .. }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert!(message.contains("OutOfcpu"), "{message}");
    assert!(kit.next.beside_others);
    // The new pod of its owner, which would go to the same node.
    kit.put(pod("b").uid("uid-a"));
    let effects = kit.step(Event::Attempt);
    assert_ne!(kit::bind(&effects).expect("it is bound").1, first);
}
