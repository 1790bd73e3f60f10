//! [`Queue`]: what one watcher has still to be told. The store fills it, the watcher's response empties
//! it; neither waits for the other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{Change, Selection};

/// What happened, as the watcher sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An object came into the selection.
    Added,
    /// It stayed in it and changed.
    Modified,
    /// It left it.
    Deleted,
}

/// One event for one watcher. The objects are shared with the history and the other watchers.
#[derive(Clone, Debug)]
pub struct QueuedEvent {
    /// What happened.
    pub kind: EventKind,
    /// The write that did it.
    pub change: Arc<Change>,
}

/// What is in a queue.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Events were taken out.
    Events,
    /// There will be no more.
    Ended,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<QueuedEvent>,
    bytes: usize,
    ended: bool,
    waker: Option<Waker>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Queue {
    selection: Selection,
    bytes_max: usize,
    state: Mutex<State>,
}

impl Queue {
    pub(super) fn new(selection: Selection, bytes_max: usize) -> Self {
        Self { selection, bytes_max, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `change` is to this watcher, if anything. Upstream: an object that leaves the selection is
    /// deleted for the watcher, one that enters it is added.
    fn judge(&self, change: &Change) -> Option<EventKind> {
        let was = change.old.as_ref().is_some_and(|old| self.selection.matches(old));
        let is = change.new.as_ref().is_some_and(|new| self.selection.matches(new));
        match (was, is) {
            (false, true) => Some(EventKind::Added),
            (true, true) => Some(EventKind::Modified),
            (true, false) => Some(EventKind::Deleted),
            (false, false) => None,
        }
    }

    /// Queues `change` where it matters. A watcher that is too far behind is cut: it gets what is queued
    /// no more, only the end. `false` when it needs no more events.
    pub(super) fn offer(&self, change: &Arc<Change>) -> bool {
        let Some(kind) = self.judge(change) else { return true };
        let mut state = self.lock();
        if state.ended {
            return false;
        }
        let object = if kind == EventKind::Deleted { &change.old } else { &change.new };
        let cost = object.as_ref().map_or(0, |object| object.cost());
        if state.bytes + cost > self.bytes_max && !state.events.is_empty() {
            state.events = VecDeque::new();
            state.bytes = 0;
            state.ended = true;
        } else {
            state.bytes += cost;
            state.events.push_back(QueuedEvent { kind, change: Arc::clone(change) });
        }
        let ended = state.ended;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        !ended
    }

    /// Queues a change of the past, without regard to the limit: it is alive in the history anyway.
    pub(super) fn replay(&self, change: &Arc<Change>) {
        if let Some(kind) = self.judge(change) {
            self.lock().events.push_back(QueuedEvent { kind, change: Arc::clone(change) });
        }
    }

    /// There will be no more events than those that are queued.
    pub fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Whether there will be no more events.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().events.is_empty()
    }

    /// Moves queued events into `out`, at most `bytes_max` bytes of objects (but one event at least).
    pub fn poll_take(
        &self,
        cx: &mut Context<'_>,
        bytes_max: usize,
        out: &mut Vec<QueuedEvent>,
    ) -> Poll<Outcome> {
        let mut state = self.lock();
        let mut taken = 0;
        while taken < bytes_max {
            let Some(event) = state.events.pop_front() else { break };
            let object = if event.kind == EventKind::Deleted {
                &event.change.old
            } else {
                &event.change.new
            };
            let cost = object.as_ref().map_or(0, |object| object.cost());
            taken += cost;
            state.bytes = state.bytes.saturating_sub(cost);
            out.push(event);
        }
        if !out.is_empty() {
            Poll::Ready(Outcome::Events)
        } else if state.ended {
            Poll::Ready(Outcome::Ended)
        } else {
            if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                state.waker = Some(cx.waker().clone());
            }
            Poll::Pending
        }
    }
}
