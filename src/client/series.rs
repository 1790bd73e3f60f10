//! Which Events are written: the first of its kind is, repetitions are counted in a series. Driven by
//! the writer alone; no IO, no clock.
//!
//! Upstream: client-go tools/events eventBroadcasterImpl, v0.37: the correlation key has the pod's
//! resource version and not the note; the second sighting patches a series onto the Event, later ones
//! count in memory and are written every 30 minutes; what is idle for 6 minutes is forgotten, after a
//! last write if its count has moved.
//!
//! Differs from upstream: memory is bounded, and a series whose count has not moved is not written
//! again. Scheduled is not remembered: a pod is bound once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::engine::Report;
use crate::units::{Map, Nanos};

use super::Counters;
use super::report::{EventOutcome, EventRequest, Job, Reporter, Sightings, update};

/// Kinds of Event remembered. At 1.5 kB each with a long note, 6 MB.
pub(super) const SERIES_MAX: usize = 4_096;

/// How often counts that moved are written.
pub(super) const REFRESH_AFTER: Nanos = Nanos::from_secs(30 * 60);

/// How long nothing may be seen before an entry is forgotten, and how often that is looked for.
pub(super) const FINISH_AFTER: Nanos = Nanos::from_secs(6 * 60);

/// What makes two Events the same. Type, action and the instance follow from the rest.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    uid: Box<str>,
    resource_version: Box<str>,
    profile: Arc<str>,
    reason: &'static str,
}

#[derive(Debug)]
struct Entry {
    key: Arc<Key>,
    /// The first of its kind, as it is written.
    job: Job,
    /// The Event's name.
    name: String,
    seen: Sightings,
    /// The count that the API server knows; zero until the Event is there.
    written: u32,
    /// A request is queued or in flight.
    busy: bool,
    /// Forget it once the request is through.
    ending: bool,
    /// Its place in `Series::by_use`.
    used: u64,
}

/// The memory of what was reported lately.
#[derive(Debug)]
pub(super) struct Series {
    reporter: Reporter,
    entries: Map<u64, Entry>,
    ids: Map<Arc<Key>, u64>,
    /// Ids by their last sighting, oldest first.
    by_use: BTreeMap<u64, u64>,
    /// Counts up with every sighting; also gives ids.
    sightings: u64,
    refresh_at: Nanos,
    finish_at: Nanos,
    /// Requests that follow from others. An entry has at most one, so [`SERIES_MAX`] bounds them.
    backlog: VecDeque<EventRequest>,
    counters: Arc<Counters>,
}

impl Series {
    pub(super) fn new(hostname: String, now: Nanos, counters: Arc<Counters>) -> Self {
        Self {
            reporter: Reporter::new(hostname),
            entries: Map::default(),
            ids: Map::default(),
            by_use: BTreeMap::new(),
            sightings: 0,
            refresh_at: now + REFRESH_AFTER,
            finish_at: now + FINISH_AFTER,
            backlog: VecDeque::new(),
            counters,
        }
    }

    /// A request that is due without a new report.
    pub(super) fn take(&mut self) -> Option<EventRequest> {
        self.backlog.pop_front()
    }

    /// Requests that are due without a new report.
    pub(super) fn queued(&self) -> usize {
        self.backlog.len()
    }

    /// What has to be sent for `job`; `None` where counting it is enough.
    pub(super) fn observe(&mut self, job: Job) -> Option<EventRequest> {
        let Some(key) = key(&job) else {
            let name = self.reporter.name(&job.pod.key.name, job.at);
            return Some(self.reporter.create(&job, &name, None));
        };
        self.sightings += 1;
        let used = self.sightings;
        if let Some(&id) = self.ids.get(&key) {
            let entry = self.entries.get_mut(&id).expect("invariant: an id has an entry");
            self.by_use.remove(&entry.used);
            self.by_use.insert(used, id);
            entry.used = used;
            entry.seen.count = entry.seen.count.saturating_add(1);
            entry.seen.last = entry.seen.last.max(job.at);
            entry.ending = false;
            self.counters.events_merged.add_one();
            return (!entry.busy && entry.written < 2).then(|| entry.update(id));
        }
        self.make_room();
        let name = self.reporter.name(&job.pod.key.name, job.at);
        let request = EventRequest { entry: Some(used), ..self.reporter.create(&job, &name, None) };
        let key = Arc::new(key);
        let seen = Sightings { count: 1, last: job.at };
        let entry = Entry {
            key: Arc::clone(&key),
            job,
            name,
            seen,
            written: 0,
            busy: true,
            ending: false,
            used,
        };
        self.entries.insert(used, entry);
        self.ids.insert(key, used);
        self.by_use.insert(used, used);
        Some(request)
    }

    /// Takes in what came of `request`, where that is final: written, or given up.
    pub(super) fn finish(&mut self, request: &EventRequest, outcome: &EventOutcome) {
        let Some(id) = request.entry else { return };
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.busy = false;
        match outcome {
            EventOutcome::Written => {
                entry.written = request.count;
                if entry.ending {
                    self.forget(id);
                } else if request.count < 2 && entry.seen.count > 1 {
                    // It was seen again while the first request was on its way.
                    let next = entry.update(id);
                    self.backlog.push_back(next);
                }
            }
            // The Event's own life is an hour: write it anew, with its series.
            EventOutcome::Missing => {
                entry.busy = true;
                let next = self.reporter.create(&entry.job, &entry.name, Some(entry.seen));
                self.backlog.push_back(EventRequest { entry: Some(id), ..next });
            }
            EventOutcome::Refused(_) | EventOutcome::Again(_) => self.forget(id),
        }
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        (!self.entries.is_empty()).then(|| self.refresh_at.min(self.finish_at))
    }

    /// Queues writes of counts that moved, and forgets what is idle.
    pub(super) fn tick(&mut self, now: Nanos) {
        if now >= self.refresh_at {
            self.refresh_at = now + REFRESH_AFTER;
            for &id in self.by_use.values() {
                let Some(entry) = self.entries.get_mut(&id) else { continue };
                if entry.has_moved() {
                    self.backlog.push_back(entry.update(id));
                }
            }
        }
        if now >= self.finish_at {
            self.finish_at = now + FINISH_AFTER;
            self.finish_idle(now);
        }
    }

    fn finish_idle(&mut self, now: Nanos) {
        let mut idle = Vec::new();
        for &id in self.by_use.values() {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            if now.since(entry.seen.last) <= FINISH_AFTER {
                break;
            }
            if entry.has_moved() {
                entry.ending = true;
                self.backlog.push_back(entry.update(id));
            } else if !entry.busy {
                idle.push(id);
            }
        }
        for id in idle {
            self.forget(id);
        }
    }

    fn make_room(&mut self) {
        if self.entries.len() >= SERIES_MAX
            && let Some((_, &id)) = self.by_use.first_key_value()
        {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: u64) {
        if let Some(entry) = self.entries.remove(&id) {
            self.ids.remove(&entry.key);
            self.by_use.remove(&entry.used);
        }
    }
}

impl Entry {
    fn has_moved(&self) -> bool {
        !self.busy && self.seen.count > self.written
    }

    /// A request that writes the series as it is now.
    fn update(&mut self, id: u64) -> EventRequest {
        self.busy = true;
        let request = update(&self.job.pod.key.namespace, &self.name, self.seen);
        EventRequest { entry: Some(id), ..request }
    }
}

fn key(job: &Job) -> Option<Key> {
    let reason = match &job.report {
        Report::Scheduled { .. } | Report::Preempted { .. } => return None,
        Report::FailedScheduling { .. } => "FailedScheduling",
    };
    Some(Key {
        uid: job.pod.uid.clone(),
        resource_version: job.pod.resource_version.clone(),
        profile: job.profile.clone(),
        reason,
    })
}
