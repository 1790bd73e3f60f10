//! Disks that pods name themselves, without a claim. Called for the pods of `volumes+`.

use super::Gen;
use serde_json::{Value, json};

impl Gen {
    /// The source of one inline volume: a disk that several pods may want, or one that never conflicts.
    pub(super) fn inline_disk(&mut self) -> Value {
        let rng = &mut self.rng;
        let read_only = rng.percent(50);
        match rng.below(11) {
            0 | 1 => json!({"gcePersistentDisk":
                {"pdName": rng.pick(&["disk-a", "disk-b"]), "readOnly": read_only}}),
            2 | 3 => json!({"awsElasticBlockStore":
                {"volumeID": rng.pick(&["vol-1", "aws://us-east-1a/vol-2"]), "readOnly": read_only}}),
            4 => json!({"iscsi": {"targetPortal": rng.pick(&["10.0.0.1:3260", "10.0.0.2:3260"]),
                "iqn": rng.pick(&["iqn.2026-01.example:a", "iqn.2026-01.example:b"]), "lun": 0,
                "readOnly": read_only}}),
            5 | 6 => {
                let count = rng.between(1, 3);
                let mut rbd = json!({"monitors": rng.sample(&["m1:6789", "m2:6789", "m3:6789"], count),
                    "image": rng.pick(&["i1", "i2"]), "readOnly": read_only});
                if rng.percent(50) {
                    // Without one the pool is `rbd`.
                    rbd["pool"] = json!(rng.pick(&["rbd", "fast"]));
                }
                json!({"rbd": rbd})
            }
            7 => json!({"cinder": {"volumeID": rng.pick(&["c1", "c2"])}}),
            8 => json!({"vsphereVolume": {"volumePath": "[store] volumes/one"}}),
            9 => {
                // Upstream cannot bring the other kinds over to CSI.
                let kind = if rng.percent(85) { "Managed" } else { "Shared" };
                json!({"azureDisk": {"diskName": "d", "diskURI": "/subscriptions/s/d", "kind": kind}})
            }
            _ => harmless(rng.below(3)),
        }
    }
}

fn harmless(which: usize) -> Value {
    match which {
        0 => json!({"emptyDir": {}}),
        1 => json!({"configMap": {"name": "settings"}}),
        _ => json!({"hostPath": {"path": "/var/log"}}),
    }
}
