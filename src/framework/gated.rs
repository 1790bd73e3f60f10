//! What gates say of the cells of a table: those that stay open are the ones with feasible nodes. Part of `table`.

use crate::cluster::View;

use super::cell::Cell;
use super::{Evals, Stopwatch, Table, Verdict};

/// What gates say of the cells of a table, where they close one.
#[derive(Debug, Default)]
pub(super) struct Gated {
    /// The cells that are open.
    pub(super) open: Vec<u32>,
    /// Their key words.
    words: Vec<u32>,
    /// How many nodes each of them has.
    feasible: Vec<u32>,
    /// The other cells, and why they are closed; empty once they were counted.
    pub(super) closed: Vec<(u32, Verdict)>,
}

/// The open cells of a table.
#[derive(Clone, Copy)]
pub(super) struct Open<'t> {
    all: &'t [Cell],
    /// Which of `all` are open, where not all are.
    only: Option<&'t [u32]>,
    /// Their key words.
    pub(super) words: &'t [u32],
    /// How many nodes each of them has.
    pub(super) feasible: &'t [u32],
}

impl<'t> Open<'t> {
    /// The cells themselves.
    pub(super) fn cells(self) -> impl Iterator<Item = &'t Cell> + Clone {
        let Self { all, only, feasible, .. } = self;
        (0..feasible.len()).map(move |at| &all[only.map_or(at, |only| only[at] as usize)])
    }
}

impl Table {
    /// The cells with feasible nodes.
    pub(super) fn open(&self) -> Open<'_> {
        let (all, words, feasible) = (&self.cells[..], &self.words[..], &self.feasible[..]);
        match &self.gated {
            None => Open { all, only: None, words, feasible },
            Some(gated) => Open {
                all,
                only: Some(&gated.open),
                words: &gated.words,
                feasible: &gated.feasible,
            },
        }
    }

    /// Asks the gates about all cells, as `view` has them now.
    pub(super) fn gate(&mut self, evals: &Evals, view: &View<'_>, watch: &Stopwatch<'_>) {
        if !evals.has_gates() {
            return;
        }
        let mut verdicts = vec![Verdict::PASS; self.cells.len()];
        evals.gate(view, (&self.words, &self.feasible), &mut verdicts, watch);
        if verdicts.iter().all(|verdict| verdict.is_pass()) {
            self.gated = None;
            return;
        }
        let mut gated = self.gated.take().unwrap_or_default();
        gated.open.clear();
        gated.words.clear();
        gated.feasible.clear();
        gated.closed.clear();
        let stride = evals.stride();
        for (at, verdict) in verdicts.iter().enumerate() {
            let cell = u32::try_from(at).expect("invariant: no more cells than nodes");
            if verdict.is_pass() {
                gated.open.push(cell);
                gated.words.extend_from_slice(&self.words[at * stride..(at + 1) * stride]);
                gated.feasible.push(self.feasible[at]);
            } else {
                gated.closed.push((cell, *verdict));
            }
        }
        self.gated = Some(gated);
    }
}
