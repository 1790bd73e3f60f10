//! Which pod is next, and when one that failed comes back: active, backoff, error backoff,
//! unschedulable, gated. Driven by `engine`; holds the pods while they wait.
//!
//! A change of the cluster is looked at once for each set of plugins that rejected pods, then once for each
//! shape of pods among those, and pod by pod only where a plugin reads a pod's own facts: nobody walks over
//! all pods that wait.
//!
//! Upstream: scheduling queue, v1.37.

mod backoff;
mod changes;
mod in_flight;
mod look;
mod places;
mod shapes;
mod strategy;
#[cfg(test)]
mod tests;
mod texts;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::framework::{Candidate, POD_POPPED, Probe, QueuePart};
use crate::model::Pod;
use crate::units::{Map, Nanos, PodId};

use in_flight::InFlight;
use places::Group;
use shapes::Shapes;
use strategy::{Strategy, after_attempt};
use texts::Texts;
use waiting::{QueuePlace, SortKey, Waiting, sort_key};

pub use backoff::{BACKOFF_INITIAL, BACKOFF_MAX, Backoff, UNSCHEDULABLE_MAX};
pub use changes::Reach;
pub use look::{Look, Part, Told};
pub use strategy::World;
pub use waiting::{QueuedPod, Rejected};

/// How often pods are looked for that have been unschedulable for too long.
pub const FLUSH_INTERVAL: Nanos = Nanos::from_secs(30);

/// Why pods come into the queue or move in it, where no event of the cluster is the cause: upstream's
/// labels.
const POD_ADD: &str = "UnscheduledPodAdd";
const ATTEMPT_FAILURE: &str = "ScheduleAttemptFailure";
const BACKOFF_COMPLETE: &str = "BackoffComplete";
const POP_FROM_BACKOFF: &str = "PopFromBackoffQ";
const UNSCHEDULABLE_TIMEOUT: &str = "UnschedulableTimeout";
const FORCE_ACTIVATE: &str = "ForceActivate";

/// How many pods wait where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLengths {
    /// Ready to be tried.
    pub active: usize,
    /// Waiting for a backoff to end, after a rejection or an error.
    pub backoff: usize,
    /// Waiting for the cluster to change.
    pub unschedulable: usize,
    /// Held back by PreEnqueue.
    pub gated: usize,
}

/// The queue.
pub struct Queue {
    pods: Map<PodId, Waiting>,
    active: BTreeSet<(SortKey, u64, PodId)>,
    backoff: BTreeSet<(Nanos, SortKey, u64, PodId)>,
    error_backoff: BTreeSet<(Nanos, u64, PodId)>,
    /// By who rejected them and by shape: a change is asked about once a group.
    unschedulable: BTreeMap<Group, BTreeSet<PodId>>,
    /// By profile and the position of the plugin that holds them.
    gated: BTreeMap<(usize, u16), BTreeSet<PodId>>,
    /// The unschedulable and the gated ones, the one first that has been so for the longest time.
    stale: BTreeSet<(Nanos, PodId)>,
    shapes: Shapes,
    texts: Texts,
    in_flight: InFlight,
    times: Backoff,
    next_flush: Nanos,
    /// Counts insertions: the last word among equals.
    sequence: u64,
    probe: Arc<dyn Probe>,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(times: Backoff, probe: Arc<dyn Probe>) -> Self {
        Self {
            pods: Map::default(),
            active: BTreeSet::new(),
            backoff: BTreeSet::new(),
            error_backoff: BTreeSet::new(),
            unschedulable: BTreeMap::new(),
            gated: BTreeMap::new(),
            stale: BTreeSet::new(),
            shapes: Shapes::default(),
            texts: Texts::default(),
            in_flight: InFlight::new(Arc::clone(&probe)),
            times,
            next_flush: Nanos::default(),
            sequence: 0,
            probe,
        }
    }

    /// Puts in a pod that was not there: ready to be tried, unless PreEnqueue holds it.
    pub fn add(&mut self, id: PodId, mut queued: QueuedPod, world: World<'_>) {
        queued.record.inserted = world.now;
        self.texts.keep_of(&mut queued.pod);
        self.pods.insert(id, queued.into_waiting());
        self.enter_active(id, POD_ADD, None, world);
    }

    /// Puts back a pod whose attempt failed: after an error into error backoff, after a rejection among
    /// the unschedulable, unless something has happened meanwhile that can help it.
    ///
    /// Upstream: AddUnschedulablePodIfNotPresent, v1.37.
    pub fn put_back(
        &mut self,
        id: PodId,
        mut queued: QueuedPod,
        rejected: Rejected,
        world: World<'_>,
    ) {
        debug_assert!(!self.pods.contains_key(&id), "put back twice");
        let record = &mut queued.record;
        record.inserted = world.now;
        record.flushed_at = Nanos::default();
        record.rejected = rejected;
        record.gate = None;
        queued.flushed = false;
        if rejected.all() == 0 {
            record.consecutive_errors += 1;
        } else {
            record.unschedulable_count += 1;
            record.consecutive_errors = 0;
        }
        let taken = queued.taken.take();
        let candidate = Candidate::whole(&queued.pod);
        let strategy = after_attempt(candidate, queued.profile, rejected, taken.as_ref(), world);
        drop(taken);
        self.texts.keep_of(&mut queued.pod);
        self.count_rejected(queued.profile, rejected.all(), 1);
        self.pods.insert(id, queued.into_waiting());
        if strategy == Strategy::Skip {
            self.place(id, QueuePlace::Unschedulable);
            self.probe.incoming(QueuePart::Unschedulable, ATTEMPT_FAILURE, false);
        } else {
            self.requeue(id, strategy, ATTEMPT_FAILURE, world);
        }
    }

    /// Puts a pod back whose attempt has neither failed nor ended well: it keeps its place among the pods
    /// that are ready.
    pub fn try_again(&mut self, id: PodId, mut queued: QueuedPod, world: World<'_>) {
        debug_assert!(!self.pods.contains_key(&id), "put back twice");
        queued.done();
        self.pods.insert(id, queued.into_waiting());
        self.enter_active(id, ATTEMPT_FAILURE, None, world);
    }

    /// The text that other waiting pods have, too: kept once for all of them.
    pub fn keep(&mut self, text: String) -> Arc<str> {
        self.texts.keep(text.into())
    }

    /// Takes a pod out, wherever it is.
    pub fn remove(&mut self, id: PodId) -> Option<QueuedPod> {
        self.place(id, QueuePlace::Out);
        let queued = self.pods.remove(&id)?.into_queued(&mut self.shapes);
        self.count_rejected(queued.profile, queued.record.rejected.all(), -1);
        Some(queued)
    }

    /// The next pod to be tried: from the active ones, else the one whose backoff ends first. Never one
    /// that waits after an error. What happens from now on counts for it until [`QueuedPod::done`].
    ///
    /// Upstream: gate SchedulerPopFromBackoffQ, on by default.
    pub fn pop(&mut self, now: Nanos) -> Option<(PodId, QueuedPod)> {
        let id = if let Some((.., id)) = self.active.first() {
            *id
        } else {
            let (.., id) = *self.backoff.first()?;
            self.probe.incoming(QueuePart::Active, POP_FROM_BACKOFF, true);
            id
        };
        let mut queued = self.remove(id)?;
        queued.attempts = queued.attempts.saturating_add(1);
        queued.ready_since.get_or_insert(now);
        queued.record.rejected = Rejected::default();
        queued.taken = Some(self.in_flight.here(POD_POPPED));
        Some((id, queued))
    }

    /// Whether [`Queue::pop`] would give a pod.
    #[must_use]
    pub fn has_next(&self) -> bool {
        !self.active.is_empty() || !self.backoff.is_empty()
    }

    /// Ends backoffs that are over, and every 30 s tries again what was unschedulable for 5 minutes.
    pub fn tick(&mut self, world: World<'_>) {
        let second = world.now.truncate_to_second();
        while let Some((expiry, .., id)) = self.backoff.first().copied() {
            if expiry >= second {
                break;
            }
            self.backoff_is_over(id, world);
        }
        while let Some((expiry, _, id)) = self.error_backoff.first().copied() {
            if expiry >= second {
                break;
            }
            self.backoff_is_over(id, world);
        }
        if world.now >= self.next_flush {
            self.next_flush = world.now + FLUSH_INTERVAL;
            self.texts.sweep();
            self.flush(world);
        }
    }

    /// Tries again what was unschedulable for too long.
    ///
    /// Upstream: flushUnschedulableEntitiesLeftover, v1.37.
    fn flush(&mut self, world: World<'_>) {
        let stale = self.stale.iter();
        let longest = self.times.unschedulable_max;
        let stale = stale.take_while(|(since, _)| world.now.since(*since) > longest);
        let stale: Vec<_> = stale.map(|(_, id)| *id).collect();
        for id in stale {
            let Some(place) = self.pods.get(&id).map(|waiting| waiting.place) else { continue };
            self.place(id, QueuePlace::Out);
            if let Some(waiting) = self.pods.get_mut(&id) {
                waiting.flushed = true;
                waiting.record.flushed_at = world.now;
            }
            self.place(id, place);
            self.requeue(id, Strategy::AfterBackoff, UNSCHEDULABLE_TIMEOUT, world);
        }
    }

    /// When [`Queue::tick`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        let backoff = self.backoff.first().map(|(expiry, ..)| *expiry + Nanos::SECOND);
        let error = self.error_backoff.first().map(|(expiry, ..)| *expiry + Nanos::SECOND);
        let flush = (!self.stale.is_empty()).then_some(self.next_flush);
        [backoff, error, flush].into_iter().flatten().min()
    }

    /// How many pods wait where.
    #[must_use]
    pub fn lengths(&self) -> QueueLengths {
        let gated = self.gated.values().map(BTreeSet::len).sum();
        QueueLengths {
            active: self.active.len(),
            backoff: self.backoff.len() + self.error_backoff.len(),
            unschedulable: self.stale.len() - gated,
            gated,
        }
    }

    /// A waiting pod, as last seen.
    #[must_use]
    pub fn pod(&self, id: PodId) -> Option<Box<Pod>> {
        Some(self.pods.get(&id)?.whole(&self.shapes))
    }
}
