//! Sums over the pods of the cluster, by topology key and value of it: each class is matched once, then
//! one loop goes over the nodes and their few classes.

use crate::cluster::{Cluster, LabelColumn, PodClass};
use crate::units::NodeId;

use super::effects::{Incoming, Sum};

/// One sum for one topology key.
pub(super) struct Tally {
    pub(super) sum: Sum,
    pub(super) key: Box<str>,
    /// By the number of the label's value; shorter where the rest has nothing.
    pub(super) by_value: Vec<i64>,
}

impl Tally {
    fn add(&mut self, value: u32, amount: i64) {
        let at = value as usize;
        if self.by_value.len() <= at {
            self.by_value.resize(at + 1, 0);
        }
        self.by_value[at] = self.by_value[at].wrapping_add(amount);
    }
}

/// All sums for one pod.
#[derive(Default)]
pub(super) struct Tallies {
    pub(super) all: Vec<Tally>,
    /// Where in `effects` a class has its own; `None` for one without a pod on a node.
    classes: Vec<Option<(u32, u32)>>,
    /// What one pod of a class adds: the index of a tally, and the amount.
    effects: Vec<(u32, i64)>,
}

impl Tallies {
    /// Counts the pods that are on nodes.
    pub(super) fn of(incoming: &Incoming, cluster: &Cluster) -> Self {
        let mut tallies = Self::default();
        for term in incoming.required() {
            tallies.index(Sum::Affinity, &term.topology_key);
        }
        tallies.classes.resize(cluster.classes_bound(), None);
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
    pub(super) fn effects_of(&self, class: u32) -> Option<&[(u32, i64)]> {
        let (from, to) = (*self.classes.get(class as usize)?)?;
        Some(&self.effects[from as usize..to as usize])
    }

    /// Whether a pod counted for `sum` on a node that has the topology key.
    pub(super) fn counts_in(&self, sum: Sum) -> bool {
        self.all.iter().any(|tally| tally.sum == sum && !tally.by_value.is_empty())
    }

    /// All that counted for `sum`.
    pub(super) fn total(&self, sum: Sum) -> i64 {
        let tallies = self.all.iter().filter(|tally| tally.sum == sum);
        tallies.flat_map(|tally| &tally.by_value).sum()
    }

    fn add_class(&mut self, incoming: &Incoming, cluster: &Cluster, number: u32, class: &PodClass) {
        let from = index(self.effects.len());
        incoming.effects(cluster, class, |sum, key, amount| {
            let tally = self.index(sum, key);
            self.effects.push((tally, amount));
        });
        self.classes[number as usize] = Some((from, index(self.effects.len())));
    }

    /// The tally of `sum` and `key`, made if there is none.
    fn index(&mut self, sum: Sum, key: &str) -> u32 {
        let found = self.all.iter().position(|tally| tally.sum == sum && *tally.key == *key);
        index(found.unwrap_or_else(|| {
            self.all.push(Tally { sum, key: key.into(), by_value: Vec::new() });
            self.all.len() - 1
        }))
    }

    fn count(&mut self, cluster: &Cluster) {
        let Self { all, classes, effects } = self;
        let columns: Vec<Option<LabelColumn<'_>>> =
            all.iter().map(|tally| cluster.label_column(&tally.key)).collect();
        let value = |tally: u32, node: NodeId| columns[tally as usize]?.number(node);
        for node in cluster.nodes() {
            for &(class, pods) in cluster.classes_on(node) {
                let Some((from, to)) = classes[class as usize] else { continue };
                for &(tally, amount) in &effects[from as usize..to as usize] {
                    if let Some(value) = value(tally, node) {
                        all[tally as usize].add(value, amount.wrapping_mul(i64::from(pods)));
                    }
                }
            }
        }
    }
}

fn index(number: usize) -> u32 {
    u32::try_from(number).expect("invariant: fewer than 2^32 effects")
}
