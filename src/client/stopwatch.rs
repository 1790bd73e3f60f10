//! How long a pod takes from the bytes of its watch event to the request of its Binding: [`Stopwatch`]. Started
//! by the watch of pods, stopped by the writer, shown by `runtime` as `berth_watch_to_bind_seconds`.
//!
//! It costs two stores and two loads a pod, locks nothing and allocates nothing: times are kept in a table of a
//! fixed size by the hash of the pod's UID, where a newer pod may take the place of an older one, whose time is then
//! not counted.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use crate::units::hash_bytes;

use super::requests::Histogram;

/// Pods whose times are kept, a power of two: 256 kB.
const SLOTS: usize = 16_384;

/// Upper bounds of times, in seconds.
const SECONDS: [f64; 22] = [
    0.000_05, 0.000_1, 0.000_15, 0.000_2, 0.000_25, 0.000_3, 0.000_4, 0.000_5, 0.000_75, 0.001,
    0.001_5, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0,
];

const NANOS_PER_SECOND: f64 = 1e9;

/// Times of pods.
#[derive(Debug)]
pub struct Stopwatch {
    base: Instant,
    slots: Box<[Slot]>,
    /// The times that were taken.
    pub times: Histogram,
}

#[derive(Debug, Default)]
struct Slot {
    /// The hash of the pod, zero where there is none.
    pod: AtomicU64,
    /// Nanoseconds since the base.
    at: AtomicU64,
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self {
            base: Instant::now(),
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            times: Histogram::new(&SECONDS, NANOS_PER_SECOND),
        }
    }
}

impl Stopwatch {
    /// An event of the pod with this UID, which has no node, came at a time.
    pub(super) fn start(&self, uid: &str, at: Instant) {
        let pod = hash(uid);
        let slot = self.slot(pod);
        slot.at.store(self.nanos(at), Ordering::Relaxed);
        slot.pod.store(pod, Ordering::Release);
    }

    /// Its Binding goes now.
    pub(super) fn stop(&self, uid: &str) {
        let pod = hash(uid);
        let slot = self.slot(pod);
        if slot.pod.load(Ordering::Acquire) == pod {
            let took = self.nanos(Instant::now()).saturating_sub(slot.at.load(Ordering::Relaxed));
            // A Binding that is sent again is not counted again.
            slot.pod.store(0, Ordering::Relaxed);
            self.times.observe(took);
        }
    }

    fn slot(&self, pod: u64) -> &Slot {
        let at = usize::try_from(pod % (SLOTS as u64)).unwrap_or_default();
        &self.slots[at]
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from((at - self.base).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Never zero.
fn hash(uid: &str) -> u64 {
    hash_bytes(0, uid.as_bytes()).max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pod_is_timed_once() {
        let stopwatch = Stopwatch::default();
        stopwatch.start("a", Instant::now());
        stopwatch.start("b", Instant::now());
        advance(Duration::from_millis(2)).await;
        for uid in ["a", "a", "c"] {
            stopwatch.stop(uid);
        }
        let shown = stopwatch.times.shown();
        assert_eq!((shown.count, shown.sum.to_string()), (1, "0.002".to_owned()));
        let count = |bound: f64| shown.buckets.iter().find(|(at, _)| *at >= bound).unwrap().1;
        assert_eq!((count(0.0015), count(0.002)), (0, 1));
    }
}
