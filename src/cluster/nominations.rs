//! Pods that wait and are nominated to a node: the room that preemption made, or that is kept for them
//! otherwise, counts as theirs before pods that are not more important.
//!
//! Upstream: nominator, v1.37. A nomination is by the node's name, since the node may be gone or not yet
//! there.

use crate::units::PodId;

use super::{Cluster, Place};

impl Cluster {
    /// Every node's name to which waiting pods are nominated, sorted, with the pods.
    pub fn nominations(&self) -> impl Iterator<Item = (&str, &[PodId])> {
        self.nominated.iter().map(|(node, pods)| (&**node, pods.as_slice()))
    }

    /// The waiting pods that are nominated to the node called `name`, in the order of nomination.
    #[must_use]
    pub fn nominated_to(&self, name: &str) -> &[PodId] {
        self.nominated.get(name).map_or(&[], Vec::as_slice)
    }

    /// Nominates a waiting pod to `node`, or to none, ahead of what the API server says of it.
    pub fn nominate(&mut self, id: PodId, node: Option<&str>) {
        self.withdraw(id);
        let Some(entry) = self.pods[id].as_mut() else { return };
        entry.nominated_node = node.filter(|_| entry.place == Place::Pending).map(Into::into);
        self.record(id);
    }

    /// Takes over what an object of the pod says: `before` it said something, now it says `node`.
    ///
    /// Upstream: UpdateNominatedPod, v1.37. Where the object said nothing and still says nothing, a
    /// nomination that it does not show yet stays.
    pub(super) fn nominate_as_said(&mut self, id: PodId, before: bool, node: Option<&str>) {
        if before || node.is_some() {
            self.nominate(id, node);
        }
    }

    /// Notes the nomination that is in the pod's entry.
    fn record(&mut self, id: PodId) {
        let Some(entry) = self.pods[id].as_ref() else { return };
        let Some(node) = &entry.nominated_node else { return };
        if let Some(pods) = self.nominated.get_mut(node) {
            pods.push(id);
        } else {
            self.nominated.insert(node.clone(), vec![id]);
        }
    }

    /// The pod is nominated no more.
    pub(super) fn withdraw(&mut self, id: PodId) {
        let Some(node) = self.pods[id].as_mut().and_then(|entry| entry.nominated_node.take())
        else {
            return;
        };
        if let Some(pods) = self.nominated.get_mut(&node) {
            pods.retain(|other| *other != id);
            if pods.is_empty() {
                self.nominated.remove(&node);
            }
        }
    }
}
