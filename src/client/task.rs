//! The task behind [`super::Writer`]: one loop that starts what may be started and takes in what has
//! been answered. It alone drives the lanes' consumer side, the rate limits and the memory of series.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::warn;

use crate::engine::{BindOutcome, Event, EvictionOutcome, PodRef};
use crate::telemetry::Repeats;
use crate::units::Nanos;

use super::api::{Api, Problem, advice};
use super::bind::{self, Bind};
use super::condition::{self, Patch, PatchOutcome};
use super::evict::{self, Evict, EvictAnswer};
use super::inquiry::{self, Ask};
use super::limit::Bucket;
use super::pre_bind::{self, Answer};
use super::report::{self, EventOutcome, EventRequest};
use super::series::Series;
use super::writer::{Left, WriterOptions};
use super::{Counters, Outbox, Standing};

/// Bindings in flight. A loopback API server answers in some 2 ms; 32 make 16,000 a second, far more
/// than etcd takes.
pub(super) const BINDINGS_IN_FLIGHT_MAX: usize = 32;

/// Writes before bindings in flight, one a pod.
pub(super) const PRE_BINDS_IN_FLIGHT_MAX: usize = 8;

/// Condition patches in flight. Pods that fail are many only when the cluster is full.
pub(super) const PATCHES_IN_FLIGHT_MAX: usize = 8;

/// Evictions in flight: some at a time, for the pods that are to have their room.
pub(super) const EVICTIONS_IN_FLIGHT_MAX: usize = 16;

/// Event writes in flight: one a Binding, but nobody waits for them.
pub(super) const EVENTS_IN_FLIGHT_MAX: usize = 16;

/// Questions about ended pods in flight. There are some only where schedulers race.
const ASKS_IN_FLIGHT_MAX: usize = 4;

/// How often a question about an ended pod is asked.
const ASK_TRIES_MAX: u32 = 4;

/// While bindings and what goes with them use up the rate limit, one patch goes for this many of them.
pub(super) const BINDINGS_PER_PATCH: u32 = 8;

/// How often a condition patch is tried.
pub(super) const PATCH_TRIES_MAX: u32 = 4;

/// The wait after the first failed try of a patch; it doubles.
const PATCH_RETRY_AFTER: Nanos = Nanos(500 * Nanos::MILLISECOND.0);

/// How often an eviction is tried before the engine is told that it failed.
pub(super) const EVICTION_TRIES_MAX: u32 = 4;

/// The wait after the first failed try of an eviction; it doubles.
const EVICTION_RETRY_AFTER: Nanos = Nanos(500 * Nanos::MILLISECOND.0);

/// How often an event write is tried: 1, 2, 4, 8 s apart, so that a restart of the API server is
/// survived.
///
/// Differs from upstream, which tries 12 times 10 s apart and holds a goroutine for each meanwhile.
pub(super) const EVENT_TRIES_MAX: u32 = 5;

/// The wait after the first failed try of a write before a Binding; it doubles.
const PRE_BIND_RETRY_AFTER: Nanos = Nanos(500 * Nanos::MILLISECOND.0);

/// The wait after the first failed try of an event write; it doubles.
const EVENT_RETRY_AFTER: Nanos = Nanos::SECOND;

/// Event writes that wait for another try. Beyond it they are dropped: 1.5 MB.
pub(super) const EVENT_RETRIES_MAX: usize = 1_000;

/// How long after the last outcome of a Binding the writer still waits, when it is to end, for what the
/// engine makes of it: the event that says so. The engine takes microseconds, a busy one milliseconds.
pub(super) const SETTLE_AFTER: Nanos = Nanos(100 * Nanos::MILLISECOND.0);

/// What an API server says where a namespace is being deleted; routine.
const NAMESPACE_ENDS: &str = "because it is being terminated";

/// What can be said of a Binding that did not succeed.
#[derive(Clone, Copy)]
enum BindTrouble {
    Refused,
    Unknown,
}

/// A request that has been answered.
enum Done {
    Bind { pod: Arc<PodRef>, problem: Option<(BindTrouble, String)> },
    Evict { evict: Evict, answer: EvictAnswer },
    PreBind(Answer),
    Ask { ask: Ask, answer: inquiry::Answer },
    Patch { patch: Patch, outcome: PatchOutcome },
    Event { request: EventRequest, outcome: EventOutcome },
}

pub(super) struct Task {
    api: Arc<Api>,
    outbox: Arc<Outbox>,
    results: mpsc::Sender<Event>,
    events_bucket: Bucket,
    series: Series,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
    in_flight: Left,
    asks_in_flight: usize,
    /// Requests since the last patch.
    others_in_a_row: u32,
    /// When the engine has surely answered the last outcome of a Binding.
    settled_at: Nanos,
    /// Event writes to be tried again, by time and order.
    parked: BTreeMap<(Nanos, u64), EventRequest>,
    parkings: u64,
    repeats: Repeats,
    counters: Arc<Counters>,
    standing: Arc<Standing>,
}

impl Task {
    pub(super) fn new(
        client: kube::Client,
        options: WriterOptions,
        outbox: Arc<Outbox>,
        results: mpsc::Sender<Event>,
    ) -> Self {
        let counters = Arc::clone(outbox.counters());
        Self {
            api: Arc::new(Api::within(client, options.within)),
            results,
            events_bucket: Bucket::new(options.events),
            series: Series::new(options.hostname, outbox.now(), Arc::clone(&counters)),
            running: FuturesUnordered::new(),
            in_flight: Left::default(),
            asks_in_flight: 0,
            others_in_a_row: 0,
            settled_at: Nanos::default(),
            parked: BTreeMap::new(),
            parkings: 0,
            repeats: Repeats::default(),
            counters,
            standing: options.standing,
            outbox,
        }
    }

    /// Works until [`Outbox::set_drain_until`] and nothing is left, or that time has come.
    pub(super) async fn run(mut self) -> Left {
        loop {
            let now = self.outbox.now();
            if self.series.next_due().is_some_and(|due| due <= now) {
                self.series.tick(now);
            }
            let mut wake_at = self.fill(now);
            if let Some(until) = self.outbox.drain_until() {
                let left = self.left();
                let through = left == Left::default();
                if now >= until || (through && now >= self.settled_at) {
                    return left;
                }
                let end = if through { until.min(self.settled_at) } else { until };
                wake_at = Some(wake_at.map_or(end, |at| at.min(end)));
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
    ///
    /// Nothing is started outside of the time of a leader. It does not come back, so nothing is to be waited for.
    fn fill(&mut self, now: Nanos) -> Option<Nanos> {
        if !self.standing.may_write(now) {
            return None;
        }
        let limited = self.fill_requests(now);
        let limited = limited.into_iter().chain(self.fill_events(now)).min();
        let retry = self.outbox.lanes().next_due(now);
        let parked = self.parked.keys().next().map(|place| place.0).filter(|&at| at > now);
        [limited, retry, parked, self.series.next_due()].into_iter().flatten().min()
    }

    /// Starts evictions, bindings, what comes before them, and patches; says from when on the rate limit lets
    /// the next one go, where it is
    /// the limit that is in the way.
    fn fill_requests(&mut self, now: Nanos) -> Option<Nanos> {
        loop {
            let (ready, ready_at) = {
                let requests = &self.outbox.lanes().requests;
                (requests.is_ready(now), requests.ready_at())
            };
            if !ready {
                return Some(ready_at);
            }
            let patch_first = self.others_in_a_row >= BINDINGS_PER_PATCH;
            if patch_first && self.start_patch(now) {
                self.others_in_a_row = 0;
            } else if self.start_eviction(now) || self.start_pre_bind(now) || self.start_bind() {
                self.others_in_a_row = self.others_in_a_row.saturating_add(1);
            } else if self.start_patch(now) {
                self.others_in_a_row = 0;
            } else {
                return None;
            }
            self.outbox.lanes().requests.take(now);
        }
    }

    fn start_bind(&mut self) -> bool {
        if self.in_flight.bindings >= BINDINGS_IN_FLIGHT_MAX {
            return false;
        }
        let (taken, wakes_engine) = {
            let mut lanes = self.outbox.lanes();
            let taken = lanes.take_bind();
            let wakes_engine = taken.is_some() && lanes.wakes_engine();
            (taken, wakes_engine)
        };
        let Some(bind) = taken else { return false };
        if wakes_engine {
            // Where the channel is full the engine is awake.
            let _ = self.results.try_send(Event::Tick);
        }
        self.in_flight.bindings += 1;
        let (api, results) = (Arc::clone(&self.api), self.results.clone());
        self.counters.watch_to_bind.stop(&bind.pod.uid);
        self.running.push(Box::pin(carry_out_bind(api, results, bind)));
        true
    }

    fn start_eviction(&mut self, now: Nanos) -> bool {
        if self.in_flight.evictions >= EVICTIONS_IN_FLIGHT_MAX {
            return false;
        }
        let Some(evict) = self.outbox.lanes().take_eviction(now) else { return false };
        self.in_flight.evictions += 1;
        let (api, results) = (Arc::clone(&self.api), self.results.clone());
        self.running.push(Box::pin(carry_out_eviction(api, results, evict, now)));
        true
    }

    fn start_pre_bind(&mut self, now: Nanos) -> bool {
        if self.in_flight.pre_binds >= PRE_BINDS_IN_FLIGHT_MAX {
            return false;
        }
        let Some(work) = self.outbox.lanes().take_pre_bind(now) else { return false };
        self.in_flight.pre_binds += 1;
        let (api, results) = (Arc::clone(&self.api), self.results.clone());
        self.running.push(Box::pin(async move {
            Done::PreBind(pre_bind::send(&api, &results, work).await)
        }));
        true
    }

    fn start_patch(&mut self, now: Nanos) -> bool {
        if self.in_flight.patches >= PATCHES_IN_FLIGHT_MAX {
            return false;
        }
        let Some(patch) = self.outbox.lanes().take_patch(now) else { return false };
        self.in_flight.patches += 1;
        let api = Arc::clone(&self.api);
        self.running.push(Box::pin(async move {
            let outcome = condition::send(&api, &patch, now).await;
            Done::Patch { patch, outcome }
        }));
        true
    }

    /// As [`Self::fill_requests`], for events and questions.
    fn fill_events(&mut self, now: Nanos) -> Option<Nanos> {
        while self.asks_in_flight < ASKS_IN_FLIGHT_MAX {
            if !self.events_bucket.is_ready(now) {
                return Some(self.events_bucket.ready_at());
            }
            let Some(ask) = self.outbox.lanes().take_ask(now) else { break };
            self.events_bucket.take(now);
            self.asks_in_flight += 1;
            self.running.push(Box::pin(carry_out_ask(
                Arc::clone(&self.api),
                self.results.clone(),
                ask,
            )));
        }
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
            Done::Bind { pod, problem } => {
                self.in_flight.bindings -= 1;
                self.settled_at = self.outbox.now() + SETTLE_AFTER;
                self.outbox.lanes().finish_bind(&pod.uid);
                if let Some((trouble, message)) = problem {
                    let what = match trouble {
                        BindTrouble::Refused => "the Binding of a pod was not written",
                        BindTrouble::Unknown => {
                            "the Binding of a pod has no definite answer and is sent again"
                        }
                    };
                    self.complain(what, &pod.key, &message);
                }
            }
            Done::Evict { evict, answer } => {
                self.in_flight.evictions -= 1;
                self.settled_at = self.outbox.now() + SETTLE_AFTER;
                self.finish_eviction(evict, answer);
            }
            Done::Ask { ask, answer } => {
                self.asks_in_flight -= 1;
                self.finish_ask(ask, answer);
            }
            Done::PreBind(answer) => {
                self.in_flight.pre_binds -= 1;
                self.finish_pre_bind(answer);
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

    fn finish_pre_bind(&mut self, answer: Answer) {
        match answer {
            Answer::More(work) => self.outbox.lanes().push_pre_bind(work),
            Answer::Again(mut work, problem) => {
                work.not_before = self.again_at(&problem, PRE_BIND_RETRY_AFTER, work.tries);
                self.outbox.lanes().push_pre_bind(work);
            }
            Answer::Finished(trouble) => {
                self.settled_at = self.outbox.now() + SETTLE_AFTER;
                if let Some((object, message)) = trouble {
                    self.counters.pre_binds_failed.add_one();
                    self.complain("what a pod's volumes need was not written", &object, &message);
                }
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
                self.complain(
                    "the condition of a pod was not written",
                    &patch.pod.key,
                    &problem.to_string(),
                );
                None
            }
            PatchOutcome::Refused(message) => {
                self.counters.patches_failed.add_one();
                self.complain("the condition of a pod was not written", &patch.pod.key, &message);
                None
            }
        };
        self.outbox.lanes().finish_patch(&uid, again);
    }

    fn finish_eviction(&mut self, mut evict: Evict, answer: EvictAnswer) {
        let message = match answer {
            EvictAnswer::Done(_) => return,
            EvictAnswer::Again(problem) if evict.tries < EVICTION_TRIES_MAX => {
                evict.not_before = self.again_at(&problem, EVICTION_RETRY_AFTER, evict.tries);
                self.outbox.lanes().push_eviction(evict);
                return;
            }
            EvictAnswer::Again(problem) => problem.to_string(),
            EvictAnswer::Refused(message) => message,
        };
        self.counters.evictions_failed.add_one();
        let what = "a pod was not deleted to make room for another";
        self.complain(what, &evict.eviction.pod.key, &message);
    }

    fn finish_ask(&mut self, mut ask: Ask, answer: inquiry::Answer) {
        ask.tries += 1;
        let problem = match answer {
            inquiry::Answer::Known(_) => return,
            inquiry::Answer::Again(problem) if ask.tries < ASK_TRIES_MAX => {
                ask.not_before = self.again_at(&problem, PATCH_RETRY_AFTER, ask.tries);
                self.outbox.lanes().push_ask(ask);
                return;
            }
            inquiry::Answer::Again(problem) | inquiry::Answer::Never(problem) => problem,
        };
        self.counters.inquiries_failed.add_one();
        let what = "a pod that ended early was not read";
        self.complain(what, &ask.inquiry.pod.key, &problem.to_string());
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
                self.complain("an event was not written", &request.path, &problem.to_string());
            }
            EventOutcome::Refused(message) => {
                self.counters.events_failed.add_one();
                if !message.contains(NAMESPACE_ENDS) {
                    self.complain("an event was not written", &request.path, message);
                }
            }
            EventOutcome::Written | EventOutcome::Missing => {}
        }
        self.series.finish(&request, outcome);
    }

    fn again_at(&self, problem: &Problem, first: Nanos, tries: u32) -> Nanos {
        let doubled = Nanos(first.0 << tries.saturating_sub(1).min(16));
        self.outbox.now() + problem.retry_after().map_or(doubled, |asked| asked.max(doubled))
    }

    /// Says `what` has happened, but the same thing only once in a while.
    fn complain(&mut self, what: &'static str, whose: &dyn std::fmt::Display, message: &str) {
        if let Some(held_back) = self.repeats.say(what, self.outbox.now()) {
            warn!(%whose, held_back, "{what}: {message}{}", advice(message));
        }
    }

    /// What is not written yet, in flight or not.
    fn left(&self) -> Left {
        let lanes = self.outbox.lanes();
        Left {
            bindings: lanes.bindings_queued() + self.in_flight.bindings,
            evictions: lanes.evictions_queued() + self.in_flight.evictions,
            pre_binds: lanes.pre_binds_queued() + self.in_flight.pre_binds,
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
    let problem = match &outcome {
        BindOutcome::Refused { message } => Some((BindTrouble::Refused, message.clone())),
        BindOutcome::Unknown { message, .. } => Some((BindTrouble::Unknown, message.clone())),
        _ => None,
    };
    // Nobody listens only when the process ends.
    let _ = results.send(Event::BindResult { attempt: bind.attempt, outcome }).await;
    Done::Bind { pod: bind.pod, problem }
}

/// Asks about a pod that has ended; the engine hears of it where it was refused.
async fn carry_out_ask(api: Arc<Api>, results: mpsc::Sender<Event>, ask: Ask) -> Done {
    let answer = inquiry::send(&api, &ask).await;
    if let inquiry::Answer::Known(Some(refused)) = &answer {
        // Nobody listens only when the process ends.
        let _ = results.send(Event::Refused(refused.clone())).await;
    }
    Done::Ask { ask, answer }
}

/// Evicts a pod; once that has come to an end, the engine hears of it before its slot is free.
async fn carry_out_eviction(
    api: Arc<Api>,
    results: mpsc::Sender<Event>,
    mut evict: Evict,
    now: Nanos,
) -> Done {
    let answer = evict::send(&api, &mut evict, now).await;
    evict.tries += 1;
    let outcome = match &answer {
        EvictAnswer::Done(outcome) => Some(*outcome),
        EvictAnswer::Again(_) if evict.tries < EVICTION_TRIES_MAX => None,
        EvictAnswer::Refused(_) | EvictAnswer::Again(_) => Some(EvictionOutcome::Failed),
    };
    if let Some(outcome) = outcome {
        let pod = &evict.eviction.pod;
        let (key, uid) = (pod.key.clone(), pod.uid.clone());
        // Nobody listens only when the process ends.
        let _ = results.send(Event::Evicted { key, uid, outcome }).await;
    }
    Done::Evict { evict, answer }
}
