//! A pod that waits or is being tried, and what is remembered of its attempts.

use std::sync::Arc;

use crate::framework::{Candidate, Code, PluginMask};
use crate::model::Pod;
use crate::plugins::priority_sort::SortKey;
use crate::units::Nanos;

use super::in_flight::Taken;
use super::look::Told;
use super::shapes::{OwnFacts, ShapeId, Shapes};

/// A pod that is being tried, or comes into the queue.
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
    /// This attempt was made only because it was unschedulable for so long, without an event.
    pub flushed: bool,
    /// Why it was put back the last time.
    pub told: Option<Told>,
    pub(super) record: Record,
    /// Since when it is being tried; changes from then on count for it.
    pub(super) taken: Option<Taken>,
}

/// What only the queue reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    /// When it was last put in.
    pub(super) inserted: Nanos,
    /// When it was last flushed; zero where it was not since it was put in.
    pub(super) flushed_at: Nanos,
    pub(super) unschedulable_count: u32,
    pub(super) consecutive_errors: u32,
    pub(super) rejected: Rejected,
    /// Position of the plugin at PreEnqueue that holds it.
    pub(super) gate: Option<u16>,
}

/// The plugins that a pod must wait for; none after an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rejected {
    /// Those that rejected it.
    pub by: PluginMask,
    /// Those that wait for something outside: once one of them is told of it, there is no backoff.
    pub pending: PluginMask,
}

impl Rejected {
    /// By these plugins.
    #[must_use]
    pub const fn by(plugins: PluginMask) -> Self {
        Self { by: plugins, pending: 0 }
    }

    /// By these plugins, with this code.
    #[must_use]
    pub const fn with(code: Code, plugins: PluginMask) -> Self {
        match code {
            Code::Pending => Self { by: 0, pending: plugins },
            _ => Self::by(plugins),
        }
    }

    /// All of them.
    #[must_use]
    pub const fn all(self) -> PluginMask {
        self.by | self.pending
    }
}

/// A pod in the queue.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) body: Body,
    pub(super) profile: usize,
    pub(super) attempts: u32,
    pub(super) ready_since: Option<Nanos>,
    pub(super) flushed: bool,
    pub(super) told: Option<Told>,
    pub(super) record: Record,
    pub(super) place: QueuePlace,
}

/// The pod itself. What may wait for long is kept as its own facts and a shape.
#[derive(Debug)]
pub(super) enum Body {
    Whole(Box<Pod>),
    Shared(Box<OwnFacts>, ShapeId),
}

/// Where a waiting pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueuePlace {
    /// Nowhere yet.
    Out,
    Active(SortKey, u64),
    Backoff(Nanos, SortKey, u64),
    ErrorBackoff(Nanos, u64),
    Unschedulable,
    Gated,
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
            flushed: false,
            told: None,
            record: Record::default(),
            taken: None,
        }
    }

    /// It is put back for this reason. The time stays where the last one was the same.
    pub fn tell(&mut self, message: &Arc<str>, now: Nanos) {
        if self.told.as_ref().is_none_or(|told| told.message != *message) {
            self.told = Some(Told { message: Arc::clone(message), since: now });
        }
    }

    /// Its attempt has come so far that no plugin can reject it any more: what happens from now on does not
    /// count for it.
    ///
    /// Upstream: SchedulingQueue.Done, v1.37.
    pub fn done(&mut self) {
        self.taken = None;
    }

    pub(super) fn into_waiting(self) -> Waiting {
        Waiting {
            body: Body::Whole(self.pod),
            profile: self.profile,
            attempts: self.attempts,
            ready_since: self.ready_since,
            flushed: self.flushed,
            told: self.told,
            record: self.record,
            place: QueuePlace::Out,
        }
    }
}

impl Waiting {
    /// The pod as it was put in, out of the shapes.
    pub(super) fn into_queued(self, shapes: &mut Shapes) -> QueuedPod {
        let pod = match self.body {
            Body::Whole(pod) => pod,
            Body::Shared(own, id) => {
                let pod = shapes.whole(&own, id);
                shapes.release(id);
                pod
            }
        };
        QueuedPod {
            pod,
            profile: self.profile,
            attempts: self.attempts,
            ready_since: self.ready_since,
            flushed: self.flushed,
            told: self.told,
            record: self.record,
            taken: None,
        }
    }

    /// Keeps its shape once for all that look alike.
    pub(super) fn share(&mut self, shapes: &mut Shapes) {
        if let Body::Whole(pod) = &mut self.body {
            let (own, id) = shapes.share(std::mem::take(pod));
            self.body = Body::Shared(Box::new(own), id);
        }
    }

    /// The pod has become `pod`.
    pub(super) fn replace(&mut self, pod: Box<Pod>, shapes: &mut Shapes) {
        if let Body::Shared(_, id) = &self.body {
            shapes.release(*id);
        }
        self.body = Body::Whole(pod);
    }

    /// The pod.
    pub(super) fn whole(&self, shapes: &Shapes) -> Box<Pod> {
        match &self.body {
            Body::Whole(pod) => pod.clone(),
            Body::Shared(own, id) => shapes.whole(own, *id),
        }
    }

    /// The pod, for plugins.
    pub(super) fn candidate<'a>(&'a self, shapes: &'a Shapes) -> Option<Candidate<'a>> {
        match &self.body {
            Body::Whole(pod) => Some(Candidate::whole(pod)),
            Body::Shared(own, id) => {
                Some(Candidate { pod: shapes.get(*id)?, name: &own.name, uid: &own.uid })
            }
        }
    }

    pub(super) fn shape(&self) -> ShapeId {
        match self.body {
            Body::Whole(_) => ShapeId::MAX,
            Body::Shared(_, id) => id,
        }
    }

    pub(super) fn priority(&self, shapes: &Shapes) -> i32 {
        self.candidate(shapes).map_or(0, |candidate| candidate.pod.priority)
    }
}
