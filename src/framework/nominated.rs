//! The pods that are nominated to a node and come before the pod that is judged. Made by `evals` for one pod.

use crate::cluster::{Cluster, Overlay, View};
use crate::model::Pod;
use crate::units::{NodeId, PodId};

/// Nodes to which pods are nominated that are at least as important as the one that is judged.
#[derive(Debug, Default)]
pub(super) struct Nominated {
    /// Sorted by node.
    nodes: Vec<(NodeId, Vec<PodId>)>,
}

impl Nominated {
    /// The nominated pods that come before `pod`: others of its priority or a higher one.
    ///
    /// Upstream: addGENominatedPods, v1.37.
    pub(super) fn before(pod: &Pod, cluster: &Cluster) -> Self {
        let first = |id: &PodId| {
            cluster.pod(*id).is_some_and(|other| {
                let same = other.uid == pod.uid && other.key == pod.key;
                other.priority >= pod.priority && !same
            })
        };
        let mut nodes = Vec::new();
        for (name, pods) in cluster.nominations() {
            let Some(node) = cluster.find_node(name) else { continue };
            let pods: Vec<_> = pods.iter().copied().filter(first).collect();
            if !pods.is_empty() {
                nodes.push((node, pods));
            }
        }
        nodes.sort_unstable_by_key(|(node, _)| *node);
        Self { nodes }
    }

    /// Whether there is none on any node.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// `node` as `view` has it, with these pods on it too; `None` where there are none.
    pub(super) fn overlay(&self, view: &View<'_>, node: NodeId) -> Option<Overlay> {
        let at = self.nodes.binary_search_by_key(&node, |(node, _)| *node).ok()?;
        let changed = view.overlay().filter(|overlay| overlay.node() == node).cloned();
        let mut overlay = changed.unwrap_or_else(|| Overlay::new(view.cluster, node));
        for pod in &self.nodes[at].1 {
            overlay.add(view.cluster, *pod);
        }
        Some(overlay)
    }
}
