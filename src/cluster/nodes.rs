//! Nodes come, change and go.

use std::sync::Arc;

use crate::model::Node;
use crate::units::{NodeId, Resources};

use super::{Cluster, Row, ScalarUse};

/// What is kept of a node besides its row.
#[derive(Clone, Debug, Default)]
pub struct NodeEntry {
    /// Its name.
    pub name: Arc<str>,
    /// Numbers of the keys and values of its labels.
    pub(crate) labels: Vec<(u32, u32)>,
    /// Numbers of the names of its images, and their sizes in bytes as the node says.
    pub(crate) images: Vec<(u32, i64)>,
    /// Features that it declares.
    pub(crate) declared_features: Vec<Box<str>>,
    /// Number of the list that named it last.
    pub(crate) seen: u32,
}

/// What is different of a node after it was added or changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct NodeChange {
    /// It was not there before.
    pub added: bool,
    /// Its allocatable amounts.
    pub allocatable: bool,
    /// Its labels.
    pub labels: bool,
    /// Its taints, or it was uncordoned.
    ///
    /// Upstream reports spec.unschedulable true to false as a change of taints, and the other way not.
    pub taints: bool,
    /// The features that it declares.
    pub declared_features: bool,
}

impl Cluster {
    /// Adds or changes a node. `list` is the number of the list being read.
    pub fn upsert_node(&mut self, node: &Node, list: u32) -> NodeChange {
        let id = self.node_id(&node.name);
        let before = self.rows[id];
        let mut change = NodeChange { added: !before.is_present(), ..NodeChange::default() };
        change.taints = self.set_taints(id, node) && !change.added;
        change.allocatable = self.set_allocatable(id, &node.allocatable, node.allocatable_pods);
        let images_changed = self.set_images(id, node);
        let row = &mut self.rows[id];
        row.flags = Row::PRESENT;
        if node.unschedulable {
            row.flags |= Row::UNSCHEDULABLE;
        }
        let entry = &mut self.entries[id];
        entry.seen = list;
        if !self.labels.equal(&entry.labels, &node.labels) {
            let replaced = self.labels.replace(id, &entry.labels, &node.labels);
            entry.labels = replaced.pairs;
            replaced.others.into_iter().for_each(|other| self.changes.push(other));
            change.labels = true;
        }
        if entry.declared_features != node.declared_features {
            entry.declared_features.clone_from(&node.declared_features);
            change.declared_features = true;
        }
        if change.added {
            self.present_nodes += 1;
        }
        let listed = change.allocatable || change.labels || change.declared_features;
        if listed || images_changed || self.rows[id] != before {
            self.changes.push(id);
        }
        change
    }

    /// Takes a node away; its pods stay counted until they go. Says whether it was there.
    pub fn delete_node(&mut self, name: &str) -> bool {
        let Some(id) = self.find_node(name) else { return false };
        let gone = Node { name: name.into(), ..Node::default() };
        self.set_taints(id, &gone);
        self.set_allocatable(id, &Resources::default(), 0);
        self.set_images(id, &gone);
        self.rows[id].flags = 0;
        let labels = std::mem::take(&mut self.entries[id].labels);
        let replaced = self.labels.replace(id, &labels, &gone.labels);
        replaced.others.into_iter().for_each(|other| self.changes.push(other));
        self.entries[id].declared_features.clear();
        self.present_nodes -= 1;
        self.changes.push(id);
        self.free_node_if_vacant(id);
        true
    }

    /// Names of the nodes that the list `list` did not name.
    #[must_use]
    pub fn nodes_not_seen(&self, list: u32) -> Vec<Box<str>> {
        let unseen = |id: &NodeId| self.entries[*id].seen != list;
        self.nodes().filter(unseen).map(|id| self.node_name(id).into()).collect()
    }

    /// The id of the node or place called `name`; makes one if there is none.
    pub(crate) fn node_id(&mut self, name: &str) -> NodeId {
        if let Some(&id) = self.node_by_name.get(name) {
            return id;
        }
        let entry = NodeEntry { name: name.into(), ..NodeEntry::default() };
        let id = if let Some(id) = self.free_nodes.pop() {
            self.entries[id] = entry;
            id
        } else {
            self.scalars.push(Vec::new());
            self.entries.push(entry);
            self.node_pods.push(Vec::new());
            self.ports.push(Vec::new());
            self.node_classes.push(Vec::new());
            self.positions.push(0);
            self.rows.push(Row::vacant())
        };
        if self.permutation.grow(self.rows.len()) {
            self.changes.start_epoch();
            self.at_position = vec![None; self.permutation.len() as usize];
            let ids: Vec<NodeId> = self.node_by_name.values().copied().collect();
            for other in ids {
                self.settle(other);
            }
        }
        self.settle(id);
        self.node_by_name.insert(name.into(), id);
        id
    }

    fn settle(&mut self, id: NodeId) {
        let position = self.permutation.position(id);
        self.positions[id] = position;
        self.at_position[position as usize] = Some(id);
    }

    /// Gives the id back once neither the node nor a pod on it or nominated to it is left.
    pub(crate) fn free_node_if_vacant(&mut self, id: NodeId) {
        let named = !self.node_pods[id].is_empty() || self.nominated.contains_key(&id);
        if self.rows[id].is_present() || named {
            return;
        }
        let entry = std::mem::take(&mut self.entries[id]);
        self.node_by_name.remove(&*entry.name);
        self.at_position[self.positions[id] as usize] = None;
        self.rows[id] = Row::vacant();
        self.free_nodes.push(id);
    }

    fn set_taints(&mut self, id: NodeId, node: &Node) -> bool {
        let before = self.rows[id];
        let set = self.taint_sets.acquire(&node.taints);
        if before.taints != 0 {
            self.taint_sets.release(before.taints);
        }
        if set == 0 {
            self.taint_sets.release(0);
        }
        self.rows[id].taints = set;
        let uncordoned = before.flags & Row::UNSCHEDULABLE != 0 && !node.unschedulable;
        set != before.taints || uncordoned
    }

    fn set_allocatable(&mut self, id: NodeId, allocatable: &Resources, pods: i64) -> bool {
        let before = self.rows[id];
        let row = &mut self.rows[id];
        row.allocatable_milli_cpu = allocatable.milli_cpu;
        row.allocatable_memory = allocatable.memory;
        row.allocatable_ephemeral_storage = allocatable.ephemeral_storage;
        row.allocatable_pods = pods;
        let mut changed = *row != before;
        let mut column = std::mem::take(&mut self.scalars[id]);
        let old: Vec<ScalarUse> = column.iter().filter(|s| s.allocatable != 0).copied().collect();
        for scalar in &mut column {
            scalar.allocatable = 0;
        }
        for (name, amount) in allocatable.scalars.iter().filter(|(_, amount)| *amount != 0) {
            let number = self.resource_names.acquire_str(name);
            match column.iter_mut().find(|s| s.name == number) {
                Some(scalar) => scalar.allocatable = *amount,
                None => column.push(ScalarUse { name: number, allocatable: *amount, requested: 0 }),
            }
            changed |= !old.iter().any(|s| s.name == number && s.allocatable == *amount);
        }
        changed |= old.len() != allocatable.scalars.iter().filter(|s| s.1 != 0).count();
        for scalar in old {
            self.resource_names.release(scalar.name);
        }
        column.retain(|s| s.allocatable != 0 || s.requested != 0);
        self.scalars[id] = column;
        changed
    }

    /// Says whether they are other images than before.
    fn set_images(&mut self, id: NodeId, node: &Node) -> bool {
        let names = || node.images.iter().flat_map(|i| i.names.iter().map(|n| (n, i.size_bytes)));
        let old = &self.entries[id].images;
        let same = old.len() == names().count()
            && old.iter().zip(names()).all(|((number, size), (name, size_bytes))| {
                self.images.name(*number) == Some(name) && *size == size_bytes
            });
        if same {
            return false;
        }
        for (number, _) in std::mem::take(&mut self.entries[id].images) {
            self.images.remove(id, number);
        }
        let mut numbers = Vec::new();
        for (name, size_bytes) in names() {
            numbers.push((self.images.add(id, name, size_bytes), size_bytes));
        }
        self.entries[id].images = numbers;
        true
    }
}
