//! What the client dropped, merged or could not read. Written by the watches and the writer, read by
//! whoever shows it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::stopwatch::Stopwatch;

/// A number that only goes up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The number so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Everything the client counts.
#[derive(Debug, Default)]
pub struct Counters {
    /// Objects of a watch that could not be converted, each time one came.
    pub objects_undecodable: Counter,
    /// Errors of watches, relists after an expired resource version not included.
    pub watch_errors: Counter,
    /// Events never written because a queue was full.
    pub events_dropped: Counter,
    /// Events never written because the API server refused them or gave no answer often enough.
    pub events_failed: Counter,
    /// Repetitions of an event that were only counted in its series.
    pub events_merged: Counter,
    /// Pods never deleted to make room because the API server refused that or gave no answer often
    /// enough.
    pub evictions_failed: Counter,
    /// Pods of which it was never read whether a node refused them, since the queue was full or the API
    /// server gave no answer often enough.
    pub inquiries_failed: Counter,
    /// Condition patches that a newer patch or a Binding of the same pod took the place of, or that came too
    /// late: the pod was on a node.
    pub patches_coalesced: Counter,
    /// Condition patches never sent because the queue was full.
    pub patches_dropped: Counter,
    /// Volumes and claims that the API server refused to change, or gave no answer to often enough.
    pub pre_binds_failed: Counter,
    /// Condition patches that the API server refused or gave no answer to often enough.
    pub patches_failed: Counter,
    /// From the watch event of a pod to its Binding.
    pub watch_to_bind: Stopwatch,
}
