//! The wiring of `berth run`: watches -> engine thread -> writer, the order of start and shutdown.
//! Called by `cli`.

mod client_metrics;
mod election;
mod engine_thread;
mod measured;
mod plugin_calls;
mod progress;
mod questions;
mod rest_client;
mod stop;

use std::mem::take;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use crate::client::{
    self, Clock, Counters, Extenders, Left, RawObjects, Reading, Requests, Source, Writer,
    WriterOptions,
};
use crate::config;
use crate::engine::{Engine, EngineConfig, Event, Kind};
use crate::framework::{PluginInfo, Profile, ProfileSpec};
use crate::model::FeatureGates;
use crate::queue::Backoff;
use crate::server::access::{Access, AccessOptions};
use crate::server::addresses::{Served, Taken};
use crate::server::pages::Pages;
use crate::server::pending;
use crate::server::resources::Resources;
use crate::telemetry::{Metrics, SchedulerMetrics};
use crate::units::Nanos;

use election::Election;
pub use engine_thread::DecisionSink;
use engine_thread::{EngineThread, Observers};
use measured::Measured;
use plugin_calls::PluginCalls;
use progress::Progress;
use questions::{Asker, questions};
pub use stop::{StopSignals, Wish};

/// Events between the watches and the engine: some 2 MB of pods. A full channel makes the watches wait.
const EVENTS_MAX: usize = 4096;

/// Bindings decided and not answered. Twice the writer's slots, so that it never runs dry, and few
/// enough that decisions are not made long before they are sent.
const BINDINGS_IN_FLIGHT_MAX: usize = 64;

/// How long bindings in flight, calls of plugins and extenders that bind, and after them conditions and
/// events may take after a stop.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// How long answers over HTTP may take to end after everything else has ended.
///
/// Upstream: the shutdown timeout of the secure server, v1.37.
const ENDPOINTS_SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// What a scheduler is run with.
pub struct Options {
    /// Where the API server is.
    pub source: Source,
    /// What its profiles are made from.
    pub profiles: Vec<ProfileSpec>,
    /// Whom it asks beside its plugins.
    pub extenders: Vec<config::Extender>,
    /// The plugins of every profile.
    pub plugins: &'static [PluginInfo],
    /// The feature gates.
    pub gates: FeatureGates,
    /// Where the order among equals comes from.
    pub seed: u64,
    /// Limit of bindings and conditions, and the same again for events.
    pub rate: client::RateLimit,
    /// Read watches in protobuf, where the server has it and no extender wants JSON.
    pub protobuf: bool,
    /// How long failed pods wait.
    pub backoff: Backoff,
    /// Decide and compare, but write nothing.
    pub dry_run: bool,
    /// Of several processes let one lead; none where this is the only one, which then leads from the start.
    pub leader_election: Option<client::LeaderElection>,
    /// Takes the decisions.
    pub decisions: Box<dyn DecisionSink>,
    /// Where health and metrics are served.
    pub addresses: Taken,
    /// Who may ask at the secure port; `None` where there is none.
    pub guard: Option<Guard>,
    /// What is shown there of how berth was started.
    pub pages: Option<Pages>,
    /// All feature gates that there are, for metrics.
    pub features: Vec<config::FeatureState>,
    /// Metrics that are left out, by their whole names.
    pub disabled_metrics: Vec<String>,
}

/// Who may ask at the secure port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// How users are known.
    pub options: AccessOptions,
    /// The cluster that knows users; `None` where there is none.
    pub authentication: Option<Source>,
    /// The cluster that knows what they may do; `None` where there is none.
    pub authorization: Option<Source>,
}

/// Schedules until a stop is asked for, then ends in order.
pub async fn run(mut options: Options, mut stop: StopSignals) -> anyhow::Result<()> {
    let clock = clock();
    let progress = Arc::new(Progress::default());
    let profiles = profiles(&options)?;
    let measured = Measured::new(&profiles, take(&mut options.features));
    let shown = measured.served(take(&mut options.disabled_metrics));
    let (questions, asker) = questions();
    let election = Election::new(options.leader_election.take());
    let mut answers = progress.endpoints(&clock, shown);
    election.add_check(&clock, &mut answers);
    let service = answers.router().merge(answered_by_engine(&asker, &election));
    let endpoints = serve(&mut options, service, &measured).await?;
    let Measured { metrics, counters, requests } = measured;
    let (extenders, raw) = extenders(&options)?;
    let (client, server) = client::connect_counted(&options.source, &requests).await?;
    announce(&options, &server);
    election.register(&metrics);
    let (events, incoming) = mpsc::channel(EVENTS_MAX);
    let writer = Writer::start(
        client.clone(),
        writer_options(&options, &election),
        Arc::clone(&clock),
        events.clone(),
        Arc::clone(&counters),
    );
    let engine = election.begin(engine(&options, profiles, &extenders, &metrics));
    let (stopped, mut has_stopped) = oneshot::channel();
    let observers = Observers {
        questions,
        decisions: options.decisions,
        progress: Arc::clone(&progress),
        metrics: Arc::clone(&metrics.scheduler),
        standing: election.standing(),
    };
    let calls = PluginCalls::new(Handle::current(), events.downgrade(), extenders);
    let engine =
        EngineThread::new(engine, incoming, writer.outbox(), Arc::clone(&clock), observers, calls);
    let engine = engine.start(stopped)?;
    let reading = Reading { protobuf: options.protobuf, raw };
    let mut watches = watch_all(&client, &events, &counters, &reading);
    let election = election.start(&client, &clock, &events);
    tokio::select! {
        biased;
        () = stop.first() => progress.is_stopping(),
        reason = election.lost() => {
            writer.cut().await;
            return Err(lost(&reason));
        }
        _ = &mut has_stopped => anyhow::bail!("the engine has ended by a mistake of berth's own"),
    }
    info!("stopping: no new attempts, bindings in flight finish");
    let left = tokio::select! {
        biased;
        () = stop.second() => anyhow::bail!("stopped at once, as asked for a second time"),
        reason = election.lost() => return Err(lost(&reason)),
        left = drain(&events, has_stopped, writer) => left,
    };
    // Nothing more is written, so another one may begin.
    election.resign().await;
    watches.shutdown().await;
    drop(events);
    drop(tokio::task::spawn_blocking(move || engine.join()).await);
    tokio::select! {
        biased;
        () = stop.second() => {}
        () = endpoints.shutdown(ENDPOINTS_SHUTDOWN_MAX) => {}
    }
    say_what_is_left(left);
    Ok(())
}

/// The last line of a log.
fn say_what_is_left(left: Left) {
    if left == Left::default() {
        info!("stopped");
    } else {
        warn!("stopped; not written after {DRAIN_MAX:?}: {left:?}");
    }
}

/// Lists and watches every kind.
fn watch_all(
    client: &kube::Client,
    events: &mpsc::Sender<Event>,
    counters: &Arc<Counters>,
    reading: &Reading,
) -> JoinSet<()> {
    let mut watches = JoinSet::new();
    let said = client::Said::default();
    for kind in Kind::all() {
        let (client, events) = (client.clone(), events.clone());
        let (counters, said) = (Arc::clone(counters), said.clone());
        watches.spawn(client::watch(client, kind, events, counters, said, reading.clone()));
    }
    watches
}

fn writer_options(options: &Options, election: &Election) -> WriterOptions {
    WriterOptions {
        hostname: hostname(),
        requests: options.rate,
        events: options.rate,
        within: election.write_within(),
        standing: election.standing(),
    }
}

/// Another one may lead soon, and what was decided and not written is void: the process ends by this error at
/// once, and with it every request that is under way.
///
/// Upstream: OnStoppedLeading of kube-scheduler, v1.37: exit code 1.
fn lost(reason: &str) -> anyhow::Error {
    anyhow::anyhow!("leaderelection lost: {reason}")
}

/// Has the engine end its work, and what it hands over written; says what is not.
async fn drain(
    events: &mpsc::Sender<Event>,
    has_stopped: oneshot::Receiver<()>,
    writer: Writer,
) -> client::Left {
    let began = Instant::now();
    // The engine lives for as long as there is a sender, and this is one.
    drop(events.send(Event::Stop).await);
    if timeout(DRAIN_MAX, has_stopped).await.is_err() {
        warn!("after {DRAIN_MAX:?} a plugin or an extender is still at work for a pod");
    }
    writer.drain(DRAIN_MAX.saturating_sub(began.elapsed())).await
}

/// An engine as the options want it.
fn engine(
    options: &Options,
    profiles: Vec<Profile>,
    extenders: &Extenders,
    metrics: &Metrics,
) -> Engine {
    Engine::new(EngineConfig {
        seed: options.seed,
        profiles,
        extenders: extenders.for_engine(),
        bindings_in_flight_max: BINDINGS_IN_FLIGHT_MAX,
        backoff: options.backoff,
        announces_nodes: options.gates.nominated_node_name_for_expectation,
        dry_run: options.dry_run,
        probe: Arc::<SchedulerMetrics>::clone(&metrics.scheduler),
    })
}

/// The profiles, made.
fn profiles(options: &Options) -> anyhow::Result<Vec<Profile>> {
    let made = options.profiles.iter().map(|spec| Profile::compile(spec, options.plugins));
    Ok(made.collect::<Result<_, _>>()?)
}

/// The extenders, and where they find the JSON of objects.
fn extenders(options: &Options) -> anyhow::Result<(Extenders, Option<Arc<RawObjects>>)> {
    let schedulers = options.profiles.iter().map(|profile| profile.scheduler_name.clone());
    let extenders = Extenders::new(&options.extenders, schedulers.collect())?;
    let raw = extenders.raw_objects();
    Ok((extenders, raw))
}

/// The names of the profiles.
fn names(options: &Options) -> Vec<&str> {
    options.profiles.iter().map(|profile| &*profile.scheduler_name).collect()
}

/// Serves `health`, and at the secure port the pages, too.
async fn serve(
    options: &mut Options,
    health: Router,
    measured: &Measured,
) -> anyhow::Result<Served> {
    let secure = guarded(options, health.clone(), measured).await?;
    Ok(take(&mut options.addresses).serve(secure, health)?)
}

/// What is served at the secure port: `health` and the pages, for those who may ask.
async fn guarded(
    options: &mut Options,
    health: Router,
    measured: &Measured,
) -> anyhow::Result<Router> {
    let Some(guard) = options.guard.take().filter(|_| options.addresses.is_secure()) else {
        return Ok(health);
    };
    let pages = options.pages.take().map(Pages::router).unwrap_or_default();
    let authentication = client_of(guard.authentication.as_ref(), &measured.requests).await?;
    let authorization = client_of(guard.authorization.as_ref(), &measured.requests).await?;
    let access = Access::start(guard.options, authentication, authorization).await?;
    Ok(access.guard(health.merge(pages), Arc::clone(&measured.metrics.access)))
}

/// What only the engine knows.
fn answered_by_engine(asker: &Asker, election: &Election) -> Router {
    let standing = election.standing();
    let leads = Arc::new(move || standing.leads());
    let resources = Resources { ask: asker.reports(), leads };
    pending::router(asker.pending()).merge(resources.router())
}

async fn client_of(
    source: Option<&Source>,
    requests: &Requests,
) -> Result<Option<kube::Client>, client::ConnectError> {
    let Some(source) = source else { return Ok(None) };
    Ok(Some(client::connect_counted(source, requests).await?.0))
}

/// Says what is started.
fn announce(options: &Options, server: &str) {
    info!(
        server,
        profiles = names(options).join(","),
        seed = options.seed,
        "berth {} is starting",
        env!("CARGO_PKG_VERSION")
    );
    warn!("{}", crate::plugins::NOT_YET);
    if options.dry_run {
        info!("dry run: nothing is bound and nothing is written");
    }
}

/// The time of this host at the start, and from there on a clock that never runs backwards.
fn clock() -> Clock {
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let start = Instant::now();
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Arc::new(move || Nanos(nanos(epoch + start.elapsed())))
}

/// The host's name, for events and for a certificate.
#[must_use]
pub fn hostname() -> String {
    let from_kernel = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let name = from_kernel.or_else(|_| std::env::var("HOSTNAME")).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "unknown".into() } else { name.into() }
}
