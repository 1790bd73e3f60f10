//! Questions that change nothing: which pods wait, and why. One reason is kept and told once for all pods
//! that have it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::framework::{ExtensionPoint, PluginMask};
use crate::model::PodKey;
use crate::queue::{Look, Part, QueueLengths, Told};
use crate::units::{Nanos, PodId};

use super::Engine;

/// Reasons in one answer; of more, those of the most pods are told.
pub(super) const REASONS_MAX: usize = 1_000;

/// Bytes of all texts in one answer, more or less: beyond it no other reason is told.
pub(super) const TEXT_BYTES_MAX: usize = 4 << 20;

/// Pods named with each reason.
pub(super) const PODS_NAMED_MAX: usize = 20;

/// Where a pod is that is on no node yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PendingPart {
    /// In this part of the queue.
    Queue(Part),
    /// It is being tried, or about to be bound.
    Trying,
}

/// A reason, and the pods that wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingReason {
    /// The full text; `None` for pods that were never tried.
    pub message: Option<Arc<str>>,
    /// The plugins that they wait for.
    pub plugins: Vec<&'static str>,
    /// How many pods have it.
    pub count: usize,
    /// The first of them, by namespace and name.
    pub pods: Vec<PodKey>,
    /// When the first of them was told so; `None` where none was told when.
    pub since: Option<Nanos>,
}

/// The pods of the queue by why they wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingPods {
    /// How many wait where, whatever was asked for.
    pub lengths: QueueLengths,
    /// The pods that were asked for.
    pub count: usize,
    /// Their reasons, those of the most pods first.
    pub reasons: Vec<PendingReason>,
    /// Reasons that are too many for one answer.
    pub left_out: usize,
}

/// What is known of one pod that is on no node yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingPod {
    /// Namespace and name.
    pub key: PodKey,
    /// Its UID.
    pub uid: Box<str>,
    /// Where it is.
    pub part: PendingPart,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it is not on a node, as of its last attempt, or what holds it now.
    pub message: Option<Arc<str>>,
    /// Since when that is so.
    pub since: Option<Nanos>,
    /// The plugins that it waits for.
    pub plugins: Vec<&'static str>,
    /// When it is tried again if nothing happens, at the latest.
    pub next_try: Option<Nanos>,
}

/// What pods of one reason have in common.
type ReasonKey = (Option<Arc<str>>, usize, PluginMask);

/// The pods of one reason.
#[derive(Default)]
struct Sharers<'a> {
    count: usize,
    first: BTreeSet<(&'a str, &'a str)>,
    since: Option<Nanos>,
}

impl<'a> Sharers<'a> {
    fn add(&mut self, key: (&'a str, &'a str), since: Option<Nanos>) {
        self.count += 1;
        self.since = [self.since, since].into_iter().flatten().min();
        if self.first.len() < PODS_NAMED_MAX || self.first.last().is_some_and(|last| key < *last) {
            self.first.insert(key);
            if self.first.len() > PODS_NAMED_MAX {
                self.first.pop_last();
            }
        }
    }
}

impl Engine {
    /// Why pods wait in the queue: all, or those of one namespace.
    #[must_use]
    pub fn pending_pods(&self, namespace: Option<&str>) -> PendingPods {
        let mut by_reason = BTreeMap::<ReasonKey, Sharers<'_>>::new();
        let mut count = 0;
        for look in self.queue.looks() {
            let own_namespace = &*look.candidate.pod.key.namespace;
            if namespace.is_some_and(|wanted| wanted != own_namespace) {
                continue;
            }
            count += 1;
            let (message, since) = self.reason(&look);
            let key = (message, look.profile, look.rejected);
            by_reason.entry(key).or_default().add((own_namespace, look.candidate.name), since);
        }
        let mut all: Vec<_> = by_reason.into_iter().collect();
        all.sort_by_key(|(_, sharers)| std::cmp::Reverse(sharers.count));
        let mut bytes = 0;
        let mut fits = |((message, ..), _): &(ReasonKey, Sharers<'_>)| {
            bytes += message.as_deref().map_or(0, str::len);
            bytes <= TEXT_BYTES_MAX
        };
        let told = all.iter().take(REASONS_MAX).take_while(|reason| fits(reason)).count();
        let left_out = all.len() - told;
        let named = |((message, profile, rejected), sharers): (ReasonKey, Sharers<'_>)| {
            let pod = |(namespace, name): (&str, &str)| PodKey {
                namespace: namespace.into(),
                name: name.into(),
            };
            PendingReason {
                message,
                plugins: self.config.profiles[profile].names(rejected),
                count: sharers.count,
                pods: sharers.first.into_iter().map(pod).collect(),
                since: sharers.since,
            }
        };
        let reasons = all.into_iter().take(told).map(named).collect();
        PendingPods { lengths: self.queue.lengths(), count, reasons, left_out }
    }

    /// What is known of one pod; `None` where none of that name is ours and on no node yet.
    #[must_use]
    pub fn pending_pod(&self, key: &PodKey) -> Option<PendingPod> {
        let id = self.cluster.find_pod(key)?;
        let (key, uid) = (key.clone(), self.cluster.pod(id)?.uid.clone());
        let Some(look) = self.queue.look(id) else {
            let (attempts, told) = self.trying(id)?;
            return Some(PendingPod {
                key,
                uid,
                part: PendingPart::Trying,
                attempts,
                message: told.map(|told| Arc::clone(&told.message)),
                since: told.map(|told| told.since),
                plugins: Vec::new(),
                next_try: None,
            });
        };
        let (message, since) = self.reason(&look);
        Some(PendingPod {
            key,
            uid,
            part: PendingPart::Queue(look.part),
            attempts: look.attempts,
            message,
            since,
            plugins: self.config.profiles[look.profile].names(look.rejected),
            next_try: look.next_try,
        })
    }

    /// Why a pod waits: what holds it at PreEnqueue, else what its last attempt said.
    fn reason(&self, look: &Look<'_>) -> (Option<Arc<str>>, Option<Nanos>) {
        let profile = &self.config.profiles[look.profile];
        let mut plugins = profile.at(ExtensionPoint::PreEnqueue);
        let gate = plugins.find(|(at, _)| look.part == Part::Gated && Some(*at) == look.gate);
        let held =
            gate.and_then(|(_, gate)| gate.plugin.pre_enqueue(look.candidate, &self.cluster));
        match held {
            Some(rejection) => (Some(rejection.reasons.join(", ").into()), None),
            None => {
                (look.told.map(|told| Arc::clone(&told.message)), look.told.map(|told| told.since))
            }
        }
    }

    /// Attempts and last reason of a pod that is being tried or bound.
    fn trying(&self, id: PodId) -> Option<(u32, Option<&Told>)> {
        let bound = self.attempt_of.get(&id).and_then(|at| self.attempts.get(at));
        let queued = match bound {
            Some(attempt) => &attempt.queued,
            None => &self.parked.values().find(|parked| parked.trial.id == id)?.trial.queued,
        };
        Some((queued.attempts, queued.told.as_ref()))
    }
}
