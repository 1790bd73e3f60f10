//! The constraints of pods that have none of their own, and which pods these are about.

use crate::cluster::Cluster;
use crate::model::{
    HOSTNAME, LabelSelector, Labels, Owner, Pod, SpreadConstraint, WhenUnsatisfiable,
};

use super::constraint::equal;

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

/// The pods that belong together with `pod`: those that all services which select it and its controller
/// select. Without requirements where there is none of them.
///
/// Upstream: helper.DefaultSelector, v1.37.
pub(super) fn selector(pod: &Pod, cluster: &Cluster) -> LabelSelector {
    let objects = cluster.objects();
    let mut labels: Vec<(&str, &str)> = Vec::new();
    for service in objects.services.in_namespace(&pod.key.namespace) {
        if !service.selector.is_empty() && selects(&service.selector, &pod.labels) {
            labels.extend(service.selector.iter());
        }
    }
    let mut others = None;
    if let Some(Owner { api_version, kind, name, .. }) = &pod.owner {
        let namespace = &*pod.key.namespace;
        match (&**api_version, &**kind) {
            ("v1", "ReplicationController") => {
                let found = objects.replication_controllers.get(namespace, name);
                labels.extend(found.iter().flat_map(|found| found.selector.iter()));
            }
            ("apps/v1", "ReplicaSet") => {
                let found = objects.replica_sets.get(namespace, name);
                others = found.and_then(|found| found.selector.as_ref());
            }
            ("apps/v1", "StatefulSet") => {
                let found = objects.stateful_sets.get(namespace, name);
                others = found.and_then(|found| found.selector.as_ref());
            }
            _ => {}
        }
    }
    // Of two values of a key the later one stays: the replication controller's.
    let labels: Labels = labels.into_iter().collect();
    let mut requirements: Vec<_> = labels.iter().map(|(key, value)| equal(key, value)).collect();
    requirements.extend(others.iter().flat_map(|other| other.requirements.iter().cloned()));
    LabelSelector { requirements }
}

/// Whether all of `wanted` are among `labels`.
fn selects(wanted: &Labels, labels: &Labels) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}
