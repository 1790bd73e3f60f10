//! What the client counts, as metrics of berth's own: `berth_*_total`.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use crate::client::Counters;

use super::rest_client::OfHistogram;

/// Reads the client's counters at each scrape.
#[derive(Debug)]
pub(super) struct ClientMetrics(pub(super) Arc<Counters>);

impl Collector for ClientMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counters = &self.0;
        let rows = [
            (
                "objects_undecodable",
                "Objects of watches that could not be used, each time one came",
                &counters.objects_undecodable,
            ),
            ("watch_errors", "Errors of watches", &counters.watch_errors),
            (
                "events_dropped",
                "Events never written because a queue was full",
                &counters.events_dropped,
            ),
            (
                "events_failed",
                "Events that the API server refused or never answered",
                &counters.events_failed,
            ),
            (
                "events_merged",
                "Repetitions of an event only counted in its series",
                &counters.events_merged,
            ),
            (
                "evictions_failed",
                "Pods whose deletion for preemption the API server refused or never answered",
                &counters.evictions_failed,
            ),
            (
                "inquiries_failed",
                "Pods of which it is not known whether a node refused them",
                &counters.inquiries_failed,
            ),
            (
                "pre_binds_failed",
                "Volumes and claims that the API server refused to change or never answered",
                &counters.pre_binds_failed,
            ),
            (
                "patches_coalesced",
                "Conditions that a newer one, a Binding or the pod's node took the place of",
                &counters.patches_coalesced,
            ),
            (
                "patches_dropped",
                "Conditions never written because a queue was full",
                &counters.patches_dropped,
            ),
            (
                "patches_failed",
                "Conditions that the API server refused or never answered",
                &counters.patches_failed,
            ),
        ];
        for (name, help, counter) in rows {
            let name = format!("berth_{name}");
            let metric = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
            ConstCounter::new(counter.get()).encode(metric)?;
        }
        let help = "From the bytes of a pod's last watch event to the request of its Binding";
        let kind = MetricType::Histogram;
        let metric = encoder.encode_descriptor("berth_watch_to_bind_seconds", help, None, kind)?;
        OfHistogram(counters.watch_to_bind.times.shown()).encode(metric)
    }
}
