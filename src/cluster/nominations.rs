//! Pods that wait and are nominated to a node: the room that preemption made, or that is kept for them
//! otherwise, counts as theirs before pods that are not more important.
//!
//! Upstream: nominator, v1.37. The node may be gone or not yet there: its name keeps an id all the same.

use crate::units::{NodeId, PodId};

use super::{Cluster, Place};

impl Cluster {
    /// Every node that exists and has waiting pods nominated to it, in order, with the pods.
    pub fn nominations(&self) -> impl Iterator<Item = (NodeId, &[PodId])> {
        let present = self.nominated.iter().filter(|(node, _)| self.rows[**node].is_present());
        present.map(|(node, pods)| (*node, pods.as_slice()))
    }

    /// Whether a waiting pod is nominated to any node.
    #[must_use]
    pub fn has_nominations(&self) -> bool {
        !self.nominated.is_empty()
    }

    /// The waiting pods that are nominated to the node called `name`, in the order of nomination.
    #[must_use]
    pub fn nominated_to(&self, name: &str) -> &[PodId] {
        let node = self.node_by_name.get(name);
        node.and_then(|node| self.nominated.get(node)).map_or(&[], Vec::as_slice)
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
        let Some(node) = self.pods[id].as_ref().and_then(|entry| entry.nominated_node.clone())
        else {
            return;
        };
        let node = self.node_id(&node);
        self.nominated.entry(node).or_default().push(id);
        self.changes.push(node);
    }

    /// What the pod needs may be something else: it counts on the node that it is nominated to.
    pub(super) fn nominated_changed(&mut self, id: PodId) {
        let name = self.pods[id].as_ref().and_then(|entry| entry.nominated_node.as_deref());
        if let Some(node) = name.and_then(|name| self.node_by_name.get(name)) {
            self.changes.push(*node);
        }
    }

    /// The pod is nominated no more.
    pub(super) fn withdraw(&mut self, id: PodId) {
        let Some(node) = self.pods[id].as_mut().and_then(|entry| entry.nominated_node.take())
        else {
            return;
        };
        let Some(node) = self.node_by_name.get(&node).copied() else { return };
        self.changes.push(node);
        if let Some(pods) = self.nominated.get_mut(&node) {
            pods.retain(|other| *other != id);
            if pods.is_empty() {
                self.nominated.remove(&node);
                self.free_node_if_vacant(node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::cluster::Cluster;
    use crate::model::{Node, Pod, PodKey};

    fn pod(nominated: Option<&str>) -> Pod {
        let key = PodKey { namespace: "default".into(), name: "p".into() };
        Pod { key, nominated_node: nominated.map(Into::into), ..Pod::default() }
    }

    #[test]
    fn a_nomination_lasts_until_the_object_says_otherwise() {
        let mut cluster = Cluster::new(1);
        let id = cluster.add_pod(&pod(None), 0);
        cluster.nominate(id, Some("a"));
        // The object does not show it yet.
        cluster.update_pod(id, &pod(None), 0);
        assert_eq!(cluster.nominated_to("a"), [id]);
        cluster.update_pod(id, &pod(Some("a")), 0);
        assert_eq!(cluster.nominated_to("a"), [id]);
        cluster.update_pod(id, &pod(Some("b")), 0);
        assert_eq!((cluster.nominated_to("a"), cluster.nominated_to("b")), (&[][..], &[id][..]));
        cluster.update_pod(id, &pod(None), 0);
        assert_eq!(cluster.nominated_to("b"), []);
    }

    #[test]
    fn a_node_that_is_not_there_keeps_its_id_while_it_is_named() {
        let mut cluster = Cluster::new(1);
        let id = cluster.add_pod(&pod(Some("a")), 0);
        assert_eq!((cluster.nominations().count(), cluster.nominated_to("a")), (0, &[id][..]));
        cluster.sanity_check();
        let node = Node { name: "a".into(), ..Node::default() };
        cluster.upsert_node(&node, 0);
        let there = cluster.find_node("a").expect("it is there");
        assert_eq!(cluster.nominations().collect::<Vec<_>>(), [(there, &[id][..])]);
        assert!(cluster.delete_node("a"));
        assert_eq!((cluster.nominations().count(), cluster.nominated_to("a")), (0, &[id][..]));
        // It is bound to the node that is gone, and that keeps the id from here on.
        let mut bound = pod(Some("a"));
        bound.node_name = Some("a".into());
        cluster.update_pod(id, &bound, 0);
        assert_eq!(cluster.pods_on(there), [id]);
        cluster.sanity_check();
        cluster.remove_pod(id);
        cluster.sanity_check();
        cluster.upsert_node(&Node { name: "b".into(), ..Node::default() }, 0);
        assert_eq!(cluster.find_node("b"), Some(there), "the id is free again");
    }

    #[test]
    fn a_pod_that_has_a_node_or_is_gone_is_not_nominated() {
        let mut cluster = Cluster::new(1);
        cluster.upsert_node(&Node { name: "a".into(), ..Node::default() }, 0);
        let node = cluster.find_node("a").expect("it is there");
        let id = cluster.add_pod(&pod(Some("a")), 0);
        cluster.assume(id, node);
        assert_eq!(cluster.nominations().count(), 0);
        cluster.forget(id);
        assert_eq!(cluster.nominations().count(), 0);
        cluster.nominate(id, Some("a"));
        let mut bound = pod(Some("a"));
        bound.node_name = Some("a".into());
        cluster.update_pod(id, &bound, 0);
        assert_eq!(cluster.nominations().count(), 0);
        cluster.nominate(id, Some("a"));
        assert_eq!(cluster.nominations().count(), 0, "it is on a node");
        cluster.remove_pod(id);
        let id = cluster.add_pod(&pod(Some("a")), 0);
        cluster.remove_pod(id);
        assert_eq!(cluster.nominations().count(), 0);
    }
}
