//! The tables that are kept for the next pod of the same template, least recently used first out. A table is
//! built to be kept when its template is seen for the second time, and soon enough after the first.
//!
//! Called by `cycle`. Whether a table is kept changes no decision, only the time that one takes.

use crate::cluster::View;
use crate::framework::{BuildTimes, Evals, Stopwatch, Table};
use crate::model::{Pod, Template};
use crate::units::Map;

/// Memory of all kept tables at most, in bytes; one table may be larger.
pub(super) const TABLE_BYTES_MAX: usize = 32 << 20;

/// Templates of which it is known when they were last seen, at most.
const TEMPLATES_SEEN_MAX: usize = 1 << 16;

/// What a table takes for a node, roughly: for a first guess of how many tables there is room for.
const BYTES_A_NODE: usize = 20;
/// What a table takes besides, roughly.
const BYTES_A_TABLE: usize = 32 << 10;

/// The kept tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// By the hash of profile and template.
    kept: Map<u64, Vec<Kept>>,
    count: usize,
    bytes: usize,
    /// When each template was last seen, by its hash.
    seen: Map<u64, u64>,
    /// How many pods have asked for a table.
    asked: u64,
    /// How many were built.
    built: u64,
    /// All nodes are judged for every pod.
    off: bool,
    /// How often a kept table was of use.
    #[cfg(test)]
    pub(super) caught_up: u64,
}

/// A table with what it is for.
#[derive(Debug)]
struct Kept {
    signature: Signature,
    table: Table,
    bytes: usize,
    /// The number of the pod that it was last used for.
    used: u64,
}

/// What a table is for.
#[derive(Debug)]
pub(super) struct Signature {
    hash: u64,
    profile: usize,
    template: Template,
}

impl Tables {
    /// Keeps none from now on.
    pub(super) fn turn_off(&mut self) {
        *self = Self { off: true, ..Self::default() };
    }

    /// All nodes judged for `pod`: from a kept table where there is one. The signature, if there is one, is to
    /// be handed back with the table to [`Tables::keep`].
    pub(super) fn table(
        &mut self,
        (profile, pod): (usize, &Pod),
        evals: &Evals,
        view: &View<'_>,
        watch: &Stopwatch<'_>,
    ) -> (Table, BuildTimes, Option<Signature>) {
        let without = || Table::build_timed(evals, view, None, watch);
        if self.off {
            let (table, times) = without();
            return (table, times, None);
        }
        self.asked += 1;
        let hash = Template::hash_of(pod, profile);
        let signature = match self.take(hash, profile, pod) {
            Some(Kept { signature, mut table, .. }) => {
                if let Some(times) = table.catch_up(evals, view, watch) {
                    #[cfg(test)]
                    self.check(&table, evals, view);
                    return (table, times, Some(signature));
                }
                Some(signature)
            }
            None => self.is_worth_it(hash, view.cluster.nodes_bound()).then(|| Signature {
                hash,
                profile,
                template: Template::of(pod),
            }),
        };
        if let Some(signature) = signature
            && let Some((table, times)) = Table::build_kept(evals, view, watch)
        {
            self.built += 1;
            return (table, times, Some(signature));
        }
        let (table, times) = without();
        (table, times, None)
    }

    /// Keeps a table for the next pod.
    pub(super) fn keep(&mut self, signature: Option<Signature>, table: Table) {
        let Some(signature) = signature.filter(|_| table.can_be_kept()) else { return };
        let bytes = table.bytes();
        while self.count > 0 && self.bytes + bytes > TABLE_BYTES_MAX {
            self.drop_oldest();
        }
        self.bytes += bytes;
        self.count += 1;
        let kept = Kept { bytes, used: self.asked, table, signature };
        self.kept.entry(kept.signature.hash).or_default().push(kept);
    }

    /// How many there are, and the bytes that they take.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.count, self.bytes)
    }

    /// How many were built to be kept, so far.
    pub(super) fn built(&self) -> u64 {
        self.built
    }

    /// What was caught up is what would be built.
    #[cfg(test)]
    fn check(&mut self, table: &Table, evals: &Evals, view: &View<'_>) {
        self.caught_up += 1;
        let built = Table::build(evals, view, None);
        assert_eq!(table.contents(evals.stride()), built.contents(evals.stride()));
    }

    fn take(&mut self, hash: u64, profile: usize, pod: &Pod) -> Option<Kept> {
        let same = self.kept.get_mut(&hash)?;
        let is_it =
            |kept: &Kept| kept.signature.profile == profile && kept.signature.template.is_of(pod);
        let kept = same.swap_remove(same.iter().position(is_it)?);
        if same.is_empty() {
            self.kept.remove(&hash);
        }
        self.count -= 1;
        self.bytes -= kept.bytes;
        Some(kept)
    }

    /// Whether this template comes back before its table would have to go again.
    fn is_worth_it(&mut self, hash: u64, nodes: usize) -> bool {
        if self.seen.len() >= TEMPLATES_SEEN_MAX {
            self.seen.clear();
        }
        let Some(last) = self.seen.insert(hash, self.asked) else { return false };
        let guess = nodes * BYTES_A_NODE + BYTES_A_TABLE;
        let bytes = self.bytes.checked_div(self.count).unwrap_or(guess);
        let room = TABLE_BYTES_MAX.checked_div(bytes).unwrap_or(usize::MAX).max(1);
        self.asked - last <= room as u64
    }

    fn drop_oldest(&mut self) {
        let all =
            self.kept.iter().flat_map(|(hash, same)| same.iter().map(move |k| (k.used, *hash)));
        let Some((used, hash)) = all.min() else { return };
        let Some(same) = self.kept.get_mut(&hash) else { return };
        if let Some(at) = same.iter().position(|kept| kept.used == used) {
            let gone = same.swap_remove(at);
            self.count -= 1;
            self.bytes -= gone.bytes;
        }
        if same.is_empty() {
            self.kept.remove(&hash);
        }
    }
}
