//! Nodes sorted for one pod: into cells of nodes that are alike to every cell part, and in a cell by
//! points. The full scan is build, pick, drop.

use crate::cluster::{Cluster, View};
use crate::units::{Map, Nanos, NodeId, hash_bytes, mix};

use super::bins::NOWHERE;
use super::cell::{Cell, Level};
use super::gated::Gated;
use super::idle::first_idle;
use super::kept::Record;
use super::{Cells, Code, Evals, ExtensionPoint, FailedNodes, InvalidScore, Stopwatch, Verdict};

/// Nodes judged in one go: their verdicts, points and keys stay in the first-level cache.
const SLICE: usize = 256;

/// Cells that are compared one by one before one is looked up.
const CELLS_LOOKED_AT: usize = 8;

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
    /// Memory to judge nodes in.
    pub(super) slice: Slice,
}

/// One slice of nodes and its columns.
#[derive(Debug, Default)]
pub struct Slice {
    nodes: Vec<NodeId>,
    verdicts: Vec<Verdict>,
    scratch: Vec<i64>,
    points: Vec<i64>,
    words: Vec<u32>,
    /// The position of each node, and the bin that it was in.
    places: Vec<(u32, u32)>,
}

/// Where the time of a build went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildTimes {
    /// Filtering.
    pub filter: Nanos,
    /// Scoring and filing.
    pub score: Nanos,
}

/// Raw and normalised scores of every cell.
pub(super) struct CellScores {
    /// One row of entries a cell after the other: the weighted sums; then for each eval with a cell score, in
    /// their order, its raw scores and its points after normalising. In one piece, since it is made for each pod.
    rows: Vec<i64>,
    cells: usize,
}

impl CellScores {
    /// Weighted sum a cell.
    pub(super) fn totals(&self) -> &[i64] {
        &self.rows[..self.cells]
    }

    /// Raw scores and points of each of `evals` that has a cell score, with its position in them.
    pub(super) fn by_eval<'a>(
        &'a self,
        evals: &'a Evals,
    ) -> impl Iterator<Item = (usize, &'a [i64], &'a [i64])> {
        let scored = evals.items().iter().enumerate().filter(|(_, item)| item.parts.cell_score);
        let row = |row: usize| &self.rows[row * self.cells..(row + 1) * self.cells];
        scored.enumerate().map(move |(nth, (at, _))| (at, row(1 + 2 * nth), row(2 + 2 * nth)))
    }
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
        self.slice = slice;
        watch.evaluated(ExtensionPoint::Filter, evals.plugins(ExtensionPoint::Filter), judged);
        times
    }

    /// Gives it `slice` to judge nodes in: tables that are kept take turns with one.
    pub fn lend(&mut self, slice: Slice) {
        self.slice = slice;
    }

    /// Takes back what it judged nodes in.
    pub fn take_slice(&mut self) -> Slice {
        std::mem::take(&mut self.slice)
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
        let mut nodes = Vec::new();
        for (cell, verdict) in closed {
            let positions = self.cells[cell as usize].levels().flat_map(|level| self.inside(level));
            let there = positions.filter_map(|at| view.cluster.node_at(at));
            nodes.extend(there.map(|node| (node, verdict)));
        }
        self.failed.count_closed(nodes);
    }

    /// A score that nothing can be decided by, if a plugin gave one.
    #[must_use]
    pub fn invalid_score(&self, evals: &Evals, view: &View<'_>) -> Option<InvalidScore> {
        self.invalid_in(evals, &self.score_cells(evals, view))
    }

    fn invalid_in(&self, evals: &Evals, scores: &CellScores) -> Option<InvalidScore> {
        let position = |at: usize| evals.items()[at].position;
        let mut all = scores.by_eval(evals);
        self.invalid
            .or_else(|| all.find_map(|(at, _, points)| InvalidScore::find(position(at), points)))
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
        let levels = self.best_levels(&scores).map(|(_, levels)| levels).unwrap_or_default();
        let first = |from: u32| {
            let nearer = |to, level: &&Level| self.first_inside(level, from, to).unwrap_or(to);
            Some(levels.iter().fold(u32::MAX, nearer)).filter(|first| *first < u32::MAX)
        };
        let node = |position| view.cluster.node_at(position);
        let around = Around { next: start, start, wrapped: false, first };
        Ok(first_idle(around.filter_map(node), busy))
    }

    /// The best total and all nodes that have it, in the order of the permutation.
    #[must_use]
    pub fn best(&self, evals: &Evals, view: &View<'_>) -> Option<(i64, Vec<NodeId>)> {
        let (total, levels) = self.best_levels(&self.score_cells(evals, view))?;
        let mut positions: Vec<u32> =
            levels.into_iter().flat_map(|level| self.inside(level)).collect();
        positions.sort_unstable();
        Some((total, positions.into_iter().filter_map(|p| view.cluster.node_at(p)).collect()))
    }

    /// All feasible nodes with their totals, in the order of the permutation.
    #[must_use]
    pub fn totals(&self, evals: &Evals, view: &View<'_>) -> Vec<(NodeId, i64)> {
        let scores = self.score_cells(evals, view);
        let levels = self.open().cells().zip(scores.totals()).flat_map(|(cell, total)| {
            cell.levels().map(|level| (total.wrapping_add(level.points), level))
        });
        let mut all: Vec<(u32, i64)> = levels
            .flat_map(|(total, level)| self.inside(level).into_iter().map(move |at| (at, total)))
            .collect();
        all.sort_unstable();
        let node = |(at, total)| Some((view.cluster.node_at(at)?, total));
        all.into_iter().filter_map(node).collect()
    }

    /// The best total, and the levels that have it.
    fn best_levels(&self, scores: &CellScores) -> Option<(i64, Vec<&Level>)> {
        let open = self.open();
        let tops = open.cells().zip(scores.totals()).filter_map(|(cell, total)| {
            let level = cell.top()?;
            Some((total.wrapping_add(level.points), level))
        });
        let best = tops.clone().map(|(total, _)| total).max()?;
        Some((best, tops.filter(|(total, _)| *total == best).map(|(_, level)| level).collect()))
    }

    /// The positions of all nodes of `level`, in any order.
    pub(super) fn inside(&self, level: &Level) -> Vec<u32> {
        match (&level.listed, &self.record) {
            (Some(listed), _) => listed.clone(),
            (None, Some(record)) => record.bins.positions_of(level.bin).collect(),
            (None, None) => Vec::new(),
        }
    }

    /// The first position of a node of `level` at or after `from`, and before `to`.
    fn first_inside(&self, level: &Level, from: u32, to: u32) -> Option<u32> {
        match (&level.listed, &self.record) {
            (Some(listed), _) => listed.iter().copied().filter(|at| (from..to).contains(at)).min(),
            (None, Some(record)) => record.bins.first_in(level.bin, from, to),
            (None, None) => None,
        }
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
        let cells = open.feasible.len();
        let askers = || evals.items().iter().filter(|item| item.parts.cell_score);
        let mut rows = vec![0i64; cells * (1 + 2 * askers().count())];
        let (totals, scores) = rows.split_at_mut(cells);
        for (nth, item) in askers().enumerate() {
            let (raw, points) = scores[2 * nth * cells..2 * (nth + 1) * cells].split_at_mut(cells);
            let cells = Cells::new(open.words, evals.stride(), item.offset, open.feasible);
            let run = || {
                item.eval.raw(view, cells, raw);
                points.copy_from_slice(raw);
                item.eval.normalise(cells, points);
            };
            watch.run(item.name, ExtensionPoint::Score, run, |()| Code::Success);
            for (total, points) in totals.iter_mut().zip(&*points) {
                *total = total.wrapping_add(points.wrapping_mul(item.weight));
            }
        }
        CellScores { rows, cells }
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
        self.find_places(view.cluster);
        for index in 0..count {
            self.file(index);
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
            if !self.table.reject(self.evals, view.cluster.position(*node), *verdict) {
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

    /// Where each node is, and was. All are looked up before one is filed: memory is asked for all at once.
    fn find_places(&mut self, cluster: &Cluster) {
        let record = self.table.record.as_deref();
        let place = |node: &NodeId| {
            let position = cluster.position(*node);
            (position, record.map_or(NOWHERE, |record| record.bins.at(position)))
        };
        let Slice { nodes, places, .. } = &mut self.slice;
        places.clear();
        places.extend(nodes.iter().map(place));
    }

    fn file(&mut self, index: usize) {
        let stride = self.evals.stride();
        let words = &self.slice.words[index * stride..(index + 1) * stride];
        // Few words: a loop beats a call of memcmp.
        let same = |cell: &usize| {
            let of_cell = &self.table.words[cell * stride..(cell + 1) * stride];
            of_cell.iter().zip(words).all(|(a, b)| a == b)
        };
        let few = 0..self.table.cells.len().min(CELLS_LOOKED_AT);
        let found = self.last_cell.filter(same).or_else(|| few.into_iter().find(same));
        let cell = match found {
            Some(cell) => cell,
            None => self.table.cell(words),
        };
        self.last_cell = Some(cell);
        let (points, place) = (self.slice.points[index], self.slice.places[index]);
        self.table.file((cell, points), self.evals.points_max(), place);
    }
}

/// Where the search for a tied node begins: by seed, pod and attempt.
#[must_use]
pub fn start_position(seed: u64, uid: &str, attempt: u64, positions: u32) -> u32 {
    let hash = mix(hash_bytes(seed, uid.as_bytes()), attempt);
    u32::try_from(hash % u64::from(positions)).unwrap_or_default()
}
