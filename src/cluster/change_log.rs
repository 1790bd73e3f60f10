//! Which nodes have changed, one after the other. Written by whatever changes a node's facts; read by tables
//! (`framework::kept`) that judge again only what changed since they looked last.

use std::collections::VecDeque;

use crate::units::NodeId;

/// Changes that are remembered, at most; who is further behind looks at every node.
const CHANGES_MAX: usize = 1 << 16;

/// One change of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeNews {
    /// The node.
    pub node: NodeId,
    /// Where no more has changed than that a pod came or went: the number of its class. What the number stands
    /// for goes with `stamp`.
    pub class: u32,
    /// The stamp of that class; 0 where something else has changed.
    pub stamp: u32,
}

/// A log of changed nodes with a number for each change.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChangeLog {
    changes: VecDeque<NodeNews>,
    /// Number of the first change in `changes`.
    first: u64,
    /// The number after that of the last change of each node.
    after_last: Vec<u64>,
    /// Rises when all that was known of nodes is void: positions moved.
    epoch: u64,
}

impl ChangeLog {
    /// `node` has changed.
    pub(crate) fn push(&mut self, node: NodeId) {
        self.push_pod(node, (0, 0));
    }

    /// A pod of the class of this number and stamp came to `node`, or went.
    pub(crate) fn push_pod(&mut self, node: NodeId, (class, stamp): (u32, u32)) {
        if self.changes.len() == CHANGES_MAX {
            self.changes.pop_front();
            self.first += 1;
        }
        self.changes.push_back(NodeNews { node, class, stamp });
        let at = node.0 as usize;
        if self.after_last.len() <= at {
            self.after_last.resize(at + 1, 0);
        }
        self.after_last[at] = self.next();
    }

    /// Everything has changed.
    pub(crate) fn start_epoch(&mut self) {
        self.epoch += 1;
    }

    /// The number of the epoch.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The number that the next change will get.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    /// The nodes that have changed since change number `since` was the next, each once; `None` where that is
    /// not known any more.
    pub(crate) fn since(&self, since: u64) -> Option<impl Iterator<Item = NodeId> + '_> {
        let is_last = |(number, node): &(u64, NodeId)| {
            self.after_last.get(node.0 as usize).is_some_and(|after| *after == number + 1)
        };
        let changes = (since..).zip(self.each_since(since)?.map(|change| change.node));
        Some(changes.filter(is_last).map(|(_, node)| node))
    }

    /// The changes themselves since change number `since` was the next; `None` where that is not known any more.
    pub(crate) fn each_since(&self, since: u64) -> Option<impl Iterator<Item = NodeNews> + '_> {
        let from = usize::try_from(since.checked_sub(self.first)?).ok()?;
        (from <= self.changes.len()).then(|| self.changes.range(from..).copied())
    }

    /// How many changes there were since change number `since` was the next, repetitions included.
    pub(crate) fn count_since(&self, since: u64) -> u64 {
        self.next().saturating_sub(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(log: &ChangeLog, number: u64) -> Option<Vec<u32>> {
        Some(log.since(number)?.map(|node| node.0).collect())
    }

    #[test]
    fn each_node_once_at_its_last_change() {
        let mut log = ChangeLog::default();
        for node in [3, 1, 3, 2] {
            log.push(NodeId(node));
        }
        assert_eq!(since(&log, 0), Some(vec![1, 3, 2]));
        assert_eq!(since(&log, 2), Some(vec![3, 2]));
        assert_eq!((since(&log, log.next()), log.count_since(1)), (Some(vec![]), 3));
    }

    #[test]
    fn what_is_long_ago_is_not_known() {
        let mut log = ChangeLog::default();
        for node in 0..=u32::try_from(CHANGES_MAX).expect("it fits") {
            log.push(NodeId(node % 7));
        }
        assert_eq!(since(&log, 0), None);
        assert_eq!(since(&log, 1).map(|nodes| nodes.len()), Some(7));
    }
}
