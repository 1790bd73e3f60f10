//! What plugins do: how long they take, how often they are run, and whom they reject. What is written for each
//! pod is looked up by number, not by label.

use std::sync::{Arc, OnceLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::framework::{Code, EXTENDERS_NAME, ExtensionPoint, PLUGINS_MAX, PluginMask, Run, Span};

use super::labels::{
    ByPlugin, ByPluginAndPoint, ByPoint, ByRun, Histograms, ProfileLabels, of_plugins, of_points,
};

const POINTS: usize = ExtensionPoint::ALL.len();
const CODES: usize = Code::ALL.len();

/// The extension points whose runs are counted.
const COUNTED: [ExtensionPoint; 4] = [
    ExtensionPoint::PreFilter,
    ExtensionPoint::Filter,
    ExtensionPoint::PreScore,
    ExtensionPoint::Score,
];

pub(super) struct PluginMetrics {
    points: Histograms<ByPoint>,
    executions: Histograms<ByRun>,
    rejected: Family<ByPlugin, Gauge>,
    by_profile: Vec<OfProfile>,
}

/// What is known of one profile by number.
struct OfProfile {
    labels: ProfileLabels,
    /// By extension point and status.
    points: [[OnceLock<Histogram>; CODES]; POINTS],
    /// By [`COUNTED`] and position.
    runs: [Vec<Option<Counter>>; COUNTED.len()],
    /// By position; the last one is the extenders'.
    rejected: [OnceLock<Gauge>; PLUGINS_MAX + 1],
}

impl PluginMetrics {
    pub(super) fn register(scheduler: &mut Registry, profiles: Vec<ProfileLabels>) -> Self {
        let runs = Family::<ByPluginAndPoint, Counter>::default();
        let of_profile = |labels| OfProfile::new(labels, &runs);
        let metrics = Self {
            points: Family::new_with_constructor(of_points),
            executions: Family::new_with_constructor(of_plugins),
            rejected: Family::default(),
            by_profile: profiles.into_iter().map(of_profile).collect(),
        };
        scheduler.register(
            "framework_extension_point_duration_seconds",
            "[STABLE] Time that all plugins of an extension point took",
            metrics.points.clone(),
        );
        scheduler.register(
            "plugin_execution_duration_seconds",
            "[BETA] Time that a plugin took at an extension point, in one of ten cycles; at Filter and Score for a \
             slice of nodes",
            metrics.executions.clone(),
        );
        scheduler.register(
            "plugin_evaluation",
            "[BETA] Runs of a plugin: for pods at PreFilter and PreScore, for nodes at Filter and Score",
            runs,
        );
        scheduler.register(
            "unschedulable_pods",
            "[BETA] Pods in the queue that a plugin rejected",
            metrics.rejected.clone(),
        );
        metrics
    }

    pub(super) fn extension_point(&self, span: Span, seconds: f64) {
        let Some(profile) = self.by_profile.get(span.profile) else { return };
        let histogram =
            profile.points[span.point as usize][span.status as usize].get_or_init(|| {
                self.points.get_or_create_owned(&ByPoint {
                    extension_point: span.point.as_str(),
                    status: span.status.as_str(),
                    profile: Arc::clone(&profile.labels.name),
                })
            });
        histogram.observe(seconds);
    }

    pub(super) fn run(&self, run: Run, seconds: f64) {
        let (extension_point, status) = (run.point.as_str(), run.status.as_str());
        let labels = ByRun { plugin: run.plugin, extension_point, status };
        self.executions.get_or_create(&labels).observe(seconds);
    }

    pub(super) fn evaluated(
        &self,
        profile: usize,
        point: ExtensionPoint,
        plugins: PluginMask,
        runs: u64,
    ) {
        let counted = COUNTED.iter().position(|counted| *counted == point);
        let counters = counted.and_then(|at| Some(&self.by_profile.get(profile)?.runs[at]));
        for at in positions(plugins) {
            if let Some(Some(counter)) = counters.and_then(|counters| counters.get(at)) {
                counter.inc_by(runs);
            }
        }
    }

    pub(super) fn rejected(&self, profile: usize, plugins: PluginMask, change: i64) {
        let Some(profile) = self.by_profile.get(profile) else { return };
        for at in positions(plugins) {
            let gauge = profile.rejected[at].get_or_init(|| {
                let plugin =
                    profile.labels.plugins.get(at).map_or(EXTENDERS_NAME, |(name, _)| name);
                let labels = ByPlugin { plugin, profile: Arc::clone(&profile.labels.name) };
                self.rejected.get_or_create_owned(&labels)
            });
            gauge.inc_by(change);
        }
    }
}

impl OfProfile {
    fn new(labels: ProfileLabels, runs: &Family<ByPluginAndPoint, Counter>) -> Self {
        let counter = |(plugin, points): &(&'static str, Vec<ExtensionPoint>), point| {
            points.contains(&point).then(|| {
                runs.get_or_create_owned(&ByPluginAndPoint {
                    plugin,
                    extension_point: point.as_str(),
                    profile: Arc::clone(&labels.name),
                })
            })
        };
        let runs = COUNTED
            .map(|point| labels.plugins.iter().map(|plugin| counter(plugin, point)).collect());
        Self {
            labels,
            points: std::array::from_fn(|_| std::array::from_fn(|_| OnceLock::new())),
            runs,
            rejected: std::array::from_fn(|_| OnceLock::new()),
        }
    }
}

/// The positions in a set of plugins.
fn positions(plugins: PluginMask) -> impl Iterator<Item = usize> {
    let rest = |left: &PluginMask| Some(left & (left - 1)).filter(|left| *left != 0);
    let masks = std::iter::successors(Some(plugins).filter(|left| *left != 0), rest);
    masks.map(|left| left.trailing_zeros() as usize)
}
