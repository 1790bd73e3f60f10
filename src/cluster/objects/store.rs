//! [`Store`]: the objects of one kind in the order of their names, looked up by text that is borrowed.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{ClusterWide, Named, Namespaced, ObjectKey};

use super::ObjectChange;

/// The objects of one kind.
#[derive(Clone, Debug)]
pub struct Store<T> {
    /// By namespace, which is empty where the kind has none, and by name.
    namespaces: BTreeMap<Box<str>, BTreeMap<Box<str>, Kept<T>>>,
    /// What is in each group ([`Named::group`]).
    groups: BTreeMap<Box<str>, BTreeSet<ObjectKey>>,
    /// How many there are.
    count: usize,
    /// Number of the list that is being read, or was read last.
    list: u32,
    epoch: u64,
}

#[derive(Clone, Debug)]
struct Kept<T> {
    object: T,
    /// Number of the list that named it last.
    seen: u32,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        let (namespaces, groups) = (BTreeMap::new(), BTreeMap::new());
        Self { namespaces, groups, count: 0, list: 0, epoch: 0 }
    }
}

impl<T: Namespaced> Store<T> {
    /// The object `name` of `namespace`.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<&T> {
        self.find(namespace, name)
    }

    /// The objects of `namespace`, by name.
    pub fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &T> {
        self.namespaces.get(namespace).into_iter().flat_map(BTreeMap::values).map(|k| &k.object)
    }
}

impl<T: ClusterWide> Store<T> {
    /// The object called `name`.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&T> {
        self.find("", name)
    }
}

impl<T: Named> Store<T> {
    /// All objects, by namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.namespaces.values().flat_map(BTreeMap::values).map(|kept| &kept.object)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How often an object came, changed or went: where it is the same, so are the objects.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The objects of a group ([`Named::group`]), by namespace and name.
    pub(super) fn in_group(&self, group: &str) -> impl Iterator<Item = &T> {
        let keys = self.groups.get(group).into_iter().flatten();
        keys.filter_map(|key| self.find(&key.namespace, &key.name))
    }

    pub(super) fn upsert(&mut self, object: T) -> Option<ObjectChange<T>> {
        let seen = self.list;
        let before = self
            .namespaces
            .get_mut(object.namespace())
            .and_then(|names| names.get_mut(object.name()));
        if let Some(before) = before {
            before.seen = seen;
            if before.object == object {
                return None;
            }
            let old = std::mem::replace(&mut before.object, object.clone());
            if old.group() != object.group() {
                self.leave_group(&old);
                self.join_group(&object);
            }
            self.epoch += 1;
            return Some(ObjectChange::Updated(old));
        }
        self.join_group(&object);
        let names = self.namespaces.entry(object.namespace().into()).or_default();
        names.insert(object.name().into(), Kept { object, seen });
        self.count += 1;
        self.epoch += 1;
        Some(ObjectChange::Added)
    }

    pub(super) fn delete(&mut self, namespace: &str, name: &str) -> Option<T> {
        let names = self.namespaces.get_mut(namespace)?;
        let gone = names.remove(name)?;
        if names.is_empty() {
            self.namespaces.remove(namespace);
        }
        self.leave_group(&gone.object);
        self.count -= 1;
        self.epoch += 1;
        Some(gone.object)
    }

    pub(super) fn begin_list(&mut self) {
        self.list += 1;
    }

    /// Forgets what the list did not name, and gives it back.
    pub(super) fn end_list(&mut self) -> Vec<T> {
        let all = self.namespaces.values().flat_map(BTreeMap::values);
        let unseen = all.filter(|kept| kept.seen != self.list);
        let unseen: Vec<_> = unseen.map(|kept| ObjectKey::of(&kept.object)).collect();
        unseen.iter().filter_map(|key| self.delete(&key.namespace, &key.name)).collect()
    }

    fn find(&self, namespace: &str, name: &str) -> Option<&T> {
        self.namespaces.get(namespace)?.get(name).map(|kept| &kept.object)
    }

    fn join_group(&mut self, object: &T) {
        if let Some(group) = object.group() {
            self.groups.entry(group.into()).or_default().insert(ObjectKey::of(object));
        }
    }

    fn leave_group(&mut self, object: &T) {
        let Some(group) = object.group() else { return };
        let Some(keys) = self.groups.get_mut(group) else { return };
        keys.remove(&ObjectKey::of(object));
        if keys.is_empty() {
            self.groups.remove(group);
        }
    }
}
