//! The time as the actors see it, and as they write it into objects.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::units::Nanos;

/// The time of this host at the start, and from there on a clock that never runs backwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    epoch: Duration,
    start: Instant,
}

impl Clock {
    /// Reads the host's clock.
    pub(super) fn start() -> Self {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { epoch, start: Instant::now() }
    }

    /// The time.
    pub(super) fn now(&self) -> Nanos {
        nanos(self.epoch + self.start.elapsed())
    }

    /// The instant at which this clock shows `at`.
    pub(super) fn instant(&self, at: Nanos) -> Instant {
        self.start + Duration::from_nanos(at.since(nanos(self.epoch)).0)
    }
}

/// A duration in nanoseconds, saturating.
pub(super) fn nanos(duration: Duration) -> Nanos {
    Nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// `at` as `metav1.Time` is written: whole seconds.
pub(super) fn seconds_text(at: Nanos) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `at` as `metav1.MicroTime` is written.
pub(super) fn micros_text(at: Nanos) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Reads either; nothing where it is neither.
pub(super) fn parse(text: &str) -> Option<Nanos> {
    let at: Timestamp = text.parse().ok()?;
    u64::try_from(at.as_nanosecond()).ok().map(Nanos)
}

fn timestamp(at: Nanos) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_api_does_and_read_back() {
        let at = Nanos(1_700_000_000_123_456_789);
        assert_eq!(seconds_text(at), "2023-11-14T22:13:20Z");
        assert_eq!(micros_text(at), "2023-11-14T22:13:20.123456Z");
        assert_eq!(parse("2023-11-14T22:13:20Z"), Some(at.truncate_to_second()));
        assert_eq!(parse("soon"), None);
    }
}
