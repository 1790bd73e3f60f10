//! Nodes to be created at the start.

use serde_json::{Value, json};

/// How many nodes, and what they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNodes {
    /// How many: `node-1`, `node-2` and so on.
    pub count: usize,
    /// Capacity, as a quantity.
    pub cpu: String,
    /// Capacity, as a quantity.
    pub memory: String,
    /// How many pods each takes.
    pub pods: u32,
    /// Zones they are spread over in turn: `zone-1`, `zone-2` and so on; at least one.
    pub zones: usize,
    /// Labels whose values the nodes have in turn.
    pub labels: Vec<(String, Vec<String>)>,
}

impl Default for NewNodes {
    fn default() -> Self {
        Self {
            count: 10,
            cpu: "4".to_owned(),
            memory: "16Gi".to_owned(),
            pods: 110,
            zones: 3,
            labels: Vec::new(),
        }
    }
}

impl NewNodes {
    /// All of them.
    pub fn objects(&self) -> impl Iterator<Item = Value> {
        (1..=self.count).map(|number| self.node(number))
    }

    /// The node with this number, from 1.
    pub(super) fn node(&self, number: usize) -> Value {
        let name = format!("node-{number}");
        let zone = format!("zone-{}", (number - 1) % self.zones.max(1) + 1);
        let amounts = json!({
            "cpu": self.cpu, "memory": self.memory, "pods": self.pods.to_string(),
            "ephemeral-storage": "100Gi",
        });
        let mut labels = json!({
            "kubernetes.io/hostname": name,
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/os": "linux",
            "topology.kubernetes.io/zone": zone,
        });
        for (key, values) in &self.labels {
            if let Some(value) = values.get((number - 1) % values.len().max(1)) {
                labels[key] = value.as_str().into();
            }
        }
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "status": {"capacity": amounts, "allocatable": amounts},
        })
    }
}
