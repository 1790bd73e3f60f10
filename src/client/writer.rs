//! The task that carries out what is in the [`Outbox`]. Bindings, patches and events have slots of
//! their own, so that none starves another; a request that is to be tried again waits without a slot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::warn;

use crate::engine::Event;
use crate::units::Nanos;

use super::api::{Api, Problem};
use super::bind::{self, Bind};
use super::condition::{self, Patch, PatchOutcome};
use super::limit::Bucket;
use super::repeat::Repeats;
use super::report::{self, EventOutcome, EventRequest};
use super::series::Series;
use super::{Clock, Counters, Outbox, RateLimit};

/// Bindings in flight. A loopback API server answers in some 2 ms; 32 make 16,000 a second, far more
/// than etcd takes.
pub(super) const BINDINGS_IN_FLIGHT_MAX: usize = 32;

/// Condition patches in flight. Pods that fail are many only when the cluster is full.
pub(super) const PATCHES_IN_FLIGHT_MAX: usize = 8;

/// Event writes in flight: one a Binding, but nobody waits for them.
pub(super) const EVENTS_IN_FLIGHT_MAX: usize = 16;

/// While bindings use up the rate limit, one patch goes for this many of them.
const BINDINGS_PER_PATCH: u32 = 8;

/// How often a condition patch is tried.
pub(super) const PATCH_TRIES_MAX: u32 = 4;

/// The wait after the first failed try of a patch; it doubles.
const PATCH_RETRY_AFTER: Nanos = Nanos(500 * Nanos::MILLISECOND.0);

/// How often an event write is tried: 1, 2, 4, 8 s apart, so that a restart of the API server is
/// survived.
///
/// Differs from upstream, which tries 12 times 10 s apart and holds a goroutine for each meanwhile.
pub(super) const EVENT_TRIES_MAX: u32 = 5;

/// The wait after the first failed try of an event write; it doubles.
const EVENT_RETRY_AFTER: Nanos = Nanos::SECOND;

/// Event writes that wait for another try. Beyond it they are dropped: 1.5 MB.
pub(super) const EVENT_RETRIES_MAX: usize = 1_000;

/// What the writer must know.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// The host's name; Events carry it.
    pub hostname: String,
    /// The limit of bindings and condition patches together.
    pub requests: RateLimit,
    /// The limit of Event writes.
    pub events: RateLimit,
}

/// What was not written when the writer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Bindings that were not sent or not answered.
    pub bindings: usize,
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
    /// Starts the writer on the current tokio runtime. Outcomes of bindings go into `results`.
    #[must_use]
    pub fn start(
        client: kube::Client,
        options: WriterOptions,
        clock: Clock,
        results: mpsc::Sender<Event>,
        counters: Arc<Counters>,
    ) -> Self {
        let outbox = Arc::new(Outbox::new(clock, Arc::clone(&counters)));
        let now = outbox.now();
        let task = Task {
            api: Arc::new(Api::new(client)),
            outbox: Arc::clone(&outbox),
            results,
            requests_bucket: Bucket::new(options.requests),
            events_bucket: Bucket::new(options.events),
            series: Series::new(options.hostname, now, Arc::clone(&counters)),
            running: FuturesUnordered::new(),
            in_flight: Left::default(),
            bindings_in_a_row: 0,
            parked: BTreeMap::new(),
            parkings: 0,
            repeats: Repeats::default(),
            counters,
        };
        Self { outbox, task: tokio::spawn(task.run()) }
    }

    /// Where effects are handed over.
    #[must_use]
    pub fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox)
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

/// A request that has been answered.
enum Done {
    Bind { uid: Box<str> },
    Patch { patch: Patch, outcome: PatchOutcome },
    Event { request: EventRequest, outcome: EventOutcome },
}

struct Task {
    api: Arc<Api>,
    outbox: Arc<Outbox>,
    results: mpsc::Sender<Event>,
    requests_bucket: Bucket,
    events_bucket: Bucket,
    series: Series,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
    in_flight: Left,
    bindings_in_a_row: u32,
    /// Event writes to be tried again, by time and order.
    parked: BTreeMap<(Nanos, u64), EventRequest>,
    parkings: u64,
    repeats: Repeats,
    counters: Arc<Counters>,
}

impl Task {
    async fn run(mut self) -> Left {
        loop {
            let now = self.outbox.now();
            if now >= self.series.next_due().unwrap_or(now + Nanos(1)) {
                self.series.tick(now);
            }
            let mut wake_at = self.fill(now);
            if let Some(until) = self.outbox.drain_until() {
                let left = self.left();
                if left == Left::default() || now >= until {
                    return left;
                }
                wake_at = Some(wake_at.map_or(until, |at| at.min(until)));
            }
            let pause = async {
                match wake_at {
                    Some(at) => sleep(Duration::from_nanos(at.since(now).0)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(done) = self.running.next() => {
                    self.finish(done);
                    // What else is answered already is one wake-up, too.
                    while let Some(Some(done)) = self.running.next().now_or_never() {
                        self.finish(done);
                    }
                }
                () = self.outbox.changed.notified() => {}
                () = pause => {}
            }
        }
    }

    /// Starts what may be started, and says when more can be, if only time is in the way.
    fn fill(&mut self, now: Nanos) -> Option<Nanos> {
        let limited = self.fill_requests(now);
        let limited = limited.into_iter().chain(self.fill_events(now)).min();
        let retry = self.outbox.lanes().next_due(now);
        let parked = self.parked.keys().next().map(|place| place.0).filter(|&at| at > now);
        [limited, retry, parked, self.series.next_due()].into_iter().flatten().min()
    }

    /// Starts bindings and patches; says from when on the rate limit lets the next one go, where it is
    /// the limit that is in the way.
    fn fill_requests(&mut self, now: Nanos) -> Option<Nanos> {
        loop {
            if !self.requests_bucket.is_ready(now) {
                return Some(self.requests_bucket.ready_at());
            }
            let patch_first = self.bindings_in_a_row >= BINDINGS_PER_PATCH;
            let started = (patch_first && self.start_patch(now))
                || self.start_bind()
                || self.start_patch(now);
            if !started {
                return None;
            }
            self.requests_bucket.take(now);
        }
    }

    fn start_bind(&mut self) -> bool {
        if self.in_flight.bindings >= BINDINGS_IN_FLIGHT_MAX {
            return false;
        }
        let Some(bind) = self.outbox.lanes().take_bind() else { return false };
        self.in_flight.bindings += 1;
        self.bindings_in_a_row = self.bindings_in_a_row.saturating_add(1);
        let (api, results) = (Arc::clone(&self.api), self.results.clone());
        self.running.push(Box::pin(carry_out_bind(api, results, bind)));
        true
    }

    fn start_patch(&mut self, now: Nanos) -> bool {
        if self.in_flight.patches >= PATCHES_IN_FLIGHT_MAX {
            return false;
        }
        let Some(patch) = self.outbox.lanes().take_patch(now) else { return false };
        self.in_flight.patches += 1;
        self.bindings_in_a_row = 0;
        let api = Arc::clone(&self.api);
        self.running.push(Box::pin(async move {
            let outcome = condition::send(&api, &patch, now).await;
            Done::Patch { patch, outcome }
        }));
        true
    }

    /// As [`Self::fill_requests`], for events.
    fn fill_events(&mut self, now: Nanos) -> Option<Nanos> {
        while self.in_flight.events < EVENTS_IN_FLIGHT_MAX {
            if !self.events_bucket.is_ready(now) {
                return Some(self.events_bucket.ready_at());
            }
            let request = self.next_event(now)?;
            self.events_bucket.take(now);
            self.in_flight.events += 1;
            let api = Arc::clone(&self.api);
            self.running.push(Box::pin(async move {
                let outcome = report::send(&api, &request).await;
                Done::Event { request, outcome }
            }));
        }
        None
    }

    /// The next event write: a retry that is due, one that follows from others, a new one.
    fn next_event(&mut self, now: Nanos) -> Option<EventRequest> {
        if let Some(entry) = self.parked.first_entry()
            && entry.key().0 <= now
        {
            return Some(entry.remove());
        }
        if let Some(request) = self.series.take() {
            return Some(request);
        }
        loop {
            let job = self.outbox.lanes().take_event()?;
            if let Some(request) = self.series.observe(job) {
                return Some(request);
            }
        }
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Bind { uid } => {
                self.in_flight.bindings -= 1;
                self.outbox.lanes().finish_bind(&uid);
            }
            Done::Patch { patch, outcome } => {
                self.in_flight.patches -= 1;
                self.finish_patch(patch, outcome);
            }
            Done::Event { request, outcome } => {
                self.in_flight.events -= 1;
                self.finish_event(request, &outcome);
            }
        }
    }

    fn finish_patch(&mut self, mut patch: Patch, outcome: PatchOutcome) {
        let uid = patch.pod.uid.clone();
        patch.tries += 1;
        let again = match outcome {
            PatchOutcome::Done => None,
            PatchOutcome::Again(problem) if patch.tries < PATCH_TRIES_MAX => {
                patch.not_before = self.again_at(&problem, PATCH_RETRY_AFTER, patch.tries);
                Some(patch)
            }
            PatchOutcome::Again(problem) => {
                self.counters.patches_failed.add_one();
                self.complain("the condition of a pod", &patch.pod.key, &problem.to_string());
                None
            }
            PatchOutcome::Refused(message) => {
                self.counters.patches_failed.add_one();
                self.complain("the condition of a pod", &patch.pod.key, &message);
                None
            }
        };
        self.outbox.lanes().finish_patch(&uid, again);
    }

    fn finish_event(&mut self, mut request: EventRequest, outcome: &EventOutcome) {
        request.tries += 1;
        match outcome {
            EventOutcome::Again(problem) if request.tries < EVENT_TRIES_MAX => {
                if self.parked.len() < EVENT_RETRIES_MAX {
                    let at = self.again_at(problem, EVENT_RETRY_AFTER, request.tries);
                    self.parkings += 1;
                    self.parked.insert((at, self.parkings), request);
                    return;
                }
                self.counters.events_dropped.add_one();
            }
            EventOutcome::Again(problem) => {
                self.counters.events_failed.add_one();
                self.complain("an event", &request.path, &problem.to_string());
            }
            EventOutcome::Refused(message) => {
                // Routine while a namespace is being deleted.
                self.counters.events_failed.add_one();
                self.complain("an event", &request.path, message);
            }
            EventOutcome::Written | EventOutcome::Missing => {}
        }
        self.series.finish(&request, outcome);
    }

    fn again_at(&self, problem: &Problem, first: Nanos, tries: u32) -> Nanos {
        let doubled = Nanos(first.0 << tries.saturating_sub(1).min(16));
        self.outbox.now() + problem.retry_after().map_or(doubled, |asked| asked.max(doubled))
    }

    /// Says that `what` could not be written, but the same thing only once in a while.
    fn complain(&mut self, what: &'static str, whose: &dyn std::fmt::Display, message: &str) {
        if let Some(held_back) = self.repeats.say(what, self.outbox.now()) {
            warn!(%whose, held_back, "{what} was not written: {message}");
        }
    }

    /// What is not written yet, in flight or not.
    fn left(&self) -> Left {
        let lanes = self.outbox.lanes();
        Left {
            bindings: lanes.bindings_queued() + self.in_flight.bindings,
            patches: lanes.patches_queued() + self.in_flight.patches,
            events: lanes.events_queued()
                + self.series.queued()
                + self.parked.len()
                + self.in_flight.events,
        }
    }
}

/// Sends a Binding and hands its outcome to the engine. It keeps its slot until the engine has taken
/// that; the engine, in turn, never waits for a slot.
async fn carry_out_bind(api: Arc<Api>, results: mpsc::Sender<Event>, bind: Bind) -> Done {
    let outcome = bind::send(&api, &bind).await;
    // Nobody listens only when the process ends.
    let _ = results.send(Event::BindResult { attempt: bind.attempt, outcome }).await;
    Done::Bind { uid: bind.pod.uid }
}
