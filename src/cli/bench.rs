//! `berth bench`: how fast berth is on this machine.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::bench::engine::{self, Options, Report, Workload};

use super::args::OutputFormat;
use super::bench_workload::{self, BlindArgs, WorkloadArgs};
use super::{failed, refuse, written};

/// Most nodes, pods and templates that a measurement is made with.
const NODES_MAX: u64 = 10_000_000;
const PODS_MAX: u64 = 1_000_000_000;
const TEMPLATES_MAX: u64 = 100_000;

/// The flags of `berth bench` and its subcommands.
#[derive(Clone, Debug, PartialEq, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    /// What is measured, where it is not a workload.
    #[command(subcommand)]
    pub command: Option<BenchCommand>,

    /// The workload, and how it is measured.
    #[command(flatten)]
    pub workload: WorkloadArgs,
}

/// What `berth bench` measures.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum BenchCommand {
    /// The engine alone, in one thread: each pod is taken in, decided, bound, confirmed and deleted.
    Engine(EngineBenchArgs),
    /// The floor: bind each pod to the next node and write the Event. What `--blind` starts.
    #[command(hide = true)]
    Blind(BlindArgs),
}

/// The flags of `berth bench engine`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct EngineBenchArgs {
    /// Nodes, of 4 CPU and 32Gi in three zones.
    #[arg(long, value_name = "N", default_value = "5000", value_parser = count(NODES_MAX))]
    pub nodes: u64,

    /// Pods that are measured.
    #[arg(long, value_name = "N", default_value = "100000", value_parser = count(PODS_MAX))]
    pub pods: u64,

    /// Templates that take turns. The pods of each are an app of their own and ask for other CPU.
    #[arg(long, value_name = "N", default_value = "1", value_parser = count(TEMPLATES_MAX))]
    pub templates: u64,

    /// What the pods are like.
    #[arg(long, value_name = "NAME", value_enum, default_value = "basic")]
    pub workload: Workload,

    /// Pods that are there while it is measured: for each that comes the oldest goes [default: 2 a node,
    /// at most 20000].
    #[arg(long, value_name = "N", value_parser = count(PODS_MAX))]
    pub standing: Option<u64>,

    /// Judge all nodes for every pod.
    #[arg(long)]
    pub without_tables: bool,

    /// Write the metrics of berth run, too.
    #[arg(long)]
    pub metrics: bool,

    /// Seed of the choice among nodes that are equally good.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// How to print what was measured.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "table")]
    pub output: OutputFormat,
}

fn count(max: u64) -> clap::builder::RangedU64ValueParser<u64> {
    clap::builder::RangedU64ValueParser::new().range(1..=max)
}

/// Measures and prints. The exit code is 2 for arguments that do not fit together, 1 where a pod was not placed
/// or the output could not be written.
#[must_use]
pub fn execute(args: &BenchArgs) -> ExitCode {
    match &args.command {
        Some(BenchCommand::Engine(args)) => engine(args),
        Some(BenchCommand::Blind(args)) => bench_workload::blind(args),
        None => bench_workload::execute(&args.workload),
    }
}

fn engine(args: &EngineBenchArgs) -> ExitCode {
    match engine::run(&options(args)) {
        Ok(report) => written(print(&report, args.output)),
        Err(error) if error.is_usage() => refuse(&error),
        Err(error) => failed(&error),
    }
}

fn options(args: &EngineBenchArgs) -> Options {
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    Options {
        nodes: size(args.nodes),
        pods: size(args.pods),
        templates: size(args.templates),
        workload: args.workload,
        standing: args.standing.map(size),
        tables: !args.without_tables,
        metrics: args.metrics,
        seed: args.seed,
    }
}

fn print(report: &Report, output: OutputFormat) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match output {
        OutputFormat::Json => writeln!(out, "{}", serde_json::to_string(report)?)?,
        OutputFormat::Table => out.write_all(report.text().as_bytes())?,
    }
    out.flush()?;
    Ok(true)
}
