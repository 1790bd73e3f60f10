//! Everything that is measured of this process: the scheduler's own metrics under upstream's names, and the
//! registry that prints all there are. The engine writes through its [`crate::framework::Probe`], its thread
//! the sizes; `server` prints.

mod attempts;
mod labels;
mod plugins;
mod preemption;
mod queueing;
mod scheduler;
mod text;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::build_info::BuildInfo;
use super::process::Process;

pub use labels::ProfileLabels;
pub use scheduler::{ClusterSizes, SchedulerMetrics};

/// Metrics that are not shown unless hidden ones are asked for.
///
/// Upstream: deprecated in v1.37 while still alpha.
pub const HIDDEN: [&str; 1] = ["scheduler_preemption_goroutines_duration_seconds"];

/// Everything that is measured of this process.
pub struct Metrics {
    registry: Mutex<Registry>,
    /// The scheduler's own.
    pub scheduler: Arc<SchedulerMetrics>,
}

impl Metrics {
    /// The metrics of a scheduler with these profiles, and of this process.
    #[must_use]
    pub fn new(profiles: Vec<ProfileLabels>) -> Self {
        let mut registry = Registry::default();
        let scheduler = SchedulerMetrics::register(&mut registry, profiles);
        registry.register_collector(Box::new(Process));
        registry.register_collector(Box::new(BuildInfo));
        Self { registry: Mutex::new(registry), scheduler: Arc::new(scheduler) }
    }

    /// Adds what is collected elsewhere.
    pub fn register(&self, collector: impl Collector) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register_collector(Box::new(collector));
    }

    /// All of it in the text format of Prometheus.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut open_metrics = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut open_metrics, &registry)?;
        Ok(text::prometheus(&open_metrics))
    }
}
