//! What berth says of itself: the log, and the metrics. Used by every edge.

mod build_info;
mod log;
mod metrics;
mod process;
mod repeat;

pub use log::{LogFormat, TelemetryError, init};
pub use metrics::{ClusterSizes, Metrics, SchedulerMetrics};
pub use repeat::Repeats;
