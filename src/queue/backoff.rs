//! How long a pod waits after a failed attempt, with and without an event that helps.

use crate::units::Nanos;

/// Upstream's default of podInitialBackoffSeconds.
pub const BACKOFF_INITIAL: Nanos = Nanos::from_secs(1);
/// Upstream's default of podMaxBackoffSeconds.
pub const BACKOFF_MAX: Nanos = Nanos::from_secs(10);

/// How long a pod may be unschedulable before it is tried again without an event.
///
/// Upstream's default of --pod-max-in-unschedulable-pods-duration.
pub const UNSCHEDULABLE_MAX: Nanos = Nanos::from_secs(5 * 60);

/// How long failed pods wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub initial: Nanos,
    /// After many; zero turns backoff off.
    pub max: Nanos,
    /// Without an event that helps.
    pub unschedulable_max: Nanos,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: BACKOFF_INITIAL, max: BACKOFF_MAX, unschedulable_max: UNSCHEDULABLE_MAX }
    }
}

impl Backoff {
    /// Whether there is no backoff at all.
    #[must_use]
    pub fn is_off(self) -> bool {
        self.max == Nanos(0)
    }

    /// The wait after `failures` failures: doubles from the shortest to the longest; none after none.
    #[must_use]
    pub fn duration(self, failures: u32) -> Nanos {
        let Some(doublings) = failures.checked_sub(1) else { return Nanos(0) };
        match 1u64.checked_shl(doublings).and_then(|factor| self.initial.0.checked_mul(factor)) {
            Some(wait) if wait <= self.max.0 => Nanos(wait),
            _ => self.max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_the_longest() {
        let backoff = Backoff::default();
        let seconds: Vec<_> =
            [0, 1, 2, 3, 4, 5, 6, 63, 64, 65, u32::MAX].map(|n| backoff.duration(n).0).into();
        let want = [0, 1, 2, 4, 8, 10, 10, 10, 10, 10, 10].map(|s| Nanos::from_secs(s).0);
        assert_eq!(seconds, want);
    }
}
