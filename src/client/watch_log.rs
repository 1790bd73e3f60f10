//! What watches say about trouble: one line an error with what to do about it, one line an object that
//! cannot be read. Keeps little, whatever happens.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{debug, info, warn};

use crate::telemetry::Repeats;
use crate::units::{Nanos, Set};

use super::Counters;
use super::trouble::Trouble;

/// Objects remembered as said to be unreadable. Beyond it the oldest may be named again.
pub(super) const UNDECODABLE_NAMED_MAX: usize = 1_000;

/// What all watches of a process have said lately: an API server that cannot be reached is one trouble, not
/// one a watch. Clones are the same memory.
#[derive(Clone, Debug, Default)]
pub struct Said(Arc<Mutex<Repeats>>);

impl Said {
    fn say(&self, line: &str, now: Nanos) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).say(line, now)
    }
}

/// The memory of one watch's troubles.
#[derive(Debug)]
pub(super) struct WatchLog {
    /// What is watched, such as "pods".
    plural: &'static str,
    said: Said,
    /// A line about trouble was written and it has not worked since.
    complained: bool,
    named: Set<Box<str>>,
    named_order: VecDeque<Box<str>>,
    counters: Arc<Counters>,
}

impl WatchLog {
    pub(super) fn new(plural: &'static str, counters: Arc<Counters>, said: Said) -> Self {
        let (named, named_order) = (Set::default(), VecDeque::new());
        Self { plural, said, complained: false, named, named_order, counters }
    }

    /// The object `id` cannot be decoded or converted; `error` names it. It stays as it was before, until a
    /// list that does not name it.
    pub(super) fn undecodable(&mut self, id: &str, error: &dyn Display) {
        self.counters.objects_undecodable.add_one();
        if self.named.contains(id) {
            return;
        }
        self.named.insert(id.into());
        if self.named_order.len() == UNDECODABLE_NAMED_MAX
            && let Some(oldest) = self.named_order.pop_front()
        {
            self.named.remove(&oldest);
        }
        self.named_order.push_back(id.into());
        warn!("one of the {} cannot be used and is passed over: {error}", self.plural);
    }

    /// The watch failed; it is about to try again.
    pub(super) fn failed(&mut self, trouble: &Trouble, now: Nanos) {
        if trouble.is_expired() {
            debug!("the watch of {} has expired; listing again", self.plural);
            return;
        }
        self.counters.watch_errors.add_one();
        let Some(held_back) = self.said.say(&trouble.key(self.plural), now) else { return };
        self.complained = true;
        let (plural, text, advice) = (self.plural, trouble.text(), trouble.advice(self.plural));
        warn!(held_back, "the watch of {plural} failed: {text}; {advice}");
    }

    /// The API server has begun to answer the watch.
    pub(super) fn works(&mut self) {
        if std::mem::take(&mut self.complained) {
            info!("the watch of {} works again", self.plural);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_objects_take_bounded_memory_and_count_each_time() {
        let counters = Arc::new(Counters::default());
        let mut log = WatchLog::new("pods", Arc::clone(&counters), Said::default());
        for i in 0..UNDECODABLE_NAMED_MAX + 500 {
            log.undecodable(&i.to_string(), &"bad");
            log.undecodable(&i.to_string(), &"bad");
        }
        assert_eq!(log.named.len(), UNDECODABLE_NAMED_MAX);
        assert_eq!(log.named_order.len(), UNDECODABLE_NAMED_MAX);
        assert_eq!(counters.objects_undecodable.get(), 3_000);
    }
}
