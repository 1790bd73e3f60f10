//! How often each kind of fact about the cluster as a whole has changed: what was prepared from facts holds while
//! their epochs are the same. Read by `engine::tables`.

use super::Cluster;

/// Number of [`Fact`]s.
const FACTS: usize = 11;

/// A kind of fact that plugins read when they prepare a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Which keys and values labels of nodes have, and their numbers.
    NodeLabels,
    /// The sets of taints that nodes have, and their numbers.
    TaintSets,
    /// Which images nodes have, and on how many nodes each is.
    Images,
    /// The numbers of countable resources.
    ResourceNames,
    /// Namespaces and their labels.
    Namespaces,
    /// Services.
    Services,
    /// The controllers that pods belong to.
    Controllers,
    /// Which classes of pods with affinity are on nodes.
    AffinityClasses,
    /// That there is such a class at all: a first one came.
    Affinity,
    /// Classes and drivers of storage.
    StorageClasses,
    /// Claims and volumes, also as they are assumed to be, and what storage is left. Who follows the nodes one by
    /// one need not read it for the pods that are there: a change of a claim or volume is one of the nodes that use
    /// it.
    Volumes,
}

/// A set of [`Fact`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts(u16);

impl Facts {
    /// None.
    pub const NONE: Self = Self(0);

    /// These.
    #[must_use]
    pub const fn of(facts: &[Fact]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < facts.len() {
            set |= 1 << facts[at] as u8;
            at += 1;
        }
        Self(set)
    }

    /// These and those of `other`.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, fact: usize) -> bool {
        self.0 >> fact & 1 == 1
    }
}

/// The epoch of each [`Fact`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epochs([u64; FACTS]);

impl Epochs {
    /// Whether none of `facts` has changed between the two.
    #[must_use]
    pub fn agree(&self, other: &Self, facts: Facts) -> bool {
        let mut both = self.0.iter().zip(&other.0).enumerate();
        both.all(|(fact, (a, b))| a == b || !facts.has(fact))
    }
}

impl Cluster {
    /// The epochs as they are now.
    #[must_use]
    pub fn epochs(&self) -> Epochs {
        let objects = &self.objects;
        Epochs([
            self.labels.epoch(),
            self.taint_sets.epoch(),
            self.images.epoch(),
            self.resource_names.epoch(),
            self.namespaces.epoch(),
            objects.services.epoch(),
            objects.controllers_epoch(),
            self.affinity_changes,
            self.affinity_epoch,
            objects.classes_epoch(),
            objects.volumes_epoch(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Labels, Namespace, Node};

    #[test]
    fn only_what_changed_has_another_epoch() {
        let mut cluster = Cluster::new(1);
        let node = |zone: &str| Node {
            name: "n".into(),
            labels: Labels::from_iter([("zone", zone)]),
            ..Node::default()
        };
        cluster.upsert_node(&node("a"), 0);
        let before = cluster.epochs();
        cluster.upsert_node(&node("a"), 1);
        assert_eq!(before, cluster.epochs(), "nothing is different");
        cluster.upsert_node(&node("b"), 2);
        let labels = Facts::of(&[Fact::NodeLabels]);
        assert!(!before.agree(&cluster.epochs(), labels));
        let rest = Facts::of(&[Fact::TaintSets, Fact::Images, Fact::ResourceNames]);
        assert!(before.agree(&cluster.epochs(), rest));
        let before = cluster.epochs();
        cluster.upsert_namespace(&Namespace { name: "default".into(), labels: Labels::EMPTY });
        let namespaces = Facts::of(&[Fact::Namespaces]);
        assert!(!before.agree(&cluster.epochs(), namespaces.and(labels)));
        assert!(before.agree(&cluster.epochs(), labels));
    }
}
