//! How plugins read the cluster: as it is, or as it would be.

use crate::units::{NodeId, PodId};

use crate::model::HostPort;

use super::row::{count_ports, count_usage};
use super::{Cluster, Row, ScalarUse};

/// The cluster as it is, or with one node changed in thought.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    overlay: Option<&'a Overlay>,
}

/// One node with some of its pods taken away.
#[derive(Clone, Debug)]
pub struct Overlay {
    node: NodeId,
    row: Row,
    scalars: Vec<ScalarUse>,
    ports: Vec<(HostPort, u32)>,
}

impl Overlay {
    /// `node` without the pods `removed`.
    #[must_use]
    pub fn without(
        cluster: &Cluster,
        node: NodeId,
        removed: impl IntoIterator<Item = PodId>,
    ) -> Self {
        let mut row = cluster.rows[node];
        let mut scalars = cluster.scalars[node].clone();
        let mut ports = cluster.ports[node].clone();
        for id in removed {
            if let Some(pod) = cluster.pod(id) {
                count_usage(&mut row, &mut scalars, &pod.usage, -1);
                count_ports(&mut ports, &pod.ports, -1);
            }
        }
        Self { node, row, scalars, ports }
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
}
