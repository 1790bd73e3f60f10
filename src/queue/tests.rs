//! The queue against a simple model: every pod is in exactly one place, and who is next is who should be.

use proptest::prelude::*;

use super::*;
use crate::framework::{Action, NoProbe, ProfileSpec, Resource};
use crate::model::PodKey;
use crate::plugins::PLUGINS;

const NODE_ADD: ClusterEvent = ClusterEvent::new(Resource::Node, Action::ADD);

fn profiles() -> Vec<Profile> {
    vec![
        Profile::compile(&ProfileSpec::of_defaults("berth", PLUGINS), PLUGINS)
            .expect("the defaults fit"),
    ]
}

/// The mask of one plugin.
fn plugin(name: &str) -> PluginMask {
    let position = profiles()[0].plugins.iter().position(|entry| entry.name == name);
    1 << position.expect("it is a plugin")
}

fn pod(number: u32, priority: i32) -> QueuedPod {
    let key = PodKey { namespace: "default".into(), name: number.to_string().into() };
    QueuedPod::new(Box::new(Pod { key, priority, ..Pod::default() }), 0)
}

/// Something that may happen to a queue.
#[derive(Clone, Debug)]
enum Step {
    Add { priority: i32 },
    Pop,
    Fail { rejected: bool },
    Remove(u8),
    NodeAdd,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (-1i32..3).prop_map(|priority| Step::Add { priority }),
        5 => Just(Step::Pop),
        5 => any::<bool>().prop_map(|rejected| Step::Fail { rejected }),
        1 => any::<u8>().prop_map(Step::Remove),
        2 => Just(Step::NodeAdd),
        4 => (0u64..15_000).prop_map(Step::Wait),
    ]
}

fn check(queue: &Queue) {
    let lengths = queue.lengths();
    let placed = lengths.active + lengths.backoff + lengths.unschedulable + lengths.gated;
    assert_eq!(placed, queue.pods.len(), "every pod is in exactly one place");
    for (.., id) in &queue.active {
        assert!(matches!(queue.pods[id].place, QueuePlace::Active(..)));
    }
    for (group, ids) in &queue.unschedulable {
        assert!(!ids.is_empty(), "no empty group stays");
        for id in ids {
            assert_eq!(queue.pods[id].place, QueuePlace::Unschedulable);
            assert_eq!((queue.pods[id].profile, queue.pods[id].rejectors), *group);
        }
    }
}

proptest! {
    #[test]
    fn every_pod_is_in_one_place_and_the_right_one_is_next(
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let profiles = profiles();
        let mut queue = Queue::new(Backoff::default(), Arc::new(NoProbe));
        let mut now = Nanos::from_secs(100);
        let mut tried: Vec<(PodId, QueuedPod)> = Vec::new();
        let mut next_id = 0;
        for step in steps {
            match step {
                Step::Add { priority } => {
                    queue.add(PodId(next_id), pod(next_id, priority), &profiles, now);
                    next_id += 1;
                }
                Step::Pop => {
                    let best = queue.active.iter().map(|(key, ..)| *key).min();
                    let popped = queue.pop(now);
                    prop_assert_eq!(popped.is_some(), best.is_some() || !queue.backoff.is_empty()
                        || popped.is_some());
                    if let (Some((_, queued)), Some(best)) = (&popped, best) {
                        prop_assert_eq!(sort_key(queued.pod.priority, queued.inserted), best);
                    }
                    tried.extend(popped);
                }
                Step::Fail { rejected } => {
                    if let Some((id, queued)) = tried.pop() {
                        let rejectors = if rejected { plugin("NodeResourcesFit") } else { 0 };
                        queue.put_back(id, queued, rejectors, &profiles, now);
                    }
                }
                Step::Remove(which) => {
                    let id = PodId(u32::from(which) % (next_id + 1));
                    let known = queue.pods.contains_key(&id);
                    prop_assert_eq!(queue.remove(id).is_some(), known);
                }
                Step::NodeAdd => {
                    queue.on_event(NODE_ADD, &profiles, now);
                    prop_assert_eq!(queue.lengths().unschedulable, 0, "a node can help them all");
                }
                Step::Wait(millis) => {
                    now = now + Nanos(millis * Nanos::MILLISECOND.0);
                    queue.tick(&profiles, now);
                    let over = |expiry: Nanos| expiry < now.truncate_to_second();
                    prop_assert!(!queue.backoff.iter().any(|(expiry, ..)| over(*expiry)));
                    prop_assert!(!queue.error_backoff.iter().any(|(expiry, ..)| over(*expiry)));
                }
            }
            check(&queue);
            if let Some(deadline) = queue.next_deadline() {
                let active = queue.lengths().active;
                prop_assert!(deadline > now || active > 0 || queue.next_flush <= now);
            }
        }
    }
}

#[test]
fn an_event_reaches_only_pods_whose_rejectors_registered_for_it() {
    let profiles = profiles();
    let now = Nanos::from_secs(100);
    let taint = ClusterEvent::new(Resource::Node, Action::UPDATE_NODE_TAINT);
    let rows = [
        ("TaintToleration", taint, true),
        ("NodeResourcesFit", taint, false),
        ("NodeName", NODE_ADD, true),
        ("VolumeZone", NODE_ADD, true),
        ("VolumeZone", taint, false),
    ];
    for (name, event, helps) in rows {
        let mut queue = Queue::new(Backoff::default(), Arc::new(NoProbe));
        queue.add(PodId(0), pod(0, 0), &profiles, now);
        let (id, queued) = queue.pop(now).unwrap();
        queue.put_back(id, queued, plugin(name), &profiles, now);
        assert_eq!(queue.lengths().unschedulable, 1);
        queue.on_event(event, &profiles, now);
        assert_eq!(queue.lengths().backoff, usize::from(helps), "{name}");
    }
}

#[test]
fn without_backoff_a_pod_is_ready_at_once() {
    let profiles = profiles();
    let now = Nanos::from_secs(100);
    let mut queue = Queue::new(Backoff { max: Nanos(0), ..Backoff::default() }, Arc::new(NoProbe));
    queue.add(PodId(0), pod(0, 0), &profiles, now);
    let (id, queued) = queue.pop(now).unwrap();
    queue.put_back(id, queued, plugin("NodeResourcesFit"), &profiles, now);
    queue.on_event(NODE_ADD, &profiles, now);
    assert_eq!(queue.lengths().active, 1);
}
