//! What can go wrong between a decision and a bound pod.

use crate::engine::binding::{RETRY_ASKED_MAX, RETRY_INITIAL, RETRY_MAX};
use crate::engine::{BindOutcome, DecisionVerdict, Event, Kind, Report};
use crate::units::Nanos;

use super::kit::{self, Kit, node, pod};

fn unknown() -> BindOutcome {
    BindOutcome::Unknown { message: "no answer".into(), retry_after: None }
}

#[test]
fn deleted_while_assumed_frees_the_node_and_the_late_answer_is_stale() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(800));
    let bind = kit.attempt_binds("n1");
    let effects = kit.delete("a");
    assert!(matches!(&kit::decisions(&effects)[..], [DecisionVerdict::Forgotten { .. }]));
    assert_eq!(kit.row("n1").requested_milli_cpu, 0);
    assert_eq!(kit.engine.bindings_in_flight(), 1, "the writer still has it");
    assert_eq!(kit.answer(bind, BindOutcome::Gone), []);
    assert_eq!(kit.engine.bindings_in_flight(), 0);
    assert_eq!(kit.engine.queue_lengths(), crate::queue::QueueLengths::default());
}

#[test]
fn bound_elsewhere_moves_the_pod_and_puts_nothing_onto_it() {
    let mut kit = Kit::with_nodes([node("n1").cpu(2000), node("n2").cpu(1000).cordoned()]);
    kit.put(pod("a").cpu(800));
    let bind = kit.attempt_binds("n1");
    let effects = kit.answer(bind, BindOutcome::BoundElsewhere { node: "n2".into() });
    assert_eq!(kit::reports(&effects), [], "no failure is written onto a bound pod");
    assert_eq!(effects.iter().filter_map(kit::condition).count(), 0);
    assert_eq!(kit.row("n1").requested_milli_cpu, 0);
    kit.wait(Nanos::from_secs(20));
    assert!(!kit.next.attempt, "it is not tried again, however late the watch is");
    kit.put(pod("a").cpu(800).on("n2"));
    assert_eq!(kit.row("n2").requested_milli_cpu, 800);
    kit.wait(Nanos::from_secs(20));
    assert!(!kit.next.attempt, "it left the queue");
}

#[test]
fn the_watch_shows_another_node_before_the_answer_comes() {
    let mut kit = Kit::with_nodes([node("n1").cpu(2000), node("n2").cpu(1000).cordoned()]);
    kit.put(pod("a").cpu(800));
    let bind = kit.attempt_binds("n1");
    kit.put(pod("a").cpu(800).on("n2"));
    assert_eq!(kit.row("n1").requested_milli_cpu, 0);
    assert_eq!(kit.row("n2").requested_milli_cpu, 800);
    assert_eq!(kit.answer(bind, BindOutcome::BoundElsewhere { node: "n2".into() }), []);
}

#[test]
fn an_answer_that_never_comes_keeps_the_assumption_and_tries_the_same_node() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(800));
    let bind = kit.attempt_binds("n1");
    assert_eq!(kit.answer(bind, unknown()), []);
    assert_eq!(kit.engine.bindings_in_flight(), 0);
    kit.put_node(&node("n2").cpu(64_000));
    assert_eq!(kit.next.deadline, Some(kit.now + RETRY_INITIAL));
    assert_eq!(kit.wait(Nanos(RETRY_INITIAL.0 - 1)), [], "too early");
    assert_eq!(kit.row("n1").requested_milli_cpu, 800);
    let effects = kit.wait(Nanos(1));
    assert_eq!(kit::bind(&effects), Some((bind, "n1".into())), "the same attempt and node");
    kit.answer(bind, unknown());
    assert_eq!(kit.next.deadline, Some(kit.now + Nanos(2 * RETRY_INITIAL.0)));
    let effects = kit.put(pod("a").cpu(800).on("n1"));
    assert_eq!(kit::reports(&effects).len(), 1, "it had been bound all along");
    assert_eq!(kit.wait(RETRY_MAX), [], "and is not bound again");
}

#[test]
fn the_server_may_ask_for_patience_but_not_for_ever() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a"));
    let bind = kit.attempt_binds("n1");
    let retry_after = Some(Nanos::from_secs(3));
    kit.answer(bind, BindOutcome::Unknown { message: "429".into(), retry_after });
    assert_eq!(kit.next.deadline, Some(kit.now + Nanos::from_secs(3)));
    kit.wait(Nanos::from_secs(3));
    let retry_after = Some(Nanos::from_secs(3600));
    kit.answer(bind, BindOutcome::Unknown { message: "429".into(), retry_after });
    assert_eq!(kit.next.deadline, Some(kit.now + RETRY_ASKED_MAX));
}

#[test]
fn a_node_that_goes_takes_back_the_bindings_that_wait_for_it() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(800));
    let bind = kit.attempt_binds("n1");
    kit.answer(bind, unknown());
    kit.step(Event::NodeDelete("n1".into()));
    assert_eq!(kit.engine.cluster().placed_pods(), (0, 0));
    kit.put_node(&node("n2").cpu(1000));
    kit.wait(Nanos::from_secs(2));
    kit.attempt_binds("n2");
}

#[test]
fn a_node_that_goes_and_comes_back_still_counts_what_is_on_its_way() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(800));
    let bind = kit.attempt_binds("n1");
    kit.step(Event::NodeDelete("n1".into()));
    assert_eq!(kit.engine.cluster().node_count(), 0);
    kit.put_node(&node("n1").cpu(1000));
    assert_eq!(kit.row("n1").requested_milli_cpu, 800);
    kit.answer(bind, BindOutcome::Bound);
    kit.put(pod("a").cpu(800).on("n1"));
    assert_eq!(kit.row("n1").pods, 1);
}

#[test]
fn a_node_that_shrinks_while_a_pod_is_assumed_on_it_takes_no_more() {
    let mut kit = Kit::with_nodes([node("n1").cpu(2000)]);
    kit.put(pod("a").cpu(800));
    let bind = kit.attempt_binds("n1");
    kit.put_node(&node("n1").cpu(500));
    kit.put(pod("b").cpu(100));
    let effects = kit.step(Event::Attempt);
    assert_eq!(kit::bind(&effects), None);
    assert_eq!(kit::reports(&kit.answer(bind, BindOutcome::Bound)).len(), 1);
}

#[test]
fn a_refusal_is_an_error_of_the_scheduler_and_the_pod_comes_back() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(800));
    let bind = kit.attempt_binds("n1");
    let effects = kit.answer(bind, BindOutcome::Refused { message: "forbidden".into() });
    let message = "running Bind plugin \"DefaultBinder\": forbidden".into();
    assert_eq!(kit::reports(&effects), [Report::FailedScheduling { message }]);
    let conditions: Vec<_> = effects.iter().filter_map(kit::condition).collect();
    assert_eq!(conditions[0].reason, "SchedulerError");
    assert_eq!(kit.row("n1").requested_milli_cpu, 0);
    assert!(!kit.next.attempt, "error backoff is never cut short");
    kit.wait(Nanos::from_secs(2));
    kit.attempt_binds("n1");
}

#[test]
fn a_pod_that_is_being_deleted_is_let_go() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(800));
    let bind = kit.attempt_binds("n1");
    kit.put(pod("a").cpu(800).terminating());
    assert_eq!(kit.row("n1").requested_milli_cpu, 0);
    assert_eq!(kit.answer(bind, BindOutcome::NotNow { message: "deleting".into() }), []);
    kit.wait(Nanos::from_secs(20));
    assert!(!kit.next.attempt);
}

#[test]
fn another_pod_of_the_same_name_is_another_pod() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(800));
    let first = kit.attempt_binds("n1");
    kit.put(pod("a").uid("second").cpu(300));
    assert_eq!(kit.row("n1").requested_milli_cpu, 0);
    let second = kit.attempt_binds("n1");
    assert_ne!(first, second);
    assert_eq!(kit.answer(first, BindOutcome::Gone), []);
    assert_eq!(kit.row("n1").requested_milli_cpu, 300);
}

#[test]
fn a_pod_that_finishes_frees_its_node() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(800).on("n1"));
    kit.put(pod("a").cpu(800).on("n1").finished());
    assert_eq!(kit.row("n1").requested_milli_cpu, 0);
}

#[test]
fn a_relist_takes_what_it_does_not_name_but_never_an_assumed_pod_that_it_names() {
    let mut kit = Kit::with_nodes([node("n1").cpu(4000)]);
    kit.put(pod("stays").cpu(100).on("n1"));
    kit.put(pod("goes").cpu(200).on("n1"));
    kit.put(pod("assumed").cpu(400));
    kit.attempt_binds("n1");
    kit.put(pod("assumed-and-deleted").cpu(800));
    kit.attempt_binds("n1");
    kit.step(Event::ListBegin(Kind::Pod));
    kit.put(pod("stays").cpu(100).on("n1"));
    kit.put(pod("assumed").cpu(400));
    kit.step(Event::ListEnd(Kind::Pod));
    assert_eq!(kit.row("n1").requested_milli_cpu, 500);
    kit.step(Event::ListBegin(Kind::Node));
    kit.step(Event::ListEnd(Kind::Node));
    assert_eq!(kit.engine.cluster().node_count(), 0);
}

#[test]
fn an_unknown_outcome_on_a_node_that_is_gone_is_given_up() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(800));
    let bind = kit.attempt_binds("n1");
    kit.step(Event::NodeDelete("n1".into()));
    let effects = kit.answer(bind, unknown());
    assert!(matches!(&kit::decisions(&effects)[..], [DecisionVerdict::Forgotten { .. }]));
    kit.put_node(&node("n2").cpu(1000));
    kit.wait(Nanos::from_secs(2));
    kit.attempt_binds("n2");
}

#[test]
fn a_retry_that_is_due_is_sent_even_while_all_writers_are_busy() {
    let mut kit = Kit::with_nodes([node("n1").cpu(64_000)]);
    for at in 0..=kit::BINDINGS_MAX {
        kit.put(pod(&format!("p{at}")));
    }
    let first = kit.attempt_binds("n1");
    for _ in 1..kit::BINDINGS_MAX {
        kit.attempt_binds("n1");
    }
    kit.answer(first, unknown());
    kit.attempt_binds("n1");
    let effects = kit.wait(Nanos::SECOND);
    assert_eq!(kit::bind(&effects), Some((first, "n1".into())));
    assert!(kit.next.deadline.is_none_or(|at| at > kit.now), "nothing is due again at once");
}

#[test]
fn a_deletion_of_another_uid_is_not_ours() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").uid("new").cpu(800).on("n1"));
    kit.step(Event::PodDelete { key: kit::key("a"), uid: "old".into() });
    assert_eq!(kit.row("n1").requested_milli_cpu, 800);
    kit.step(Event::PodDelete { key: kit::key("a"), uid: "new".into() });
    assert_eq!(kit.row("n1").requested_milli_cpu, 0);
}

#[test]
fn an_assumed_pod_that_changed_goes_back_as_it_is_now() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").cpu(800));
    let bind = kit.attempt_binds("n1");
    kit.put(pod("a").cpu(300));
    assert_eq!(kit.row("n1").requested_milli_cpu, 300);
    kit.answer(bind, BindOutcome::Refused { message: "no".into() });
    kit.put(pod("b").cpu(650));
    kit.attempt_binds("n1");
    kit.wait(Nanos::from_secs(2));
    kit.attempt_binds("n1");
}

#[test]
fn a_score_out_of_range_is_an_error_and_never_a_placement() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000), node("n2").cpu(1000)]);
    // The sum of these wraps to below zero, as upstream's does.
    for name in ["x", "y"] {
        let mut huge = pod(name).on("n1");
        huge.0.requests.non_zero_memory = i64::MAX - (1 << 49) + 1;
        kit.put(huge);
    }
    kit.put(pod("a"));
    let effects = kit.step(Event::Attempt);
    assert_eq!(kit::bind(&effects), None);
    let [Report::FailedScheduling { message }] = &kit::reports(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert!(message.contains("NodeResourcesFit\" returns an invalid score"), "{message}");
    assert_eq!(effects.iter().find_map(kit::condition).unwrap().reason, "SchedulerError");
    assert_eq!(kit.engine.queue_lengths().backoff, 1);
}
