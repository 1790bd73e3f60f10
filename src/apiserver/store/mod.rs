//! The versioned store in memory: objects as serialized JSON with the little that selectors read beside
//! it, one revision that every write moves on, and for each table a bounded history for watches and for
//! lists that go on.
//!
//! One lock, held for a look-up, a memory copy and the fan-out of one change; nothing is parsed or
//! serialized under it, and nobody waits for the network under it. A second lock a table would buy
//! nothing, since every write needs the one revision.

mod history;
mod list;
mod object;
mod queue;
mod table;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use history::Change;
pub use list::{ListRequest, Page};
pub use object::{Draft, Encoder, Stored};
pub use queue::{EventKind, Outcome, Queue, QueuedEvent};

use super::selection::Selection;
use table::Table;

/// The history is cut back to this many changes a table.
pub const HISTORY_CHANGES_MAX: usize = 100_000;
/// The history is cut back to this many bytes of objects that are no longer current, a table.
pub const HISTORY_BYTES_MAX: usize = 32 << 20;
/// A watcher that is further behind than this many bytes of objects is cut.
pub const WATCH_QUEUE_BYTES_MAX: usize = 32 << 20;

/// What bounds a [`Store`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// See [`HISTORY_CHANGES_MAX`].
    pub history_changes: usize,
    /// See [`HISTORY_BYTES_MAX`].
    pub history_bytes: usize,
    /// See [`WATCH_QUEUE_BYTES_MAX`].
    pub watch_queue_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            history_changes: HISTORY_CHANGES_MAX,
            history_bytes: HISTORY_BYTES_MAX,
            watch_queue_bytes: WATCH_QUEUE_BYTES_MAX,
        }
    }
}

/// Why a write did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// There is an object of that key.
    Exists,
    /// There is no object of that key.
    Missing,
    /// It is not at the expected revision any more.
    Changed,
}

/// The history that is asked for is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The oldest revision that can be asked for.
    pub oldest: u64,
}

/// All objects. See the module.
#[derive(Debug)]
pub struct Store {
    tables: Mutex<Vec<Table>>,
    /// Stored after the fan-out, so that whoever reads a revision can rely on its events being queued.
    revision: AtomicU64,
    limits: Limits,
}

impl Store {
    /// An empty store of `tables` tables whose first write gets the revision after `revision`.
    #[must_use]
    pub fn new(tables: usize, revision: u64, limits: Limits) -> Self {
        let tables = (0..tables).map(|_| Table::new(revision)).collect();
        Self { tables: Mutex::new(tables), revision: AtomicU64::new(revision), limits }
    }

    /// The revision of the last write.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Table>> {
        // No code that can panic runs under the lock between two writes to it that belong together.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object of this key.
    #[must_use]
    pub fn get(&self, table: usize, key: &str) -> Option<Arc<Stored>> {
        self.lock().get(table)?.get(key).cloned()
    }

    /// Adds an object.
    pub fn create(&self, table: usize, draft: Draft) -> Result<Arc<Stored>, WriteError> {
        let mut tables = self.lock();
        let rows = tables.get_mut(table).ok_or(WriteError::Missing)?;
        if rows.get(draft.key()).is_some() {
            return Err(WriteError::Exists);
        }
        let revision = self.revision() + 1;
        let new = Arc::new(draft.finish(revision));
        rows.commit(revision, None, Some(Arc::clone(&new)), &self.limits);
        self.revision.store(revision, Ordering::Release);
        Ok(new)
    }

    /// Puts an object in the place of the one that `expected` is the revision of.
    pub fn replace(
        &self,
        table: usize,
        draft: Draft,
        expected: u64,
    ) -> Result<Arc<Stored>, WriteError> {
        let mut tables = self.lock();
        let rows = tables.get_mut(table).ok_or(WriteError::Missing)?;
        let old = rows.expect(draft.key(), expected)?;
        let revision = self.revision() + 1;
        let new = Arc::new(draft.finish(revision));
        rows.commit(revision, Some(old), Some(Arc::clone(&new)), &self.limits);
        self.revision.store(revision, Ordering::Release);
        Ok(new)
    }

    /// Takes away the object that `expected` is the revision of, and returns the revision of that.
    pub fn remove(&self, table: usize, key: &str, expected: u64) -> Result<u64, WriteError> {
        let mut tables = self.lock();
        let rows = tables.get_mut(table).ok_or(WriteError::Missing)?;
        let old = rows.expect(key, expected)?;
        let revision = self.revision() + 1;
        rows.commit(revision, Some(old), None, &self.limits);
        self.revision.store(revision, Ordering::Release);
        Ok(revision)
    }

    /// A page of a list.
    pub fn list(&self, table: usize, request: &ListRequest<'_>) -> Result<Page, Expired> {
        let tables = self.lock();
        let revision = self.revision();
        match tables.get(table) {
            Some(rows) => rows.list(request, revision),
            None => Ok(Page::empty(revision)),
        }
    }

    /// Starts a watch of what comes after the revision `after`.
    pub fn watch(
        &self,
        table: usize,
        selection: Selection,
        after: u64,
    ) -> Result<Arc<Queue>, Expired> {
        let mut tables = self.lock();
        let rows = tables.get_mut(table).ok_or(Expired { oldest: 0 })?;
        rows.watch(selection, after, self.limits.watch_queue_bytes)
    }

    /// Starts a watch and returns all objects of now before it.
    pub fn list_and_watch(
        &self,
        table: usize,
        selection: Selection,
    ) -> Result<(Page, Arc<Queue>), Expired> {
        let mut tables = self.lock();
        let revision = self.revision();
        let rows = tables.get_mut(table).ok_or(Expired { oldest: 0 })?;
        let page = rows.list(&ListRequest::of(&selection), revision)?;
        let queue = rows.watch(selection, revision, self.limits.watch_queue_bytes)?;
        Ok((page, queue))
    }

    /// Ends every watch, each after what is queued for it.
    pub fn end_watches(&self) {
        for rows in &mut *self.lock() {
            rows.end_watches();
        }
    }

    /// Number of objects in a table.
    #[must_use]
    pub fn len(&self, table: usize) -> usize {
        self.lock().get(table).map_or(0, Table::len)
    }
}
