//! Tables that are kept from one pod of a template to the next: only nodes that have changed are judged again.
//! Kept by `engine::tables`.

use crate::cluster::{Cluster, View};
use crate::units::NodeId;

use super::{BuildTimes, Code, Evals, FailedNodes, Parts, Stopwatch, Table, Verdict};

/// Of how many nodes one must have changed for all to be judged again.
const BACKLOG_PART: u64 = 4;

/// Where every node is in a table, so that it can be taken out again.
#[derive(Debug)]
pub(super) struct Record {
    /// By node.
    entries: Vec<Entry>,
    /// Which cell each slot stands for: cells move, slots do not.
    slots: Vec<u32>,
    free_slots: Vec<u32>,
    /// The slots of cells that were left by their last node and may still be there.
    left: Vec<u32>,
    /// The number of the first change that the table does not know.
    next_change: u64,
    /// The epoch of the cluster that it is from.
    epoch: u64,
    /// What its words were made by.
    layout: Vec<(u16, Parts, u64)>,
    /// The nodes on which nominated pods counted, where gates have a say in that: what other nodes are like may
    /// change the verdict on them.
    nominated: Vec<NodeId>,
    /// Something in it ends an attempt, so that it is of no use to the next.
    spoiled: bool,
}

/// Where a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Entry {
    /// Nowhere.
    #[default]
    Absent,
    /// Rejected.
    Rejected(Verdict),
    /// In the cell of a slot, with so many points.
    Filed(u32, u32),
}

const _: () = assert!(size_of::<Entry>() == 12, "one for every node of every table");

impl Record {
    /// Where `node` was before.
    fn set(&mut self, node: NodeId, entry: Entry) -> Entry {
        let at = node.0 as usize;
        if self.entries.len() <= at {
            self.entries.resize(at + 1, Entry::Absent);
        }
        std::mem::replace(&mut self.entries[at], entry)
    }

    /// A slot for the new cell `cell`.
    pub(super) fn slot(&mut self, cell: usize) -> u32 {
        let cell = u32::try_from(cell).expect("invariant: no more cells than nodes");
        if let Some(slot) = self.free_slots.pop() {
            self.slots[slot as usize] = cell;
            return slot;
        }
        self.slots.push(cell);
        u32::try_from(self.slots.len() - 1).expect("invariant: no more cells than nodes")
    }

    /// The nodes rejected by themselves, as a table that is not kept has them.
    pub(super) fn failed(&self, evals: &Evals, view: &View<'_>) -> FailedNodes {
        let mut failed = FailedNodes::default();
        for (at, entry) in (0u32..).zip(&self.entries) {
            if let Entry::Rejected(verdict) = entry {
                let node = NodeId(at);
                failed.count(evals.with_gates(view, node, *verdict), node);
            }
        }
        failed
    }
}

impl Table {
    /// Judges all nodes, so that the table can be kept with `evals`; `None` where a plugin's word does not last.
    #[must_use]
    pub fn build_kept(
        evals: &mut Evals,
        view: &View<'_>,
        watch: &Stopwatch<'_>,
    ) -> Option<(Self, BuildTimes)> {
        let changes = view.cluster.changes();
        let record = Record {
            entries: Vec::with_capacity(view.cluster.nodes_bound()),
            slots: Vec::new(),
            free_slots: Vec::new(),
            left: Vec::new(),
            next_change: changes.next(),
            epoch: changes.epoch(),
            layout: evals.layout().collect::<Option<_>>()?,
            nominated: evals.excepted(),
            spoiled: false,
        };
        evals.follow(view);
        let mut table = Self::empty(Some(Box::new(record)));
        let times = table.judge(evals, view, view.cluster.nodes(), watch);
        table.settle(evals, view, watch);
        Some((table, times))
    }

    /// Judges again what has changed since it was built or caught up: by the evals that it was kept with, or by
    /// `fresh` ones. `None` where it must be built anew, or cannot be kept.
    pub fn catch_up(
        &mut self,
        (evals, fresh): (&mut Evals, bool),
        view: &View<'_>,
        watch: &Stopwatch<'_>,
    ) -> Option<BuildTimes> {
        let changes = view.cluster.changes();
        let record = self.record.as_mut()?;
        let backlog = changes.count_since(record.next_change);
        if record.spoiled
            || record.epoch != changes.epoch()
            || backlog * BACKLOG_PART > u64::from(view.cluster.node_count()).max(BACKLOG_PART)
            || !evals.layout().eq(record.layout.iter().copied().map(Some))
        {
            return None;
        }
        let mut again: Vec<NodeId> = changes.since(record.next_change)?.collect();
        if fresh {
            evals.follow(view);
        } else if !evals.catch_up(view, &again) {
            return None;
        }
        record.next_change = changes.next();
        let before = std::mem::replace(&mut record.nominated, evals.excepted());
        again.extend(before.into_iter().filter(|node| !again.contains(node)).collect::<Vec<_>>());
        for node in again.iter().filter(|node| !view.row(**node).is_present()) {
            self.move_to(evals, view.cluster, *node, Entry::Absent);
        }
        let there = again.into_iter().filter(|node| view.row(*node).is_present());
        let times = self.judge(evals, view, there, watch);
        self.drop_left(evals.stride());
        self.settle(evals, view, watch);
        self.can_be_kept().then_some(times)
    }

    /// Whether it may be used for the next pod.
    #[must_use]
    pub fn can_be_kept(&self) -> bool {
        self.record.as_ref().is_some_and(|record| !record.spoiled)
    }

    /// What it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let record = self.record.as_ref().map_or(0, |record| {
            record.entries.capacity() * size_of::<Entry>()
                + (record.slots.capacity() + record.free_slots.capacity() + record.left.capacity())
                    * size_of::<u32>()
        });
        let cells: usize = self.cells.iter().map(super::cell::Cell::bytes).sum();
        let words = self.words.capacity() * size_of::<u32>();
        // Each cell's words are the key of its place, too.
        size_of::<Self>()
            + self.slice.bytes()
            + record
            + cells
            + 2 * words
            + self.cells.len() * 2 * size_of::<usize>()
    }

    /// Notes that `node` got `verdict`; false where the table has no record.
    pub(super) fn reject(
        &mut self,
        evals: &Evals,
        cluster: &Cluster,
        (node, verdict): (NodeId, Verdict),
    ) -> bool {
        let Some(record) = &mut self.record else { return false };
        record.spoiled |= verdict.code == Code::Error;
        self.move_to(evals, cluster, node, Entry::Rejected(verdict));
        true
    }

    /// Notes that `node` belongs into `cell` with `points`; whether it is to be put in: most changes of a node
    /// leave it where it is.
    #[inline]
    pub(super) fn enters(
        &mut self,
        evals: &Evals,
        cluster: &Cluster,
        (node, cell, points): (NodeId, usize, i64),
    ) -> bool {
        let Some(record) = &mut self.record else { return true };
        // Points that do not fit are invalid ones, or weighted beyond all use.
        let narrow = u32::try_from(points);
        record.spoiled |= narrow.is_err();
        let entry = Entry::Filed(self.cells[cell].slot, narrow.unwrap_or_default());
        self.move_to(evals, cluster, node, entry)
    }

    /// Takes `node` out of the cell that it is in, unless that is where `entry` says that it belongs; whether
    /// `entry` is news.
    #[inline]
    fn move_to(&mut self, evals: &Evals, cluster: &Cluster, node: NodeId, entry: Entry) -> bool {
        let Some(record) = &mut self.record else { return true };
        let before = record.set(node, entry);
        if before == entry {
            return false;
        }
        if let Entry::Filed(slot, points) = before {
            let cell = record.slots[slot as usize] as usize;
            let position = cluster.position(node);
            self.cells[cell].remove(i64::from(points), evals.points_max(), position);
            self.feasible[cell] -= 1;
            if self.feasible[cell] == 0 {
                record.left.push(slot);
            }
        }
        true
    }

    /// Takes the cells away that no node came back to.
    fn drop_left(&mut self, stride: usize) {
        while let Some(record) = &mut self.record
            && let Some(slot) = record.left.pop()
        {
            let cell = record.slots[slot as usize] as usize;
            // One that was left twice is gone already.
            let is_there = self.cells.get(cell).is_some_and(|cell| cell.slot == slot);
            if is_there && self.feasible[cell] == 0 {
                self.drop_cell(cell, stride);
            }
        }
    }

    /// Takes an empty cell away: cell parts look at feasible nodes only. The last cell takes its place.
    fn drop_cell(&mut self, cell: usize, stride: usize) {
        let last = self.cells.len() - 1;
        self.by_key.remove(&self.words[cell * stride..(cell + 1) * stride]);
        let gone = self.cells.swap_remove(cell);
        self.feasible.swap_remove(cell);
        if cell < last {
            self.words.copy_within(last * stride..(last + 1) * stride, cell * stride);
            if let Some(at) = self.by_key.get_mut(&self.words[cell * stride..(cell + 1) * stride]) {
                *at = cell;
            }
        }
        self.words.truncate(last * stride);
        let Some(record) = &mut self.record else { return };
        record.free_slots.push(gone.slot);
        if let Some(moved) = self.cells.get(cell) {
            record.slots[moved.slot as usize] =
                u32::try_from(cell).expect("invariant: no more cells than nodes");
        }
    }

    /// After nodes were judged: the gates, and the rejected ones where something ends the attempt.
    fn settle(&mut self, evals: &Evals, view: &View<'_>, watch: &Stopwatch<'_>) {
        self.gate(evals, view, watch);
        let Some(record) = &mut self.record else { return };
        record.spoiled |= self.invalid.is_some();
        if record.spoiled {
            self.count_failed(evals, view);
        } else {
            self.failed = FailedNodes::default();
        }
    }

    /// All that is in it, in an order of its own, for tests to compare.
    #[cfg(test)]
    pub(crate) fn contents(&mut self, evals: &Evals, view: &View<'_>) -> Contents {
        let stride = evals.stride();
        let feasible = self.feasible();
        self.count_failed(evals, view);
        let mut cells = std::collections::BTreeMap::new();
        for (at, cell) in self.cells.iter().enumerate() {
            let words = self.words[at * stride..(at + 1) * stride].to_vec();
            assert_eq!(self.by_key.get(&*words), Some(&at), "a cell is found by its words");
            let levels = cell.levels().map(|(points, set)| (points, set.iter().collect()));
            let before = cells.insert(words, (self.feasible[at], levels.collect()));
            assert_eq!(before, None, "one cell for the same words");
            let top = cell.top().map(|(points, _)| *points);
            assert_eq!(top, cell.levels().map(|(points, _)| points).max(), "the top level");
        }
        let failed = self.failed.clone();
        self.gate(evals, view, &Stopwatch::off());
        let nodes = (failed.iter().collect(), failed.unschedulable, feasible);
        Contents { cells, nodes }
    }
}

/// Positions by points.
#[cfg(test)]
type Levels = std::collections::BTreeMap<i64, Vec<u32>>;

/// All that is in a table, in an order of its own.
#[cfg(test)]
pub(crate) struct Contents {
    /// Cells by their words, each with how many nodes it has and their positions by points.
    pub(crate) cells: std::collections::BTreeMap<Vec<u32>, (u32, Levels)>,
    /// What was said of rejected nodes; those that preemption looks at; how many are feasible.
    pub(crate) nodes: (Vec<(Verdict, u32, NodeId)>, Vec<NodeId>, u32),
}
