//! The labels of the scheduler's metrics, and the bounds of its histograms.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::framework::{ExtensionPoint, Profile};

/// Histograms by labels.
pub(super) type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// What labels say of a profile.
#[derive(Clone, Debug)]
pub struct ProfileLabels {
    /// Its name.
    pub name: Arc<String>,
    /// Its plugins with the extension points at which they speak, by position.
    pub plugins: Vec<(&'static str, Vec<ExtensionPoint>)>,
}

impl From<&Profile> for ProfileLabels {
    fn from(profile: &Profile) -> Self {
        let plugins = profile.plugins.iter().map(|entry| (entry.name, entry.points.clone()));
        Self { name: Arc::new(profile.name.to_string()), plugins: plugins.collect() }
    }
}

/// A histogram of `count` bounds, each `factor` times the one before.
///
/// Upstream: ExponentialBuckets, v1.37: multiplied one after the other, so that the last digits are the same.
pub(super) fn exponential(first: f64, factor: f64, count: usize) -> Histogram {
    Histogram::new(std::iter::successors(Some(first), |bound| Some(bound * factor)).take(count))
}

/// From 1 ms to 16 s.
pub(super) fn of_attempts() -> Histogram {
    exponential(0.001, 2.0, 15)
}

/// From 0.1 ms to 0.2 s.
pub(super) fn of_points() -> Histogram {
    exponential(0.0001, 2.0, 12)
}

/// From 10 ms to 88 minutes.
pub(super) fn of_waits() -> Histogram {
    exponential(0.01, 2.0, 20)
}

/// From 0.01 ms to 22 ms, narrow.
pub(super) fn of_plugins() -> Histogram {
    exponential(0.00001, 1.5, 20)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByResult {
    pub(super) result: &'static str,
    pub(super) profile: Arc<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByPoint {
    pub(super) extension_point: &'static str,
    pub(super) status: &'static str,
    pub(super) profile: Arc<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByPlugin {
    pub(super) plugin: &'static str,
    pub(super) profile: Arc<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByPluginAndPoint {
    pub(super) plugin: &'static str,
    pub(super) extension_point: &'static str,
    pub(super) profile: Arc<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByRun {
    pub(super) plugin: &'static str,
    pub(super) extension_point: &'static str,
    pub(super) status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByHint {
    pub(super) plugin: &'static str,
    pub(super) event: &'static str,
    pub(super) hint: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByAttempts {
    pub(super) attempts: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByQueue {
    pub(super) queue: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByQueueAndType {
    pub(super) queue: &'static str,
    pub(super) r#type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByQueueAndEvent {
    pub(super) queue: &'static str,
    pub(super) event: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByQueueEventAndType {
    pub(super) queue: &'static str,
    pub(super) event: &'static str,
    pub(super) r#type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByEvent {
    pub(super) event: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByEnd {
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByType {
    pub(super) r#type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByOperation {
    pub(super) operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByLoser {
    pub(super) lost_by: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByOutcome {
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByUser {
    pub(super) username: &'static str,
}
