//! The nodes that were rejected, by verdict. Made by `table`, read by `diagnosis` and preemption.

use crate::units::NodeId;

use super::profile::PluginMask;
use super::{Code, Verdict};

/// The nodes that were rejected, by verdict.
#[derive(Clone, Debug, Default)]
pub struct FailedNodes {
    counts: Vec<(Verdict, u32, NodeId)>,
    /// Nodes rejected with exactly [`Code::Unschedulable`]: the ones that preemption looks at.
    pub unschedulable: Vec<NodeId>,
    last: usize,
}

impl FailedNodes {
    /// Counts `node`, which got `verdict`.
    pub(super) fn count(&mut self, verdict: Verdict, node: NodeId) {
        if verdict.code == Code::Unschedulable {
            self.unschedulable.push(node);
        }
        if self.counts.get(self.last).is_none_or(|(v, ..)| *v != verdict) {
            let found = self.counts.iter().position(|(v, ..)| *v == verdict);
            self.last = found.unwrap_or_else(|| {
                self.counts.push((verdict, 0, node));
                self.counts.len() - 1
            });
        }
        self.counts[self.last].1 += 1;
    }

    /// Counts the nodes of cells that gates closed, in any order.
    pub(super) fn count_closed(&mut self, mut closed: Vec<(NodeId, Verdict)>) {
        if closed.is_empty() {
            return;
        }
        closed.sort_unstable_by_key(|(node, _)| *node);
        for (node, verdict) in closed {
            self.count(verdict, node);
        }
        self.unschedulable.sort_unstable();
    }

    /// All nodes of a pod that was turned away as a whole in a way that evicting others may help.
    ///
    /// Upstream: NodeToStatus.SetAbsentNodesStatus, v1.37.
    #[must_use]
    pub fn all(nodes: impl Iterator<Item = NodeId>) -> Self {
        Self { unschedulable: nodes.collect(), ..Self::default() }
    }

    /// Each distinct verdict, how many nodes got it, and one of them.
    pub fn iter(&self) -> impl Iterator<Item = (Verdict, u32, NodeId)> + '_ {
        self.counts.iter().copied()
    }

    /// A node of which nothing could be said, if there is one.
    #[must_use]
    pub fn error(&self) -> Option<(Verdict, NodeId)> {
        let (verdict, _, node) = self.iter().find(|(verdict, ..)| verdict.code == Code::Error)?;
        Some((verdict, node))
    }

    /// The plugins that rejected at least one node.
    #[must_use]
    pub fn rejectors(&self) -> PluginMask {
        let rejected = self.counts.iter().filter(|(verdict, ..)| verdict.code != Code::Error);
        rejected.fold(0, |mask, (verdict, ..)| mask | 1 << verdict.plugin)
    }
}
