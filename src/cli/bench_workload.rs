//! `berth bench [WORKLOAD]`: how fast a scheduler places the pods of a workload, against an API server. Also the
//! blind binder, which is one of its schedulers. The flags are read here; `bench` does the work.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::bench::{
    self, BenchError, COUNT_MAX, Contender, FILE_BYTES_MAX, FloorOptions, Options, OwnNodes,
    Report, Workloads,
};
use crate::client::{ConnectError, Plain, Source, connect};
use crate::runtime::StopSignals;
use crate::telemetry::{self, LogFormat};

use super::actors::duration;
use super::args::{OutputFormat, path};
use super::{EXIT_USAGE, failed, refuse, written};

/// The exit code after a Ctrl-C, as a shell has it.
const EXIT_STOPPED: u8 = 130;

/// Runs of each scheduler.
const RUNS_MAX: u64 = 100;

/// Requests under way at most.
const IN_FLIGHT_MAX: u64 = 1_000;

/// Pods a second that can be asked for.
const RATE_MAX: f64 = 1e6;

/// What this process logs: errors only. Everything else it says itself.
const VERBOSITY: i32 = -2;

/// The flags of `berth bench` for workloads.
#[derive(Clone, Debug, PartialEq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct WorkloadArgs {
    /// The workload, with a size if it is not to be the first one: `basic`, or
    /// `SchedulingBasic/5000Nodes_10000Pods`.
    #[arg(value_name = "WORKLOAD", required_unless_present_any = ["list", "clean"])]
    pub workload: Option<String>,

    /// Name the workloads, a line each, with their sizes.
    #[arg(long)]
    pub list: bool,

    /// Take the workloads from this file, too; its form is that of the built-in ones.
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub workloads: Option<PathBuf>,

    /// Nodes.
    #[arg(long, value_name = "N", value_parser = count())]
    pub nodes: Option<u64>,

    /// Pods that are there before.
    #[arg(long, value_name = "N", value_parser = count_or_none())]
    pub init: Option<u64>,

    /// Pods that are measured.
    #[arg(long, value_name = "N", value_parser = count())]
    pub pods: Option<u64>,

    /// Create the measured pods at this many a second [default: as fast as can be].
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,

    /// Measure in this cluster [default: an API server in memory, a new one for each run]. What is made there is
    /// removed again after each run, so that all begin with the same objects; the history that the API server
    /// and etcd keep is not.
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub kubeconfig: Option<PathBuf>,

    /// Measure the scheduler with this name, which runs already, rather than a berth of this program.
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub scheduler_name: Option<String>,

    /// The process id of that scheduler, for its CPU time and memory.
    #[arg(long, value_name = "PID", requires = "scheduler_name")]
    pub pid: Option<u32>,

    /// Have the pods go to the nodes that the cluster has, and make none. They really start there.
    #[arg(long, requires = "kubeconfig", conflicts_with = "nodes")]
    pub use_my_nodes: bool,

    /// Pretend kubelets for the nodes that are made: pods on them run, and node controllers find them alive.
    #[arg(long)]
    pub kubelets: bool,

    /// Start small controllers, for an API server that has none.
    #[arg(long)]
    pub controllers: bool,

    /// Measure a second scheduler: a command in which {kubeconfig}, {scheduler-name} and {config} (the file of
    /// a KubeSchedulerConfiguration with both) are put in, such as 'kube-scheduler --config {config}
    /// --secure-port 0'.
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    pub vs: Option<String>,

    /// Measure the floor of the same API server, too: a program that binds each pod to the next node.
    #[arg(long)]
    pub blind: bool,

    /// How often each scheduler has its turn, one after the other; the figures are medians.
    #[arg(long, value_name = "N", default_value = "1", value_parser = within(RUNS_MAX))]
    pub runs: u64,

    /// Requests that are under way at most.
    #[arg(long, value_name = "N", default_value = "32", value_parser = within(IN_FLIGHT_MAX))]
    pub in_flight: u64,

    /// How long no pod may be placed before it is given up.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub timeout: Duration,

    /// Remove what an earlier run has left in the cluster, and do nothing else.
    #[arg(long, requires = "kubeconfig")]
    pub clean: bool,

    /// How to print the figures.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "table")]
    pub output: OutputFormat,

    /// Draw the figures into this file, as SVG.
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub chart: Option<PathBuf>,

    /// Say nothing of how it gets on.
    #[arg(long)]
    pub quiet: bool,
}

/// The flags of `berth bench blind`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct BlindArgs {
    /// Kubeconfig of the cluster.
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub kubeconfig: PathBuf,

    /// Bind the pods with this spec.schedulerName.
    #[arg(long, value_name = "NAME")]
    pub scheduler_name: String,
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Workloads(#[from] bench::WorkloadError),
    #[error("--workloads {path}: {reason}")]
    File { path: String, reason: String },
    #[error("WORKLOAD: {0}")]
    Workload(String),
    #[error("--{flag}: {workload} has no such number; its size has {known}")]
    Number { flag: &'static str, workload: String, known: String },
    #[error("--vs {command:?}: {reason}")]
    Command { command: String, reason: &'static str },
    #[error("--pid {pid}: {reason}")]
    Process { pid: u32, reason: &'static str },
    #[error("--chart {path}: {reason}")]
    Chart { path: String, reason: String },
}

fn count() -> clap::builder::RangedU64ValueParser<u64> {
    within(u64::try_from(COUNT_MAX).unwrap_or(u64::MAX))
}

fn count_or_none() -> clap::builder::RangedU64ValueParser<u64> {
    let max = u64::try_from(COUNT_MAX).unwrap_or(u64::MAX);
    clap::builder::RangedU64ValueParser::new().range(0..=max)
}

fn within(max: u64) -> clap::builder::RangedU64ValueParser<u64> {
    clap::builder::RangedU64ValueParser::new().range(1..=max)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= RATE_MAX => Ok(rate),
        _ => Err(format!("must be a number above 0 and at most {RATE_MAX}")),
    }
}

/// Measures and prints. The exit code is 0 where everything was measured, 1 where a scheduler or the cluster
/// failed, 2 for arguments that cannot be used, 130 after a Ctrl-C.
#[must_use]
pub fn execute(args: &WorkloadArgs) -> ExitCode {
    if let Err(error) = telemetry::init(LogFormat::Text, VERBOSITY) {
        return refuse(&error);
    }
    if args.clean {
        return clean(args);
    }
    let workloads = match workloads(args.workloads.as_deref()) {
        Ok(workloads) => workloads,
        Err(refusal) => return refuse(&refusal),
    };
    if args.list {
        return written(list(&workloads).map(|()| true));
    }
    let options = match options(args, workloads) {
        Ok(options) => options,
        Err(refusal) => return refuse(&refusal),
    };
    let say = |line: &str| {
        if !args.quiet {
            drop(writeln!(io::stderr(), "{line}"));
        }
    };
    let outcome = block_on(async {
        let stop = StopSignals::of_process().map_err(anyhow::Error::new)?;
        bench::run(&options, stop, &say).await
    });
    match outcome {
        Ok(Ok(report)) => finish(&report, args),
        Ok(Err(error @ BenchError::Stopped)) => {
            failed(&error);
            ExitCode::from(EXIT_STOPPED)
        }
        Ok(Err(BenchError::Failed(error))) => end(&error),
        Err(error) => failed(&error),
    }
}

/// Binds blindly until it is told to stop.
#[must_use]
pub fn blind(args: &BlindArgs) -> ExitCode {
    if let Err(error) = telemetry::init(LogFormat::Text, VERBOSITY) {
        return refuse(&error);
    }
    let outcome = block_on(async {
        let stop = StopSignals::of_process()?;
        let (client, _) = connect(&Source::Kubeconfig(args.kubeconfig.clone())).await?;
        let options = FloorOptions { scheduler_name: args.scheduler_name.clone() };
        bench::bind_blindly(Plain::new(client), options, stop).await
    });
    match outcome {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => end(&error),
        Err(error) => failed(&error),
    }
}

fn clean(args: &WorkloadArgs) -> ExitCode {
    let Some(kubeconfig) = args.kubeconfig.clone() else {
        return refuse(&"--clean: takes --kubeconfig");
    };
    let outcome = block_on(async {
        let (client, _) = connect(&Source::Kubeconfig(kubeconfig)).await?;
        bench::clean(&Plain::new(client)).await
    });
    match outcome {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => end(&error),
        Err(error) => failed(&error),
    }
}

/// Says what went wrong; a kubeconfig that cannot be used is an argument.
fn end(error: &anyhow::Error) -> ExitCode {
    let code = failed(&format!("{error:#}"));
    if error.is::<ConnectError>() { ExitCode::from(EXIT_USAGE) } else { code }
}

/// One thread: what creates and watches is to leave the others to those who are measured.
fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(outcome)
}

fn workloads(file: Option<&Path>) -> Result<Workloads, Refusal> {
    let Some(path) = file else { return Ok(Workloads::built_in()?) };
    let name = path.display().to_string();
    let error = |reason: String| Refusal::File { path: name.clone(), reason };
    let size = fs::metadata(path).map_err(|e| error(e.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(error(format!("{size} bytes are more than {FILE_BYTES_MAX}")));
    }
    let text = fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
    Ok(Workloads::with_built_in(&name, &text)?)
}

/// Whether there may be a chart at `path`: the figures take their time, and it is written last.
fn check_chart(path: &Path) -> Result<(), Refusal> {
    let error = |reason: String| Refusal::Chart { path: path.display().to_string(), reason };
    if path.is_dir() {
        return Err(error("is a folder".to_owned()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match fs::metadata(folder.unwrap_or(Path::new("."))) {
        Ok(folder) if folder.is_dir() => Ok(()),
        Ok(_) => Err(error("is in what is no folder".to_owned())),
        Err(reason) => Err(error(reason.to_string())),
    }
}

fn options(args: &WorkloadArgs, workloads: Workloads) -> Result<Options, Refusal> {
    args.chart.as_deref().map_or(Ok(()), check_chart)?;
    let wanted = args.workload.clone().unwrap_or_default();
    let (workload, size) = workloads.find(&wanted).map_err(Refusal::Workload)?;
    let (workload, mut size) = (workload.clone(), size.clone());
    for (flag, number) in [("nodes", args.nodes), ("init", args.init), ("pods", args.pods)] {
        let Some(number) = number else { continue };
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let known: Vec<_> = size.numbers.keys().cloned().collect();
        let Some(place) = size.numbers.get_mut(flag) else {
            let workload = workload.name;
            return Err(Refusal::Number { flag, workload, known: known.join(", ") });
        };
        *place = number;
    }
    let first = match &args.scheduler_name {
        Some(name) => Contender::Running { name: name.clone(), pid: args.pid },
        None => Contender::Berth,
    };
    if let (Some(pid), Some(reason)) = (args.pid, first.fault()) {
        return Err(Refusal::Process { pid, reason });
    }
    let mut contenders = vec![first];
    if let Some(command) = &args.vs {
        let error = |reason| Refusal::Command { command: command.clone(), reason };
        let second = Contender::Command(bench::words(command).map_err(error)?);
        if let Some(reason) = second.fault() {
            return Err(error(reason));
        }
        contenders.push(second);
    }
    if args.blind {
        contenders.push(Contender::Blind);
    }
    Ok(Options {
        workloads,
        workload,
        size,
        kubeconfig: args.kubeconfig.clone(),
        own_nodes: if args.use_my_nodes { OwnNodes::Use } else { OwnNodes::Refuse },
        contenders,
        runs: usize::try_from(args.runs).unwrap_or(1),
        rate: args.rate,
        in_flight: usize::try_from(args.in_flight).unwrap_or(1),
        timeout: args.timeout,
        kubelets: args.kubelets,
        controllers: args.controllers,
    })
}

fn list(workloads: &Workloads) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for workload in &workloads.workloads {
        writeln!(out, "{}: {}", workload.name, workload.about)?;
        for size in &workload.sizes {
            let numbers: Vec<_> =
                size.numbers.iter().map(|(name, n)| format!("{n} {name}")).collect();
            writeln!(out, "    {}/{}: {}", workload.name, size.name, numbers.join(", "))?;
        }
    }
    out.flush()
}

/// Prints and draws.
fn finish(report: &Report, args: &WorkloadArgs) -> ExitCode {
    if let Some(path) = &args.chart
        && let Err(error) = fs::write(path, report.svg())
    {
        // The figures took their time: they are printed all the same.
        drop(print(report, args));
        return failed(&format!("--chart {}: {error}", path.display()));
    }
    written(print(report, args).map(|()| true))
}

fn print(report: &Report, args: &WorkloadArgs) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match args.output {
        OutputFormat::Json => writeln!(out, "{}", report.json()?)?,
        OutputFormat::Table => out.write_all(report.table().as_bytes())?,
    }
    out.flush()
}
