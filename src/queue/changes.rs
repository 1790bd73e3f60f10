//! The cluster, or a pod that waits, has changed: who is tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::framework::{Candidate, Change, Changed, ClusterEvent, Resource};
use crate::model::Pod;

use super::places::Group;
use super::shapes::ShapeId;
use super::strategy::{Answer, Question};
use super::{FORCE_ACTIVATE, PodId, Queue, QueuePlace, Strategy, World, sort_key};

/// The pods that may be tried again because of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All.
    All,
    /// Those of at most this priority.
    UpTo(i32),
    /// All but this one.
    AllBut(PodId),
}

impl Queue {
    /// Whether somebody waits for changes: else nothing need be kept of what objects were before.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        !self.stale.is_empty() || self.in_flight.is_watched()
    }

    /// Whether somebody waits for a change like `event`: else it need not be told.
    #[must_use]
    pub fn wants(&self, event: ClusterEvent, world: World<'_>) -> bool {
        let wanted = |group: &Group| {
            let question = Question::new(group.profile, group.rejected, event, world);
            !question.is_idle()
        };
        self.in_flight.is_watched()
            || self.rejections().any(|group| wanted(&group))
            || self
                .gated
                .keys()
                .any(|(profile, gate)| world.profiles[*profile].is_interested(1 << *gate, event))
    }

    /// The cluster changed: unschedulable pods that this can help are tried again, after their backoff. For
    /// pods that are being tried it counts when they come back.
    ///
    /// Upstream: MoveAllToActiveOrBackoffQueue, v1.37.
    pub fn on_change(&mut self, change: Change, reach: Reach, world: World<'_>) {
        let mut moves = Vec::new();
        for rejected in self.rejections().collect::<Vec<_>>() {
            let question = Question::new(rejected.profile, rejected.rejected, change.event, world);
            if question.is_idle() {
                continue;
            }
            for (group, pods) in self.unschedulable.range(rejected..=rejected.last()) {
                self.ask_group(&question, &change, (*group, pods), &mut moves);
            }
        }
        self.ask_gated(&change, world, &mut moves);
        let label = change.event.label();
        for (id, strategy) in moves {
            if self.is_in_reach(id, reach) {
                self.requeue(id, strategy, label, world);
            }
        }
        self.in_flight.push(change);
    }

    /// Something that only pods which are being tried have to know of.
    pub fn note(&mut self, change: Change) {
        self.in_flight.push(change);
    }

    /// Replaces the object of a waiting pod, which was `old`, and tries it again if one of `events` can help
    /// it. Says whether it was there.
    ///
    /// Upstream: PriorityQueue.Update, v1.37.
    pub fn update(
        &mut self,
        id: PodId,
        old: Box<Pod>,
        mut pod: Box<Pod>,
        events: &[ClusterEvent],
        world: World<'_>,
    ) -> bool {
        let Some(waiting) = self.pods.get(&id) else { return false };
        let (place, inserted) = (waiting.place, waiting.record.inserted);
        let profile = &world.profiles[waiting.profile];
        let key = sort_key(Candidate::whole(&pod), inserted, profile);
        self.texts.keep_of(&mut pod);
        // Its shape says in which group it is.
        self.place(id, QueuePlace::Out);
        let new = matches!(place, QueuePlace::Unschedulable | QueuePlace::Gated);
        let new = new.then(|| Arc::new((*pod).clone()));
        if let Some(waiting) = self.pods.get_mut(&id) {
            waiting.replace(pod, &mut self.shapes);
        }
        self.place(
            id,
            match place {
                QueuePlace::Active(_, at) => QueuePlace::Active(key, at),
                QueuePlace::Backoff(expiry, _, at) => QueuePlace::Backoff(expiry, key, at),
                place => place,
            },
        );
        let Some(new) = new else { return true };
        let changed = Changed::Pod(Some(Arc::from(old)), Some(new));
        for event in events {
            let change = Change::new(*event, changed.clone());
            let Some(waiting) = self.pods.get(&id) else { return true };
            let Some(candidate) = waiting.candidate(&self.shapes) else { return true };
            let question = Question::new(waiting.profile, waiting.record.rejected, *event, world);
            let strategy = question.ask(&change, candidate);
            if strategy != Strategy::Skip {
                self.requeue(id, strategy, event.label(), world);
            }
            let place = self.pods.get(&id).map(|waiting| waiting.place);
            if !matches!(place, Some(QueuePlace::Unschedulable | QueuePlace::Gated)) {
                break;
            }
        }
        true
    }

    /// Has a pod tried at once, whatever rejected it: from among the unschedulable, the gated if nobody holds
    /// it any more, or those in backoff. If it is being tried, it is tried again when it comes back, after
    /// its backoff.
    ///
    /// Upstream: PriorityQueue.Activate, v1.37.
    pub fn force(&mut self, id: PodId, uid: &str, world: World<'_>) {
        match self.pods.get(&id).map(|waiting| waiting.place) {
            Some(QueuePlace::Unschedulable | QueuePlace::Gated) => {
                self.enter_active(id, FORCE_ACTIVATE, None, world);
            }
            Some(QueuePlace::Backoff(..) | QueuePlace::ErrorBackoff(..)) => {
                self.activate(id, FORCE_ACTIVATE, None, world);
            }
            Some(QueuePlace::Active(..) | QueuePlace::Out) => {}
            None => {
                let change = Change::new(ClusterEvent::ANY, Changed::Unknown);
                self.in_flight.push(Change { only: Some(uid.into()), ..change });
            }
        }
    }

    /// The sets of plugins that rejected unschedulable pods, each as the first group it may have.
    fn rejections(&self) -> impl Iterator<Item = Group> {
        let first = |group: Group| Group { shape: ShapeId::MIN, ..group };
        let after = |group: &Group| (Bound::Excluded(group.last()), Bound::Unbounded);
        let next = move |group: &Group| {
            self.unschedulable.range(after(group)).next().map(|(next, _)| first(*next))
        };
        let start = self.unschedulable.first_key_value().map(|(group, _)| first(*group));
        std::iter::successors(start, next)
    }

    fn ask_group(
        &self,
        question: &Question<'_>,
        change: &Change,
        (group, pods): (Group, &BTreeSet<PodId>),
        moves: &mut Vec<(PodId, Strategy)>,
    ) {
        let Some(shape) = self.shapes.get(group.shape) else { return };
        match question.ask_alike(change, Candidate::alike(shape)) {
            Answer::All(Strategy::Skip) => {}
            Answer::All(strategy) => moves.extend(pods.iter().map(|id| (*id, strategy))),
            Answer::Each => {
                for id in pods {
                    self.ask_pod(question, change, *id, moves);
                }
            }
        }
    }

    fn ask_pod(
        &self,
        question: &Question<'_>,
        change: &Change,
        id: PodId,
        moves: &mut Vec<(PodId, Strategy)>,
    ) {
        let Some(candidate) = self.pods.get(&id).and_then(|pod| pod.candidate(&self.shapes)) else {
            return;
        };
        let strategy = question.ask(change, candidate);
        if strategy != Strategy::Skip {
            moves.push((id, strategy));
        }
    }

    /// Asks about the pods that a PreEnqueue plugin holds, if that plugin wants to know. While pods make way for
    /// hundreds, each that goes asks about all of them: one question serves those that look alike, and who is
    /// held on to is not moved at all.
    fn ask_gated(&self, change: &Change, world: World<'_>, moves: &mut Vec<(PodId, Strategy)>) {
        for ((profile, gate), pods) in &self.gated {
            let wants = world.profiles[*profile].is_interested(1 << *gate, change.event);
            if !wants && change.event.resource != Resource::Any {
                continue;
            }
            let mut asked = BTreeMap::new();
            for id in pods {
                let Some(waiting) = self.pods.get(id) else { continue };
                let Some(candidate) = waiting.candidate(&self.shapes) else { continue };
                let group = waiting.group();
                let (question, answer) = asked.entry(group).or_insert_with(|| {
                    let question = Question::new(*profile, group.rejected, change.event, world);
                    let answer = question.ask_alike(change, candidate);
                    (question, answer)
                });
                let strategy = match answer {
                    Answer::All(strategy) => *strategy,
                    Answer::Each => question.ask(change, candidate),
                };
                if strategy != Strategy::Skip && !is_held_by(*profile, *gate, candidate, world) {
                    moves.push((*id, strategy));
                }
            }
        }
    }

    fn is_in_reach(&self, id: PodId, reach: Reach) -> bool {
        match reach {
            Reach::All => true,
            Reach::UpTo(priority) => {
                let waiting = self.pods.get(&id);
                waiting.is_some_and(|waiting| waiting.priority(&self.shapes) <= priority)
            }
            Reach::AllBut(other) => id != other,
        }
    }
}

/// Whether the PreEnqueue plugin that holds a pod still does. Not measured: nothing is tried.
fn is_held_by(profile: usize, gate: u16, candidate: Candidate<'_>, world: World<'_>) -> bool {
    let plugins = &world.profiles[profile].plugins;
    let held_by = plugins.get(usize::from(gate));
    held_by.is_some_and(|entry| entry.plugin.pre_enqueue(candidate, world.cluster).is_some())
}

impl Group {
    /// The last group that may have been rejected as this one was.
    fn last(self) -> Self {
        Self { shape: ShapeId::MAX, ..self }
    }
}
