//! Everything that is measured of this process, put together: what the engine, the client and the election write,
//! and the feature gates. Made by [`super::run`] before anything is started.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::client::{Counters, Requests};
use crate::config::FeatureState;
use crate::framework::Profile;
use crate::server::endpoints;
use crate::telemetry::{Metrics, ProfileLabels};

use super::client_metrics::ClientMetrics;
use super::rest_client::RestClientMetrics;

/// What is measured, by who writes it.
pub(super) struct Measured {
    /// All of it.
    pub(super) metrics: Arc<Metrics>,
    /// What the client drops, merges or cannot read.
    pub(super) counters: Arc<Counters>,
    /// The client's requests.
    pub(super) requests: Arc<Requests>,
}

impl Measured {
    pub(super) fn new(profiles: &[Profile], features: Vec<FeatureState>) -> Self {
        let metrics = Arc::new(Metrics::new(profiles.iter().map(ProfileLabels::from).collect()));
        let (counters, requests) = (Arc::<Counters>::default(), Arc::<Requests>::default());
        metrics.register(ClientMetrics(Arc::clone(&counters)));
        metrics.register(RestClientMetrics(Arc::clone(&requests)));
        metrics.register(FeatureMetrics(features));
        Self { metrics, counters, requests }
    }

    /// The metrics as `server` wants them, without the `disabled` ones.
    pub(super) fn served(&self, disabled: Vec<String>) -> endpoints::Metrics {
        let (shown, reset) = (Arc::clone(&self.metrics), Arc::clone(&self.metrics));
        endpoints::Metrics {
            // Writing into memory does not fail.
            text: Arc::new(move || shown.text(&disabled).unwrap_or_default()),
            reset: Arc::new(move || reset.reset()),
        }
    }
}

/// The metric `kubernetes_feature_enabled`.
///
/// Upstream: component-base metrics/prometheus/feature, v0.37.
#[derive(Debug)]
struct FeatureMetrics(Vec<FeatureState>);

impl Collector for FeatureMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help =
            "[BETA] This metric records the data about the stage and enablement of a k8s feature.";
        let (name, kind) = ("kubernetes_feature_enabled", MetricType::Gauge);
        let mut family = encoder.encode_descriptor(name, help, None, kind)?;
        for FeatureState { name, stage, enabled } in &self.0 {
            let labels = [("name", *name), ("stage", *stage)];
            ConstGauge::new(i64::from(*enabled)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
