//! What is found out about a pod: its plugins prepared, the nodes judged, and preemption asked where none will
//! do. Called by `cycle` for attempts and by `query` for questions.

use std::borrow::Cow;

use crate::cluster::{Cluster, View};
use crate::framework::{
    BuildTimes, Code, Diagnosis, Evals, ExtensionPoint, FailedNodes, Histogram, PluginMask,
    PodRejection, PostFilter, Prepared, Profile, Stopwatch, Table, prepare_timed, start_position,
};
use crate::model::{DefaultPreemptionArgs, Pod};
use crate::preemption::{Outcome, Preemption, Unplaced, preempt, propose};
use crate::units::{Nanos, NodeId};

use super::said::Said;
use super::sample::{feasible_nodes_wanted, search};
use super::tables::{OwnWord, Sorted, Sought, Tables};

/// What was found out about a pod.
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
        sorted: Box<Sorted>,
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
    /// The seed and the number of the attempt: with the pod they say where preemption begins to look.
    pub(super) attempt: (u64, u64),
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
    let mut sought = seek(judging, trying.as_mut(), watch);
    if let Some(sought) = &mut sought
        && let Some(kept) = sought.kept.take()
    {
        match judge_by_kept(judging, trying.as_ref(), (kept, &mut sought.own), watch) {
            Ok(judged) => return judged,
            Err(kept) => sought.kept = Some(kept),
        }
    }
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
                post_filter(judging, judged, None, &mut diagnosis, watch).0
            };
            let message = diagnosis.message();
            return Judged::Rejected { plugin, rejection, message, rejectors, outcome };
        }
    };
    judge_ready((judging, trying, sought), evals, narrowed, watch)
}

/// Judges the nodes by fresh evals.
fn judge_ready(
    (judging, mut trying, sought): (&Judging<'_>, Option<Trying<'_>>, Option<Sought>),
    evals: Evals,
    narrowed: Option<(Vec<NodeId>, PluginMask)>,
    watch: &mut Stopwatch<'_>,
) -> Judged {
    let view = View::new(judging.cluster);
    let (over, narrowing) = narrowed.unzip();
    let narrowing = narrowing.unwrap_or_default();
    let said = trying.as_ref().map(|trying| (trying.said, trying.asks_before_evicting));
    let (looked_at, nominated) =
        looked_at(judging, &view, &evals, over.as_deref(), trying.as_mut());
    let searched = watch.lap();
    let nodes = looked_at.as_deref().or(over.as_deref());
    let (mut sorted, times) = if let (None, Some(sought), Some(trying)) = (nodes, sought, trying) {
        trying.tables.0.sort(sought, (judging.profile, judging.pod), evals, &view, watch)
    } else {
        let (table, times) = Table::build_timed(&evals, &view, nodes, watch);
        (Sorted::once(evals, table), times)
    };
    let times = BuildTimes { filter: searched + times.filter, ..times };
    if let Err(message) = settle(judging, &mut sorted, said.is_some(), times, watch) {
        return Judged::Failed { pre_filter: None, message };
    }
    let mut rejectors = sorted.table.failed().rejectors() | narrowing;
    let mut unplaced = None;
    if sorted.table.feasible() == 0 {
        let narrowed = over.as_deref().map(|nodes| (nodes, narrowing));
        unplaced = Some(unplace(judging, &mut sorted, said, (narrowed, &mut rejectors), watch));
    }
    Judged::Nodes { sorted, over, rejectors, nominated, unplaced }
}

/// Why no node will do, and what preemption makes of it. `narrowed` are the only nodes in question, and the
/// plugins that narrowed them; extenders come to the `rejectors`.
fn unplace(
    judging: &Judging<'_>,
    sorted: &mut Sorted,
    said: Option<(&Said, bool)>,
    (narrowed, rejectors): (Option<(&[NodeId], PluginMask)>, &mut PluginMask),
    watch: &mut Stopwatch<'_>,
) -> (String, Outcome) {
    let Judging { profile, cluster, .. } = *judging;
    let view = View::new(cluster);
    let Sorted { evals, table, .. } = sorted;
    let mut diagnosis = Diagnosis { nodes: cluster.node_count(), ..Diagnosis::default() };
    let failed = match said.filter(|(said, _)| said.has_filtered()) {
        None => {
            diagnosis.histogram = Histogram::of(table.failed(), evals, &view);
            Cow::Borrowed(table.failed())
        }
        Some((said, _)) => {
            let over = narrowed.map(|(nodes, _)| nodes);
            let (failed, histogram) = said.all_failed(evals, &view, over);
            diagnosis.histogram = histogram;
            *rejectors |= failed.rejectors() | said.rejectors();
            Cow::Owned(failed)
        }
    };
    if let Some((nodes, plugins)) = narrowed {
        count_left_out(&mut diagnosis, nodes.len(), &profile.names(plugins));
    }
    let judged = Some((&*evals, &*failed));
    let (outcome, idle) = post_filter(judging, judged, said, &mut diagnosis, watch);
    let message = diagnosis.message();
    if idle {
        sorted.fits_nowhere(cluster, (&message, *rejectors, &outcome));
    }
    (message, outcome)
}

/// What is kept for pods like this one, where all nodes are in question; taken out.
fn seek(
    judging: &Judging<'_>,
    trying: Option<&mut Trying<'_>>,
    watch: &Stopwatch<'_>,
) -> Option<Sought> {
    let Judging { profile, cluster, pod, .. } = *judging;
    let Trying { tables: (tables, at), said, .. } = trying?;
    // A pod that is nominated counts on its node for others, not for itself.
    let all = judging.nominated.is_none() && !said.has_filtered();
    let candidates = cluster.node_count() as usize;
    let wanted = feasible_nodes_wanted(profile.percentage_of_nodes_to_score, candidates);
    if !all || wanted.is_some() {
        return None;
    }
    tables.seek((*at, profile), pod, &View::new(cluster), watch)
}

/// Judges the nodes by what is kept for pods like this one; gives it back where the pod has to be prepared.
fn judge_by_kept(
    judging: &Judging<'_>,
    trying: Option<&Trying<'_>>,
    (mut sorted, own): (Box<Sorted>, &mut OwnWord),
    watch: &mut Stopwatch<'_>,
) -> Result<Judged, Box<Sorted>> {
    let Judging { cluster, pod, .. } = *judging;
    let view = View::new(cluster);
    let found_in = watch.lap();
    let Some(times) = sorted.catch_up(pod, own, &view, watch) else { return Err(sorted) };
    let said = trying.map(|trying| (trying.said, trying.asks_before_evicting));
    #[cfg(test)]
    sorted.check((judging.profile, pod), &view);
    watch.evaluated(ExtensionPoint::PreFilter, sorted.evals.prepared_by(), 1);
    watch.record(ExtensionPoint::PreFilter, Code::Success, found_in);
    if let Some((message, rejectors, outcome)) = sorted.nowhere(cluster) {
        watch.record(ExtensionPoint::Filter, Code::Success, times.filter);
        watch.probe().preemption_attempt();
        watch.spent(ExtensionPoint::PostFilter, Code::Unschedulable);
        let unplaced = Some((message, outcome));
        return Ok(Judged::Nodes { sorted, over: None, rejectors, nominated: false, unplaced });
    }
    if let Err(message) = settle(judging, &mut sorted, true, times, watch) {
        return Ok(Judged::Failed { pre_filter: None, message });
    }
    let mut rejectors = sorted.table.failed().rejectors();
    let unplaced = (sorted.table.feasible() == 0)
        .then(|| unplace(judging, &mut sorted, said, (None, &mut rejectors), watch));
    Ok(Judged::Nodes { sorted, over: None, rejectors, nominated: false, unplaced })
}

/// After the nodes were judged: what is measured, and the rejected ones counted where somebody reads them. An
/// error is why nothing can be decided.
fn settle(
    judging: &Judging<'_>,
    sorted: &mut Sorted,
    is_attempt: bool,
    times: BuildTimes,
    watch: &mut Stopwatch<'_>,
) -> Result<(), String> {
    let view = View::new(judging.cluster);
    let Sorted { evals, table, .. } = sorted;
    if !is_attempt || table.feasible() == 0 {
        table.count_failed(evals, &view);
    }
    watch.lap();
    if let Some((verdict, node)) = table.failed().error()
        && is_attempt
    {
        watch.record(ExtensionPoint::Filter, Code::Error, times.filter);
        return Err(evals.reasons(&view, node, verdict).join(", "));
    }
    watch.record(ExtensionPoint::Filter, Code::Success, times.filter);
    measure_scores(judging.profile, evals, table, times.score, watch);
    Ok(())
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

/// Lets the plugins at PostFilter speak, until one has helped or none can; whether all of them only looked, and
/// say the same again while nothing changes.
///
/// Upstream: RunPostFilterPlugins, v1.37.
fn post_filter(
    judging: &Judging<'_>,
    judged: Option<(&Evals, &FailedNodes)>,
    said: Option<(&Said, bool)>,
    diagnosis: &mut Diagnosis,
    watch: &mut Stopwatch<'_>,
) -> (Outcome, bool) {
    let Judging { profile, cluster, pod, .. } = *judging;
    if profile.post_filter_lacks() {
        return (Outcome::Ineligible, false);
    }
    if profile.mask_at(ExtensionPoint::PostFilter) == 0 {
        return (Outcome::NoPlace, false);
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
                    Outcome::Proposed(_) => return (preemption.outcome, false),
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
    (outcome, code == Code::Unschedulable)
}

/// Looks for pods of lower priority that are to make way.
fn preempt_for(
    judging: &Judging<'_>,
    judged: Option<(&Evals, &FailedNodes)>,
    said: Option<(&Said, bool)>,
    args: DefaultPreemptionArgs,
    watch: &Stopwatch<'_>,
) -> Preemption {
    let Judging { cluster, pod, nominated, attempt: (seed, attempt), .. } = *judging;
    let start = start_position(seed, &pod.uid, attempt, u32::MAX);
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
