//! What a profile's `pluginConfig` says to the plugins that have something to be told, as plain values.
//! Made by `config`, read by `plugins`.

use super::{NodeAffinity, SpreadConstraint};

/// The args of one profile's plugins; the default is upstream's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginArgs {
    /// Of NodeResourcesFit.
    pub node_resources_fit: NodeResourcesFitArgs,
    /// Of NodeResourcesBalancedAllocation: the resources that are balanced.
    pub balanced_resources: BalancedResources,
    /// Of NodeAffinity: an affinity added to that of every pod.
    pub added_affinity: Option<NodeAffinity>,
    /// Of PodTopologySpread.
    pub pod_topology_spread: PodTopologySpreadArgs,
    /// Of InterPodAffinity.
    pub inter_pod_affinity: InterPodAffinityArgs,
}

/// Args of PodTopologySpread: how pods without constraints of their own are spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodTopologySpreadArgs {
    /// `defaultingType: System`, the default: by upstream's own constraints, over hosts and zones.
    pub system_defaulted: bool,
    /// With `defaultingType: List` the constraints, which have no selectors.
    pub default_constraints: Vec<SpreadConstraint>,
}

impl Default for PodTopologySpreadArgs {
    fn default() -> Self {
        Self { system_defaulted: true, default_constraints: Vec::new() }
    }
}

/// Args of InterPodAffinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterPodAffinityArgs {
    /// What a required affinity term of an existing pod counts for when nodes are scored; zero: nothing.
    pub hard_pod_affinity_weight: i32,
    /// Nodes are not scored for a pod without preferred terms of its own.
    pub ignore_preferred_terms_of_existing_pods: bool,
}

/// Args of NodeResourcesFit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeResourcesFitArgs {
    /// Extended resources that are not looked at when filtering.
    pub ignored_resources: Vec<Box<str>>,
    /// Domains of extended resources that are not looked at.
    pub ignored_resource_groups: Vec<Box<str>>,
    /// How nodes are scored.
    pub strategy: ScoringStrategy,
}

/// A resource and what it counts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedResource {
    /// The resource's name.
    pub name: Box<str>,
    /// From 1 to 100.
    pub weight: i64,
}

/// How NodeResourcesFit scores nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoringStrategy {
    /// The formula.
    pub kind: StrategyKind,
    /// The resources that count.
    pub resources: Vec<WeightedResource>,
}

/// The formula of a [`ScoringStrategy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StrategyKind {
    /// Emptier nodes are better.
    LeastAllocated,
    /// Fuller nodes are better.
    MostAllocated,
    /// By a shape: (utilization in percent, score from 0 to 10), utilization rising.
    RequestedToCapacityRatio(Vec<(i64, i64)>),
}

/// The resources of NodeResourcesBalancedAllocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalancedResources(pub Vec<Box<str>>);

impl Default for InterPodAffinityArgs {
    fn default() -> Self {
        Self { hard_pod_affinity_weight: 1, ignore_preferred_terms_of_existing_pods: false }
    }
}

impl Default for ScoringStrategy {
    fn default() -> Self {
        let resource = |name: &str| WeightedResource { name: name.into(), weight: 1 };
        Self {
            kind: StrategyKind::LeastAllocated,
            resources: vec![resource("cpu"), resource("memory")],
        }
    }
}

impl Default for BalancedResources {
    fn default() -> Self {
        Self(vec!["cpu".into(), "memory".into()])
    }
}
