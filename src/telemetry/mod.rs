//! What berth says of itself: the log, and the metrics. Used by every edge.

mod build_info;
mod disabled;
mod log;
mod metrics;
mod process;
mod repeat;

pub use log::{LogFormat, TelemetryError, init, set_verbosity};
pub use metrics::{
    AccessMetrics, ClusterSizes, HIDDEN, Metrics, ProfileLabels, SchedulerMetrics, number,
};
pub use repeat::Repeats;
