//! Namespaces and their labels, and whether a pod is meant by a term of pod affinity.

use crate::model::{AffinityTerm, Labels, Namespace, Pod};
use crate::units::Map;

use super::Cluster;

/// Labels of the namespaces that exist.
#[derive(Clone, Debug, Default)]
pub(crate) struct Namespaces {
    labels: Map<Box<str>, (Labels, u32)>,
    /// Number of the list that is being read, or was read last.
    list: u32,
}

impl Cluster {
    /// Records a namespace; says whether its labels changed.
    pub fn upsert_namespace(&mut self, namespace: &Namespace) -> bool {
        let list = self.namespaces.list;
        let entry = (namespace.labels.clone(), list);
        let before = self.namespaces.labels.insert(namespace.name.clone(), entry);
        before.is_none_or(|(labels, _)| labels != namespace.labels)
    }

    /// Forgets a namespace.
    pub fn delete_namespace(&mut self, name: &str) {
        self.namespaces.labels.remove(name);
    }

    /// A list of all namespaces begins.
    pub fn begin_namespace_list(&mut self) {
        self.namespaces.list += 1;
    }

    /// The list is complete: forgets the namespaces that it did not name.
    pub fn end_namespace_list(&mut self) {
        let list = self.namespaces.list;
        self.namespaces.labels.retain(|_, (_, seen)| *seen == list);
    }

    /// Whether a required anti-affinity term of a pod that is on a node means `pod`.
    ///
    /// Upstream: InterPodAffinity, existing pods' anti-affinity, v1.37, without a look at topology.
    #[must_use]
    pub fn repelled_by_existing(&self, pod: &Pod) -> bool {
        let owned = |id: u32| self.anti_affinity_owners.get(id as usize).is_some_and(|n| *n > 0);
        let mut terms = self.anti_affinity.iter();
        terms.any(|(id, (owner, term))| owned(id) && self.term_means(owner, term, pod))
    }

    /// Whether `term` of a pod in namespace `owner` means `pod`.
    fn term_means(&self, owner: &str, term: &AffinityTerm, pod: &Pod) -> bool {
        let namespace = &*pod.key.namespace;
        let named = if term.namespaces.is_empty() && term.namespace_selector.is_none() {
            namespace == owner
        } else {
            term.namespaces.iter().any(|n| **n == *namespace)
        };
        let selected = || {
            term.namespace_selector.as_ref().is_some_and(|selector| {
                let known = self.namespaces.labels.get(namespace);
                selector.matches(known.map_or(&Labels::default(), |(labels, _)| labels))
            })
        };
        (named || selected()) && term.selector.as_ref().is_some_and(|s| s.matches(&pod.labels))
    }
}
