//! Hard constraints: how full each domain is, and which nodes that keeps a pod away from.

use crate::cluster::{NodeNews, View};
use crate::framework::{Cells, Code, KeyOut, Verdict};
use crate::model::Pod;
use crate::units::NodeId;

use super::constraint::Constraint;
use super::counter::{Counter, Scope};
use super::domains::{Domains, Lows};

/// Detail of a rejection because of a domain that is too full.
const TOO_FULL: u32 = 0;
/// Detail of a rejection because of a missing label.
const NO_LABEL: u32 = 1;

/// The key word of a node that has no such label. Other words are the domain's number plus one, or, where the
/// domain is only this node, the number of pods with [`ALONE`].
const WITHOUT: u32 = 0;
/// Marks a word that is a number of pods.
const ALONE: u32 = 1 << 31;

/// The words of a rejection with this detail.
pub(super) fn reason(detail: u32) -> &'static str {
    match detail {
        NO_LABEL => "node(s) didn't match pod topology spread constraints (missing required label)",
        _ => "node(s) didn't match pod topology spread constraints",
    }
}

/// The hard constraints of a pod, counted.
pub(super) struct Hard {
    counter: Counter,
    /// By constraint: its emptiest domains.
    lows: Vec<Lows>,
    /// By constraint: 1 where the pod itself is meant.
    own: Vec<i64>,
}

/// A domain with pods more or fewer in thought.
#[derive(Clone, Copy)]
struct Moved {
    domain: u32,
    pods: i64,
}

impl Hard {
    /// Counts for `pod`. Only nodes that have the labels of all constraints count for any of them.
    ///
    /// Upstream: calPreFilterState, v1.37.
    pub(super) fn new(constraints: Vec<Constraint>, pod: &Pod, view: &View<'_>) -> Self {
        let selects_itself = |constraint: &Constraint| i64::from(constraint.selects(&pod.labels));
        let own = constraints.iter().map(selects_itself).collect();
        let scope = Scope { all_keys: true, by_domain: |_| true, asks_lows: true };
        let counter = Counter::new(constraints, scope, pod, view);
        let mut hard = Self { counter, lows: Vec::new(), own };
        hard.find_lows();
        hard
    }

    /// Keeps up with the cluster from now on.
    pub(super) fn follow(&mut self, view: &View<'_>) {
        self.counter.follow(view);
        self.find_lows();
    }

    /// Whether a change can alter what it counts.
    pub(super) fn concerns(&self, change: &NodeNews) -> bool {
        self.counter.concerns(change)
    }

    /// Takes in that `nodes` have changed; false where it cannot.
    pub(super) fn catch_up(&mut self, view: &View<'_>, nodes: &[NodeId]) -> bool {
        let caught_up = self.counter.catch_up(view, nodes);
        self.find_lows();
        caught_up
    }

    fn find_lows(&mut self) {
        self.lows.clear();
        let all = (0..self.counter.constraints().len()).filter_map(|at| self.counter.domains(at));
        self.lows.extend(all.map(Domains::lows));
    }

    /// Rejects nodes whose domain would be fuller than the emptiest by more than the skew.
    pub(super) fn filter(
        &self,
        position: u16,
        view: &View<'_>,
        nodes: &[NodeId],
        out: &mut [Verdict],
    ) {
        let (no_label, too_full) = rejections(position);
        for (at, constraint) in self.counter.constraints().iter().enumerate() {
            let column = view.cluster.label_column(&constraint.topology_key);
            let moved = self.counter.moved(at, view).map(|(domain, pods)| Moved { domain, pods });
            let most = self.most(at, moved);
            for (node, verdict) in nodes.iter().zip(&mut *out) {
                if !verdict.is_pass() {
                    continue;
                }
                match column.and_then(|column| column.number(*node)) {
                    None => *verdict = no_label,
                    Some(domain) if self.pods(at, domain, moved) > most => *verdict = too_full,
                    Some(_) => {}
                }
            }
        }
    }

    /// A word a constraint.
    pub(super) fn key_words(&self) -> usize {
        self.own.len()
    }

    /// Writes the words of `nodes`, from the first word on.
    pub(super) fn key(&self, view: &View<'_>, nodes: &[NodeId], out: &mut KeyOut<'_>) {
        for (at, constraint) in self.counter.constraints().iter().enumerate() {
            let column = view.cluster.label_column(&constraint.topology_key);
            for (index, node) in nodes.iter().enumerate() {
                let number = column.and_then(|column| Some((column, column.number(*node)?)));
                let word = match number {
                    None => WITHOUT,
                    // The node is the domain: what counts there is all that counts.
                    Some((column, number)) if column.is_alone(number) => {
                        ALONE | self.pods_in(at, number)
                    }
                    Some((_, number)) => number + 1,
                };
                out.set(index, at, word);
            }
        }
    }

    /// As [`Hard::filter`], for nodes with the words of `cells`.
    pub(super) fn gate(&self, position: u16, cells: Cells<'_>, out: &mut [Verdict]) {
        let (no_label, too_full) = rejections(position);
        for at in 0..self.key_words() {
            let most = self.most(at, None);
            for (cell, verdict) in out.iter_mut().enumerate() {
                if !verdict.is_pass() {
                    continue;
                }
                let pods = match cells.word(cell, at) {
                    WITHOUT => {
                        *verdict = no_label;
                        continue;
                    }
                    word if word & ALONE != 0 => word & !ALONE,
                    word => self.pods_in(at, word - 1),
                };
                if i64::from(pods) > most {
                    *verdict = too_full;
                }
            }
        }
    }

    /// What it keeps, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.counter.bytes()
    }

    fn pods_in(&self, at: usize, domain: u32) -> u32 {
        self.counter.domains(at).map_or(0, |domains| domains.pods(domain))
    }

    fn pods(&self, at: usize, domain: u32, moved: Option<Moved>) -> i64 {
        let change = moved.filter(|moved| moved.domain == domain).map_or(0, |moved| moved.pods);
        i64::from(self.pods_in(at, domain)) + change
    }

    /// The most pods that a domain may have before this one comes.
    ///
    /// Upstream: minMatchNum and Filter, v1.37.
    fn most(&self, at: usize, moved: Option<Moved>) -> i64 {
        let (constraint, lows) = (&self.counter.constraints()[at], self.lows[at]);
        let fewest = match moved {
            _ if lows.domains < i64::from(constraint.min_domains) => 0,
            None => lows.fewest,
            Some(moved) => {
                let is_emptiest = self.pods(at, moved.domain, None) == lows.fewest
                    && self.counter.domains(at).is_some_and(|all| all.is_domain(moved.domain));
                // Where two are as empty as each other, either is the emptiest but one.
                let others = if is_emptiest { lows.next } else { lows.fewest };
                others.min(self.pods(at, moved.domain, Some(moved)))
            }
        };
        i64::from(constraint.max_skew) + fewest - self.own[at]
    }
}

/// What is said of a node without the label, and of one in a domain that is too full.
fn rejections(position: u16) -> (Verdict, Verdict) {
    let no_label = Verdict::reject(position, Code::UnschedulableAndUnresolvable, NO_LABEL);
    (no_label, Verdict::reject(position, Code::Unschedulable, TOO_FULL))
}
