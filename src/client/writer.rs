//! The task that carries out what is in the [`Outbox`]. Bindings, evictions, patches and events have slots of
//! their own, so that none starves another; a request that is to be tried again waits without a slot.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::engine::Event;
use crate::units::Nanos;

use super::api::REQUEST_TIMEOUT;
use super::task::Task;
use super::{Clock, Counters, Outbox, RateLimit, Standing};

/// How long a write may take where no election asks for less.
pub const WRITE_TIME_MAX: Duration = REQUEST_TIMEOUT;

/// What the writer must know.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// The host's name; Events carry it.
    pub hostname: String,
    /// The limit of bindings, the writes before them, evictions and condition patches together.
    pub requests: RateLimit,
    /// The limit of Event writes.
    pub events: RateLimit,
    /// How long a write may take.
    pub within: Duration,
    /// Whether anything may be written.
    pub standing: Arc<Standing>,
}

/// What was not written when the writer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Bindings that were not sent or not answered.
    pub bindings: usize,
    /// Evictions.
    pub evictions: usize,
    /// Pods whose volumes were not all given to their claims.
    pub pre_binds: usize,
    /// Condition patches.
    pub patches: usize,
    /// Events.
    pub events: usize,
}

/// The running writer.
pub struct Writer {
    outbox: Arc<Outbox>,
    task: JoinHandle<Left>,
}

impl Writer {
    /// Starts the writer on the current tokio runtime. Outcomes of bindings and of the writes
    /// before them go into `results`.
    #[must_use]
    pub fn start(
        client: kube::Client,
        options: WriterOptions,
        clock: Clock,
        results: mpsc::Sender<Event>,
        counters: Arc<Counters>,
    ) -> Self {
        let outbox = Arc::new(Outbox::new(clock, options.requests, counters));
        let task = Task::new(client, options, Arc::clone(&outbox), results);
        Self { outbox, task: tokio::spawn(task.run()) }
    }

    /// Where effects are handed over.
    #[must_use]
    pub fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox)
    }

    /// Ends the writer at once: what is in flight is cut off, what is queued is dropped.
    pub async fn cut(self) {
        self.task.abort();
        // It has nothing to say.
        drop(self.task.await);
    }

    /// Ends the writer: at once when nothing is left to be written, after `within` at the latest, and
    /// says what was left then. Effects that come meanwhile are still carried out, so that bindings can
    /// be tried again; someone must go on reading the results.
    pub async fn drain(self, within: Duration) -> Left {
        let within = Nanos(u64::try_from(within.as_nanos()).unwrap_or(u64::MAX));
        self.outbox.set_drain_until(self.outbox.now() + within);
        // The task does not panic, and nobody else can abort it.
        self.task.await.unwrap_or_default()
    }
}
