//! Questions that change nothing: what would become of a pod, node by node and plugin by plugin.

use std::collections::BTreeMap;

use crate::cluster::View;
use crate::framework::{Candidate, Code, ExtensionPoint, Profile, Stopwatch, explain};
use crate::model::{Pod, PodKey};
use crate::preemption::Outcome;
use crate::units::NodeId;

use super::Engine;
use super::judge::{Judged, Judging, judge};
use super::preempt::nominated_node;
use super::tables::Sorted;

/// A rejection with its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeVerdict {
    /// The plugin.
    pub plugin: &'static str,
    /// The code.
    pub code: Code,
    /// Its reasons.
    pub reasons: Vec<String>,
}

/// A place that preemption finds for a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreemptionAnswer {
    /// The node.
    pub node: Box<str>,
    /// The pods that would be deleted, sorted; those that are going already are not.
    pub victims: Vec<PodKey>,
    /// Why the pod fits nowhere as it is.
    pub message: String,
}

/// Scores by node and plugin.
type Scores = BTreeMap<Box<str>, BTreeMap<&'static str, i64>>;

/// Everything that would be decided about one pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodAnswer {
    /// PreEnqueue holds it.
    pub pre_enqueue: Option<NodeVerdict>,
    /// PreFilter turned it away, or failed.
    pub pre_filter: Option<NodeVerdict>,
    /// Each node that Filter rejected, with the first plugin that did.
    pub rejected: BTreeMap<Box<str>, NodeVerdict>,
    /// Number of feasible nodes.
    pub feasible: u32,
    /// Scores before normalising.
    pub raw: Scores,
    /// Scores after normalising and weighing.
    pub scores: Scores,
    /// Sums of scores.
    pub totals: BTreeMap<Box<str>, i64>,
    /// All nodes with the highest sum, sorted by name.
    pub best: Vec<Box<str>>,
    /// Why there is no feasible node; `None` where preemption finds a place.
    pub message: Option<String>,
    /// The places that preemption finds where no node is feasible; any of them is right.
    pub preemption: Vec<PreemptionAnswer>,
    /// Why nothing can be decided.
    pub error: Option<String>,
    /// The plugins that rejected something, sorted by name.
    pub unschedulable_plugins: Vec<&'static str>,
}

impl Engine {
    /// What would become of `pod` now, if it were in the queue. `None` where no profile is its.
    ///
    /// With a single profile that one answers, whatever name the pod gives.
    #[must_use]
    pub fn evaluate(&self, pod: &Pod) -> Option<PodAnswer> {
        let single = (self.config.profiles.len() == 1).then_some(0);
        let profile = &self.config.profiles[single.or_else(|| self.profile_of(pod))?];
        let mut answer = PodAnswer::default();
        for (_, entry) in profile.at(ExtensionPoint::PreEnqueue) {
            if let Some(rejection) = entry.plugin.pre_enqueue(Candidate::whole(pod), &self.cluster)
            {
                let (code, reasons) = (rejection.code, rejection.reasons);
                answer.pre_enqueue = Some(NodeVerdict { plugin: entry.name, code, reasons });
                return Some(answer);
            }
        }
        self.fill(&mut answer, profile, pod);
        Some(answer)
    }

    fn fill(&self, answer: &mut PodAnswer, profile: &Profile, pod: &Pod) {
        let name = |position: u16| profile.plugins[usize::from(position)].name;
        let mut watch = Stopwatch::off();
        let judging = Judging {
            profile,
            cluster: &self.cluster,
            pod,
            nominated: nominated_node(&self.cluster, pod),
            attempt: (self.config.seed, 0),
        };
        let judged = judge(&judging, None, &mut watch);
        let (sorted, over) = match judged {
            Judged::Rejected { plugin, rejection, message, rejectors, outcome } => {
                let (code, reasons) = (rejection.code, rejection.reasons);
                let plugin = plugin.map_or("", name);
                answer.pre_filter = Some(NodeVerdict { plugin, code, reasons });
                self.fill_unplaced(answer, message, outcome);
                answer.unschedulable_plugins = profile.names(rejectors);
                return;
            }
            Judged::Failed { pre_filter, message } => {
                answer.pre_filter = pre_filter.map(|plugin| NodeVerdict {
                    plugin: name(plugin),
                    code: Code::Error,
                    reasons: vec![message.clone()],
                });
                answer.error = Some(message);
                return;
            }
            Judged::Nodes { sorted, over, rejectors, unplaced, .. } => {
                if let Some((message, outcome)) = unplaced {
                    self.fill_unplaced(answer, message, outcome);
                }
                answer.unschedulable_plugins = profile.names(rejectors);
                (sorted, over)
            }
        };
        self.fill_nodes(answer, profile, &sorted, over.as_deref());
    }

    fn fill_nodes(
        &self,
        answer: &mut PodAnswer,
        profile: &Profile,
        sorted: &Sorted,
        over: Option<&[NodeId]>,
    ) {
        let name = |position: u16| profile.plugins[usize::from(position)].name;
        let Sorted { evals, table, .. } = sorted;
        let view = View::new(&self.cluster);
        answer.feasible = table.feasible();
        let invalid = table.invalid_score(evals, &view);
        let failed = table.failed().error();
        let failed = failed.map(|(verdict, node)| evals.reasons(&view, node, verdict).join(", "));
        let unscored = evals.score_error(profile).filter(|_| answer.feasible > 0);
        let message = || invalid.map(|invalid| invalid.message(profile));
        answer.error = failed.or(unscored.clone()).or_else(message);
        for report in explain(evals, &view, table, over) {
            let node: Box<str> = self.cluster.node_name(report.node).into();
            if !report.verdict.is_pass() {
                let reasons = evals.reasons(&view, report.node, report.verdict);
                let (plugin, code) = (name(report.verdict.plugin), report.verdict.code);
                answer.rejected.insert(node, NodeVerdict { plugin, code, reasons });
                continue;
            }
            if unscored.is_some() || invalid.is_some() {
                continue;
            }
            let scores = || report.scores.iter();
            let raw = scores().map(|(position, raw, _)| (name(*position), *raw)).collect();
            let weighted = scores().map(|(position, _, points)| (name(*position), *points));
            answer.raw.insert(node.clone(), raw);
            answer.scores.insert(node.clone(), weighted.collect());
            answer.totals.insert(node, report.total);
        }
        if unscored.is_none()
            && invalid.is_none()
            && let Some((_, best)) = table.best(evals, &view)
        {
            let best = best.into_iter().map(|node| self.cluster.node_name(node).into());
            answer.best = best.collect();
            answer.best.sort_unstable();
        }
    }

    fn fill_unplaced(&self, answer: &mut PodAnswer, message: String, outcome: Outcome) {
        let Outcome::Place { node, victims } = outcome else {
            answer.message = Some(message);
            return;
        };
        let entries = victims.into_iter().filter_map(|id| self.cluster.pod(id));
        let stays = |class: u32| self.cluster.class(class).is_some_and(|class| !class.terminating);
        let stay = entries.filter(|pod| stays(pod.class));
        let mut victims: Vec<_> = stay.map(|pod| pod.key.clone()).collect();
        victims.sort_by_cached_key(ToString::to_string);
        let node = self.cluster.node_name(node).into();
        answer.preemption.push(PreemptionAnswer { node, victims, message });
    }
}
