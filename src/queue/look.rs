//! What can be said of pods that wait, for those who ask: where each is, why, and until when.

use std::sync::Arc;

use crate::framework::{Candidate, PluginMask};
use crate::units::{Nanos, PodId};

use super::{FLUSH_INTERVAL, Queue, QueuePlace, Waiting};

/// What a pod was told when it was put back the last time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The full text.
    pub message: Arc<str>,
    /// When it was first told so, in a row.
    pub since: Nanos,
}

/// A part of the queue, as people are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Ready to be tried.
    Active,
    /// Waiting for a backoff to end.
    Backoff,
    /// Waiting for the cluster to change.
    Unschedulable,
    /// Held back by PreEnqueue.
    Gated,
}

/// A pod that waits.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The pod, without what is its own.
    pub candidate: Candidate<'a>,
    /// Index of its profile.
    pub profile: usize,
    /// Where it waits.
    pub part: Part,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it waits; `None` where it was never tried.
    pub told: Option<&'a Told>,
    /// The plugins that it waits for.
    pub rejected: PluginMask,
    /// Position of the plugin at PreEnqueue that holds it.
    pub gate: Option<u16>,
    /// When it comes back if nothing happens, at the latest; `None` where it is ready, or held for good.
    pub next_try: Option<Nanos>,
}

impl Queue {
    /// All pods that wait, in no order.
    pub fn looks(&self) -> impl Iterator<Item = Look<'_>> {
        self.pods.values().filter_map(|waiting| self.look_at(waiting))
    }

    /// One that waits.
    #[must_use]
    pub fn look(&self, id: PodId) -> Option<Look<'_>> {
        self.look_at(self.pods.get(&id)?)
    }

    fn look_at<'a>(&'a self, waiting: &'a Waiting) -> Option<Look<'a>> {
        let (part, next_try) = match waiting.place {
            QueuePlace::Out => return None,
            QueuePlace::Active(..) => (Part::Active, None),
            // It is taken out when the second after it has begun.
            QueuePlace::Backoff(expiry, ..) | QueuePlace::ErrorBackoff(expiry, _) => {
                (Part::Backoff, Some(expiry + Nanos::SECOND))
            }
            QueuePlace::Unschedulable => {
                let at = waiting.stale_since() + self.times.unschedulable_max + FLUSH_INTERVAL;
                (Part::Unschedulable, Some(at))
            }
            QueuePlace::Gated => (Part::Gated, None),
        };
        Some(Look {
            candidate: waiting.candidate(&self.shapes)?,
            profile: waiting.profile,
            part,
            attempts: waiting.attempts,
            told: waiting.told.as_ref(),
            rejected: waiting.record.rejected.all(),
            gate: waiting.record.gate,
            next_try,
        })
    }
}
