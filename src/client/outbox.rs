//! Where the engine thread puts what is to be written. Never blocks: the lock is held for a few
//! instructions by either side, and no queue makes anyone wait.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;

use crate::engine::{AttemptId, Effect};
use crate::units::Nanos;

use super::bind::Bind;
use super::condition::Patch;
use super::evict::Evict;
use super::inquiry::Ask;
use super::lanes::Lanes;
use super::limit::Bucket;
use super::pre_bind::PreBind;
use super::report::Job;
use super::{Clock, Counters, RateLimit};

/// The queues between the engine thread and the writer.
pub struct Outbox {
    // A std mutex: it is never held over an await, and the engine thread is not a task.
    lanes: Mutex<Lanes>,
    /// Wakes the writer.
    pub(super) changed: Notify,
    /// When the writer is to end at the latest; set once, at the stop.
    drain_until: OnceLock<Nanos>,
    clock: Clock,
    counters: Arc<Counters>,
}

impl Outbox {
    pub(super) fn new(clock: Clock, requests: RateLimit, counters: Arc<Counters>) -> Self {
        Self {
            lanes: Mutex::new(Lanes::new(Bucket::new(requests), Arc::clone(&counters))),
            changed: Notify::new(),
            drain_until: OnceLock::new(),
            clock,
            counters,
        }
    }

    /// Takes the effects that are requests to the API server out of `effects` and queues them. What
    /// remains, in its order, is for others: decisions and notices.
    pub fn push(&self, effects: &mut Vec<Effect>) {
        let mut pushed = false;
        let now = self.now();
        let mut lanes = self.lanes();
        for effect in effects.extract_if(.., |effect| is_request(effect)) {
            pushed = true;
            match effect {
                Effect::Bind { attempt, pod, node } => {
                    lanes.push_bind(Bind { attempt, pod, node });
                }
                Effect::PatchCondition { pod, condition, nomination } => {
                    lanes.push_patch(Patch::new(pod, Some(condition), nomination));
                }
                Effect::Nominate { pod, nomination } => {
                    lanes.push_patch(Patch::new(pod, None, nomination));
                }
                Effect::Withdraw { uid } => lanes.withdraw(&uid),
                Effect::Evict(eviction) => lanes.push_eviction(Evict::new(eviction)),
                Effect::Report { pod, profile, report } => {
                    lanes.push_event(Job::new(pod, profile, report, now));
                }
                Effect::PreBind { attempt, operations } => {
                    lanes.push_pre_bind(PreBind::new(attempt, operations));
                }
                Effect::Retract { attempt } => lanes.retract(attempt),
                Effect::Inquire(inquiry) => lanes.push_ask(Ask::new(inquiry)),
                Effect::Call { .. }
                | Effect::AskExtender { .. }
                | Effect::Decision(_)
                | Effect::Notice { .. } => {}
            }
        }
        drop(lanes);
        if pushed {
            self.changed.notify_one();
        }
    }

    /// The Bindings that [`Effect::Retract`] has found here, since this was asked last: the engine is to be
    /// told of each.
    #[must_use]
    pub fn take_retracted(&self) -> Vec<AttemptId> {
        self.lanes().take_retracted()
    }

    /// Whether another Binding may be decided, where `undelivered` ones are still to be pushed: nothing is
    /// decided long before the rate limit lets it go. Where not, [`crate::engine::Event::Tick`] comes when
    /// the next one has gone.
    #[must_use]
    pub fn may_decide(&self, undelivered: usize) -> bool {
        let now = self.now();
        self.lanes().may_decide(undelivered, now)
    }

    /// What the client dropped, merged or could not read.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(super) fn now(&self) -> Nanos {
        (self.clock)()
    }

    pub(super) fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn drain_until(&self) -> Option<Nanos> {
        self.drain_until.get().copied()
    }

    pub(super) fn set_drain_until(&self, until: Nanos) {
        self.drain_until.get_or_init(|| until);
        self.changed.notify_one();
    }
}

fn is_request(effect: &Effect) -> bool {
    match effect {
        Effect::Bind { .. }
        | Effect::PreBind { .. }
        | Effect::PatchCondition { .. }
        | Effect::Nominate { .. }
        | Effect::Withdraw { .. }
        | Effect::Evict(_)
        | Effect::Retract { .. }
        | Effect::Inquire(_)
        | Effect::Report { .. } => true,
        Effect::Call { .. }
        | Effect::AskExtender { .. }
        | Effect::Decision(_)
        | Effect::Notice { .. } => false,
    }
}
