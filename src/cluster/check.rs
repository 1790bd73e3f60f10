//! What must always hold of a cluster, for tests: every column equals what the pods and nodes say.

use crate::units::NodeId;

use super::row::count_usage;
use super::storage_users::StorageUsers;
use super::{Cluster, Place, Row, ScalarUse};

/// A node's name, its row, and its countable resources: name, allocatable, requested.
pub(crate) type NamedRow = (Box<str>, Row, Vec<(Box<str>, i64, i64)>);

impl Cluster {
    /// Panics where a column disagrees with the pods that are counted in it.
    pub(crate) fn sanity_check(&self) {
        for (node, row) in self.rows.iter() {
            let mut want = *row;
            let (pods, requested) = (&self.node_pods[node], Row::vacant());
            want.requested_milli_cpu = requested.requested_milli_cpu;
            want.requested_memory = 0;
            want.requested_ephemeral_storage = 0;
            want.non_zero_milli_cpu = 0;
            want.non_zero_memory = 0;
            want.pods = 0;
            want.lowest_priority = i32::MAX;
            let allocatable = |s: &ScalarUse| ScalarUse { requested: 0, ..*s };
            let mut scalars: Vec<_> = self.scalars[node].iter().map(allocatable).collect();
            for pod in pods {
                let entry = self.pod(*pod).expect("a pod on a node is known");
                assert_eq!(entry.place.node(), Some(node), "{}", entry.key);
                count_usage(&mut want, &mut scalars, &entry.usage, 1);
                want.lowest_priority = want.lowest_priority.min(entry.priority);
            }
            assert_eq!(*row, want, "row of {}", self.node_name(node));
            let mut ports = Vec::new();
            for pod in pods.iter().filter_map(|pod| self.pod(*pod)) {
                super::row::count_ports(&mut ports, &pod.ports, 1);
            }
            let mut column = self.ports[node].clone();
            ports.sort();
            column.sort();
            assert_eq!(column, ports, "host ports of {}", self.node_name(node));
            self.check_classes(node);
            scalars.sort_by_key(|s| s.name);
            let mut column = self.scalars[node].clone();
            column.sort_by_key(|s| s.name);
            assert_eq!(column, scalars, "countable resources of {}", self.node_name(node));
            if row.is_present() || !pods.is_empty() || self.nominated.contains_key(&node) {
                assert_eq!(self.node_at(self.position(node)), Some(node));
                assert_eq!(self.node_by_name.get(self.node_name(node)), Some(&node));
            } else {
                assert!(self.free_nodes.contains(&node), "a vacant row is free");
            }
        }
        let present = self.rows.iter().filter(|(_, row)| row.is_present()).count();
        assert_eq!(self.present_nodes as usize, present);
        let mut placed = (0, 0);
        for (id, entry) in self.pods.iter() {
            let Some(entry) = entry else { continue };
            placed.0 += usize::from(entry.place != Place::Pending);
            placed.1 += usize::from(matches!(entry.place, Place::Assumed(_)));
            assert_eq!(self.find_pod(&entry.key), Some(id));
            if let Some(node) = entry.place.node() {
                assert!(self.node_pods[node].contains(&id), "{} is on its node", entry.key);
            }
        }
        assert_eq!(self.placed_pods(), placed);
        self.check_storage_users();
        let of_classes: u32 = self.classes().map(|(_, _, pods)| pods).sum();
        assert_eq!(of_classes as usize, placed.0);
        let with_affinity = self.classes().filter(|(_, c, pods)| *pods > 0 && c.affinity.is_some());
        let numbers: Vec<u32> = with_affinity.map(|(number, ..)| number).collect();
        assert_eq!(self.classes_with_affinity(), numbers);
    }

    /// The claims in use are those of the pods on nodes.
    fn check_storage_users(&self) {
        let mut want = StorageUsers::default();
        for pod in self.pods.iter().filter_map(|(_, entry)| entry.as_ref()) {
            if let Some(node) = pod.place.node() {
                want.count(&pod.key, &pod.volumes, node, true);
            }
        }
        assert_eq!(self.storage_users, want);
    }

    /// The classes on `node` are those of its pods.
    fn check_classes(&self, node: NodeId) {
        let mut want = std::collections::BTreeMap::new();
        for pod in self.node_pods[node].iter().filter_map(|pod| self.pod(*pod)) {
            assert!(self.class(pod.class).is_some_and(|c| c.namespace == pod.key.namespace));
            *want.entry(pod.class).or_insert(0) += 1;
        }
        let found: std::collections::BTreeMap<u32, u32> =
            self.classes_on(node).iter().copied().collect();
        assert_eq!(found, want, "classes on {}", self.node_name(node));
    }

    /// What a pod that lists nothing else sees as different of two clusters: rows by node name.
    pub(crate) fn rows_by_name(&self) -> Vec<NamedRow> {
        let mut all: Vec<_> = self
            .rows
            .iter()
            .filter(|(id, row)| row.is_present() || !self.node_pods[*id].is_empty())
            .map(|(id, row)| {
                let name = |s: &ScalarUse| self.resource_names.get(s.name).cloned();
                let mut scalars: Vec<_> = self.scalars[id]
                    .iter()
                    .filter_map(|s| Some((name(s)?, s.allocatable, s.requested)))
                    .collect();
                scalars.sort();
                // Numbers of sets of taints depend on history; their contents do not.
                (Box::<str>::from(self.node_name(id)), Row { taints: 0, ..*row }, scalars)
            })
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}
