//! `berth run`: the scheduler against an API server, until it is told to stop.

use std::process::ExitCode;

use tracing::{error, warn};

use crate::client::{self, LeaderElection, RateLimit, Source, Times, WRITE_TIME_MAX};
use crate::config;
use crate::engine::Decision;
use crate::queue::Backoff;
use crate::runtime::{self, DecisionSink, Options, StopSignals};
use crate::server::addresses::Taken;
use crate::telemetry;
use crate::units::Nanos;

use super::args::RunArgs;
use super::decision_log::DecisionLog;
use super::options::{RunOptions, Surroundings};
use super::registry;
use super::{EXIT_USAGE, failed, refuse};

/// Runs the scheduler. The exit code is 0 after an ordered stop, 2 where it could not start for a reason
/// that lies in what it was given, 1 for anything else.
#[must_use]
pub fn execute(args: &RunArgs) -> ExitCode {
    if let Err(error) = telemetry::init(args.log.logging_format, args.log.verbosity) {
        return refuse(&error);
    }
    let options = match args.resolve(Surroundings::read()) {
        Ok(options) => options,
        Err(error) => return refuse(&error),
    };
    let addresses = match options.addresses.take(&runtime::hostname()) {
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
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("no runtime could be started: {error}")),
    };
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
                || error.is::<crate::client::ExtenderError>() =>
        {
            failed(&error);
            ExitCode::from(EXIT_USAGE)
        }
        Err(error) => failed(&format!("{error:#}")),
    }
}

fn runtime_options(options: RunOptions, log: Option<DecisionLog>, addresses: Taken) -> Options {
    let configuration = options.configuration;
    let first = configuration.profiles.first();
    let reporter = first.map(|profile| profile.scheduler_name.to_string()).unwrap_or_default();
    let rate = configuration.client.rate;
    Options {
        source: match configuration.client.kubeconfig {
            Some(path) => Source::Kubeconfig(path),
            None => Source::InCluster,
        },
        profiles: configuration.profiles,
        extenders: configuration.extenders,
        plugins: registry(),
        seed: options.seed,
        rate: RateLimit { qps: rate.qps, burst: rate.burst },
        backoff: Backoff {
            initial: configuration.pod_initial_backoff,
            max: configuration.pod_max_backoff,
        },
        dry_run: options.dry_run,
        leader_election: options.leader_election.map(|election| candidate(&election, &reporter)),
        decisions: Box::new(Decisions(log)),
        addresses,
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
