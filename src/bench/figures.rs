//! Numbers out of numbers: percentiles, medians, and the parts of histograms. Used by `run` and `report`.

use serde::Serialize;

/// Some percentiles, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of all are no larger.
    pub p50: f64,
    /// Of ten, nine.
    pub p90: f64,
    /// Of a hundred, ninety-nine.
    pub p99: f64,
    /// The largest; of a histogram, the bound of its bucket.
    pub max: f64,
}

impl Percentiles {
    /// Of some times in nanoseconds, by nearest rank; none of none.
    pub(super) fn of_nanos(mut nanos: Vec<u64>) -> Option<Self> {
        nanos.sort_unstable();
        let at = |percent: usize| {
            let rank = (nanos.len() * percent).div_ceil(100).max(1);
            nanos.get(rank - 1).map(|nanos| millis(*nanos))
        };
        Some(Self { p50: at(50)?, p90: at(90)?, p99: at(99)?, max: at(100)? })
    }

    /// Of a histogram: upper bounds in seconds and how many are in each bucket, not added up. Within a bucket
    /// all sizes are taken for equally frequent, as Prometheus does. None of an empty one.
    pub(super) fn of_buckets(buckets: &[(f64, f64)]) -> Option<Self> {
        let total: f64 = buckets.iter().map(|(_, count)| count).sum();
        if total <= 0.0 {
            return None;
        }
        let at = |part: f64| {
            let (mut lower, mut below) = (0.0, 0.0);
            for &(upper, count) in buckets {
                if count > 0.0 && below + count >= part * total {
                    let upper = if upper.is_finite() { upper } else { lower };
                    return 1_000.0 * (lower + (upper - lower) * (part * total - below) / count);
                }
                below += count;
                if upper.is_finite() {
                    lower = upper;
                }
            }
            1_000.0 * lower
        };
        Some(Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people has fewer digits")]
pub(super) fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// The one in the middle, or between the two there; none of none.
pub(super) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let (low, high) = (numbers.len().checked_sub(1)? / 2, numbers.len() / 2);
    Some(f64::midpoint(numbers[low], numbers[high]))
}

/// A metric's text as buckets that are not added up, those of all its labels together.
pub(super) fn buckets(text: &str, name: &str) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix("_bucket{"))
        else {
            continue;
        };
        let Some((labels, value)) = rest.rsplit_once('}') else { continue };
        let bound = labels.split("le=\"").nth(1).and_then(|rest| rest.split('"').next());
        let bound = bound.map(|bound| bound.parse().unwrap_or(f64::INFINITY));
        let value = value.split_whitespace().next().and_then(|value| value.parse().ok());
        if let (Some(bound), Some(value)) = (bound, value) {
            out.push((bound, value));
        }
    }
    out.sort_by(|a, b| a.0.total_cmp(&b.0));
    for at in (1..out.len()).rev() {
        out[at].1 -= out[at - 1].1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let nanos = (1..=200).map(|n| n * 1_000_000).collect();
        let want = Percentiles { p50: 100.0, p90: 180.0, p99: 198.0, max: 200.0 };
        assert_eq!(Percentiles::of_nanos(nanos), Some(want));
        assert_eq!(Percentiles::of_nanos(vec![7_000_000]).map(|all| all.p50), Some(7.0));
        assert_eq!(Percentiles::of_nanos(Vec::new()), None);
    }

    #[test]
    fn a_bucket_is_shared_out_evenly() {
        let buckets = [(0.001, 50.0), (0.002, 50.0), (f64::INFINITY, 0.0)];
        let found = Percentiles::of_buckets(&buckets).unwrap();
        assert_eq!((found.p50, found.max), (1.0, 2.0));
        assert!((found.p90 - 1.8).abs() < 1e-9);
        assert_eq!(Percentiles::of_buckets(&[(1.0, 0.0)]), None);
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn buckets_are_read_from_a_metrics_text() {
        let text = "# HELP a b\na_bucket{le=\"0.1\"} 2\na_bucket{le=\"+Inf\"} 5\na_sum 1\nab_bucket{le=\"1\"} 9\n";
        assert_eq!(buckets(text, "a"), [(0.1, 2.0), (f64::INFINITY, 3.0)]);
    }
}
