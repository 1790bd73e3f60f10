//! The metrics of the scheduler, under upstream's names and labels, and the registry that prints all
//! there are. The engine writes them through its [`Probe`], its thread the gauges; `server` prints.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::framework::{AttemptResult, DryRunOutcome, LostBy, Probe, QueuePart, Span};
use crate::queue::QueueLengths;
use crate::units::Nanos;

use super::build_info::BuildInfo;
use super::process::Process;

/// The values of the label `attempts`: the last one means that many and more.
const ATTEMPTS: [&str; 15] =
    ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15+"];

/// Everything that is measured of this process.
pub struct Metrics {
    registry: Mutex<Registry>,
    /// The scheduler's own.
    pub scheduler: Arc<SchedulerMetrics>,
}

impl Metrics {
    /// The metrics of a scheduler with these profiles, and of this process.
    #[must_use]
    pub fn new(profiles: &[&str]) -> Self {
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

    /// All of it in the OpenMetrics text format.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// How much the cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterSizes {
    /// Nodes.
    pub nodes: usize,
    /// Pods that are bound or assumed.
    pub pods: usize,
    /// Of those, the assumed ones.
    pub assumed_pods: usize,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The metrics named `scheduler_*`.
///
/// Upstream: pkg/scheduler/metrics, v1.37, of which these are the ones that exist here.
pub struct SchedulerMetrics {
    profiles: Vec<Arc<String>>,
    start: Instant,
    attempts: Family<ByResult, Counter>,
    attempt_duration: Histograms<ByResult>,
    algorithm_duration: Histogram,
    sli_duration: Histograms<ByAttempts>,
    pod_attempts: Histogram,
    extension_points: Histograms<ByPoint>,
    incoming: Family<ByQueueAndEvent, Counter>,
    victims: Histogram,
    preemptions: Family<ByEnd, Counter>,
    preemption_duration: Histograms<ByEnd>,
    pending: [Gauge; 4],
    cache: [Gauge; 3],
    compared: [Counter; 3],
    bind_conflicts: [Counter; 2],
}

/// The labels of pending_pods, in the order of [`QueueLengths`].
const QUEUES: [&str; 4] = ["active", "backoff", "unschedulable", "gated"];
/// The labels of cache_size, in the order of [`ClusterSizes`].
const CACHE_TYPES: [&str; 3] = ["nodes", "pods", "assumed_pods"];

impl SchedulerMetrics {
    fn register(registry: &mut Registry, profiles: &[&str]) -> Self {
        let duration: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let short: fn() -> Histogram = || Histogram::new(exponential_buckets(0.0001, 2.0, 12));
        let long: fn() -> Histogram = || Histogram::new(exponential_buckets(0.01, 2.0, 20));
        let pending = Family::<ByQueue, Gauge>::default();
        let cache = Family::<ByType, Gauge>::default();
        let compared = Family::<ByOutcome, Counter>::default();
        let conflicts = Family::<ByLoser, Counter>::default();
        let metrics = Self {
            profiles: profiles.iter().map(|name| Arc::new((*name).to_owned())).collect(),
            start: Instant::now(),
            attempts: Family::default(),
            attempt_duration: Family::new_with_constructor(duration),
            algorithm_duration: duration(),
            sli_duration: Family::new_with_constructor(long),
            pod_attempts: Histogram::new(exponential_buckets(1.0, 2.0, 5)),
            extension_points: Family::new_with_constructor(short),
            incoming: Family::default(),
            victims: Histogram::new(exponential_buckets(1.0, 2.0, 7)),
            preemptions: Family::default(),
            preemption_duration: Family::new_with_constructor(long),
            pending: QUEUES.map(|queue| pending.get_or_create_owned(&ByQueue { queue })),
            cache: CACHE_TYPES.map(|r#type| cache.get_or_create_owned(&ByType { r#type })),
            compared: DryRunOutcome::ALL.map(|outcome| {
                compared.get_or_create_owned(&ByOutcome { outcome: outcome.as_str() })
            }),
            bind_conflicts: LostBy::ALL.map(|lost_by| {
                conflicts.get_or_create_owned(&ByLoser { lost_by: lost_by.as_str() })
            }),
        };
        // Rates need a beginning.
        for profile in &metrics.profiles {
            for result in AttemptResult::ALL {
                let labels = ByResult { result: result.as_str(), profile: Arc::clone(profile) };
                drop(metrics.attempts.get_or_create(&labels));
            }
        }
        let of_berth = registry.sub_registry_with_prefix("berth");
        of_berth.register(
            "dry_run_pods",
            "Pods of a dry run that went to a node, by how that compares with the decision",
            compared,
        );
        of_berth.register(
            "bind_conflicts",
            "Pods that a kubelet refused since two schedulers had used the same room, by whose they were",
            conflicts,
        );
        let scheduler = registry.sub_registry_with_prefix("scheduler");
        metrics.register_own(scheduler);
        scheduler.register("pending_pods", "Pods that wait, by part of the queue", pending);
        scheduler.register("cache_size", "Nodes, pods and assumed pods in the cache", cache);
        metrics
    }

    fn register_own(&self, scheduler: &mut Registry) {
        scheduler.register(
            "schedule_attempts",
            "Attempts to schedule pods, by result",
            self.attempts.clone(),
        );
        scheduler.register(
            "scheduling_attempt_duration_seconds",
            "Time of an attempt: to the answer of the Binding, or to the failure",
            self.attempt_duration.clone(),
        );
        scheduler.register(
            "scheduling_algorithm_duration_seconds",
            "Time to find a node",
            self.algorithm_duration.clone(),
        );
        scheduler.register(
            "pod_scheduling_sli_duration_seconds",
            "Time from when a pod could first be tried until it was bound, by attempts",
            self.sli_duration.clone(),
        );
        scheduler.register(
            "pod_scheduling_attempts",
            "Attempts that a pod needed until it was bound",
            self.pod_attempts.clone(),
        );
        scheduler.register(
            "framework_extension_point_duration_seconds",
            "Time that all plugins of an extension point took",
            self.extension_points.clone(),
        );
        scheduler.register(
            "queue_incoming_pods",
            "Pods put into a part of the queue, by what caused it",
            self.incoming.clone(),
        );
        scheduler.register(
            "preemption_victims",
            "Pods that make way for one",
            self.victims.clone(),
        );
        scheduler.register(
            "preemption_goroutines_execution",
            "Preemptions whose victims have all been asked to go, by result",
            self.preemptions.clone(),
        );
        scheduler.register(
            "preemption_goroutines_duration_seconds",
            "Time until all victims of a pod had answered, by result",
            self.preemption_duration.clone(),
        );
    }

    /// What waits and what is cached, as it is now.
    pub fn set_sizes(&self, waiting: QueueLengths, cached: ClusterSizes) {
        let QueueLengths { active, backoff, unschedulable, gated } = waiting;
        set(&self.pending, [active, backoff, unschedulable, gated]);
        set(&self.cache, [cached.nodes, cached.pods, cached.assumed_pods]);
    }

    fn by_result(&self, profile: usize, result: AttemptResult) -> ByResult {
        ByResult { result: result.as_str(), profile: self.profile(profile) }
    }

    fn profile(&self, index: usize) -> Arc<String> {
        self.profiles.get(index).map_or_else(Arc::default, Arc::clone)
    }
}

fn set<const N: usize>(gauges: &[Gauge; N], values: [usize; N]) {
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
        let (extension_point, status) = (span.point.as_str(), span.status);
        let labels = ByPoint { extension_point, status, profile: self.profile(span.profile) };
        self.extension_points.get_or_create(&labels).observe(seconds(span.took));
    }

    fn algorithm(&self, took: Nanos) {
        self.algorithm_duration.observe(seconds(took));
    }

    fn attempt(&self, profile: usize, result: AttemptResult, took: Nanos) {
        let labels = self.by_result(profile, result);
        self.attempts.get_or_create(&labels).inc();
        self.attempt_duration.get_or_create(&labels).observe(seconds(took));
    }

    fn scheduled(&self, attempts: u32, since_ready: Nanos) {
        let at = (attempts.saturating_sub(1) as usize).min(ATTEMPTS.len() - 1);
        let labels = ByAttempts { attempts: ATTEMPTS[at] };
        self.sli_duration.get_or_create(&labels).observe(seconds(since_ready));
        self.pod_attempts.observe(f64::from(attempts));
    }

    fn incoming(&self, queue: QueuePart, event: &'static str) {
        let labels = ByQueueAndEvent { queue: queue.as_str(), event };
        self.incoming.get_or_create(&labels).inc();
    }

    fn victims(&self, count: usize) {
        self.victims.observe(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }

    fn preemption(&self, failed: bool, took: Nanos) {
        let labels = ByEnd { result: if failed { "error" } else { "success" } };
        self.preemptions.get_or_create(&labels).inc();
        self.preemption_duration.get_or_create(&labels).observe(seconds(took));
    }

    fn compared(&self, outcome: DryRunOutcome) {
        self.compared[outcome as usize].inc();
    }

    fn bind_conflict(&self, lost_by: LostBy) {
        self.bind_conflicts[lost_by as usize].inc();
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    result: &'static str,
    profile: Arc<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPoint {
    extension_point: &'static str,
    status: &'static str,
    profile: Arc<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByAttempts {
    attempts: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByQueue {
    queue: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByEnd {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByType {
    r#type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLoser {
    lost_by: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByQueueAndEvent {
    queue: &'static str,
    event: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::ExtensionPoint;

    #[test]
    fn names_and_labels_are_upstreams() {
        let metrics = Metrics::new(&["berth"]);
        let probe = &metrics.scheduler;
        let (profile, took) = (0, Nanos(3 * Nanos::MILLISECOND.0));
        probe.attempt(profile, AttemptResult::Scheduled, took);
        probe.algorithm(took);
        probe.scheduled(1, Nanos::SECOND);
        probe.scheduled(40, Nanos::SECOND);
        probe.incoming(QueuePart::Active, "UnscheduledPodAdd");
        probe.extension_point(Span {
            profile,
            point: ExtensionPoint::Filter,
            status: "Success",
            took,
        });
        probe.compared(DryRunOutcome::Differed);
        probe.bind_conflict(LostBy::Foreign);
        probe.victims(3);
        probe.preemption(true, took);
        let waiting = QueueLengths { active: 1, backoff: 2, unschedulable: 3, gated: 4 };
        probe.set_sizes(waiting, ClusterSizes { nodes: 5, pods: 6, assumed_pods: 7 });
        let text = metrics.text().unwrap();
        let lines = [
            r#"scheduler_schedule_attempts_total{result="scheduled",profile="berth"} 1"#,
            r#"scheduler_schedule_attempts_total{result="error",profile="berth"} 0"#,
            r#"scheduler_scheduling_attempt_duration_seconds_bucket{le="0.002",result="scheduled",profile="berth"} 0"#,
            r#"scheduler_scheduling_attempt_duration_seconds_bucket{le="0.004",result="scheduled",profile="berth"} 1"#,
            r#"scheduler_scheduling_attempt_duration_seconds_bucket{le="16.384",result="scheduled",profile="berth"} 1"#,
            "scheduler_scheduling_algorithm_duration_seconds_count 1",
            r#"scheduler_pod_scheduling_sli_duration_seconds_count{attempts="1"} 1"#,
            r#"scheduler_pod_scheduling_sli_duration_seconds_count{attempts="15+"} 1"#,
            r#"scheduler_pod_scheduling_attempts_bucket{le="16.0"} 1"#,
            "scheduler_pod_scheduling_attempts_sum 41.0",
            r#"scheduler_framework_extension_point_duration_seconds_bucket{le="0.0032",extension_point="Filter",status="Success",profile="berth"} 1"#,
            r#"scheduler_queue_incoming_pods_total{queue="active",event="UnscheduledPodAdd"} 1"#,
            r#"scheduler_pending_pods{queue="unschedulable"} 3"#,
            r#"scheduler_pending_pods{queue="gated"} 4"#,
            r#"scheduler_cache_size{type="nodes"} 5"#,
            r#"scheduler_cache_size{type="assumed_pods"} 7"#,
            r#"scheduler_preemption_victims_bucket{le="2.0"} 0"#,
            r#"scheduler_preemption_victims_bucket{le="4.0"} 1"#,
            r#"scheduler_preemption_goroutines_execution_total{result="error"} 1"#,
            r#"scheduler_preemption_goroutines_duration_seconds_count{result="error"} 1"#,
            r#"berth_dry_run_pods_total{outcome="differed"} 1"#,
            r#"berth_bind_conflicts_total{lost_by="self"} 0"#,
            r#"berth_bind_conflicts_total{lost_by="foreign"} 1"#,
            "# TYPE kubernetes_build_info gauge",
        ];
        for line in lines {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.contains(r#"minor="37""#) && text.ends_with("# EOF\n"), "{text}");
    }
}
