//! [`ResourceReport`]: what `/metrics/resources` says of a pod beside its name, node and priority. `wire` makes
//! one for each pod that it decodes; `cluster` keeps equal ones once, since pods of a template are alike in it.
//!
//! Upstream: podRequestsAndLimitsByLifecycle of pkg/scheduler/metrics/resources, v1.37: from the spec alone,
//! whatever the status says of a resize.

use std::sync::Arc;

use crate::units::Quantity;

use super::requests::{PodResources, Source, Sum, is_pod_level_resource};

/// Amounts by resource name, sorted by it; none is zero.
pub type Amounts = Box<[(Box<str>, Quantity)]>;

/// What a pod asks for and may use at most, in every resource that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResourceReport {
    /// What it asks for.
    pub requests: Amounts,
    /// What it may use at most.
    pub limits: Amounts,
    /// The scheduler it asks for.
    pub scheduler_name: Box<str>,
    /// It has a priority, be it zero.
    pub has_priority: bool,
}

impl PodResources {
    /// What is said of a pod with these resources.
    #[must_use]
    pub fn report(&self, scheduler_name: &str, has_priority: bool) -> Arc<ResourceReport> {
        self.report_as(scheduler_name, has_priority, None)
    }

    /// The same; where `known` says just that, it is given back.
    #[must_use]
    pub fn report_as(
        &self,
        scheduler_name: &str,
        has_priority: bool,
        known: Option<Arc<ResourceReport>>,
    ) -> Arc<ResourceReport> {
        let (requests, limits) = (self.spec_requests(), self.limits());
        let same = |known: &Arc<ResourceReport>| {
            *known.scheduler_name == *scheduler_name
                && known.has_priority == has_priority
                && known.requests.iter().map(named).eq(amounts(&requests))
                && known.limits.iter().map(named).eq(amounts(&limits))
        };
        known.filter(same).unwrap_or_else(|| {
            Arc::new(ResourceReport {
                requests: listed(&requests),
                limits: listed(&limits),
                scheduler_name: scheduler_name.into(),
                has_priority,
            })
        })
    }

    /// Upstream: resource.PodLimits without status, v1.37: overhead is added to what has a limit.
    fn limits(&self) -> Sum<'_> {
        let mut limits = self.sum(Source::Limits, &[]);
        for (name, quantity) in &self.pod_level_limits {
            if is_pod_level_resource(name) {
                *limits.entry(name, Quantity::ZERO) = *quantity;
            }
        }
        for (name, quantity) in &self.overhead {
            if !limits.of(name).is_zero() {
                limits.add(name, *quantity);
            }
        }
        limits
    }
}

fn listed(sum: &Sum<'_>) -> Amounts {
    amounts(sum).map(|(name, quantity)| (name.into(), quantity)).collect()
}

fn amounts<'a>(sum: &'a Sum<'_>) -> impl Iterator<Item = (&'a str, Quantity)> {
    let some = sum.0.iter().filter(|(_, quantity)| !quantity.is_zero());
    some.map(|(name, quantity)| (*name, *quantity))
}

fn named((name, quantity): &(Box<str>, Quantity)) -> (&str, Quantity) {
    (name, *quantity)
}

#[cfg(test)]
mod tests {
    use super::super::{Container, ResourceList};
    use super::*;

    fn list(amounts: &[(&str, &str)]) -> ResourceList {
        let amounts = amounts.iter();
        amounts.map(|(name, text)| ((*name).into(), Quantity::parse(text).unwrap())).collect()
    }

    fn container(requests: &[(&str, &str)], limits: &[(&str, &str)]) -> Container {
        Container { requests: list(requests), limits: list(limits), ..Container::default() }
    }

    fn shown(amounts: &Amounts) -> Vec<String> {
        amounts.iter().map(|(name, quantity)| format!("{name} {quantity}")).collect()
    }

    #[test]
    fn limits_are_summed_as_requests_are_and_get_overhead_where_there_is_a_limit() {
        let sidecar = Container { sidecar: true, ..container(&[("cpu", "50m")], &[("cpu", "1")]) };
        let pod = PodResources {
            containers: vec![
                container(&[("cpu", "200m"), ("pods", "0")], &[("memory", "1Gi")]),
                container(&[("example.com/gpu", "2")], &[("example.com/gpu", "2")]),
            ],
            init_containers: vec![container(&[("storage", "5")], &[("cpu", "3")]), sidecar],
            overhead: list(&[("cpu", "1m"), ("ephemeral-storage", "7")]),
            ..PodResources::default()
        };
        let report = pod.report("a", true);
        let requests = ["cpu 0.251", "ephemeral-storage 7", "example.com/gpu 2", "storage 5"];
        assert_eq!(shown(&report.requests), requests);
        let limits = ["cpu 3.001", "example.com/gpu 2", "memory 1073741824"];
        assert_eq!(shown(&report.limits), limits);
        assert_eq!((&*report.scheduler_name, report.has_priority), ("a", true));
    }

    #[test]
    fn what_the_pod_itself_says_takes_the_place_of_sums() {
        let pod = PodResources {
            containers: vec![container(&[("cpu", "2"), ("memory", "4")], &[("cpu", "2")])],
            pod_level: list(&[("cpu", "1")]),
            pod_level_limits: list(&[("cpu", "5"), ("memory", "6"), ("storage", "7")]),
            overhead: list(&[("cpu", "100m")]),
            ..PodResources::default()
        };
        let report = pod.report("", false);
        assert_eq!(shown(&report.requests), ["cpu 1.1", "memory 4"]);
        assert_eq!(shown(&report.limits), ["cpu 5.1", "memory 6"]);
    }
}
