//! Images on nodes and in pods, in the plain topics and in `images+`. Called for each node and container.

use super::Gen;
use serde_json::{Value, json};

const IMAGES: [(&str, u64); 4] = [
    ("registry.example/web:v1", 250 << 20),
    ("registry.example/db:14", 900 << 20),
    ("registry.example/tiny:1", 9 << 20),
    ("registry.example/ml:cu12", 3 << 30),
];

/// An image of `images+`: what nodes call it, what pods call it (right or not), its size.
pub(super) struct Image {
    names: &'static [&'static str],
    references: &'static [&'static str],
    bytes: u64,
}

const WEB: &str =
    "registry.example/web@sha256:9b2e4f0f6a1d0c57b8d1f3b7a5f6c4e3d2c1b0a99887766554433221100ffeed";
const SIDECAR: &str = "registry.example/sidecar@sha256:\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The images of `images+`.
pub(super) const CATALOG: [Image; 9] = [
    Image {
        names: &[WEB, "registry.example/web:v1", "registry.example/web:stable"],
        references: &["registry.example/web:v1", "registry.example/web:stable", WEB],
        bytes: 250 << 20,
    },
    Image {
        names: &["registry.example/db:14"],
        references: &["registry.example/db:14", "registry.example/db:15", "registry.example/db"],
        bytes: 900 << 20,
    },
    Image {
        names: &["registry.example/tiny:1"],
        references: &["registry.example/tiny:1"],
        bytes: 9 << 20,
    },
    Image {
        names: &["registry.example/ml:cu12", "registry.example/ml:latest"],
        references: &["registry.example/ml", "registry.example/ml:cu12"],
        bytes: 3 << 30,
    },
    Image {
        names: &["registry.example:5000/team/tool:latest"],
        references: &["registry.example:5000/team/tool", "registry.example:5000/team/tool:2"],
        bytes: 23 << 20,
    },
    Image {
        names: &["busybox:latest", "mirror.example/library/busybox:latest"],
        references: &["busybox", "busybox:latest", "library/busybox"],
        bytes: 31_457_281,
    },
    Image {
        names: &[SIDECAR],
        references: &[SIDECAR, "registry.example/sidecar"],
        bytes: 999_999_999,
    },
    Image {
        names: &["registry.example/huge:1"],
        references: &["registry.example/huge:1"],
        bytes: 12 << 30,
    },
    Image {
        names: &["<none>@<none>", "<none>:<none>"],
        references: &["registry.example/none"],
        bytes: 700 << 20,
    },
];

impl Gen {
    /// The images of one node.
    pub(super) fn node_images(&mut self) -> Value {
        IMAGES
            .iter()
            .filter(|_| self.rng.percent(50))
            .map(|(name, bytes)| json!({"names": [name], "sizeBytes": bytes}))
            .collect()
    }

    /// Draws how common each image of the catalog is among the nodes of this scenario.
    pub(super) fn draw_image_spread(&mut self) {
        let rng = &mut self.rng;
        self.image_spread = CATALOG.iter().map(|_| rng.pick(&[5, 12, 50, 90, 100])).collect();
    }

    /// The images of one node of `images+`: none at all on a few; now and then with another size than
    /// elsewhere, twice, or without a name.
    pub(super) fn many_images(&mut self, status: &mut Value) {
        if self.rng.percent(5) {
            return;
        }
        let mut list = Vec::new();
        for (image, spread) in CATALOG.iter().zip(self.image_spread.clone()) {
            if !self.rng.percent(spread) {
                continue;
            }
            let factor = if self.rng.percent(4) { 2 } else { 1 };
            list.push(json!({"names": image.names, "sizeBytes": image.bytes * factor}));
            if self.rng.percent(3) {
                list.push(json!({"names": image.names, "sizeBytes": 1}));
            }
        }
        if self.rng.percent(5) {
            list.push(json!({"names": [], "sizeBytes": 5_000_000}));
        }
        status["images"] = list.into();
    }

    /// What one container runs.
    pub(super) fn container_image(&mut self) -> &'static str {
        if self.reaches("images") {
            return self.reference();
        }
        if self.rng.percent(80) { self.rng.pick(&IMAGES).0 } else { "registry.example/none" }
    }

    fn reference(&mut self) -> &'static str {
        let image = &CATALOG[self.rng.below(CATALOG.len())];
        self.rng.pick(image.references)
    }

    /// Adds init containers and image volumes to a pod of `images+`.
    pub(super) fn many_pod_images(&mut self, spec: &mut Value) {
        if self.rng.percent(40) {
            let count = self.rng.between(1, 3);
            let inits = (0..count).map(|i| {
                let mut init = json!({"name": format!("i{i}"), "image": self.reference()});
                if self.rng.percent(40) {
                    init["restartPolicy"] = json!("Always");
                }
                init
            });
            spec["initContainers"] = inits.collect();
        }
        if self.rng.percent(35) {
            let count = self.rng.between(1, 3);
            let mut volumes: Vec<Value> = Vec::new();
            for i in 0..count {
                let mut image = json!({"reference": self.reference()});
                if self.rng.percent(50) {
                    image["pullPolicy"] = json!("IfNotPresent");
                }
                volumes.push(json!({"name": format!("m{i}"), "image": image}));
            }
            if self.rng.percent(30) {
                volumes.push(json!({"name": "scratch", "emptyDir": {}}));
            }
            spec["volumes"] = volumes.into();
        }
    }
}
