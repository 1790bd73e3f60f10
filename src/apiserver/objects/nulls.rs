//! The nulls that upstream writes: times that are not set, in structs that are no pointers.

use serde_json::Value;

use super::json::{list_mut, part};

/// Adds the nulls to an object of a resource.
pub(super) fn add(resource: &str, object: &mut Value) {
    match resource {
        "pods" => {
            conditions(object, &["lastProbeTime", "lastTransitionTime"]);
            container_states(object);
            let Some(spec) = part(object, "spec") else { return };
            for volume in list_mut(spec, "volumes") {
                if let Some(projected) = part(volume, "projected") {
                    null(projected, "sources");
                }
            }
        }
        "nodes" => conditions(object, &["lastHeartbeatTime", "lastTransitionTime"]),
        "persistentvolumeclaims" => {
            conditions(object, &["lastProbeTime", "lastTransitionTime"]);
            for key in ["dataSource", "dataSourceRef"] {
                if let Some(source) = part(object, "spec").and_then(|spec| part(spec, key)) {
                    null(source, "apiGroup");
                }
            }
        }
        "endpointslices.discovery.k8s.io" => {
            null(object, "endpoints");
            null(object, "ports");
        }
        "resourceclaims.resource.k8s.io" => {
            if let Some(devices) = part(object, "spec").and_then(|spec| part(spec, "devices")) {
                null(devices, "requests");
            }
        }
        "csinodes.storage.k8s.io" => {
            let Some(spec) = part(object, "spec") else { return };
            null(spec, "drivers");
            for driver in list_mut(spec, "drivers") {
                null(driver, "topologyKeys");
            }
        }
        "deployments.apps" => conditions(object, &["lastUpdateTime", "lastTransitionTime"]),
        "jobs.batch" => conditions(object, &["lastProbeTime", "lastTransitionTime"]),
        "replicasets.apps" | "statefulsets.apps" | "daemonsets.apps" | "replicationcontrollers" => {
            conditions(object, &["lastTransitionTime"]);
        }
        "events" => {
            for key in ["eventTime", "firstTimestamp", "lastTimestamp"] {
                null(object, key);
            }
        }
        "events.events.k8s.io" => {
            for key in ["eventTime", "deprecatedFirstTimestamp", "deprecatedLastTimestamp"] {
                null(object, key);
            }
        }
        _ => {}
    }
}

/// Sets the times to null that the states of containers do not have.
fn container_states(pod: &mut Value) {
    let Some(status) = part(pod, "status") else { return };
    for which in ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] {
        for container in list_mut(status, which) {
            for key in ["state", "lastState"] {
                let Some(state) = part(container, key) else { continue };
                if let Some(running) = part(state, "running") {
                    null(running, "startedAt");
                }
                if let Some(terminated) = part(state, "terminated") {
                    null(terminated, "startedAt");
                    null(terminated, "finishedAt");
                }
            }
        }
    }
}

/// Sets the times to null that conditions do not have.
fn conditions(object: &mut Value, times: &[&str]) {
    let Some(status) = part(object, "status") else { return };
    for condition in list_mut(status, "conditions") {
        for time in times {
            null(condition, time);
        }
    }
}

/// Sets a field to null that is not there.
fn null(value: &mut Value, key: &str) {
    if let Some(object) = value.as_object_mut() {
        object.entry(key).or_insert(Value::Null);
    }
}
