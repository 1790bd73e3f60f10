//! `berth kubelets` and `berth controllers`: what makes an API server look alive, on its own, until it is told to stop.

use std::fmt::Display;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tracing::info;

use crate::actors::controllers::{self, ControllerOptions};
use crate::actors::kubelets::{self, KubeletOptions, NewNodes};
use crate::client::{ConnectError, Source, connect};
use crate::config::parse_duration;
use crate::runtime::StopSignals;
use crate::telemetry;
use crate::units::Quantity;

use super::args::{LogArgs, path};
use super::{EXIT_USAGE, failed, refuse};

/// The flags of `berth kubelets`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct KubeletsArgs {
    /// Kubeconfig of the cluster. Without it, berth takes the service account of the pod that it runs in.
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub kubeconfig: Option<PathBuf>,

    /// Only for the nodes that this label selector matches.
    #[arg(long, value_name = "SELECTOR", required_unless_present = "all_nodes")]
    pub node_selector: Option<String>,

    /// For all nodes of the cluster. Nodes with a kubelet of their own get two.
    #[arg(long, conflicts_with = "node_selector")]
    pub all_nodes: bool,

    /// Create this many nodes at the start, node-1 and so on.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub nodes: usize,

    /// CPU of a created node.
    #[arg(long, value_name = "QUANTITY", default_value = "4", value_parser = quantity)]
    pub cpu: String,

    /// Memory of a created node.
    #[arg(long, value_name = "QUANTITY", default_value = "16Gi", value_parser = quantity)]
    pub memory: String,

    /// Pods that a created node takes.
    #[arg(long, value_name = "N", default_value_t = 110)]
    pub pods: u32,

    /// Zones that created nodes are spread over.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub zones: usize,

    /// From the binding of a pod until it is ready.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub start_after: Duration,

    /// From the deletion of a pod until its containers have ended, at most its grace period.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub stop_after: Duration,

    /// How often a node's Lease is renewed [default: 10s, and less often for more than 1,000 nodes].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub lease_every: Option<Duration>,

    /// The log.
    #[command(flatten)]
    pub log: LogArgs,
}

impl KubeletsArgs {
    fn options(&self) -> KubeletOptions {
        let new = NewNodes {
            count: self.nodes,
            cpu: self.cpu.clone(),
            memory: self.memory.clone(),
            pods: self.pods,
            zones: self.zones,
            labels: Vec::new(),
        };
        KubeletOptions {
            selector: self.node_selector.clone(),
            create: (self.nodes > 0).then_some(new),
            start_after: self.start_after,
            stop_after: self.stop_after,
            lease_every: self.lease_every,
            ..KubeletOptions::default()
        }
    }
}

/// Runs pretend kubelets. The exit codes are those of `berth run`.
#[must_use]
pub fn kubelets(args: &KubeletsArgs) -> ExitCode {
    let options = args.options();
    run(args.kubeconfig.as_ref(), args.log, |client, stop| kubelets::run(client, options, stop))
}

/// The flags of `berth controllers`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ControllersArgs {
    /// Kubeconfig of the cluster. Without it, berth takes the service account of the pod that it runs in.
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub kubeconfig: Option<PathBuf>,

    /// The log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Runs the small controllers. The exit codes are those of `berth run`.
#[must_use]
pub fn controllers(args: &ControllersArgs) -> ExitCode {
    let options = ControllerOptions::default();
    run(args.kubeconfig.as_ref(), args.log, |client, stop| controllers::run(client, options, stop))
}

/// Connects and runs `work` until the process is told to stop.
fn run<W: Future<Output = ()>>(
    kubeconfig: Option<&PathBuf>,
    log: LogArgs,
    work: impl FnOnce(kube::Client, futures::future::BoxFuture<'static, ()>) -> W,
) -> ExitCode {
    if let Err(error) = telemetry::init(log.logging_format, log.verbosity) {
        return refuse(&error);
    }
    let source = match kubeconfig {
        Some(path) => Source::Kubeconfig(path.clone()),
        None => Source::InCluster,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("no runtime could be started: {error}")),
    };
    let outcome: anyhow::Result<()> = runtime.block_on(async {
        let mut stop = StopSignals::of_process()?;
        let (client, server) = connect(&source).await?;
        info!(server, "berth {} is starting", env!("CARGO_PKG_VERSION"));
        work(client, Box::pin(async move { stop.first().await })).await;
        info!("stopped");
        Ok(())
    });
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<ConnectError>() => {
            failed(&error);
            ExitCode::from(EXIT_USAGE)
        }
        Err(error) => failed(&format!("{error:#}")),
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "not a duration such as 1m30s".to_owned())
}

fn quantity(text: &str) -> Result<String, String> {
    Quantity::parse(text).map(|_| text.to_owned()).map_err(said)
}

fn said(error: impl Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::args::{Command, try_parse_from};
    use super::*;

    fn options(line: &str) -> Result<KubeletOptions, String> {
        let words = ["berth", "kubelets"].into_iter().chain(line.split_whitespace());
        match try_parse_from(words).map_err(|error| error.to_string())?.command {
            Command::Kubelets(args) => Ok(args.options()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_become_options() {
        assert_eq!(options("--all-nodes"), Ok(KubeletOptions::default()));
        let line = "--node-selector pool=fake --nodes 3 --cpu 8 --zones 2 --start-after 1.5s \
                    --lease-every 1m";
        let new = NewNodes { count: 3, cpu: "8".to_owned(), zones: 2, ..NewNodes::default() };
        let want = KubeletOptions {
            selector: Some("pool=fake".to_owned()),
            create: Some(new),
            start_after: Duration::from_millis(1500),
            lease_every: Some(Duration::from_mins(1)),
            ..KubeletOptions::default()
        };
        assert_eq!(options(line), Ok(want));
    }

    #[test]
    fn which_nodes_must_be_said_and_values_must_be_readable() {
        for (line, want) in [
            ("", "--node-selector"),
            ("--all-nodes --node-selector a=b", "cannot be used with"),
            ("--all-nodes --cpu many", "many"),
            ("--all-nodes --start-after 5", "not a duration"),
        ] {
            let error = options(line).expect_err(line);
            assert!(error.contains(want), "{line}: {error}");
        }
    }
}
