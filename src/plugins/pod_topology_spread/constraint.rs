//! One constraint of a pod, with everything that upstream adds to it.

use crate::model::{
    FeatureGates, LabelOperator, LabelRequirement, LabelSelector, Labels, SpreadConstraint,
    WhenUnsatisfiable,
};

/// A constraint, ready to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Constraint {
    pub(super) max_skew: i32,
    pub(super) topology_key: Box<str>,
    /// The pods meant; `None` matches none.
    pub(super) selector: Option<LabelSelector>,
    pub(super) min_domains: i32,
    pub(super) honors_node_affinity: bool,
    pub(super) honors_taints: bool,
    /// Tolerations may compare with `Lt` and `Gt`.
    pub(super) compares_taints: bool,
}

impl Constraint {
    /// Those of `constraints` that do `when` if they do not hold, for a pod with `labels`.
    ///
    /// Upstream: filterTopologySpreadConstraints, v1.37.
    pub(super) fn those_of(
        constraints: &[SpreadConstraint],
        labels: &Labels,
        when: WhenUnsatisfiable,
        gates: FeatureGates,
    ) -> Result<Vec<Self>, Box<str>> {
        let meant = constraints.iter().filter(|constraint| constraint.when_unsatisfiable == when);
        meant.map(|constraint| Self::of(constraint, labels, gates)).collect()
    }

    fn of(
        constraint: &SpreadConstraint,
        labels: &Labels,
        gates: FeatureGates,
    ) -> Result<Self, Box<str>> {
        if let Some(error) = &constraint.selector_error {
            return Err(error.clone());
        }
        let mut selector = constraint.selector.clone();
        if let Some(selector) = &mut selector
            && gates.match_label_keys_in_pod_topology_spread
        {
            let keys = constraint.match_label_keys.iter();
            selector.requirements.extend(keys.filter_map(|key| Some(equal(key, labels.get(key)?))));
        }
        Ok(Self {
            max_skew: constraint.max_skew,
            topology_key: constraint.topology_key.clone(),
            selector,
            min_domains: constraint.min_domains.unwrap_or(1),
            honors_node_affinity: constraint.honors_node_affinity,
            honors_taints: constraint.honors_taints,
            compares_taints: gates.taint_toleration_comparison_operators,
        })
    }

    /// Whether a pod with `labels` is meant.
    pub(super) fn selects(&self, labels: &Labels) -> bool {
        self.selector.as_ref().is_some_and(|selector| selector.matches(labels))
    }

    /// Whether pods on nodes are counted at all. A selector without requirements selects every pod, but
    /// none is counted.
    ///
    /// Upstream: countPodsMatchSelector, v1.37.
    pub(super) fn counts(&self) -> bool {
        self.selector.as_ref().is_some_and(|selector| !selector.requirements.is_empty())
    }
}

/// The requirement that the label `key` is `value`.
pub(super) fn equal(key: &str, value: &str) -> LabelRequirement {
    let values = vec![value.into()];
    LabelRequirement { key: key.into(), operator: LabelOperator::In, values }
}
