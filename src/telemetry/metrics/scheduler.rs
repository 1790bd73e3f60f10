//! The metrics named `scheduler_*`, as the engine writes them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::framework::{
    AttemptResult, Code, DryRunOutcome, ExtensionPoint, Hint, LostBy, PluginMask, Probe, QueuePart,
    Run, Span,
};
use crate::queue::QueueLengths;
use crate::units::{Nanos, mix};

use super::attempts::AttemptMetrics;
use super::labels::{ByLoser, ByOperation, ByOutcome, ByType, ProfileLabels};
use super::plugins::PluginMetrics;
use super::preemption::PreemptionMetrics;
use super::queueing::QueueMetrics;

/// The plugins are timed in one of so many cycles.
///
/// Upstream: pluginMetricsSamplePercent, v1.37.
const CYCLES_PER_TIMING: u64 = 10;

/// The values of the label of cache_size, in the order of [`ClusterSizes`].
const CACHE_TYPES: [&str; 3] = ["nodes", "pods", "assumed_pods"];

/// How much the cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterSizes {
    /// Nodes.
    pub nodes: usize,
    /// Pods that are bound or assumed.
    pub pods: usize,
    /// Of those, the assumed ones.
    pub assumed_pods: usize,
    /// Bindings that are under way.
    pub bindings: usize,
    /// Tables of judged nodes that are kept.
    pub tables: usize,
    /// What they take, in bytes.
    pub table_bytes: usize,
}

/// The metrics named `scheduler_*`.
///
/// Upstream: pkg/scheduler/metrics, v1.37; tests/metrics_upstream.rs says which of them do not exist here.
pub struct SchedulerMetrics {
    start: Instant,
    cycles: AtomicU64,
    attempts: AttemptMetrics,
    plugins: PluginMetrics,
    preemption: PreemptionMetrics,
    queue: QueueMetrics,
    cache: [Gauge; CACHE_TYPES.len()],
    bindings: Gauge,
    /// Their number and their bytes.
    tables: [Gauge; 2],
    compared: [Counter; DryRunOutcome::ALL.len()],
    bind_conflicts: [Counter; LostBy::ALL.len()],
}

impl SchedulerMetrics {
    pub(super) fn register(registry: &mut Registry, profiles: Vec<ProfileLabels>) -> Self {
        let compared = Family::<ByOutcome, Counter>::default();
        let outcomes = DryRunOutcome::ALL
            .map(|outcome| compared.get_or_create_owned(&ByOutcome { outcome: outcome.as_str() }));
        let of_berth = registry.sub_registry_with_prefix("berth");
        of_berth.register(
            "dry_run_pods",
            "Pods of a dry run that went to a node, by how that compares with the decision",
            compared,
        );
        let conflicts = Family::<ByLoser, Counter>::default();
        let bind_conflicts = LostBy::ALL
            .map(|lost_by| conflicts.get_or_create_owned(&ByLoser { lost_by: lost_by.as_str() }));
        of_berth.register(
            "bind_conflicts",
            "Pods that a kubelet refused since two schedulers had used the same room, by whose they were",
            conflicts,
        );
        let tables = [Gauge::default(), Gauge::default()];
        let [number, bytes] = tables.clone();
        of_berth.register(
            "tables",
            "Tables of judged nodes that are kept for pods to come",
            number,
        );
        of_berth.register("table_bytes", "What these tables take, in bytes", bytes);
        let scheduler = registry.sub_registry_with_prefix("scheduler");
        let cache = Family::<ByType, Gauge>::default();
        let operations = Family::<ByOperation, Gauge>::default();
        scheduler.register(
            "cache_size",
            "[ALPHA] Nodes, pods and assumed pods in the cache",
            cache.clone(),
        );
        scheduler.register(
            "goroutines",
            "[BETA] What is under way beside the one thread that decides: Bindings",
            operations.clone(),
        );
        Self {
            start: Instant::now(),
            cycles: AtomicU64::new(0),
            attempts: AttemptMetrics::register(scheduler, &profiles),
            plugins: PluginMetrics::register(scheduler, profiles),
            preemption: PreemptionMetrics::register(scheduler),
            queue: QueueMetrics::register(scheduler),
            cache: CACHE_TYPES.map(|r#type| cache.get_or_create_owned(&ByType { r#type })),
            bindings: operations.get_or_create_owned(&ByOperation { operation: "binding" }),
            tables,
            compared: outcomes,
            bind_conflicts,
        }
    }

    /// What waits and what is cached, as it is now.
    pub fn set_sizes(&self, waiting: QueueLengths, cached: ClusterSizes) {
        self.queue.set_lengths(waiting);
        set(&self.cache, [cached.nodes, cached.pods, cached.assumed_pods]);
        set(std::array::from_ref(&self.bindings), [cached.bindings]);
        set(&self.tables, [cached.tables, cached.table_bytes]);
    }
}

pub(super) fn set<const N: usize>(gauges: &[Gauge; N], values: [usize; N]) {
    for (gauge, value) in gauges.iter().zip(values) {
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    }
}

/// As a histogram takes it.
#[expect(clippy::cast_precision_loss, reason = "a bucket does not ask for nanoseconds")]
fn seconds(time: Nanos) -> f64 {
    time.0 as f64 / 1e9
}

impl Probe for SchedulerMetrics {
    fn clock(&self) -> Nanos {
        Nanos(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn extension_point(&self, span: Span) {
        self.plugins.extension_point(span, seconds(span.took));
    }

    fn algorithm(&self, took: Nanos) {
        self.attempts.algorithm(seconds(took));
    }

    fn attempt(&self, profile: usize, result: AttemptResult, took: Nanos) {
        self.attempts.attempt(profile, result, seconds(took));
    }

    fn scheduled(&self, attempts: u32, since_ready: Nanos) {
        self.attempts.scheduled(attempts, seconds(since_ready));
    }

    fn incoming(&self, queue: QueuePart, event: &'static str, moved: bool) {
        self.queue.incoming(queue, event, moved);
    }

    fn victims(&self, count: usize) {
        self.preemption.victims(count);
    }

    fn preemption(&self, failed: bool, took: Nanos) {
        self.preemption.ended(failed, seconds(took));
    }

    fn compared(&self, outcome: DryRunOutcome) {
        self.compared[outcome as usize].inc();
    }

    fn bind_conflict(&self, lost_by: LostBy) {
        self.bind_conflicts[lost_by as usize].inc();
    }

    fn evaluated(&self, profile: usize, point: ExtensionPoint, plugins: PluginMask, runs: u64) {
        self.plugins.evaluated(profile, point, plugins, runs);
    }

    fn times_plugins(&self) -> bool {
        // Scattered: what always asks twice in a row must not be timed twice or never.
        mix(0, self.cycles.fetch_add(1, Ordering::Relaxed)).is_multiple_of(CYCLES_PER_TIMING)
    }

    fn plugin(&self, run: Run) {
        self.plugins.run(run, seconds(run.took));
    }

    fn hint(&self, plugin: &'static str, event: &'static str, hint: Hint, took: Nanos) {
        self.queue.hint(plugin, event, hint, seconds(took));
    }

    fn handled(&self, event: &'static str, took: Nanos) {
        self.queue.handled(event, seconds(took));
    }

    fn rejected(&self, profile: usize, plugins: PluginMask, change: i64) {
        self.plugins.rejected(profile, plugins, change);
    }

    fn kept(&self, event: &'static str, change: i64) {
        self.queue.kept(event, change);
    }

    fn preemption_attempt(&self) {
        self.preemption.attempt();
    }

    fn scheduled_after_flush(&self) {
        self.attempts.after_flush();
    }

    fn permit_wait(&self, result: Code, took: Nanos) {
        self.attempts.permit_wait(result, seconds(took));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;

    /// Lines that are there once everything has been measured.
    const LINES: &[&str] = &[
        r#"scheduler_schedule_attempts_total{result="scheduled",profile="berth"} 1"#,
        r#"scheduler_schedule_attempts_total{result="error",profile="berth"} 0"#,
        r#"scheduler_scheduling_attempt_duration_seconds_bucket{le="0.002",result="scheduled",profile="berth"} 0"#,
        r#"scheduler_scheduling_attempt_duration_seconds_bucket{le="0.004",result="scheduled",profile="berth"} 1"#,
        r#"scheduler_scheduling_attempt_duration_seconds_bucket{le="16.384",result="scheduled",profile="berth"} 1"#,
        "scheduler_scheduling_algorithm_duration_seconds_count 1",
        r#"scheduler_pod_scheduling_sli_duration_seconds_count{attempts="1"} 1"#,
        r#"scheduler_pod_scheduling_sli_duration_seconds_count{attempts="15+"} 1"#,
        r#"scheduler_pod_scheduling_attempts_bucket{le="16"} 1"#,
        "scheduler_pod_scheduling_attempts_sum 41",
        "scheduler_pod_scheduled_after_flush_total 0",
        r#"scheduler_permit_wait_duration_seconds_count{result="Success"} 1"#,
        r#"scheduler_framework_extension_point_duration_seconds_bucket{le="0.0032",extension_point="Filter",status="Success",profile="berth"} 1"#,
        r#"scheduler_plugin_execution_duration_seconds_bucket{le="1.5000000000000002e-05",plugin="A",extension_point="Filter",status="Success"} 0"#,
        r#"scheduler_plugin_evaluation_total{plugin="A",extension_point="Filter",profile="berth"} 7"#,
        r#"scheduler_plugin_evaluation_total{plugin="A",extension_point="Score",profile="berth"} 0"#,
        r#"scheduler_unschedulable_pods{plugin="A",profile="berth"} 1"#,
        r#"scheduler_unschedulable_pods{plugin="Extender",profile="berth"} -1"#,
        r#"scheduler_queueing_hint_execution_duration_seconds_count{plugin="A",event="NodeAdd",hint="QueueSkip"} 1"#,
        r#"scheduler_event_handling_duration_seconds_count{event="NodeAdd"} 1"#,
        r#"scheduler_inflight_events{event="NodeAdd"} 1"#,
        r#"scheduler_inflight_events{event="PodPopped"} 0"#,
        r#"scheduler_queue_incoming_pods_total{queue="active",event="UnscheduledPodAdd"} 1"#,
        r#"scheduler_queue_incoming_pods_total{queue="backoff",event="NodeAdd"} 1"#,
        r#"scheduler_queue_incoming_entities_total{queue="active",event="UnscheduledPodAdd",type="pod"} 1"#,
        r#"scheduler_pending_pods{queue="unschedulable"} 3"#,
        r#"scheduler_pending_pods{queue="gated"} 4"#,
        r#"scheduler_queued_entities{queue="gated",type="pod"} 4"#,
        r#"scheduler_cache_size{type="nodes"} 5"#,
        r#"scheduler_cache_size{type="assumed_pods"} 7"#,
        r#"scheduler_goroutines{operation="binding"} 8"#,
        r#"scheduler_preemption_victims_bucket{le="2"} 0"#,
        r#"scheduler_preemption_victims_bucket{le="4"} 1"#,
        "scheduler_preemption_attempts_total 1",
        r#"scheduler_preemption_goroutines_execution_total{result="error"} 1"#,
        r#"scheduler_preemption_goroutines_duration_seconds_count{result="error"} 1"#,
        r#"berth_dry_run_pods_total{outcome="differed"} 1"#,
        "berth_tables 9",
        "berth_table_bytes 10",
        r#"berth_bind_conflicts_total{lost_by="self"} 0"#,
        "hidden_metrics_total 1",
        "disabled_metrics_total 0",
        r#"berth_bind_conflicts_total{lost_by="foreign"} 1"#,
        "# TYPE kubernetes_build_info gauge",
        "# TYPE scheduler_schedule_attempts_total counter",
    ];

    #[test]
    fn names_and_labels_are_upstreams() {
        let plugins = vec![("A", ExtensionPoint::ALL.map(|(point, _)| point).to_vec())];
        let labels = ProfileLabels { name: "berth".to_owned().into(), plugins };
        let metrics = Metrics::new(vec![labels]);
        let probe = &metrics.scheduler;
        let (profile, took) = (0, Nanos(3 * Nanos::MILLISECOND.0));
        let (point, status) = (ExtensionPoint::Filter, Code::Success);
        probe.attempt(profile, AttemptResult::Scheduled, took);
        probe.algorithm(took);
        probe.scheduled(1, Nanos::SECOND);
        probe.scheduled(40, Nanos::SECOND);
        probe.incoming(QueuePart::Active, "UnscheduledPodAdd", true);
        probe.incoming(QueuePart::Backoff, "NodeAdd", false);
        probe.extension_point(Span { profile, point, status, took });
        probe.plugin(Run { plugin: "A", point, status, took });
        probe.evaluated(profile, point, 1, 7);
        probe.rejected(profile, 1, 2);
        probe.rejected(profile, crate::framework::EXTENDERS | 1, -1);
        probe.hint("A", "NodeAdd", Hint::Skip, took);
        probe.kept("NodeAdd", 1);
        probe.handled("NodeAdd", took);
        probe.permit_wait(Code::Success, took);
        probe.compared(DryRunOutcome::Differed);
        probe.bind_conflict(LostBy::Foreign);
        probe.victims(3);
        probe.preemption(true, took);
        probe.preemption_attempt();
        let waiting = QueueLengths { active: 1, backoff: 2, unschedulable: 3, gated: 4 };
        let cached = ClusterSizes {
            nodes: 5,
            pods: 6,
            assumed_pods: 7,
            bindings: 8,
            tables: 9,
            table_bytes: 10,
        };
        probe.set_sizes(waiting, cached);
        let text = metrics.text(&[]).unwrap();
        for line in LINES {
            assert!(text.lines().any(|found| found == *line), "{line} is not in\n{text}");
        }
        assert!(text.contains(r#"minor="37""#) && !text.contains("# EOF"), "{text}");
        let entities = text.matches("scheduler_queue_incoming_entities_total{").count();
        assert_eq!(entities, 1, "a move that ends where such moves do is none\n{text}");
    }

    #[test]
    fn one_of_ten_cycles_is_timed_however_often_is_asked_in_each() {
        let metrics = Metrics::new(Vec::new());
        let timed = (0..10_000).filter(|_| {
            let first = metrics.scheduler.times_plugins();
            metrics.scheduler.times_plugins();
            first
        });
        assert!((800..1200).contains(&timed.count()));
    }
}
