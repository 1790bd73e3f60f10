//! What has happened in one table, as far back as the limits let it be kept.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Expired, Limits, Stored};

/// One write.
#[derive(Debug)]
pub struct Change {
    /// Its revision.
    pub revision: u64,
    /// The object before it, unless it was created.
    pub old: Option<Arc<Stored>>,
    /// The object after it, unless it was deleted.
    pub new: Option<Arc<Stored>>,
}

impl Change {
    /// The key of the object.
    #[must_use]
    pub fn key(&self) -> &str {
        let object = self.new.as_ref().or(self.old.as_ref());
        object.map_or("", |object| object.key())
    }

    /// What it keeps alive: the version that is no longer current, in bytes.
    fn cost(&self) -> usize {
        size_of::<Self>() + self.old.as_ref().map_or(0, |old| old.cost())
    }
}

/// The last changes, oldest first.
#[derive(Debug)]
pub(super) struct History {
    changes: VecDeque<Arc<Change>>,
    bytes: usize,
    /// Every change after this revision is here.
    complete_after: u64,
}

impl History {
    pub(super) fn new(revision: u64) -> Self {
        Self { changes: VecDeque::new(), bytes: 0, complete_after: revision }
    }

    pub(super) fn push(&mut self, change: Arc<Change>, limits: &Limits) {
        self.bytes += change.cost();
        self.changes.push_back(change);
        while self.changes.len() > limits.history_changes || self.bytes > limits.history_bytes {
            let Some(dropped) = self.changes.pop_front() else { break };
            self.bytes -= dropped.cost();
            self.complete_after = dropped.revision;
        }
    }

    /// The changes after `revision`, if all of them are still known.
    pub(super) fn after(
        &self,
        revision: u64,
    ) -> Result<impl DoubleEndedIterator<Item = &Arc<Change>>, Expired> {
        if revision < self.complete_after {
            return Err(Expired { oldest: self.complete_after });
        }
        let start = self.changes.partition_point(|change| change.revision <= revision);
        Ok(self.changes.range(start..))
    }
}
