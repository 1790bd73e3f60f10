//! The engine alone, in one thread, without any IO: what a pod costs from the watch event that shows it to the
//! one that shows it gone. Called by `cli`; `workload` makes nodes and pods, `drive` runs them through an engine
//! as `runtime` would, `report` says what came of it.

mod drive;
mod report;
#[cfg(test)]
mod tests;
mod workload;

pub use report::Report;
pub use workload::Workload;

use std::time::Instant;

use crate::engine::AttemptId;
use crate::model::PodKey;

use drive::{Driver, ROUND_PODS};
use report::Tally;
use workload::Maker;

/// Slices whose median is told.
const SLICES: usize = 50;

/// Pods that are there in the steady state unless something else is asked for: so many a node, and in all.
const STANDING_PER_NODE: usize = 2;
const STANDING_MAX: usize = 20_000;

/// How often each template is seen before anything is measured: a table is built at the second time.
const WARM_UP_TURNS: usize = 3;

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many nodes there are.
    pub nodes: usize,
    /// How many pods are measured.
    pub pods: usize,
    /// How many templates take turns.
    pub templates: usize,
    /// What the pods are like.
    pub workload: Workload,
    /// How many pods are there in the steady state; `None` is two a node, fewer in a large cluster.
    pub standing: Option<usize>,
    /// Tables are kept from pod to pod.
    pub tables: bool,
    /// The metrics of `berth run` are written, too.
    pub metrics: bool,
    /// Where the order among equals comes from.
    pub seed: u64,
}

/// Why nothing could be measured.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BenchError {
    /// The arguments do not fit together.
    #[error(
        "--standing {standing}: {workload} with --nodes {nodes} and --templates {templates} has room for {max}"
    )]
    Standing {
        /// Pods that were to stay.
        standing: usize,
        /// Pods that can.
        max: usize,
        /// The name of the workload.
        workload: &'static str,
        /// Nodes.
        nodes: usize,
        /// Templates.
        templates: usize,
    },
    /// The cluster is too small for the workload.
    #[error("--nodes {nodes}: too few for --workload {workload} with --templates {templates}")]
    Nodes {
        /// Nodes.
        nodes: usize,
        /// The name of the workload.
        workload: &'static str,
        /// Templates.
        templates: usize,
    },
    /// A pod of the workload cannot be read: a mistake of berth's own.
    #[error("a pod of the workload cannot be read: {0}")]
    Unreadable(String),
    /// The defaults make no profile: a mistake of berth's own.
    #[error("{0}")]
    Profile(String),
    /// A pod went nowhere.
    #[error("pod {pod} was not placed: {message}")]
    NotPlaced {
        /// The pod.
        pod: PodKey,
        /// Why.
        message: String,
    },
    /// Nothing was decided about a pod that waits.
    #[error("{left} of {of} pods were not tried")]
    NotTried {
        /// Pods that were left.
        left: usize,
        /// Pods of the round.
        of: usize,
    },
    /// A Binding was for another pod than the next one.
    #[error("attempt {}: a Binding of {bound} where one of {next} was next", .attempt.0)]
    OutOfOrder {
        /// The attempt.
        attempt: AttemptId,
        /// The pod that was bound.
        bound: PodKey,
        /// The pod whose turn it was.
        next: PodKey,
    },
    /// What the engine holds in the end is not what it was told.
    #[error("the engine holds {found} placed pods, of which {assumed} are assumed, not {expected}")]
    Unsteady {
        /// Pods on nodes.
        found: usize,
        /// Those whose Binding is not confirmed.
        assumed: usize,
        /// Pods that should be there.
        expected: usize,
    },
}

impl BenchError {
    /// Whether other arguments would help.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Standing { .. } | Self::Nodes { .. })
    }
}

impl Options {
    /// Pods that are there in the steady state.
    fn standing(&self) -> Result<usize, BenchError> {
        let Self { nodes, templates, .. } = *self;
        let workload = self.workload.name();
        // A round comes before the one before it goes.
        let max = self.workload.room(nodes, templates).saturating_sub(ROUND_PODS);
        if max == 0 {
            return Err(BenchError::Nodes { nodes, workload, templates });
        }
        match self.standing {
            None => Ok((nodes * STANDING_PER_NODE).min(STANDING_MAX).min(max)),
            Some(standing) if standing > max => {
                Err(BenchError::Standing { standing, max, workload, nodes, templates })
            }
            Some(standing) => Ok(standing),
        }
    }
}

/// Measures.
pub fn run(options: &Options) -> Result<Report, BenchError> {
    let standing = options.standing()?;
    let maker = Maker::new(options.workload, options.templates, options.seed)?;
    let mut driver = Driver::new(options, maker)?;
    let with_nodes = report::memory();
    let began = Instant::now();
    let mut warm_up = Tally::default();
    driver.fill(standing, &mut warm_up)?;
    driver.replace(WARM_UP_TURNS * options.templates, &mut warm_up)?;
    let warm_up_took = began.elapsed();
    let mut slices = Vec::with_capacity(SLICES);
    for slice in 0..SLICES {
        let pods = options.pods * (slice + 1) / SLICES - options.pods * slice / SLICES;
        if pods > 0 {
            let mut tally = Tally::default();
            driver.replace(pods, &mut tally)?;
            slices.push(tally);
        }
    }
    driver.check(standing)?;
    let tables = driver.tables();
    Ok(Report::new(options, standing, (&warm_up, warm_up_took), &slices, tables, with_nodes))
}
