//! Attempts to schedule pods, and how long pods wait until they are bound.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::framework::{AttemptResult, Code};

use super::labels::{
    ByAttempts, ByEnd, ByResult, Histograms, ProfileLabels, exponential, of_attempts, of_waits,
};

/// The values of the label `attempts`: the last one means that many and more.
const ATTEMPTS: [&str; 15] =
    ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15+"];

const RESULTS: usize = AttemptResult::ALL.len();

pub(super) struct AttemptMetrics {
    /// By profile and result.
    by_result: Vec<[(Counter, ByResult); RESULTS]>,
    durations: Histograms<ByResult>,
    algorithm: Histogram,
    sli: Histograms<ByAttempts>,
    pod_attempts: Histogram,
    after_flush: Counter,
    permit_waits: Histograms<ByEnd>,
}

impl AttemptMetrics {
    pub(super) fn register(scheduler: &mut Registry, profiles: &[ProfileLabels]) -> Self {
        let attempts = Family::<ByResult, Counter>::default();
        // Rates need a beginning.
        let of_profile = |profile: &ProfileLabels| {
            AttemptResult::ALL.map(|result| {
                let profile = Arc::clone(&profile.name);
                let labels = ByResult { result: result.as_str(), profile };
                (attempts.get_or_create_owned(&labels), labels)
            })
        };
        let metrics = Self {
            by_result: profiles.iter().map(of_profile).collect(),
            durations: Family::new_with_constructor(of_attempts),
            algorithm: of_attempts(),
            sli: Family::new_with_constructor(of_waits),
            pod_attempts: exponential(1.0, 2.0, 5),
            after_flush: Counter::default(),
            permit_waits: Family::new_with_constructor(of_attempts),
        };
        scheduler.register(
            "schedule_attempts",
            "[STABLE] Attempts to schedule pods, by result",
            attempts,
        );
        scheduler.register(
            "scheduling_attempt_duration_seconds",
            "[STABLE] Time of an attempt: to the answer of the Binding, or to the failure",
            metrics.durations.clone(),
        );
        scheduler.register(
            "scheduling_algorithm_duration_seconds",
            "[BETA] Time to find a node",
            metrics.algorithm.clone(),
        );
        scheduler.register(
            "pod_scheduling_sli_duration_seconds",
            "[BETA] Time from when a pod could first be tried until it was bound, by attempts",
            metrics.sli.clone(),
        );
        scheduler.register(
            "pod_scheduling_attempts",
            "[STABLE] Attempts that a pod needed until it was bound",
            metrics.pod_attempts.clone(),
        );
        scheduler.register(
            "pod_scheduled_after_flush",
            "[ALPHA] Pods bound in an attempt that was made only because they had waited for so long",
            metrics.after_flush.clone(),
        );
        scheduler.register(
            "permit_wait_duration_seconds",
            "[BETA] Time that pods waited at Permit, by what came of it",
            metrics.permit_waits.clone(),
        );
        metrics
    }

    pub(super) fn algorithm(&self, seconds: f64) {
        self.algorithm.observe(seconds);
    }

    pub(super) fn attempt(&self, profile: usize, result: AttemptResult, seconds: f64) {
        let Some(results) = self.by_result.get(profile) else { return };
        let (count, labels) = &results[result as usize];
        count.inc();
        self.durations.get_or_create(labels).observe(seconds);
    }

    pub(super) fn scheduled(&self, attempts: u32, seconds: f64) {
        let at = (attempts.saturating_sub(1) as usize).min(ATTEMPTS.len() - 1);
        let labels = ByAttempts { attempts: ATTEMPTS[at] };
        self.sli.get_or_create(&labels).observe(seconds);
        self.pod_attempts.observe(f64::from(attempts));
    }

    pub(super) fn after_flush(&self) {
        self.after_flush.inc();
    }

    pub(super) fn permit_wait(&self, result: Code, seconds: f64) {
        let labels = ByEnd { result: result.as_str() };
        self.permit_waits.get_or_create(&labels).observe(seconds);
    }
}
