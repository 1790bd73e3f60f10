//! A pod whose Binding is yet to come is nominated to its node meanwhile; when that ends otherwise, the
//! nomination is cleared.

use crate::engine::{BindOutcome, Effect, Event, Nomination};
use crate::framework::Refusal;
use crate::units::Nanos;

use super::kit::{self, Kit, TestPod, pod};
use super::lifecycle::{WAIT, kit, wishing};

/// What becomes of nominations, in order, wherever it is said.
fn nominations(effects: &[Effect]) -> Vec<Nomination> {
    let said = |effect: &Effect| match effect {
        Effect::Nominate { nomination, .. } => Some(nomination.clone()),
        Effect::PatchCondition { nomination, .. } if *nomination != Nomination::Keep => {
            Some(nomination.clone())
        }
        _ => None,
    };
    effects.iter().filter_map(said).collect()
}

fn to_n1() -> Nomination {
    Nomination::Set("n1".into())
}

/// The pod as the watch shows it once the nomination is written.
fn nominated(mut pod: TestPod) -> TestPod {
    pod.0.nominated_node = Some("n1".into());
    pod
}

#[test]
fn a_pod_that_waits_is_nominated_and_another_is_not() {
    let rows = [
        ("permit", "wait", true),
        ("prebind", "write", true),
        ("prebind", "call", true),
        ("permit", "", false),
        ("prebind", "", false),
        ("prebind", "fail", false),
        ("bind", "call", false),
    ];
    for (point, wish, waits) in rows {
        let mut kit = kit();
        kit.put(wishing("a", point, wish));
        let effects = kit.step(Event::Attempt);
        let want = if waits { vec![to_n1()] } else { Vec::new() };
        assert_eq!(nominations(&effects), want, "{point} {wish}");

        // What the object says already is not said again.
        let mut kit = self::kit();
        kit.put(nominated(wishing("a", point, wish)));
        let effects = kit.step(Event::Attempt);
        assert!(!nominations(&effects).contains(&to_n1()), "{point} {wish}");

        let mut kit = self::kit();
        kit.engine.config.announces_nodes = false;
        kit.put(wishing("a", point, wish));
        assert_eq!(nominations(&kit.step(Event::Attempt)), [], "{point} {wish}");
    }
}

#[test]
fn it_is_said_before_the_work_begins() {
    let mut kit = kit();
    kit.put(wishing("a", "prebind", "write"));
    let effects = kit.step(Event::Attempt);
    let at = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted);
    let said = at(|effect| matches!(effect, Effect::Nominate { .. }));
    let begun = at(|effect| matches!(effect, Effect::PreBind { .. }));
    assert!(said.is_some() && said < begun, "{effects:?}");
}

#[test]
fn it_is_cleared_where_the_pod_is_not_bound_after_all() {
    // The object says it, or does not say it yet.
    for shown in [true, false] {
        let mut kit = kit();
        kit.put(wishing("a", "permit", "wait"));
        kit.step(Event::Attempt);
        if shown {
            assert_eq!(kit.put(nominated(wishing("a", "permit", "wait"))), []);
        }
        let said = nominations(&kit.wait(WAIT));
        assert!(!said.is_empty() && said.iter().all(|said| *said == Nomination::Clear), "{said:?}");

        let mut kit = self::kit();
        kit.put(wishing("a", "prebind", "call"));
        let effects = kit.step(Event::Attempt);
        let attempt = effects.iter().find_map(|effect| match effect {
            Effect::Call { attempt, .. } => Some(*attempt),
            _ => None,
        });
        let attempt = attempt.expect("it is called");
        if shown {
            kit.put(nominated(wishing("a", "prebind", "call")));
        }
        let outcome = Err(Refusal::Fail("no".to_owned()));
        let said = nominations(&kit.step(Event::PreBindResult { attempt, outcome }));
        assert!(!said.is_empty() && said.iter().all(|said| *said == Nomination::Clear), "{said:?}");
    }
}

#[test]
fn a_binding_that_fails_clears_it() {
    let outcomes = [
        BindOutcome::Refused { message: "no".to_owned() },
        BindOutcome::NotNow { message: "gated".to_owned() },
    ];
    for outcome in outcomes {
        let mut kit = kit();
        kit.put(nominated(pod("a")));
        let attempt = kit.attempt_binds("n1");
        let said = nominations(&kit.answer(attempt, outcome.clone()));
        assert!(said.contains(&Nomination::Clear), "{outcome:?}");
        // One that was never nominated has nothing to be cleared.
        let mut kit = self::kit();
        kit.put(pod("a"));
        let attempt = kit.attempt_binds("n1");
        assert_eq!(nominations(&kit.answer(attempt, outcome)), []);
    }
}

#[test]
fn what_the_watch_shows_of_it_changes_nothing() {
    let mut kit = kit();
    kit.put(wishing("a", "permit", "wait").cpu(1000));
    kit.step(Event::Attempt);
    assert_eq!(kit.put(nominated(wishing("a", "permit", "wait").cpu(1000))), []);
    assert_eq!(kit.row("n1").requested_milli_cpu, 1000, "it counts once");
    assert_eq!(kit.engine.cluster().nominations().count(), 0, "it has its place");
    kit.wait(WAIT);
    // Cleared, it is in nobody's way.
    kit.put(wishing("a", "permit", "wait").cpu(1000));
    assert_eq!(kit.row("n1").requested_milli_cpu, 0);
    assert_eq!(kit.engine.cluster().nominations().count(), 0);
}

/// Upstream: TestSchedulerRestartWithNominatedNode, v1.37.
#[test]
fn a_scheduler_that_starts_keeps_the_place_of_a_pod_that_was_about_to_be_bound() {
    let mut kit: Kit = kit();
    kit.put(nominated(pod("a").cpu(3000).gate("later")));
    kit.put(pod("b").cpu(3000));
    assert_eq!(kit::bind(&kit.step(Event::Attempt)), None, "the room is kept");
    kit.put(nominated(pod("a").cpu(3000)));
    kit.wait(Nanos::from_secs(1));
    kit.attempt_binds("n1");
}
