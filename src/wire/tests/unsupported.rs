//! Which parts of a pod are held against it, and where they stand.

use serde_json::{Value, json};

use crate::model::UnsupportedFeature::{self, ResourceClaims};

use super::pod;

fn check(rows: Vec<(Value, Vec<(UnsupportedFeature, &str)>)>) {
    for (spec, want) in rows {
        let text = spec.to_string();
        let found = pod(spec).unsupported;
        let found: Vec<_> = found.iter().map(|u| (u.feature, &*u.path)).collect();
        assert_eq!(found, want, "{text}");
    }
}

#[test]
fn affinity_and_spreading() {
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    check(vec![
        (json!({}), vec![]),
        (
            json!({"nodeSelector": {}, "affinity": {}, "topologySpreadConstraints": [],
                "resourceClaims": null}),
            vec![],
        ),
        (json!({"nodeSelector": {"disk": "ssd"}}), vec![]),
        (json!({"affinity": {"nodeAffinity": {preferred: [{}]}}}), vec![]),
        (
            json!({"affinity": {
                "podAffinity": {required: [{}]}, "podAntiAffinity": {preferred: [{}]}}}),
            vec![],
        ),
        (json!({"topologySpreadConstraints": [{"maxSkew": 1}]}), vec![]),
        // Behind a gate that is off.
        (json!({"schedulingGroup": {"podGroupName": "g"}}), vec![]),
    ]);
}

#[test]
fn no_volume_is_held() {
    let kinds = [
        "emptyDir",
        "configMap",
        "secret",
        "hostPath",
        "projected",
        "downwardAPI",
        "nfs",
        "csi",
        "image",
        "cephfs",
        "gcePersistentDisk",
        "awsElasticBlockStore",
        "iscsi",
        "rbd",
        "azureDisk",
        "azureFile",
        "cinder",
        "vsphereVolume",
        "portworxVolume",
        "persistentVolumeClaim",
        "ephemeral",
    ];
    for kind in kinds {
        check(vec![(json!({"volumes": [{"name": "v", kind: {}}]}), vec![])]);
    }
}

#[test]
fn resource_claims() {
    let class = "deviceclass.resource.kubernetes.io/gpu";
    let path = format!("spec.containers[0].resources.requests.{class}");
    let asks = |amount: &str| json!([{"name": "a", "resources": {"limits": {class: amount}}}]);
    check(vec![
        (
            json!({"resourceClaims": [{"name": "c", "resourceClaimName": "d"}]}),
            vec![(ResourceClaims, "spec.resourceClaims")],
        ),
        (json!({"containers": asks("1")}), vec![(ResourceClaims, &path)]),
        (json!({"containers": asks("0")}), vec![]),
    ]);
}

#[test]
fn required_features() {
    const ALL: [&str; 3] = [
        "RestartAllContainersOnContainerExits",
        "UserNamespacesHostNetworkSupport",
        "VolumeBindMountOptions",
    ];
    let rules = json!([{"action": "Restart"}, {"action": "RestartAllContainers"}]);
    let mounts = json!([{"name": "v"}, {"name": "v", "bindMountOptions": ["nodev"]}]);
    let container = json!([{"name": "a", "restartPolicyRules": rules, "volumeMounts": mounts}]);
    let rows: [(serde_json::Value, &[&str]); 6] = [
        (json!({"hostNetwork": true, "hostUsers": true}), &[]),
        (json!({"hostUsers": false}), &[]),
        (json!({"hostNetwork": true, "hostUsers": false}), &ALL[1..2]),
        (json!({"initContainers": container}), &[ALL[0], ALL[2]]),
        (json!({"hostNetwork": true, "hostUsers": false, "containers": container}), &ALL),
        (json!({"ephemeralContainers": container}), &ALL[2..]),
    ];
    for (spec, expected) in rows {
        let text = spec.to_string();
        assert_eq!(pod(spec).required_features, expected, "{text}");
    }
}
