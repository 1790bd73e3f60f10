//! Preemption in life: victims are evicted, the room is kept, and the pod gets it.

use super::kit::{self, Kit, node, pod};
use super::lifecycle::wishing;
use crate::engine::{
    BindOutcome, DecisionVerdict, Effect, Event, EvictionOutcome, Nomination, Report,
};
use crate::units::Nanos;

/// Names of the pods that are to be deleted.
fn evicted(effects: &[Effect]) -> Vec<String> {
    let name = |effect: &Effect| match effect {
        Effect::Evict(eviction) => Some(eviction.pod.key.name.to_string()),
        _ => None,
    };
    effects.iter().filter_map(name).collect()
}

fn nomination(effects: &[Effect]) -> Option<Nomination> {
    effects.iter().find_map(|effect| match effect {
        Effect::PatchCondition { nomination, .. } => Some(nomination.clone()),
        _ => None,
    })
}

fn answer(kit: &mut Kit, victim: &str, outcome: EvictionOutcome) -> Vec<Effect> {
    let uid = format!("uid-{victim}").into();
    kit.step(Event::Evicted { key: kit::key(victim), uid, outcome })
}

/// A full node, with a pod of higher priority that has evicted the one on it.
fn preempting() -> Kit {
    let mut kit = Kit::with_nodes([node("n").cpu(1000)]);
    kit.put(pod("victim").cpu(600).on("n"));
    kit.put(pod("p").cpu(600).priority(10));
    let effects = kit.step(Event::Attempt);
    assert_eq!(evicted(&effects), ["victim"]);
    kit
}

#[test]
fn the_victim_goes_and_the_pod_is_nominated() {
    let mut kit = Kit::with_nodes([node("n").cpu(1000)]);
    kit.put(pod("victim").cpu(600).on("n"));
    kit.put(pod("p").cpu(600).priority(10));
    let effects = kit.step(Event::Attempt);
    assert_eq!(evicted(&effects), ["victim"]);
    let message = "0/1 nodes are available: 1 Insufficient cpu. preemption: found a potential \
                   placement for pod on node n, preempting 1 victims";
    let failed = Report::FailedScheduling { message: message.into() };
    assert_eq!(kit::reports(&effects), [failed]);
    assert_eq!(kit::decisions(&effects), [DecisionVerdict::Message(message.into())]);
    assert_eq!(nomination(&effects), Some(Nomination::Set("n".into())));
    let preempted = Report::Preempted { by: "uid-p".into(), node: "n".into(), in_memory: false };
    assert_eq!(kit::reports(&answer(&mut kit, "victim", EvictionOutcome::Done)), [preempted]);
}

#[test]
fn the_pod_waits_for_its_victim_and_then_has_the_room() {
    let mut kit = preempting();
    // Other changes make it look again, before and after the victim is being deleted.
    for victim in [pod("victim"), pod("victim").terminating()] {
        kit.put(victim.cpu(600).on("n"));
        kit.put_node(&node("m").cpu(1));
        kit.wait(Nanos::from_secs(20));
        kit.delete("other");
        kit.put_node(&node("m").cpu(2));
        kit.wait(Nanos::from_secs(20));
        let effects = kit.step(Event::Attempt);
        assert_eq!(evicted(&effects), [""; 0]);
        if let [.., Report::FailedScheduling { message }] = &kit::reports(&effects)[..] {
            assert!(message.ends_with("a terminating pod on the nominated node."), "{message}");
        }
    }
    // One that is no more important may not take the room meanwhile, one that is may.
    kit.put(pod("late").cpu(300).priority(10));
    kit.delete("victim");
    kit.wait(Nanos::from_secs(20));
    assert!(kit.next.attempt);
    kit.put(pod("p").cpu(600).priority(10));
    let mut bound = Vec::new();
    while kit.next.attempt {
        bound.extend(kit::bind(&kit.step(Event::Attempt)).map(|(_, node)| node));
    }
    assert_eq!(bound, ["n", "n"], "600m and 300m have room on 1000m");
}

#[test]
fn the_room_is_kept_from_pods_that_are_no_more_important() {
    for (priority, binds) in [(10, false), (5, false), (11, true)] {
        let mut kit = preempting();
        kit.delete("victim");
        kit.put(pod("late").cpu(600).priority(priority));
        // The pod itself is in backoff.
        let effects = kit.step(Event::Attempt);
        let is_late = kit::bind(&effects).is_some();
        assert_eq!(is_late, binds, "{priority}: {effects:?}");
    }
}

#[test]
fn the_nominated_node_is_tried_first() {
    let mut kit = Kit::with_nodes([node("a").cpu(4000), node("b").cpu(1000), node("c").cpu(4000)]);
    let mut nominated = pod("p").cpu(600);
    nominated.0.nominated_node = Some("b".into());
    kit.put(nominated.clone());
    kit.attempt_binds("b");
    // One that does not fit there, or names a node that is gone, goes elsewhere.
    nominated.0.key = kit::key("q");
    kit.put(nominated.clone());
    let effects = kit.step(Event::Attempt);
    assert_ne!(kit::bind(&effects).expect("there is room").1, "b");
    nominated.0.key = kit::key("r");
    nominated.0.nominated_node = Some("gone".into());
    kit.put(nominated);
    assert!(kit::bind(&kit.step(Event::Attempt)).is_some());
}

#[test]
fn lower_nominations_on_the_node_are_cleared() {
    let mut kit = Kit::with_nodes([node("n").cpu(1000)]);
    kit.put(pod("victim").cpu(1000).on("n").priority(1));
    let mut lower = pod("lower").cpu(500).priority(1);
    lower.0.nominated_node = Some("n".into());
    kit.put(lower.clone());
    let effects = kit.step(Event::Attempt);
    assert_eq!(nomination(&effects), Some(Nomination::Clear), "nothing helps it");
    kit.put(pod("p").cpu(1000).priority(10));
    let cleared = |effects: &[Effect]| {
        effects.iter().any(|effect| {
            matches!(effect, Effect::Nominate { pod, nomination: Nomination::Clear }
                if &*pod.key.name == "lower")
        })
    };
    // The nomination was cleared already; once it is there again it is cleared again.
    kit.put(pod("lower").cpu(500).priority(1));
    kit.put(lower);
    let effects = kit.step(Event::Attempt);
    assert_eq!(evicted(&effects), ["victim"]);
    assert!(cleared(&effects), "{effects:?}");
}

#[test]
fn an_eviction_that_fails_is_tried_again() {
    let mut kit = preempting();
    assert!(!kit.next.attempt);
    answer(&mut kit, "victim", EvictionOutcome::Failed);
    assert!(kit.next.attempt, "at once, whatever it waits for");
    assert_eq!(evicted(&kit.step(Event::Attempt)), ["victim"]);
}

#[test]
fn a_victim_that_is_going_already_is_not_deleted_again() {
    let mut kit = Kit::with_nodes([node("n").cpu(1000)]);
    kit.put(pod("victim").cpu(600).on("n").terminating());
    kit.put(pod("p").cpu(600).priority(10));
    let effects = kit.step(Event::Attempt);
    assert_eq!(evicted(&effects), [""; 0]);
    assert_eq!(nomination(&effects), Some(Nomination::Set("n".into())));
}

#[test]
fn a_nomination_is_cleared_where_preemption_does_not_help() {
    let mut kit = Kit::with_nodes([node("n").cpu(1000)]);
    let mut nominated = pod("p").cpu(600_000);
    nominated.0.nominated_node = Some("n".into());
    kit.put(nominated.clone());
    assert_eq!(nomination(&kit.step(Event::Attempt)), Some(Nomination::Clear));
    // Never is no reason to clear it.
    nominated.0.key = kit::key("never");
    nominated.0.never_preempts = true;
    kit.put(nominated);
    assert_eq!(nomination(&kit.step(Event::Attempt)), Some(Nomination::Keep));
}

/// A node with three pods that all have to go for one.
fn three_victims() -> Kit {
    let mut kit = Kit::with_nodes([node("n").cpu(900)]);
    for victim in ["a", "b", "c"] {
        kit.put(pod(victim).cpu(300).on("n"));
    }
    kit.put(pod("p").cpu(900).priority(10));
    kit
}

#[test]
fn the_last_victim_is_asked_when_the_others_have_answered() {
    let mut kit = three_victims();
    let asked = evicted(&kit.step(Event::Attempt));
    assert_eq!(asked.len(), 2);
    let effects = answer(&mut kit, &asked[0], EvictionOutcome::Done);
    assert_eq!(evicted(&effects), [""; 0]);
    // One that was gone already is as good, and nothing is said of it.
    let effects = answer(&mut kit, &asked[1], EvictionOutcome::Gone);
    let last = evicted(&effects);
    assert_eq!((last.len(), kit::reports(&effects)), (1, Vec::new()));
    assert!(!asked.contains(&last[0]));
    assert_eq!(kit::reports(&answer(&mut kit, &last[0], EvictionOutcome::Done)).len(), 1);
}

#[test]
fn where_one_victim_stays_the_last_one_does_too() {
    let mut kit = three_victims();
    let asked = evicted(&kit.step(Event::Attempt));
    let effects = answer(&mut kit, &asked[0], EvictionOutcome::Failed);
    assert_eq!(evicted(&effects), [""; 0]);
    let effects = answer(&mut kit, &asked[1], EvictionOutcome::Done);
    assert_eq!(evicted(&effects), [""; 0]);
    assert!(kit.next.attempt, "it looks for another way at once");
}

#[test]
fn a_victim_of_two_pods_is_asked_once() {
    let mut kit = Kit::with_nodes([node("n").cpu(1000)]);
    kit.put(pod("victim").cpu(1000).on("n"));
    kit.put(pod("p").cpu(600).priority(10));
    assert_eq!(evicted(&kit.step(Event::Attempt)), ["victim"]);
    kit.put(pod("q").cpu(600).priority(20));
    let effects = kit.step(Event::Attempt);
    assert_eq!(evicted(&effects), [""; 0]);
    assert_eq!(nomination(&effects), Some(Nomination::Set("n".into())));
    let by = |name: &str| {
        let by = format!("uid-{name}").into();
        Report::Preempted { by, node: "n".into(), in_memory: false }
    };
    let effects = answer(&mut kit, "victim", EvictionOutcome::Done);
    assert_eq!(kit::reports(&effects), [by("p"), by("q")]);
    // A third one waits with them for what is going.
    kit.put(pod("r").cpu(600).priority(30));
    let effects = kit.step(Event::Attempt);
    assert_eq!(evicted(&effects), [""; 0]);
    assert_eq!(nomination(&effects), Some(Nomination::Set("n".into())));
}

#[test]
fn what_the_condition_says() {
    let mut kit = Kit::with_nodes([node("n").cpu(1000)]);
    kit.put(pod("victim").cpu(1000).on("n").generation(3));
    kit.put(pod("p").cpu(600).priority(10));
    let effects = kit.step(Event::Attempt);
    let eviction = effects.iter().find_map(|effect| match effect {
        Effect::Evict(eviction) => Some(eviction.clone()),
        _ => None,
    });
    let eviction = eviction.expect("a victim is evicted");
    let message = "berth: preempting to accommodate a higher priority pod";
    assert_eq!(eviction.message.as_deref(), Some(message));
    assert_eq!(eviction.observed_generation, 3);
}

#[test]
fn it_is_not_tried_again_until_the_last_victim_goes() {
    let mut kit = three_victims();
    let asked = evicted(&kit.step(Event::Attempt));
    for victim in &asked {
        kit.delete(victim);
        kit.wait(Nanos::from_secs(20));
        assert!(!kit.next.attempt, "others are still to be asked");
    }
    assert_eq!(kit.engine.queue_lengths().gated, 1);
    answer(&mut kit, &asked[0], EvictionOutcome::Done);
    let last = evicted(&answer(&mut kit, &asked[1], EvictionOutcome::Done));
    // It is known to go before its eviction is answered.
    kit.put(pod(&last[0]).cpu(300).on("n").terminating());
    kit.wait(Nanos::from_secs(20));
    assert!(!kit.next.attempt, "nothing says yet that there is room");
    kit.delete(&last[0]);
    kit.wait(Nanos::from_secs(20));
    kit.attempt_binds("n");
}

#[test]
fn a_preemptor_that_goes_leaves_nothing_behind() {
    let mut kit = three_victims();
    let asked = evicted(&kit.step(Event::Attempt));
    kit.delete("p");
    for victim in &asked {
        answer(&mut kit, victim, EvictionOutcome::Done);
    }
    // Its successor has a UID of its own, and is held by nobody.
    kit.put(pod("p").cpu(900).priority(10).uid("uid-of-another"));
    assert!(kit.next.attempt);
}

/// A pod that is about to be bound to the only node, held up where its labels say, and one that evicts it.
fn evicts_one_that_is_not_bound(label: (&str, &str)) -> (Kit, Vec<Effect>) {
    let mut kit = super::lifecycle::kit();
    kit.put(wishing("victim", label.0, label.1).cpu(3000));
    assert!(kit::bind(&kit.step(Event::Attempt)).is_none(), "it waits");
    kit.put(pod("p").cpu(3000).priority(10));
    let effects = kit.step(Event::Attempt);
    (kit, effects)
}

#[test]
fn a_victim_that_is_not_bound_yet_is_not_deleted() {
    let waits = [
        (("permit", "wait"), "waiting on permit for pod: preempted"),
        (("prebind", "write"), "preempted by DefaultPreemption"),
        (("prebind", "call"), "preempted by DefaultPreemption"),
    ];
    for (label, why) in waits {
        let (mut kit, effects) = evicts_one_that_is_not_bound(label);
        assert_eq!(evicted(&effects), [""; 0], "{label:?}");
        let told = kit::reports(&effects);
        let preempted =
            Report::Preempted { by: "uid-p".into(), node: "n1".into(), in_memory: true };
        let failed = Report::FailedScheduling { message: why.into() };
        assert!(told.contains(&preempted) && told.contains(&failed), "{label:?}: {told:?}");
        // Nothing will be seen to go, so that it is tried at once; the room is its own.
        kit.attempt_binds("n1");
    }
}

/// What happens around a victim whose Binding is under way when it is asked to go.
#[derive(Clone, Copy, Debug)]
enum Seen {
    /// The Binding finds no pod.
    Unbound,
    /// The watch shows that it is gone.
    Deleted,
    /// It has been deleted.
    Evicted,
}

#[test]
fn a_victim_whose_binding_finds_it_gone_leaves_its_room_in_any_order() {
    use Seen::{Deleted, Evicted, Unbound};
    for order in [
        [Unbound, Deleted, Evicted],
        [Unbound, Evicted, Deleted],
        [Deleted, Unbound, Evicted],
        [Deleted, Evicted, Unbound],
        [Evicted, Unbound, Deleted],
        [Evicted, Deleted, Unbound],
    ] {
        let mut kit = Kit::with_nodes([node("n").cpu(1000)]);
        kit.put(pod("victim").cpu(600));
        let binding = kit.attempt_binds("n");
        kit.put(pod("p").cpu(600).priority(10));
        assert_eq!(evicted(&kit.step(Event::Attempt)), ["victim"]);
        let mut bound = Vec::new();
        for seen in order {
            assert_eq!(bound, [""; 0], "{order:?}: before {seen:?}");
            match seen {
                Unbound => drop(kit.answer(binding, BindOutcome::Gone)),
                Deleted => drop(kit.delete("victim")),
                Evicted => drop(answer(&mut kit, "victim", EvictionOutcome::Done)),
            }
            kit.wait(Nanos::from_secs(20));
            // The victim itself may be tried again before it is known to be gone.
            while bound.is_empty() && kit.next.attempt {
                bound.extend(kit::bind(&kit.step(Event::Attempt)).map(|(_, node)| node));
            }
            if !bound.is_empty() {
                break;
            }
        }
        assert_eq!(bound, ["n"], "{order:?}");
        assert_eq!(kit.engine.queue_lengths().gated, 0, "{order:?}");
    }
}
