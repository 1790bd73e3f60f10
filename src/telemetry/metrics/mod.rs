//! Everything that is measured of this process: the scheduler's own metrics under upstream's names, and the
//! registry that prints all there are. The engine writes through its [`crate::framework::Probe`], its thread
//! the sizes; `server` prints.

mod access;
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
use super::disabled::without;
use super::process::Process;

pub use access::AccessMetrics;
pub use labels::ProfileLabels;
pub use scheduler::{ClusterSizes, SchedulerMetrics};
use text::Baseline;
pub use text::number;

/// Metrics that are not shown unless hidden ones are asked for.
///
/// Upstream: deprecated in v1.37 while still alpha.
pub const HIDDEN: [&str; 1] = ["scheduler_preemption_goroutines_duration_seconds"];

/// Everything that is measured of this process.
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Empty until somebody asks for a reset, which is rare: what counts does not know of it.
    baseline: Mutex<Baseline>,
    /// The scheduler's own.
    pub scheduler: Arc<SchedulerMetrics>,
    /// What the secure port writes.
    pub access: Arc<AccessMetrics>,
}

impl Metrics {
    /// The metrics of a scheduler with these profiles, and of this process.
    #[must_use]
    pub fn new(profiles: Vec<ProfileLabels>) -> Self {
        let mut registry = Registry::default();
        let scheduler = SchedulerMetrics::register(&mut registry, profiles);
        registry.register_collector(Box::new(Process));
        registry.register_collector(Box::new(BuildInfo));
        let access = Arc::new(AccessMetrics::register(&mut registry));
        let (registry, scheduler) = (Mutex::new(registry), Arc::new(scheduler));
        Self { registry, baseline: Mutex::default(), scheduler, access }
    }

    /// Adds what is collected elsewhere.
    pub fn register(&self, collector: impl Collector) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register_collector(Box::new(collector));
    }

    /// All of it in the text format of Prometheus, without the `disabled` metrics.
    pub fn text(&self, disabled: &[String]) -> Result<String, fmt::Error> {
        let open_metrics = self.open_metrics()?;
        let baseline = self.baseline.lock().unwrap_or_else(PoisonError::into_inner);
        let text = text::prometheus(&open_metrics, &baseline);
        Ok(without(text + &about_metrics(&open_metrics, disabled), disabled))
    }

    /// Counts anew from here on.
    ///
    /// Differs from upstream: there what has no labels goes on, and gauges with labels, too, begin at zero, or are
    /// gone for ever. Here all that is counted begins anew, and gauges go on saying what is.
    pub fn reset(&self) {
        // Writing into memory does not fail.
        let Ok(open_metrics) = self.open_metrics() else { return };
        *self.baseline.lock().unwrap_or_else(PoisonError::into_inner) =
            text::baseline(&open_metrics);
    }

    fn open_metrics(&self) -> Result<String, fmt::Error> {
        let mut open_metrics = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut open_metrics, &registry)?;
        Ok(open_metrics)
    }
}

/// The metrics about metrics, in the text format of Prometheus.
///
/// Upstream: component-base/metrics, v1.37. A hidden metric is counted though it is asked for.
fn about_metrics(open_metrics: &str, disabled: &[String]) -> String {
    let is_hidden = |name: &&String| HIDDEN.contains(&name.as_str());
    let disabled = disabled.len() - disabled.iter().filter(is_hidden).count();
    let mut text = format!(
        "# HELP disabled_metrics_total [BETA] The count of disabled metrics.\n\
         # TYPE disabled_metrics_total counter\n\
         disabled_metrics_total {disabled}\n\
         # HELP hidden_metrics_total [BETA] The count of hidden metrics.\n\
         # TYPE hidden_metrics_total counter\n\
         hidden_metrics_total {}\n\
         # HELP registered_metrics_total [BETA] The count of registered metrics broken by stability level and \
         deprecation version.\n\
         # TYPE registered_metrics_total counter\n",
        HIDDEN.len(),
    );
    for (stability, count) in text::stabilities(open_metrics) {
        let line = format!(
            "registered_metrics_total{{deprecated_version=\"\",stability_level=\"{stability}\"}} {count}\n"
        );
        text.push_str(&line);
    }
    text
}
