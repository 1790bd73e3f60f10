//! What a watch says about trouble: one line an error with what to do about it, one line an object that
//! cannot be read. Keeps little, whatever happens.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::Arc;

use kube::runtime::watcher;
use tracing::{debug, warn};

use crate::units::{Nanos, Set};

use super::Counters;
use super::api::chain;
use super::repeat::Repeats;

/// Objects remembered as said to be unreadable. Beyond it the oldest may be named again.
pub(super) const UNDECODABLE_NAMED_MAX: usize = 1_000;

/// The memory of one watch's troubles.
#[derive(Debug)]
pub(super) struct WatchLog {
    /// What is watched, such as "pods".
    plural: &'static str,
    repeats: Repeats,
    named: Set<Box<str>>,
    named_order: VecDeque<Box<str>>,
    counters: Arc<Counters>,
}

impl WatchLog {
    pub(super) fn new(plural: &'static str, counters: Arc<Counters>) -> Self {
        let (named, named_order) = (Set::default(), VecDeque::new());
        Self { plural, repeats: Repeats::default(), named, named_order, counters }
    }

    /// The object `id` cannot be converted; `error` names it. It stays as it was before, until a list
    /// that does not name it.
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
    pub(super) fn failed(&mut self, error: &watcher::Error, now: Nanos) {
        let trouble = Trouble::new(error);
        if trouble.is_expired() {
            debug!("the watch of {} has expired; listing again", self.plural);
            return;
        }
        self.counters.watch_errors.add_one();
        let Some(held_back) = self.repeats.say(&trouble.code.to_string(), now) else { return };
        let (plural, advice) = (self.plural, trouble.advice(self.plural));
        warn!(held_back, "the watch of {plural} failed: {}; {advice}", trouble.text);
    }
}

/// An error of a watch, as far as it matters to a person.
#[derive(Debug)]
pub(super) struct Trouble {
    /// The HTTP status code; zero where there was no answer.
    code: u16,
    text: String,
}

impl Trouble {
    pub(super) fn new(error: &watcher::Error) -> Self {
        match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => match error {
                kube::Error::Api(status) => Self::of(status),
                error => Self { code: 0, text: chain(error) },
            },
            watcher::Error::WatchError(status) => Self::of(status),
            error @ watcher::Error::NoResourceVersion => Self { code: 0, text: error.to_string() },
        }
    }

    fn of(status: &kube::core::Status) -> Self {
        Self { code: status.code, text: format!("{} {}", status.code, status.message) }
    }

    /// Whether the resource version is too old, which is routine.
    pub(super) fn is_expired(&self) -> bool {
        self.code == 410
    }

    /// What to do about it.
    fn advice(&self, plural: &str) -> String {
        match self.code {
            401 => "the API server does not know berth's credentials: check the user of the \
                    kubeconfig or the service account's token"
                .to_owned(),
            403 => format!("berth needs the verbs list and watch on {plural} in a ClusterRole"),
            404 => "the address is not that of a Kubernetes API server".to_owned(),
            429 => "the API server asks for patience".to_owned(),
            0 => "trying again; check that the API server can be reached".to_owned(),
            _ => "trying again".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    #[test]
    fn errors_say_what_to_do() {
        let rows = [
            (401, "does not know berth's credentials"),
            (403, "needs the verbs list and watch on nodes in a ClusterRole"),
            (500, "trying again"),
        ];
        for (code, want) in rows {
            let status = Status::failure("words", "Reason").with_code(code);
            let trouble = Trouble::new(&watcher::Error::WatchError(status.boxed()));
            assert!(trouble.advice("nodes").contains(want));
            assert_eq!(trouble.text, format!("{code} words"));
        }
    }

    #[test]
    fn unreadable_objects_take_bounded_memory_and_count_each_time() {
        let counters = Arc::new(Counters::default());
        let mut log = WatchLog::new("pods", Arc::clone(&counters));
        for i in 0..UNDECODABLE_NAMED_MAX + 500 {
            log.undecodable(&i.to_string(), &"bad");
            log.undecodable(&i.to_string(), &"bad");
        }
        assert_eq!(log.named.len(), UNDECODABLE_NAMED_MAX);
        assert_eq!(log.named_order.len(), UNDECODABLE_NAMED_MAX);
        assert_eq!(counters.objects_undecodable.get(), 3_000);
    }
}
