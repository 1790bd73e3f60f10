//! What waits to be sent, as plain state: four queues, and one lane a pod. Filled by the engine thread
//! and emptied by the writer, both through [`super::Outbox`]; no IO, no clock.
//!
//! A pod has at most one request in flight, a Binding or a condition patch. A Binding drops the patch
//! that is queued for its pod and waits for the one in flight; a patch waits for every Binding of its
//! pod. Events, volumes and claims are other objects and have no lane, and nothing has to wait for an
//! eviction.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::engine::AttemptId;
use crate::units::{Map, Nanos};

use super::Counters;
use super::bind::Bind;
use super::condition::Patch;
use super::evict::Evict;
use super::inquiry::Ask;
use super::limit::Bucket;
use super::pre_bind::PreBind;
use super::report::Job;

/// Patches queued, one a pod at most. Pods share their texts, so that each has some 300 bytes: 3 MB.
pub(super) const PATCHES_QUEUED_MAX: usize = 10_000;

/// Events queued. A `FailedScheduling` whose text had to be cut has 1.3 kB, so 13 MB at most.
pub(super) const EVENTS_QUEUED_MAX: usize = 10_000;

/// Questions about ended pods queued. At some 300 bytes each, 3 MB.
pub(super) const ASKS_QUEUED_MAX: usize = 10_000;

/// A place in a queue: not before this time, then in the order of arrival.
type Place = (Nanos, u64);

/// What is going on for one pod.
#[derive(Debug, Default)]
struct Lane {
    /// Bindings handed over and not finished: queued, waiting or in flight.
    bindings: usize,
    /// A request is in flight.
    busy: bool,
    /// If it is a patch, it is not tried again.
    withdrawn: bool,
    /// Bindings that found the lane busy.
    waiting: VecDeque<Bind>,
}

/// The queues and lanes.
#[derive(Debug)]
pub(super) struct Lanes {
    /// Bindings to be sent. The engine's credits bound all bindings together.
    ready: VecDeque<Bind>,
    /// Writes before bindings, at most one entry a pod that is assumed.
    pre_binds: BTreeMap<Place, PreBind>,
    patches: BTreeMap<Place, Patch>,
    /// Where in `patches` the one of a pod (by UID) is.
    patch_places: Map<Box<str>, Place>,
    /// Pods to be deleted: each pod once at most, until the engine hears that it failed.
    evictions: BTreeMap<Place, Evict>,
    events: VecDeque<Job>,
    asks: BTreeMap<Place, Ask>,
    /// The limit of all requests but events and questions.
    pub(super) requests: Bucket,
    /// The engine decides nothing until a Binding is taken.
    engine_waits: bool,
    /// Bindings that were taken back, until the engine is told.
    retracted: Vec<AttemptId>,
    /// Pods (by UID) with a Binding or with a request in flight.
    pods: Map<Box<str>, Lane>,
    arrivals: u64,
    counters: Arc<Counters>,
}

impl Lanes {
    pub(super) fn new(requests: Bucket, counters: Arc<Counters>) -> Self {
        Self {
            ready: VecDeque::new(),
            pre_binds: BTreeMap::new(),
            patches: BTreeMap::new(),
            patch_places: Map::default(),
            evictions: BTreeMap::new(),
            events: VecDeque::new(),
            asks: BTreeMap::new(),
            requests,
            engine_waits: false,
            retracted: Vec::new(),
            pods: Map::default(),
            arrivals: 0,
            counters,
        }
    }

    pub(super) fn push_bind(&mut self, bind: Bind) {
        if self.remove_patch(&bind.pod.uid) {
            self.counters.patches_coalesced.add_one();
        }
        self.pods.entry(bind.pod.uid.clone()).or_default().bindings += 1;
        self.ready.push_back(bind);
    }

    /// Takes a Binding back, unless it was taken to be sent.
    pub(super) fn retract(&mut self, attempt: AttemptId) {
        let is_it = |bind: &Bind| bind.attempt == attempt;
        let found = self.ready.iter().position(is_it);
        let bind = found.and_then(|at| self.ready.remove(at)).or_else(|| {
            let mut lanes = self.pods.values_mut();
            lanes.find_map(|lane| lane.waiting.remove(lane.waiting.iter().position(is_it)?))
        });
        let Some(bind) = bind else { return };
        self.retracted.push(attempt);
        if let Some(lane) = self.pods.get_mut(&bind.pod.uid) {
            lane.bindings -= 1;
            if !lane.busy && lane.bindings == 0 {
                self.pods.remove(&bind.pod.uid);
            }
        }
    }

    /// The Bindings that were taken back since this was asked last.
    pub(super) fn take_retracted(&mut self) -> Vec<AttemptId> {
        std::mem::take(&mut self.retracted)
    }

    /// Whether another Binding may be decided, where `undelivered` ones were that are not here yet: as many
    /// as the limit lets go at once, and one where it lets none go.
    pub(super) fn may_decide(&mut self, undelivered: usize, now: Nanos) -> bool {
        let waiting = self.ready.len() + undelivered;
        self.engine_waits = waiting > 0 && waiting >= self.requests.tokens(now);
        !self.engine_waits
    }

    /// Whether the engine waits for the Binding that was taken just now.
    pub(super) fn wakes_engine(&mut self) -> bool {
        std::mem::take(&mut self.engine_waits)
    }

    /// Queues a question about a pod that has ended, unless the queue is full.
    pub(super) fn push_ask(&mut self, ask: Ask) {
        if self.asks.len() >= ASKS_QUEUED_MAX {
            self.counters.inquiries_failed.add_one();
        } else {
            let place = self.place(ask.not_before);
            self.asks.insert(place, ask);
        }
    }

    /// The next question that may be asked.
    pub(super) fn take_ask(&mut self, now: Nanos) -> Option<Ask> {
        let entry = self.asks.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    pub(super) fn push_pre_bind(&mut self, work: PreBind) {
        let place = self.place(work.not_before);
        self.pre_binds.insert(place, work);
    }

    /// Queues `patch`. It takes the place of one that is queued for the same pod, with what only that one
    /// says; beyond the limit the oldest one goes.
    pub(super) fn push_patch(&mut self, mut patch: Patch) {
        if let Some(place) = self.patch_places.get(&patch.pod.uid) {
            self.counters.patches_coalesced.add_one();
            // The old one may have been a retry with a wait; the new one keeps to it.
            if let Some(older) = self.patches.remove(place) {
                patch.complete(older);
            }
            self.patches.insert(*place, patch);
            return;
        }
        if self.patches.len() >= PATCHES_QUEUED_MAX
            && let Some((_, oldest)) = self.patches.pop_first()
        {
            self.patch_places.remove(&oldest.pod.uid);
            self.counters.patches_dropped.add_one();
        }
        let place = self.place(patch.not_before);
        self.patch_places.insert(patch.pod.uid.clone(), place);
        self.patches.insert(place, patch);
    }

    /// The pod is on a node: what is queued of its condition must not be written any more.
    pub(super) fn withdraw(&mut self, uid: &str) {
        if self.remove_patch(uid) {
            self.counters.patches_coalesced.add_one();
        }
        if let Some(lane) = self.pods.get_mut(uid) {
            lane.withdrawn = true;
        }
    }

    /// Queues an eviction: all of them, since the engine asks for each pod once.
    pub(super) fn push_eviction(&mut self, eviction: Evict) {
        let place = self.place(eviction.not_before);
        self.evictions.insert(place, eviction);
    }

    /// Queues an event, unless the queue is full.
    pub(super) fn push_event(&mut self, job: Job) {
        if self.events.len() >= EVENTS_QUEUED_MAX {
            self.counters.events_dropped.add_one();
        } else {
            self.events.push_back(job);
        }
    }

    /// The next Binding that may be sent. Its lane is busy until [`Self::finish_bind`].
    pub(super) fn take_bind(&mut self) -> Option<Bind> {
        while let Some(bind) = self.ready.pop_front() {
            let lane = self.pods.get_mut(&bind.pod.uid);
            let lane = lane.expect("invariant: a pod with a Binding has a lane");
            if !lane.busy {
                lane.busy = true;
                return Some(bind);
            }
            lane.waiting.push_back(bind);
        }
        None
    }

    /// The next write before a Binding that is due.
    pub(super) fn take_pre_bind(&mut self, now: Nanos) -> Option<PreBind> {
        let first = self.pre_binds.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// The next patch that may be sent. Its lane is busy until [`Self::finish_patch`].
    pub(super) fn take_patch(&mut self, now: Nanos) -> Option<Patch> {
        // Only pods with a Binding or a patch in flight are skipped, so this looks at few.
        let due = self.patches.range(..=(now, u64::MAX));
        let (&place, _) = due.into_iter().find(|(_, p)| !self.pods.contains_key(&p.pod.uid))?;
        let patch = self.patches.remove(&place)?;
        self.patch_places.remove(&patch.pod.uid);
        self.pods.entry(patch.pod.uid.clone()).or_default().busy = true;
        Some(patch)
    }

    /// The next eviction that may be sent.
    pub(super) fn take_eviction(&mut self, now: Nanos) -> Option<Evict> {
        let entry = self.evictions.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    pub(super) fn take_event(&mut self) -> Option<Job> {
        self.events.pop_front()
    }

    /// A Binding that was taken has been answered.
    pub(super) fn finish_bind(&mut self, uid: &str) {
        if let Some(lane) = self.pods.get_mut(uid) {
            lane.bindings -= 1;
        }
        self.free(uid);
    }

    /// A patch that was taken has been answered. One to be tried again is dropped where a newer patch
    /// or a Binding of the pod has come since, or it is on a node; says whether it is queued.
    pub(super) fn finish_patch(&mut self, uid: &str, again: Option<Patch>) -> bool {
        let lane = self.pods.get_mut(uid);
        let withdrawn = lane.is_some_and(|lane| std::mem::take(&mut lane.withdrawn));
        self.free(uid);
        let Some(patch) = again else { return false };
        if withdrawn || self.pods.contains_key(uid) || self.patch_places.contains_key(uid) {
            self.counters.patches_coalesced.add_one();
            return false;
        }
        self.push_patch(patch);
        true
    }

    /// When the next request that waits for a time is due, later than `now`.
    pub(super) fn next_due(&self, now: Nanos) -> Option<Nanos> {
        let later = (now, u64::MAX)..;
        let patch = self.patches.range(later.clone()).next().map(|(place, _)| place.0);
        let eviction = self.evictions.range(later.clone()).next().map(|(place, _)| place.0);
        let pre_bind = self.pre_binds.range(later.clone()).next().map(|(place, _)| place.0);
        let ask = self.asks.range(later).next().map(|(place, _)| place.0);
        [patch, eviction, pre_bind, ask].into_iter().flatten().min()
    }

    pub(super) fn evictions_queued(&self) -> usize {
        self.evictions.len()
    }

    pub(super) fn pre_binds_queued(&self) -> usize {
        self.pre_binds.len()
    }

    /// Bindings that are queued or waiting; those in flight are the writer's.
    pub(super) fn bindings_queued(&self) -> usize {
        let waiting: usize = self.pods.values().map(|lane| lane.waiting.len()).sum();
        self.ready.len() + waiting
    }

    pub(super) fn patches_queued(&self) -> usize {
        self.patches.len()
    }

    pub(super) fn events_queued(&self) -> usize {
        self.events.len()
    }

    fn free(&mut self, uid: &str) {
        let Some(lane) = self.pods.get_mut(uid) else { return };
        lane.busy = false;
        if let Some(bind) = lane.waiting.pop_front() {
            self.ready.push_front(bind);
        } else if lane.bindings == 0 {
            self.pods.remove(uid);
        }
    }

    fn remove_patch(&mut self, uid: &str) -> bool {
        let Some(place) = self.patch_places.remove(uid) else { return false };
        self.patches.remove(&place);
        true
    }

    fn place(&mut self, not_before: Nanos) -> Place {
        self.arrivals += 1;
        (not_before, self.arrivals)
    }
}
