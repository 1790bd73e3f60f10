//! Attempts that ask extenders: whom to ask next, what they said so far, and how an attempt goes on when an
//! answer comes. Nothing waits meanwhile: the attempt is parked under a number of its own, other pods are
//! tried, and on the answer the nodes that are left are judged again as they are then.
//!
//! Upstream: findNodesThatPassExtenders and prioritizeNodes, v1.37.
//! Differs from upstream: there the scheduler does nothing else while it waits; and nodes that came out of a
//! filter extender that is not nodeCacheCapable are scored as if they were empty, here as they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::{Cluster, View};
use crate::framework::{
    Answer, AttemptResult, ClusterEvent, Code, EXTENDERS, Evals, Extender, ExtenderVerb,
    FailedNodes, Histogram, NodeVictims, PluginMask, Question, Table,
};
use crate::model::Pod;
use crate::preemption::{self, Preemption, Proposal};
use crate::queue::QueuedPod;
use crate::units::{Map, Nanos, NodeId, PodId, Set};

use super::binding::Stage;
use super::cycle::{Trial, pod_ref};
use super::pods::target_events;
use super::{AttemptId, BindOutcome, Effect, Engine, NoticeLevel, Report};

/// Attempts that wait for extenders at the same time. While there are so many no pod is taken: each keeps
/// the names of its nodes, and a call that hangs keeps its place until its time is up.
pub(super) const PARKED_MAX: usize = 16;

/// What extenders have said in an attempt so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Extenders before this one have filtered, or need not.
    filtered: usize,
    /// Names of the nodes that they left; `None` where none was asked.
    left: Option<Arc<[Box<str>]>>,
    /// Why they turned nodes away.
    failed: BTreeMap<Box<str>, (Code, String)>,
    /// They turned a node away, with or without a word.
    narrowed: bool,
    /// What they add to the totals of nodes; `None` where none was asked.
    points: Option<Map<Box<str>, i64>>,
    /// They are asked about the one node that the pod is nominated to.
    nominated: bool,
    /// The node that the pod is nominated to will not do.
    past_nominated: bool,
    /// The evictions that they leave, or what went wrong; `None` where none was asked.
    victims: Option<Result<Vec<NodeVictims>, String>>,
}

/// An attempt that waits for answers.
#[derive(Debug)]
pub(super) struct Parked {
    trial: Trial,
    said: Said,
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

impl Parked {
    /// Notes what happens in the cluster meanwhile.
    pub(super) fn note(&mut self, event: ClusterEvent) {
        self.trial.queued.note(event);
    }
}

impl Said {
    /// Whether extenders have said which nodes will do.
    pub(super) fn has_filtered(&self) -> bool {
        self.left.is_some()
    }

    /// The nodes that are left, where extenders have filtered, among those in question.
    pub(super) fn left(&self, cluster: &Cluster, over: Option<&[NodeId]>) -> Option<Vec<NodeId>> {
        let nodes = self.left.as_ref()?.iter().filter_map(|name| cluster.find_node(name));
        Some(nodes.filter(|node| over.is_none_or(|over| over.contains(node))).collect())
    }

    /// The extenders, if they rejected a node.
    pub(super) fn rejectors(&self) -> PluginMask {
        if self.narrowed { EXTENDERS } else { 0 }
    }

    /// Every node that is rejected, by plugins or by extenders, and the reasons.
    pub(super) fn all_failed(
        &self,
        evals: &Evals,
        view: &View<'_>,
        over: Option<&[NodeId]>,
    ) -> (FailedNodes, Histogram) {
        let mut failed = Table::build(evals, view, over).failed().clone();
        let mut histogram = Histogram::of(&failed, evals, view);
        for (name, (code, reason)) in &self.failed {
            let Some(node) = view.cluster.find_node(name) else { continue };
            // A plugin that rejects it by now has the first word.
            if !evals.filter_one(view, node).is_pass() {
                continue;
            }
            histogram.add(reason.clone(), 1);
            if *code == Code::Unschedulable {
                failed.unschedulable.push(node);
            }
        }
        (failed, histogram)
    }

    /// The best nodes with the points of extenders, in the order of the permutation; `None` where they gave
    /// none.
    pub(super) fn best(
        &self,
        table: &Table,
        evals: &Evals,
        view: &View<'_>,
    ) -> Option<Vec<NodeId>> {
        let enough = table.feasible() > 1;
        let points = self.points.as_ref().filter(|points| enough && !points.is_empty())?;
        let total = |(node, total): (NodeId, i64)| {
            let more = points.get(view.cluster.node_name(node)).copied().unwrap_or_default();
            (node, total.wrapping_add(more))
        };
        let totals: Vec<_> = table.totals(evals, view).into_iter().map(total).collect();
        let most = totals.iter().map(|(_, total)| *total).max()?;
        let best = totals.into_iter().filter(|(_, total)| *total == most);
        Some(best.map(|(node, _)| node).collect())
    }

    /// Whether the node is to be tried first that the pod is nominated to.
    pub(super) fn may_try_nominated(&self) -> bool {
        !self.past_nominated
    }

    /// With `nominated`, only that node is asked about.
    pub(super) fn about(mut self, nominated: bool) -> Self {
        self.nominated |= nominated;
        self
    }

    /// Whether only that node is asked about.
    pub(super) fn is_about_nominated(&self) -> bool {
        self.nominated
    }

    /// That node will not do: all others are looked at, as if nothing had been said but of this one.
    ///
    /// Upstream: evaluateNominatedNode, v1.37.
    pub(super) fn past_nominated(self) -> Self {
        Self { failed: self.failed, past_nominated: true, ..Self::default() }
    }

    /// What preemption comes to, where extenders were asked about it.
    pub(super) fn preemption(&self, cluster: &Cluster) -> Option<Preemption> {
        let victims = match self.victims.as_ref()? {
            Ok(victims) => victims,
            Err(text) => return Some(preemption::failed(text)),
        };
        let proposal = |on: &NodeVictims| {
            let node = cluster.find_node(&on.node)?;
            // Who is gone by now need not go.
            let victims: Vec<_> =
                on.pods.iter().filter_map(|uid| on_node(cluster, node, uid)).collect();
            let budget_violations = usize::try_from(on.budget_violations).unwrap_or_default();
            (!victims.is_empty()).then_some(Proposal { node, victims, budget_violations })
        };
        Some(preemption::settle(victims.iter().filter_map(proposal).collect(), cluster))
    }

    /// Takes in what a filter left of `sent`.
    fn filter(&mut self, sent: &[Box<str>], nodes: Vec<Box<str>>, failed: Failures) {
        let kept: Set<Box<str>> = nodes.into_iter().collect();
        let left: Arc<[_]> = sent.iter().filter(|name| kept.contains(*name)).cloned().collect();
        self.narrowed |= left.len() < sent.len();
        self.left = Some(left);
        let sent: Set<&str> = sent.iter().map(|name| &**name).collect();
        for (node, code, reason) in failed {
            if sent.contains(&*node) {
                self.failed.insert(node, (code, reason));
            }
        }
    }
}

/// Nodes that an extender rejects, and why.
type Failures = Vec<(Box<str>, Code, String)>;

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

    /// Preemption would evict pods: extenders are asked which of these evictions may be.
    pub(super) fn propose(
        &mut self,
        trial: Trial,
        mut said: Said,
        proposals: &[Proposal],
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let uid = |id: &PodId| Some(self.cluster.pod(*id)?.uid.clone());
        let on = |proposal: &Proposal| NodeVictims {
            node: self.cluster.node_name(proposal.node).into(),
            pods: proposal.victims.iter().filter_map(uid).collect(),
            budget_violations: i64::try_from(proposal.budget_violations).unwrap_or(i64::MAX),
        };
        said.victims = Some(Ok(proposals.iter().map(on).collect()));
        self.ask_preempter(trial, said, 0, now, out);
    }

    /// Asks the first extender from `from` on that has a say, as long as there are evictions left.
    fn ask_preempter(
        &mut self,
        trial: Trial,
        said: Said,
        from: usize,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let left = matches!(&said.victims, Some(Ok(victims)) if !victims.is_empty());
        let next = preempters(&self.config.extenders, &trial.queued.pod, from);
        match next.filter(|_| left) {
            Some(extender) => {
                self.park(trial, said, Asking::Preempt(extender), Arc::default(), out);
            }
            None => self.go_on(trial, said, now, out),
        }
    }

    /// An extender has said which evictions may be.
    ///
    /// Upstream: callExtenders of the preemption, v1.37.
    fn preempted(
        &mut self,
        parked: Parked,
        extender: usize,
        answer: Result<Answer, String>,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Parked { trial, said: mut so_far, .. } = parked;
        let checked = match answer {
            Ok(Answer::Victims(victims)) => self.checked(extender, victims),
            answer => Err(said(answer)),
        };
        match checked {
            Err(text) if self.config.extenders[extender].ignorable => {
                self.skipped(extender, &trial.queued.pod, &text, out);
            }
            checked => so_far.victims = Some(checked),
        }
        self.ask_preempter(trial, so_far, extender + 1, now, out);
    }

    /// The victims that an extender named, which must be where it says, and on each node at least one.
    fn checked(
        &self,
        extender: usize,
        victims: Vec<NodeVictims>,
    ) -> Result<Vec<NodeVictims>, String> {
        let it = &self.config.extenders[extender];
        let mut checked = Vec::new();
        for on in victims {
            let name = &on.node;
            let node = self.cluster.find_node(name);
            let node = node.ok_or_else(|| format!("nodeinfo not found for node name {name:?}"))?;
            let missing = on.pods.iter().find(|uid| on_node(&self.cluster, node, uid).is_none());
            if let Some(uid) = missing {
                return Err(format!(
                    "extender: {} claims to preempt pod (UID: &{{{uid}}}) on node: {name}, but the \
                     pod is not found on that node",
                    it.name
                ));
            }
            if on.pods.is_empty() && !it.ignorable {
                return Err(format!("expected at least one victim pod on node {name:?}"));
            }
            if !on.pods.is_empty() {
                checked.push(on);
            }
        }
        Ok(checked)
    }

    /// An extender that may fail did.
    fn skipped(&self, extender: usize, pod: &Pod, why: &str, out: &mut Vec<Effect>) {
        let name = &self.config.extenders[extender].name;
        let text = format!("extender {name} is skipped, as it is ignorable: {why}");
        Self::notice(NoticeLevel::Warn, pod, text, out);
    }

    /// Nothing can be decided, since an extender failed.
    fn give_up(&mut self, trial: Trial, message: String, now: Nanos, out: &mut Vec<Effect>) {
        let Trial { id, queued, began } = trial;
        let profile = queued.profile;
        self.fail(id, queued, message, now, out);
        let took = self.config.probe.clock().since(began);
        self.config.probe.algorithm(took);
        self.config.probe.attempt(profile, AttemptResult::Error, took);
    }

    /// Judges again with what extenders have said.
    fn go_on(&mut self, trial: Trial, said: Said, now: Nanos, out: &mut Vec<Effect>) {
        if trial.queued.pod.terminating {
            let message = format!("skip schedule deleting pod: {}", trial.queued.pod.key);
            out.push(self.report(&trial.queued, Report::FailedScheduling { message }));
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
        for event in target_events(&parked.trial.queued.pod, &pod) {
            parked.note(event);
        }
        parked.trial.queued.pod = pod;
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
        let (pod, question) = (pod_ref(pod), Question::Bind(attempt.node.clone()));
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

/// The first extender from `from` on that has a say in whom `pod` may evict.
pub(super) fn preempters(extenders: &[Extender], pod: &Pod, from: usize) -> Option<usize> {
    let mut all = extenders.iter().enumerate().skip(from);
    all.find(|(_, it)| it.preempts && it.is_interested(pod)).map(|(at, _)| at)
}

/// The pod with this UID on `node`.
fn on_node(cluster: &Cluster, node: NodeId, uid: &str) -> Option<PodId> {
    let mut pods = cluster.pods_on(node).iter().copied();
    pods.find(|id| cluster.pod(*id).is_some_and(|pod| *pod.uid == *uid))
}

/// What went wrong, in words.
fn said(answer: Result<Answer, String>) -> String {
    answer.err().unwrap_or_else(|| "it answers what it was not asked".to_owned())
}
