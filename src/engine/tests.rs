//! The engine on a virtual clock: events in, effects out, and the cluster checked after every step.

mod announced;
mod async_preemption;
mod bad_days;
mod extend;
mod kit;
mod lifecycle;
mod measured;
mod objects;
mod pending;
mod preempting;
mod preemption;
mod property;
mod queueing;
mod race;
mod tables;
mod tables_claims;
mod tables_volumes;
mod volumes;
mod waiting;

use kit::{Kit, node, pod};

use super::{BindOutcome, DecisionVerdict, Effect, Event, Report};

#[test]
fn a_pod_is_assumed_bound_and_confirmed() {
    let mut kit = Kit::with_nodes([node("n1").cpu(4000)]);
    kit.put(pod("a").cpu(1000));
    let bind = kit.attempt_binds("n1");
    assert_eq!(kit.row("n1").requested_milli_cpu, 1000);
    assert_eq!(kit.engine.cluster().placed_pods(), (1, 1));
    let effects = kit.answer(bind, BindOutcome::Bound);
    assert_eq!(kit::reports(&effects), [Report::Scheduled { node: "n1".into() }]);
    let effects = kit.put(pod("a").cpu(1000).on("n1"));
    assert_eq!(effects, []);
    assert_eq!(kit.engine.cluster().placed_pods(), (1, 0));
    assert_eq!(kit.engine.bindings_in_flight(), 0);
}

#[test]
fn the_watch_may_be_faster_than_the_answer_and_says_it_once() {
    let mut kit = Kit::with_nodes([node("n1").cpu(4000)]);
    kit.put(pod("a"));
    let bind = kit.attempt_binds("n1");
    let effects = kit.put(pod("a").on("n1"));
    assert_eq!(kit::reports(&effects), [Report::Scheduled { node: "n1".into() }]);
    assert_eq!(kit.engine.bindings_in_flight(), 1);
    assert_eq!(kit.answer(bind, BindOutcome::Bound), []);
    assert_eq!(kit.engine.bindings_in_flight(), 0);
}

#[test]
fn nothing_is_judged_before_everything_was_listed() {
    let mut kit = Kit::unsynced();
    kit.step(Event::ListBegin(super::Kind::Node));
    kit.put_node(&node("n1").cpu(4000));
    kit.put(pod("a"));
    assert!(!kit.next.attempt);
    assert_eq!(kit.step(Event::Attempt), []);
    kit.sync();
    assert!(kit.next.attempt);
}

#[test]
fn a_replica_on_standby_knows_all_and_does_nothing_until_it_leads() {
    let mut kit = Kit::unsynced();
    kit.engine = kit.engine.on_standby();
    kit.sync();
    kit.put_node(&node("n1").cpu(4000));
    let mut effects = kit.put(pod("a").cpu(3000));
    effects.extend(kit.put(pod("b").cpu(3000)));
    effects.extend(kit.step(Event::Attempt));
    effects.extend(kit.step(Event::Tick));
    // The leader places one of them.
    effects.extend(kit.put(pod("a").cpu(3000).on("n1")));
    assert_eq!(effects, []);
    assert_eq!((kit.next.attempt, kit.next.deadline), (false, None));
    assert_eq!(kit.engine.cluster().placed_pods(), (1, 0));
    assert_eq!(kit.step(Event::Lead), []);
    assert!(kit.next.attempt);
    let effects = kit.step(Event::Attempt);
    assert!(
        matches!(&kit::reports(&effects)[..], [Report::FailedScheduling { .. }]),
        "{effects:?}"
    );
}

#[test]
fn the_emptier_node_wins_and_pods_of_others_count() {
    let mut kit = Kit::with_nodes([node("n1").cpu(4000), node("n2").cpu(4000)]);
    kit.put(pod("other").scheduler("default-scheduler").cpu(1000).on("n1"));
    kit.put(pod("a").cpu(500));
    kit.attempt_binds("n2");
    kit.put(pod("stranger").scheduler("default-scheduler"));
    assert!(!kit.next.attempt, "a pod that names another scheduler is not ours");
}

#[test]
fn no_more_bindings_than_writers() {
    let mut kit = Kit::with_nodes([node("n1").cpu(64_000)]);
    for at in 0..=kit::BINDINGS_MAX {
        kit.put(pod(&format!("p{at}")));
    }
    let mut last = None;
    for _ in 0..kit::BINDINGS_MAX {
        last = Some(kit.attempt_binds("n1"));
    }
    assert!(!kit.next.attempt);
    assert_eq!(kit.step(Event::Attempt), []);
    kit.answer(last.unwrap(), BindOutcome::Bound);
    assert!(kit.next.attempt);
}

#[test]
fn after_stop_nothing_new_begins() {
    let mut kit = Kit::with_nodes([node("n1").cpu(4000)]);
    kit.put(pod("a"));
    let bind = kit.attempt_binds("n1");
    kit.put(pod("b"));
    kit.step(Event::Stop);
    assert!(!kit.next.attempt);
    assert_eq!(kit.step(Event::Attempt), []);
    let effects = kit.answer(bind, BindOutcome::Bound);
    assert_eq!(kit::reports(&effects).len(), 1);
}

#[test]
fn a_rejected_pod_says_why_in_upstreams_words() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000), node("n2").cpu(500).cordoned()]);
    kit.put(pod("a").cpu(2000).generation(3));
    let effects = kit.step(Event::Attempt);
    let want = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. \
                preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.";
    let message = want.to_owned();
    assert_eq!(kit::reports(&effects), [Report::FailedScheduling { message: want.into() }]);
    let conditions: Vec<_> = effects.iter().filter_map(kit::condition).collect();
    assert_eq!(conditions.len(), 1);
    assert_eq!((conditions[0].reason, &*conditions[0].message), ("Unschedulable", want));
    assert_eq!(conditions[0].observed_generation, 3);
    assert_eq!(kit::decisions(&effects), [DecisionVerdict::Message(message)]);
}

#[test]
fn a_condition_that_stands_already_is_not_written_again() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    let text = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: \
                1 Preemption is not helpful for scheduling.";
    kit.put(pod("a").cpu(2000).condition("False", "Unschedulable", text));
    let effects = kit.step(Event::Attempt);
    assert_eq!(effects.iter().filter_map(kit::condition).count(), 0);
    kit.put(pod("b").cpu(2000).condition("False", "Unschedulable", "older"));
    let effects = kit.step(Event::Attempt);
    let written: Vec<_> = effects.iter().filter_map(kit::condition).collect();
    assert_eq!(written[0].last_transition_time.as_deref(), Some("then"), "it did not flip");
    let mut probed = pod("c").cpu(2000).condition("False", "Unschedulable", text);
    if let Some(condition) = &mut probed.0.scheduled_condition {
        condition.probed = true;
    }
    kit.put(probed);
    let effects = kit.step(Event::Attempt);
    assert_eq!(effects.iter().filter_map(kit::condition).count(), 1, "the probe's time goes");
}

#[test]
fn nobody_is_evicted_for_an_equal() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("low").cpu(800).priority(1).on("n1"));
    kit.put(pod("equal").cpu(900).priority(1));
    let effects = kit.step(Event::Attempt);
    let [Report::FailedScheduling { message }] = &kit::reports(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert!(message.ends_with("1 No preemption victims found for incoming pod."), "{message}");
}

#[test]
fn a_pod_with_a_constraint_that_is_missing_is_held_by_name() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").unsupported(crate::model::UnsupportedFeature::ResourceClaims, "spec.x"));
    let effects = kit.step(Event::Attempt);
    let [Report::FailedScheduling { message }] = &kit::reports(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert!(message.contains("berth does not support resource claims yet (spec.x)"), "{message}");
}

#[test]
fn an_existing_pods_anti_affinity_holds_what_it_matches_until_it_goes() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000).label("zone", "a")]);
    kit.put(pod("guard").scheduler("x").repels("app", "web").on("n1"));
    kit.put(pod("web").label("app", "web"));
    let effects = kit.step(Event::Attempt);
    let [Report::FailedScheduling { message }] = &kit::reports(&effects)[..] else {
        panic!("{effects:?}")
    };
    let reason = "1 node(s) didn't satisfy existing pods anti-affinity rules";
    assert!(message.contains(reason), "{message}");
    kit.put(pod("db").label("app", "db"));
    kit.attempt_binds("n1");
    kit.delete("guard");
    assert!(kit.next.attempt, "the guard is gone");
    kit.attempt_binds("n1");
}

#[test]
fn without_nodes_the_pod_waits_as_after_an_error() {
    let mut kit = Kit::with_nodes([]);
    kit.put(pod("a"));
    let effects = kit.step(Event::Attempt);
    let message = "no nodes available to schedule pods".into();
    assert_eq!(kit::reports(&effects), [Report::FailedScheduling { message }]);
    assert_eq!(kit.engine.queue_lengths().backoff, 1);
}

#[test]
fn a_terminating_pod_is_skipped() {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    kit.put(pod("a").terminating());
    let effects = kit.step(Event::Attempt);
    let message = "skip schedule deleting pod: default/a".into();
    assert_eq!(kit::reports(&effects), [Report::FailedScheduling { message }]);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Bind { .. })));
    assert!(!kit.next.attempt);
}

#[test]
fn among_equal_nodes_the_seed_and_the_pod_choose() {
    let chosen = |seed, pods: usize| {
        let mut kit = Kit::seeded(seed);
        kit.sync();
        // More than one word of a set, so that positions have grown once.
        for at in 0..100 {
            kit.put_node(&node(&format!("n{at}")).cpu(4000));
        }
        let names = (0..pods).map(|at| {
            kit.put(pod(&format!("p{at}")));
            let effects = kit.step(Event::Attempt);
            kit::bind(&effects).map(|(_, node)| node).expect("all of them fit")
        });
        names.take(kit::BINDINGS_MAX).collect::<Vec<_>>()
    };
    assert_eq!(chosen(1, 4), chosen(1, 4));
    assert_ne!(chosen(1, 4), chosen(2, 4));
    let one = chosen(3, 4);
    assert!(one.iter().any(|node| *node != one[0]), "{one:?}");
}

#[test]
fn a_percentage_stops_the_search_early_and_the_next_one_goes_on_from_there() {
    let mut kit = Kit::with_nodes([]);
    kit.engine.config.profiles[0].percentage_of_nodes_to_score = Some(10);
    for at in 0..300 {
        kit.put_node(&node(&format!("n{at}")).cpu(4000));
    }
    // The last of each hundred is the emptiest of them, and the last of all is the emptiest there is.
    for at in 0..300 {
        let used = if at % 100 == 99 { 1200 - at * 4 } else { 3000 };
        kit.put(pod(&format!("x{at}")).cpu(used).on(&format!("n{at}")));
    }
    for (name, want) in [("a", "n99"), ("b", "n199"), ("c", "n299"), ("d", "n99")] {
        kit.put(pod(name).cpu(1));
        let bind = kit.attempt_binds(want);
        kit.answer(bind, BindOutcome::Bound);
    }
    let mut whole = Kit::with_nodes([node("n0").cpu(10), node("n1").cpu(4000)]);
    whole.engine.config.profiles[0].percentage_of_nodes_to_score = Some(1);
    whole.put(pod("a").cpu(1));
    whole.attempt_binds("n1");
}

#[test]
fn a_dry_run_writes_nothing_and_compares() {
    let mut kit = Kit::with_nodes([node("n1").cpu(4000), node("n2").cpu(2000)]);
    kit.engine.dry_run = Some(super::dry_run::DryRun::default());
    for (name, cpu, really) in [("a", 100, "n1"), ("b", 100, "n2"), ("c", 9000, "n1")] {
        kit.put(pod(name).cpu(cpu));
        let effects = kit.step(Event::Attempt);
        let quiet = |effect: &Effect| matches!(effect, Effect::Decision(_) | Effect::Notice { .. });
        assert!(effects.iter().all(quiet), "{effects:?}");
        assert_eq!(kit::decisions(&effects).len(), 1);
        assert_eq!(kit.row(really).requested_milli_cpu, 0, "nothing is assumed");
        kit.put(pod(name).cpu(cpu).on(really));
        kit.delete(name);
    }
    let want = super::DryRunCounts { agreed: 1, differed: 1, placed_all_the_same: 1 };
    assert_eq!(kit.engine.dry_run_counts(), Some(want));
}
