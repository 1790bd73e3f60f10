//! Which pod is next, and when one that failed comes back: active, backoff, error backoff,
//! unschedulable, gated. Driven by `engine`; holds the pods while they wait.
//!
//! Upstream: scheduling queue, v1.37. Attempts are judged in one step here, so that no event can come
//! while a pod is being judged; but for those that ask an extender, which are told of what happens.

mod backoff;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use std::sync::Arc;

use crate::framework::{
    ClusterEvent, Code, EnqueueCx, ExtensionPoint, PluginMask, Probe, Profile, QueuePart, Stopwatch,
};
use crate::model::Pod;
use crate::plugins::priority_sort::{SortKey, sort_key};
use crate::units::{Map, Nanos, PodId, Set};

pub use backoff::{BACKOFF_INITIAL, BACKOFF_MAX, Backoff};

/// How long a pod may be unschedulable before it is tried again without an event.
///
/// Upstream: --pod-max-in-unschedulable-pods-duration.
pub const UNSCHEDULABLE_MAX: Nanos = Nanos::from_secs(5 * 60);
/// How often that is looked at.
pub const FLUSH_INTERVAL: Nanos = Nanos::from_secs(30);

/// Why pods come into the queue or move in it, where no event of the cluster is the cause: upstream's
/// labels.
const POD_ADD: &str = "UnscheduledPodAdd";
const ATTEMPT_FAILURE: &str = "ScheduleAttemptFailure";
const BACKOFF_COMPLETE: &str = "BackoffComplete";
const POP_FROM_BACKOFF: &str = "PopFromBackoffQ";
const UNSCHEDULABLE_TIMEOUT: &str = "UnschedulableTimeout";
const FORCE_ACTIVATE: &str = "ForceActivate";

/// A pod that waits or is being tried.
#[derive(Clone, Debug)]
pub struct QueuedPod {
    /// The pod, as last seen.
    pub pod: Box<Pod>,
    /// Index of its profile.
    pub profile: usize,
    /// How often it was taken.
    pub attempts: u32,
    /// When it could first be tried; gates do not count as waiting.
    pub ready_since: Option<Nanos>,
    /// When it was last put in.
    inserted: Nanos,
    unschedulable_count: u32,
    consecutive_errors: u32,
    /// The plugins that rejected it last; none after an error.
    rejectors: PluginMask,
    /// What has happened in the cluster while it was being tried, each kind of event once.
    meanwhile: Vec<ClusterEvent>,
    place: QueuePlace,
}

/// Where a waiting pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueuePlace {
    /// Not in the queue: being tried, or new.
    Out,
    Active(SortKey, u64),
    Backoff(Nanos, SortKey, u64),
    ErrorBackoff(Nanos, u64),
    Unschedulable,
    Gated,
}

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
    pods: Map<PodId, QueuedPod>,
    active: BTreeSet<(SortKey, u64, PodId)>,
    backoff: BTreeSet<(Nanos, SortKey, u64, PodId)>,
    error_backoff: BTreeSet<(Nanos, u64, PodId)>,
    /// By profile and rejectors: an event is asked about once a group.
    unschedulable: BTreeMap<(usize, PluginMask), BTreeSet<PodId>>,
    gated: usize,
    /// Pods that others are being asked to make way for.
    preempting: Set<PodId>,
    times: Backoff,
    next_flush: Nanos,
    /// Counts insertions: the last word among equals.
    sequence: u64,
    probe: Arc<dyn Probe>,
}

impl QueuedPod {
    /// A pod that was never tried.
    #[must_use]
    pub fn new(pod: Box<Pod>, profile: usize) -> Self {
        Self {
            pod,
            profile,
            attempts: 0,
            ready_since: None,
            inserted: Nanos::default(),
            unschedulable_count: 0,
            consecutive_errors: 0,
            rejectors: 0,
            meanwhile: Vec::new(),
            place: QueuePlace::Out,
        }
    }

    /// Notes what happens while the pod is being tried.
    pub fn note(&mut self, event: ClusterEvent) {
        if !self.meanwhile.contains(&event) {
            self.meanwhile.push(event);
        }
    }
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
            gated: 0,
            preempting: Set::default(),
            times,
            next_flush: Nanos::default(),
            sequence: 0,
            probe,
        }
    }

    /// Puts in a pod that was not there: ready to be tried, unless PreEnqueue holds it.
    pub fn add(&mut self, id: PodId, mut queued: QueuedPod, profiles: &[Profile], now: Nanos) {
        queued.inserted = now;
        self.pods.insert(id, queued);
        self.activate(id, profiles, POD_ADD, now);
    }

    /// Puts back a pod whose attempt failed: after an error into error backoff, after a rejection among
    /// the unschedulable, unless something has happened meanwhile that can help it.
    ///
    /// Upstream: AddUnschedulablePodIfNotPresent, v1.37.
    pub fn put_back(
        &mut self,
        id: PodId,
        mut queued: QueuedPod,
        rejectors: PluginMask,
        profiles: &[Profile],
        now: Nanos,
    ) {
        let meanwhile = std::mem::take(&mut queued.meanwhile);
        let profile = &profiles[queued.profile];
        let help = meanwhile.into_iter().find(|event| profile.may_help(rejectors, *event));
        queued.inserted = now;
        queued.rejectors = rejectors;
        if rejectors == 0 {
            queued.consecutive_errors += 1;
        } else {
            queued.unschedulable_count += 1;
            queued.consecutive_errors = 0;
        }
        self.pods.insert(id, queued);
        if rejectors == 0 {
            let expiry = self.expiry(id);
            self.place(id, QueuePlace::ErrorBackoff(expiry, self.sequence));
            self.probe.incoming(QueuePart::Backoff, ATTEMPT_FAILURE);
        } else if let Some(event) = help {
            self.retry(id, profiles, event.label(), now);
        } else {
            self.place(id, QueuePlace::Unschedulable);
            self.probe.incoming(QueuePart::Unschedulable, ATTEMPT_FAILURE);
        }
    }

    /// Replaces the object of a waiting pod, and tries it again if `events` can help it.
    /// Says whether it was there.
    pub fn update(
        &mut self,
        id: PodId,
        pod: Box<Pod>,
        events: &[ClusterEvent],
        profiles: &[Profile],
        now: Nanos,
    ) -> bool {
        let Some(queued) = self.pods.get_mut(&id) else { return false };
        queued.pod = pod;
        let (profile, rejectors) = (&profiles[queued.profile], queued.rejectors);
        match queued.place {
            QueuePlace::Unschedulable => {
                if let Some(event) = events.iter().find(|e| profile.may_help(rejectors, **e)) {
                    self.retry(id, profiles, event.label(), now);
                }
            }
            QueuePlace::Gated | QueuePlace::Active(..) => {
                let event = events.first().map_or("", |event| event.label());
                self.activate(id, profiles, event, now);
            }
            QueuePlace::Backoff(expiry, ..) => {
                let key = sort_key(queued.pod.priority, queued.inserted);
                self.place(id, QueuePlace::Backoff(expiry, key, self.sequence));
            }
            QueuePlace::ErrorBackoff(..) | QueuePlace::Out => {}
        }
        true
    }

    /// Takes a pod out, wherever it is.
    pub fn remove(&mut self, id: PodId) -> Option<QueuedPod> {
        self.place(id, QueuePlace::Out);
        self.pods.remove(&id)
    }

    /// The next pod to be tried: from the active ones, else the one whose backoff ends first. Never one
    /// that waits after an error.
    ///
    /// Upstream: gate SchedulerPopFromBackoffQ, on by default.
    pub fn pop(&mut self, now: Nanos) -> Option<(PodId, QueuedPod)> {
        let id = if let Some((.., id)) = self.active.first() {
            *id
        } else {
            let (.., id) = *self.backoff.first()?;
            self.probe.incoming(QueuePart::Active, POP_FROM_BACKOFF);
            id
        };
        let mut queued = self.remove(id)?;
        queued.attempts = queued.attempts.saturating_add(1);
        queued.ready_since.get_or_insert(now);
        Some((id, queued))
    }

    /// Whether [`Queue::pop`] would give a pod.
    #[must_use]
    pub fn has_next(&self) -> bool {
        !self.active.is_empty() || !self.backoff.is_empty()
    }

    /// The cluster changed: unschedulable pods that this can help are tried again, after their backoff.
    pub fn on_event(&mut self, event: ClusterEvent, profiles: &[Profile], now: Nanos) {
        self.on_event_up_to(event, i32::MAX, profiles, now);
    }

    /// As [`Queue::on_event`], for pods of a priority of at most `priority`.
    pub fn on_event_up_to(
        &mut self,
        event: ClusterEvent,
        priority: i32,
        profiles: &[Profile],
        now: Nanos,
    ) {
        let helps = |(profile, rejectors): &(usize, PluginMask)| {
            profiles[*profile].may_help(*rejectors, event)
        };
        let groups: Vec<_> = self.unschedulable.keys().copied().filter(helps).collect();
        for group in groups {
            for id in self.unschedulable.get(&group).cloned().unwrap_or_default() {
                if self.pods[&id].pod.priority > priority {
                    continue;
                }
                self.retry(id, profiles, event.label(), now);
            }
        }
    }

    /// Others are being asked to make way for a pod, or not any more.
    pub fn set_preempting(&mut self, id: PodId, preempting: bool) {
        if preempting {
            self.preempting.insert(id);
        } else {
            self.preempting.remove(&id);
        }
    }

    /// Makes a pod ready that waits, whatever it waits for.
    ///
    /// Upstream: Activate, v1.37.
    pub fn force(&mut self, id: PodId, profiles: &[Profile], now: Nanos) {
        let place = self.pods.get(&id).map(|queued| queued.place);
        if !matches!(place, None | Some(QueuePlace::Out | QueuePlace::Active(..))) {
            self.activate(id, profiles, FORCE_ACTIVATE, now);
        }
    }

    /// Ends backoffs that are over, and every 30 s tries again what was unschedulable for 5 minutes.
    pub fn tick(&mut self, profiles: &[Profile], now: Nanos) {
        let second = now.truncate_to_second();
        while let Some((expiry, .., id)) = self.backoff.first().copied() {
            if expiry >= second {
                break;
            }
            self.activate(id, profiles, BACKOFF_COMPLETE, now);
        }
        while let Some((expiry, _, id)) = self.error_backoff.first().copied() {
            if expiry >= second {
                break;
            }
            self.activate(id, profiles, BACKOFF_COMPLETE, now);
        }
        if now >= self.next_flush {
            self.next_flush = now + FLUSH_INTERVAL;
            let stale = |id: &PodId| now.since(self.pods[id].inserted) > UNSCHEDULABLE_MAX;
            let left: Vec<_> =
                self.unschedulable.values().flatten().copied().filter(stale).collect();
            for id in left {
                self.retry(id, profiles, UNSCHEDULABLE_TIMEOUT, now);
            }
        }
    }

    /// When [`Queue::tick`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        let backoff = self.backoff.first().map(|(expiry, ..)| *expiry + Nanos::SECOND);
        let error = self.error_backoff.first().map(|(expiry, ..)| *expiry + Nanos::SECOND);
        let flush = (!self.unschedulable.is_empty()).then_some(self.next_flush);
        [backoff, error, flush].into_iter().flatten().min()
    }

    /// How many pods wait where.
    #[must_use]
    pub fn lengths(&self) -> QueueLengths {
        QueueLengths {
            active: self.active.len(),
            backoff: self.backoff.len() + self.error_backoff.len(),
            unschedulable: self.unschedulable.values().map(BTreeSet::len).sum(),
            gated: self.gated,
        }
    }

    /// A waiting pod.
    #[must_use]
    pub fn get(&self, id: PodId) -> Option<&QueuedPod> {
        self.pods.get(&id)
    }

    /// Puts an unschedulable pod into backoff, or among the active ones if that is over.
    fn retry(&mut self, id: PodId, profiles: &[Profile], event: &'static str, now: Nanos) {
        let expiry = self.expiry(id);
        let queued = &self.pods[&id];
        let waited = queued.unschedulable_count > 0 || queued.consecutive_errors > 0;
        if waited && !self.times.is_off() && expiry >= now.truncate_to_second() {
            let key = sort_key(queued.pod.priority, queued.inserted);
            self.place(id, QueuePlace::Backoff(expiry, key, self.sequence));
            self.probe.incoming(QueuePart::Backoff, event);
        } else {
            self.activate(id, profiles, event, now);
        }
    }

    /// Puts a pod among the active ones, or among the gated if a PreEnqueue plugin holds it.
    fn activate(&mut self, id: PodId, profiles: &[Profile], event: &'static str, now: Nanos) {
        let queued = &self.pods[&id];
        let mut watch = Stopwatch::start(&*self.probe, queued.profile);
        let mut plugins = profiles[queued.profile].at(ExtensionPoint::PreEnqueue);
        let cx = EnqueueCx { preempting: self.preempting.contains(&id) };
        let held = plugins.find_map(|(_, entry)| entry.plugin.pre_enqueue(&queued.pod, cx));
        let status = held.as_ref().map_or(Code::Success, |rejection| rejection.code);
        watch.spent(ExtensionPoint::PreEnqueue, status.as_str());
        let (before, key) = (queued.place, sort_key(queued.pod.priority, queued.inserted));
        let place = match held {
            Some(_) => QueuePlace::Gated,
            None => QueuePlace::Active(key, self.sequence),
        };
        match (before, place) {
            // It stays where it is.
            (QueuePlace::Active(..), QueuePlace::Active(..))
            | (QueuePlace::Gated, QueuePlace::Gated) => {}
            (_, QueuePlace::Gated) => self.probe.incoming(QueuePart::Unschedulable, event),
            _ => self.probe.incoming(QueuePart::Active, event),
        }
        self.place(id, place);
        if let (QueuePlace::Active(..), Some(queued)) = (place, self.pods.get_mut(&id)) {
            queued.ready_since.get_or_insert(now);
        }
    }

    fn expiry(&self, id: PodId) -> Nanos {
        let queued = &self.pods[&id];
        let count = match queued.consecutive_errors {
            0 => queued.unschedulable_count,
            errors => errors,
        };
        (queued.inserted + self.times.duration(count)).truncate_to_second()
    }

    /// Moves a pod from where it is to `place`.
    fn place(&mut self, id: PodId, place: QueuePlace) {
        let Some(queued) = self.pods.get_mut(&id) else { return };
        let group = (queued.profile, queued.rejectors);
        match std::mem::replace(&mut queued.place, place) {
            QueuePlace::Out => {}
            QueuePlace::Active(key, at) => drop(self.active.remove(&(key, at, id))),
            QueuePlace::Backoff(expiry, key, at) => {
                self.backoff.remove(&(expiry, key, at, id));
            }
            QueuePlace::ErrorBackoff(expiry, at) => {
                self.error_backoff.remove(&(expiry, at, id));
            }
            QueuePlace::Unschedulable => {
                if let Some(pods) = self.unschedulable.get_mut(&group) {
                    pods.remove(&id);
                    if pods.is_empty() {
                        self.unschedulable.remove(&group);
                    }
                }
            }
            QueuePlace::Gated => self.gated -= 1,
        }
        self.sequence += 1;
        match place {
            QueuePlace::Out => {}
            QueuePlace::Active(key, at) => drop(self.active.insert((key, at, id))),
            QueuePlace::Backoff(expiry, key, at) => {
                self.backoff.insert((expiry, key, at, id));
            }
            QueuePlace::ErrorBackoff(expiry, at) => {
                self.error_backoff.insert((expiry, at, id));
            }
            QueuePlace::Unschedulable => {
                self.unschedulable.entry(group).or_default().insert(id);
            }
            QueuePlace::Gated => self.gated += 1,
        }
    }
}
