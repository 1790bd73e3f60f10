//! Measures schedulers: makes a cluster's objects and pods, and times how they are placed. Called by `cli`
//! (`berth bench`).
//!
//! A run has a cluster (an API server in memory, in a process of its own, or one that is given), a scheduler
//! in a process of its own, and this process, which creates and watches. Everything that is made carries a
//! label, by which it is removed again. [`engine`] measures the engine alone, in this process.

pub mod engine;

mod chart;
mod children;
mod clean;
mod contender;
mod figures;
mod floor;
mod kinds;
mod list;
mod load;
mod plan;
mod process;
mod report;
mod run;
mod template;
mod watch;
mod workloads;

use std::path::PathBuf;
use std::time::Duration;

use crate::runtime::StopSignals;

pub use clean::{OwnNodes, clean};
pub use contender::{Contender, words};
pub use figures::Percentiles;
pub use floor::{FloorOptions, bind_blindly};
pub use report::{Contest, Figures, Report, Rows};
pub use workloads::{COUNT_MAX, FILE_BYTES_MAX, Size, Workload, WorkloadError, Workloads};

use run::Cluster;

/// What is measured, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the templates are.
    pub workloads: Workloads,
    /// The workload.
    pub workload: Workload,
    /// Its size, with what was asked for on the command line.
    pub size: Size,
    /// The cluster; an API server in memory where there is none.
    pub kubeconfig: Option<PathBuf>,
    /// What is done about nodes of the cluster's own.
    pub own_nodes: OwnNodes,
    /// The schedulers, in turn; the first is what the others are compared with.
    pub contenders: Vec<Contender>,
    /// How often each has its turn.
    pub runs: usize,
    /// Measured pods created a second; as many as can be where there is none.
    pub rate: Option<f64>,
    /// Requests that are under way at most.
    pub in_flight: usize,
    /// How long nothing may get on.
    pub timeout: Duration,
    /// Start pretend kubelets for the nodes that are made.
    pub kubelets: bool,
    /// Start small controllers.
    pub controllers: bool,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Somebody stopped it. What was made is removed.
    #[error("stopped; what was made is removed")]
    Stopped,
    /// It failed.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl BenchError {
    /// Tells of which scheduler's run it is.
    fn of(self, name: &str, round: usize, runs: usize) -> Self {
        match self {
            Self::Stopped => Self::Stopped,
            Self::Failed(error) => {
                Self::Failed(error.context(format!("{name}, run {round} of {runs}")))
            }
        }
    }
}

/// Measures; `say` is told how it gets on, a line each time. A first wish to stop ends the run and removes
/// what it made, a second one does not wait for that.
pub async fn run(
    options: &Options,
    mut stop: StopSignals,
    say: &dyn Fn(&str),
) -> Result<Report, BenchError> {
    let mut runs: Vec<Vec<Figures>> = vec![Vec::new(); options.contenders.len()];
    for round in 1..=options.runs {
        for (contender, runs) in options.contenders.iter().zip(&mut runs) {
            let name = contender.name();
            let say = |line: &str| say(&format!("{name}, run {round} of {}: {line}", options.runs));
            let figures = one(options, contender, &mut stop, &say).await;
            let figures = figures.map_err(|error| error.of(&name, round, options.runs))?;
            // What is lost of the others where a later one fails.
            say(&figures.line());
            runs.push(figures);
        }
    }
    let mut schedulers: Vec<Contest> = Vec::new();
    for (contender, runs) in options.contenders.iter().zip(runs) {
        let first = schedulers.first().map(|first| first.median.clone());
        schedulers.push(Contest::new(contender.name(), runs, first.as_ref()));
    }
    let server = options.kubeconfig.as_ref().map(|path| path.display().to_string());
    Ok(Report {
        workload: format!("{}/{}", options.workload.name, options.size.name),
        about: options.workload.about.clone(),
        size: options.size.numbers.clone(),
        rate: options.rate,
        server: server.unwrap_or_else(|| "embedded".to_owned()),
        schedulers,
    })
}

/// One run, with a cluster of its own or one that is as it was before.
async fn one(
    options: &Options,
    contender: &Contender,
    stop: &mut StopSignals,
    say: &dyn Fn(&str),
) -> Result<Figures, BenchError> {
    let folder = tempfile::Builder::new().prefix("berth-bench-").tempdir();
    let folder = folder.map_err(anyhow::Error::new)?;
    let mut cluster = tokio::select! {
        biased;
        () = stop.first() => return Err(BenchError::Stopped),
        cluster = Cluster::open(options, folder.path()) => cluster?,
    };
    let outcome = tokio::select! {
        biased;
        () = stop.first() => Err(BenchError::Stopped),
        figures = run::run(options, contender, &mut cluster, folder.path(), say) => {
            figures.map_err(BenchError::Failed)
        }
    };
    if matches!(outcome, Err(BenchError::Stopped)) {
        say("stopping; what was made is being removed");
    }
    let closed = tokio::select! {
        biased;
        () = stop.second() => Err(anyhow::anyhow!("stopped at once")),
        closed = cluster.close() => closed,
    };
    if let Err(error) = closed {
        let error = error.context("what was made may still be there (--clean removes it)");
        return Err(BenchError::Failed(match outcome {
            Err(BenchError::Failed(first)) => anyhow::anyhow!("{first:#}; then: {error:#}"),
            Ok(_) | Err(BenchError::Stopped) => error,
        }));
    }
    outcome
}
