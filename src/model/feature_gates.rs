//! The feature gates that berth reads, as plain values. Made by `config`, read by `config` and `plugins`.

/// Whether each gate is on; the default is that of Kubernetes v1.37.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a gate of its own")]
pub struct FeatureGates {
    /// `MatchLabelKeysInPodTopologySpread`: spread constraints honour `matchLabelKeys`.
    pub match_label_keys_in_pod_topology_spread: bool,
    /// `NominatedNodeNameForExpectation`: a pod that waits for its Binding is nominated to its node.
    pub nominated_node_name_for_expectation: bool,
    /// `StorageCapacityScoring`: VolumeBinding scores nodes by the capacity of their storage.
    pub storage_capacity_scoring: bool,
    /// `TaintTolerationComparisonOperators`: tolerations may compare with `Lt` and `Gt`.
    pub taint_toleration_comparison_operators: bool,
    /// `VolumeLimitScaling`: NodeVolumeLimits turns nodes without a CSI driver of the pod's away.
    pub volume_limit_scaling: bool,
}

impl Default for FeatureGates {
    fn default() -> Self {
        Self {
            match_label_keys_in_pod_topology_spread: true,
            nominated_node_name_for_expectation: true,
            storage_capacity_scoring: true,
            taint_toleration_comparison_operators: false,
            volume_limit_scaling: true,
        }
    }
}
