//! `clientConnection.qps` and `burst`: a token bucket, kept as one point in time.

use std::time::Duration;

use crate::units::Nanos;

/// How many requests a second, and how many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Requests a second; `None` (or what is not above zero) means no limit.
    pub qps: Option<f64>,
    /// Requests that may go at once when none went for a while; zero counts as one.
    pub burst: u32,
}

impl RateLimit {
    /// No limit.
    pub const NONE: RateLimit = RateLimit { qps: None, burst: 1 };
}

/// A token bucket. It holds no tokens but the time from which it is full again.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Nanoseconds a token takes to come; zero means no limit.
    interval: u64,
    /// How far `full_at` may lie ahead while a token is left, in nanoseconds.
    slack: u64,
    full_at: Nanos,
}

impl Bucket {
    pub(super) fn new(limit: RateLimit) -> Self {
        let interval = limit
            .qps
            .filter(|&qps| qps > 0.0)
            .and_then(|qps| Duration::try_from_secs_f64(1.0 / qps).ok())
            .map_or(0, |each| u64::try_from(each.as_nanos()).unwrap_or(u64::MAX));
        let slack = interval.saturating_mul(u64::from(limit.burst.saturating_sub(1)));
        Self { interval, slack, full_at: Nanos(0) }
    }

    /// From when on a request may go.
    pub(super) fn ready_at(&self) -> Nanos {
        self.full_at.since(Nanos(self.slack))
    }

    /// Whether a request may go.
    pub(super) fn is_ready(&self, now: Nanos) -> bool {
        self.ready_at() <= now
    }

    /// How many requests may go at once.
    pub(super) fn tokens(&self, now: Nanos) -> usize {
        if !self.is_ready(now) {
            return 0;
        }
        let more = self.slack.saturating_sub(self.full_at.since(now).0).checked_div(self.interval);
        let more = more.and_then(|more| usize::try_from(more).ok());
        more.map_or(usize::MAX, |more| more.saturating_add(1))
    }

    /// Takes the token of a request that goes.
    pub(super) fn take(&mut self, now: Nanos) {
        if self.interval > 0 {
            self.full_at = self.full_at.max(now) + Nanos(self.interval);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of `count` requests goes that all want to go at once, in milliseconds.
    fn times_ms(limit: RateLimit, count: usize) -> Vec<u64> {
        let mut bucket = Bucket::new(limit);
        let start = Nanos::from_secs(1_000);
        let mut now = start;
        let mut out = Vec::new();
        for _ in 0..count {
            now = now.max(bucket.ready_at());
            let tokens = bucket.tokens(now);
            assert!(bucket.is_ready(now) && tokens > 0);
            bucket.take(now);
            assert!(tokens == usize::MAX || bucket.tokens(now) == tokens - 1);
            out.push(now.since(start).0 / Nanos::MILLISECOND.0);
        }
        out
    }

    #[test]
    fn burst_then_qps() {
        let limit = RateLimit { qps: Some(10.0), burst: 3 };
        assert_eq!(times_ms(limit, 6), [0, 0, 0, 100, 200, 300]);
    }

    #[test]
    fn rows_without_a_limit() {
        for qps in [None, Some(0.0), Some(-1.0), Some(f64::NAN)] {
            assert_eq!(times_ms(RateLimit { qps, burst: 0 }, 4), [0, 0, 0, 0]);
        }
    }

    #[test]
    fn a_pause_fills_it_no_further_than_burst() {
        let mut bucket = Bucket::new(RateLimit { qps: Some(1.0), burst: 2 });
        let now = Nanos::from_secs(1_000);
        bucket.take(now);
        let later = now + Nanos::from_secs(60);
        bucket.take(later);
        assert!(bucket.is_ready(later));
        bucket.take(later);
        assert_eq!(bucket.ready_at(), later + Nanos::SECOND);
    }
}
