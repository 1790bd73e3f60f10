//! What the core lets be measured while it works: a door through which durations and counts go out, and
//! no clock comes in. The edge implements it (`telemetry`); in tests and offline it is empty.

use crate::units::Nanos;

use super::{Code, ExtensionPoint, Hint, PluginMask};

/// Takes measurements. Its clock is for durations alone: no decision depends on it.
///
/// Whoever takes no interest in something leaves it out.
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
    /// A pod was put into a part of the queue because of `event`; `moved` where it is new there, or ends up
    /// elsewhere than its kind of move has it.
    fn incoming(&self, queue: QueuePart, event: &'static str, moved: bool);
    /// So many pods are to make way for one.
    fn victims(&self, count: usize);
    /// All victims of a pod were asked to go, and have answered; or one of them stays.
    fn preemption(&self, failed: bool, took: Nanos);
    /// A dry run has seen where a pod went.
    fn compared(&self, outcome: DryRunOutcome);
    /// A kubelet refused a pod, since two schedulers had given the same room away.
    fn bind_conflict(&self, lost_by: LostBy);
    /// Each of `plugins` was run so often at `point`: once for the pod, or once a node.
    fn evaluated(&self, _profile: usize, _point: ExtensionPoint, _plugins: PluginMask, _runs: u64) {
    }
    /// Whether the plugins are timed in the cycle that begins now: they are in one of ten, since that costs
    /// time itself.
    fn times_plugins(&self) -> bool {
        false
    }
    /// A plugin was run.
    fn plugin(&self, _run: Run) {}
    /// A plugin was asked whether `event` can help a pod.
    fn hint(&self, _plugin: &'static str, _event: &'static str, _hint: Hint, _took: Nanos) {}
    /// A change of the cluster was taken in.
    fn handled(&self, _event: &'static str, _took: Nanos) {}
    /// So many more pods in the queue, or fewer, were rejected by each of `plugins`.
    fn rejected(&self, _profile: usize, _plugins: PluginMask, _change: i64) {}
    /// So many more changes, or fewer, are kept for pods that are being tried.
    fn kept(&self, _event: &'static str, _change: i64) {}
    /// PostFilter has looked for pods to make way.
    fn preemption_attempt(&self) {}
    /// A pod was bound that was tried only because it had waited for so long.
    fn scheduled_after_flush(&self) {}
    /// A pod has waited at Permit, and this came of it.
    fn permit_wait(&self, _result: Code, _took: Nanos) {}
}

/// The changes that are kept for a pod begin with its own being taken.
///
/// Upstream: PodPoppedInFlightEvent, v1.37.
pub const POD_POPPED: &str = "PodPopped";

/// How long a plugin took at one extension point, for a pod or for a slice of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its name.
    pub plugin: &'static str,
    /// The extension point.
    pub point: ExtensionPoint,
    /// What it said; of nodes, the first thing that is no success.
    pub status: Code,
    /// The time.
    pub took: Nanos,
}

/// How long one extension point took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Index of the profile.
    pub profile: usize,
    /// The extension point.
    pub point: ExtensionPoint,
    /// What came of it.
    pub status: Code,
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

    fn incoming(&self, _: QueuePart, _: &'static str, _: bool) {}

    fn victims(&self, _: usize) {}

    fn preemption(&self, _: bool, _: Nanos) {}

    fn compared(&self, _: DryRunOutcome) {}

    fn bind_conflict(&self, _: LostBy) {}
}

/// Measures the extension points of one pod, one after the other.
#[derive(Clone, Copy)]
pub struct Stopwatch<'p> {
    probe: &'p dyn Probe,
    profile: usize,
    since: Nanos,
    times_plugins: bool,
}

impl<'p> Stopwatch<'p> {
    /// Starts for a pod of the profile with index `profile`.
    #[must_use]
    pub fn start(probe: &'p dyn Probe, profile: usize) -> Self {
        Self { probe, profile, since: probe.clock(), times_plugins: false }
    }

    /// The same, which also times each plugin where `times_plugins`.
    #[must_use]
    pub fn timing_plugins(self, times_plugins: bool) -> Self {
        Self { times_plugins, ..self }
    }

    /// Measures nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::start(&NoProbe, 0)
    }

    /// Where the measurements go.
    #[must_use]
    pub fn probe(&self) -> &'p dyn Probe {
        self.probe
    }

    /// Runs a plugin, and times it where plugins are timed; `status` says what came of it.
    pub fn run<T>(
        &self,
        plugin: &'static str,
        point: ExtensionPoint,
        run: impl FnOnce() -> T,
        status: impl FnOnce(&T) -> Code,
    ) -> T {
        let begun = self.plugin_begins();
        let result = run();
        self.plugin_ends(begun, plugin, point, || status(&result));
        result
    }

    /// A plugin is about to run: the time, where plugins are timed.
    #[must_use]
    pub fn plugin_begins(&self) -> Option<Nanos> {
        self.times_plugins.then(|| self.probe.clock())
    }

    /// The plugin that began then has run.
    pub fn plugin_ends(
        &self,
        begun: Option<Nanos>,
        plugin: &'static str,
        point: ExtensionPoint,
        status: impl FnOnce() -> Code,
    ) {
        if let Some(begun) = begun {
            let took = self.probe.clock().since(begun);
            self.probe.plugin(Run { plugin, point, status: status(), took });
        }
    }

    /// Each of `plugins` was run so often at `point`.
    pub fn evaluated(&self, point: ExtensionPoint, plugins: PluginMask, runs: u64) {
        self.probe.evaluated(self.profile, point, plugins, runs);
    }

    /// The time since the last lap, which begins another.
    pub fn lap(&mut self) -> Nanos {
        let now = self.probe.clock();
        let took = now.since(self.since);
        self.since = now;
        took
    }

    /// The time since the last lap was spent on `point`.
    pub fn spent(&mut self, point: ExtensionPoint, status: Code) {
        let took = self.lap();
        self.record(point, status, took);
    }

    /// `took` was spent on `point`.
    pub fn record(&self, point: ExtensionPoint, status: Code, took: Nanos) {
        self.probe.extension_point(Span { profile: self.profile, point, status, took });
    }
}
