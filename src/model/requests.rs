//! What a pod asks for, and what it uses of the node it is on. `wire` calls this once for each pod that
//! it decodes; sums are exact and rounded once at the end.
//!
//! Upstream: component-helpers resource.PodRequests and framework.PodInfo.CalculateResource, v1.37.

use std::collections::BTreeMap;

use crate::units::{Quantity, Resources};

/// What a container without a CPU request counts for in scores, in thousandths of a core.
pub const DEFAULT_MILLI_CPU: i64 = 100;
/// What a container without a memory request counts for in scores, in bytes (200 MiB).
pub const DEFAULT_MEMORY_BYTES: i64 = 200 * 1024 * 1024;

/// Quantities by resource name.
pub type ResourceList = BTreeMap<Box<str>, Quantity>;

/// One container's part in the sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// `resources.requests`, the API's defaults applied.
    pub requests: ResourceList,
    /// `resources.limits`.
    pub limits: ResourceList,
    /// An init container that stays (`restartPolicy: Always`), a sidecar.
    pub sidecar: bool,
    /// `status.containerStatuses[].allocatedResources`.
    pub allocated: Option<ResourceList>,
    /// `status.containerStatuses[].resources.requests`.
    pub actuated: Option<ResourceList>,
}

/// Resources in a pod's own status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusResources {
    /// `status.allocatedResources`.
    pub allocated: Option<ResourceList>,
    /// `status.resources.requests`.
    pub actuated: Option<ResourceList>,
    /// Whether there is a `status.resources`.
    pub has_resources: bool,
    /// The condition `PodResizePending` has the reason Infeasible: the spec is not what counts.
    pub resize_infeasible: bool,
}

/// Everything in a pod that says how much it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodResources {
    /// Containers, in order.
    pub containers: Vec<Container>,
    /// Init containers, in order.
    pub init_containers: Vec<Container>,
    /// `spec.overhead`.
    pub overhead: ResourceList,
    /// `spec.resources.requests`, the API's defaults applied.
    pub pod_level: ResourceList,
    /// `spec.resources.limits`.
    pub pod_level_limits: ResourceList,
    /// What its status says.
    pub status: StatusResources,
}

/// A pod's needs, worked out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodRequests {
    /// What must fit: from the spec alone, with pod-level requests and overhead.
    pub request: Resources,
    /// What `NodeResourcesFit` scores with: containers with defaults, without pod-level requests.
    pub scored: Resources,
    /// What it takes from its node: the spec, or what its status says of a resize. It is also what
    /// `NodeResourcesBalancedAllocation` scores the pod with.
    pub usage: Resources,
    /// `usage` with defaults for containers that ask for no CPU, in thousandths of a core.
    pub non_zero_milli_cpu: i64,
    /// `usage` with defaults for containers that ask for no memory, in bytes.
    pub non_zero_memory: i64,
}

/// Which of a container's lists a sum takes.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Spec,
    Limits,
    Allocated,
    Actuated,
}

/// What stands in for the requests that a container does not name.
type Defaults = [(&'static str, Quantity)];

const DEFAULTS: [(&str, Quantity); 2] = [
    ("cpu", Quantity::from_milli(DEFAULT_MILLI_CPU)),
    ("memory", Quantity::from_units(DEFAULT_MEMORY_BYTES)),
];

impl PodResources {
    /// Works out all sums.
    ///
    /// Differs from upstream: there a pod-level request that is held as a decimal (`1.5Gi`, read from a
    /// file) grows by the overhead with each call, because `Quantity.Add` writes through to the pod.
    #[must_use]
    pub fn requests(&self) -> PodRequests {
        let containers = self.sum(Source::Spec, &[]);
        let mut usage = self.used(&containers, &[]);
        self.apply_pod_level(&mut usage, true);
        usage.add_all(&self.overhead);
        let request = self.with_pod_level(containers);

        let mut scored = self.sum(Source::Spec, &DEFAULTS);
        let non_zero = match self.missing(&usage) {
            [] => usage.clone(),
            missing => {
                let spec = self.sum(Source::Spec, missing);
                let mut used = self.used(&spec, missing);
                self.apply_pod_level(&mut used, true);
                used.add_all(&self.overhead);
                used
            }
        };
        scored.add_all(&self.overhead);
        PodRequests {
            request: request.rounded(),
            scored: scored.rounded(),
            usage: usage.rounded(),
            non_zero_milli_cpu: non_zero.of("cpu").milli_value(),
            non_zero_memory: non_zero.of("memory").value(),
        }
    }

    /// What must fit, in every resource that the spec names.
    pub(super) fn spec_requests(&self) -> Sum<'_> {
        self.with_pod_level(self.sum(Source::Spec, &[]))
    }

    /// What must fit where the containers together ask for `sum`.
    fn with_pod_level<'a>(&'a self, mut sum: Sum<'a>) -> Sum<'a> {
        self.apply_pod_level(&mut sum, false);
        sum.add_all(&self.overhead);
        sum
    }

    /// Σ containers and sidecars, but at least what any init container needs with the sidecars that were
    /// started before it.
    ///
    /// Upstream: resource.aggregateContainerResourcesByFn, v1.37.
    pub(super) fn sum(&self, source: Source, missing: &Defaults) -> Sum<'_> {
        let mut total = Sum::default();
        for container in &self.containers {
            total.add_container(self.list(container, source), missing);
        }
        let mut sidecars = Sum::default();
        let mut init_peak = Sum::default();
        for container in &self.init_containers {
            let own = self.list(container, source);
            if container.sidecar {
                total.add_container(own, missing);
                sidecars.add_container(own, missing);
                init_peak.raise_to(&sidecars);
            } else {
                let mut with_sidecars = sidecars.clone();
                with_sidecars.add_container(own, missing);
                init_peak.raise_to(&with_sidecars);
            }
        }
        total.raise_to(&init_peak);
        total
    }

    /// The list of `container` that `source` names; while a resize is infeasible its spec does not count.
    fn list<'a>(&self, container: &'a Container, source: Source) -> Option<&'a ResourceList> {
        let spec = (!self.status.resize_infeasible).then_some(&container.requests);
        match source {
            Source::Spec => Some(&container.requests),
            Source::Limits => Some(&container.limits),
            Source::Allocated => container.allocated.as_ref().or(spec),
            Source::Actuated => {
                container.actuated.as_ref().or(container.allocated.as_ref()).or(spec)
            }
        }
    }

    /// What the containers take from the node, resizes in place included; `spec` is what their specs say.
    ///
    /// Upstream: resource.AggregateContainerRequests with `UseStatusResources`, v1.37.
    fn used<'a>(&'a self, spec: &Sum<'a>, missing: &Defaults) -> Sum<'a> {
        let status = &self.status;
        let mut all = self.containers.iter().chain(&self.init_containers);
        let resized = status.resize_infeasible
            || (status.allocated.is_some() && status.actuated.is_some())
            || all.any(|c| c.allocated.is_some() || c.actuated.is_some());
        if !resized {
            return spec.clone();
        }
        let mut used = Sum::default();
        if let (Some(allocated), Some(actuated)) = (&status.allocated, &status.actuated) {
            used.raise_all(allocated);
            used.raise_all(actuated);
        } else {
            used.raise_to(&self.sum(Source::Allocated, missing));
            used.raise_to(&self.sum(Source::Actuated, missing));
        }
        if !status.resize_infeasible {
            used.raise_to(spec);
        }
        used
    }

    /// Pod-level requests take the place of the containers' sum.
    ///
    /// Upstream: resource.PodRequests and effectivePodLevelResources, v1.37.
    fn apply_pod_level<'a>(&'a self, total: &mut Sum<'a>, with_status: bool) {
        if !self.has_pod_level() {
            return;
        }
        let status = &self.status;
        let mut effective = Sum::default();
        if with_status && status.has_resources {
            for list in [&status.actuated, &status.allocated].into_iter().flatten() {
                effective.raise_all(list);
            }
            if !status.resize_infeasible {
                effective.raise_all(&self.pod_level);
            }
        } else {
            effective.raise_all(&self.pod_level);
        }
        for (name, quantity) in effective.0 {
            if is_pod_level_resource(name) {
                *total.entry(name, Quantity::ZERO) = quantity;
            }
        }
    }

    /// Upstream: resource.IsPodLevelRequestsSet, v1.37.
    fn has_pod_level(&self) -> bool {
        self.pod_level.keys().any(|name| is_pod_level_resource(name))
    }

    /// Which defaults count: both, or with pod-level requests only what nobody names.
    ///
    /// Upstream: framework.getNonMissingContainerRequests, v1.37.
    fn missing(&self, usage: &Sum<'_>) -> &'static Defaults {
        let all = !self.has_pod_level();
        match (all || !usage.has("cpu"), all || !usage.has("memory")) {
            (true, true) => &DEFAULTS,
            (true, false) => &DEFAULTS[..1],
            (false, true) => &DEFAULTS[1..],
            (false, false) => &[],
        }
    }
}

/// Whether `spec.resources` may name it: CPU, memory and huge pages.
///
/// Upstream: resourcehelper.IsSupportedPodLevelResource, v1.37.
pub(super) fn is_pod_level_resource(name: &str) -> bool {
    name == "cpu" || name == "memory" || name.starts_with("hugepages-")
}

/// A list of resources in the making, sorted by name. Pods name a handful of resources, and this is built
/// several times for each pod that is decoded: so a small vector, and no names of its own.
#[derive(Clone, Default)]
pub(super) struct Sum<'a>(pub(super) Vec<(&'a str, Quantity)>);

impl<'a> Sum<'a> {
    /// The quantity of `name`, which starts as `first`.
    pub(super) fn entry(&mut self, name: &'a str, first: Quantity) -> &mut Quantity {
        let place = self.0.partition_point(|(n, _)| *n < name);
        if self.0.get(place).is_none_or(|(n, _)| *n != name) {
            self.0.insert(place, (name, first));
        }
        &mut self.0[place].1
    }

    pub(super) fn add(&mut self, name: &'a str, quantity: Quantity) {
        let sum = self.entry(name, Quantity::ZERO);
        *sum = sum.saturating_add(quantity);
    }

    fn add_all(&mut self, list: &'a ResourceList) {
        for (name, quantity) in list {
            self.add(name, *quantity);
        }
    }

    /// Adds what a container asks for, and what is missing there.
    fn add_container(&mut self, list: Option<&'a ResourceList>, missing: &Defaults) {
        for (name, quantity) in list.into_iter().flatten() {
            self.add(name, *quantity);
        }
        for (name, quantity) in missing {
            if list.is_none_or(|list| !list.contains_key(*name)) {
                self.add(name, *quantity);
            }
        }
    }

    fn raise(&mut self, name: &'a str, quantity: Quantity) {
        let most = self.entry(name, quantity);
        *most = quantity.max(*most);
    }

    fn raise_all(&mut self, list: &'a ResourceList) {
        for (name, quantity) in list {
            self.raise(name, *quantity);
        }
    }

    fn raise_to(&mut self, other: &Self) {
        for (name, quantity) in &other.0 {
            self.raise(name, *quantity);
        }
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| *n == name)
    }

    pub(super) fn of(&self, name: &str) -> Quantity {
        self.0.iter().find(|(n, _)| *n == name).map_or(Quantity::ZERO, |(_, quantity)| *quantity)
    }

    fn rounded(&self) -> Resources {
        Resources::from_quantities(self.0.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(cpu_milli: i64, memory: i64) -> ResourceList {
        let mut list = ResourceList::new();
        list.insert("cpu".into(), Quantity::from_milli(cpu_milli));
        list.insert("memory".into(), Quantity::from_units(memory));
        list
    }

    fn container(cpu_milli: i64, memory: i64) -> Container {
        Container { requests: list(cpu_milli, memory), ..Container::default() }
    }

    #[test]
    fn init_containers_are_a_minimum_and_sidecars_stay() {
        let pod = PodResources {
            containers: vec![container(200, 10), container(100, 10)],
            init_containers: vec![
                container(2000, 5),
                Container { sidecar: true, ..container(50, 7) },
                container(1970, 1),
            ],
            overhead: list(1, 1),
            ..PodResources::default()
        };
        let requests = pod.requests();
        assert_eq!((requests.request.milli_cpu, requests.request.memory), (2021, 28));
        assert_eq!(requests.usage, requests.request);
    }

    #[test]
    fn pod_level_requests_replace_the_sum_but_not_in_scores() {
        let pod = PodResources {
            containers: vec![container(200, 10), Container::default()],
            pod_level: list(3000, 6),
            ..PodResources::default()
        };
        let requests = pod.requests();
        assert_eq!(requests.request.milli_cpu, 3000);
        assert_eq!(requests.scored.milli_cpu, 300);
        assert_eq!(requests.scored.memory, 10 + DEFAULT_MEMORY_BYTES);
        assert_eq!((requests.non_zero_milli_cpu, requests.non_zero_memory), (3000, 6));
    }

    #[test]
    fn a_resize_counts_by_its_largest_state_and_an_infeasible_one_not_by_its_spec() {
        let resized = Container {
            allocated: Some(list(700, 1)),
            actuated: Some(list(500, 9)),
            ..container(900, 4)
        };
        let mut pod = PodResources { containers: vec![resized], ..PodResources::default() };
        let usage = pod.requests().usage;
        assert_eq!((usage.milli_cpu, usage.memory), (900, 9));
        pod.status.resize_infeasible = true;
        let usage = pod.requests().usage;
        assert_eq!((usage.milli_cpu, usage.memory), (700, 9));
        assert_eq!(pod.requests().request.milli_cpu, 900);
    }

    #[test]
    fn amounts_are_added_before_they_are_rounded() {
        let tiny = Container {
            requests: [("cpu".into(), Quantity::parse("500u").unwrap())].into(),
            ..Container::default()
        };
        let pod = PodResources { containers: vec![tiny.clone(), tiny], ..PodResources::default() };
        assert_eq!(pod.requests().request.milli_cpu, 1);
    }
}
