//! Storage classes, CSI drivers, CSI nodes and storage capacities of the storage scenarios. Called by
//! `volumes+`.

use super::{Gen, ZONE};
use serde_json::{Value, json};

pub(super) const PLAIN: &str = "csi.example.com";
const TRACKED: &str = "cap.example.com";
/// The drivers that stand in for volume plugins inside Kubernetes.
const MIGRATED: [&str; 3] =
    ["pd.csi.storage.gke.io", "ebs.csi.aws.com", "cinder.csi.openstack.org"];

/// The classes whose volumes wait for a pod.
pub(super) const WAITING: [&str; 9] =
    ["wait", "wait", "tracked", "tracked", "everywhere", "local", "local", "gce", "driverless"];

impl Gen {
    /// Everything that stands above claims and volumes.
    pub(super) fn storage_frame(&mut self, nodes: &[Value]) -> Vec<Value> {
        let mut objects = self.classes();
        objects.extend(self.drivers());
        for node in nodes {
            if self.rng.percent(85) {
                objects.push(self.full_csi_node(&node["metadata"]["name"]));
            }
        }
        objects.extend(self.capacities());
        objects
    }

    fn classes(&mut self) -> Vec<Value> {
        let rows = [
            ("wait", PLAIN, "WaitForFirstConsumer"),
            ("tracked", TRACKED, "WaitForFirstConsumer"),
            ("everywhere", TRACKED, "WaitForFirstConsumer"),
            ("local", "kubernetes.io/no-provisioner", "WaitForFirstConsumer"),
            ("gce", "kubernetes.io/gce-pd", "WaitForFirstConsumer"),
            ("driverless", "other.example.com", "WaitForFirstConsumer"),
            ("now", PLAIN, "Immediate"),
            ("modeless", PLAIN, ""),
        ];
        let mut classes = Vec::new();
        for (name, provisioner, mode) in rows {
            let mut class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                "metadata": {"name": name}, "provisioner": provisioner});
            if !mode.is_empty() {
                class["volumeBindingMode"] = json!(mode);
            }
            if ["wait", "tracked"].contains(&name) && self.rng.percent(40) {
                class["allowedTopologies"] = self.topologies();
            }
            classes.push(class);
        }
        classes
    }

    fn topologies(&mut self) -> Value {
        let zones = |values: &[&str]| json!({"key": ZONE, "values": values});
        match self.rng.below(5) {
            0 => json!([{"matchLabelExpressions": [zones(&["z0", "z1"])]}]),
            1 => json!([{"matchLabelExpressions": [zones(&["z0", "z1", "z2"]),
                                                   {"key": "disk", "values": ["ssd", "hdd"]}]}]),
            2 => json!([{"matchLabelExpressions": [zones(&["z0"])]},
                        {"matchLabelExpressions": [zones(&["z2"])]}]),
            3 => json!([{"matchLabelExpressions": [zones(&["elsewhere"])]}]),
            _ => json!([{}]),
        }
    }

    fn drivers(&mut self) -> Vec<Value> {
        let mut drivers = Vec::new();
        for name in [PLAIN, TRACKED, MIGRATED[0], MIGRATED[1]] {
            if name != TRACKED && self.rng.percent(15) {
                continue;
            }
            let mut spec = json!({});
            if name == TRACKED || self.rng.percent(50) {
                spec["storageCapacity"] = json!(name == TRACKED);
            }
            if self.rng.percent(40) {
                spec["preventPodSchedulingIfMissing"] = json!(self.rng.percent(70));
            }
            drivers.push(json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver",
                "metadata": {"name": name}, "spec": spec}));
        }
        drivers
    }

    fn full_csi_node(&mut self, name: &Value) -> Value {
        let mut drivers = Vec::new();
        for driver in [PLAIN, TRACKED].into_iter().chain(MIGRATED) {
            if self.rng.percent(25) {
                continue;
            }
            let mut entry = json!({"name": driver, "nodeID": name, "topologyKeys": [ZONE]});
            match self.rng.below(10) {
                0..2 => {}
                2 => entry["allocatable"] = json!({}),
                3 => entry["allocatable"] = json!({"count": 0}),
                _ => entry["allocatable"] = json!({"count": self.rng.between(1, 5)}),
            }
            drivers.push(entry);
        }
        let mut node = json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode",
            "metadata": {"name": name}, "spec": {"drivers": drivers}});
        if self.rng.percent(60) {
            let plugins = self.rng.pick(&[
                "kubernetes.io/gce-pd,kubernetes.io/aws-ebs,kubernetes.io/cinder",
                "kubernetes.io/aws-ebs",
                "",
            ]);
            node["metadata"]["annotations"] =
                json!({"storage.alpha.kubernetes.io/migrated-plugins": plugins});
        }
        node
    }

    /// No two that a node could reach have the same class: upstream takes any of those that suffice.
    fn capacities(&mut self) -> Vec<Value> {
        let capacity = |name: &str, class: &str| {
            json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSIStorageCapacity",
                "metadata": {"name": name, "namespace": "default"}, "storageClassName": class})
        };
        let mut list = Vec::new();
        for zone in ["z0", "z1", "z2", "z3"] {
            if self.rng.percent(15) {
                continue;
            }
            let mut one = capacity(&format!("tracked-{zone}"), "tracked");
            one["nodeTopology"] = match self.rng.below(4) {
                0 => {
                    json!({"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]})
                }
                _ => json!({"matchLabels": {ZONE: zone}}),
            };
            if self.rng.percent(85) {
                one["capacity"] = json!(self.rng.pick(&["2Gi", "8Gi", "60Gi", "100Gi"]));
            }
            // Upstream crashes where a volume may be made and no capacity is told.
            if self.rng.percent(30) && one["capacity"].is_string() {
                one["maximumVolumeSize"] = json!(self.rng.pick(&["2Gi", "20Gi"]));
            }
            list.push(one);
        }
        let mut unreachable = capacity("unreachable", "tracked");
        unreachable["capacity"] = json!("1Ti");
        list.push(unreachable);
        if self.rng.percent(70) {
            let mut everywhere = capacity("everywhere", "everywhere");
            everywhere["nodeTopology"] = json!({});
            everywhere["capacity"] = json!(self.rng.pick(&["4Gi", "50Gi"]));
            list.push(everywhere);
        }
        list
    }
}
