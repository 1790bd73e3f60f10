//! What extenders have said in an attempt so far, and what follows from it for the nodes. Kept by `extend`,
//! asked by `cycle`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::{Cluster, View};
use crate::framework::{
    Code, EXTENDERS, Evals, FailedNodes, Histogram, NodeVictims, PluginMask, Table,
};
use crate::preemption::{self, Preemption, Proposal};
use crate::units::{Map, NodeId, PodId, Set};

/// What extenders have said in an attempt so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Extenders before this one have filtered, or need not.
    pub(super) filtered: usize,
    /// Names of the nodes that they left; `None` where none was asked.
    left: Option<Arc<[Box<str>]>>,
    /// Why they turned nodes away.
    failed: BTreeMap<Box<str>, (Code, String)>,
    /// They turned a node away, with or without a word.
    narrowed: bool,
    /// What they add to the totals of nodes; `None` where none was asked.
    pub(super) points: Option<Map<Box<str>, i64>>,
    /// They are asked about the one node that the pod is nominated to.
    nominated: bool,
    /// The node that the pod is nominated to will not do.
    past_nominated: bool,
    /// The evictions that they leave, or what went wrong; `None` where none was asked.
    pub(super) victims: Option<Result<Vec<NodeVictims>, String>>,
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
        let mut table = Table::build(evals, view, over);
        table.count_failed(evals, view);
        let mut failed = table.failed().clone();
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
    pub(super) fn filter(&mut self, sent: &[Box<str>], nodes: Vec<Box<str>>, failed: Failures) {
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

/// The pod with this UID on `node`.
pub(super) fn on_node(cluster: &Cluster, node: NodeId, uid: &str) -> Option<PodId> {
    let mut pods = cluster.pods_on(node).iter().copied();
    pods.find(|id| cluster.pod(*id).is_some_and(|pod| *pod.uid == *uid))
}
