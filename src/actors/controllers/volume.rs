//! Volumes: claims get a volume that is there, or one that is made for them. Pure.
//!
//! Upstream: pkg/controller/volume/persistentvolume, v1.37, with the provisioners that run beside it.
//! Differs from upstream: every class with a provisioner is provisioned by a volume that is only an
//! object, nothing is ever resized, and a volume whose claim is gone is deleted or released at once.

use std::cmp::Reverse;

use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

use crate::units::Quantity;

use super::cache::Cache;
use super::kind::{Key, Kind};
use super::plan::{Action, Plan, annotation, is_deleting, name, namespace, uid};
use super::pod;

const CLASS_OF_OLD: &str = "volume.beta.kubernetes.io/storage-class";
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";
/// A class without a provisioner.
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// What is to be done about a claim.
pub(super) fn reconcile_claim(cache: &Cache, key: &Key) -> Plan {
    let mut plan = Plan::default();
    let Some(claim) = cache.get(Kind::PersistentVolumeClaim, key) else { return plan };
    if is_deleting(claim) {
        let is_used = |pod: &pod::Pod| !pod.is_finished() && pod.claims.contains(&key.name);
        if !cache.pods_in(&key.namespace).any(is_used) {
            unprotect(Kind::PersistentVolumeClaim, claim, CLAIM_PROTECTION, &mut plan);
        }
        return plan;
    }
    if claim.data["status"]["phase"] == "Lost" {
        return plan;
    }
    if let Some(volume) = claim.data["spec"]["volumeName"].as_str().filter(|name| !name.is_empty())
    {
        let volume = cache.get(Kind::PersistentVolume, &cluster_key(volume));
        if let Some(volume) = volume.filter(|volume| is_free(volume) || is_for(volume, claim)) {
            bind(claim, volume, &mut plan);
        }
        return plan;
    }
    // One that names this claim comes before all others.
    let volumes = || cache.all(Kind::PersistentVolume).map(|(_, volume)| volume);
    if let Some(volume) = volumes().find(|volume| is_for(volume, claim)) {
        bind(claim, volume, &mut plan);
        return plan;
    }
    let class = class(claim).and_then(|name| cache.get(Kind::StorageClass, &cluster_key(name)));
    let class_data = class.map_or(&Value::Null, |class| &class.data);
    let waits = class_data["volumeBindingMode"] == "WaitForFirstConsumer";
    let node = annotation(claim, SELECTED_NODE);
    if waits && node.is_none() {
        return plan;
    }
    if !waits {
        let fitting = volumes().filter(|volume| is_free(volume) && fits(claim, volume));
        if let Some(volume) = fitting.min_by_key(|volume| (size(volume), Reverse(name(volume)))) {
            bind(claim, volume, &mut plan);
            return plan;
        }
    }
    let provisioner = class_data["provisioner"].as_str().filter(|name| *name != NO_PROVISIONER);
    if let (Some(class), Some(provisioner)) = (class, provisioner) {
        provision(claim, class, provisioner, node, &mut plan);
    }
    plan
}

/// What is to be done about a volume.
pub(super) fn reconcile_volume(cache: &Cache, key: &Key) -> Plan {
    let mut plan = Plan::default();
    let Some(volume) = cache.get(Kind::PersistentVolume, key) else { return plan };
    if is_deleting(volume) {
        if volume.data["status"]["phase"] != "Bound" {
            unprotect(Kind::PersistentVolume, volume, VOLUME_PROTECTION, &mut plan);
        }
        return plan;
    }
    let wanted = &volume.data["spec"]["claimRef"];
    let claim_key = Key {
        namespace: wanted["namespace"].as_str().unwrap_or_default().into(),
        name: wanted["name"].as_str().unwrap_or_default().into(),
    };
    let claim = cache.get(Kind::PersistentVolumeClaim, &claim_key);
    let is_bound = claim.is_some_and(|claim| {
        is_for(volume, claim) && claim.data["spec"]["volumeName"] == *name(volume)
    });
    let is_lost =
        wanted["uid"].as_str().is_some_and(|wanted| claim.is_none_or(|c| uid(c) != wanted));
    let phase = match (is_bound, is_lost) {
        (true, _) => "Bound",
        (_, true) => "Released",
        _ => "Available",
    };
    let mut status = Map::new();
    status.insert("phase".into(), json!(phase));
    plan.status(Kind::PersistentVolume, volume, status);
    if is_lost && volume.data["spec"]["persistentVolumeReclaimPolicy"] == "Delete" {
        plan.push(Action::delete(Kind::PersistentVolume, key, uid(volume)));
    }
    plan
}

/// Takes the finalizer out that keeps what is in use.
///
/// Upstream: pkg/controller/volume/pvcprotection and pvprotection, v1.37.
fn unprotect(kind: Kind, object: &DynamicObject, finalizer: &str, plan: &mut Plan) {
    let finalizers = object.metadata.finalizers.as_deref().unwrap_or_default();
    if !finalizers.iter().any(|name| name == finalizer) {
        return;
    }
    let left: Vec<&String> = finalizers.iter().filter(|name| *name != finalizer).collect();
    let change = json!({"metadata": {
        "uid": uid(object), "resourceVersion": object.metadata.resource_version,
        "finalizers": left,
    }});
    plan.push(Action::merge(kind, &pod::key(&object.metadata), change));
}

fn cluster_key(name: &str) -> Key {
    Key { namespace: "".into(), name: name.into() }
}

/// The class that a claim names; the empty one is none.
fn class(claim: &DynamicObject) -> Option<&str> {
    let named = annotation(claim, CLASS_OF_OLD);
    named
        .or_else(|| claim.data["spec"]["storageClassName"].as_str())
        .filter(|name| !name.is_empty())
}

fn is_free(volume: &DynamicObject) -> bool {
    volume.data["spec"]["claimRef"].is_null() && !is_deleting(volume)
}

/// Whether a volume is meant for a claim.
fn is_for(volume: &DynamicObject, claim: &DynamicObject) -> bool {
    let wanted = &volume.data["spec"]["claimRef"];
    wanted["name"] == *name(claim)
        && wanted["namespace"] == *namespace(claim)
        && wanted["uid"].as_str().is_none_or(|wanted| wanted.is_empty() || wanted == uid(claim))
}

fn amount(value: &Value) -> Quantity {
    value.as_str().and_then(|text| Quantity::parse(text).ok()).unwrap_or(Quantity::ZERO)
}

fn size(volume: &DynamicObject) -> i64 {
    amount(&volume.data["spec"]["capacity"]["storage"]).value()
}

/// Upstream: volume.FindMatchingVolume, v1.37; label selectors of claims are not looked at beyond
/// `matchLabels`.
fn fits(claim: &DynamicObject, volume: &DynamicObject) -> bool {
    let (asked, has) = (&claim.data["spec"], &volume.data["spec"]);
    let modes = |spec: &Value| spec["accessModes"].as_array().cloned().unwrap_or_default();
    let mode = |spec: &Value| spec["volumeMode"].as_str().unwrap_or("Filesystem").to_owned();
    let labels = pod::labels(&volume.metadata);
    let mut selected = asked["selector"]["matchLabels"].as_object().into_iter().flatten();
    amount(&asked["resources"]["requests"]["storage"]).value() <= size(volume)
        && modes(asked).iter().all(|mode| modes(has).contains(mode))
        && mode(asked) == mode(has)
        && class(claim).unwrap_or_default() == has["storageClassName"].as_str().unwrap_or_default()
        && selected.all(|(key, value)| labels.get(key) == value.as_str())
}

/// Binds both to each other: the volume's reference, the claim's, the claim's status.
fn bind(claim: &DynamicObject, volume: &DynamicObject, plan: &mut Plan) {
    let (claim_key, volume_key) = (pod::key(&claim.metadata), pod::key(&volume.metadata));
    if volume.data["spec"]["claimRef"]["uid"] != *uid(claim) {
        let change = json!({
            "metadata": {
                "uid": uid(volume), "resourceVersion": volume.metadata.resource_version,
                "annotations": {BOUND_BY_CONTROLLER: "yes"},
            },
            "spec": {"claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": name(claim),
                "namespace": namespace(claim), "uid": uid(claim),
            }},
        });
        plan.push(Action::merge(Kind::PersistentVolume, &volume_key, change));
        // The next step follows from how this one went.
        return;
    }
    let mut annotations = json!({BIND_COMPLETED: "yes"});
    if claim.data["spec"]["volumeName"] != *name(volume) {
        annotations[BOUND_BY_CONTROLLER] = json!("yes");
    }
    let completed = annotation(claim, BIND_COMPLETED).is_some();
    if !completed || claim.data["spec"]["volumeName"] != *name(volume) {
        let change = json!({
            "metadata": {"uid": uid(claim), "annotations": annotations},
            "spec": {"volumeName": name(volume)},
        });
        plan.push(Action::merge(Kind::PersistentVolumeClaim, &claim_key, change));
    }
    let mut status = Map::new();
    status.insert("phase".into(), json!("Bound"));
    status.insert("accessModes".into(), volume.data["spec"]["accessModes"].clone());
    status.insert("capacity".into(), volume.data["spec"]["capacity"].clone());
    plan.status(Kind::PersistentVolumeClaim, claim, status);
}

/// Makes a volume for a claim, on the node that was selected where there is one.
fn provision(
    claim: &DynamicObject,
    class: &DynamicObject,
    provisioner: &str,
    node: Option<&str>,
    plan: &mut Plan,
) {
    let asked = &claim.data["spec"];
    let volume = format!("pvc-{}", uid(claim));
    let policy = class.data["reclaimPolicy"].as_str().unwrap_or("Delete");
    // A CSI driver has the name of a domain; what has another (rancher.io/local-path) makes folders.
    let is_driver = !provisioner.contains('/');
    let csi = is_driver.then(|| json!({"driver": provisioner, "volumeHandle": volume}));
    let folder = (!is_driver).then(|| json!({"path": format!("/pretend/{volume}")}));
    let on_node = |node: &str| {
        let host = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [node]});
        json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [host]}]}})
    };
    let created = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": volume, "annotations": {PROVISIONED_BY: provisioner}},
        "spec": {
            "accessModes": asked["accessModes"], "volumeMode": asked["volumeMode"],
            "capacity": {"storage": asked["resources"]["requests"]["storage"]},
            "storageClassName": name(class), "persistentVolumeReclaimPolicy": policy,
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": name(claim),
                "namespace": namespace(claim), "uid": uid(claim),
            },
            "csi": csi, "hostPath": folder, "nodeAffinity": node.map(on_node),
        },
    });
    let text = format!("Successfully provisioned volume {volume}");
    let create = Action::create(Kind::PersistentVolume, "", created);
    plan.push(create.saying("ProvisioningSucceeded", text));
}

#[cfg(test)]
mod tests {
    use super::super::kit::{Scene, bodies};
    use super::*;

    fn claim(scene: &mut Scene, class: &str, parts: &Value) {
        let mut object = json!({"spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "resources": {"requests": {"storage": "5Gi"}},
        }});
        super::super::kit::merge(&mut object, parts);
        scene.put(Kind::PersistentVolumeClaim, "c", object);
    }

    /// Adds objects of the cluster: a class, and volumes of it by their sizes.
    fn cluster(scene: &mut Scene, class: &Value, volumes: &[(&str, &str)]) {
        let global = json!({"metadata": {"namespace": null}});
        let mut class = class.clone();
        super::super::kit::merge(&mut class, &global);
        scene.put(Kind::StorageClass, "k", class);
        for (name, size) in volumes {
            let mut volume = global.clone();
            volume["spec"] = json!({
                "accessModes": ["ReadWriteOnce"], "storageClassName": "k",
                "capacity": {"storage": size},
            });
            scene.put(Kind::PersistentVolume, name, volume);
        }
    }

    fn look(scene: &Scene) -> Plan {
        reconcile_claim(&scene.cache, &Scene::key("c"))
    }

    #[test]
    fn a_claim_gets_the_smallest_volume_that_is_large_enough() {
        let mut scene = Scene::default();
        let class = json!({"provisioner": NO_PROVISIONER});
        cluster(&mut scene, &class, &[("small", "1Gi"), ("large", "9Gi"), ("fitting", "6Gi")]);
        claim(&mut scene, "k", &json!({}));
        let plan = look(&scene);
        let written = plan.actions[0].write.as_ref().map(|write| write.path.as_str());
        assert_eq!(written, Some("/api/v1/persistentvolumes/fitting"));
        assert_eq!(bodies(&plan, Kind::PersistentVolume)[0]["spec"]["claimRef"]["uid"], "c-uid");
        // Seen again, the volume being this claim's.
        let bound = json!({"metadata": {"namespace": null}, "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "6Gi"},
            "claimRef": {"namespace": "ns", "name": "c", "uid": "c-uid"},
        }});
        scene.put(Kind::PersistentVolume, "fitting", bound);
        let plan = look(&scene);
        let written = bodies(&plan, Kind::PersistentVolumeClaim);
        assert_eq!(written[0]["spec"]["volumeName"], "fitting");
        assert_eq!(written[1]["status"]["phase"], "Bound");
        assert_eq!(written[1]["status"]["capacity"]["storage"], "6Gi");
    }

    #[test]
    fn a_class_makes_volumes_at_once_or_when_a_node_is_selected() {
        for (mode, parts, want) in [
            ("Immediate", json!({}), 1),
            ("WaitForFirstConsumer", json!({}), 0),
            (
                "WaitForFirstConsumer",
                json!({"metadata": {"annotations": {SELECTED_NODE: "n1"}}}),
                1,
            ),
        ] {
            let mut scene = Scene::default();
            let class = json!({"provisioner": "x.io/y", "volumeBindingMode": mode});
            cluster(&mut scene, &class, &[]);
            claim(&mut scene, "k", &parts);
            let made = bodies(&look(&scene), Kind::PersistentVolume);
            assert_eq!(made.len(), want, "{mode} {parts}");
            if parts != json!({}) {
                let terms = &made[0]["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"];
                assert_eq!(terms[0]["matchExpressions"][0]["values"], json!(["n1"]));
            }
        }
    }

    #[test]
    fn a_claim_in_use_is_kept_until_its_pod_is_gone() {
        let mut scene = Scene::default();
        let finalizers = json!({"metadata": {
            "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [CLAIM_PROTECTION, "x"],
        }});
        claim(&mut scene, "k", &finalizers);
        let uses = json!({"spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "c"}}]}});
        scene.pod_with("p", None, json!({}), "Running", uses);
        assert_eq!(look(&scene), Plan::default());
        scene.cache.forget_pod(&Scene::key("p"), "p-uid");
        let body = &bodies(&look(&scene), Kind::PersistentVolumeClaim)[0];
        assert_eq!(body["metadata"]["finalizers"], json!(["x"]));
    }

    #[test]
    fn a_volume_whose_claim_is_gone_is_released_or_deleted() {
        for (policy, is_deleted) in [("Retain", false), ("Delete", true)] {
            let mut scene = Scene::default();
            scene.put(
                Kind::PersistentVolume,
                "v",
                json!({
                    "metadata": {"namespace": null},
                    "spec": {
                        "persistentVolumeReclaimPolicy": policy,
                        "claimRef": {"namespace": "ns", "name": "c", "uid": "c-uid"},
                    },
                }),
            );
            let plan = reconcile_volume(&scene.cache, &cluster_key("v"));
            assert_eq!(bodies(&plan, Kind::PersistentVolume)[0]["status"]["phase"], "Released");
            assert_eq!(plan.actions.iter().any(|action| action.deletes.is_some()), is_deleted);
        }
    }
}
