//! The objects of one resource, its history and its watchers.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use super::history::History;
use super::object::ByKey;
use super::{Change, Expired, Limits, Queue, Selection, Stored, WriteError};

/// One table. See the module.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) objects: BTreeSet<ByKey>,
    pub(super) history: History,
    /// A watch that is over has dropped its queue.
    watchers: Vec<Weak<Queue>>,
}

impl Table {
    pub(super) fn new(revision: u64) -> Self {
        Self { objects: BTreeSet::new(), history: History::new(revision), watchers: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Arc<Stored>> {
        self.objects.get(key).map(|entry| &entry.0)
    }

    /// The object of this key, if it is at this revision.
    pub(super) fn expect(&self, key: &str, revision: u64) -> Result<Arc<Stored>, WriteError> {
        match self.get(key) {
            None => Err(WriteError::Missing),
            Some(object) if object.revision() != revision => Err(WriteError::Changed),
            Some(object) => Ok(Arc::clone(object)),
        }
    }

    /// Writes `new` over `old` and tells everybody.
    pub(super) fn commit(
        &mut self,
        revision: u64,
        old: Option<Arc<Stored>>,
        new: Option<Arc<Stored>>,
        limits: &Limits,
    ) {
        match (&new, &old) {
            (Some(new), _) => drop(self.objects.replace(ByKey(Arc::clone(new)))),
            (None, Some(old)) => drop(self.objects.remove(old.key())),
            (None, None) => return,
        }
        let change = Arc::new(Change { revision, old, new });
        self.watchers
            .retain(|watcher| watcher.upgrade().is_some_and(|watcher| watcher.offer(&change)));
        self.history.push(change, limits);
    }

    /// A watcher of what comes after `after`.
    pub(super) fn watch(
        &mut self,
        selection: Selection,
        after: u64,
        bytes_max: usize,
    ) -> Result<Arc<Queue>, Expired> {
        let queue = Arc::new(Queue::new(selection, bytes_max));
        for change in self.history.after(after)? {
            queue.replay(change);
        }
        // Watchers that ended while nothing changed must not pile up.
        self.watchers.retain(|watcher| watcher.upgrade().is_some_and(|queue| !queue.has_ended()));
        self.watchers.push(Arc::downgrade(&queue));
        Ok(queue)
    }

    pub(super) fn end_watches(&mut self) {
        for watcher in self.watchers.drain(..) {
            if let Some(queue) = watcher.upgrade() {
                queue.end();
            }
        }
    }
}
