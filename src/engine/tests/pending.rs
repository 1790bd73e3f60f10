//! Why pods wait: kept once a reason, told in full, and gone with its last pod.

use std::sync::Arc;

use crate::engine::pending::PODS_NAMED_MAX;
use crate::engine::{BindOutcome, Effect, Event, PendingPart, PendingPod};
use crate::queue::{FLUSH_INTERVAL, Part, UNSCHEDULABLE_MAX};
use crate::units::Nanos;

use super::kit::{self, Kit, START, key, node, pod};

const FULL: &str = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are \
                    available: 1 Preemption is not helpful for scheduling.";

fn about(kit: &Kit, name: &str) -> PendingPod {
    kit.engine.pending_pod(&key(name)).expect("it waits")
}

/// A node that is full, and pods that do not fit there.
fn full(pods: usize) -> Kit {
    let mut kit = Kit::with_nodes([node("n1").cpu(1000)]);
    for at in 0..pods {
        kit.put(pod(&format!("p{at:03}")).cpu(2000));
        kit.step(Event::Attempt);
    }
    kit
}

#[test]
fn a_reason_is_told_once_for_all_pods_that_have_it() {
    let mut kit = full(PODS_NAMED_MAX + 5);
    kit.put(pod("gated").gate("example.com/quota"));
    kit.put(pod("new"));
    let all = kit.engine.pending_pods(None);
    assert_eq!((all.count, all.left_out), (PODS_NAMED_MAX + 7, 0));
    assert_eq!((all.lengths.unschedulable, all.lengths.gated, all.lengths.active), (25, 1, 1));
    let [full, others @ ..] = &all.reasons[..] else { panic!("{all:?}") };
    assert_eq!(full.message.as_deref(), Some(FULL));
    assert_eq!((full.count, full.pods.len()), (PODS_NAMED_MAX + 5, PODS_NAMED_MAX));
    assert_eq!((&full.pods[0], &full.pods[19]), (&key("p000"), &key("p019")));
    assert_eq!((&full.plugins[..], full.since), (&["NodeResourcesFit"][..], Some(START)));
    let mut others: Vec<_> = others.iter().map(|other| other.message.as_deref()).collect();
    others.sort_unstable();
    let held = "waiting for scheduling gates: [example.com/quota]";
    assert_eq!(others, [None, Some(held)]);
    assert_eq!(kit.engine.pending_pods(Some("default")), all);
    assert_eq!(kit.engine.pending_pods(Some("other")).count, 0);
}

#[test]
fn texts_are_shared_by_pods_their_conditions_and_what_is_written() {
    let mut kit = full(1);
    let told = about(&kit, "p000").message.expect("it was tried");
    kit.put(pod("other").cpu(2000));
    let effects = kit.step(Event::Attempt);
    let written = effects.iter().find_map(kit::condition).expect("it is written");
    assert!(Arc::ptr_eq(&told, &written.message));
    // As the watch shows it: a string of its own.
    kit.put(pod("other").cpu(2000).condition("False", "Unschedulable", FULL));
    drop(effects);
    let owners = Arc::strong_count(&told);
    kit.delete("other");
    assert_eq!(Arc::strong_count(&told), owners - 2, "its reason and its condition");
}

#[test]
fn everything_about_one_pod_wherever_it_is() {
    let mut kit = full(1);
    let waits = about(&kit, "p000");
    assert_eq!(waits.part, PendingPart::Queue(Part::Unschedulable));
    assert_eq!((waits.attempts, waits.message.as_deref()), (1, Some(FULL)));
    assert_eq!(waits.next_try, Some(START + UNSCHEDULABLE_MAX + FLUSH_INTERVAL));
    // The same reason again: it is so since the first time.
    kit.put_node(&node("n1").cpu(1001));
    kit.wait(Nanos::from_secs(20));
    kit.put_node(&node("n1").cpu(1999));
    kit.delete("nobody");
    assert_eq!(about(&kit, "p000").since, Some(START));
    // Room for it: it is bound, and then nothing waits.
    kit.put_node(&node("n1").cpu(4000));
    kit.wait(Nanos::from_secs(20));
    let attempt = kit.attempt_binds("n1");
    let trying = about(&kit, "p000");
    assert_eq!((trying.part, trying.attempts), (PendingPart::Trying, 2));
    assert_eq!(trying.message.as_deref(), Some(FULL), "why it had to wait so far");
    let refused = BindOutcome::Refused { message: "forbidden".into() };
    kit.answer(attempt, refused);
    let failed = about(&kit, "p000");
    assert_eq!(failed.part, PendingPart::Queue(Part::Backoff));
    assert!(failed.next_try.is_some_and(|at| at > kit.now), "{failed:?}");
    let said = "running Bind plugin \"DefaultBinder\": forbidden";
    assert_eq!(failed.message.as_deref(), Some(said));
    kit.put(pod("p000").cpu(2000).on("n1"));
    assert_eq!(kit.engine.pending_pod(&key("p000")), None);
    assert_eq!(kit.engine.pending_pods(None).reasons, []);
}

#[test]
fn a_reason_goes_with_its_last_pod() {
    let mut kit = full(2);
    let text = Arc::downgrade(&about(&kit, "p000").message.expect("it was tried"));
    kit.delete("p000");
    kit.wait(Nanos(UNSCHEDULABLE_MAX.0 / 2));
    assert!(text.upgrade().is_some());
    kit.delete("p001");
    kit.wait(FLUSH_INTERVAL);
    assert!(text.upgrade().is_none());
}

#[test]
fn what_is_queued_for_a_pod_is_withdrawn_when_it_is_on_a_node() {
    let withdrawn = |effects: &[Effect]| {
        let of = |effect: &&Effect| matches!(effect, Effect::Withdraw { .. });
        effects.iter().filter(of).count()
    };
    // A refused Binding, and then somebody else binds it.
    let mut kit = Kit::with_nodes([node("n1").cpu(1000), node("n2").cpu(1000)]);
    kit.put(pod("a"));
    let effects = kit.step(Event::Attempt);
    let (attempt, _) = kit::bind(&effects).expect("there is room");
    let effects = kit.answer(attempt, BindOutcome::Refused { message: "no".into() });
    assert_eq!(effects.iter().filter_map(kit::condition).count(), 1);
    let effects = kit.put(pod("a").on("n2"));
    assert_eq!(effects, [Effect::Withdraw { uid: "uid-a".into() }]);
    // One that fits nowhere.
    let mut kit = full(1);
    assert_eq!(withdrawn(&kit.put(pod("p000").cpu(2000).on("n1"))), 1);
    // Nothing was said about these.
    kit.put(pod("new"));
    assert_eq!(withdrawn(&kit.put(pod("new").on("n1"))), 0);
    kit.put_node(&node("n3").cpu(1000));
    kit.put(pod("well"));
    kit.attempt_binds("n3");
    assert_eq!(withdrawn(&kit.put(pod("well").on("n3"))), 0);
    assert_eq!(withdrawn(&kit.delete("well")), 0);
}
