//! Soft constraints: nodes in fuller domains are worse. The cell part, since what a domain counts for
//! depends on how many of them there are among the feasible nodes.

use crate::cluster::{NodeNews, View};
use crate::framework::{Cells, KeyOut, MAX_NODE_SCORE};
use crate::model::{HOSTNAME, Pod};
use crate::units::{NodeId, Set};

use super::constraint::Constraint;
use super::counter::{Counter, Scope};
use super::log::ln;

/// The key word of a node that has no such label. Other words are the domain's number plus one, or, where
/// nodes are counted one by one, the number of pods plus one.
const NO_LABEL: u32 = 0;
/// Raw score that upstream gives nodes which it does not score.
const INVALID: i64 = -1;

/// Up to so many domains among the cells are told apart by looking at each.
const FEW_DOMAINS: usize = 64;

/// The soft constraints of a pod, counted.
pub(super) struct Soft {
    counter: Counter,
    /// Nodes without the labels of all constraints get no score. Not so with the system's defaults.
    require_all: bool,
    /// The number of the empty value, if a node has a label of it.
    empty: Option<u32>,
    /// Its first key word.
    first_word: usize,
}

impl Soft {
    /// Counts for `pod`, on all nodes; `require_all`: on those with the labels of all constraints. Its key
    /// words begin at `first_word`.
    ///
    /// Upstream: PreScore, v1.37.
    pub(super) fn new(
        constraints: Vec<Constraint>,
        require_all: bool,
        first_word: usize,
        pod: &Pod,
        view: &View<'_>,
    ) -> Self {
        let by_domain = |constraint: &Constraint| *constraint.topology_key != *HOSTNAME;
        let scope = Scope { all_keys: require_all, by_domain, asks_lows: false };
        let counter = Counter::new(constraints, scope, pod, view);
        Self { counter, require_all, empty: view.cluster.label_value(""), first_word }
    }

    /// Keeps up with the cluster from now on.
    pub(super) fn follow(&mut self, view: &View<'_>) {
        self.counter.follow(view);
    }

    /// Whether a change can alter what it counts.
    pub(super) fn concerns(&self, change: &NodeNews) -> bool {
        self.counter.concerns(change)
    }

    /// Takes in that `nodes` have changed; false where it cannot.
    pub(super) fn catch_up(&mut self, view: &View<'_>, nodes: &[NodeId]) -> bool {
        self.counter.catch_up(view, nodes)
    }

    /// What it keeps, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.counter.bytes()
    }

    /// A word a constraint.
    pub(super) fn key_words(&self) -> usize {
        self.counter.constraints().len()
    }

    pub(super) fn key(&self, view: &View<'_>, nodes: &[NodeId], out: &mut KeyOut<'_>) {
        for (at, constraint) in self.counter.constraints().iter().enumerate() {
            let column = view.cluster.label_column(&constraint.topology_key);
            let by_domain = self.counter.domains(at).is_some();
            for (index, node) in nodes.iter().enumerate() {
                let number = column.and_then(|column| column.number(*node));
                let word = match number {
                    None => NO_LABEL,
                    Some(number) if by_domain => number + 1,
                    Some(_) => self.counter.pods_on(at, view, *node) + 1,
                };
                out.set(index, self.first_word + at, word);
            }
        }
    }

    /// Whether the nodes of `cell` get no score.
    fn ignores(&self, cells: Cells<'_>, cell: usize) -> bool {
        self.require_all && (0..self.key_words()).any(|at| self.word(cells, cell, at) == NO_LABEL)
    }

    /// The word of constraint `at`.
    fn word(&self, cells: Cells<'_>, cell: usize, at: usize) -> u32 {
        cells.word(cell, self.first_word + at)
    }

    /// The sum over the constraints of pods times weight, and the skew that is tolerated; rounded. In
    /// upstream's order, since floats are added.
    ///
    /// Upstream: Score and scoreForCount, v1.37.
    pub(super) fn raw(&self, cells: Cells<'_>, out: &mut [i64]) {
        let scored: Vec<bool> = (0..cells.len()).map(|cell| !self.ignores(cells, cell)).collect();
        let mut sums = vec![0f64; cells.len()];
        for (at, constraint) in self.counter.constraints().iter().enumerate() {
            let weight = ln(self.size(cells, at, &scored).saturating_add(2));
            let skew = f64::from(constraint.max_skew.wrapping_sub(1));
            for (cell, sum) in sums.iter_mut().enumerate() {
                let word = self.word(cells, cell, at);
                if word != NO_LABEL {
                    *sum += f64::from(self.pods(at, word)) * weight + skew;
                }
            }
        }
        for (cell, score) in out.iter_mut().enumerate() {
            *score = if scored[cell] { rounded(sums[cell]) } else { 0 };
        }
    }

    /// Upstream: NormalizeScore, v1.37: the emptiest gets the most.
    pub(super) fn normalise(&self, cells: Cells<'_>, raw: &mut [i64]) {
        for (cell, score) in raw.iter_mut().enumerate() {
            if self.ignores(cells, cell) {
                *score = INVALID;
            }
        }
        let ignored = |cell: usize| self.ignores(cells, cell);
        let scored = || raw.iter().enumerate().filter(|(at, _)| !ignored(*at)).map(|(_, s)| *s);
        let (lowest, highest) = (scored().min().unwrap_or(i64::MAX), scored().max());
        let highest = highest.unwrap_or_default().max(0);
        for score in raw {
            *score = match (*score, highest) {
                (INVALID, _) => 0,
                (_, 0) => MAX_NODE_SCORE,
                (score, _) => MAX_NODE_SCORE * (highest + lowest - score) / highest,
            };
        }
    }

    /// Pods in the domain of this key word of constraint `at`. The domain whose value is empty is one with
    /// the nodes that have no such label.
    fn pods(&self, at: usize, word: u32) -> u32 {
        let Some(domains) = self.counter.domains(at) else { return word - 1 };
        let number = word - 1;
        let without = if self.empty == Some(number) { domains.without() } else { 0 };
        domains.pods(number) + without
    }

    /// Number of domains among the cells that are scored.
    ///
    /// Upstream: initPreScoreState, v1.37: nodes that have no such label are a domain too.
    fn size(&self, cells: Cells<'_>, at: usize, scored: &[bool]) -> u32 {
        let cells_scored = (0..cells.len()).filter(|cell| scored[*cell]);
        if self.counter.domains(at).is_none() {
            return cells_scored.map(|cell| cells.feasible(cell)).sum();
        }
        let empty = self.empty.map(|number| number + 1);
        let words = cells_scored.map(|cell| match self.word(cells, cell, at) {
            word if Some(word) == empty => NO_LABEL,
            word => word,
        });
        distinct(words)
    }
}

/// How many different ones there are.
fn distinct(words: impl Iterator<Item = u32>) -> u32 {
    let (mut few, mut many) = (Vec::new(), Set::default());
    for word in words {
        if few.contains(&word) {
            continue;
        }
        if few.len() < FEW_DOMAINS {
            few.push(word);
        } else {
            many.insert(word);
        }
    }
    u32::try_from(few.len() + many.len()).unwrap_or(u32::MAX)
}

/// Half away from zero.
#[expect(clippy::cast_possible_truncation, reason = "upstream converts the same number")]
fn rounded(score: f64) -> i64 {
    score.round() as i64
}
