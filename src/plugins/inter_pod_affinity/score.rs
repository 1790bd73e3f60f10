//! Which nodes are better: the sum of the weights that count where a node is (`words`), scaled over all
//! feasible nodes.

use crate::framework::MAX_NODE_SCORE;

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
}
