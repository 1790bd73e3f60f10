//! Objects of no sense: refused or stored, never a panic. What is stored is in `tests/objects_real`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Lookup, on_bind, on_create, on_update};

const NOW: &str = "2026-11-23T05:00:00Z";
const RESOURCES: [&str; 24] = [
    "pods",
    "nodes",
    "namespaces",
    "services",
    "configmaps",
    "secrets",
    "limitranges",
    "events",
    "persistentvolumes",
    "persistentvolumeclaims",
    "replicationcontrollers",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
    "poddisruptionbudgets.policy",
    "priorityclasses.scheduling.k8s.io",
    "csinodes.storage.k8s.io",
    "leases.coordination.k8s.io",
    "endpointslices.discovery.k8s.io",
    "events.events.k8s.io",
    "resourceclaims.resource.k8s.io",
];
/// Fields that the rules look into.
const FIELDS: [&str; 16] = [
    "containers",
    "initContainers",
    "volumes",
    "affinity",
    "tolerations",
    "topologySpreadConstraints",
    "resources",
    "template",
    "selector",
    "ports",
    "strategy",
    "volumeClaimTemplates",
    "jobTemplate",
    "devices",
    "taints",
    "capacity",
];

/// A store with nothing in it.
struct Nothing;

impl Lookup for Nothing {
    fn get(&self, _: &str, _: &str, _: &str) -> Option<Arc<Value>> {
        None
    }

    fn list(&self, _: &str, _: Option<&str>) -> Vec<Arc<Value>> {
        Vec::new()
    }
}

#[test]
fn values_of_wrong_types_do_no_harm() {
    let odd = [json!("x"), json!(5), json!([1, "x", null, [], {}]), json!({"spec": 5, "x": [3]})];
    let mut answers = 0;
    for resource in RESOURCES {
        for field in FIELDS {
            for value in &odd {
                let object = json!({
                    "metadata": {"name": "a", "namespace": "b", "labels": value},
                    "spec": {field: value, "x": value}, "status": {"conditions": value},
                });
                let mut new = object.clone();
                answers += usize::from(on_create(resource, &mut new, NOW, &Nothing).is_err());
                for part in [None, Some("status"), Some("resize"), Some("ephemeralcontainers")] {
                    let mut new = object.clone();
                    let _ = on_update(resource, part, &object, &mut new, NOW, &Nothing);
                }
                let _ = on_bind(object.clone(), &object, NOW, &Nothing);
            }
        }
    }
    assert!(answers > 0, "most of these are refused");
    for object in [json!(null), json!([]), json!({"metadata": 5}), json!({"spec": "x"})] {
        on_create("pods", &mut object.clone(), NOW, &Nothing).expect_err("this is no object");
    }
}
