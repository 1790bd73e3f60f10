//! Storage in full: claims in every state, shared ones, claims of ephemeral volumes, and what they are bound
//! to. Called by scenarios of `volumes+`, `mixed+` and `large`.

use super::classes::{PLAIN, WAITING};
use super::spread::terminating;
use super::{Gen, HOST, REGION, Scene, ZONE, text};
use serde_json::{Value, json};

const BETA_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";

/// The claims of a scenario so far.
#[derive(Default)]
pub(super) struct Storage {
    pub(super) objects: Vec<Value>,
    /// Namespace and name of claims that other pods may use too.
    shared: Vec<(String, String)>,
    /// Volumes that claims are bound to.
    pub(super) bound: Vec<String>,
    /// Namespace and name of claims without a volume.
    pub(super) open: Vec<(String, String)>,
}

impl Gen {
    /// Gives the scenario what its topic has beyond the plain one.
    pub(super) fn more_volumes(&mut self, scene: &mut Scene) {
        for node in &mut scene.nodes {
            self.located(&mut node["metadata"]["labels"]);
        }
        let mut storage =
            Storage { objects: self.storage_frame(&scene.nodes), ..Storage::default() };
        let zones: Vec<(String, String)> = scene.nodes.iter().map(place).collect();
        for pod in scene.bound.iter_mut().chain(&mut scene.pending) {
            if self.rng.percent(70) {
                self.full_volumes(pod, &zones, &mut storage);
            }
            if self.rng.percent(20) {
                pod["spec"]["priority"] = json!(self.rng.pick(&[0, 10, 100]));
            }
        }
        self.static_volumes(&scene.nodes, &mut storage);
        self.attachments(&scene.nodes, &mut storage);
        scene.others.append(&mut storage.objects);
    }

    /// Labels of a node that say where it is, in old and new names; now and then none at all.
    fn located(&mut self, labels: &mut Value) {
        let zone = labels[ZONE].clone();
        if self.rng.percent(10) {
            if let Some(labels) = labels.as_object_mut() {
                labels.remove(ZONE);
                labels.remove(REGION);
            }
            return;
        }
        if self.rng.percent(25) {
            labels[BETA_ZONE] = zone.clone();
        }
        if self.rng.percent(50) {
            labels["topology.gke.io/zone"] = zone;
        }
        // A label is a string: what was copied from a missing one goes.
        if let Some(labels) = labels.as_object_mut() {
            labels.retain(|_, value| value.is_string());
        }
    }

    fn full_volumes(&mut self, pod: &mut Value, zones: &[(String, String)], storage: &mut Storage) {
        let count = self.rng.pick(&[1, 1, 1, 2, 2, 3]);
        let mut volumes: Vec<Value> = Vec::new();
        for i in 0..count {
            let mut volume = match self.rng.below(100) {
                0..20 => self.inline_disk(),
                20..28 => self.ephemeral(pod, i, zones, storage),
                28..40 => match self.shared_claim(pod, storage) {
                    Some(source) => source,
                    None => self.inline_disk(),
                },
                _ => {
                    let name = format!("claim-{}-{i}", text(&pod["metadata"]["name"]));
                    self.claim(pod, &name, None, zones, storage);
                    json!({"persistentVolumeClaim": {"claimName": name}})
                }
            };
            volume["name"] = json!(format!("v{i}"));
            volumes.push(volume);
        }
        pod["spec"]["volumes"] = volumes.into();
    }

    /// A claim of another pod in the same namespace.
    fn shared_claim(&mut self, pod: &Value, storage: &Storage) -> Option<Value> {
        let namespace = text(&pod["metadata"]["namespace"]);
        let near: Vec<_> = storage.shared.iter().filter(|(own, _)| *own == namespace).collect();
        let (_, name) = near.get(self.rng.below(near.len()))?;
        Some(json!({"persistentVolumeClaim": {"claimName": name}}))
    }

    /// An ephemeral volume; its claim is the pod's own, somebody else's, or not there yet.
    fn ephemeral(
        &mut self,
        pod: &Value,
        i: usize,
        zones: &[(String, String)],
        storage: &mut Storage,
    ) -> Value {
        let name = format!("{}-v{i}", text(&pod["metadata"]["name"]));
        let uid = match self.rng.below(20) {
            0 => "uid-somebody".to_owned(),
            _ => text(&pod["metadata"]["uid"]),
        };
        let owner = json!([{"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"],
            "uid": uid, "controller": true}]);
        if self.rng.percent(92) {
            self.claim(pod, &name, Some(owner), zones, storage);
        }
        json!({"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"],
            "storageClassName": "wait", "resources": {"requests": {"storage": "1Gi"}}}}}})
    }

    /// A claim of `pod` in some state, with its volume if it has one.
    fn claim(
        &mut self,
        pod: &Value,
        name: &str,
        owner: Option<Value>,
        zones: &[(String, String)],
        storage: &mut Storage,
    ) {
        let namespace = text(&pod["metadata"]["namespace"]);
        let mut claim = self.open_claim_of(&namespace, name);
        if let Some(owner) = owner {
            claim["metadata"]["ownerReferences"] = owner;
        } else if self.rng.percent(40) {
            storage.shared.push((namespace.clone(), name.to_owned()));
        }
        let zone = self.zone_for(pod, zones);
        let placed = pod["spec"]["nodeName"].is_string();
        let state = if placed { self.rng.below(64) } else { self.rng.below(100) };
        match state {
            0..50 => {
                let volume = format!("pv-{namespace}-{name}");
                storage.objects.push(self.volume_of(&claim, &volume, &zone));
                storage.bound.push(volume.clone());
                bind(&mut claim, &volume);
            }
            50..53 => bind(&mut claim, "pv-gone"),
            53 => claim["spec"]["volumeName"] = json!("pv-reserved"),
            54 => {
                bind(&mut claim, "pv-lost");
                claim["status"]["phase"] = json!("Lost");
            }
            55 => terminating(&mut claim),
            56 => return,
            57 | 64..66 => self.classless(&mut claim),
            58 => {
                claim["spec"]["storageClassName"] =
                    json!(self.rng.pick(&["now", "modeless", "nope"]));
            }
            _ => {
                if self.rng.percent(10) {
                    // The node was chosen in an earlier attempt.
                    let node = format!("n{}", self.rng.below(zones.len() + 1));
                    claim["metadata"]["annotations"] =
                        json!({"volume.kubernetes.io/selected-node": node});
                }
                storage.open.push((namespace, name.to_owned()));
            }
        }
        storage.objects.push(claim);
    }

    fn classless(&mut self, claim: &mut Value) {
        match self.rng.below(3) {
            0 => claim["spec"]["storageClassName"] = json!(""),
            1 => {
                claim["metadata"]["annotations"] =
                    json!({"volume.beta.kubernetes.io/storage-class": "wait"});
                claim["spec"]["storageClassName"] = Value::Null;
            }
            _ => claim["spec"]["storageClassName"] = Value::Null,
        }
    }

    fn open_claim_of(&mut self, namespace: &str, name: &str) -> Value {
        let rng = &mut self.rng;
        let modes = rng.pick(&[
            &["ReadWriteOnce"][..],
            &["ReadWriteOnce"],
            &["ReadWriteOncePod"],
            &["ReadOnlyMany"],
            &["ReadWriteOnce", "ReadOnlyMany"],
        ]);
        let mut spec = json!({"accessModes": modes, "storageClassName": rng.pick(&WAITING),
            "resources": {"requests": {"storage": rng.pick(&["1Gi", "5Gi", "5Gi", "50Gi"])}}});
        if rng.percent(8) {
            spec["volumeMode"] = json!("Block");
        }
        if rng.percent(12) {
            spec["selector"] = match rng.below(3) {
                0 => json!({"matchLabels": {"speed": "fast"}}),
                1 => json!({"matchExpressions": [{"key": "speed", "operator": "Exists"}]}),
                _ => json!({}),
            };
        }
        if rng.percent(5) {
            spec["volumeAttributesClassName"] = json!("gold");
        }
        if rng.percent(3) {
            // Not what an API server takes, but what upstream has a branch for.
            spec["resources"] = json!({});
        }
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace,
                         "uid": format!("uid-{namespace}-{name}")},
            "spec": spec, "status": {"phase": "Pending"}})
    }

    /// The zone of the pod's node, or any.
    fn zone_for(&mut self, pod: &Value, zones: &[(String, String)]) -> String {
        let any = format!("z{}", self.rng.below(4));
        let node = text(&pod["spec"]["nodeName"]);
        match zones.iter().find(|(name, _)| *name == node) {
            Some((_, zone)) if !zone.is_empty() => zone.clone(),
            _ => any,
        }
    }

    /// The volume that `claim` is bound to: of CSI, of a plugin that moved to CSI, or of one that did not.
    fn volume_of(&mut self, claim: &Value, name: &str, zone: &str) -> Value {
        let (namespace, claimed) = (&claim["metadata"]["namespace"], &claim["metadata"]["name"]);
        let mut spec = json!({
            "capacity": {"storage": "50Gi"}, "accessModes": claim["spec"]["accessModes"],
            "storageClassName": claim["spec"]["storageClassName"],
            "claimRef": {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": claimed,
                         "uid": claim["metadata"]["uid"]},
            "persistentVolumeReclaimPolicy": "Delete",
        });
        let (field, source) = self.volume_source(name);
        spec[field] = source;
        let mut labels = json!({});
        match self.rng.below(10) {
            0..3 => {
                let expression = json!({"key": ZONE, "operator": "In", "values": [zone]});
                spec["nodeAffinity"]["required"]["nodeSelectorTerms"] =
                    json!([{"matchExpressions": [expression]}]);
            }
            3 => {
                let hosts = json!({"key": HOST, "operator": "In", "values": ["n0", "n1"]});
                let other = json!({"key": ZONE, "operator": "In", "values": [zone]});
                spec["nodeAffinity"]["required"]["nodeSelectorTerms"] =
                    json!([{"matchExpressions": [hosts]}, {"matchExpressions": [other]}]);
            }
            4..7 => self.zone_labels(&mut labels, zone),
            _ => {}
        }
        json!({"apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": name, "labels": labels,
                         "annotations": {"pv.kubernetes.io/bound-by-controller": "yes"}},
            "spec": spec, "status": {"phase": "Bound"}})
    }

    fn volume_source(&mut self, name: &str) -> (&'static str, Value) {
        let rng = &mut self.rng;
        match rng.below(20) {
            0..2 => ("gcePersistentDisk", json!({"pdName": rng.pick(&["disk-a", name])})),
            2..4 => {
                let ids = ["aws://us-east-1a/vol-7", "vol-8", "vol-1"];
                let id = if rng.percent(10) { "aws:///nonsense/" } else { rng.pick(&ids) };
                ("awsElasticBlockStore", json!({"volumeID": id}))
            }
            4 => ("cinder", json!({"volumeID": name})),
            5 => ("hostPath", json!({"path": "/data"})),
            6 if rng.percent(50) => {
                ("vsphereVolume", json!({"volumePath": format!("[store] {name}")}))
            }
            6 => ("nfs", json!({"server": "nfs.example", "path": "/"})),
            7 => ("portworxVolume", json!({"volumeID": name})),
            8 => (
                "azureDisk",
                json!({"diskName": name,
                "diskURI": format!("/subscriptions/s/{name}"), "kind": rng.pick(&["Managed", "Shared"])}),
            ),
            9 => ("csi", json!({"driver": PLAIN, "volumeHandle": "one-for-all"})),
            10 | 11 => ("csi", json!({"driver": "pd.csi.storage.gke.io", "volumeHandle": name})),
            _ => ("csi", json!({"driver": PLAIN, "volumeHandle": name})),
        }
    }

    fn zone_labels(&mut self, labels: &mut Value, zone: &str) {
        let rng = &mut self.rng;
        let zones = match rng.below(10) {
            0..3 => format!("{zone}__z3"),
            3 => format!("{zone}____z1"),
            4 => "z9".to_owned(),
            _ => zone.to_owned(),
        };
        labels[rng.pick(&[ZONE, ZONE, BETA_ZONE])] = json!(zones);
        if rng.percent(30) {
            labels[rng.pick(&[REGION, "failure-domain.beta.kubernetes.io/region"])] =
                json!(rng.pick(&["r0", "r1", "r0__r1"]));
        }
    }
}

/// A node's name and zone.
fn place(node: &Value) -> (String, String) {
    (text(&node["metadata"]["name"]), text(&node["metadata"]["labels"][ZONE]))
}

fn bind(claim: &mut Value, volume: &str) {
    claim["spec"]["volumeName"] = json!(volume);
    claim["metadata"]["annotations"] = json!({"pv.kubernetes.io/bind-completed": "yes"});
    claim["status"]["phase"] = json!("Bound");
}
