//! What a profile's `pluginConfig` says to the plugins that have something to be told, as plain values.
//! Made by `config`, read by `plugins`.

use std::collections::BTreeMap;

use super::{FeatureGates, NodeAffinity, SpreadConstraint};

/// The args of one profile's plugins; the default is upstream's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginArgs {
    /// Of NodeResourcesFit.
    pub node_resources_fit: NodeResourcesFitArgs,
    /// Of NodeResourcesBalancedAllocation: the resources that are balanced.
    pub balanced_resources: BalancedResources,
    /// Of NodeAffinity: an affinity added to that of every pod.
    pub added_affinity: Option<NodeAffinity>,
    /// Of InterPodAffinity.
    pub inter_pod_affinity: InterPodAffinityArgs,
    /// Of PodTopologySpread: the constraints of pods that have none of their own.
    pub default_spread: DefaultSpread,
    /// Of VolumeBinding.
    pub volume_binding: VolumeBindingArgs,
    /// Of DefaultPreemption.
    pub default_preemption: DefaultPreemptionArgs,
    /// The feature gates, the same in all profiles.
    pub gates: FeatureGates,
    /// Of plugins that are not built in, by name: JSON as text.
    pub own: BTreeMap<Box<str>, Box<str>>,
}

impl PluginArgs {
    /// The args of a plugin that is not built in, as JSON; `{}` where the profile gives none.
    #[must_use]
    pub fn own(&self, plugin: &str) -> &str {
        self.own.get(plugin).map_or("{}", |args| args)
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

/// Args of InterPodAffinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterPodAffinityArgs {
    /// What a required affinity term of a pod that is there already scores, from 0 to 100.
    pub hard_pod_affinity_weight: i64,
    /// Preferred terms of pods that are there already are not scored for a pod without affinity.
    pub ignore_preferred_terms_of_existing_pods: bool,
}

/// The constraints of pods that have none of their own; `defaultingType` and `defaultConstraints`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DefaultSpread {
    /// Upstream's own.
    #[default]
    System,
    /// These; none of them has a selector, which follows from the pod's Services and controllers.
    List(Vec<SpreadConstraint>),
}

/// Args of VolumeBinding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeBindingArgs {
    /// How long volumes may take to be bound, in seconds.
    pub bind_timeout_seconds: i64,
    /// (Utilization of the storage in percent, score from 0 to 10), utilization rising; empty where the
    /// gate StorageCapacityScoring is off.
    pub shape: Vec<(i64, i64)>,
}

/// Args of DefaultPreemption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultPreemptionArgs {
    /// The least share of the nodes that is tried, in percent.
    pub min_candidate_nodes_percentage: i64,
    /// The least number of nodes that is tried.
    pub min_candidate_nodes_absolute: i64,
}

impl Default for InterPodAffinityArgs {
    fn default() -> Self {
        Self { hard_pod_affinity_weight: 1, ignore_preferred_terms_of_existing_pods: false }
    }
}

impl Default for VolumeBindingArgs {
    fn default() -> Self {
        Self { bind_timeout_seconds: 600, shape: vec![(0, 10), (100, 0)] }
    }
}

impl Default for DefaultPreemptionArgs {
    fn default() -> Self {
        Self { min_candidate_nodes_percentage: 10, min_candidate_nodes_absolute: 100 }
    }
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
