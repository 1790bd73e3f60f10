//! InterPodAffinity: pods near other pods or away from them, by the terms of the pod itself and by those of
//! the pods that are there.
//!
//! `effects` says what a pod that is there means to the pod in question; `tally` sums that over the cluster,
//! by the values of each topology key, and `follow` keeps the sums up; `words`, `filter` and `score` read them.

mod effects;
mod filter;
mod follow;
mod hint;
mod score;
mod tally;
#[cfg(test)]
mod tests;
mod words;

use crate::cluster::{Cluster, Fact, Facts, NodeNews, View};
use crate::framework::{
    Action, Candidate, Cells, Change, Code, Eval, ExtensionPoint, Hint, Interest, KeyOut, Parts,
    Plugin, PluginEval, PluginInfo, PrepareCx, Resource, Verdict,
};
use crate::model::{InterPodAffinityArgs, Pod};
use crate::units::NodeId;

use effects::{Incoming, Sum};
use tally::Tallies;
use words::Places;

use super::hints::has_place;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "InterPodAffinity",
    default_weight: Some(2),
    points: &[
        ExtensionPoint::PreFilter,
        ExtensionPoint::Filter,
        ExtensionPoint::PreScore,
        ExtensionPoint::Score,
    ],
    summary: "honours affinity and anti-affinity between pods",
    make: |args| Ok(Box::new(InterPodAffinity { args: args.inter_pod_affinity })),
};

struct InterPodAffinity {
    args: InterPodAffinityArgs,
}

impl Plugin for InterPodAffinity {
    fn lacks(&self, missing: ExtensionPoint, at: ExtensionPoint) -> Option<&'static str> {
        use ExtensionPoint::{Filter, PreFilter, PreScore, Score};
        match (missing, at) {
            (PreFilter, Filter) => {
                Some("error reading \"PreFilterInterPodAffinity\" from cycleState: not found")
            }
            (PreScore, Score) => {
                Some("failed to read \"PreScoreInterPodAffinity\" from cycleState: not found")
            }
            _ => None,
        }
    }

    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::of(&[Fact::NodeLabels, Fact::Namespaces, Fact::Affinity]))
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let (cluster, own) = (cx.view.cluster, pod.pod_affinity.as_deref());
        if let Some(error) = own.and_then(|own| own.error.as_deref()) {
            let reason = format!("parsing pod: {error}");
            return PluginEval::Reject(Code::UnschedulableAndUnresolvable, vec![reason]);
        }
        if own.is_none() && cluster.classes_with_affinity().is_empty() {
            return PluginEval::Skip;
        }
        let incoming = Incoming::new(pod, cluster, self.args);
        let tallies = Tallies::of(&incoming, cluster);
        let (filters, scores) = has_a_say(&incoming, &tallies);
        let eval = Box::new(InterPodAffinityEval {
            position: cx.position,
            filters,
            scores,
            matches_itself: incoming.matches_itself(cluster),
            affinity_total: tallies.total(Sum::Affinity),
            places: Places::new(&tallies, filters, scores),
            incoming,
            tallies,
        });
        if filters || scores { PluginEval::Run(eval) } else { PluginEval::SkipWhile(eval) }
    }

    fn events(&self) -> &'static [Interest] {
        const {
            let pod = Action::ADD.or(Action::UPDATE_POD_LABEL).or(Action::DELETE);
            &[
                Interest::asks(Resource::AssignedPod, pod),
                Interest::always(Resource::TargetPod, Action::UPDATE_POD_LABEL),
                Interest::asks(Resource::Node, Action::ADD.or(Action::UPDATE_NODE_LABEL)),
            ]
        }
    }

    fn hint(&self, change: &Change, pod: Candidate<'_>, cluster: &Cluster) -> Hint {
        let (old, new) = change.pod();
        if [old, new].into_iter().flatten().any(|other| !has_place(other)) {
            return Hint::Skip;
        }
        if hint::is_unreadable(pod.pod) {
            return Hint::Error;
        }
        match change.node() {
            (old, Some(new)) => hint::after_node(pod.pod, old, new),
            _ => hint::after_pod(pod.pod, (old, new), cluster),
        }
    }
}

/// Whether it filters, and whether it scores. Without a count upstream skips the filter for this pod, also when
/// pods are added in thought.
fn has_a_say(incoming: &Incoming, tallies: &Tallies) -> (bool, bool) {
    let filters = incoming.has_required() || tallies.counts_in(Sum::ExistingAntiAffinity);
    (filters, tallies.counts_in(Sum::Score))
}

struct InterPodAffinityEval {
    position: u16,
    filters: bool,
    scores: bool,
    /// All its required affinity terms mean the pod itself.
    matches_itself: bool,
    /// How many pods count for its required affinity, once a topology key.
    affinity_total: i64,
    incoming: Incoming,
    tallies: Tallies,
    places: Places,
}

impl Eval for InterPodAffinityEval {
    fn parts(&self) -> Parts {
        Parts {
            filter: self.filters,
            gate: self.filters,
            key_words: self.places.words(),
            cell_score: self.scores,
            ..Parts::default()
        }
    }

    fn lasting(&self) -> Option<u64> {
        Some(self.places.meaning())
    }

    fn follow(&mut self, view: &View<'_>) {
        self.tallies.follow(&self.incoming, view);
    }

    fn concerned(&self, changes: &[NodeNews], out: &mut Vec<NodeId>) -> bool {
        let concerns = |change: &&NodeNews| !self.tallies.leave_out(change.class, change.stamp);
        out.extend(changes.iter().filter(concerns).map(|change| change.node));
        true
    }

    fn catch_up(&mut self, view: &View<'_>, nodes: &[NodeId]) -> bool {
        if !self.tallies.catch_up(&self.incoming, view, nodes) {
            return false;
        }
        self.affinity_total = self.tallies.total(Sum::Affinity);
        has_a_say(&self.incoming, &self.tallies) == (self.filters, self.scores)
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.tallies.bytes()
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        self.judge(view, nodes, out);
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, verdict: Verdict) -> Vec<String> {
        vec![filter::reason(verdict.detail).into()]
    }

    fn key(&self, view: &View<'_>, nodes: &[NodeId], out: &mut KeyOut<'_>) {
        self.places.key(&self.tallies, view, nodes, out);
    }

    fn gate(&self, _view: &View<'_>, cells: Cells<'_>, out: &mut [Verdict]) {
        self.judge_cells(cells, out);
    }

    fn raw(&self, _view: &View<'_>, cells: Cells<'_>, out: &mut [i64]) {
        self.places.raw(&self.tallies, cells, out);
    }

    fn normalise(&self, _cells: Cells<'_>, raw: &mut [i64]) {
        score::normalise(raw);
    }
}
