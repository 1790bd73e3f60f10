//! Nodes sorted for one pod: into cells of nodes that are alike to every cell part, and in a cell by
//! points. The full scan is build, pick, drop.

use crate::cluster::{Cluster, View};
use crate::units::{Map, Nanos, NodeId, hash_bytes, mix};

use super::cell::Cell;
use super::gated::Gated;
use super::idle::first_idle;
use super::kept::Record;
use super::node_set::NodeSet;
use super::{Cells, Code, Evals, ExtensionPoint, FailedNodes, InvalidScore, Stopwatch, Verdict};

/// Nodes judged in one go: their verdicts, points and keys stay in the first-level cache.
const SLICE: usize = 256;

/// Memory for so many nodes is kept between builds.
const SLICE_KEPT: usize = 32;

/// The nodes of one pod, judged.
#[derive(Debug)]
pub struct Table {
    pub(super) cells: Vec<Cell>,
    /// Key words of all cells, one after the other.
    pub(super) words: Vec<u32>,
    pub(super) feasible: Vec<u32>,
    pub(super) by_key: Map<Box<[u32]>, usize>,
    pub(super) failed: FailedNodes,
    pub(super) invalid: Option<InvalidScore>,
    /// What gates say of the cells; `None` where they leave all open.
    pub(super) gated: Option<Box<Gated>>,
    /// Where every node is, in a table that is kept.
    pub(super) record: Option<Box<Record>>,
    /// Memory of the last build, for the next one: a kept table judges a node or two for each pod.
    pub(super) slice: Slice,
}

/// One slice of nodes and its columns.
#[derive(Debug, Default)]
pub(super) struct Slice {
    nodes: Vec<NodeId>,
    verdicts: Vec<Verdict>,
    scratch: Vec<i64>,
    points: Vec<i64>,
    words: Vec<u32>,
}

impl Slice {
    /// What its columns take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<NodeId>()
            + self.verdicts.capacity() * size_of::<Verdict>()
            + (self.scratch.capacity() + self.points.capacity()) * size_of::<i64>()
            + self.words.capacity() * size_of::<u32>()
    }
}

/// Where the time of a build went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildTimes {
    /// Filtering.
    pub filter: Nanos,
    /// Scoring and filing.
    pub score: Nanos,
}

/// Raw and normalised scores of every cell, one entry an eval with a cell score.
pub(super) struct CellScores {
    /// Position in the evals, raw scores, points after normalising.
    pub(super) by_eval: Vec<(usize, Vec<i64>, Vec<i64>)>,
    /// Weighted sum a cell.
    pub(super) totals: Vec<i64>,
}

impl Table {
    /// Judges all nodes, or only those in `over`.
    #[must_use]
    pub fn build(evals: &Evals, view: &View<'_>, over: Option<&[NodeId]>) -> Self {
        Self::build_timed(evals, view, over, &Stopwatch::off()).0
    }

    /// [`Table::build`], which is measured, with the time that it took.
    #[must_use]
    pub fn build_timed(
        evals: &Evals,
        view: &View<'_>,
        over: Option<&[NodeId]>,
        watch: &Stopwatch<'_>,
    ) -> (Self, BuildTimes) {
        let mut table = Self::empty(None);
        let times = match over {
            Some(nodes) => table.judge(evals, view, nodes.iter().copied(), watch),
            None => table.judge(evals, view, view.cluster.nodes(), watch),
        };
        table.gate(evals, view, watch);
        (table, times)
    }

    pub(super) fn empty(record: Option<Box<Record>>) -> Self {
        Self {
            cells: Vec::new(),
            words: Vec::new(),
            feasible: Vec::new(),
            by_key: Map::default(),
            failed: FailedNodes::default(),
            invalid: None,
            gated: None,
            record,
            slice: Slice::default(),
        }
    }

    /// Judges `nodes` and files them; none of them is in the table, unless it has a record of it. The gates
    /// come after it.
    pub(super) fn judge(
        &mut self,
        evals: &Evals,
        view: &View<'_>,
        nodes: impl Iterator<Item = NodeId>,
        watch: &Stopwatch<'_>,
    ) -> BuildTimes {
        let mut build = Build::new(evals, self, watch);
        nodes.for_each(|node| build.push(view, node));
        build.flush(view);
        let (times, judged, slice) = (build.times, build.judged, build.slice);
        if slice.nodes.capacity() <= SLICE_KEPT {
            self.slice = slice;
        }
        watch.evaluated(ExtensionPoint::Filter, evals.plugins(ExtensionPoint::Filter), judged);
        times
    }

    /// Number of feasible nodes.
    #[must_use]
    pub fn feasible(&self) -> u32 {
        self.open().feasible.iter().sum()
    }

    /// The nodes that were rejected: those that [`Table::count_failed`] counted.
    #[must_use]
    pub fn failed(&self) -> &FailedNodes {
        &self.failed
    }

    /// Counts all nodes that were rejected, for [`Table::failed`].
    pub fn count_failed(&mut self, evals: &Evals, view: &View<'_>) {
        if let Some(record) = &self.record {
            self.failed = record.failed(evals, view);
        }
        let closed = self.gated.as_mut().map(|gated| std::mem::take(&mut gated.closed));
        let closed = closed.unwrap_or_default();
        let nodes = closed.iter().flat_map(|(cell, verdict)| {
            let positions = self.cells[*cell as usize].levels().flat_map(|(_, set)| set.iter());
            positions.filter_map(|at| Some((view.cluster.node_at(at)?, *verdict)))
        });
        self.failed.count_closed(nodes.collect());
    }

    /// A score that nothing can be decided by, if a plugin gave one.
    #[must_use]
    pub fn invalid_score(&self, evals: &Evals, view: &View<'_>) -> Option<InvalidScore> {
        self.invalid_in(evals, &self.score_cells(evals, view))
    }

    fn invalid_in(&self, evals: &Evals, scores: &CellScores) -> Option<InvalidScore> {
        let position = |at: usize| evals.items()[at].position;
        let mut all = scores.by_eval.iter();
        self.invalid
            .or_else(|| all.find_map(|(at, _, points)| InvalidScore::find(position(*at), points)))
    }

    /// One of the best nodes: the first at or after `start` in the permutation, cyclic, that is not `busy`;
    /// the first one where all are, or too many.
    ///
    /// A single feasible node is taken without a look at its scores, as upstream does; among more, an
    /// invalid score is an error.
    pub fn pick(
        &self,
        evals: &Evals,
        view: &View<'_>,
        start: u32,
        busy: impl Fn(NodeId) -> bool,
    ) -> Result<Option<NodeId>, InvalidScore> {
        self.pick_timed(evals, view, start, busy, &Stopwatch::off())
    }

    /// [`Table::pick`], which is measured.
    pub fn pick_timed(
        &self,
        evals: &Evals,
        view: &View<'_>,
        start: u32,
        busy: impl Fn(NodeId) -> bool,
        watch: &Stopwatch<'_>,
    ) -> Result<Option<NodeId>, InvalidScore> {
        let scores = self.score_cells_timed(evals, view, watch);
        if self.feasible() > 1
            && let Some(invalid) = self.invalid_in(evals, &scores)
        {
            return Err(invalid);
        }
        let sets = self.best_sets(&scores).map(|(_, sets)| sets).unwrap_or_default();
        let first = |from: u32| sets.iter().filter_map(|set| set.first_from(from)).min();
        let node = |position| view.cluster.node_at(position);
        let around = Around { next: start, start, wrapped: false, first };
        Ok(first_idle(around.filter_map(node), busy))
    }

    /// The best total and all nodes that have it, in the order of the permutation.
    #[must_use]
    pub fn best(&self, evals: &Evals, view: &View<'_>) -> Option<(i64, Vec<NodeId>)> {
        let (total, sets) = self.best_sets(&self.score_cells(evals, view))?;
        let positions = sets.iter().flat_map(|set| set.iter());
        Some((total, positions.filter_map(|p| view.cluster.node_at(p)).collect()))
    }

    /// All feasible nodes with their totals, in the order of the permutation.
    #[must_use]
    pub fn totals(&self, evals: &Evals, view: &View<'_>) -> Vec<(NodeId, i64)> {
        let scores = self.score_cells(evals, view);
        let levels = self.open().cells().zip(&scores.totals).flat_map(|(cell, total)| {
            cell.levels().map(|(points, set)| (total.wrapping_add(points), set))
        });
        let mut all: Vec<(u32, i64)> =
            levels.flat_map(|(total, set)| set.iter().map(move |at| (at, total))).collect();
        all.sort_unstable();
        let node = |(at, total)| Some((view.cluster.node_at(at)?, total));
        all.into_iter().filter_map(node).collect()
    }

    fn best_sets(&self, scores: &CellScores) -> Option<(i64, Vec<&NodeSet>)> {
        let open = self.open();
        let tops = open.cells().zip(&scores.totals).filter_map(|(cell, total)| {
            let (points, set) = cell.top()?;
            Some((total.wrapping_add(*points), set))
        });
        let best = tops.clone().map(|(total, _)| total).max()?;
        let sets: Vec<_> = tops.filter(|(total, _)| *total == best).map(|(_, set)| set).collect();
        debug_assert!(sets.iter().all(|set| set.len() > 0), "a level is never empty");
        Some((best, sets))
    }

    /// Scores and normalises every cell afresh.
    pub(super) fn score_cells(&self, evals: &Evals, view: &View<'_>) -> CellScores {
        self.score_cells_timed(evals, view, &Stopwatch::off())
    }

    fn score_cells_timed(
        &self,
        evals: &Evals,
        view: &View<'_>,
        watch: &Stopwatch<'_>,
    ) -> CellScores {
        let open = self.open();
        let mut totals = vec![0i64; open.feasible.len()];
        let mut by_eval = Vec::new();
        for (at, item) in evals.items().iter().enumerate().filter(|(_, i)| i.parts.cell_score) {
            let cells = Cells::new(open.words, evals.stride(), item.offset, open.feasible);
            let mut raw = vec![0; open.feasible.len()];
            let run = || {
                item.eval.raw(view, cells, &mut raw);
                let mut points = raw.clone();
                item.eval.normalise(cells, &mut points);
                points
            };
            let points = watch.run(item.name, ExtensionPoint::Score, run, |_| Code::Success);
            for (total, points) in totals.iter_mut().zip(&points) {
                *total = total.wrapping_add(points.wrapping_mul(item.weight));
            }
            by_eval.push((at, raw, points));
        }
        CellScores { by_eval, totals }
    }

    /// The open cell with these key words, by its place among the open ones.
    pub(super) fn cell_of(&self, words: &[u32]) -> Option<usize> {
        let cell = self.by_key.get(words).copied()?;
        match &self.gated {
            None => Some(cell),
            Some(gated) => gated.open.iter().position(|open| *open as usize == cell),
        }
    }

    fn cell(&mut self, words: &[u32]) -> usize {
        if let Some(&cell) = self.by_key.get(words) {
            return cell;
        }
        let cell = self.cells.len();
        let slot = self.record.as_mut().map_or(0, |record| record.slot(cell));
        self.cells.push(Cell::of_slot(slot));
        self.feasible.push(0);
        self.words.extend_from_slice(words);
        self.by_key.insert(words.into(), cell);
        cell
    }
}

/// Positions in their order, once around from `start`.
struct Around<F> {
    next: u32,
    start: u32,
    wrapped: bool,
    /// The first position at or after one.
    first: F,
}

impl<F: Fn(u32) -> Option<u32>> Iterator for Around<F> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let mut found = (self.first)(self.next);
        if found.is_none() && !self.wrapped {
            self.wrapped = true;
            found = (self.first)(0);
        }
        let found = found.filter(|at| !self.wrapped || *at < self.start)?;
        self.next = found.checked_add(1)?;
        Some(found)
    }
}

/// The state of a build.
struct Build<'t> {
    evals: &'t Evals,
    table: &'t mut Table,
    slice: Slice,
    last_cell: Option<usize>,
    watch: &'t Stopwatch<'t>,
    times: BuildTimes,
    /// Nodes that were judged.
    judged: u64,
}

impl<'t> Build<'t> {
    fn new(evals: &'t Evals, table: &'t mut Table, watch: &'t Stopwatch<'t>) -> Self {
        let slice = std::mem::take(&mut table.slice);
        Self {
            evals,
            table,
            slice,
            last_cell: None,
            watch,
            times: BuildTimes::default(),
            judged: 0,
        }
    }

    fn push(&mut self, view: &View<'_>, node: NodeId) {
        self.slice.nodes.push(node);
        if self.slice.nodes.len() == SLICE {
            self.flush(view);
        }
    }

    /// Judges the slice and files its nodes.
    fn flush(&mut self, view: &View<'_>) {
        let evals = self.evals;
        let probe = self.watch.probe();
        let begun = probe.clock();
        let Slice { nodes, verdicts, .. } = &mut self.slice;
        self.judged += nodes.len() as u64;
        verdicts.clear();
        verdicts.resize(nodes.len(), Verdict::PASS);
        evals.filter_local(view, nodes, verdicts, self.watch);
        self.drop_rejected(view);
        let filtered = probe.clock();
        let Slice { nodes, scratch, points, words, .. } = &mut self.slice;
        let count = nodes.len();
        scratch.resize(count, 0);
        points.clear();
        points.resize(count, 0);
        words.clear();
        words.resize(count * evals.stride(), 0);
        let invalid = evals.score(view, nodes, scratch, points, self.watch);
        self.table.invalid = self.table.invalid.or(invalid);
        evals.key(view, nodes, words);
        for index in 0..count {
            self.file(view.cluster, index);
        }
        self.slice.nodes.clear();
        self.times.filter = self.times.filter + filtered.since(begun);
        self.times.score = self.times.score + probe.clock().since(filtered);
    }

    /// Counts the rejected nodes and leaves the feasible ones in the slice.
    fn drop_rejected(&mut self, view: &View<'_>) {
        if self.slice.verdicts.iter().all(|verdict| verdict.is_pass()) {
            return;
        }
        for (node, verdict) in self.slice.nodes.iter().zip(&self.slice.verdicts) {
            if verdict.is_pass() {
                continue;
            }
            if !self.table.reject(self.evals, view.cluster, (*node, *verdict)) {
                let verdict = self.evals.with_gates(view, *node, *verdict);
                self.table.failed.count(verdict, *node);
            }
        }
        let mut at = 0;
        let verdicts = &self.slice.verdicts;
        self.slice.nodes.retain(|_| {
            at += 1;
            verdicts[at - 1].is_pass()
        });
    }

    fn file(&mut self, cluster: &Cluster, index: usize) {
        let stride = self.evals.stride();
        let words = &self.slice.words[index * stride..(index + 1) * stride];
        // Few words: a loop beats a call of memcmp.
        let same = |cell: &usize| {
            let of_cell = &self.table.words[cell * stride..(cell + 1) * stride];
            of_cell.iter().zip(words).all(|(a, b)| a == b)
        };
        let cell = match self.last_cell.filter(same) {
            Some(cell) => cell,
            None => self.table.cell(words),
        };
        self.last_cell = Some(cell);
        let (node, points) = (self.slice.nodes[index], self.slice.points[index]);
        if self.table.enters(self.evals, cluster, (node, cell, points)) {
            self.table.feasible[cell] += 1;
            let position = cluster.position(node);
            self.table.cells[cell].insert(points, self.evals.points_max(), position);
        }
    }
}

/// Where the search for a tied node begins: by seed, pod and attempt.
#[must_use]
pub fn start_position(seed: u64, uid: &str, attempt: u64, positions: u32) -> u32 {
    let hash = mix(hash_bytes(seed, uid.as_bytes()), attempt);
    u32::try_from(hash % u64::from(positions)).unwrap_or_default()
}
