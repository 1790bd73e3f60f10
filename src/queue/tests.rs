//! The queue against a simple model: every pod is in exactly one place, and who is next is who should be.

mod hints;

use std::sync::Arc;

use proptest::prelude::*;

use super::{BTreeSet, Backoff, Queue, QueuePlace, QueuedPod, Reach, Rejected, World, sort_key};
use crate::cluster::Cluster;
use crate::framework::{
    Action, Change, Changed, ClusterEvent, NoProbe, Profile, ProfileSpec, Resource,
};
use crate::model::{Pod, PodKey};
use crate::plugins::PLUGINS;
use crate::units::{Nanos, PodId};

const NODE_ADD: ClusterEvent = ClusterEvent::new(Resource::Node, Action::ADD);

fn profiles() -> Vec<Profile> {
    vec![
        Profile::compile(&ProfileSpec::of_defaults("berth", PLUGINS), PLUGINS)
            .expect("the defaults fit"),
    ]
}

/// That one plugin rejected a pod.
fn plugin(name: &str) -> Rejected {
    let position = profiles()[0].plugins.iter().position(|entry| entry.name == name);
    Rejected::by(1 << position.expect("it is a plugin"))
}

fn change(event: ClusterEvent) -> Change {
    Change::new(event, Changed::Unknown)
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
    let grouped: usize = queue.unschedulable.values().map(BTreeSet::len).sum();
    assert_eq!(lengths.unschedulable, grouped);
    assert_eq!(placed, queue.pods.len(), "every pod is in exactly one place");
    for (.., id) in &queue.active {
        assert!(matches!(queue.pods[id].place, QueuePlace::Active(..)));
    }
    for (group, ids) in &queue.unschedulable {
        assert!(!ids.is_empty(), "no empty group stays");
        for id in ids {
            assert_eq!(queue.pods[id].place, QueuePlace::Unschedulable);
            assert_eq!(queue.pods[id].group(), *group);
        }
    }
}

proptest! {
    #[test]
    fn every_pod_is_in_one_place_and_the_right_one_is_next(
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let (profiles, cluster) = (profiles(), Cluster::new(1));
        let mut queue = Queue::new(Backoff::default(), Arc::new(NoProbe));
        let mut now = Nanos::from_secs(100);
        let mut tried: Vec<(PodId, QueuedPod)> = Vec::new();
        let mut next_id = 0;
        let world = |now| World { profiles: &profiles, cluster: &cluster, now, probe: &NoProbe };
        for step in steps {
            match step {
                Step::Add { priority } => {
                    queue.add(PodId(next_id), pod(next_id, priority), world(now));
                    next_id += 1;
                }
                Step::Pop => {
                    let best = queue.active.iter().map(|(key, ..)| *key).min();
                    let popped = queue.pop(now);
                    prop_assert_eq!(popped.is_some(), best.is_some() || !queue.backoff.is_empty()
                        || popped.is_some());
                    if let (Some((_, queued)), Some(best)) = (&popped, best) {
                        prop_assert_eq!(sort_key(queued.pod.priority, queued.record.inserted), best);
                    }
                    tried.extend(popped);
                }
                Step::Fail { rejected } => {
                    if let Some((id, queued)) = tried.pop() {
                        let by = if rejected { plugin("NodePorts") } else { Rejected::default() };
                        queue.put_back(id, queued, by, world(now));
                    }
                }
                Step::Remove(which) => {
                    let id = PodId(u32::from(which) % (next_id + 1));
                    let known = queue.pods.contains_key(&id);
                    prop_assert_eq!(queue.remove(id).is_some(), known);
                }
                Step::NodeAdd => {
                    queue.on_change(change(NODE_ADD), Reach::All, world(now));
                    prop_assert_eq!(queue.lengths().unschedulable, 0, "a node can help them all");
                }
                Step::Wait(millis) => {
                    now = now + Nanos(millis * Nanos::MILLISECOND.0);
                    queue.tick(world(now));
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
    let (profiles, cluster) = (profiles(), Cluster::new(1));
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
        let world = World { profiles: &profiles, cluster: &cluster, now, probe: &NoProbe };
        queue.add(PodId(0), pod(0, 0), world);
        let (id, queued) = queue.pop(now).unwrap();
        queue.put_back(id, queued, plugin(name), world);
        assert_eq!(queue.lengths().unschedulable, 1);
        assert_eq!(queue.wants(event, world), helps, "{name}");
        queue.on_change(change(event), Reach::All, world);
        assert_eq!(queue.lengths().backoff, usize::from(helps), "{name}");
    }
}

#[test]
fn without_backoff_a_pod_is_ready_at_once() {
    let (profiles, cluster) = (profiles(), Cluster::new(1));
    let now = Nanos::from_secs(100);
    let mut queue = Queue::new(Backoff { max: Nanos(0), ..Backoff::default() }, Arc::new(NoProbe));
    let world = World { profiles: &profiles, cluster: &cluster, now, probe: &NoProbe };
    queue.add(PodId(0), pod(0, 0), world);
    let (id, queued) = queue.pop(now).unwrap();
    queue.put_back(id, queued, plugin("NodePorts"), world);
    queue.on_change(change(NODE_ADD), Reach::All, world);
    assert_eq!(queue.lengths().active, 1);
}
