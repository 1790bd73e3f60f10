//! How plugins read the cluster: as it is, or as it would be.

use crate::units::{NodeId, PodId};

use crate::model::HostPort;

use super::row::count_usage;
use super::{Cluster, Row, ScalarUse};

/// The cluster as it is, or with one node changed in thought.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    overlay: Option<&'a Overlay>,
}

/// One node with some pods more and some fewer.
#[derive(Clone, Debug)]
pub struct Overlay {
    node: NodeId,
    row: Row,
    scalars: Vec<ScalarUse>,
    ports: Vec<(HostPort, u32)>,
    added: Vec<PodId>,
    removed: Vec<PodId>,
    /// How many pods more or fewer of each class; no entry where that is none.
    classes: Vec<(u32, i64)>,
}

impl Overlay {
    /// `node` as it is.
    #[must_use]
    pub fn new(cluster: &Cluster, node: NodeId) -> Self {
        Self {
            node,
            row: cluster.rows[node],
            scalars: cluster.scalars[node].clone(),
            ports: cluster.ports[node].clone(),
            added: Vec::new(),
            removed: Vec::new(),
            classes: Vec::new(),
        }
    }

    /// `node` without the pods `removed`.
    #[must_use]
    pub fn without(
        cluster: &Cluster,
        node: NodeId,
        removed: impl IntoIterator<Item = PodId>,
    ) -> Self {
        let mut overlay = Self::new(cluster, node);
        for pod in removed {
            overlay.remove(cluster, pod);
        }
        overlay
    }

    /// The same memory, for `node` as it is.
    pub fn reset(&mut self, cluster: &Cluster, node: NodeId) {
        self.node = node;
        self.row = cluster.rows[node];
        self.scalars.clone_from(&cluster.scalars[node]);
        self.ports.clone_from(&cluster.ports[node]);
        self.added.clear();
        self.removed.clear();
        self.classes.clear();
    }

    /// The same memory, for what `other` is about.
    pub fn copy_from(&mut self, other: &Self) {
        self.node = other.node;
        self.row = other.row;
        self.scalars.clone_from(&other.scalars);
        self.ports.clone_from(&other.ports);
        self.added.clone_from(&other.added);
        self.removed.clone_from(&other.removed);
        self.classes.clone_from(&other.classes);
    }

    /// One pod more: one that was taken away, or one that is not on the node.
    pub fn add(&mut self, cluster: &Cluster, pod: PodId) {
        match self.removed.iter().position(|other| *other == pod) {
            Some(at) => drop(self.removed.remove(at)),
            None => self.added.push(pod),
        }
        self.count(cluster, pod, 1);
    }

    /// One pod less: one that is on the node, or was added.
    pub fn remove(&mut self, cluster: &Cluster, pod: PodId) {
        match self.added.iter().position(|other| *other == pod) {
            Some(at) => drop(self.added.remove(at)),
            None => self.removed.push(pod),
        }
        self.count(cluster, pod, -1);
    }

    /// The node that is changed in thought.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The pods that are there in thought only.
    #[must_use]
    pub fn added(&self) -> &[PodId] {
        &self.added
    }

    /// The pods that are taken away in thought.
    #[must_use]
    pub fn removed(&self) -> &[PodId] {
        &self.removed
    }

    fn count(&mut self, cluster: &Cluster, id: PodId, sign: i64) {
        if let Some(pod) = cluster.pod(id) {
            count_usage(&mut self.row, &mut self.scalars, &pod.usage, sign);
            self.set_ports(&pod.ports, sign == 1);
            self.count_class(pod.class, sign);
        }
    }

    fn count_class(&mut self, class: u32, sign: i64) {
        let Some(at) = self.classes.iter().position(|(other, _)| *other == class) else {
            self.classes.push((class, sign));
            return;
        };
        self.classes[at].1 += sign;
        if self.classes[at].1 == 0 {
            self.classes.swap_remove(at);
        }
    }

    /// Upstream: NodeInfo.updateUsedPorts, v1.37: a set, so that a port is free once one of several pods
    /// that use it has gone.
    fn set_ports(&mut self, ports: &[HostPort], used: bool) {
        for port in ports {
            self.ports.retain(|(other, _)| other != port);
            if used {
                self.ports.push((port.clone(), 1));
            }
        }
    }
}

impl<'a> View<'a> {
    /// The cluster as it is.
    #[must_use]
    pub fn new(cluster: &'a Cluster) -> Self {
        Self { cluster, overlay: None }
    }

    /// The same cluster with one node changed in thought.
    #[must_use]
    pub fn with(self, overlay: &'a Overlay) -> Self {
        Self { overlay: Some(overlay), ..self }
    }

    /// The row of `node`.
    #[must_use]
    #[inline]
    pub fn row(&self, node: NodeId) -> &'a Row {
        match self.overlay {
            Some(overlay) if overlay.node == node => &overlay.row,
            _ => &self.cluster.rows[node],
        }
    }

    /// The host ports that pods use on `node`, and how many pods use each.
    #[must_use]
    pub fn ports(&self, node: NodeId) -> &'a [(HostPort, u32)] {
        match self.overlay {
            Some(overlay) if overlay.node == node => &overlay.ports,
            _ => &self.cluster.ports[node],
        }
    }

    /// The countable resources of `node`.
    #[must_use]
    pub fn scalars(&self, node: NodeId) -> &'a [ScalarUse] {
        match self.overlay {
            Some(overlay) if overlay.node == node => &overlay.scalars,
            _ => &self.cluster.scalars[node],
        }
    }

    /// What is changed in thought, if anything is.
    #[must_use]
    pub fn overlay(&self) -> Option<&'a Overlay> {
        self.overlay
    }

    /// The pods on `node`, in no particular order.
    pub fn pods_on(&self, node: NodeId) -> impl Iterator<Item = PodId> + use<'a> {
        let overlay = self.overlay.filter(|overlay| overlay.node == node);
        let removed = overlay.map_or(&[][..], |overlay| &overlay.removed);
        let added = overlay.map_or(&[][..], |overlay| &overlay.added);
        let there = self.cluster.pods_on(node).iter().filter(|pod| !removed.contains(pod));
        there.chain(added).copied()
    }

    /// The classes of pods that are changed in thought on [`Overlay::node`], and how many pods more or
    /// fewer there are of each.
    pub fn class_changes(&self) -> impl Iterator<Item = (u32, i64)> + use<'a> {
        self.overlay.into_iter().flat_map(|overlay| overlay.classes.iter().copied())
    }
}
