//! The cached state of the cluster in rows and columns: nodes, the pods on them, images, namespaces,
//! and the objects that plugins look up by name.
//! Written by `engine` alone, read by plugins through a [`View`].

mod change_log;
#[cfg(test)]
mod check;
mod classes;
mod epochs;
mod facts;
mod images;
mod interner;
mod labels;
mod namespaces;
mod nodes;
mod nominations;
mod objects;
mod permutation;
mod pod_names;
mod pods;
mod reports;
mod row;
mod storage_users;
#[cfg(test)]
mod tests;
mod view;

pub use change_log::NodeNews;
pub use classes::PodClass;
pub use epochs::{Epochs, Fact, Facts};
pub use images::ImageOn;
pub use labels::LabelColumn;
pub use nodes::{NodeChange, NodeEntry};
pub use objects::{ObjectChange, Objects, Store};
pub use permutation::Permutation;
pub use pods::{Place, PodEntry};
pub use reports::{PodReport, PodReports};
pub use row::{Row, ScalarUse};
pub use view::{Overlay, View};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{HostPort, ResourceReport, Taint};
use crate::units::{IndexVec, Map, NodeId, PodId, Set};

use change_log::ChangeLog;
use images::Images;
use interner::Interner;
use labels::NodeLabels;
use namespaces::Namespaces;
use pod_names::PodNames;
use storage_users::StorageUsers;

/// Everything that is known of the cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    // One entry a node id in each of these columns.
    rows: IndexVec<NodeId, Row>,
    scalars: IndexVec<NodeId, Vec<ScalarUse>>,
    entries: IndexVec<NodeId, NodeEntry>,
    node_pods: IndexVec<NodeId, Vec<PodId>>,
    /// Host ports that pods use, and how many pods use each.
    ports: IndexVec<NodeId, Vec<(HostPort, u32)>>,
    /// Classes of the pods, and how many pods of each.
    node_classes: IndexVec<NodeId, Vec<(u32, u32)>>,
    positions: IndexVec<NodeId, u32>,
    /// The node of each position; `None` where no node has it.
    at_position: Vec<Option<NodeId>>,
    permutation: Permutation,
    free_nodes: Vec<NodeId>,
    node_by_name: Map<Box<str>, NodeId>,
    present_nodes: u32,

    pods: IndexVec<PodId, Option<PodEntry>>,
    free_pods: Vec<PodId>,
    pod_names: PodNames,
    /// The waiting pods that are nominated to a node.
    nominated: BTreeMap<NodeId, Vec<PodId>>,
    /// UIDs of waiting pods that others are being asked to make way for.
    preempting: Set<Box<str>>,
    /// How many pods are bound.
    bound_pods: usize,
    /// How many pods are only assumed.
    assumed_pods: usize,

    resource_names: Interner<Box<str>>,
    taint_sets: Interner<Vec<Taint>>,
    labels: NodeLabels,
    images: Images,
    namespaces: Namespaces,
    classes: Interner<PodClass>,
    reports: Interner<Arc<ResourceReport>>,
    /// How many pods of each class are on a node.
    class_pods: Vec<u32>,
    /// By class: which one it is of all there have been.
    class_stamps: Vec<u32>,
    /// How many classes there have been.
    classes_born: u32,
    objects: Objects,
    /// The classes with affinity of which a pod is on a node, in order.
    affinity_classes: Vec<u32>,
    /// How often there was a first one of those.
    affinity_epoch: u64,
    /// How often a class came to those or left them.
    affinity_changes: u64,
    /// Which claims the pods on nodes use.
    storage_users: StorageUsers,
    /// Which nodes have changed.
    changes: ChangeLog,
}

impl Cluster {
    /// An empty cluster whose ties are broken by `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut taint_sets = Interner::default();
        // The empty set is number 0 and never goes.
        taint_sets.acquire(&Vec::new());
        let permutation = Permutation::new(seed);
        Self {
            rows: IndexVec::default(),
            scalars: IndexVec::default(),
            entries: IndexVec::default(),
            node_pods: IndexVec::default(),
            ports: IndexVec::default(),
            node_classes: IndexVec::default(),
            positions: IndexVec::default(),
            at_position: vec![None; permutation.len() as usize],
            permutation,
            free_nodes: Vec::new(),
            node_by_name: Map::default(),
            present_nodes: 0,
            pods: IndexVec::default(),
            free_pods: Vec::new(),
            pod_names: PodNames::default(),
            nominated: BTreeMap::new(),
            preempting: Set::default(),
            bound_pods: 0,
            assumed_pods: 0,
            resource_names: Interner::default(),
            taint_sets,
            labels: NodeLabels::default(),
            images: Images::default(),
            namespaces: Namespaces::default(),
            classes: Interner::default(),
            reports: Interner::default(),
            class_pods: Vec::new(),
            class_stamps: Vec::new(),
            classes_born: 0,
            objects: Objects::default(),
            affinity_classes: Vec::new(),
            affinity_epoch: 0,
            affinity_changes: 0,
            storage_users: StorageUsers::default(),
            changes: ChangeLog::default(),
        }
    }

    /// Number of nodes that exist.
    #[must_use]
    pub fn node_count(&self) -> u32 {
        self.present_nodes
    }

    /// Which nodes have changed: what they offer, the pods on them and those nominated to them.
    pub(crate) fn changes(&self) -> &ChangeLog {
        &self.changes
    }

    /// One more than the largest number of a node.
    #[must_use]
    pub fn nodes_bound(&self) -> usize {
        self.rows.len()
    }

    /// The nodes that exist, in the order of their ids.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.rows.iter().filter(|(_, row)| row.is_present()).map(|(id, _)| id)
    }

    /// The node called `name`, if it exists.
    #[must_use]
    pub fn find_node(&self, name: &str) -> Option<NodeId> {
        let id = *self.node_by_name.get(name)?;
        self.rows[id].is_present().then_some(id)
    }

    /// The name of node `id`.
    #[must_use]
    pub fn node_name(&self, id: NodeId) -> &str {
        &self.entries[id].name
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared_node_name(&self, id: NodeId) -> Arc<str> {
        Arc::clone(&self.entries[id].name)
    }

    /// The features that node `id` declares.
    #[must_use]
    pub fn declared_features(&self, id: NodeId) -> &[Box<str>] {
        &self.entries[id].declared_features
    }

    /// The position of `node` in the order in which ties are broken.
    #[must_use]
    #[inline]
    pub fn position(&self, node: NodeId) -> u32 {
        self.positions[node]
    }

    /// The node at `position`, if there is one.
    #[must_use]
    pub fn node_at(&self, position: u32) -> Option<NodeId> {
        *self.at_position.get(position as usize)?
    }

    /// Number of positions, a power of two.
    #[must_use]
    pub fn positions(&self) -> u32 {
        self.permutation.len()
    }

    /// The pods on `node`, in no particular order.
    #[must_use]
    pub fn pods_on(&self, node: NodeId) -> &[PodId] {
        &self.node_pods[node]
    }

    /// The number of a countable resource's name, if any node or pod names it.
    #[must_use]
    pub fn resource_name(&self, name: &str) -> Option<u32> {
        self.resource_names.find(name)
    }

    /// The label `key` of all nodes, if one has it.
    #[must_use]
    pub fn label_column(&self, key: &str) -> Option<LabelColumn<'_>> {
        self.labels.column(key)
    }

    /// The number of a label's value, if a node has a label of that value.
    #[must_use]
    pub fn label_value(&self, value: &str) -> Option<u32> {
        self.labels.value(value)
    }

    /// The image `name`, if a node has it.
    #[must_use]
    pub fn image(&self, name: &str) -> Option<ImageOn<'_>> {
        self.images.find(name)
    }

    /// All sets of taints that nodes have, with their numbers (`Row::taints`), and the empty one.
    pub fn taint_sets(&self) -> impl Iterator<Item = (u32, &[Taint])> {
        self.taint_sets.iter().map(|(id, set)| (id, set.as_slice()))
    }

    /// One more than the largest number of a set of taints.
    #[must_use]
    pub fn taint_sets_bound(&self) -> usize {
        self.taint_sets.bound()
    }
}
