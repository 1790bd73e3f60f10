//! Soft constraints: nodes in fuller domains are worse. The cell part, since what a domain counts for
//! depends on how many of them there are among the feasible nodes.

use crate::cluster::View;
use crate::framework::{Cells, KeyOut, MAX_NODE_SCORE};
use crate::model::{HOSTNAME, Pod};
use crate::units::NodeId;

use super::constraint::Constraint;
use super::counting::{Classes, Domains, Inclusion, count_domains, nodes_with_all_keys};
use super::log::ln;

/// The key word of a node that has no such label. Other words are the domain's number plus one, or, where
/// nodes are counted one by one, the number of pods plus one.
const NO_LABEL: u32 = 0;
/// Raw score that upstream gives nodes which it does not score.
const INVALID: i64 = -1;

/// The soft constraints of a pod, counted.
pub(super) struct Soft {
    constraints: Vec<Counted>,
    /// Nodes without the labels of all constraints get no score. Not so with the system's defaults.
    require_all: bool,
}

/// One constraint and what was counted for it.
struct Counted {
    constraint: Constraint,
    counts: Counts,
}

enum Counts {
    /// Pods by domain; and the word of the domain whose value is empty, which is one with the nodes that
    /// have no such label.
    Domains(Domains, u32),
    /// Each node is a domain.
    Nodes(Classes),
}

impl Soft {
    /// Counts for `pod`, on all nodes; `require_all`: on those with the labels of all constraints.
    ///
    /// Upstream: PreScore, v1.37.
    pub(super) fn new(
        constraints: Vec<Constraint>,
        require_all: bool,
        pod: &Pod,
        view: &View<'_>,
    ) -> Self {
        let inclusion = Inclusion::new(&constraints, pod, view);
        let nodes = if require_all {
            nodes_with_all_keys(&constraints, view)
        } else {
            view.cluster.nodes().collect()
        };
        let allowed = inclusion.allowed(view, &nodes);
        let counted = constraints.into_iter().map(|constraint| {
            let classes = Classes::of(&constraint, pod, view.cluster);
            let counts = if *constraint.topology_key == *HOSTNAME {
                Counts::Nodes(classes)
            } else {
                let nodes = (&nodes[..], allowed.as_deref());
                let mut domains = count_domains(&constraint, &classes, &inclusion, nodes, view);
                let empty = view.cluster.label_value("");
                if let Some(empty) = empty {
                    domains.merge_without(empty);
                }
                Counts::Domains(domains, empty.map_or(NO_LABEL, |number| number + 1))
            };
            Counted { constraint, counts }
        });
        Self { constraints: counted.collect(), require_all }
    }

    /// A word a constraint.
    pub(super) fn key_words(&self) -> usize {
        self.constraints.len()
    }

    pub(super) fn key(&self, view: &View<'_>, nodes: &[NodeId], out: &mut KeyOut<'_>) {
        for (at, Counted { constraint, counts }) in self.constraints.iter().enumerate() {
            let Some(column) = view.cluster.label_column(&constraint.topology_key) else {
                (0..nodes.len()).for_each(|index| out.set(index, at, NO_LABEL));
                continue;
            };
            for (index, node) in nodes.iter().enumerate() {
                let word = column.number(*node).map_or(NO_LABEL, |number| match counts {
                    Counts::Domains(..) => number + 1,
                    Counts::Nodes(classes) => classes.on(view.cluster, *node) + 1,
                });
                out.set(index, at, word);
            }
        }
    }

    /// Whether the nodes of `cell` get no score.
    fn ignores(&self, cells: Cells<'_>, cell: usize) -> bool {
        self.require_all
            && (0..self.constraints.len()).any(|word| cells.word(cell, word) == NO_LABEL)
    }

    /// The sum over the constraints of pods times weight, and the skew that is tolerated; rounded. In
    /// upstream's order, since floats are added.
    ///
    /// Upstream: Score and scoreForCount, v1.37.
    pub(super) fn raw(&self, cells: Cells<'_>, out: &mut [i64]) {
        let scored: Vec<bool> = (0..cells.len()).map(|cell| !self.ignores(cells, cell)).collect();
        let mut sums = vec![0f64; cells.len()];
        for (at, counted) in self.constraints.iter().enumerate() {
            let weight = ln(counted.size(cells, at, &scored).saturating_add(2));
            let skew = f64::from(counted.constraint.max_skew.wrapping_sub(1));
            for (cell, sum) in sums.iter_mut().enumerate() {
                let word = cells.word(cell, at);
                if word != NO_LABEL {
                    *sum += f64::from(counted.pods(word)) * weight + skew;
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
}

impl Counted {
    /// Pods in the domain of this key word.
    fn pods(&self, word: u32) -> u32 {
        match &self.counts {
            Counts::Domains(domains, _) => domains.pods(word - 1),
            Counts::Nodes(_) => word - 1,
        }
    }

    /// Number of domains among the cells that are scored.
    ///
    /// Upstream: initPreScoreState, v1.37: nodes that have no such label are a domain too.
    fn size(&self, cells: Cells<'_>, at: usize, scored: &[bool]) -> u32 {
        let cells_scored = (0..cells.len()).filter(|cell| scored[*cell]);
        let Counts::Domains(domains, empty) = &self.counts else {
            return cells_scored.map(|cell| cells.feasible(cell)).sum();
        };
        let mut seen = vec![false; domains.bound() + 1];
        let mut size = 0;
        for cell in cells_scored {
            let word = cells.word(cell, at);
            let word = if word == *empty { NO_LABEL } else { word };
            let seen = &mut seen[word as usize];
            size += u32::from(!*seen);
            *seen = true;
        }
        size
    }
}

/// Half away from zero.
#[expect(clippy::cast_possible_truncation, reason = "upstream converts the same number")]
fn rounded(score: f64) -> i64 {
    score.round() as i64
}
