//! Failed pods wait, and come back when something can help them, on the virtual clock.

use crate::engine::{BindOutcome, Event};
use crate::model::Effect as TaintEffect;
use crate::units::Nanos;

use super::kit::{self, Kit, TestPod, node, pod};

/// A cluster in which `big` was tried once and fits nowhere.
fn with_rejected(big: TestPod) -> Kit {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("filler").cpu(900).on("n1"));
    kit.put(big);
    let effects = kit.step(Event::Attempt);
    assert_eq!(kit::bind(&effects), None);
    assert!(!kit.next.attempt);
    kit
}

/// What happens, and whether it can help.
type Case = (&'static str, fn(&mut Kit), bool);

#[test]
fn events_that_can_help_bring_it_back_and_others_do_not() {
    let cases: [Case; 8] = [
        ("a pod leaves its node", |kit| drop(kit.delete("filler")), true),
        ("a pod asks for less", |kit| drop(kit.put(pod("filler").cpu(10).on("n1"))), true),
        ("a node comes", |kit| drop(kit.put_node(&node("n2").cpu(4000))), true),
        ("a node grows", |kit| drop(kit.put_node(&node("n1").cpu(4000))), true),
        ("a node's taints change", taint_n1, false),
        ("a node is seen again", |kit| drop(kit.put_node(&node("n1").cpu(1000))), false),
        ("a pod comes", |kit| drop(kit.put(pod("x").on("n1"))), false),
        ("a waiting pod comes and goes", come_and_go, false),
    ];
    for (name, happens, helps) in cases {
        let mut kit = with_rejected(pod("big").cpu(800));
        happens(&mut kit);
        assert_eq!(kit.next.attempt, helps, "{name}");
    }
}

fn taint_n1(kit: &mut Kit) {
    kit.put_node(&node("n1").cpu(1000).taint("k", TaintEffect::PreferNoSchedule));
}

fn come_and_go(kit: &mut Kit) {
    kit.put(pod("x").gate("g"));
    kit.delete("x");
}

#[test]
fn only_events_of_the_plugins_that_rejected_it_count() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000).taint("k", TaintEffect::NoSchedule)]);
    kit.put(pod("a"));
    kit.step(Event::Attempt);
    kit.put_node(&node("n1").cpu(2000).taint("k", TaintEffect::NoSchedule));
    assert!(!kit.next.attempt, "more room does not remove a taint");
    kit.put_node(&node("n1").cpu(2000));
    assert!(kit.next.attempt);
    kit.attempt_binds("n1");
}

#[test]
fn its_own_update_can_help_it() {
    let mut kit = with_rejected(pod("big").cpu(800));
    kit.put(pod("big").cpu(800).label("a", "b"));
    assert!(!kit.next.attempt, "labels do not matter to NodeResourcesFit");
    kit.put(pod("big").cpu(50).label("a", "b"));
    assert!(kit.next.attempt);
    kit.attempt_binds("n1");
}

#[test]
fn the_backoff_doubles_and_is_cut_short_only_while_nothing_else_is_ready() {
    let mut kit = with_rejected(pod("big").cpu(800));
    kit.put(pod("other").cpu(50));
    kit.delete("filler");
    kit.put(pod("filler").cpu(900).on("n1"));
    assert_eq!(kit.engine.queue_lengths().backoff, 1);
    let effects = kit.step(Event::Attempt);
    assert!(kit::bind(&effects).is_some(), "the pod that is ready goes first");
    assert!(kit.next.attempt, "then the one in backoff, since nothing else is ready");
    kit.step(Event::Attempt);
    assert_eq!(kit.engine.queue_lengths().unschedulable, 1);
}

#[test]
fn errors_wait_one_two_four_eight_and_then_ten_seconds() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a"));
    for seconds in [1, 2, 4, 8, 10, 10] {
        let bind = kit.attempt_binds("n1");
        kit.answer(bind, BindOutcome::Refused { message: "no".into() });
        // As upstream, equality with the whole second still backs off.
        kit.wait(Nanos::from_secs(seconds));
        assert!(!kit.next.attempt, "after {seconds} s");
        assert_eq!(kit.next.deadline, Some(kit.now + Nanos::SECOND));
        kit.wait(Nanos::SECOND);
        assert!(kit.next.attempt, "after {} s", seconds + 1);
    }
}

#[test]
fn after_five_minutes_it_is_tried_again_without_an_event() {
    let mut kit = with_rejected(pod("big").cpu(800));
    for _ in 0..10 {
        kit.wait(Nanos::from_secs(30));
        assert!(!kit.next.attempt);
        assert!(kit.next.deadline.is_some(), "somebody must wake the flush");
    }
    kit.wait(Nanos::from_secs(30));
    assert!(kit.next.attempt);
}

#[test]
fn a_gated_pod_waits_for_its_last_gate() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    let effects = kit.put(pod("a").gate("x").gate("y"));
    assert_eq!(effects, [], "PreEnqueue says nothing to anybody");
    assert_eq!((kit.next.attempt, kit.engine.queue_lengths().gated), (false, 1));
    kit.put(pod("a").gate("y"));
    assert!(!kit.next.attempt);
    kit.put(pod("a"));
    kit.attempt_binds("n1");
    kit.put(pod("b").gate("x"));
    kit.delete("b");
    assert_eq!(kit.engine.queue_lengths().gated, 0);
}

#[test]
fn higher_priority_first_then_who_waits_longer() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    for (name, priority) in [("late-low", 0), ("high", 9), ("last", 0)] {
        kit.put(pod(name).priority(priority));
        kit.wait(Nanos::MILLISECOND);
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        let effects = kit.step(Event::Attempt);
        let pod = effects.iter().find_map(|effect| match effect {
            crate::engine::Effect::Bind { pod, .. } => Some(pod.key.name.to_string()),
            _ => None,
        });
        order.push(pod.expect("all of them fit"));
    }
    assert_eq!(order, ["high", "late-low", "last"]);
}
