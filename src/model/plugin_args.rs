//! What a profile's `pluginConfig` says to the plugins that have something to be told, as plain values.
//! Made by `config`, read by `plugins`.

use super::NodeAffinity;

/// The args of one profile's plugins; the default is upstream's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginArgs {
    /// Of NodeResourcesFit.
    pub node_resources_fit: NodeResourcesFitArgs,
    /// Of NodeResourcesBalancedAllocation: the resources that are balanced.
    pub balanced_resources: BalancedResources,
    /// Of NodeAffinity: an affinity added to that of every pod.
    pub added_affinity: Option<NodeAffinity>,
    /// Of DefaultPreemption.
    pub preemption: PreemptionArgs,
}

/// Args of DefaultPreemption: how many nodes it looks for before it chooses, the larger of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreemptionArgs {
    /// In percent of the nodes that evicting pods may help.
    pub min_candidate_nodes_percentage: u8,
    /// A number of nodes.
    pub min_candidate_nodes_absolute: u32,
}

impl Default for PreemptionArgs {
    fn default() -> Self {
        Self { min_candidate_nodes_percentage: 10, min_candidate_nodes_absolute: 100 }
    }
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
