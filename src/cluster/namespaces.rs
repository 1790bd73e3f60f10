//! Namespaces and their labels.

use crate::model::{Labels, Namespace};
use crate::units::Map;

use super::Cluster;

/// Labels of the namespaces that exist.
#[derive(Clone, Debug, Default)]
pub(crate) struct Namespaces {
    labels: Map<Box<str>, (Labels, u32)>,
    /// Number of the list that is being read, or was read last.
    list: u32,
    /// How often a namespace came, changed or went.
    epoch: u64,
}

impl Namespaces {
    /// How often a namespace came, changed or went.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl Cluster {
    /// Records a namespace; says whether its labels changed.
    pub fn upsert_namespace(&mut self, namespace: &Namespace) -> bool {
        let list = self.namespaces.list;
        let entry = (namespace.labels.clone(), list);
        let before = self.namespaces.labels.insert(namespace.name.clone(), entry);
        let changed = before.is_none_or(|(labels, _)| labels != namespace.labels);
        self.namespaces.epoch += u64::from(changed);
        changed
    }

    /// Forgets a namespace.
    pub fn delete_namespace(&mut self, name: &str) {
        let gone = self.namespaces.labels.remove(name);
        self.namespaces.epoch += u64::from(gone.is_some());
    }

    /// A list of all namespaces begins.
    pub fn begin_namespace_list(&mut self) {
        self.namespaces.list += 1;
    }

    /// The list is complete: forgets the namespaces that it did not name.
    pub fn end_namespace_list(&mut self) {
        let list = self.namespaces.list;
        let before = self.namespaces.labels.len();
        self.namespaces.labels.retain(|_, (_, seen)| *seen == list);
        self.namespaces.epoch += u64::from(self.namespaces.labels.len() != before);
    }

    /// The labels of the namespace `name`; none where it is not known.
    #[must_use]
    pub fn namespace_labels(&self, name: &str) -> &Labels {
        const NONE: &Labels = &Labels::EMPTY;
        self.find_namespace(name).unwrap_or(NONE)
    }

    /// The labels of the namespace `name`, if it is known.
    #[must_use]
    pub fn find_namespace(&self, name: &str) -> Option<&Labels> {
        self.namespaces.labels.get(name).map(|(labels, _)| labels)
    }
}
