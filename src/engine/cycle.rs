//! The scheduling cycle: take the next pod, have the nodes judged (`judge`), assume it on one of the best, or say
//! why there is none.

use std::sync::Arc;

use crate::cluster::View;
use crate::framework::{
    AttemptResult, Evals, NO_NODES_AVAILABLE, Profile, Stopwatch, Table, first_idle, start_position,
};
use crate::model::Pod;
use crate::preemption::Outcome;
use crate::queue::{QueuedPod, Rejected};
use crate::units::{Nanos, NodeId, PodId};

use super::changes::world;
use super::extend_preempt::preempters;
use super::judge::{Judged, Judging, Trying, judge};
use super::preempt::nominated_node;
use super::said::Said;
use super::tables::Sorted;
use super::{
    Decision, DecisionVerdict, Effect, Engine, FailedCondition, Nomination, NoticeLevel, PodRef,
    Report,
};

/// A pod that is being tried.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) id: PodId,
    pub(super) queued: QueuedPod,
    /// When it was taken, by the clock of the probe.
    pub(super) began: Nanos,
    /// Its plugins are timed.
    pub(super) times_plugins: bool,
}

/// What is said where nodes are feasible and yet none is found: a mistake of berth's own.
const NO_PICK: &str = "internal error: feasible nodes were counted but none was found";

/// One of the best nodes, or why nothing can be decided; one that is not `busy`, where there is one. A single
/// node is taken without scores.
fn pick(
    profile: &Profile,
    evals: &Evals,
    table: &Table,
    view: &View<'_>,
    start: u32,
    busy: impl Fn(NodeId) -> bool,
    watch: &Stopwatch<'_>,
) -> Result<Option<NodeId>, String> {
    if table.feasible() > 1
        && let Some(error) = evals.score_error(profile)
    {
        return Err(error);
    }
    table.pick_timed(evals, view, start, busy, watch).map_err(|invalid| invalid.message(profile))
}

/// Whether nodes can be compared by their scores; where not, why.
fn scores_are_valid(
    profile: &Profile,
    evals: &Evals,
    table: &Table,
    view: &View<'_>,
) -> Result<(), String> {
    let invalid = || Some(table.invalid_score(evals, view)?.message(profile));
    evals.score_error(profile).or_else(invalid).map_or(Ok(()), Err)
}

/// A pod that fits nowhere: why, the plugins that say so, and what preemption makes of it.
struct Misfit {
    message: String,
    rejected: Rejected,
    outcome: Outcome,
}

impl Misfit {
    fn new(message: String, rejected: Rejected, outcome: Outcome) -> Self {
        Self { message, rejected, outcome }
    }
}

impl Engine {
    /// Tries the next pod.
    pub(super) fn attempt(&mut self, now: Nanos, out: &mut Vec<Effect>) {
        let Some((id, queued)) = self.queue.pop(now) else { return };
        if queued.pod.terminating {
            let message = format!("skip schedule deleting pod: {}", queued.pod.key);
            out.push(self.report(&queued, Report::FailedScheduling { message: message.into() }));
            return;
        }
        let began = self.config.probe.clock();
        let times_plugins = self.config.probe.times_plugins();
        let trial = Trial { id, queued, began, times_plugins };
        self.try_to_place(trial, Said::default(), now, out);
    }

    /// Judges the nodes, and asks an extender, places the pod or says why that cannot be.
    pub(super) fn try_to_place(
        &mut self,
        trial: Trial,
        said: Said,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let probe = Arc::clone(&self.config.probe);
        let (id, at, began) = (trial.id, trial.queued.profile, trial.began);
        let ended = |result| probe.attempt(at, result, probe.clock().since(began));
        if self.cluster.node_count() == 0 {
            let misfit =
                Misfit::new(NO_NODES_AVAILABLE.into(), Rejected::default(), Outcome::NoPlace);
            self.reject(id, trial.queued, misfit, now, out);
            ended(AttemptResult::Unschedulable);
            return;
        }
        let profile = &self.config.profiles[at];
        let mut watch = Stopwatch::start(&*probe, at).timing_plugins(trial.times_plugins);
        let judging = Judging {
            profile,
            cluster: &self.cluster,
            pod: &trial.queued.pod,
            nominated: nominated_node(&self.cluster, &trial.queued.pod),
            attempt: (self.config.seed, u64::from(trial.queued.attempts)),
        };
        let trying = Trying {
            search_from: &mut self.search_from,
            tables: (&mut self.tables, at),
            said: &said,
            asks_before_evicting: preempters(&self.config.extenders, &trial.queued.pod, 0)
                .is_some(),
        };
        match judge(&judging, Some(trying), &mut watch) {
            // The node that it was nominated to is none any more: all others are looked at.
            Judged::Nodes { unplaced: Some(_), .. } if said.is_about_nominated() => {
                self.try_to_place(trial, said.past_nominated(), now, out);
            }
            Judged::Nodes { unplaced: Some((_, Outcome::Proposed(proposals))), .. } => {
                self.propose(trial, said, &proposals, now, out);
            }
            Judged::Rejected { rejection, message, rejectors, outcome, .. } => {
                let rejected = Rejected::with(rejection.code, rejectors);
                self.turn_down(trial, Misfit::new(message, rejected, outcome), now, out);
            }
            Judged::Nodes { sorted, rejectors, unplaced: Some((message, outcome)), .. } => {
                self.tables.keep(sorted);
                let misfit = Misfit::new(message, Rejected::by(rejectors), outcome);
                self.turn_down(trial, misfit, now, out);
            }
            Judged::Failed { message, .. } => {
                probe.algorithm(probe.clock().since(began));
                self.fail(id, trial.queued, message, now, out);
                ended(AttemptResult::Error);
            }
            Judged::Nodes { sorted, nominated, .. } => {
                let Sorted { evals, table, .. } = &*sorted;
                if let Some(asking) = self.next_to_ask(&trial.queued.pod, &said, table.feasible()) {
                    let view = View::new(&self.cluster);
                    let nodes = table.totals(evals, &view).into_iter();
                    let nodes = nodes.map(|(node, _)| self.cluster.node_name(node).into());
                    let said = said.about(nominated);
                    self.park(trial, said, asking, nodes.collect(), out);
                } else {
                    self.choose(trial, &said, evals, table, now, out);
                }
                self.tables.keep(sorted);
            }
        }
    }

    /// The attempt has shown that the pod fits nowhere.
    fn turn_down(&mut self, trial: Trial, misfit: Misfit, now: Nanos, out: &mut Vec<Effect>) {
        let Trial { id, queued, began, .. } = trial;
        let (probe, at) = (Arc::clone(&self.config.probe), queued.profile);
        probe.algorithm(probe.clock().since(began));
        self.reject(id, queued, misfit, now, out);
        probe.attempt(at, AttemptResult::Unschedulable, probe.clock().since(began));
    }

    /// Places the pod on one of the best nodes.
    fn choose(
        &mut self,
        trial: Trial,
        said: &Said,
        evals: &Evals,
        table: &Table,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Trial { id, queued, began, times_plugins } = trial;
        let probe = Arc::clone(&self.config.probe);
        let profile = &self.config.profiles[queued.profile];
        let at = queued.profile;
        let ended = |result| probe.attempt(at, result, probe.clock().since(began));
        let (seed, positions) = (self.config.seed, self.cluster.positions());
        let start = start_position(seed, &queued.pod.uid, u64::from(queued.attempts), positions);
        let view = View::new(&self.cluster);
        let busy = |node| self.races.is_busy(node, now);
        let picked = match said.best(table, evals, &view) {
            None => {
                let watch = Stopwatch::start(&*probe, at).timing_plugins(times_plugins);
                pick(profile, evals, table, &view, start, busy, &watch).map(|node| (node, None))
            }
            Some(best) => scores_are_valid(profile, evals, table, &view).map(|()| {
                let from_start = |node: &NodeId| self.cluster.position(*node) >= start;
                let at = best.iter().position(from_start).unwrap_or(0);
                let around = best[at..].iter().chain(&best[..at]).copied();
                (first_idle(around, busy), Some(best))
            }),
        };
        probe.algorithm(probe.clock().since(began));
        match picked {
            Ok((Some(node), best)) if self.dry_run.is_some() => {
                let best = best.map_or_else(
                    || self.best_nodes(table, evals, &view),
                    |best| best.iter().map(|node| self.cluster.node_name(*node).into()).collect(),
                );
                let name = self.cluster.shared_node_name(node);
                self.would_place(id, &queued.pod, &name, best, out);
                ended(AttemptResult::Scheduled);
            }
            Ok((Some(node), _)) => self.place(id, queued, node, now, out),
            Ok((None, _)) => {
                self.fail(id, queued, NO_PICK.to_owned(), now, out);
                ended(AttemptResult::Error);
            }
            Err(message) => {
                self.fail(id, queued, message, now, out);
                ended(AttemptResult::Error);
            }
        }
    }

    /// Assumes the pod on `node`; Reserve and Permit, then what comes before its Binding.
    fn place(
        &mut self,
        id: PodId,
        queued: QueuedPod,
        node: NodeId,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        self.cluster.assume(id, node);
        let name = self.cluster.shared_node_name(node);
        if let Err(refused) = self.reserve(&queued, id, (node, &name)) {
            self.refuse_placement(id, queued, refused, now, out);
            return;
        }
        let (permitted, decided) = self.permit(&queued, id, node, now);
        match permitted {
            Ok(waits) => {
                let who = Arc::new(pod_ref(&queued.pod));
                self.decide_about(&who, DecisionVerdict::Node(Arc::clone(&name)), out);
                self.start_binding((id, who), queued, (node, name), waits, now, out);
            }
            Err(refused) => {
                self.unreserve(&queued, id, node);
                self.refuse_placement(id, queued, refused, now, out);
            }
        }
        self.settle_waiting(decided, now, out);
    }

    /// Puts back a pod that fits nowhere, and says why; where preemption has found a place, room is made
    /// there and kept for the pod.
    ///
    /// Upstream: handleSchedulingFailure, v1.37: back in the queue first, then the Event and the patch.
    fn reject(
        &mut self,
        id: PodId,
        mut queued: QueuedPod,
        misfit: Misfit,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Misfit { message, rejected, outcome } = misfit;
        let nomination = self.carry_out(id, &queued, outcome, now, out);
        self.decide(&queued.pod, DecisionVerdict::Message(message.clone()), out);
        self.say_failed(&mut queued, ("Unschedulable", message), nomination, now, out);
        let world = world(&self.config, &self.cluster, now);
        self.queue.put_back(id, queued, rejected, world);
    }

    /// Puts back a pod about which nothing could be decided, and says why.
    pub(super) fn fail(
        &mut self,
        id: PodId,
        mut queued: QueuedPod,
        message: String,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        self.decide(&queued.pod, DecisionVerdict::Message(message.clone()), out);
        Self::notice(NoticeLevel::Warn, &queued.pod, message.clone(), out);
        self.withdraw_nomination(id);
        self.say_failed(&mut queued, ("SchedulerError", message), Nomination::Clear, now, out);
        let world = world(&self.config, &self.cluster, now);
        self.queue.put_back(id, queued, Rejected::default(), world);
    }

    /// The Event of a failed attempt, its condition, and what becomes of the pod's nomination. The pod keeps
    /// the reason, also where nothing has to be written.
    ///
    /// Upstream: updatePod in schedule_one.go and UpdatePodCondition, v1.37.
    pub(super) fn say_failed(
        &mut self,
        queued: &mut QueuedPod,
        (reason, message): (&'static str, String),
        nomination: Nomination,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let message = self.queue.keep(message);
        queued.tell(&message, now);
        let pod = &queued.pod;
        let report = Report::FailedScheduling { message: Arc::clone(&message) };
        out.push(self.report(queued, report));
        let before = pod.scheduled_condition.as_ref();
        let same = |c: &crate::model::ScheduledCondition| {
            &*c.status == "False" && &*c.reason == reason && c.message == message && !c.probed
        };
        let nomination = nomination.news_to(pod.nominated_node.as_deref());
        if before.is_some_and(same) && nomination == Nomination::Keep {
            return;
        }
        let unflipped = before.filter(|condition| &*condition.status == "False");
        out.push(Effect::PatchCondition {
            pod: pod_ref(pod),
            condition: FailedCondition {
                reason,
                message,
                observed_generation: pod.generation,
                last_transition_time: unflipped.and_then(|c| c.last_transition_time.clone()),
            },
            nomination,
        });
    }

    pub(super) fn report(&self, queued: &QueuedPod, report: Report) -> Effect {
        self.report_about(Arc::new(pod_ref(&queued.pod)), queued.profile, report)
    }

    /// The same, about a pod of this profile.
    pub(super) fn report_about(&self, pod: Arc<PodRef>, profile: usize, report: Report) -> Effect {
        let profile = Arc::clone(&self.config.profiles[profile].name);
        Effect::Report { pod, profile, report }
    }

    /// A line of the decision log.
    pub(super) fn decide(&mut self, pod: &Pod, verdict: DecisionVerdict, out: &mut Vec<Effect>) {
        self.decide_about(&Arc::new(pod_ref(pod)), verdict, out);
    }

    /// The same, where it is known already who the pod is.
    pub(super) fn decide_about(
        &mut self,
        pod: &Arc<PodRef>,
        verdict: DecisionVerdict,
        out: &mut Vec<Effect>,
    ) {
        self.last_decision += 1;
        let (number, pod) = (self.last_decision, Arc::clone(pod));
        out.push(Effect::Decision(Decision { number, pod, verdict }));
    }

    /// A line for the operator.
    pub(super) fn notice(level: NoticeLevel, pod: &Pod, message: String, out: &mut Vec<Effect>) {
        out.push(Effect::Notice { level, pod: Some(pod.key.clone()), message });
    }
}

/// What writers need to know of a pod.
pub(super) fn pod_ref(pod: &Pod) -> PodRef {
    PodRef {
        key: pod.key.clone(),
        uid: pod.uid.clone(),
        resource_version: pod.resource_version.clone(),
    }
}
