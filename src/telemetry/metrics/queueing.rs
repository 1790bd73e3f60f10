//! The queue: what waits in it, what comes in, and what changes of the cluster do to it.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::framework::{Hint, POD_POPPED, QueuePart};
use crate::queue::QueueLengths;

use super::labels::{
    ByEvent, ByHint, ByQueue, ByQueueAndEvent, ByQueueAndType, ByQueueEventAndType, Histograms,
    of_plugins, of_points,
};
use super::scheduler::set;

/// The parts of the queue, in the order of [`QueueLengths`].
const QUEUES: [&str; 4] = ["active", "backoff", "unschedulable", "gated"];
/// Parts of upstream's queue that only groups of pods are in, with the gate GenericWorkload, which is off.
const QUEUES_OF_GROUPS: [&str; 2] = ["incomplete", "pending"];
/// What waits: a pod that belongs to no group.
const POD: &str = "pod";

pub(super) struct QueueMetrics {
    pods: [Gauge; QUEUES.len()],
    entities: [Gauge; QUEUES.len()],
    incoming: Family<ByQueueAndEvent, Counter>,
    incoming_entities: Family<ByQueueEventAndType, Counter>,
    in_flight: Family<ByEvent, Gauge>,
    /// Of [`POD_POPPED`].
    popped: Gauge,
    hints: Histograms<ByHint>,
    handled: Histograms<ByEvent>,
}

impl QueueMetrics {
    pub(super) fn register(scheduler: &mut Registry) -> Self {
        let pods = Family::<ByQueue, Gauge>::default();
        let entities = Family::<ByQueueAndType, Gauge>::default();
        let in_flight = Family::<ByEvent, Gauge>::default();
        let pods_in = |queue| pods.get_or_create_owned(&ByQueue { queue });
        let entities_in =
            |queue| entities.get_or_create_owned(&ByQueueAndType { queue, r#type: POD });
        for queue in QUEUES_OF_GROUPS {
            pods_in(queue).set(0);
        }
        let metrics = Self {
            pods: QUEUES.map(pods_in),
            entities: QUEUES.map(entities_in),
            incoming: Family::default(),
            incoming_entities: Family::default(),
            popped: in_flight.get_or_create_owned(&ByEvent { event: POD_POPPED }),
            in_flight: in_flight.clone(),
            hints: Family::new_with_constructor(of_plugins),
            handled: Family::new_with_constructor(of_points),
        };
        scheduler.register(
            "pending_pods",
            "[STABLE] Pods that wait, by part of the queue",
            pods.clone(),
        );
        scheduler.register(
            "queued_entities",
            "[ALPHA] What waits, by part of the queue: each pod on its own",
            entities.clone(),
        );
        scheduler.register(
            "inflight_events",
            "[ALPHA] Changes of the cluster that are kept for pods which are being tried, and those pods",
            in_flight,
        );
        metrics.register_flows(scheduler);
        metrics
    }

    fn register_flows(&self, scheduler: &mut Registry) {
        scheduler.register(
            "queue_incoming_pods",
            "[STABLE] Pods put into a part of the queue, by what caused it",
            self.incoming.clone(),
        );
        scheduler.register(
            "queue_incoming_entities",
            "[ALPHA] The same, without moves that end where such moves end as a rule",
            self.incoming_entities.clone(),
        );
        scheduler.register(
            "queueing_hint_execution_duration_seconds",
            "[ALPHA] Time that a plugin took to say whether a change can help a pod, or all pods that look alike",
            self.hints.clone(),
        );
        scheduler.register(
            "event_handling_duration_seconds",
            "[ALPHA] Time to take in a change of the cluster",
            self.handled.clone(),
        );
    }

    pub(super) fn set_lengths(&self, lengths: QueueLengths) {
        let QueueLengths { active, backoff, unschedulable, gated } = lengths;
        let lengths = [active, backoff, unschedulable, gated];
        set(&self.pods, lengths);
        set(&self.entities, lengths);
    }

    pub(super) fn incoming(&self, queue: QueuePart, event: &'static str, moved: bool) {
        let queue = queue.as_str();
        self.incoming.get_or_create(&ByQueueAndEvent { queue, event }).inc();
        if moved {
            let labels = ByQueueEventAndType { queue, event, r#type: POD };
            self.incoming_entities.get_or_create(&labels).inc();
        }
    }

    pub(super) fn kept(&self, event: &'static str, change: i64) {
        if event == POD_POPPED {
            self.popped.inc_by(change);
        } else {
            self.in_flight.get_or_create(&ByEvent { event }).inc_by(change);
        }
    }

    pub(super) fn hint(&self, plugin: &'static str, event: &'static str, hint: Hint, seconds: f64) {
        let labels = ByHint { plugin, event, hint: hint.as_str() };
        self.hints.get_or_create(&labels).observe(seconds);
    }

    pub(super) fn handled(&self, event: &'static str, seconds: f64) {
        self.handled.get_or_create(&ByEvent { event }).observe(seconds);
    }
}
