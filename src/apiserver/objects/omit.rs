//! Leaves out of an object what Go's encoder leaves out: nulls, and empty values of fields that are not
//! pointers. Called last, before an object is stored.
//!
//! The tables name fields, not paths: in the kinds served here no field that must stay has a name of
//! theirs. Upstream: the `omitempty` of k8s.io/api, v1.37.

use serde_json::Value;

/// Maps of texts or quantities: left out when empty, and never looked into.
const MAPS: [&str; 17] = [
    "labels",
    "annotations",
    "nodeSelector",
    "matchLabels",
    "limits",
    "requests",
    "overhead",
    "capacity",
    "allocatable",
    "allocatedResources",
    "data",
    "binaryData",
    "parameters",
    "volumeAttributes",
    "deviceClassMappings",
    "hard",
    "used",
];

/// Lists that stay when they are empty.
const LISTS_KEPT: [&str; 4] = ["containers", "nodeSelectorTerms", "rules", "limits"];

const TEXTS: [&str; 43] = [
    "namespace",
    "generateName",
    "value",
    "effect",
    "operator",
    "priorityClassName",
    "nodeName",
    "schedulerName",
    "hostname",
    "subdomain",
    "serviceAccountName",
    "serviceAccount",
    "imagePullPolicy",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "workingDir",
    "hostIP",
    "medium",
    "subPath",
    "subPathExpr",
    "reason",
    "message",
    "fsType",
    "volumeName",
    "clusterIP",
    "externalName",
    "sessionAffinity",
    "loadBalancerIP",
    "podCIDR",
    "providerID",
    "externalID",
    "containerID",
    "podIP",
    "nominatedNodeName",
    "qosClass",
    "phase",
    "component",
    "host",
    "dnsPolicy",
    "description",
    "fieldPath",
    "resourceVersion",
    "uid",
];

const FLAGS: [&str; 11] = [
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "unschedulable",
    "stdin",
    "stdinOnce",
    "tty",
    "readOnly",
    "globalDefault",
    "publishNotReadyAddresses",
    "paused",
];

const NUMBERS: [&str; 19] = [
    "initialDelaySeconds",
    "hostPort",
    "minReadySeconds",
    "generation",
    "observedGeneration",
    "nodePort",
    "healthCheckNodePort",
    "readyReplicas",
    "updatedReplicas",
    "currentReplicas",
    "fullyLabeledReplicas",
    "unavailableReplicas",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "active",
    "succeeded",
    "sizeBytes",
    "failed",
];

/// Leaves out of `value`, and of all in it, what upstream does not write.
pub(super) fn drop_empty(value: &mut Value) {
    match value {
        Value::Object(object) => object.retain(|key, field| {
            match field {
                // Whoever tracks the owners has put these into their form, and they are long.
                Value::Array(_) if key == "managedFields" => return true,
                Value::Object(map) if MAPS.contains(&key.as_str()) => {
                    map.retain(|_, entry| !entry.is_null());
                }
                Value::Object(_) | Value::Array(_) => drop_empty(field),
                _ => {}
            }
            !is_omitted(key, field)
        }),
        Value::Array(items) => items.iter_mut().for_each(drop_empty),
        _ => {}
    }
}

fn is_omitted(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty() && !LISTS_KEPT.contains(&key),
        Value::Object(fields) => fields.is_empty() && MAPS.contains(&key),
        Value::String(text) => text.is_empty() && TEXTS.contains(&key),
        Value::Bool(flag) => !flag && FLAGS.contains(&key),
        Value::Number(number) => number.as_i64() == Some(0) && NUMBERS.contains(&key),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn empty_values_go_and_pointers_stay() {
        let mut pod = json!({
            "metadata": {"labels": {}, "annotations": {"namespace": ""}, "namespace": ""},
            "spec": {
                "nodeSelector": {"zone": ""}, "hostNetwork": false, "securityContext": {},
                "tolerations": [{"key": "a", "value": "", "operator": "Exists"}],
                "volumes": [], "containers": [{"name": "c", "resources": {"limits": {}}, "ports": null}],
                "storageClassName": "",
            },
        });
        drop_empty(&mut pod);
        let want = json!({
            "metadata": {"annotations": {"namespace": ""}},
            "spec": {
                "nodeSelector": {"zone": ""}, "securityContext": {},
                "tolerations": [{"key": "a", "operator": "Exists"}],
                "containers": [{"name": "c", "resources": {}}],
                "storageClassName": "",
            },
        });
        assert_eq!(pod, want);
    }
}
