//! The pods that are nominated to a node and come before the pod that is judged. Made by `evals` for one pod.

use std::cell::Cell;

use crate::cluster::{Cluster, Overlay, View};
use crate::model::Pod;
use crate::units::{NodeId, PodId};

/// Nodes to which pods are nominated that are at least as important as the one that is judged.
#[derive(Default)]
pub(super) struct Nominated {
    /// Sorted by node; each with the end of its pods in `pods`, which begin where those of the one before end.
    nodes: Vec<(NodeId, usize)>,
    pods: Vec<PodId>,
    /// Memory for one node after the other.
    spare: Cell<Option<Box<Overlay>>>,
}

impl Nominated {
    /// The nominated pods that come before `pod`: others of its priority or a higher one.
    ///
    /// Upstream: addGENominatedPods, v1.37.
    pub(super) fn before(pod: &Pod, cluster: &Cluster) -> Self {
        let mut nominated = Self::default();
        if !cluster.has_nominations() {
            return nominated;
        }
        let itself = cluster.find_pod(&pod.key);
        let itself = itself.filter(|id| cluster.pod(*id).is_some_and(|entry| entry.uid == pod.uid));
        let first = |id: &PodId| {
            let comes_first = cluster.pod(*id).is_some_and(|other| other.priority >= pod.priority);
            comes_first && Some(*id) != itself
        };
        for (node, pods) in cluster.nominations() {
            let before = nominated.pods.len();
            nominated.pods.extend(pods.iter().copied().filter(first));
            if nominated.pods.len() > before {
                nominated.nodes.push((node, nominated.pods.len()));
            }
        }
        nominated
    }

    /// Whether there is none on any node.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether there is one on `node`.
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.nodes.binary_search_by_key(&node, |(node, _)| *node).is_ok()
    }

    /// The nodes, in order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes.iter().map(|(node, _)| *node)
    }

    /// Asks `what` about `node` as `view` has it with these pods on it too; `None` where there are none.
    pub(super) fn on<T>(
        &self,
        view: &View<'_>,
        node: NodeId,
        what: impl FnOnce(&View<'_>) -> T,
    ) -> Option<T> {
        let at = self.nodes.binary_search_by_key(&node, |(node, _)| *node).ok()?;
        let from = at.checked_sub(1).map_or(0, |before| self.nodes[before].1);
        let cluster = view.cluster;
        let spare = self.spare.take();
        let mut overlay = spare.unwrap_or_else(|| Box::new(Overlay::new(cluster, node)));
        match view.overlay().filter(|changed| changed.node() == node) {
            Some(changed) => overlay.copy_from(changed),
            None => overlay.reset(cluster, node),
        }
        for pod in &self.pods[from..self.nodes[at].1] {
            overlay.add(cluster, *pod);
        }
        let said = what(&view.with(&overlay));
        self.spare.set(Some(overlay));
        Some(said)
    }
}
