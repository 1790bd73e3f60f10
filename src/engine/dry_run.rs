//! A dry run: decides as ever, binds nothing, and compares with where the pods really went.

use std::sync::Arc;

use crate::cluster::View;
use crate::framework::{DryRunOutcome, Evals, Table};
use crate::model::Pod;
use crate::units::{Map, PodId};

use super::{DecisionVerdict, Effect, Engine, NoticeLevel};

/// How the decisions of a dry run compare with where the pods went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DryRunCounts {
    /// Pods that went to the node that was decided, or to one as good.
    pub agreed: u64,
    /// Pods that went to a node that was not among the best when the decision was made.
    pub differed: u64,
    /// Pods that went to a node although none was found to be feasible.
    pub placed_all_the_same: u64,
}

/// What is remembered of a dry run.
#[derive(Debug, Default)]
pub(super) struct DryRun {
    /// The best nodes of every pod that was decided and is not placed yet, the chosen one first.
    decided: Map<PodId, Vec<Box<str>>>,
    pub(super) counts: DryRunCounts,
}

impl Engine {
    /// Notes where `pod` would go, and the nodes that were as good.
    pub(super) fn would_place(
        &mut self,
        id: PodId,
        pod: &Pod,
        node: &Arc<str>,
        best: Vec<Box<str>>,
        out: &mut Vec<Effect>,
    ) {
        self.decide(pod, DecisionVerdict::Node(Arc::clone(node)), out);
        let text = format!("would go to {node}, one of {} best nodes", best.len());
        Self::notice(NoticeLevel::Info, pod, text, out);
        let others = best.into_iter().filter(|other| **other != **node);
        let all = std::iter::once((&**node).into()).chain(others).collect();
        if let Some(dry_run) = &mut self.dry_run {
            dry_run.decided.insert(id, all);
        }
    }

    /// Names of the best nodes.
    pub(super) fn best_nodes(
        &self,
        table: &Table,
        evals: &Evals,
        view: &View<'_>,
    ) -> Vec<Box<str>> {
        let best = table.best(evals, view).map(|(_, nodes)| nodes).unwrap_or_default();
        best.into_iter().map(|node| self.cluster.node_name(node).into()).collect()
    }

    /// The watch shows that a pod of ours went to `node`; `waited` says that it was still in the queue.
    pub(super) fn compare(
        &mut self,
        id: PodId,
        pod: &Pod,
        node: &str,
        waited: bool,
        out: &mut Vec<Effect>,
    ) {
        let Some(dry_run) = &mut self.dry_run else { return };
        let counts = &mut dry_run.counts;
        let (outcome, level, text) = match dry_run.decided.remove(&id) {
            Some(best) if best.iter().any(|name| **name == *node) => {
                counts.agreed += 1;
                let text = format!("went to {node}, as decided or as good");
                (DryRunOutcome::Agreed, NoticeLevel::Debug, text)
            }
            Some(best) => {
                counts.differed += 1;
                let chosen = best.first().map_or("", |name| name);
                let text = format!("went to {node}, and not to {chosen} as decided");
                (DryRunOutcome::Differed, NoticeLevel::Info, text)
            }
            None if waited => {
                counts.placed_all_the_same += 1;
                let text = format!("went to {node}, though no node was found for it");
                (DryRunOutcome::PlacedAllTheSame, NoticeLevel::Info, text)
            }
            None => return,
        };
        self.config.probe.compared(outcome);
        Self::notice(level, pod, text, out);
    }

    /// Whether a dry run has decided about the pod and waits to see where it goes.
    pub(super) fn is_decided_dry(&self, id: PodId) -> bool {
        self.dry_run.as_ref().is_some_and(|dry_run| dry_run.decided.contains_key(&id))
    }

    /// Forgets a pod that is gone.
    pub(super) fn forget_dry(&mut self, id: PodId) {
        if let Some(dry_run) = &mut self.dry_run {
            dry_run.decided.remove(&id);
        }
    }

    /// How the decisions of a dry run compare so far; `None` where this is none.
    #[must_use]
    pub fn dry_run_counts(&self) -> Option<DryRunCounts> {
        self.dry_run.as_ref().map(|dry_run| dry_run.counts)
    }

    /// Leaves only what changes nothing outside. Extenders are asked: without them the decisions would not
    /// be the same; to bind they are asked of bindings only, and a dry run has none.
    pub(super) fn withhold(&self, out: &mut Vec<Effect>, from: usize) {
        if self.dry_run.is_none() {
            return;
        }
        let mut at = 0;
        out.retain(|effect| {
            at += 1;
            let harmless = matches!(
                effect,
                Effect::Decision(_) | Effect::Notice { .. } | Effect::AskExtender { .. }
            );
            at <= from || harmless
        });
    }
}
