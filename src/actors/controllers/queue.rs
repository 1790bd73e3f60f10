//! [`Queue`]: what is to be looked at again: each key once, never twice at a time, and after a failure
//! later. Pure.
//!
//! Upstream: client-go workqueue with its default rate limiter.

use std::collections::VecDeque;
use std::hash::Hash;

use crate::units::{Map, Nanos};

use super::super::timers::Timers;

/// The pause after a first failure; it doubles with each further one.
const PAUSE_FIRST: Nanos = Nanos(5_000_000);
/// The longest pause.
const PAUSE_MAX: Nanos = Nanos::from_secs(60);

/// Keys to be worked on.
#[derive(Debug)]
pub(super) struct Queue<K> {
    ready: VecDeque<K>,
    states: Map<K, State>,
    timers: Timers<K>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// In `ready`.
    queued: bool,
    /// Somebody is at it.
    busy: bool,
    /// Added while somebody was at it.
    again: bool,
    failures: u32,
}

impl<K> Default for Queue<K>
where
    K: Ord,
{
    fn default() -> Self {
        Self { ready: VecDeque::new(), states: Map::default(), timers: Timers::default() }
    }
}

impl<K: Clone + Ord + Hash> Queue<K> {
    /// Something about `key` has changed.
    pub(super) fn add(&mut self, key: K) {
        let state = self.states.entry(key.clone()).or_default();
        if state.busy {
            state.again = true;
        } else if !state.queued {
            state.queued = true;
            self.ready.push_back(key);
        }
    }

    /// Something about `key` will have changed at `at`.
    pub(super) fn add_at(&mut self, key: K, at: Nanos) {
        self.timers.set(at, key);
    }

    /// When a key is due.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        self.timers.next()
    }

    /// The next key to work on; [`Queue::done`] must follow.
    pub(super) fn pop(&mut self, now: Nanos) -> Option<K> {
        while let Some(key) = self.timers.pop_due(now) {
            self.add(key);
        }
        let key = self.ready.pop_front()?;
        let state = self.states.entry(key.clone()).or_default();
        (state.queued, state.busy) = (false, true);
        Some(key)
    }

    /// The work on `key` is done, or has to be tried again.
    pub(super) fn done(&mut self, key: &K, succeeded: bool, now: Nanos) {
        let Some(state) = self.states.get_mut(key) else { return };
        state.busy = false;
        let again = std::mem::take(&mut state.again);
        if succeeded {
            state.failures = 0;
            if again {
                self.add(key.clone());
            } else {
                self.states.remove(key);
            }
            return;
        }
        let factor = 1_u64.checked_shl(state.failures.min(32)).unwrap_or(u64::MAX);
        let pause = Nanos(PAUSE_FIRST.0.saturating_mul(factor)).min(PAUSE_MAX);
        state.failures = state.failures.saturating_add(1);
        self.timers.set(now + pause, key.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_once_and_never_twice_at_a_time() {
        let mut queue = Queue::default();
        queue.add("a");
        queue.add("b");
        queue.add("a");
        assert_eq!(queue.pop(Nanos(0)), Some("a"));
        queue.add("a");
        assert_eq!(queue.pop(Nanos(0)), Some("b"));
        assert_eq!(queue.pop(Nanos(0)), None);
        queue.done(&"a", true, Nanos(0));
        assert_eq!(queue.pop(Nanos(0)), Some("a"));
        queue.done(&"a", true, Nanos(0));
        queue.done(&"b", true, Nanos(0));
        assert_eq!(queue.pop(Nanos(0)), None);
        assert!(queue.states.is_empty());
    }

    #[test]
    fn failures_wait_twice_as_long_each_time() {
        let mut queue = Queue::default();
        queue.add("a");
        let mut now = Nanos(0);
        for factor in [1, 2, 4, 8] {
            assert_eq!(queue.pop(now), Some("a"));
            queue.done(&"a", false, now);
            assert_eq!(queue.next_due(), Some(now + Nanos(PAUSE_FIRST.0 * factor)));
            now = queue.next_due().unwrap();
        }
        for _ in 0..100 {
            assert_eq!(queue.pop(now), Some("a"));
            queue.done(&"a", false, now);
            now = queue.next_due().unwrap();
        }
        assert_eq!(queue.pop(now), Some("a"));
        queue.done(&"a", false, now);
        assert_eq!(queue.next_due(), Some(now + PAUSE_MAX));
    }
}
