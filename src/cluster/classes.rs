//! Classes of pods: pods that spreading, affinity and disruption budgets cannot tell apart. Kept once, with
//! how many pods of each are on every node, so that nobody walks all pods.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

use crate::model::{Labels, Pod, PodAffinity};
use crate::units::NodeId;

use super::Cluster;

/// What pods of one class have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodClass {
    /// The namespace.
    pub namespace: Box<str>,
    /// The labels.
    pub labels: Labels,
    /// They are being deleted.
    pub terminating: bool,
    /// Their pod affinity and anti-affinity.
    pub affinity: Option<Box<PodAffinity>>,
}

impl PodClass {
    /// The class of `pod`.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        Self {
            namespace: pod.key.namespace.clone(),
            labels: pod.labels.clone(),
            terminating: pod.terminating,
            affinity: pod.pod_affinity.clone(),
        }
    }

    /// Whether it is that of `pod`.
    #[must_use]
    pub fn is_of(&self, pod: &Pod) -> bool {
        self.facts() == pod.facts()
    }
}

/// What tells classes apart, of a class or of a pod: a class is found without making one.
trait ClassFacts {
    fn facts(&self) -> (&str, &Labels, bool, Option<&PodAffinity>);
}

impl ClassFacts for PodClass {
    fn facts(&self) -> (&str, &Labels, bool, Option<&PodAffinity>) {
        (&self.namespace, &self.labels, self.terminating, self.affinity.as_deref())
    }
}

impl ClassFacts for Pod {
    fn facts(&self) -> (&str, &Labels, bool, Option<&PodAffinity>) {
        (&self.key.namespace, &self.labels, self.terminating, self.pod_affinity.as_deref())
    }
}

impl Hash for dyn ClassFacts + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.facts().hash(state);
    }
}

impl PartialEq for dyn ClassFacts + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.facts() == other.facts()
    }
}

impl Eq for dyn ClassFacts + '_ {}

impl Hash for PodClass {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.facts().hash(state);
    }
}

impl<'a> Borrow<dyn ClassFacts + 'a> for PodClass {
    fn borrow(&self) -> &(dyn ClassFacts + 'a) {
        self
    }
}

impl Cluster {
    /// All classes of pods that are known, with their numbers, and how many pods of each are on a node.
    pub fn classes(&self) -> impl Iterator<Item = (u32, &PodClass, u32)> {
        let placed = |class: u32| self.class_pods.get(class as usize).copied().unwrap_or_default();
        self.classes.iter().map(move |(number, class)| (number, class, placed(number)))
    }

    /// One more than the largest number of a class.
    #[must_use]
    pub fn classes_bound(&self) -> usize {
        self.classes.bound()
    }

    /// The class of this number, while a pod has it.
    #[must_use]
    pub fn class(&self, number: u32) -> Option<&PodClass> {
        self.classes.get(number)
    }

    /// Tells the class of this number from those that had the number before; never 0 while a pod has it.
    #[must_use]
    #[inline]
    pub fn class_stamp(&self, number: u32) -> u32 {
        self.class_stamps.get(number as usize).copied().unwrap_or_default()
    }

    /// The stamps of all classes, by number; of a number that no class has, the last one's.
    #[must_use]
    pub fn class_stamps(&self) -> &[u32] {
        &self.class_stamps
    }

    /// The classes of the pods on `node`, and how many pods each has there, in no particular order.
    #[must_use]
    #[inline]
    pub fn classes_on(&self, node: NodeId) -> &[(u32, u32)] {
        &self.node_classes[node]
    }

    /// The classes with affinity of which a pod is on a node, in order.
    #[must_use]
    pub fn classes_with_affinity(&self) -> &[u32] {
        &self.affinity_classes
    }

    /// The number of the class of `pod`, which has one owner more.
    pub(super) fn acquire_class(&mut self, pod: &Pod) -> u32 {
        let facts: &dyn ClassFacts = pod;
        let number = self.classes.acquire_by(facts, || PodClass::of(pod));
        if self.classes.owners(number) == 1 {
            let at = number as usize;
            if self.class_stamps.len() <= at {
                self.class_stamps.resize(at + 1, 0);
            }
            // Comes round after billions of classes, long after a stamp was last compared.
            self.classes_born = self.classes_born.wrapping_add(1).max(1);
            self.class_stamps[at] = self.classes_born;
        }
        number
    }

    /// Counts a pod of `class` on `node` (`sign` 1), or no more (-1).
    pub(super) fn count_class(&mut self, class: u32, node: NodeId, sign: i64) {
        if self.class_pods.len() <= class as usize {
            self.class_pods.resize(class as usize + 1, 0);
        }
        let on_node = &mut self.node_classes[node];
        let at = on_node.iter().position(|(other, _)| *other == class);
        match (at, sign) {
            (Some(at), 1) => on_node[at].1 += 1,
            (None, 1) => on_node.push((class, 1)),
            (Some(at), _) if on_node[at].1 > 1 => on_node[at].1 -= 1,
            (Some(at), _) => drop(on_node.swap_remove(at)),
            (None, _) => debug_assert!(false, "a pod is not counted that was not there"),
        }
        let all = &mut self.class_pods[class as usize];
        let before = *all;
        *all = if sign == 1 { *all + 1 } else { all.saturating_sub(1) };
        if (before == 0) != (*all == 0) {
            self.list_affinity(class);
        }
    }

    /// Keeps the list of classes with affinity when the first pod of `class` came or the last one went.
    fn list_affinity(&mut self, class: u32) {
        if self.class(class).is_none_or(|class| class.affinity.is_none()) {
            return;
        }
        self.affinity_changes += 1;
        match self.affinity_classes.binary_search(&class) {
            Ok(at) => drop(self.affinity_classes.remove(at)),
            Err(at) => {
                self.affinity_epoch += u64::from(self.affinity_classes.is_empty());
                self.affinity_classes.insert(at, class);
            }
        }
    }
}
