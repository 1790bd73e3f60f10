//! Attempts that ask extenders: whom to ask next, what they said so far, and how an attempt goes on when an
//! answer comes. Nothing waits meanwhile: the attempt is parked under a number of its own, other pods are
//! tried, and on the answer the nodes that are left are judged again as they are then.
//!
//! Upstream: findNodesThatPassExtenders and prioritizeNodes, v1.37.
//! Differs from upstream: there the scheduler does nothing else while it waits; and nodes that came out of a
//! filter extender that is not nodeCacheCapable are scored as if they were empty, here as they are.

use std::sync::Arc;

use crate::framework::{Answer, AttemptResult, ExtenderVerb, Question};
use crate::model::Pod;
use crate::queue::QueuedPod;
use crate::units::{Nanos, PodId};

use super::binding::Stage;
use super::cycle::{Trial, pod_ref};
use super::said::Said;
use super::{AttemptId, BindOutcome, Effect, Engine, NoticeLevel, Report};

/// Attempts that wait for extenders at the same time. While there are so many no pod is taken: each keeps
/// the names of its nodes, and a call that hangs keeps its place until its time is up.
pub(super) const PARKED_MAX: usize = 16;

/// An attempt that waits for answers.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) trial: Trial,
    pub(super) said: Said,
    /// The nodes that were asked about.
    nodes: Arc<[Box<str>]>,
    asking: Asking,
}

/// Whose answer is awaited.
#[derive(Debug)]
pub(super) enum Asking {
    /// That of one extender, about which nodes will do.
    Filter(usize),
    /// Those of these extenders, about which nodes are better.
    Prioritize(Vec<usize>),
    /// That of one extender, about which pods may be evicted.
    Preempt(usize),
}

impl Engine {
    /// Whom to ask next in an attempt; `None` where all have been asked who want to be.
    pub(super) fn next_to_ask(&self, pod: &Pod, said: &Said, feasible: u32) -> Option<Asking> {
        let interested = |at: &usize| self.config.extenders[*at].is_interested(pod);
        let all = || 0..self.config.extenders.len();
        let mut filters = all().skip(said.filtered).filter(|at| self.config.extenders[*at].filters);
        if let Some(extender) = filters.find(interested) {
            return Some(Asking::Filter(extender));
        }
        if said.points.is_some() || feasible < 2 {
            return None;
        }
        let prioritizers = all().filter(|at| self.config.extenders[*at].prioritizes);
        let prioritizers: Vec<_> = prioritizers.filter(interested).collect();
        (!prioritizers.is_empty()).then_some(Asking::Prioritize(prioritizers))
    }

    /// Asks about `nodes`, and lets the attempt wait.
    pub(super) fn park(
        &mut self,
        trial: Trial,
        said: Said,
        asking: Asking,
        nodes: Arc<[Box<str>]>,
        out: &mut Vec<Effect>,
    ) {
        self.last_attempt += 1;
        let attempt = AttemptId(self.last_attempt);
        let pod = pod_ref(&trial.queued.pod);
        let mut ask = |extender, question| {
            out.push(Effect::AskExtender { attempt, extender, pod: pod.clone(), question });
        };
        match &asking {
            Asking::Filter(extender) => ask(*extender, Question::Filter(Arc::clone(&nodes))),
            Asking::Prioritize(extenders) => {
                for extender in extenders {
                    ask(*extender, Question::Prioritize(Arc::clone(&nodes)));
                }
            }
            Asking::Preempt(extender) => {
                let victims = said.victims.clone().and_then(Result::ok).unwrap_or_default();
                ask(*extender, Question::Preempt(victims));
            }
        }
        self.parked.insert(attempt, Parked { trial, said, nodes, asking });
    }

    /// An extender has answered. What nobody waits for any more changes nothing.
    pub(super) fn extender_answer(
        &mut self,
        attempt: AttemptId,
        extender: usize,
        verb: ExtenderVerb,
        answer: Result<Answer, String>,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        if verb == ExtenderVerb::Bind {
            self.bind_answer(attempt, extender, answer, now, out);
            return;
        }
        let Some(parked) = self.parked.get_mut(&attempt) else { return };
        match &mut parked.asking {
            Asking::Filter(asked) if *asked == extender => {
                if let Some(parked) = self.parked.remove(&attempt) {
                    self.filtered(parked, extender, answer, now, out);
                }
            }
            Asking::Prioritize(open) if open.contains(&extender) => {
                open.retain(|other| *other != extender);
                let done = open.is_empty();
                let (name, points) = (&self.config.extenders[extender], &mut parked.said.points);
                let points = points.get_or_insert_default();
                match answer {
                    Ok(Answer::Scored(scores)) => {
                        for (node, score) in scores {
                            let sum = points.entry(node).or_default();
                            *sum = sum.wrapping_add(name.points(score));
                        }
                    }
                    // The pod is placed all the same.
                    answer => {
                        let text =
                            format!("extender {} gave no scores: {}", name.name, said(answer));
                        let pod = &parked.trial.queued.pod;
                        Self::notice(NoticeLevel::Warn, pod, text, out);
                    }
                }
                if done && let Some(parked) = self.parked.remove(&attempt) {
                    self.go_on(parked.trial, parked.said, now, out);
                }
            }
            Asking::Preempt(asked) if *asked == extender => {
                if let Some(parked) = self.parked.remove(&attempt) {
                    self.preempted(parked, extender, answer, now, out);
                }
            }
            Asking::Filter(_) | Asking::Prioritize(_) | Asking::Preempt(_) => {}
        }
    }

    fn filtered(
        &mut self,
        parked: Parked,
        extender: usize,
        answer: Result<Answer, String>,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Parked { trial, said: mut so_far, nodes, .. } = parked;
        so_far.filtered = extender + 1;
        match answer {
            Ok(Answer::Filtered { nodes: left, failed }) => so_far.filter(&nodes, left, failed),
            answer if self.config.extenders[extender].ignorable => {
                self.skipped(extender, &trial.queued.pod, &said(answer), out);
            }
            answer if so_far.is_about_nominated() => {
                let text = format!("the node that the pod is nominated to: {}", said(answer));
                Self::notice(NoticeLevel::Warn, &trial.queued.pod, text, out);
                so_far = so_far.past_nominated();
            }
            answer => {
                self.give_up(trial, said(answer), now, out);
                return;
            }
        }
        self.go_on(trial, so_far, now, out);
    }

    /// An extender that may fail did.
    pub(super) fn skipped(&self, extender: usize, pod: &Pod, why: &str, out: &mut Vec<Effect>) {
        let name = &self.config.extenders[extender].name;
        let text = format!("extender {name} is skipped, as it is ignorable: {why}");
        Self::notice(NoticeLevel::Warn, pod, text, out);
    }

    /// Nothing can be decided, since an extender failed.
    fn give_up(&mut self, trial: Trial, message: String, now: Nanos, out: &mut Vec<Effect>) {
        let Trial { id, queued, began, .. } = trial;
        let profile = queued.profile;
        self.fail(id, queued, message, now, out);
        let took = self.config.probe.clock().since(began);
        self.config.probe.algorithm(took);
        self.config.probe.attempt(profile, AttemptResult::Error, took);
    }

    /// Judges again with what extenders have said.
    pub(super) fn go_on(&mut self, trial: Trial, said: Said, now: Nanos, out: &mut Vec<Effect>) {
        if trial.queued.pod.terminating {
            let message = format!("skip schedule deleting pod: {}", trial.queued.pod.key);
            out.push(
                self.report(&trial.queued, Report::FailedScheduling { message: message.into() }),
            );
            return;
        }
        self.try_to_place(trial, said, now, out);
    }

    /// The pod is gone, or on a node: nobody waits any more for what extenders say of it.
    pub(super) fn forget_parked(&mut self, pod: PodId) -> Option<QueuedPod> {
        let number = self.parked.iter().find(|(_, parked)| parked.trial.id == pod)?.0;
        let number = *number;
        Some(self.parked.remove(&number)?.trial.queued)
    }

    /// Replaces the object of a pod of which an attempt waits, or gives it back.
    pub(super) fn parked_changed(&mut self, id: PodId, pod: Box<Pod>) -> Option<Box<Pod>> {
        let Some(parked) = self.parked.values_mut().find(|parked| parked.trial.id == id) else {
            return Some(pod);
        };
        let before = std::mem::replace(&mut parked.trial.queued.pod, pod.clone());
        self.note_own(before, pod);
        None
    }

    /// Asks the first extender that binds such pods, but for the first `tried`; whether there is one.
    ///
    /// Upstream: extendersBinding, v1.37.
    pub(super) fn ask_to_bind(
        &mut self,
        id: AttemptId,
        tried: usize,
        out: &mut Vec<Effect>,
    ) -> bool {
        let Some(attempt) = self.attempts.get_mut(&id) else { return false };
        let pod = &attempt.queued.pod;
        let mut extenders = self.config.extenders.iter().enumerate().skip(tried);
        let binder = extenders.find(|(_, extender)| extender.binds && extender.is_interested(pod));
        let Some((extender, _)) = binder else { return false };
        let (pod, question) = (pod_ref(pod), Question::Bind((&*attempt.node).into()));
        attempt.stage = Stage::Calling;
        attempt.binder = "";
        self.in_flight += 1;
        out.push(Effect::AskExtender { attempt: id, extender, pod, question });
        true
    }

    /// An extender has bound a pod, or not. Whether a pod was bound by a call that failed is not known: it
    /// is tried again, and if the watch shows it on a node, that is where it is.
    fn bind_answer(
        &mut self,
        id: AttemptId,
        extender: usize,
        answer: Result<Answer, String>,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let ignorable = self.config.extenders.get(extender).is_some_and(|it| it.ignorable);
        let calling = self.attempts.get(&id).filter(|it| it.stage == Stage::Calling);
        match (answer, calling) {
            (Ok(Answer::Bound), _) | (_, None) => {
                self.bind_result(id, BindOutcome::Bound, now, out);
            }
            (answer, Some(attempt)) if ignorable => {
                self.skipped(extender, &attempt.queued.pod, &said(answer), out);
                self.in_flight = self.in_flight.saturating_sub(1);
                self.bind_without(id, extender + 1, now, out);
            }
            (answer, Some(attempt)) => {
                let message = said(answer);
                Self::notice(NoticeLevel::Warn, &attempt.queued.pod, message.clone(), out);
                self.bind_result(id, BindOutcome::Refused { message }, now, out);
            }
        }
    }
}

/// What went wrong, in words.
pub(super) fn said(answer: Result<Answer, String>) -> String {
    answer.err().unwrap_or_else(|| "it answers what it was not asked".to_owned())
}
