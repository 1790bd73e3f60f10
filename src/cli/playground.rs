//! `berth playground`: a whole cluster in this process, to try the scheduler on manifests or a dump.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tracing::warn;

use crate::actors::controllers::ControllerOptions;
use crate::actors::kubelets::{KubeletOptions, NewNodes};
use crate::apiserver::kubeconfig::{kubeconfig as kubeconfig_text, write_private};
use crate::apiserver::server::{Options as ServerOptions, Server};
use crate::client::{RateLimit, Source as ApiSource};
use crate::config::{self, Configuration};
use crate::framework::ProfileSpec;
use crate::model::FeatureGates;
use crate::playground::{self, Loaded, Outcome, Wanted};
use crate::queue::Backoff;
use crate::runtime::{self, StopSignals};
use crate::server::addresses::Taken;
use crate::server::listener::Listener;
use crate::telemetry::{self, LogFormat};

use super::actors::duration;
use super::args::{GateArgs, path};
use super::registry;
use super::run::Decisions;
use super::{failed, refuse};

/// The exit code where all has settled and some pod fits nowhere.
const EXIT_UNSCHEDULABLE: u8 = 3;

/// The flags of `berth playground`.
#[derive(Clone, Debug, PartialEq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct PlaygroundArgs {
    /// Manifests to begin with, or a dump of a cluster (`kubectl get nodes,pods -A -o yaml`): a file, a
    /// folder, or `-` for standard input. May be given several times.
    #[arg(short = 'f', long = "filename", value_name = "PATH", value_parser = path())]
    pub files: Vec<PathBuf>,

    /// How many nodes of 4 CPU and 16Gi to create [default: 10, or none where the manifests have nodes].
    #[arg(long, value_name = "N")]
    pub nodes: Option<usize>,

    /// Take the nodes from this file (`kubectl get nodes -o yaml`).
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub nodes_from: Option<PathBuf>,

    /// End when no pod can be placed any more, with a summary; exit code 3 if one fits nowhere.
    #[arg(long)]
    pub until_settled: bool,

    /// Configuration of the scheduler (kubescheduler.config.k8s.io/v1). Without it, pods of the schedulers
    /// `berth` and `default-scheduler` are scheduled alike.
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub config: Option<PathBuf>,

    /// Seed of the choice among nodes that are equally good.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Address of the API server; it must be on loopback.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    pub address: SocketAddr,

    /// Where to write the kubeconfig [default: in a folder of its own, which goes in the end].
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub kubeconfig_out: Option<PathBuf>,

    /// From the binding of a pod until it is ready.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub start_after: Duration,

    /// No pretend kubelets: pods stay Pending once they are bound.
    #[arg(long)]
    pub no_kubelets: bool,

    /// No controllers: nobody makes pods of Deployments, Jobs and the like.
    #[arg(long)]
    pub no_controllers: bool,

    /// Show nothing but the summary.
    #[arg(long)]
    pub quiet: bool,

    /// The feature gates of the scheduler.
    #[command(flatten)]
    pub gates: GateArgs,

    /// How much to log on standard error: -2 errors, -1 warnings, 0 and more as `berth run`.
    #[arg(
        short = 'v',
        long = "v",
        value_name = "LEVEL",
        default_value_t = -2,
        allow_negative_numbers = true
    )]
    pub verbosity: i32,
}

/// Runs the playground. The exit code is 0 where it was stopped or everything was placed, 3 where a pod
/// fits nowhere, 2 where it could not start for a reason that lies in what it was given, else 1.
#[must_use]
pub fn execute(args: &PlaygroundArgs) -> ExitCode {
    if let Err(error) = telemetry::init(LogFormat::Text, args.verbosity) {
        return refuse(&error);
    }
    let gates = match args.gates.read() {
        Ok(gates) => gates,
        Err(error) => return refuse(&error),
    };
    for warning in &gates.warnings {
        warn!("{warning}");
    }
    let configuration = match configuration(args.config.as_deref(), gates.features) {
        Ok(configuration) => configuration,
        Err(error) => return refuse(&error),
    };
    let prepared = match Prepared::new(args) {
        Ok(prepared) => prepared,
        Err(error) => return refuse(&format!("{error:#}")),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("no runtime could be started: {error}")),
    };
    let outcome = runtime.block_on(play(args, configuration, gates.features, prepared));
    runtime.shutdown_background();
    match outcome {
        Ok(Ok(Outcome::Settled { unschedulable: 1.. })) => ExitCode::from(EXIT_UNSCHEDULABLE),
        Ok(Ok(Outcome::Stopped | Outcome::Settled { .. })) => ExitCode::SUCCESS,
        Ok(Err(refusal)) => refuse(&refusal),
        Err(error) => failed(&format!("{error:#}")),
    }
}

/// What is taken before anything starts.
struct Prepared {
    listener: Listener,
    kubeconfig: PathBuf,
    /// Goes with its content at the end.
    _folder: Option<tempfile::TempDir>,
    manifests: Vec<playground::Source>,
    nodes_from: Vec<playground::Source>,
}

impl Prepared {
    fn new(args: &PlaygroundArgs) -> anyhow::Result<Self> {
        if !args.address.ip().is_loopback() {
            anyhow::bail!("--address {}: must be on loopback", args.address);
        }
        let manifests = playground::sources(&args.files)?;
        let nodes_from = playground::sources(args.nodes_from.as_slice())?;
        let listener = Listener::bind(args.address)
            .map_err(|error| anyhow::anyhow!("--address {}: {error}", args.address))?;
        let folder = match &args.kubeconfig_out {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("berth-playground-").tempdir()?),
        };
        let own = folder.as_ref().map(|folder| folder.path().join("kubeconfig"));
        let kubeconfig = args.kubeconfig_out.clone().or(own).unwrap_or_default();
        let url = format!("http://{}", listener.address());
        write_private(&kubeconfig, &kubeconfig_text(&url, None, None))
            .map_err(|error| anyhow::anyhow!("{}: {error}", kubeconfig.display()))?;
        Ok(Self { listener, kubeconfig, _folder: folder, manifests, nodes_from })
    }
}

/// The profiles of the file; without one, two that differ in their name alone.
fn configuration(
    file: Option<&Path>,
    gates: FeatureGates,
) -> Result<Configuration, config::ConfigErrors> {
    let Some(file) = file else {
        let mut configuration = Configuration::default_berth(registry(), gates);
        let other = ProfileSpec {
            scheduler_name: "default-scheduler".into(),
            ..configuration.profiles[0].clone()
        };
        configuration.profiles.push(other);
        return Ok(configuration);
    };
    config::load(file, registry(), gates)
}

async fn play(
    args: &PlaygroundArgs,
    configuration: Configuration,
    gates: FeatureGates,
    prepared: Prepared,
) -> anyhow::Result<Result<Outcome, playground::ManifestError>> {
    let stop = StopSignals::of_process()?;
    let server = Server::start(prepared.listener, ServerOptions::default())?;
    let mut loaded = Loaded::default();
    let nodes = playground::load(server.api(), &prepared.nodes_from, Wanted::Nodes, &mut loaded);
    let all = nodes.and_then(|()| {
        playground::load(server.api(), &prepared.manifests, Wanted::Everything, &mut loaded)
    });
    if let Err(error) = all {
        return Ok(Err(error));
    }
    let count = args.nodes.unwrap_or(if loaded.nodes > 0 { 0 } else { NewNodes::default().count });
    playground::create_nodes(server.api(), &NewNodes { count, ..example_nodes() })?;
    let out = &mut io::stdout();
    for line in playground::describe(&loaded) {
        drop(writeln!(io::stderr(), "{line}"));
    }
    drop(writeln!(out, "export KUBECONFIG={}", prepared.kubeconfig.display()));
    let source = ApiSource::Kubeconfig(prepared.kubeconfig);
    let kubelets = KubeletOptions { start_after: args.start_after, ..KubeletOptions::default() };
    let options = playground::Options {
        source: source.clone(),
        scheduler: scheduler(source, configuration, gates, args.seed),
        kubelets: (!args.no_kubelets).then_some(kubelets),
        controllers: (!args.no_controllers).then(ControllerOptions::default),
        until_settled: args.until_settled,
        quiet: args.quiet,
    };
    playground::run(server, options, stop).await.map(Ok)
}

/// Nodes of which some have what the examples in `deploy/examples` ask for.
fn example_nodes() -> NewNodes {
    let labels = [("example.com/disk", ["ssd", "hdd"]), ("example.com/generation", ["7", "4"])];
    let labels = labels.map(|(key, values)| (key.to_owned(), values.map(str::to_owned).to_vec()));
    NewNodes { labels: labels.to_vec(), ..NewNodes::default() }
}

fn scheduler(
    source: ApiSource,
    configuration: Configuration,
    gates: FeatureGates,
    seed: u64,
) -> runtime::Options {
    runtime::Options {
        source,
        profiles: configuration.profiles,
        extenders: configuration.extenders,
        plugins: registry(),
        gates,
        seed,
        // It has the server to itself.
        rate: RateLimit { qps: None, burst: configuration.client.rate.burst },
        // That has JSON alone.
        protobuf: false,
        backoff: Backoff {
            initial: configuration.pod_initial_backoff,
            max: configuration.pod_max_backoff,
            ..Backoff::default()
        },
        dry_run: false,
        // Nobody else is there.
        leader_election: None,
        decisions: Box::new(Decisions(None)),
        addresses: Taken::default(),
        guard: None,
        pages: None,
        features: Vec::new(),
        disabled_metrics: Vec::new(),
    }
}
