//! Pods that make way for others.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::labels::{ByEnd, Histograms, exponential, of_waits};

pub(super) struct PreemptionMetrics {
    attempts: Counter,
    victims: Histogram,
    ended: Family<ByEnd, Counter>,
    durations: Histograms<ByEnd>,
}

impl PreemptionMetrics {
    pub(super) fn register(scheduler: &mut Registry) -> Self {
        let metrics = Self {
            attempts: Counter::default(),
            victims: exponential(1.0, 2.0, 7),
            ended: Family::default(),
            durations: Family::new_with_constructor(of_waits),
        };
        scheduler.register(
            "preemption_attempts",
            "[STABLE] How often pods were looked for that can make way for one",
            metrics.attempts.clone(),
        );
        scheduler.register(
            "preemption_victims",
            "[STABLE] Pods that make way for one",
            metrics.victims.clone(),
        );
        scheduler.register(
            "preemption_goroutines_execution",
            "[ALPHA] Preemptions whose victims have all been asked to go, by result",
            metrics.ended.clone(),
        );
        scheduler.register(
            "preemption_goroutines_duration_seconds",
            "[ALPHA] (Deprecated since 1.37.0) Time until all victims of a pod had answered, by result",
            metrics.durations.clone(),
        );
        metrics
    }

    pub(super) fn attempt(&self) {
        self.attempts.inc();
    }

    pub(super) fn victims(&self, count: usize) {
        self.victims.observe(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }

    pub(super) fn ended(&self, failed: bool, seconds: f64) {
        let labels = ByEnd { result: if failed { "error" } else { "success" } };
        self.ended.get_or_create(&labels).inc();
        self.durations.get_or_create(&labels).observe(seconds);
    }
}
