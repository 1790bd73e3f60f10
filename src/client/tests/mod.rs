//! Tests of the client against a fake API server: a hand-written tower service, a virtual clock, no
//! sockets. Tests wait for conditions, never for time.

mod bindings;
mod burst;
mod conditions;
mod events;
mod evictions;
mod fake;
mod late;
mod leading;
mod pre_binds;
mod pressure;
mod protobuf_watches;
mod stop;
mod watch_troubles;
mod watches;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use fake::{Fake, Reply, Seen};

use crate::engine::{
    AttemptId, BindOutcome, Effect, Event, Eviction, EvictionOutcome, FailedCondition, Nomination,
    PodRef, Report,
};
use crate::model::PodKey;
use crate::units::Nanos;

use super::{Clock, Counters, Outbox, RateLimit, Standing, WRITE_TIME_MAX, Writer, WriterOptions};

/// 2026-08-01T16:00:00Z.
const EPOCH: Nanos = Nanos::from_secs(1_785_600_000);

/// Longer than anything that is waited for takes, on the virtual clock.
const NEVER: Duration = Duration::from_hours(24);

/// A writer in front of a fake API server.
struct Bench {
    fake: Fake,
    writer: Writer,
    outbox: Arc<Outbox>,
    counters: Arc<Counters>,
    results: mpsc::Receiver<Event>,
}

impl Bench {
    fn new(script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        Self::limited(RateLimit::NONE, RateLimit::NONE, script)
    }

    fn limited(
        requests: RateLimit,
        events: RateLimit,
        script: impl FnMut(&Seen) -> Reply + Send + 'static,
    ) -> Self {
        let fake = Fake::new(script);
        let (sender, results) = mpsc::channel(64);
        let counters = Arc::new(Counters::default());
        let options = WriterOptions {
            hostname: "host".into(),
            requests,
            events,
            within: WRITE_TIME_MAX,
            standing: Arc::new(Standing::alone()),
        };
        let writer = Writer::start(fake.client(), options, clock(), sender, Arc::clone(&counters));
        Self { fake, outbox: writer.outbox(), writer, counters, results }
    }

    fn push(&self, effects: impl IntoIterator<Item = Effect>) {
        let mut effects = effects.into_iter().collect();
        self.outbox.push(&mut effects);
        assert!(effects.is_empty(), "the outbox left {effects:?}");
    }

    /// The next outcome of a Binding.
    async fn outcome(&mut self) -> (u64, BindOutcome) {
        let event = timeout(NEVER, self.results.recv()).await.expect("no outcome came");
        match event {
            Some(Event::BindResult { attempt: AttemptId(attempt), outcome }) => (attempt, outcome),
            other => panic!("{other:?} is no outcome"),
        }
    }
}

fn clock() -> Clock {
    let start = Instant::now();
    Arc::new(move || EPOCH + Nanos(u64::try_from(start.elapsed().as_nanos()).unwrap()))
}

/// Pod `name` in namespace "ns", with a UID of its own.
fn pod(name: &str) -> PodRef {
    PodRef {
        key: PodKey { namespace: "ns".into(), name: name.into() },
        uid: format!("uid-{name}").into(),
        resource_version: "7".into(),
    }
}

/// A Binding of pod `name` to node "n1".
fn bind(attempt: u64, name: &str) -> Effect {
    Effect::Bind { attempt: AttemptId(attempt), pod: pod(name).into(), node: "n1".into() }
}

/// The condition of pod `name` with `message`.
fn patch(name: &str, message: &str) -> Effect {
    let condition = FailedCondition {
        reason: "Unschedulable",
        message: message.into(),
        observed_generation: 2,
        last_transition_time: None,
    };
    Effect::PatchCondition { pod: pod(name), condition, nomination: Nomination::Keep }
}

/// A report that pod `name` could not be placed.
fn failed(name: &str, message: &str) -> Effect {
    let report = Report::FailedScheduling { message: message.into() };
    Effect::Report { pod: pod(name).into(), profile: "berth".into(), report }
}

/// A report that pod `name` was placed.
fn scheduled(name: &str) -> Effect {
    let report = Report::Scheduled { node: "n1".into() };
    Effect::Report { pod: pod(name).into(), profile: "berth".into(), report }
}

/// A Status with `code`, as an API server answers.
fn status(code: u16, message: &str) -> Reply {
    Reply::json(code, &status_body(code, message))
}

fn status_body(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "message": message, "reason": "Reason"})
}

fn ok(_: &Seen) -> Reply {
    accepted()
}

fn accepted() -> Reply {
    Reply::json(201, &json!({"kind": "Status", "status": "Success"}))
}
