//! Which nodes the claims are used on, and which nodes an object about storage says something of. Written with
//! the pods on nodes; read when objects change, and by the volume plugins.

use crate::model::{Object, PodKey, PodVolume, VolumeSource};
use crate::units::{Map, NodeId};

use super::Cluster;

/// The claims that pods on nodes use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StorageUsers {
    /// By namespace and name of the claim; in the order of the nodes.
    claims: Map<Box<str>, Map<Box<str>, Vec<Users>>>,
    /// How many volumes of those pods are disks that stand in the pod itself.
    disks: u32,
}

/// The pods of one node that use a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Users {
    node: NodeId,
    /// How many of their volumes are the claim.
    volumes: u32,
    /// How many of those name it; it is found by the pod's name for the others.
    named: u32,
}

impl StorageUsers {
    /// The pod `key` with these volumes came to `node` (`comes`), or left it.
    pub(super) fn count(&mut self, key: &PodKey, volumes: &[PodVolume], node: NodeId, comes: bool) {
        for volume in volumes {
            let Some(name) = volume.claim_name(&key.name) else {
                self.disks = if comes { self.disks + 1 } else { self.disks - 1 };
                continue;
            };
            let named = u32::from(volume.source != VolumeSource::Ephemeral);
            if comes {
                self.add(&key.namespace, name, Users { node, volumes: 1, named });
            } else {
                self.take(&key.namespace, &name, Users { node, volumes: 1, named });
            }
        }
    }

    fn add(&mut self, namespace: &str, name: Box<str>, user: Users) {
        if !self.claims.contains_key(namespace) {
            self.claims.insert(namespace.into(), Map::default());
        }
        let Some(names) = self.claims.get_mut(namespace) else { return };
        let all = names.entry(name).or_default();
        match all.binary_search_by_key(&user.node, |users| users.node) {
            Ok(at) => {
                all[at].volumes += user.volumes;
                all[at].named += user.named;
            }
            Err(at) => all.insert(at, user),
        }
    }

    fn take(&mut self, namespace: &str, name: &str, user: Users) {
        let Some(names) = self.claims.get_mut(namespace) else { return };
        let Some(all) = names.get_mut(name) else { return };
        let Ok(at) = all.binary_search_by_key(&user.node, |users| users.node) else { return };
        all[at].volumes -= user.volumes;
        all[at].named -= user.named;
        if all[at].volumes == 0 {
            all.remove(at);
        }
        if all.is_empty() {
            names.remove(name);
        }
        if names.is_empty() {
            self.claims.remove(namespace);
        }
    }

    fn of(&self, namespace: &str, name: &str) -> &[Users] {
        let names = self.claims.get(namespace);
        names.and_then(|names| names.get(name)).map_or(&[], Vec::as_slice)
    }
}

impl Cluster {
    /// Whether a pod on a node that exists names this claim; those that find it by their own name do not count.
    ///
    /// Upstream: NodeInfo.PVCRefCounts, v1.37.
    #[must_use]
    pub fn is_claim_named(&self, namespace: &str, name: &str) -> bool {
        let mut all = self.storage_users.of(namespace, name).iter();
        all.any(|users| users.named > 0 && self.rows[users.node].is_present())
    }

    /// The nodes with pods that use this claim, each once.
    pub fn nodes_with_claim<'a>(
        &'a self,
        namespace: &str,
        name: &str,
    ) -> impl Iterator<Item = NodeId> + use<'a> {
        self.storage_users.of(namespace, name).iter().map(|users| users.node)
    }

    /// The nodes with pods that use this volume through a claim, and those that it is attached to; some of them
    /// perhaps twice.
    pub fn nodes_with_volume<'a>(&'a self, name: &str) -> impl Iterator<Item = NodeId> + use<'a> {
        let claims = self.objects.claims_of_volume(name);
        let attached = self.objects.attachments_of(name);
        claims
            .flat_map(|claim| self.nodes_with_claim(&claim.namespace, &claim.name))
            .chain(attached.filter_map(|attachment| self.find_node(&attachment.node_name)))
    }

    /// Whether a pod on a node has a volume that is not a claim's, but a disk that stands in the pod.
    #[must_use]
    pub fn has_disks_in_pods(&self) -> bool {
        self.storage_users.disks > 0
    }

    /// The nodes of which `object` says something as it is: its own, those that it is attached to, those with
    /// pods that use it.
    pub(super) fn nodes_of(&self, object: &Object) -> Vec<NodeId> {
        match object {
            Object::CsiNode(of_node) => self.find_node(&of_node.name).into_iter().collect(),
            Object::VolumeAttachment(attachment) => {
                self.find_node(&attachment.node_name).into_iter().collect()
            }
            Object::PersistentVolumeClaim(claim) => {
                self.nodes_with_claim(&claim.namespace, &claim.name).collect()
            }
            Object::PersistentVolume(volume) => self.nodes_with_volume(&volume.name).collect(),
            _ => Vec::new(),
        }
    }
}
