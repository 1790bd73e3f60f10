//! What a change means to a pod that waits: upstream's rules, from the plugins that rejected it to whether it
//! stays, waits for its backoff, or is tried at once.

use crate::cluster::Cluster;
use crate::framework::{
    Asks, Candidate, Change, ClusterEvent, EXTENDERS, Hint, Probe, Profile, ProfilePlugin, Resource,
};
use crate::units::Nanos;

use super::in_flight::{Happened, Taken};
use super::waiting::Rejected;

/// What the queue looks at and does not own.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The profiles.
    pub profiles: &'a [Profile],
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The time.
    pub now: Nanos,
    /// Takes measurements.
    pub probe: &'a dyn Probe,
}

/// What becomes of a pod because of a change.
///
/// Upstream: queueingStrategy, v1.37.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strategy {
    /// It stays where it is.
    Skip,
    /// It is tried again after its backoff.
    AfterBackoff,
    /// It is tried again at once.
    Immediately,
}

/// What the pods that some plugins rejected have to ask about a change.
pub(super) struct Question<'a> {
    /// The plugins that want to know of it, what they must be asked, and whether they wait for it.
    plugins: Vec<(&'a ProfilePlugin, Asks, bool)>,
    /// The change helps whatever they say: it concerns every pod, or nobody knows what would help.
    any: bool,
    /// Extenders are among those that rejected the pods: everything may help against them.
    extenders: bool,
    /// A plugin among those that rejected the pods waits for something outside.
    pending: bool,
    world: World<'a>,
}

/// The answer for all pods of one shape.
pub(super) enum Answer {
    /// This becomes of all of them.
    All(Strategy),
    /// They have to be asked about one by one.
    Each,
}

impl<'a> Question<'a> {
    /// What is to be asked about `event` for pods that `rejected` turned away.
    pub(super) fn new(
        profile: usize,
        rejected: Rejected,
        event: ClusterEvent,
        world: World<'a>,
    ) -> Self {
        let profile = &world.profiles[profile];
        let plugins = profile.interested(rejected.all(), event).map(|(at, asks)| {
            (&profile.plugins[usize::from(at)], asks, rejected.pending >> at & 1 == 1)
        });
        Self {
            plugins: plugins.collect(),
            any: event.resource == Resource::Any || rejected.all() == 0,
            extenders: rejected.by & EXTENDERS != 0,
            pending: rejected.pending != 0,
            world,
        }
    }

    /// Whether nobody wants to know.
    pub(super) fn is_idle(&self) -> bool {
        self.plugins.is_empty() && !self.any && !self.extenders
    }

    /// What becomes of all pods that look like `candidate`.
    pub(super) fn ask_alike(&self, change: &Change, candidate: Candidate<'_>) -> Answer {
        let mut one_by_one = false;
        let best = self.ask_which(change, candidate, |asks| {
            let skipped = asks == Asks::Each;
            one_by_one |= skipped;
            !skipped
        });
        match best {
            Strategy::Immediately => Answer::All(best),
            Strategy::AfterBackoff if !self.pending => Answer::All(best),
            _ if one_by_one => Answer::Each,
            _ => Answer::All(best),
        }
    }

    /// What becomes of one pod.
    ///
    /// Upstream: isPodWorthRequeuing, v1.37.
    pub(super) fn ask(&self, change: &Change, candidate: Candidate<'_>) -> Strategy {
        if change.only.as_ref().is_some_and(|uid| **uid != *candidate.uid) {
            return Strategy::Skip;
        }
        self.ask_which(change, candidate, |_| true)
    }

    fn ask_which(
        &self,
        change: &Change,
        candidate: Candidate<'_>,
        mut may_ask: impl FnMut(Asks) -> bool,
    ) -> Strategy {
        if self.any || (self.extenders && !self.pending) {
            return Strategy::AfterBackoff;
        }
        let mut best = if self.extenders { Strategy::AfterBackoff } else { Strategy::Skip };
        for (plugin, asks, pending) in &self.plugins {
            if !may_ask(*asks) {
                continue;
            }
            let World { cluster, probe, .. } = self.world;
            let begun = probe.clock();
            let hint = match asks {
                Asks::Nothing => Hint::Queue,
                Asks::Shape | Asks::Each => plugin.plugin.hint(change, candidate, cluster),
            };
            let took = probe.clock().since(begun);
            probe.hint(plugin.name, change.event.label(), hint, took);
            match hint {
                Hint::Skip => {}
                Hint::Queue | Hint::Error if *pending => return Strategy::Immediately,
                Hint::Queue | Hint::Error if !self.pending => return Strategy::AfterBackoff,
                Hint::Queue | Hint::Error => best = Strategy::AfterBackoff,
            }
        }
        best
    }
}

/// What becomes of a pod that was taken at `taken` and turned away by `rejected`, from what has happened
/// meanwhile.
///
/// Upstream: determineSchedulingHintForInFlightPod, v1.37.
pub(super) fn after_attempt(
    candidate: Candidate<'_>,
    profile: usize,
    rejected: Rejected,
    taken: Option<&Taken>,
    world: World<'_>,
) -> Strategy {
    // After an error, or where nobody kept what happened, it is not known what would help.
    let Some(taken) = taken.filter(|_| rejected.all() != 0) else { return Strategy::AfterBackoff };
    let mut best = Strategy::Skip;
    for happened in taken.since() {
        let strategy = match happened {
            Happened::Lost => Strategy::AfterBackoff,
            Happened::Change(change) => {
                Question::new(profile, rejected, change.event, world).ask(change, candidate)
            }
        };
        best = best.max(strategy);
        if best == Strategy::Immediately
            || (best == Strategy::AfterBackoff && rejected.pending == 0)
        {
            break;
        }
    }
    best
}
