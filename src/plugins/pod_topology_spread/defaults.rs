//! The constraints of pods that have none of their own, and which pods these are about.

use crate::cluster::Cluster;
use crate::model::{LabelSelector, Pod, SpreadConstraint, WhenUnsatisfiable};

use super::HOSTNAME;

/// Upstream: systemDefaultConstraints, v1.37.
pub(super) fn system_constraints() -> Vec<SpreadConstraint> {
    let constraint = |topology_key: &str, max_skew| SpreadConstraint {
        max_skew,
        topology_key: topology_key.into(),
        when_unsatisfiable: WhenUnsatisfiable::ScheduleAnyway,
        ..SpreadConstraint::default()
    };
    vec![constraint(HOSTNAME, 3), constraint("topology.kubernetes.io/zone", 5)]
}

/// The pods that belong together with `pod`.
pub(super) fn selector(_pod: &Pod, _cluster: &Cluster) -> LabelSelector {
    LabelSelector::default()
}
