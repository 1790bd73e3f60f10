//! Which nodes are better: the sum of the weights that count where a node is, scaled over all feasible
//! nodes.

use crate::cluster::View;
use crate::framework::MAX_NODE_SCORE;
use crate::units::NodeId;

use super::effects::Sum;
use super::tally::Tallies;

/// The raw score of each node.
///
/// Upstream: Score, v1.37.
pub(super) fn raw_scores(tallies: &Tallies, view: &View<'_>, nodes: &[NodeId]) -> Vec<i64> {
    let mut sums = vec![0i64; nodes.len()];
    for tally in tallies.all.iter().filter(|tally| tally.sum == Sum::Score) {
        let Some(column) = view.cluster.label_column(&tally.key) else { continue };
        for (sum, node) in sums.iter_mut().zip(nodes) {
            let value = column.number(*node).map(|value| value as usize);
            let weight = value.and_then(|value| tally.by_value.get(value));
            *sum = sum.wrapping_add(weight.copied().unwrap_or_default());
        }
    }
    sums
}

/// A raw score as key words.
pub(super) fn to_words(raw: i64) -> [u32; 2] {
    let bits = raw.cast_unsigned();
    let word = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
    [word(bits), word(bits >> 32)]
}

/// The raw score behind key words.
pub(super) fn of_words([low, high]: [u32; 2]) -> i64 {
    (u64::from(high) << 32 | u64::from(low)).cast_signed()
}

/// Raw scores to points: the lowest is 0, the highest 100.
///
/// Upstream: NormalizeScore, v1.37, with its order of float operations.
pub(super) fn normalise(raw: &mut [i64]) {
    let lowest = raw.iter().copied().min().unwrap_or_default();
    let highest = raw.iter().copied().max().unwrap_or_default();
    let range = highest.wrapping_sub(lowest);
    for score in raw {
        *score = if range > 0 { share(score.wrapping_sub(lowest), range) } else { 0 };
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "upstream rounds in the same way"
)]
fn share(above: i64, range: i64) -> i64 {
    (MAX_NODE_SCORE as f64 * (above as f64 / range as f64)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalising_as_upstream() {
        let rows: [(&[i64], &[i64]); 6] = [
            (&[], &[]),
            (&[5, 5], &[0, 0]),
            (&[0, 3, 1], &[0, 100, 33]),
            (&[-5, 5, 0], &[0, 100, 50]),
            (&[8, 2, 4], &[100, 0, 33]),
            (&[i64::MIN, i64::MAX], &[0, 0]),
        ];
        for (raw, want) in rows {
            let mut got = raw.to_vec();
            normalise(&mut got);
            assert_eq!(got, want, "{raw:?}");
        }
    }

    #[test]
    fn scores_survive_as_words() {
        for raw in [0, 1, -1, i64::MAX, i64::MIN, 1 << 40, -(1 << 33)] {
            assert_eq!(of_words(to_words(raw)), raw);
        }
    }
}
