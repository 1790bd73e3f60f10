//! `berth run`: the scheduler against an API server, until it is told to stop.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tracing::{error, info, warn};

use crate::client::{self, LeaderElection, RateLimit, Source, Times, WRITE_TIME_MAX};
use crate::config;
use crate::engine::Decision;
use crate::queue::Backoff;
use crate::runtime::{self, DecisionSink, Options, StopSignals};
use crate::server::addresses::Taken;
use crate::server::pages::{Pages, SetVerbosity};
use crate::telemetry;
use crate::units::Nanos;

use super::args::RunArgs;
use super::decision_log::DecisionLog;
use super::options::{RunOptions, Surroundings};
use super::registry;
use super::version::{KUBERNETES_VERSION, VERSION};
use super::{EXIT_USAGE, failed, refuse, written};

/// Runs the scheduler. The exit code is 0 after an ordered stop, 2 where it could not start for a reason
/// that lies in what it was given, 1 for anything else.
#[must_use]
pub fn execute(args: &RunArgs) -> ExitCode {
    if args.upstream.asks_for_version() {
        return written(writeln!(io::stdout(), "berth {VERSION}").map(|()| true));
    }
    if let Err(error) = telemetry::init(args.log.logging_format, args.log.verbosity) {
        return refuse(&error);
    }
    let options = match args.resolve(Surroundings::read()) {
        Ok(options) => options,
        Err(error) => return refuse(&error),
    };
    if let Some(path) = &options.write_config_to {
        return write_config(path, &options.written);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("no runtime could be started: {error}")),
    };
    let addresses = {
        let _entered = runtime.enter();
        options.addresses.take(&runtime::hostname())
    };
    let addresses = match addresses {
        Ok(addresses) => addresses,
        Err(error) => return refuse(&error),
    };
    let log = match options.decision_log.as_deref().map(DecisionLog::create).transpose() {
        Ok(log) => log,
        Err(error) => return refuse(&error),
    };
    for warning in &options.warnings {
        warn!("{warning}");
    }
    let outcome = runtime.block_on(async {
        let stop = StopSignals::of_process()?;
        runtime::run(runtime_options(options, log, addresses), stop).await
    });
    // Requests that nobody waits for any more must not hold up the end.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error)
            if error.is::<crate::client::ConnectError>()
                || error.is::<crate::client::ExtenderError>()
                || error.is::<crate::server::access::AccessError>() =>
        {
            failed(&error);
            ExitCode::from(EXIT_USAGE)
        }
        Err(error) => failed(&format!("{error:#}")),
    }
}

fn runtime_options(options: RunOptions, log: Option<DecisionLog>, addresses: Taken) -> Options {
    let pages = pages(&options);
    let configuration = options.configuration;
    let first = configuration.profiles.first();
    let reporter = first.map(|profile| profile.scheduler_name.to_string()).unwrap_or_default();
    let rate = configuration.client.rate;
    let protobuf = configuration.client.wants_protobuf();
    Options {
        source: match (configuration.client.kubeconfig, options.master) {
            (kubeconfig, Some(address)) => Source::Address { address, kubeconfig },
            (Some(path), None) => Source::Kubeconfig(path),
            (None, None) => Source::InCluster,
        },
        profiles: configuration.profiles,
        extenders: configuration.extenders,
        plugins: registry(),
        gates: options.gates,
        features: options.features,
        seed: options.seed,
        rate: RateLimit { qps: rate.qps, burst: rate.burst },
        protobuf,
        backoff: Backoff {
            initial: configuration.pod_initial_backoff,
            max: configuration.pod_max_backoff,
            unschedulable_max: options.unschedulable_max,
        },
        dry_run: options.dry_run,
        leader_election: options.leader_election.map(|election| candidate(&election, &reporter)),
        decisions: Box::new(Decisions(log)),
        addresses,
        guard: Some(options.guard),
        pages: Some(pages),
        disabled_metrics: options.disabled_metrics,
    }
}

/// What is shown at the secure port of how berth was started.
fn pages(options: &RunOptions) -> Pages {
    let set_verbosity: SetVerbosity =
        Arc::new(|level| telemetry::set_verbosity(level).map_err(|error| error.to_string()));
    Pages {
        configuration: serde_saphyr::from_str(&options.written).unwrap_or_default(),
        flags: options.flags.clone(),
        version: env!("CARGO_PKG_VERSION"),
        kubernetes: KUBERNETES_VERSION.trim_start_matches('v'),
        language: concat!("none, Rust ", env!("CARGO_PKG_RUST_VERSION")),
        started: jiff::Timestamp::now(),
        set_verbosity: options.profiling.then_some(set_verbosity),
    }
}

/// Writes the configuration, and does nothing else.
fn write_config(path: &Path, text: &str) -> ExitCode {
    match fs::write(path, text) {
        Ok(()) => {
            info!("{}: the configuration is written", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => failed(&format!("--write-config-to: {}: {error}", path.display())),
    }
}

/// This process as a candidate.
fn candidate(election: &config::LeaderElection, reporter: &str) -> LeaderElection {
    let nanos = |nanos: i64| Nanos(u64::try_from(nanos).unwrap_or_default());
    let host = runtime::hostname();
    LeaderElection {
        namespace: election.resource_namespace.clone(),
        name: election.resource_name.clone(),
        identity: client::identity(&host),
        times: Times {
            lease_duration: nanos(election.lease_nanos),
            renew_deadline: nanos(election.renew_nanos),
            retry_period: nanos(election.retry_nanos),
        },
        write_within: election.write_time().min(WRITE_TIME_MAX),
        reporter: reporter.to_owned(),
        host,
    }
}

/// The decision log, if there is one. A full disk is said once and ends only the log.
pub(super) struct Decisions(pub(super) Option<DecisionLog>);

impl DecisionSink for Decisions {
    fn write(&mut self, decision: &Decision) {
        if let Some(Err(error)) = self.0.as_mut().map(|log| log.write(decision)) {
            error!("{error}");
        }
    }

    fn idle(&mut self) {
        if let Some(Err(error)) = self.0.as_mut().map(DecisionLog::flush) {
            error!("{error}");
        }
    }
}
