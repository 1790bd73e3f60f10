//! Moving pods between the parts of the queue, with PreEnqueue at the doors of two of them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::framework::{Code, ExtensionPoint, PluginMask, PodRejection, QueuePart, Stopwatch};

use super::shapes::ShapeId;
use super::{
    BACKOFF_COMPLETE, Nanos, PodId, Queue, QueuePlace, Rejected, SortKey, Strategy, Waiting, World,
    sort_key,
};

/// What unschedulable pods of one group have in common: the answer to most questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub(super) profile: usize,
    pub(super) rejected: Rejected,
    pub(super) shape: ShapeId,
}

impl Waiting {
    pub(super) fn group(&self) -> Group {
        let (profile, rejected) = (self.profile, self.record.rejected);
        Group { profile, rejected, shape: self.shape() }
    }

    /// Since when it counts as waiting for too long.
    pub(super) fn stale_since(&self) -> Nanos {
        self.record.inserted.max(self.record.flushed_at)
    }

    fn gate(&self) -> (usize, u16) {
        (self.profile, self.record.gate.unwrap_or_default())
    }
}

/// Takes a pod out of its group; an empty group does not stay.
fn leave<K: Ord>(groups: &mut BTreeMap<K, BTreeSet<PodId>>, group: K, id: PodId) {
    if let Entry::Occupied(mut pods) = groups.entry(group) {
        pods.get_mut().remove(&id);
        if pods.get().is_empty() {
            pods.remove();
        }
    }
}

impl Queue {
    /// Puts a pod into backoff, or among the active ones if that is over or not to be waited for.
    ///
    /// Upstream: requeueEntityWithQueueingStrategy, v1.37.
    pub(super) fn requeue(
        &mut self,
        id: PodId,
        strategy: Strategy,
        event: &'static str,
        world: World<'_>,
    ) {
        let Some(waiting) = self.pods.get(&id) else { return };
        let second = world.now.truncate_to_second();
        let backs_off = self.expiry(waiting).is_some_and(|expiry| expiry >= second);
        let usual = match strategy {
            Strategy::AfterBackoff => QueuePart::Backoff,
            Strategy::Immediately => QueuePart::Active,
            Strategy::Skip => QueuePart::Unschedulable,
        };
        if strategy == Strategy::AfterBackoff && backs_off {
            self.enter_backoff(id, event, world);
        } else {
            self.enter_active(id, event, Some(usual), world);
        }
    }

    /// Puts a pod among the active ones, or among the gated if a PreEnqueue plugin holds it. `usual` is where
    /// such a move ends as a rule.
    pub(super) fn enter_active(
        &mut self,
        id: PodId,
        event: &'static str,
        usual: Option<QueuePart>,
        world: World<'_>,
    ) {
        if self.is_held(id, event, usual, world) {
            return;
        }
        self.activate(id, event, usual, world);
    }

    /// Puts a pod into backoff, or among the gated if a PreEnqueue plugin holds it: it may be taken from
    /// there.
    fn enter_backoff(&mut self, id: PodId, event: &'static str, world: World<'_>) {
        if self.is_held(id, event, Some(QueuePart::Backoff), world) {
            return;
        }
        let Some(waiting) = self.pods.get(&id) else { return };
        let expiry = self.expiry(waiting).unwrap_or_default();
        let place = if waiting.record.rejected.all() == 0 {
            QueuePlace::ErrorBackoff(expiry, self.sequence)
        } else {
            let Some(key) = self.key_of(waiting, world) else { return };
            QueuePlace::Backoff(expiry, key, self.sequence)
        };
        self.place(id, place);
        self.probe.incoming(QueuePart::Backoff, event, false);
    }

    /// A backoff is over. Its pod went past PreEnqueue before.
    pub(super) fn backoff_is_over(&mut self, id: PodId, world: World<'_>) {
        self.activate(id, BACKOFF_COMPLETE, None, world);
    }

    fn key_of(&self, waiting: &Waiting, world: World<'_>) -> Option<SortKey> {
        let profile = &world.profiles[waiting.profile];
        Some(sort_key(waiting.candidate(&self.shapes)?, waiting.record.inserted, profile))
    }

    /// Puts a pod among the active ones.
    pub(super) fn activate(
        &mut self,
        id: PodId,
        event: &'static str,
        usual: Option<QueuePart>,
        world: World<'_>,
    ) {
        let Some(waiting) = self.pods.get_mut(&id) else { return };
        waiting.ready_since.get_or_insert(world.now);
        let Some(key) = self.pods.get(&id).and_then(|it| self.key_of(it, world)) else { return };
        self.place(id, QueuePlace::Active(key, self.sequence));
        self.probe.incoming(QueuePart::Active, event, usual != Some(QueuePart::Active));
    }

    /// Whether a PreEnqueue plugin holds the pod: then it is put among the gated, and that plugin is one of
    /// those that rejected it. The one that held it last is asked first.
    ///
    /// Upstream: runPreEnqueuePluginsForPod, v1.37.
    fn is_held(
        &mut self,
        id: PodId,
        event: &'static str,
        usual: Option<QueuePart>,
        world: World<'_>,
    ) -> bool {
        let Some(waiting) = self.pods.get(&id) else { return true };
        let Some(candidate) = waiting.candidate(&self.shapes) else { return true };
        let profile = &world.profiles[waiting.profile];
        let mut watch = Stopwatch::start(&*self.probe, waiting.profile)
            .timing_plugins(self.probe.times_plugins());
        let last = waiting.record.gate;
        let plugins = || profile.at(ExtensionPoint::PreEnqueue);
        let first = plugins().filter(|(at, _)| Some(*at) == last);
        let others = plugins().filter(|(at, _)| Some(*at) != last);
        let held = first.chain(others).find_map(|(at, entry)| {
            let run = || entry.plugin.pre_enqueue(candidate, world.cluster);
            let status = |held: &Option<PodRejection>| {
                held.as_ref().map_or(Code::Success, |rejection| rejection.code)
            };
            let held = watch.run(entry.name, ExtensionPoint::PreEnqueue, run, status)?;
            Some((at, held.code))
        });
        let status = held.map_or(Code::Success, |(_, code)| code);
        watch.spent(ExtensionPoint::PreEnqueue, status);
        let Some((gate, _)) = held else {
            self.set_gate(id, None);
            return false;
        };
        let was_here = matches!(waiting.place, QueuePlace::Gated | QueuePlace::Unschedulable);
        self.set_gate(id, Some(gate));
        if !was_here {
            let moved = usual != Some(QueuePart::Unschedulable);
            self.probe.incoming(QueuePart::Unschedulable, event, moved);
        }
        true
    }

    /// Notes who holds the pod, and puts it among the gated where somebody does.
    fn set_gate(&mut self, id: PodId, gate: Option<u16>) {
        let Some(waiting) = self.pods.get(&id) else { return };
        if waiting.record.gate == gate && (gate.is_none() || waiting.place == QueuePlace::Gated) {
            return;
        }
        // Who rejected it says in which group it is.
        self.place(id, QueuePlace::Out);
        let Some(waiting) = self.pods.get_mut(&id) else { return };
        waiting.record.gate = gate;
        if let Some(gate) = gate {
            let (profile, new) = (waiting.profile, 1 << gate & !waiting.record.rejected.all());
            waiting.record.rejected.by |= 1 << gate;
            waiting.flushed = false;
            self.place(id, QueuePlace::Gated);
            self.count_rejected(profile, new, 1);
        }
    }

    /// So many more pods, or fewer, were rejected by each of `plugins`.
    pub(super) fn count_rejected(&self, profile: usize, plugins: PluginMask, change: i64) {
        if plugins != 0 {
            self.probe.rejected(profile, plugins, change);
        }
    }

    /// When the backoff of a pod ends; `None` where it has none.
    ///
    /// Upstream: getBackoffTime and calculateBackoffDuration, v1.37.
    fn expiry(&self, waiting: &Waiting) -> Option<Nanos> {
        let record = &waiting.record;
        let count = match record.consecutive_errors {
            0 => record.unschedulable_count,
            errors => errors,
        };
        let backs_off = count > 0 && !self.times.is_off();
        backs_off.then(|| (record.inserted + self.times.duration(count)).truncate_to_second())
    }

    /// Moves a pod from where it is to `place`.
    pub(super) fn place(&mut self, id: PodId, place: QueuePlace) {
        let Some(waiting) = self.pods.get_mut(&id) else { return };
        match std::mem::replace(&mut waiting.place, place) {
            QueuePlace::Out => {}
            QueuePlace::Active(key, at) => drop(self.active.remove(&(key, at, id))),
            QueuePlace::Backoff(expiry, key, at) => {
                self.backoff.remove(&(expiry, key, at, id));
            }
            QueuePlace::ErrorBackoff(expiry, at) => {
                self.error_backoff.remove(&(expiry, at, id));
            }
            QueuePlace::Unschedulable => {
                self.stale.remove(&(waiting.stale_since(), id));
                leave(&mut self.unschedulable, waiting.group(), id);
            }
            QueuePlace::Gated => {
                self.stale.remove(&(waiting.stale_since(), id));
                leave(&mut self.gated, waiting.gate(), id);
            }
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
                waiting.share(&mut self.shapes);
                self.stale.insert((waiting.stale_since(), id));
                self.unschedulable.entry(waiting.group()).or_default().insert(id);
            }
            QueuePlace::Gated => {
                waiting.share(&mut self.shapes);
                self.stale.insert((waiting.stale_since(), id));
                self.gated.entry(waiting.gate()).or_default().insert(id);
            }
        }
    }
}
