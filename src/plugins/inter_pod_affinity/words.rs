//! The key words: where a node is in each topology that counts, or, where it is alone there, what counts on
//! it. By them cells are judged as the filter judges nodes, and scored.

use std::hash::{BuildHasher, Hash};

use crate::cluster::{LabelColumn, View};
use crate::framework::{Cells, Code, KeyOut, Verdict};
use crate::units::{NodeId, Set};

use super::InterPodAffinityEval;
use super::effects::Sum;
use super::filter::{AFFINITY, ANTI_AFFINITY, EXISTING_ANTI_AFFINITY};
use super::tally::{Tallies, Tally};

/// The word of a node that has no such label. Others are the number of the value plus one, or, where no other
/// node has the value, [`ALONE`] with flags.
const WITHOUT: u32 = 0;
/// Marks a word of flags.
const ALONE: u32 = 1 << 31;
/// The sums that a flag says of whether they are above zero.
const FLAGS: [Sum; 3] = [Sum::Affinity, Sum::AntiAffinity, Sum::ExistingAntiAffinity];

/// What is known of one topology key.
pub(super) struct Place {
    key: Box<str>,
    /// Its first word; where it has a score, the two words behind are the score of a node that is alone.
    word: usize,
    /// Indices of the tallies with this key, by [`FLAGS`].
    flags: [Option<usize>; FLAGS.len()],
    /// Index of the tally of the score.
    score: Option<usize>,
}

/// Where the words of all topology keys are.
#[derive(Default)]
pub(super) struct Places {
    all: Vec<Place>,
    words: usize,
}

impl Places {
    /// One a topology key that `tallies` need to filter and to score.
    pub(super) fn new(tallies: &Tallies, filters: bool, scores: bool) -> Self {
        let mut all: Vec<Place> = Vec::new();
        for (index, Tally { sum, key, .. }) in tallies.all.iter().enumerate() {
            if !(if *sum == Sum::Score { scores } else { filters }) {
                continue;
            }
            let at = all.iter().position(|place| place.key == *key).unwrap_or_else(|| {
                all.push(Place { key: key.clone(), word: 0, flags: [None; 3], score: None });
                all.len() - 1
            });
            match FLAGS.iter().position(|flag| flag == sum) {
                Some(flag) => all[at].flags[flag] = Some(index),
                None => all[at].score = Some(index),
            }
        }
        let mut words = 0;
        for place in &mut all {
            place.word = words;
            words += if place.score.is_some() { 3 } else { 1 };
        }
        Self { all, words }
    }

    /// Number of words.
    pub(super) fn words(&self) -> usize {
        self.words
    }

    /// A number for which word is about which key.
    pub(super) fn meaning(&self) -> u64 {
        let of_place = |place: &Place| (place.key.clone(), place.word);
        let all: Vec<_> = self.all.iter().map(of_place).collect();
        let mut hasher = Set::<()>::default().hasher().build_hasher();
        all.hash(&mut hasher);
        std::hash::Hasher::finish(&hasher)
    }

    /// Writes the words of `nodes`.
    pub(super) fn key(
        &self,
        tallies: &Tallies,
        view: &View<'_>,
        nodes: &[NodeId],
        out: &mut KeyOut<'_>,
    ) {
        for place in &self.all {
            let column = view.cluster.label_column(&place.key);
            for (index, node) in nodes.iter().enumerate() {
                let (word, score) = place.words_of(tallies, column, *node);
                out.set(index, place.word, word);
                if place.score.is_some() {
                    let [low, high] = to_words(score);
                    out.set(index, place.word + 1, low);
                    out.set(index, place.word + 2, high);
                }
            }
        }
    }

    /// The raw score of each cell.
    ///
    /// Upstream: Score, v1.37.
    pub(super) fn raw(&self, tallies: &Tallies, cells: Cells<'_>, out: &mut [i64]) {
        out.fill(0);
        for place in &self.all {
            let Some(tally) = place.score.map(|at| &tallies.all[at]) else { continue };
            for (cell, score) in out.iter_mut().enumerate() {
                let more = match cells.word(cell, place.word) {
                    WITHOUT => 0,
                    word if word & ALONE != 0 => {
                        of_words([1, 2].map(|behind| cells.word(cell, place.word + behind)))
                    }
                    word => tally.at(word - 1),
                };
                *score = score.wrapping_add(more);
            }
        }
    }
}

impl Place {
    /// The first word of `node`, and its score where it is alone.
    fn words_of(
        &self,
        tallies: &Tallies,
        column: Option<LabelColumn<'_>>,
        node: NodeId,
    ) -> (u32, i64) {
        let number = column.and_then(|column| Some((column, column.number(node)?)));
        let Some((column, number)) = number else { return (WITHOUT, 0) };
        if !column.is_alone(number) {
            return (number + 1, 0);
        }
        let at = |index: Option<usize>| index.map_or(0, |index| tallies.all[index].at(number));
        let flags = self.flags.iter().enumerate();
        let word = flags.fold(ALONE, |word, (bit, index)| word | u32::from(at(*index) > 0) << bit);
        (word, at(self.score))
    }

    /// Whether something counts for a sum of [`FLAGS`] where `word` is; `None` where there is no such label.
    /// For a sum that has no tally nothing counts.
    fn counts(&self, tallies: &Tallies, flag: usize, word: u32) -> Option<bool> {
        match word {
            WITHOUT => None,
            word if word & ALONE != 0 => Some(word >> flag & 1 == 1),
            word => Some(self.flags[flag].is_some_and(|at| tallies.all[at].at(word - 1) > 0)),
        }
    }
}

impl InterPodAffinityEval {
    /// As the filter, for nodes with the words of `cells`.
    ///
    /// Upstream: Filter, v1.37.
    pub(super) fn judge_cells(&self, cells: Cells<'_>, out: &mut [Verdict]) {
        let starts_group = self.matches_itself && self.affinity_total == 0;
        for (cell, verdict) in out.iter_mut().enumerate() {
            if verdict.is_pass()
                && let Some((code, detail)) = self.rejection(cells, cell, starts_group)
            {
                *verdict = Verdict::reject(self.position, code, detail);
            }
        }
    }

    fn rejection(&self, cells: Cells<'_>, cell: usize, starts_group: bool) -> Option<(Code, u32)> {
        let [near, far, repels] = [0, 1, 2].map(|flag| {
            let places = self.places.all.iter().filter(move |place| place.flags[flag].is_some());
            places.map(move |place| place.counts(&self.tallies, flag, cells.word(cell, place.word)))
        });
        let mut is_near = true;
        for counts in near {
            match counts {
                None => return Some((Code::UnschedulableAndUnresolvable, AFFINITY)),
                Some(counts) => is_near &= counts,
            }
        }
        if !is_near && !starts_group {
            return Some((Code::UnschedulableAndUnresolvable, AFFINITY));
        }
        if far.into_iter().any(|counts| counts == Some(true)) {
            return Some((Code::Unschedulable, ANTI_AFFINITY));
        }
        let is_repelled = repels.into_iter().any(|counts| counts == Some(true));
        is_repelled.then_some((Code::Unschedulable, EXISTING_ANTI_AFFINITY))
    }
}

/// A score as key words.
fn to_words(raw: i64) -> [u32; 2] {
    let bits = raw.cast_unsigned();
    let word = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
    [word(bits), word(bits >> 32)]
}

/// The score behind key words.
fn of_words([low, high]: [u32; 2]) -> i64 {
    (u64::from(high) << 32 | u64::from(low)).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_survive_as_words() {
        for raw in [0, 1, -1, i64::MAX, i64::MIN, 1 << 40, -(1 << 33)] {
            assert_eq!(of_words(to_words(raw)), raw);
        }
    }
}
