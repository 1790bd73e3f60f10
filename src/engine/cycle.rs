//! The scheduling cycle: take the next pod, judge the nodes, assume it on one of the best, or say why
//! there is none.

use std::borrow::Cow;
use std::sync::Arc;

use crate::cluster::{Cluster, View};
use crate::framework::{
    AttemptResult, Code, Diagnosis, Evals, ExtensionPoint, Histogram, NO_NODES_AVAILABLE,
    PluginMask, PodRejection, Prepared, Profile, Stopwatch, Table, prepare, start_position,
};
use crate::model::Pod;
use crate::preemption::post_filter;
use crate::queue::QueuedPod;
use crate::units::{Nanos, NodeId, PodId};

use super::extend::Said;
use super::sample::{feasible_nodes_wanted, search};
use super::{
    Decision, DecisionVerdict, Effect, Engine, FailedCondition, NoticeLevel, PodRef, Report,
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
    },
    /// Nothing can be decided, and why.
    Failed(String),
    /// The nodes were judged.
    Nodes {
        evals: Evals,
        table: Table,
        /// The only nodes in question, where plugins narrowed them.
        over: Option<Vec<NodeId>>,
        /// The plugins that rejected a node or narrowed the nodes.
        rejectors: PluginMask,
        /// Why no node is feasible, where none is.
        message: Option<String>,
    },
}

/// A pod that is being tried.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) id: PodId,
    pub(super) queued: QueuedPod,
    /// When it was taken, by the clock of the probe.
    pub(super) began: Nanos,
}

/// Judges `pod` with the plugins of `profile` against `cluster`.
///
/// With `search_from` the search stops early where the profile says so, and the number is moved to where
/// the next search begins; without it all nodes are judged. Where extenders have filtered, the nodes that
/// they left are.
pub(super) fn judge(
    profile: &Profile,
    cluster: &Cluster,
    pod: &Pod,
    search_from: Option<&mut usize>,
    said: Option<&Said>,
    watch: &mut Stopwatch<'_>,
) -> Judged {
    let view = View::new(cluster);
    let mut diagnosis = Diagnosis { nodes: cluster.node_count(), ..Diagnosis::default() };
    let (evals, narrowed) = match prepare(profile, pod, view) {
        Prepared::Ready { evals, narrowed } => {
            watch.spent(ExtensionPoint::PreFilter, Code::Success.as_str());
            (evals, narrowed)
        }
        Prepared::Failed(message) => {
            watch.spent(ExtensionPoint::PreFilter, Code::Error.as_str());
            return Judged::Failed(message);
        }
        Prepared::Rejected { plugin, rejection, rejectors } => {
            watch.spent(ExtensionPoint::PreFilter, rejection.code.as_str());
            diagnosis.pre_filter = Some(rejection.reasons.join(", "));
            if preempts(profile) {
                diagnosis.post_filter = post_filter(pod, &view, None);
                watch.spent(ExtensionPoint::PostFilter, Code::Unschedulable.as_str());
            }
            let message = diagnosis.message();
            return Judged::Rejected { plugin, rejection, message, rejectors };
        }
    };
    let (over, narrowing) = match narrowed {
        Some((nodes, plugins)) => (Some(nodes), plugins),
        None => (None, 0),
    };
    let left = said.and_then(|said| said.left(cluster, over.as_deref()));
    let sampled = search_from
        .filter(|_| left.is_none())
        .and_then(|from| sample(profile, &view, &evals, over.as_deref(), from));
    let searched = watch.lap();
    let nodes = left.as_deref().or(sampled.as_deref()).or(over.as_deref());
    let (table, times) = Table::build_timed(&evals, &view, nodes, watch.probe());
    watch.lap();
    if let Some((verdict, node)) = table.failed().error() {
        watch.record(ExtensionPoint::Filter, Code::Error.as_str(), searched + times.filter);
        return Judged::Failed(evals.filter_error(profile, &view, node, verdict));
    }
    watch.record(ExtensionPoint::Filter, Code::Success.as_str(), searched + times.filter);
    if table.feasible() > 1 {
        watch.record(ExtensionPoint::Score, Code::Success.as_str(), times.score);
    }
    let mut rejectors = table.failed().rejectors() | narrowing;
    let mut message = None;
    if table.feasible() == 0 {
        let failed = match said.filter(|_| left.is_some()) {
            None => {
                diagnosis.histogram = Histogram::of(table.failed(), &evals, &view);
                Cow::Borrowed(table.failed())
            }
            Some(said) => {
                let (failed, histogram) = said.all_failed(&evals, &view, over.as_deref());
                diagnosis.histogram = histogram;
                rejectors |= failed.rejectors() | said.rejectors();
                Cow::Owned(failed)
            }
        };
        if let Some(nodes) = &over {
            let left_out = diagnosis.nodes - u32::try_from(nodes.len()).unwrap_or(u32::MAX);
            let names = profile.names(narrowing).join(" ");
            let reason = format!("node(s) didn't satisfy plugin(s) [{names}]");
            if left_out > 0 {
                diagnosis.histogram.add(reason, left_out);
            }
        }
        if preempts(profile) {
            diagnosis.post_filter = post_filter(pod, &view, Some((&evals, &failed)));
            watch.spent(ExtensionPoint::PostFilter, Code::Unschedulable.as_str());
        }
        message = Some(diagnosis.message());
    }
    Judged::Nodes { evals, table, over, rejectors, message }
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

fn preempts(profile: &Profile) -> bool {
    profile.at(ExtensionPoint::PostFilter).any(|(_, entry)| entry.plugin.preempts())
}

/// What is said where nodes are feasible and yet none is found: a mistake of berth's own.
const NO_PICK: &str = "internal error: feasible nodes were counted but none was found";

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
        self.try_to_place(Trial { id, queued, began }, Said::default(), now, out);
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
            self.reject(id, trial.queued, NO_NODES_AVAILABLE.into(), 0, now, out);
            ended(AttemptResult::Unschedulable);
            return;
        }
        let profile = &self.config.profiles[at];
        let mut watch = Stopwatch::start(&*probe, at);
        let from = Some(&mut self.search_from);
        match judge(profile, &self.cluster, &trial.queued.pod, from, Some(&said), &mut watch) {
            Judged::Rejected { message, rejectors, .. }
            | Judged::Nodes { rejectors, message: Some(message), .. } => {
                probe.algorithm(probe.clock().since(began));
                self.reject(id, trial.queued, message, rejectors, now, out);
                ended(AttemptResult::Unschedulable);
            }
            Judged::Failed(message) => {
                probe.algorithm(probe.clock().since(began));
                self.fail(id, trial.queued, message, now, out);
                ended(AttemptResult::Error);
            }
            Judged::Nodes { evals, table, .. } => {
                if let Some(asking) = self.next_to_ask(&trial.queued.pod, &said, table.feasible()) {
                    let view = View::new(&self.cluster);
                    let nodes = table.totals(&evals, &view).into_iter();
                    let nodes = nodes.map(|(node, _)| self.cluster.node_name(node).into());
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
        let Trial { id, queued, began } = trial;
        let probe = Arc::clone(&self.config.probe);
        let profile = &self.config.profiles[queued.profile];
        let at = queued.profile;
        let ended = |result| probe.attempt(at, result, probe.clock().since(began));
        let (seed, positions) = (self.config.seed, self.cluster.positions());
        let start = start_position(seed, &queued.pod.uid, u64::from(queued.attempts), positions);
        let view = View::new(&self.cluster);
        let scored = said.best(table, evals, &view).transpose();
        let picked = scored.and_then(|best| match &best {
            None => table.pick(evals, &view, start).map(|node| (node, None)),
            Some(nodes) => {
                let from_start = |node: &&NodeId| self.cluster.position(**node) >= start;
                let node = nodes.iter().find(from_start).or(nodes.first()).copied();
                Ok((node, best))
            }
        });
        probe.algorithm(probe.clock().since(began));
        match picked.map_err(|invalid| invalid.message(profile)) {
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

    /// Puts back a pod that fits nowhere, and says why.
    ///
    /// Upstream: handleSchedulingFailure, v1.37: back in the queue first, then the Event and the patch.
    fn reject(
        &mut self,
        id: PodId,
        queued: QueuedPod,
        message: String,
        rejectors: PluginMask,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        self.decide(&queued.pod, DecisionVerdict::Message(message.clone()), out);
        self.say_failed(&queued, "Unschedulable", message, out);
        self.queue.put_back(id, queued, rejectors, &self.config.profiles, now);
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
        self.say_failed(&queued, "SchedulerError", message, out);
        self.queue.put_back(id, queued, 0, &self.config.profiles, now);
    }

    /// The Event and the condition of a failed attempt.
    pub(super) fn say_failed(
        &self,
        queued: &QueuedPod,
        reason: &'static str,
        message: String,
        out: &mut Vec<Effect>,
    ) {
        let pod = &queued.pod;
        let report = Report::FailedScheduling { message: message.clone() };
        out.push(self.report(queued, report));
        let before = pod.scheduled_condition.as_ref();
        let same = |c: &crate::model::ScheduledCondition| {
            &*c.status == "False" && &*c.reason == reason && *c.message == *message
        };
        if before.is_some_and(same) {
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
