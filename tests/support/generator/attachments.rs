//! VolumeAttachments: what hangs on a node besides the volumes of its pods. Called by `volumes+`.

use super::claims::Storage;
use super::classes::PLAIN;
use super::{Gen, text};
use serde_json::{Value, json};

impl Gen {
    /// A few attachments, some of volumes that pods use as well, some that count for nothing.
    pub(super) fn attachments(&mut self, nodes: &[Value], storage: &mut Storage) {
        for i in 0..self.rng.below(2 * nodes.len()) {
            let node = text(&nodes[self.rng.below(nodes.len())]["metadata"]["name"]);
            let source = match self.rng.below(10) {
                0 => json!({"persistentVolumeName": "pv-gone"}),
                1 => json!({"inlineVolumeSpec": {"accessModes": ["ReadWriteOnce"],
                    "csi": {"driver": PLAIN, "volumeHandle": "inline"}}}),
                2..5 if !storage.bound.is_empty() => {
                    let at = self.rng.below(storage.bound.len());
                    json!({"persistentVolumeName": storage.bound[at]})
                }
                _ => {
                    let name = format!("pv-attached-{i}");
                    storage.objects.push(unclaimed(&name));
                    json!({"persistentVolumeName": name})
                }
            };
            let attacher = self.rng.pick(&[PLAIN, PLAIN, PLAIN, "pd.csi.storage.gke.io", ""]);
            storage.objects.push(
                json!({"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment",
                "metadata": {"name": format!("attached-{i}")},
                "spec": {"attacher": attacher, "nodeName": node, "source": source},
                "status": {"attached": true}}),
            );
        }
    }
}

fn unclaimed(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                 "storageClassName": "now", "csi": {"driver": PLAIN, "volumeHandle": name},
                 "persistentVolumeReclaimPolicy": "Retain"},
        "status": {"phase": "Released"}})
}
