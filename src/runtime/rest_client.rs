//! What the client counts of its requests, as client-go's metrics: `rest_client_*`.
//!
//! Upstream: component-base metrics/prometheus/restclient, v0.37, of which berth has what says something of it:
//! no transport caches, no certificates of credential plugins, and nothing that waits with a request in its hand.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use crate::client::{Histogram, HostRequests, OfMethod, Requests, Shown};

/// Reads the client's numbers at each scrape.
#[derive(Debug)]
pub(super) struct RestClientMetrics(pub(super) Arc<Requests>);

/// A family of histograms: its name, its help, and what it shows.
type Family = (&'static str, &'static str, fn(&OfMethod) -> &Histogram);

const FAMILIES: [Family; 3] = [
    (
        "rest_client_request_duration_seconds",
        "[ALPHA] Request latency in seconds. Broken down by verb, and host.",
        |method| &method.times,
    ),
    (
        "rest_client_request_size_bytes",
        "[ALPHA] Request size in bytes. Broken down by verb and host.",
        |method| &method.sent,
    ),
    (
        "rest_client_response_size_bytes",
        "[ALPHA] Response size in bytes. Broken down by verb and host.",
        |method| &method.received,
    ),
];

impl Collector for RestClientMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let hosts = self.0.hosts();
        for (name, help, histogram) in FAMILIES {
            let kind = MetricType::Histogram;
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (host, verb, method) in methods(&hosts) {
                let shown = histogram(method).shown();
                if shown.count > 0 {
                    let labels = [("host", host), ("verb", verb)];
                    OfHistogram(shown).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        let help = "[ALPHA] Number of HTTP requests, partitioned by status code, method, and host.";
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor("rest_client_requests", help, None, kind)?;
        for (host, name, method) in methods(&hosts) {
            for (code, count) in method.codes() {
                let labels = [("code", code.as_str()), ("host", host), ("method", name)];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// Host, method and what was counted of both.
fn methods(hosts: &[Arc<HostRequests>]) -> impl Iterator<Item = (&str, &'static str, &OfMethod)> {
    hosts
        .iter()
        .flat_map(|host| host.methods().map(move |(name, method)| (host.host(), name, method)))
}

/// A histogram of the client's.
#[derive(Debug)]
pub(super) struct OfHistogram(pub(super) Shown);

impl EncodeMetric for OfHistogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let Shown { buckets, sum, count } = &self.0;
        encoder.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
