//! Sums that are kept from pod to pod: what a changed node has added is taken out, and what it adds now is
//! put in.

use crate::cluster::{Cluster, View};
use crate::units::{Map, NodeId};

use super::effects::Incoming;
use super::tally::{Tallies, Tally};

/// Effects of classes that are kept, most of them of classes that are gone by then.
const EFFECTS_MAX: usize = 1 << 14;

/// What one node adds to one tally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// The number of the label's value plus one; 0 is no such label.
    place: u32,
    /// How many effects of pods.
    pub(super) counted: u32,
    pub(super) amount: i64,
}

impl Share {
    /// Nothing yet, of a node with this value.
    pub(super) fn of(value: Option<u32>) -> Self {
        Self { place: value.map_or(0, |value| value + 1), ..Self::default() }
    }

    /// `pods` pods more, of which each adds `amount`.
    pub(super) fn add(&mut self, amount: i64, pods: u32) {
        self.counted += pods;
        self.amount = self.amount.wrapping_add(amount.wrapping_mul(i64::from(pods)));
    }

    /// The number of the value that it is added for.
    pub(super) fn value(self) -> Option<u32> {
        self.place.checked_sub(1)
    }
}

/// What each node adds.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// The entries of nodes that add something.
    entries: Map<NodeId, u32>,
    /// One share a tally, entry after entry.
    list: Vec<Share>,
    /// Entries that no node has.
    free: Vec<u32>,
}

impl Shares {
    /// The entry of `node`.
    #[inline]
    fn entry(&self, node: NodeId) -> Option<usize> {
        Some(*self.entries.get(&node)? as usize)
    }

    /// The shares of `node`, which had none.
    fn add(&mut self, node: NodeId, new: &[Share]) {
        let entry = self.free.pop().map_or(self.list.len() / new.len(), |free| free as usize);
        let from = entry * new.len();
        if from == self.list.len() {
            self.list.extend_from_slice(new);
        } else {
            self.list[from..from + new.len()].copy_from_slice(new);
        }
        self.entries.insert(node, number(entry));
    }

    /// What it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let numbers = 2 * self.entries.capacity() + self.free.capacity();
        numbers * size_of::<u32>() + self.list.capacity() * size_of::<Share>()
    }
}

impl Tallies {
    /// Keeps what each node adds from now on.
    pub(super) fn follow(&mut self, incoming: &Incoming, view: &View<'_>) {
        self.clear();
        self.shares = Some(Shares::default());
        let nodes: Vec<NodeId> = view.cluster.nodes().collect();
        self.catch_up(incoming, view, &nodes);
    }

    /// Counts what `nodes` add now in place of what they have added. False: it cannot.
    pub(super) fn catch_up(
        &mut self,
        incoming: &Incoming,
        view: &View<'_>,
        nodes: &[NodeId],
    ) -> bool {
        let Some(mut shares) = self.shares.take() else { return false };
        if self.effects_kept() > EFFECTS_MAX {
            self.forget_classes();
        }
        let mut new = Vec::new();
        for &node in nodes {
            new.clear();
            if view.row(node).is_present() && !self.add_up(incoming, view.cluster, node, &mut new) {
                return false;
            }
            self.replace(&mut shares, node, &new);
        }
        self.shares = Some(shares);
        true
    }

    /// Writes what `node` adds to each tally to `new`, nothing where it adds to none. False: it adds to a sum
    /// that there is not.
    fn add_up(
        &mut self,
        incoming: &Incoming,
        cluster: &Cluster,
        node: NodeId,
        new: &mut Vec<Share>,
    ) -> bool {
        for &(class, pods) in cluster.classes_on(node) {
            let Some(effects) = self.learn(incoming, cluster, class) else { return false };
            if effects.is_empty() {
                continue;
            }
            if new.is_empty() {
                let value = |tally: &Tally| cluster.label_column(&tally.key)?.number(node);
                new.extend(self.all.iter().map(|tally| Share::of(value(tally))));
            }
            // Looked up again, since all tallies were looked at.
            for &(tally, amount) in self.effects_of(cluster, class).unwrap_or_default() {
                new[tally as usize].add(amount, pods);
            }
        }
        true
    }

    /// Puts `new` in the place of what `node` has added; empty is nothing.
    fn replace(&mut self, shares: &mut Shares, node: NodeId, new: &[Share]) {
        let (entry, stride) = (shares.entry(node), self.all.len());
        if let Some(entry) = entry {
            let old = &mut shares.list[entry * stride..(entry + 1) * stride];
            if old == new {
                return;
            }
            for (tally, share) in self.all.iter_mut().zip(&*old) {
                tally.change(*share, -1);
            }
            if new.is_empty() {
                shares.free.push(number(entry));
                shares.entries.remove(&node);
            } else {
                old.copy_from_slice(new);
            }
        } else if !new.is_empty() {
            shares.add(node, new);
        }
        for (tally, share) in self.all.iter_mut().zip(new) {
            tally.change(*share, 1);
        }
    }
}

fn number(entry: usize) -> u32 {
    u32::try_from(entry).expect("invariant: no more entries than nodes")
}
