//! The scheduling cycle: take the next pod, judge the nodes, assume it on one of the best, or say why
//! there is none.

use std::borrow::Cow;
use std::sync::Arc;

use crate::cluster::{Cluster, View};
use crate::framework::{
    AttemptResult, Code, Diagnosis, Evals, ExtensionPoint, FailedNodes, Histogram,
    NO_NODES_AVAILABLE, PluginMask, PodRejection, Prepared, Profile, Stopwatch, Table,
    prepare_timed, start_position,
};
use crate::model::Pod;
use crate::preemption::{Outcome, Unplaced, preempt, propose};
use crate::queue::{QueuedPod, Rejected};
use crate::units::{Nanos, NodeId, PodId};

use super::changes::world;
use super::extend_preempt::preempters;
use super::preempt::nominated_node;
use super::said::Said;
use super::sample::{feasible_nodes_wanted, search};
use super::{
    Decision, DecisionVerdict, Effect, Engine, FailedCondition, Nomination, NoticeLevel, PodRef,
    Report,
};

/// What was found out about a pod.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, for one attempt")]
pub(super) enum Judged {
    /// PreFilter turned it away.
    Rejected {
        /// Position of the plugin; `None` where several did together.
        plugin: Option<u16>,
        rejection: PodRejection,
        message: String,
        rejectors: PluginMask,
        outcome: Outcome,
    },
    /// Nothing can be decided.
    Failed {
        /// Position of the plugin that failed at PreFilter, where one did.
        pre_filter: Option<u16>,
        message: String,
    },
    /// The nodes were judged.
    Nodes {
        evals: Evals,
        table: Table,
        /// The only nodes in question, where plugins narrowed them.
        over: Option<Vec<NodeId>>,
        /// The plugins that rejected a node or narrowed the nodes.
        rejectors: PluginMask,
        /// Only the node was looked at that the pod is nominated to.
        nominated: bool,
        /// Why no node is feasible, where none is, and what preemption makes of it.
        unplaced: Option<(String, Outcome)>,
    },
}

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

/// What an attempt adds to the question of what would become of a pod.
pub(super) struct Trying<'a> {
    /// Where a search that stops early begins; moved to where the next one does.
    pub(super) search_from: &'a mut usize,
    /// What extenders have said.
    pub(super) said: &'a Said,
    /// One of them has a say in whom to evict.
    pub(super) asks_before_evicting: bool,
}

/// What is judged, and how.
pub(super) struct Judging<'a> {
    pub(super) profile: &'a Profile,
    pub(super) cluster: &'a Cluster,
    pub(super) pod: &'a Pod,
    /// The node that the pod is nominated to.
    pub(super) nominated: Option<NodeId>,
    /// Where among the nodes preemption begins to look, counted around.
    pub(super) start: u32,
}

/// Judges a pod against the cluster.
///
/// An attempt tries the node first that the pod is nominated to, and stops early where the profile says so;
/// where extenders have filtered, it looks at the nodes that they left. Without one all nodes are judged, also
/// where nothing can be said of some: that is in the table then.
pub(super) fn judge(
    judging: &Judging<'_>,
    trying: Option<Trying<'_>>,
    watch: &mut Stopwatch<'_>,
) -> Judged {
    let Judging { profile, cluster, pod, .. } = *judging;
    let view = View::new(cluster);
    let mut diagnosis = Diagnosis { nodes: cluster.node_count(), ..Diagnosis::default() };
    let (evals, narrowed) = match prepare_timed(profile, pod, view, watch) {
        Prepared::Ready { evals, narrowed } => {
            watch.spent(ExtensionPoint::PreFilter, Code::Success);
            (evals, narrowed)
        }
        Prepared::Failed { plugin, message } => {
            watch.spent(ExtensionPoint::PreFilter, Code::Error);
            return Judged::Failed { pre_filter: Some(plugin), message };
        }
        Prepared::Rejected { plugin, rejection, rejectors } => {
            watch.spent(ExtensionPoint::PreFilter, rejection.code);
            diagnosis.pre_filter = Some(rejection.reasons.join(", "));
            let outcome = if profile.post_filter_fails(rejection.code, rejectors) {
                Outcome::Ineligible
            } else {
                post_filter(judging, None, None, &mut diagnosis, watch)
            };
            let message = diagnosis.message();
            return Judged::Rejected { plugin, rejection, message, rejectors, outcome };
        }
    };
    let (over, narrowing) = match narrowed {
        Some((nodes, plugins)) => (Some(nodes), plugins),
        None => (None, 0),
    };
    let attempted = trying.is_some();
    let said = trying.as_ref().map(|trying| (trying.said, trying.asks_before_evicting));
    let filtered = said.is_some_and(|(said, _)| said.has_filtered());
    let (looked_at, nominated) = looked_at(judging, &view, &evals, over.as_deref(), trying);
    let searched = watch.lap();
    let nodes = looked_at.as_deref().or(over.as_deref());
    let (table, times) = Table::build_timed(&evals, &view, nodes, watch);
    watch.lap();
    if let Some((verdict, node)) = table.failed().error()
        && attempted
    {
        watch.record(ExtensionPoint::Filter, Code::Error, searched + times.filter);
        let message = evals.reasons(&view, node, verdict).join(", ");
        return Judged::Failed { pre_filter: None, message };
    }
    watch.record(ExtensionPoint::Filter, Code::Success, searched + times.filter);
    if table.feasible() > 1 {
        record_scoring(profile, &evals, &table, times.score, watch);
    }
    let mut rejectors = table.failed().rejectors() | narrowing;
    let mut unplaced = None;
    if table.feasible() == 0 {
        let failed = match said.filter(|_| filtered) {
            None => {
                diagnosis.histogram = Histogram::of(table.failed(), &evals, &view);
                Cow::Borrowed(table.failed())
            }
            Some((said, _)) => {
                let (failed, histogram) = said.all_failed(&evals, &view, over.as_deref());
                diagnosis.histogram = histogram;
                rejectors |= failed.rejectors() | said.rejectors();
                Cow::Owned(failed)
            }
        };
        if let Some(nodes) = &over {
            count_left_out(&mut diagnosis, nodes.len(), &profile.names(narrowing));
        }
        let judged = Some((&evals, &*failed));
        let outcome = post_filter(judging, judged, said, &mut diagnosis, watch);
        unplaced = Some((diagnosis.message(), outcome));
    }
    Judged::Nodes { evals, table, over, rejectors, nominated, unplaced }
}

/// Notes that the feasible nodes were scored, which took so long.
fn record_scoring(
    profile: &Profile,
    evals: &Evals,
    table: &Table,
    took: Nanos,
    watch: &Stopwatch<'_>,
) {
    let scoring = evals.plugins(ExtensionPoint::Score);
    let asked = profile.mask_at(ExtensionPoint::PreScore) & scoring;
    watch.evaluated(ExtensionPoint::PreScore, asked, 1);
    watch.evaluated(ExtensionPoint::Score, scoring, table.feasible().into());
    // What PreScore does is done at PreFilter.
    watch.record(ExtensionPoint::PreScore, Code::Success, Nanos(0));
    watch.record(ExtensionPoint::Score, Code::Success, took);
}

/// Counts the nodes that plugins ruled out by naming the `named` only ones in question.
fn count_left_out(diagnosis: &mut Diagnosis, named: usize, plugins: &[&str]) {
    let left_out = diagnosis.nodes - u32::try_from(named).unwrap_or(u32::MAX);
    if left_out > 0 {
        let reason = format!("node(s) didn't satisfy plugin(s) [{}]", plugins.join(" "));
        diagnosis.histogram.add(reason, left_out);
    }
}

/// The nodes that an attempt looks at in place of all in question: those that extenders left, the one that the
/// pod is nominated to, which is the second thing said, or as many as the profile wants.
fn looked_at(
    judging: &Judging<'_>,
    view: &View<'_>,
    evals: &Evals,
    over: Option<&[NodeId]>,
    trying: Option<Trying<'_>>,
) -> (Option<Vec<NodeId>>, bool) {
    let Some(trying) = trying else { return (None, false) };
    if let Some(left) = trying.said.left(view.cluster, over) {
        return (Some(left), false);
    }
    let first = judging.nominated.filter(|_| trying.said.may_try_nominated());
    match first.filter(|node| evals.filter_one(view, *node).is_pass()) {
        Some(node) => (Some(vec![node]), true),
        None => (sample(judging.profile, view, evals, over, trying.search_from), false),
    }
}

/// Lets preemption speak, where the profile has it.
fn post_filter(
    judging: &Judging<'_>,
    judged: Option<(&Evals, &FailedNodes)>,
    said: Option<(&Said, bool)>,
    diagnosis: &mut Diagnosis,
    watch: &mut Stopwatch<'_>,
) -> Outcome {
    let Judging { profile, cluster, pod, nominated, start } = *judging;
    if profile.post_filter_lacks() {
        return Outcome::Ineligible;
    }
    let mut plugins = profile.at(ExtensionPoint::PostFilter);
    let Some(args) = plugins.find_map(|(_, entry)| entry.plugin.preempts()) else {
        return Outcome::NoPlace;
    };
    watch.probe().preemption_attempt();
    let view = View::new(cluster);
    let unplaced = Unplaced { pod, view, judged, nominated, start };
    let preemption = match (said.and_then(|(said, _)| said.preemption(cluster)), said) {
        (Some(preemption), _) => preemption,
        (None, Some((_, true))) => propose(&unplaced, args),
        (None, _) => preempt(&unplaced, args),
    };
    diagnosis.post_filter = preemption.message;
    let code = match preemption.outcome {
        // Extenders come first.
        Outcome::Proposed(_) => return preemption.outcome,
        Outcome::Place { .. } => Code::Success,
        Outcome::Ineligible | Outcome::NoPlace => Code::Unschedulable,
    };
    watch.spent(ExtensionPoint::PostFilter, code);
    preemption.outcome
}

/// The nodes to be judged, where the profile asks for fewer than all.
fn sample(
    profile: &Profile,
    view: &View<'_>,
    evals: &Evals,
    over: Option<&[NodeId]>,
    from: &mut usize,
) -> Option<Vec<NodeId>> {
    let candidates = over.map_or(view.cluster.node_count() as usize, <[NodeId]>::len);
    let wanted = feasible_nodes_wanted(profile.percentage_of_nodes_to_score, candidates)?;
    let all: Vec<NodeId>;
    let nodes = if let Some(nodes) = over {
        nodes
    } else {
        all = view.cluster.nodes().collect();
        &all
    };
    let judged = search(evals, view, nodes, *from, wanted);
    *from = (*from + judged.len()) % (view.cluster.node_count() as usize).max(1);
    Some(judged)
}

/// What is said where nodes are feasible and yet none is found: a mistake of berth's own.
const NO_PICK: &str = "internal error: feasible nodes were counted but none was found";

/// One of the best nodes, or why nothing can be decided. A single node is taken without scores.
fn pick(
    profile: &Profile,
    evals: &Evals,
    table: &Table,
    view: &View<'_>,
    start: u32,
    watch: &Stopwatch<'_>,
) -> Result<Option<NodeId>, String> {
    if table.feasible() > 1
        && let Some(error) = evals.score_error(profile)
    {
        return Err(error);
    }
    table.pick_timed(evals, view, start, watch).map_err(|invalid| invalid.message(profile))
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
            out.push(self.report(&queued, Report::FailedScheduling { message }));
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
            start: {
                let attempt = u64::from(trial.queued.attempts);
                start_position(self.config.seed, &trial.queued.pod.uid, attempt, u32::MAX)
            },
        };
        let trying = Trying {
            search_from: &mut self.search_from,
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
                probe.algorithm(probe.clock().since(began));
                let rejected = Rejected::with(rejection.code, rejectors);
                let misfit = Misfit::new(message, rejected, outcome);
                self.reject(id, trial.queued, misfit, now, out);
                ended(AttemptResult::Unschedulable);
            }
            Judged::Nodes { rejectors, unplaced: Some((message, outcome)), .. } => {
                probe.algorithm(probe.clock().since(began));
                let misfit = Misfit::new(message, Rejected::by(rejectors), outcome);
                self.reject(id, trial.queued, misfit, now, out);
                ended(AttemptResult::Unschedulable);
            }
            Judged::Failed { message, .. } => {
                probe.algorithm(probe.clock().since(began));
                self.fail(id, trial.queued, message, now, out);
                ended(AttemptResult::Error);
            }
            Judged::Nodes { evals, table, nominated, .. } => {
                if let Some(asking) = self.next_to_ask(&trial.queued.pod, &said, table.feasible()) {
                    let view = View::new(&self.cluster);
                    let nodes = table.totals(&evals, &view).into_iter();
                    let nodes = nodes.map(|(node, _)| self.cluster.node_name(node).into());
                    let said = said.about(nominated);
                    self.park(trial, said, asking, nodes.collect(), out);
                } else {
                    self.choose(trial, &said, &evals, &table, now, out);
                }
            }
        }
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
        let picked = match said.best(table, evals, &view) {
            None => {
                let watch = Stopwatch::start(&*probe, at).timing_plugins(times_plugins);
                pick(profile, evals, table, &view, start, &watch).map(|node| (node, None))
            }
            Some(best) => scores_are_valid(profile, evals, table, &view).map(|()| {
                let from_start = |node: &&NodeId| self.cluster.position(**node) >= start;
                (best.iter().find(from_start).or(best.first()).copied(), Some(best))
            }),
        };
        probe.algorithm(probe.clock().since(began));
        match picked {
            Ok((Some(node), best)) if self.dry_run.is_some() => {
                let best = best.map_or_else(
                    || self.best_nodes(table, evals, &view),
                    |best| best.iter().map(|node| self.cluster.node_name(*node).into()).collect(),
                );
                let name = self.cluster.node_name(node).into();
                self.would_place(id, &queued.pod, name, best, out);
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
        if let Err(refused) = self.reserve(&queued, id, node) {
            self.refuse_placement(id, queued, refused, now, out);
            return;
        }
        match self.permit(&queued, id, node, now) {
            Ok((waits, decided)) => {
                let name = self.cluster.node_name(node).into();
                self.decide(&queued.pod, DecisionVerdict::Node(name), out);
                self.start_binding(id, queued, node, waits, now, out);
                self.settle_waiting(decided, now, out);
            }
            Err(refused) => {
                self.unreserve(&queued, id, node);
                self.refuse_placement(id, queued, refused, now, out);
            }
        }
    }

    /// Puts back a pod that fits nowhere, and says why; where preemption has found a place, room is made
    /// there and kept for the pod.
    ///
    /// Upstream: handleSchedulingFailure, v1.37: back in the queue first, then the Event and the patch.
    fn reject(
        &mut self,
        id: PodId,
        queued: QueuedPod,
        misfit: Misfit,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Misfit { message, rejected, outcome } = misfit;
        let nomination = self.carry_out(id, &queued, outcome, now, out);
        self.decide(&queued.pod, DecisionVerdict::Message(message.clone()), out);
        self.say_failed(&queued, "Unschedulable", message, nomination, out);
        let world = world(&self.config, &self.cluster, now);
        self.queue.put_back(id, queued, rejected, world);
    }

    /// Puts back a pod about which nothing could be decided, and says why.
    pub(super) fn fail(
        &mut self,
        id: PodId,
        queued: QueuedPod,
        message: String,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        self.decide(&queued.pod, DecisionVerdict::Message(message.clone()), out);
        Self::notice(NoticeLevel::Warn, &queued.pod, message.clone(), out);
        self.withdraw_nomination(id);
        self.say_failed(&queued, "SchedulerError", message, Nomination::Clear, out);
        let world = world(&self.config, &self.cluster, now);
        self.queue.put_back(id, queued, Rejected::default(), world);
    }

    /// The Event of a failed attempt, its condition, and what becomes of the pod's nomination.
    pub(super) fn say_failed(
        &self,
        queued: &QueuedPod,
        reason: &'static str,
        message: String,
        nomination: Nomination,
        out: &mut Vec<Effect>,
    ) {
        let pod = &queued.pod;
        let report = Report::FailedScheduling { message: message.clone() };
        out.push(self.report(queued, report));
        let before = pod.scheduled_condition.as_ref();
        let same = |c: &crate::model::ScheduledCondition| {
            &*c.status == "False" && &*c.reason == reason && *c.message == *message
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
        let profile = self.config.profiles[queued.profile].name.clone();
        Effect::Report { pod: pod_ref(&queued.pod), profile, report }
    }

    /// A line of the decision log.
    pub(super) fn decide(&mut self, pod: &Pod, verdict: DecisionVerdict, out: &mut Vec<Effect>) {
        self.last_decision += 1;
        out.push(Effect::Decision(Decision {
            number: self.last_decision,
            pod: pod.key.clone(),
            uid: pod.uid.clone(),
            verdict,
        }));
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
