//! [`Store`]: the objects of one kind in the order of their names, looked up by text that is borrowed.

use std::collections::BTreeMap;

use crate::model::{ClusterWide, Named, Namespaced, ObjectKey};
use crate::units::Map;

use super::ObjectChange;

/// The objects of one kind.
#[derive(Clone, Debug)]
pub struct Store<T> {
    /// Places in `kept`, by namespace, which is empty where the kind has none, and by name.
    namespaces: BTreeMap<Box<str>, BTreeMap<Box<str>, usize>>,
    kept: Vec<Option<Kept<T>>>,
    /// Places in `kept` where nothing is.
    free: Vec<usize>,
    /// Places of what is in each group ([`Named::groups`]), by namespace and name.
    groups: Map<Box<str>, Vec<usize>>,
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
        Self {
            namespaces: BTreeMap::new(),
            kept: Vec::new(),
            free: Vec::new(),
            groups: Map::default(),
            count: 0,
            list: 0,
            epoch: 0,
        }
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
        let names = self.namespaces.get(namespace).into_iter();
        names.flat_map(BTreeMap::values).filter_map(|at| self.at(*at))
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
        let names = self.namespaces.values();
        names.flat_map(BTreeMap::values).filter_map(|at| self.at(*at))
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

    /// Whether a group has anything in it.
    pub(super) fn has_group(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }

    /// The objects of a group ([`Named::groups`]), by namespace and name.
    pub(super) fn in_group<'a>(&'a self, group: &str) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let places = self.groups.get(group).into_iter().flatten();
        places.filter_map(|at| self.at(*at))
    }

    pub(super) fn upsert(&mut self, object: T) -> Option<ObjectChange<T>> {
        let seen = self.list;
        let before = self.place(object.namespace(), object.name());
        if let Some(at) = before
            && let Some(before) = self.kept[at].as_mut()
        {
            before.seen = seen;
            if before.object == object {
                return None;
            }
            let moves = before.object.groups() != object.groups();
            if moves {
                self.leave_groups(at);
            }
            let old = self.kept[at].replace(Kept { object, seen });
            if moves {
                self.join_groups(at);
            }
            self.epoch += 1;
            return old.map(|kept| ObjectChange::Updated(kept.object));
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.kept.push(None);
            self.kept.len() - 1
        });
        let names = self.namespaces.entry(object.namespace().into()).or_default();
        names.insert(object.name().into(), at);
        self.kept[at] = Some(Kept { object, seen });
        self.join_groups(at);
        self.count += 1;
        self.epoch += 1;
        Some(ObjectChange::Added)
    }

    pub(super) fn delete(&mut self, namespace: &str, name: &str) -> Option<T> {
        let names = self.namespaces.get_mut(namespace)?;
        let at = names.remove(name)?;
        if names.is_empty() {
            self.namespaces.remove(namespace);
        }
        self.leave_groups(at);
        let gone = self.kept[at].take();
        self.free.push(at);
        self.count -= 1;
        self.epoch += 1;
        gone.map(|kept| kept.object)
    }

    pub(super) fn begin_list(&mut self) {
        self.list += 1;
    }

    /// Forgets what the list did not name, and gives it back, by namespace and name.
    pub(super) fn end_list(&mut self) -> Vec<T> {
        let all = self.namespaces.values().flat_map(BTreeMap::values);
        let unseen = all.filter_map(|at| self.kept[*at].as_ref()).filter(|k| k.seen != self.list);
        let unseen: Vec<_> = unseen.map(|kept| ObjectKey::of(&kept.object)).collect();
        unseen.iter().filter_map(|key| self.delete(&key.namespace, &key.name)).collect()
    }

    fn find(&self, namespace: &str, name: &str) -> Option<&T> {
        self.at(self.place(namespace, name)?)
    }

    fn place(&self, namespace: &str, name: &str) -> Option<usize> {
        self.namespaces.get(namespace)?.get(name).copied()
    }

    fn at(&self, place: usize) -> Option<&T> {
        self.kept[place].as_ref().map(|kept| &kept.object)
    }

    fn join_groups(&mut self, place: usize) {
        let Some(object) = self.at(place) else { return };
        let found = object.groups().into_iter().flatten().map(|group| {
            let at = self.place_in_group(&group, object);
            (Box::<str>::from(group), at)
        });
        for (group, at) in found.collect::<Vec<_>>() {
            self.groups.entry(group).or_default().insert(at, place);
        }
    }

    fn leave_groups(&mut self, place: usize) {
        let Some(object) = self.at(place) else { return };
        let found = object.groups().into_iter().flatten().map(|group| {
            let at = self.place_in_group(&group, object);
            (group.into_owned(), at)
        });
        for (group, at) in found.collect::<Vec<_>>() {
            let Some(places) = self.groups.get_mut(&*group) else { continue };
            places.remove(at);
            if places.is_empty() {
                self.groups.remove(&*group);
            }
        }
    }

    /// Where in `group` the object is, or would be.
    fn place_in_group(&self, group: &str, object: &T) -> usize {
        let places = self.groups.get(group).map_or(&[][..], Vec::as_slice);
        places.partition_point(|place| {
            self.at(*place).is_some_and(|other| {
                (other.namespace(), other.name()) < (object.namespace(), object.name())
            })
        })
    }
}
