//! Tables that are kept from one pod of a template to the next: only nodes that have changed are judged again.
//! Kept by `engine::tables`.

use crate::cluster::{NodeNews, View};
use crate::units::NodeId;

use super::bins::{Bin, Bins, NOWHERE};
use super::{BuildTimes, Code, Evals, FailedNodes, Parts, Stopwatch, Table, Verdict};

/// Where every node is in a table, so that it can be taken out again.
#[derive(Debug)]
pub(super) struct Record {
    /// Where each node is.
    pub(super) bins: Bins,
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

impl Record {
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
        for node in view.cluster.nodes() {
            if let Bin::Rejected(verdict) = self.bins.bin(self.bins.at(view.cluster.position(node)))
            {
                failed.count(evals.with_gates(view, node, verdict), node);
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
            bins: Bins::new(view.cluster.positions() as usize),
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
    /// `fresh` ones. `unlike` are judged again too. `None` where it must be built anew, or cannot be kept.
    pub fn catch_up(
        &mut self,
        (evals, fresh): (&mut Evals, bool),
        unlike: &[NodeId],
        view: &View<'_>,
        watch: &Stopwatch<'_>,
    ) -> Option<BuildTimes> {
        let changes = view.cluster.changes();
        let record = self.record.as_mut()?;
        let backlog = changes.count_since(record.next_change);
        if record.spoiled
            || record.epoch != changes.epoch()
            // Nothing but a build would count afresh, and file in order.
            || backlog > u64::from(view.cluster.node_count()).max(1)
            || !evals.layout().eq(record.layout.iter().copied().map(Some))
        {
            return None;
        }
        let mut again: Vec<NodeId> = changes.since(record.next_change)?.collect();
        if fresh {
            evals.follow(view);
        } else {
            let each: Vec<NodeNews> = changes.each_since(record.next_change)?.collect();
            if !evals.catch_up(view, &again, &each) {
                return None;
            }
        }
        record.next_change = changes.next();
        let before = std::mem::replace(&mut record.nominated, evals.excepted());
        for node in before.into_iter().chain(unlike.iter().copied()) {
            if !again.contains(&node) {
                again.push(node);
            }
        }
        for node in again.iter().filter(|node| !view.row(**node).is_present()) {
            self.move_to(evals.points_max(), view.cluster.position(*node), NOWHERE);
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
            record.bins.bytes()
                + (record.slots.capacity() + record.free_slots.capacity() + record.left.capacity())
                    * size_of::<u32>()
        });
        let cells: usize = self.cells.iter().map(super::cell::Cell::bytes).sum();
        let words = self.words.capacity() * size_of::<u32>();
        // Each cell's words are the key of its place, too.
        size_of::<Self>() + record + cells + 2 * words + self.cells.len() * 2 * size_of::<usize>()
    }

    /// Notes that the node at `position` got `verdict`; false where the table has no record.
    pub(super) fn reject(&mut self, evals: &Evals, position: u32, verdict: Verdict) -> bool {
        let Some(record) = &mut self.record else { return false };
        record.spoiled |= verdict.code == Code::Error;
        let bin = record.bins.of_verdict(verdict);
        self.move_to(evals.points_max(), position, bin);
        true
    }

    /// Puts the node at `position` into `cell` with `points`, which was in the bin `before`: most changes of a
    /// node leave it where it is.
    #[inline]
    pub(super) fn file(
        &mut self,
        (cell, points): (usize, i64),
        points_max: i64,
        (position, before): (u32, u32),
    ) {
        let level = self.cells[cell].level(points, points_max);
        let Some(record) = &mut self.record else {
            level.insert(position, usize::MAX);
            self.feasible[cell] += 1;
            return;
        };
        if level.bin == NOWHERE {
            // Points that do not fit are invalid ones, or weighted beyond all use.
            let narrow = u32::try_from(points);
            record.spoiled |= narrow.is_err();
            let slot = self.cells[cell].slot;
            let bin = record.bins.make(Bin::Filed(slot, narrow.unwrap_or_default()));
            self.cells[cell].level(points, points_max).bin = bin;
            self.enter((cell, points), points_max, (position, bin));
        } else if level.bin != before {
            let bin = level.bin;
            self.enter((cell, points), points_max, (position, bin));
        }
    }

    /// The node at `position` comes into the level of `points` of `cell`, which is `bin`, from another one.
    fn enter(
        &mut self,
        (cell, points): (usize, i64),
        points_max: i64,
        (position, bin): (u32, u32),
    ) {
        let Some(record) = &self.record else { return };
        let listed_max = record.bins.listed_max();
        self.cells[cell].level(points, points_max).insert(position, listed_max);
        self.feasible[cell] += 1;
        self.move_to(points_max, position, bin);
    }

    /// Takes the node at `position` out of the bin that it is in and notes that it is in `bin`.
    fn move_to(&mut self, points_max: i64, position: u32, bin: u32) {
        let Some(record) = &mut self.record else { return };
        let before = record.bins.at(position);
        if before == bin {
            return;
        }
        let was = record.bins.bin(before);
        let left = record.bins.change(position, before, bin);
        let Bin::Filed(slot, points) = was else { return };
        let cell = record.slots[slot as usize] as usize;
        self.feasible[cell] -= 1;
        if self.feasible[cell] == 0 {
            record.left.push(slot);
        }
        if left == 0 {
            self.cells[cell].drop_level(i64::from(points), points_max);
            return;
        }
        let level = self.cells[cell].level(i64::from(points), points_max);
        level.remove(position);
        // Few again: they are found by a list from now on, until twice as many are there.
        if level.listed.is_none() && left as usize <= record.bins.listed_max() / 2 {
            level.listed = Some(record.bins.positions_of(before).collect());
        }
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
            let levels = cell.levels().map(|level| {
                let mut inside = self.inside(level);
                inside.sort_unstable();
                let searched =
                    self.record.as_ref().map(|record| record.bins.positions_of(level.bin));
                assert!(searched.is_none_or(|searched| searched.eq(inside.iter().copied())));
                (level.points, inside)
            });
            let before = cells.insert(words, (self.feasible[at], levels.collect()));
            assert_eq!(before, None, "one cell for the same words");
            let top = cell.top().map(|level| level.points);
            assert_eq!(top, cell.levels().map(|level| level.points).max(), "the top level");
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
