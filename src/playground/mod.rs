//! A whole cluster in one process: the embedded API server, pretend kubelets, small controllers and the
//! scheduler itself, all of them clients of the API server over HTTP, as in a cluster. Called by `cli`.

mod documents;
mod load;
mod manifests;
mod parsers;
mod picture;
mod separators;
mod settle;
mod show;
mod summary;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::actors::controllers::{self, ControllerOptions};
use crate::actors::kubelets::{self, KubeletOptions};
use crate::apiserver::api::Api;
use crate::apiserver::server::Server;
use crate::client::{self, Counters, Reading, Said, Source as ApiSource};
use crate::engine::Event;
use crate::runtime::{self, StopSignals, Wish};

pub use load::{Loaded, Wanted, load};
pub use manifests::{ManifestError, Source, sources};
use picture::{Picture, WATCHED};
use settle::{QUIET, controllers_are_done};
use show::Show;

/// Events between the watches and the picture.
const EVENTS_MAX: usize = 4096;
/// How often the table is drawn anew, and how often it is asked whether all has settled.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// What a playground is run with.
pub struct Options {
    /// Where everybody finds the API server.
    pub source: ApiSource,
    /// The scheduler; it must look for the API server at the same place.
    pub scheduler: runtime::Options,
    /// The kubelets, if there are any.
    pub kubelets: Option<KubeletOptions>,
    /// The controllers, if there are any.
    pub controllers: Option<ControllerOptions>,
    /// End when all has settled.
    pub until_settled: bool,
    /// Show nothing of what happens.
    pub quiet: bool,
}

/// How a playground ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody stopped it.
    Stopped,
    /// All settled; pods that fit nowhere.
    Settled {
        /// How many.
        unschedulable: usize,
    },
}

/// Runs everything against `server` until it is stopped or has settled, and says how it ended. What is to
/// be in the cluster from the start must be there already.
pub async fn run(
    server: Server,
    options: Options,
    mut stop: StopSignals,
) -> anyhow::Result<Outcome> {
    let schedulers = options.scheduler.profiles.iter().map(|spec| spec.scheduler_name.clone());
    let mut picture = Picture::new(schedulers.collect());
    let (client, _) = client::connect(&options.source).await?;
    let (end, ends) = watch::channel(Wish::Run);
    let with_controllers = options.controllers.is_some();
    let actors = (options.kubelets, options.controllers);
    let mut cast = Cast::start(&client, actors, options.scheduler, &ends);
    let (events_in, mut events) = mpsc::channel(EVENTS_MAX);
    let (counters, said) = (Arc::new(Counters::default()), Said::default());
    for kind in WATCHED {
        let (client, events) = (client.clone(), events_in.clone());
        let (counters, said, reading) = (Arc::clone(&counters), said.clone(), Reading::default());
        let watch = client::watch(client, kind, events, counters, said, reading);
        cast.tasks.push(tokio::spawn(watch));
    }
    drop(events_in);
    let mut show = Show::on_stdout(options.quiet);
    let until = options.until_settled.then_some(Settled { client: &client, with_controllers });
    let outcome = tokio::select! {
        biased;
        () = stop.first() => Ok(Outcome::Stopped),
        ended = &mut cast.scheduler => Err(ended_early(ended)),
        outcome = look(&mut picture, &mut show, &mut events, until) => outcome,
    };
    show.clear();
    end.send_replace(Wish::Stop);
    let finished = async {
        if !cast.scheduler.is_finished() {
            drop((&mut cast.scheduler).await);
        }
    };
    tokio::select! {
        () = stop.second() => {}
        () = finished => {}
    }
    for task in &cast.tasks {
        task.abort();
    }
    server.shutdown().await;
    if outcome.is_ok() {
        // Whoever reads may have gone.
        drop(write!(std::io::stdout(), "\n{}", summary::summary(&picture)));
    }
    outcome
}

fn ended_early(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow::anyhow!("the scheduler has ended"),
        Ok(Err(error)) => error.context("the scheduler has ended"),
        Err(error) => anyhow::Error::new(error).context("the scheduler has ended"),
    }
}

/// Everybody who acts in the cluster.
struct Cast {
    scheduler: JoinHandle<anyhow::Result<()>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Cast {
    fn start(
        client: &Client,
        (kubelets, controllers): (Option<KubeletOptions>, Option<ControllerOptions>),
        scheduler: runtime::Options,
        ends: &watch::Receiver<Wish>,
    ) -> Self {
        let mut tasks = Vec::new();
        if let Some(kubelets) = kubelets {
            let client = client.clone();
            tasks.push(tokio::spawn(kubelets::run(client, kubelets, ended(ends.clone()))));
        }
        if let Some(controllers) = controllers {
            let client = client.clone();
            tasks.push(tokio::spawn(controllers::run(client, controllers, ended(ends.clone()))));
        }
        let scheduler = tokio::spawn(runtime::run(scheduler, StopSignals::new(ends.clone())));
        Self { scheduler, tasks }
    }
}

async fn ended(mut ends: watch::Receiver<Wish>) {
    // Without a sender there is nobody left to run for.
    drop(ends.wait_for(|wish| *wish >= Wish::Stop).await);
}

/// What else must be so before all has settled.
struct Settled<'c> {
    client: &'c Client,
    with_controllers: bool,
}

impl Settled<'_> {
    async fn is_so(&self) -> anyhow::Result<bool> {
        if self.with_controllers { controllers_are_done(self.client).await } else { Ok(true) }
    }
}

/// Takes in what happens and shows it, for ever or until all has settled.
async fn look(
    picture: &mut Picture,
    show: &mut Show,
    events: &mut mpsc::Receiver<Event>,
    until: Option<Settled<'_>>,
) -> anyhow::Result<Outcome> {
    let mut ticks = interval(DRAW_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut changed, mut drawn) = (Instant::now(), false);
    let mut news = Vec::new();
    loop {
        tokio::select! {
            event = events.recv() => {
                let event = event.context("the watches have ended")?;
                if !matches!(event, Event::NodeUpsert(_)) {
                    changed = Instant::now();
                }
                picture.take_in(event, &mut news);
                news.drain(..).for_each(|news| show.news(&news));
                drawn = false;
            }
            _ = ticks.tick() => {
                if !drawn {
                    show.draw(picture);
                    drawn = true;
                }
                let Some(until) = &until else { continue };
                let counts = picture.counts();
                let quiet = changed.elapsed() >= QUIET && picture.is_complete();
                if quiet && counts.undecided == 0 && until.is_so().await? && events.is_empty() {
                    return Ok(Outcome::Settled { unschedulable: counts.unschedulable });
                }
            }
        }
    }
}

/// Says what was loaded, a line each.
#[must_use]
pub fn describe(loaded: &Loaded) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, count) in &loaded.skipped {
        lines.push(format!("warning: {count} objects of {kind} are left out: not served here"));
    }
    if loaded.orphans > 0 {
        let count = loaded.orphans;
        lines.push(format!(
            "warning: {count} objects have owners that are not in the dump; they stay without them"
        ));
    }
    for (warning, count) in &loaded.warnings {
        let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
        lines.push(format!("warning: {warning}{times}"));
    }
    lines
}

/// Creates `nodes` through the API server's own door.
pub fn create_nodes(api: &Api, nodes: &kubelets::NewNodes) -> anyhow::Result<()> {
    for node in nodes.objects() {
        api.import(node).context("a node cannot be created")?;
    }
    Ok(())
}
