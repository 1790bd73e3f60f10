//! The one thread that owns the engine: takes events, hands effects over, never waits for a write.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::client::{Clock, Outbox, Standing};
use crate::engine::{BindOutcome, Decision, Effect, Engine, Event, Kind, Next, NoticeLevel};
use crate::model::PodKey;
use crate::telemetry::{ClusterSizes, Repeats, SchedulerMetrics};
use crate::units::Nanos;

use super::plugin_calls::PluginCalls;
use super::progress::Progress;
use super::questions::Question;

/// Attempts before effects are handed over, at most: one wake-up of the writer serves several pods.
const ATTEMPTS_BEFORE_HAND_OVER_MAX: usize = 16;

/// Takes decisions in the order in which they were made.
pub trait DecisionSink: Send {
    /// A decision was made.
    fn write(&mut self, decision: &Decision);
    /// Nothing else is to do right now.
    fn idle(&mut self);
}

/// The engine with everything that its thread needs.
pub(super) struct EngineThread {
    engine: Engine,
    incoming: Receiver<Event>,
    outbox: Arc<Outbox>,
    clock: Clock,
    decisions: Box<dyn DecisionSink>,
    metrics: Arc<SchedulerMetrics>,
    progress: Arc<Progress>,
    questions: Receiver<Question>,
    next: Next,
    synced: bool,
    repeats: Repeats,
    effects: Vec<Effect>,
    calls: PluginCalls,
    stopping: bool,
    standing: Arc<Standing>,
}

/// Who is told what the engine does, and who asks.
pub(super) struct Observers {
    pub(super) decisions: Box<dyn DecisionSink>,
    pub(super) progress: Arc<Progress>,
    pub(super) metrics: Arc<SchedulerMetrics>,
    pub(super) questions: Receiver<Question>,
    /// Whether plugins and extenders may be called.
    pub(super) standing: Arc<Standing>,
}

/// There will be no more events.
struct Closed;

/// What ended a wait.
enum Woken {
    Event(Option<Event>),
    Question(Question),
}

impl EngineThread {
    pub(super) fn new(
        engine: Engine,
        incoming: Receiver<Event>,
        outbox: Arc<Outbox>,
        clock: Clock,
        observers: Observers,
        calls: PluginCalls,
    ) -> Self {
        let Observers { decisions, progress, metrics, questions, standing } = observers;
        let next = Next::default();
        let (repeats, effects) = (Repeats::default(), Vec::new());
        Self {
            engine,
            incoming,
            outbox,
            clock,
            decisions,
            metrics,
            progress,
            questions,
            next,
            synced: false,
            repeats,
            effects,
            calls,
            stopping: false,
            standing,
        }
    }

    /// Starts the thread; it ends with the last sender of events. `stopped` is told once
    /// [`Event::Stop`] was taken in and no plugin or extender is at work for a pod any more.
    pub(super) fn start(self, stopped: oneshot::Sender<()>) -> std::io::Result<JoinHandle<()>> {
        let handle = Handle::current();
        let body = move || self.run(&handle, Some(stopped));
        Builder::new().name("engine".into()).spawn(body)
    }

    fn run(mut self, handle: &Handle, mut stopped: Option<oneshot::Sender<()>>) {
        let _alive = self.progress.alive();
        while self.round(handle, &mut stopped).is_ok() {}
        self.hand_over();
        self.decisions.idle();
        if let Some(counts) = self.engine.dry_run_counts() {
            info!(
                agreed = counts.agreed,
                differed = counts.differed,
                placed_all_the_same = counts.placed_all_the_same,
                "dry run: where the pods went, compared with the decisions"
            );
        }
    }

    /// Takes in what waits, tries some pods, hands over; waits where there is nothing to do.
    fn round(
        &mut self,
        handle: &Handle,
        stopped: &mut Option<oneshot::Sender<()>>,
    ) -> Result<(), Closed> {
        let mut held = false;
        for _ in 0..ATTEMPTS_BEFORE_HAND_OVER_MAX {
            self.drain()?;
            self.retract();
            let now = (self.clock)();
            if self.next.deadline.is_some_and(|deadline| deadline <= now) {
                self.step(Event::Tick);
            }
            held = self.next.attempt && !self.outbox.may_decide(self.undelivered());
            if held || !self.next.attempt {
                break;
            }
            self.step(Event::Attempt);
            if self.next.beside_others {
                break;
            }
        }
        self.retract();
        self.hand_over();
        if let Ok(question) = self.questions.try_recv() {
            question.answer(&self.engine);
        }
        self.tell_stopped(stopped);
        self.tell_sizes();
        if (held || !self.next.attempt) && self.incoming.is_empty() {
            self.decisions.idle();
            self.wait(handle)?;
        }
        Ok(())
    }

    /// Takes in everything that has come by now, so that nothing is decided by what is out of date; what
    /// comes meanwhile waits, since a flood must not keep pods waiting for ever.
    fn drain(&mut self) -> Result<(), Closed> {
        // Asked for once at least: that is how the end is noticed.
        for _ in 0..self.incoming.len().max(1) {
            match self.incoming.try_recv() {
                Ok(event) => self.take_in(event),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(Closed),
            }
        }
        Ok(())
    }

    /// Bindings that were decided and are not handed over.
    fn undelivered(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Bind { .. })).count()
    }

    /// Takes Bindings back at once, where the engine wants that and they are not sent.
    fn retract(&mut self) {
        if !self.effects.iter().any(|effect| matches!(effect, Effect::Retract { .. })) {
            return;
        }
        self.hand_over();
        for attempt in self.outbox.take_retracted() {
            let outcome = BindOutcome::Retracted;
            self.step(Event::BindResult { attempt, outcome });
        }
    }

    /// Waits for an event, a question, or the engine's next deadline.
    fn wait(&mut self, handle: &Handle) -> Result<(), Closed> {
        self.progress.waits();
        let now = (self.clock)();
        let (incoming, questions) = (&mut self.incoming, &mut self.questions);
        let next = async {
            tokio::select! {
                biased;
                event = incoming.recv() => Woken::Event(event),
                Some(question) = questions.recv() => Woken::Question(question),
            }
        };
        let woken = match self.next.deadline {
            None => handle.block_on(next),
            Some(deadline) => {
                let time = Duration::from_nanos(deadline.since(now).0);
                let late = |_| Woken::Event(Some(Event::Tick));
                handle.block_on(async { timeout(time, next).await.unwrap_or_else(late) })
            }
        };
        match woken {
            Woken::Event(event) => self.take_in(event.ok_or(Closed)?),
            Woken::Question(question) => question.answer(&self.engine),
        }
        Ok(())
    }

    fn take_in(&mut self, event: Event) {
        self.stopping |= matches!(event, Event::Stop);
        self.step(event);
    }

    /// Says that nothing new comes any more, once what was to be written is handed over.
    fn tell_stopped(&mut self, stopped: &mut Option<oneshot::Sender<()>>) {
        if self.stopping
            && self.engine.writing_calls() == 0
            && let Some(stopped) = stopped.take()
        {
            // Whoever asked may have been stopped at once meanwhile.
            let _ = stopped.send(());
        }
    }

    fn step(&mut self, event: Event) {
        let now = (self.clock)();
        self.progress.is_busy(now);
        self.next = self.engine.step(event, now, &mut self.effects);
        if !self.synced {
            self.note_lists();
        }
    }

    fn note_lists(&mut self) {
        for kind in Kind::all() {
            if self.engine.is_listed(kind) {
                self.progress.is_listed(kind);
            }
        }
        if self.engine.is_synced() {
            self.synced = true;
            let then = if self.standing.leads() {
                "scheduling begins"
            } else {
                "scheduling begins when this berth leads"
            };
            let (cluster, queue) = (self.engine.cluster(), self.engine.queue_lengths());
            info!(
                nodes = cluster.node_count(),
                placed_pods = cluster.placed_pods().0,
                waiting_pods = queue.active + queue.gated,
                "all objects are listed; {then}"
            );
        }
    }

    fn tell_sizes(&self) {
        let cluster = self.engine.cluster();
        let (pods, assumed_pods) = cluster.placed_pods();
        let (nodes, bindings) = (cluster.node_count() as usize, self.engine.bindings_in_flight());
        let (tables, table_bytes) = self.engine.tables_size();
        let sizes = ClusterSizes { nodes, pods, assumed_pods, bindings, tables, table_bytes };
        self.metrics.set_sizes(self.engine.queue_lengths(), sizes);
    }

    /// Gives requests to the writer, decisions to their log, notices to the operator.
    fn hand_over(&mut self) {
        if self.effects.is_empty() {
            return;
        }
        self.outbox.push(&mut self.effects);
        let now = (self.clock)();
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Decision(decision) => {
                    debug!(pod = %decision.pod.key, verdict = ?decision.verdict, "decided");
                    self.decisions.write(&decision);
                }
                Effect::Notice { level, pod, message } => {
                    say(level, pod.as_ref(), &message, &mut self.repeats, now);
                }
                // Who leads no more is about to end, and must not have anybody act for it.
                Effect::Call { .. } | Effect::AskExtender { .. }
                    if !self.standing.may_write(now) => {}
                Effect::Call { attempt, call } => self.calls.start(attempt, call),
                Effect::AskExtender { attempt, extender, pod, question } => {
                    self.calls.ask((attempt, extender), pod, question);
                }
                // The outbox took these.
                Effect::PreBind { .. }
                | Effect::Bind { .. }
                | Effect::Retract { .. }
                | Effect::Inquire(_)
                | Effect::Report { .. }
                | Effect::PatchCondition { .. }
                | Effect::Nominate { .. }
                | Effect::Withdraw { .. }
                | Effect::Evict(_) => {}
            }
        }
        // Its memory is used again.
        self.effects = effects;
    }
}

/// Says `message`. A warning that pods share, as where one node spoils the scores of all, is said for one of
/// them at a time.
fn say(level: NoticeLevel, pod: Option<&PodKey>, message: &str, repeats: &mut Repeats, now: Nanos) {
    let pod = pod.map(ToString::to_string).unwrap_or_default();
    match level {
        NoticeLevel::Warn => {
            if let Some(held_back) = repeats.say(message, now) {
                warn!(pod, held_back, "{message}");
            }
        }
        NoticeLevel::Info => info!(pod, "{message}"),
        NoticeLevel::Debug => debug!(pod, "{message}"),
    }
}
