//! What is found out about a pod: its plugins prepared, the nodes judged, and preemption asked where none will
//! do. Called by `cycle` for attempts and by `query` for questions.

use std::borrow::Cow;

use crate::cluster::{Cluster, View};
use crate::framework::{
    BuildTimes, Code, Diagnosis, Evals, ExtensionPoint, FailedNodes, Histogram, PluginMask,
    PodRejection, PostFilter, Prepared, Profile, Stopwatch, Table, prepare_timed,
};
use crate::model::{DefaultPreemptionArgs, Pod};
use crate::preemption::{Outcome, Preemption, Unplaced, preempt, propose};
use crate::units::{Nanos, NodeId};

use super::said::Said;
use super::sample::{feasible_nodes_wanted, search};
use super::tables::{Signature, Tables};

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
        /// What the table may be kept for.
        signature: Option<Signature>,
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

/// What an attempt adds to the question of what would become of a pod.
pub(super) struct Trying<'a> {
    /// Where a search that stops early begins; moved to where the next one does.
    pub(super) search_from: &'a mut usize,
    /// The tables of pods before, for this one of a profile with this number.
    pub(super) tables: (&'a mut Tables, usize),
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
    mut trying: Option<Trying<'_>>,
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
        Prepared::Rejected { plugin, rejection, rejectors, evals } => {
            watch.spent(ExtensionPoint::PreFilter, rejection.code);
            diagnosis.pre_filter = Some(rejection.reasons.join(", "));
            let all = evals.as_ref().map(|evals| (evals, FailedNodes::all(cluster.nodes())));
            let judged = all.as_ref().map(|(evals, all)| (*evals, all));
            let outcome = if profile.post_filter_fails(rejection.code, rejectors) {
                Outcome::Ineligible
            } else {
                post_filter(judging, judged, None, &mut diagnosis, watch)
            };
            let message = diagnosis.message();
            return Judged::Rejected { plugin, rejection, message, rejectors, outcome };
        }
    };
    let (over, narrowing) = match narrowed {
        Some((nodes, plugins)) => (Some(nodes), plugins),
        None => (None, 0),
    };
    let said = trying.as_ref().map(|trying| (trying.said, trying.asks_before_evicting));
    let filtered = said.is_some_and(|(said, _)| said.has_filtered());
    let (looked_at, nominated) =
        looked_at(judging, &view, &evals, over.as_deref(), trying.as_mut());
    let searched = watch.lap();
    let nodes = looked_at.as_deref().or(over.as_deref());
    let (table, times, signature) = judge_nodes(judging, trying, &evals, nodes, watch);
    watch.lap();
    if let Some((verdict, node)) = table.failed().error()
        && said.is_some()
    {
        watch.record(ExtensionPoint::Filter, Code::Error, searched + times.filter);
        let message = evals.reasons(&view, node, verdict).join(", ");
        return Judged::Failed { pre_filter: None, message };
    }
    watch.record(ExtensionPoint::Filter, Code::Success, searched + times.filter);
    measure_scores(profile, &evals, &table, times.score, watch);
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
    Judged::Nodes { evals, table, signature, over, rejectors, nominated, unplaced }
}

/// Judges `nodes`, or all in a table that is kept for the next pod of the same template.
fn judge_nodes(
    judging: &Judging<'_>,
    trying: Option<Trying<'_>>,
    evals: &Evals,
    nodes: Option<&[NodeId]>,
    watch: &Stopwatch<'_>,
) -> (Table, BuildTimes, Option<Signature>) {
    let view = View::new(judging.cluster);
    match trying {
        // A pod that is nominated counts on its node for others, not for itself.
        Some(Trying { tables: (tables, profile), .. })
            if nodes.is_none() && judging.nominated.is_none() =>
        {
            tables.table((profile, judging.pod), evals, &view, watch)
        }
        _ => {
            let (table, times) = Table::build_timed(evals, &view, nodes, watch);
            (table, times, None)
        }
    }
}

/// What the scores of a table took, where there is more than one node to choose from.
fn measure_scores(
    profile: &Profile,
    evals: &Evals,
    table: &Table,
    took: Nanos,
    watch: &Stopwatch<'_>,
) {
    if table.feasible() <= 1 {
        return;
    }
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
    trying: Option<&mut Trying<'_>>,
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

/// Lets the plugins at PostFilter speak, until one has helped or none can.
///
/// Upstream: RunPostFilterPlugins, v1.37.
fn post_filter(
    judging: &Judging<'_>,
    judged: Option<(&Evals, &FailedNodes)>,
    said: Option<(&Said, bool)>,
    diagnosis: &mut Diagnosis,
    watch: &mut Stopwatch<'_>,
) -> Outcome {
    let Judging { profile, cluster, pod, .. } = *judging;
    if profile.post_filter_lacks() {
        return Outcome::Ineligible;
    }
    if profile.mask_at(ExtensionPoint::PostFilter) == 0 {
        return Outcome::NoPlace;
    }
    let (mut outcome, mut code) = (Outcome::Ineligible, Code::Unschedulable);
    let mut reasons = Vec::new();
    for (_, entry) in profile.at(ExtensionPoint::PostFilter) {
        let failed = judged.map(|(_, failed)| failed);
        match entry.plugin.post_filter(pod, &View::new(cluster), failed) {
            PostFilter::Reject(Code::Unschedulable, why) => reasons.extend(why),
            PostFilter::Reject(_, why) => {
                (outcome, code) = (Outcome::Ineligible, Code::UnschedulableAndUnresolvable);
                reasons = why;
            }
            PostFilter::Fail(error) => {
                (outcome, code) = (Outcome::Ineligible, Code::Error);
                reasons = vec![error];
            }
            PostFilter::Helped { node, message } => {
                let node = node.and_then(|node| cluster.find_node(&node));
                let place = |node| Outcome::Place { node, victims: Vec::new() };
                (outcome, code) = (node.map_or(Outcome::Ineligible, place), Code::Success);
                reasons = vec![message];
            }
            PostFilter::Preempt(args) => {
                let preemption = preempt_for(judging, judged, said, args, watch);
                match preemption.outcome {
                    // Extenders come first.
                    Outcome::Proposed(_) => return preemption.outcome,
                    Outcome::Place { .. } => {
                        (code, reasons) = (Code::Success, vec![preemption.message]);
                    }
                    Outcome::Ineligible | Outcome::NoPlace => reasons.push(preemption.message),
                }
                outcome = preemption.outcome;
            }
        }
        if code != Code::Unschedulable {
            break;
        }
    }
    diagnosis.post_filter = reasons.join(", ");
    watch.spent(ExtensionPoint::PostFilter, code);
    outcome
}

/// Looks for pods of lower priority that are to make way.
fn preempt_for(
    judging: &Judging<'_>,
    judged: Option<(&Evals, &FailedNodes)>,
    said: Option<(&Said, bool)>,
    args: DefaultPreemptionArgs,
    watch: &Stopwatch<'_>,
) -> Preemption {
    let Judging { cluster, pod, nominated, start, .. } = *judging;
    watch.probe().preemption_attempt();
    let unplaced = Unplaced { pod, view: View::new(cluster), judged, nominated, start };
    match (said.and_then(|(said, _)| said.preemption(cluster)), said) {
        (Some(preemption), _) => preemption,
        (None, Some((_, true))) => propose(&unplaced, args),
        (None, _) => preempt(&unplaced, args),
    }
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
