//! [`Timers`]: what is due when. A key may stand in it several times; who takes one out asks whether it
//! still matters.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::units::Nanos;

/// Keys by the time at which they are due; of those due at one time the smallest comes first.
#[derive(Debug)]
pub(super) struct Timers<T>(BinaryHeap<Reverse<(Nanos, T)>>);

impl<T: Ord> Default for Timers<T> {
    fn default() -> Self {
        Self(BinaryHeap::new())
    }
}

impl<T: Ord> Timers<T> {
    /// Sets one.
    pub(super) fn set(&mut self, at: Nanos, key: T) {
        self.0.push(Reverse((at, key)));
    }

    /// When the first one is due.
    pub(super) fn next(&self) -> Option<Nanos> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes out one that is due.
    pub(super) fn pop_due(&mut self, now: Nanos) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, key))| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_in_the_order_of_their_time() {
        let mut timers = Timers::default();
        timers.set(Nanos(3), "c");
        timers.set(Nanos(1), "b");
        timers.set(Nanos(1), "a");
        assert_eq!(timers.next(), Some(Nanos(1)));
        assert_eq!(timers.pop_due(Nanos(2)), Some("a"));
        assert_eq!(timers.pop_due(Nanos(2)), Some("b"));
        assert_eq!(timers.pop_due(Nanos(2)), None);
        assert_eq!(timers.pop_due(Nanos(3)), Some("c"));
        assert_eq!(timers.next(), None);
    }
}
