//! Sums over the pods of the cluster, by topology key and value of it: each class is matched once, then
//! one loop goes over the nodes and their few classes. `follow` keeps them up from pod to pod.

use crate::cluster::{Cluster, LabelColumn, PodClass};
use crate::units::{Map, NodeId};

use super::effects::{Incoming, Sum};
use super::follow::{Share, Shares};

/// One sum for one topology key.
pub(super) struct Tally {
    pub(super) sum: Sum,
    pub(super) key: Box<str>,
    /// By the number of the label's value; shorter where the rest has nothing.
    by_value: Vec<i64>,
    /// Of all values.
    total: i64,
    /// How many effects were added.
    counted: u64,
}

impl Tally {
    fn new(sum: Sum, key: &str) -> Self {
        Self { sum, key: key.into(), by_value: Vec::new(), total: 0, counted: 0 }
    }

    /// What was added for the value of this number.
    pub(super) fn at(&self, value: u32) -> i64 {
        self.by_value.get(value as usize).copied().unwrap_or_default()
    }

    /// Adds (`sign` 1) or takes out (-1) what a node adds.
    pub(super) fn change(&mut self, share: Share, sign: i64) {
        let Some(value) = share.value() else { return };
        let at = value as usize;
        if self.by_value.len() <= at {
            self.by_value.resize(at + 1, 0);
        }
        let amount = share.amount.wrapping_mul(sign);
        self.by_value[at] = self.by_value[at].wrapping_add(amount);
        self.total = self.total.wrapping_add(amount);
        let counted = u64::from(share.counted);
        self.counted = if sign < 0 { self.counted - counted } else { self.counted + counted };
    }

    /// Nothing was added.
    fn clear(&mut self) {
        self.by_value.clear();
        (self.total, self.counted) = (0, 0);
    }
}

/// All sums for one pod.
#[derive(Default)]
pub(super) struct Tallies {
    pub(super) all: Vec<Tally>,
    /// By the number of a class: the stamp of the class that was looked at; 0 where none was.
    known: Vec<u32>,
    /// Where in `effects` the classes of these numbers have their own: the others that were looked at have none.
    effective: Map<u32, (u32, u32)>,
    /// What one pod of a class adds: the index of a tally, and the amount.
    effects: Vec<(u32, i64)>,
    /// While they are followed: what each node adds.
    pub(super) shares: Option<Shares>,
}

impl Tallies {
    /// Counts the pods that are on nodes.
    pub(super) fn of(incoming: &Incoming, cluster: &Cluster) -> Self {
        let mut tallies = Self::default();
        incoming.own_sums(|sum, key| {
            tallies.index(sum, key);
        });
        tallies.known.resize(cluster.classes_bound(), 0);
        if incoming.has_terms() {
            for (number, class, placed) in cluster.classes() {
                if placed > 0 {
                    tallies.add_class(incoming, cluster, number, class);
                }
            }
        } else {
            for &number in cluster.classes_with_affinity() {
                if let Some(class) = cluster.class(number) {
                    tallies.add_class(incoming, cluster, number, class);
                }
            }
        }
        if !tallies.effects.is_empty() {
            tallies.count(cluster);
        }
        tallies
    }

    /// What one pod of the class of this number adds, by the index of the tally; `None` where it has not
    /// been looked at.
    pub(super) fn effects_of(&self, cluster: &Cluster, class: u32) -> Option<&[(u32, i64)]> {
        self.knows(class, cluster.class_stamp(class)).then(|| self.known_effects(class))
    }

    /// Whether the class that has this number and stamp was looked at.
    #[inline]
    fn knows(&self, class: u32, stamp: u32) -> bool {
        stamp != 0 && self.known.get(class as usize) == Some(&stamp)
    }

    /// What one pod of a class adds that was looked at.
    fn known_effects(&self, class: u32) -> &[(u32, i64)] {
        let effective = self.effective.get(&class);
        effective.map_or(&[], |&(from, to)| &self.effects[from as usize..to as usize])
    }

    /// Whether it is known that pods of the class that had this number and stamp add nothing.
    #[inline]
    pub(super) fn leave_out(&self, class: u32, stamp: u32) -> bool {
        self.knows(class, stamp) && !self.effective.contains_key(&class)
    }

    /// [`Tallies::effects_of`], which looks at a class if that was not done. `None` where it adds to a sum
    /// that there is not.
    pub(super) fn learn(
        &mut self,
        incoming: &Incoming,
        cluster: &Cluster,
        number: u32,
    ) -> Option<&[(u32, i64)]> {
        if !self.knows(number, cluster.class_stamp(number)) {
            let tallies = self.all.len();
            if self.known.len() <= number as usize {
                self.known.resize(cluster.classes_bound(), 0);
            }
            self.add_class(incoming, cluster, number, cluster.class(number)?);
            if self.all.len() > tallies {
                return None;
            }
        }
        Some(self.known_effects(number))
    }

    /// Whether a pod counted for `sum` on a node that has the topology key.
    pub(super) fn counts_in(&self, sum: Sum) -> bool {
        self.all.iter().any(|tally| tally.sum == sum && tally.counted > 0)
    }

    /// All that counted for `sum`.
    pub(super) fn total(&self, sum: Sum) -> i64 {
        self.all.iter().filter(|tally| tally.sum == sum).map(|tally| tally.total).sum()
    }

    /// How many effects are kept.
    pub(super) fn effects_kept(&self) -> usize {
        self.effects.len()
    }

    /// Forgets what classes mean.
    pub(super) fn forget_classes(&mut self) {
        self.known.fill(0);
        self.effective.clear();
        self.effects.clear();
    }

    /// Forgets what was counted.
    pub(super) fn clear(&mut self) {
        self.all.iter_mut().for_each(Tally::clear);
    }

    /// The label columns of all tallies.
    pub(super) fn columns<'a>(&self, cluster: &'a Cluster) -> Vec<Option<LabelColumn<'a>>> {
        self.all.iter().map(|tally| cluster.label_column(&tally.key)).collect()
    }

    /// What it keeps, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let by_value: usize = self.all.iter().map(|tally| tally.by_value.capacity()).sum();
        let shares = self.shares.as_ref().map_or(0, Shares::bytes);
        by_value * size_of::<i64>()
            + self.known.capacity() * size_of::<u32>()
            + self.effective.capacity() * size_of::<(u32, (u32, u32))>()
            + self.effects.capacity() * size_of::<(u32, i64)>()
            + shares
    }

    fn add_class(&mut self, incoming: &Incoming, cluster: &Cluster, number: u32, class: &PodClass) {
        let from = index(self.effects.len());
        incoming.effects(cluster, class, |sum, key, amount| {
            let tally = self.index(sum, key);
            self.effects.push((tally, amount));
        });
        self.known[number as usize] = cluster.class_stamp(number);
        let to = index(self.effects.len());
        if to > from {
            self.effective.insert(number, (from, to));
        } else {
            self.effective.remove(&number);
        }
    }

    /// The tally of `sum` and `key`, made if there is none.
    fn index(&mut self, sum: Sum, key: &str) -> u32 {
        let found = self.all.iter().position(|tally| tally.sum == sum && *tally.key == *key);
        index(found.unwrap_or_else(|| {
            self.all.push(Tally::new(sum, key));
            self.all.len() - 1
        }))
    }

    fn count(&mut self, cluster: &Cluster) {
        let columns = self.columns(cluster);
        let Self { all, effective, effects, .. } = self;
        let value = |tally: u32, node: NodeId| columns[tally as usize]?.number(node);
        for node in cluster.nodes() {
            for (class, pods) in cluster.classes_on(node) {
                let Some(&(from, to)) = effective.get(class) else { continue };
                for &(tally, amount) in &effects[from as usize..to as usize] {
                    let mut share = Share::of(value(tally, node));
                    share.add(amount, *pods);
                    all[tally as usize].change(share, 1);
                }
            }
        }
    }
}

fn index(number: usize) -> u32 {
    u32::try_from(number).expect("invariant: fewer than 2^32 effects")
}
