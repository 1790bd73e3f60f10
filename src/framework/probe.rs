//! What the core lets be measured while it works: a door through which durations and counts go out, and
//! no clock comes in. The edge implements it (`telemetry`); in tests and offline it is empty.

use crate::units::Nanos;

use super::ExtensionPoint;

/// Takes measurements. Its clock is for durations alone: no decision depends on it.
pub trait Probe: Send + Sync {
    /// Nanoseconds since any moment, never backwards.
    fn clock(&self) -> Nanos;
    /// All plugins of an extension point have spoken about one pod.
    fn extension_point(&self, span: Span);
    /// Filtering and scoring of one pod took so long, whatever came of it.
    fn algorithm(&self, took: Nanos);
    /// An attempt came to its end.
    fn attempt(&self, profile: usize, result: AttemptResult, took: Nanos);
    /// A pod was bound in its `attempts`th attempt, so long after it first could be tried.
    fn scheduled(&self, attempts: u32, since_ready: Nanos);
    /// A pod was put into a part of the queue because of `event`.
    fn incoming(&self, queue: QueuePart, event: &'static str);
    /// So many pods are to make way for one.
    fn victims(&self, count: usize);
    /// All victims of a pod were asked to go, and have answered; or one of them stays.
    fn preemption(&self, failed: bool, took: Nanos);
    /// A dry run has seen where a pod went.
    fn compared(&self, outcome: DryRunOutcome);
    /// A kubelet refused a pod, since two schedulers had given the same room away.
    fn bind_conflict(&self, lost_by: LostBy);
}

/// How long one extension point took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Index of the profile.
    pub profile: usize,
    /// The extension point.
    pub point: ExtensionPoint,
    /// The name of the status code, as upstream's.
    pub status: &'static str,
    /// The time.
    pub took: Nanos,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptResult {
    /// The pod was bound.
    Scheduled,
    /// It fits nowhere.
    Unschedulable,
    /// Nothing could be decided, or the Binding was refused.
    Error,
}

impl AttemptResult {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Scheduled, Self::Unschedulable, Self::Error];

    /// Upstream's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Unschedulable => "unschedulable",
            Self::Error => "error",
        }
    }
}

/// A part of the queue, as upstream labels it. What is gated counts as unschedulable when it comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueuePart {
    /// Ready to be tried.
    Active,
    /// Waiting for a backoff to end.
    Backoff,
    /// Waiting for the cluster to change.
    Unschedulable,
}

impl QueuePart {
    /// Upstream's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Backoff => "backoff",
            Self::Unschedulable => "unschedulable",
        }
    }
}

/// How the decision of a dry run compares with what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DryRunOutcome {
    /// The pod went to the node that was decided, or to one as good.
    Agreed,
    /// It went to a node that was not among the best when the decision was made.
    Differed,
    /// It went to a node although none was found to be feasible.
    PlacedAllTheSame,
}

impl DryRunOutcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Agreed, Self::Differed, Self::PlacedAllTheSame];

    /// The label of the metric.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Differed => "differed",
            Self::PlacedAllTheSame => "placed_all_the_same",
        }
    }
}

/// Whose pod a kubelet refused where two schedulers had given the same room away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LostBy {
    /// Ours.
    Own,
    /// Another scheduler's, on a node where we had bound just before.
    Foreign,
}

impl LostBy {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Own, Self::Foreign];

    /// The label of the metric.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "self",
            Self::Foreign => "foreign",
        }
    }
}

/// Measures nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProbe;

impl Probe for NoProbe {
    fn clock(&self) -> Nanos {
        Nanos(0)
    }

    fn extension_point(&self, _: Span) {}

    fn algorithm(&self, _: Nanos) {}

    fn attempt(&self, _: usize, _: AttemptResult, _: Nanos) {}

    fn scheduled(&self, _: u32, _: Nanos) {}

    fn incoming(&self, _: QueuePart, _: &'static str) {}

    fn victims(&self, _: usize) {}

    fn preemption(&self, _: bool, _: Nanos) {}

    fn compared(&self, _: DryRunOutcome) {}

    fn bind_conflict(&self, _: LostBy) {}
}

/// Measures the extension points of one pod, one after the other.
pub struct Stopwatch<'p> {
    probe: &'p dyn Probe,
    profile: usize,
    since: Nanos,
}

impl<'p> Stopwatch<'p> {
    /// Starts for a pod of the profile with index `profile`.
    #[must_use]
    pub fn start(probe: &'p dyn Probe, profile: usize) -> Self {
        Self { probe, profile, since: probe.clock() }
    }

    /// Where the measurements go.
    #[must_use]
    pub fn probe(&self) -> &'p dyn Probe {
        self.probe
    }

    /// The time since the last lap, which begins another.
    pub fn lap(&mut self) -> Nanos {
        let now = self.probe.clock();
        let took = now.since(self.since);
        self.since = now;
        took
    }

    /// The time since the last lap was spent on `point`.
    pub fn spent(&mut self, point: ExtensionPoint, status: &'static str) {
        let took = self.lap();
        self.record(point, status, took);
    }

    /// `took` was spent on `point`.
    pub fn record(&self, point: ExtensionPoint, status: &'static str, took: Nanos) {
        self.probe.extension_point(Span { profile: self.profile, point, status, took });
    }
}
