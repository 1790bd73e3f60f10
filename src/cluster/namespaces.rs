//! Namespaces and their labels, and whether a pod is meant by a term of pod affinity.

use crate::model::{Labels, Namespace, Pod};
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

    /// The labels of the namespace `name`; none where it is not known.
    #[must_use]
    pub fn namespace_labels(&self, name: &str) -> &Labels {
        const NONE: &Labels = &Labels::EMPTY;
        self.namespaces.labels.get(name).map_or(NONE, |(labels, _)| labels)
    }

    /// The namespaces that exist, with their labels.
    pub fn namespaces(&self) -> impl Iterator<Item = (&str, &Labels)> {
        self.namespaces.labels.iter().map(|(name, (labels, _))| (&**name, labels))
    }

    /// Whether a required anti-affinity term of a pod that is on a node means `pod`.
    ///
    /// Upstream: InterPodAffinity, existing pods' anti-affinity, v1.37, without a look at topology.
    #[must_use]
    pub fn repelled_by_existing(&self, pod: &Pod) -> bool {
        let of_namespace = self.namespace_labels(&pod.key.namespace);
        self.classes().filter(|(_, _, placed)| *placed > 0).any(|(_, class, _)| {
            let terms = class.affinity.iter().flat_map(|affinity| &affinity.anti_required);
            terms.into_iter().any(|term| {
                term.means(&class.namespace, &pod.key.namespace, of_namespace, &pod.labels)
            })
        })
    }
}
