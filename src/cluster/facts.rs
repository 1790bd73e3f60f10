//! What is known of a node or a pod, put together again as a plain value: what it was before a change, for
//! queueing hints.

use crate::model::{Labels, Node, Pod, PodRequests};
use crate::units::{NodeId, PodId, Resources};

use super::{Cluster, Row};

impl Cluster {
    /// Node `id` as it is known, without its images.
    #[must_use]
    pub fn node_facts(&self, id: NodeId) -> Node {
        let (row, entry) = (&self.rows[id], &self.entries[id]);
        let mut scalars: Vec<(Box<str>, i64)> = self.scalars[id]
            .iter()
            .filter(|scalar| scalar.allocatable != 0)
            .filter_map(|s| Some((self.resource_names.get(s.name)?.clone(), s.allocatable)))
            .collect();
        scalars.sort_unstable();
        let taints = self.taint_sets.get(row.taints).cloned().unwrap_or_default();
        Node {
            name: (&*entry.name).into(),
            labels: self.labels.of(&entry.labels),
            taints,
            unschedulable: row.flags & Row::UNSCHEDULABLE != 0,
            allocatable: Resources {
                milli_cpu: row.allocatable_milli_cpu,
                memory: row.allocatable_memory,
                ephemeral_storage: row.allocatable_ephemeral_storage,
                scalars,
            },
            allocatable_pods: row.allocatable_pods,
            declared_features: entry.declared_features.clone(),
            images: Vec::new(),
        }
    }

    /// Pod `id` as it is known: its names, priority, labels, affinity, ports, volumes, what it uses, and the
    /// node on which it counts.
    #[must_use]
    pub fn pod_facts(&self, id: PodId) -> Option<Pod> {
        let entry = self.pod(id)?;
        let class = self.class(entry.class);
        let usage = &entry.usage;
        let scalars = usage.scalars.iter();
        let scalars = scalars
            .filter_map(|(name, amount)| Some((self.resource_names.get(*name)?.clone(), *amount)));
        let usage = Resources {
            milli_cpu: usage.milli_cpu,
            memory: usage.memory,
            ephemeral_storage: usage.ephemeral_storage,
            scalars: scalars.collect(),
        };
        Some(Pod {
            key: entry.key.clone(),
            uid: entry.uid.clone(),
            priority: entry.priority,
            labels: class.map_or(Labels::EMPTY, |class| class.labels.clone()),
            terminating: class.is_some_and(|class| class.terminating),
            pod_affinity: class.and_then(|class| class.affinity.clone()),
            node_name: entry.place.node().map(|node| self.node_name(node).into()),
            nominated_node: entry.nominated_node.clone(),
            host_ports: entry.ports.to_vec(),
            volumes: entry.volumes.to_vec(),
            requests: PodRequests { usage, ..PodRequests::default() },
            ..Pod::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Effect, HostPort, PodKey, PodVolume, Taint, VolumeSource};

    fn resources() -> Resources {
        let scalars = vec![("a/a".into(), 2), ("b/b".into(), 3)];
        Resources { milli_cpu: 1, memory: 2, ephemeral_storage: 3, scalars }
    }

    #[test]
    fn nodes_and_pods_come_back_as_they_were() {
        let mut cluster = Cluster::new(1);
        let node = Node {
            name: "n".into(),
            labels: Labels::from_iter([("a", "1"), ("b", "2")]),
            taints: vec![Taint { key: "k".into(), value: "v".into(), effect: Effect::NoExecute }],
            unschedulable: true,
            allocatable: resources(),
            allocatable_pods: 7,
            declared_features: vec!["f".into()],
            images: Vec::new(),
        };
        cluster.upsert_node(&node, 0);
        let id = cluster.find_node("n").unwrap();
        assert_eq!(cluster.node_facts(id), node);
        let port = HostPort { protocol: "TCP".into(), ip: "0.0.0.0".into(), port: 80 };
        let source = VolumeSource::Claim { name: "claim".into() };
        let pod = Pod {
            key: PodKey { namespace: "default".into(), name: "p".into() },
            uid: "u".into(),
            priority: 3,
            labels: Labels::from_iter([("a", "1")]),
            node_name: Some("n".into()),
            host_ports: vec![port],
            volumes: vec![PodVolume { name: "v".into(), source }],
            requests: PodRequests { usage: resources(), ..PodRequests::default() },
            ..Pod::default()
        };
        let id = cluster.add_pod(&pod, 0);
        assert_eq!(cluster.pod_facts(id), Some(pod));
    }
}
