//! Labels of nodes in columns: one a key, one entry a node, so that a selector reads a number a node.

use crate::model::Labels;
use crate::units::NodeId;

use super::interner::Interner;

/// Labels of all nodes, by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeLabels {
    keys: Interner<Box<str>>,
    values: Interner<Box<str>>,
    /// By key: the number of each node's value plus one; 0 is no such label. Shorter than the number of
    /// nodes where the rest has none.
    columns: Vec<Vec<u32>>,
    /// By key: who has the value of each number; shorter where the rest has nobody.
    holders: Vec<Vec<Holders>>,
}

/// The nodes that have one value of one label.
#[derive(Clone, Copy, Debug, Default)]
struct Holders {
    count: u32,
    /// The sum of their numbers, which is the number where there is one.
    sum: u32,
}

impl Holders {
    fn add(&mut self, node: NodeId) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(node.0);
    }

    fn remove(&mut self, node: NodeId) {
        self.count -= 1;
        self.sum = self.sum.wrapping_sub(node.0);
    }

    fn only(self) -> Option<NodeId> {
        (self.count == 1).then_some(NodeId(self.sum))
    }
}

/// What [`NodeLabels::replace`] has done.
#[derive(Debug)]
pub(crate) struct Replaced {
    /// The numbers of the keys and values of the new labels.
    pub(crate) pairs: Vec<(u32, u32)>,
    /// Other nodes that have a value alone now, or no more.
    pub(crate) others: Vec<NodeId>,
}

/// The values of one label on all nodes.
#[derive(Clone, Copy, Debug)]
pub struct LabelColumn<'a> {
    column: &'a [u32],
    holders: &'a [Holders],
    values: &'a Interner<Box<str>>,
}

impl<'a> LabelColumn<'a> {
    /// The number of the value on `node`; `None` where the node has no such label.
    #[must_use]
    #[inline]
    pub fn number(&self, node: NodeId) -> Option<u32> {
        self.column.get(node.0 as usize)?.checked_sub(1)
    }

    /// Whether only one node has the value of this number. Where that changes, the change log names the node.
    #[must_use]
    #[inline]
    pub fn is_alone(&self, number: u32) -> bool {
        self.holders.get(number as usize).is_some_and(|holders| holders.count == 1)
    }

    /// The value on `node`.
    #[must_use]
    pub fn value(&self, node: NodeId) -> Option<&'a str> {
        Some(self.values.get(self.number(node)?)?)
    }

    /// One more than the largest number of a value of any label.
    #[must_use]
    pub fn numbers_bound(&self) -> usize {
        self.values.bound()
    }
}

impl NodeLabels {
    /// Gives `node` the labels `new` in the place of `old`, numbers that this gave out before.
    pub(crate) fn replace(&mut self, node: NodeId, old: &[(u32, u32)], new: &Labels) -> Replaced {
        let at = node.0 as usize;
        let mut others = Vec::new();
        let mut pairs = Vec::with_capacity(new.len());
        for (key, value) in new.iter() {
            pairs.push((self.keys.acquire_str(key), self.values.acquire_str(value)));
        }
        for &(key, value) in old {
            self.columns[key as usize][at] = 0;
            let holders = &mut self.holders[key as usize][value as usize];
            holders.remove(node);
            others.extend(holders.only());
            self.keys.release(key);
            self.values.release(value);
        }
        for &(key, value) in &pairs {
            let key = key as usize;
            if self.columns.len() <= key {
                self.columns.resize_with(key + 1, Vec::new);
                self.holders.resize_with(key + 1, Vec::new);
            }
            let holders = &mut self.holders[key];
            if holders.len() <= value as usize {
                holders.resize(value as usize + 1, Holders::default());
            }
            let holders = &mut holders[value as usize];
            others.extend(holders.only());
            holders.add(node);
            let column = &mut self.columns[key];
            if column.len() <= at {
                column.resize(at + 1, 0);
            }
            column[at] = value + 1;
        }
        self.drop_unused(old);
        Replaced { pairs, others }
    }

    /// The labels that `pairs` stand for.
    pub(crate) fn of(&self, pairs: &[(u32, u32)]) -> Labels {
        let text = |(key, value): &(u32, u32)| {
            Some((self.keys.get(*key)?.clone(), self.values.get(*value)?.clone()))
        };
        pairs.iter().filter_map(text).collect()
    }

    /// Whether `pairs` are what `labels` says.
    pub(crate) fn equal(&self, pairs: &[(u32, u32)], labels: &Labels) -> bool {
        pairs.len() == labels.len()
            && pairs.iter().zip(labels.iter()).all(|((key, value), (k, v))| {
                self.keys.get(*key).is_some_and(|text| **text == *k)
                    && self.values.get(*value).is_some_and(|text| **text == *v)
            })
    }

    /// The column of `key`, if a node has such a label.
    pub(crate) fn column(&self, key: &str) -> Option<LabelColumn<'_>> {
        let key = self.keys.find(key)? as usize;
        let column = self.columns.get(key)?;
        let holders = self.holders.get(key).map_or(&[][..], Vec::as_slice);
        Some(LabelColumn { column, holders, values: &self.values })
    }

    /// The number of `value`, if a node has a label of that value.
    pub(crate) fn value(&self, value: &str) -> Option<u32> {
        self.values.find(value)
    }

    /// How often a key or a value came or went.
    pub(crate) fn epoch(&self) -> u64 {
        self.keys.epoch() + self.values.epoch()
    }

    /// Gives back the memory of columns whose key no node has any more.
    fn drop_unused(&mut self, keys: &[(u32, u32)]) {
        for &(key, _) in keys {
            if self.keys.get(key).is_none() {
                self.columns[key as usize] = Vec::new();
                self.holders[key as usize] = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_follow_the_nodes() {
        let mut labels = NodeLabels::default();
        let of = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<Labels>();
        let zone = |labels: &NodeLabels, node| {
            labels.column("zone").and_then(|c| c.value(NodeId(node)).map(str::to_owned))
        };
        let first = labels.replace(NodeId(0), &[], &of(&[("zone", "a"), ("disk", "ssd")])).pairs;
        let second = labels.replace(NodeId(5), &[], &of(&[("zone", "b")])).pairs;
        assert_eq!((zone(&labels, 0), zone(&labels, 5)), (Some("a".into()), Some("b".into())));
        assert_eq!((zone(&labels, 1), zone(&labels, 9)), (None, None));
        assert!(labels.equal(&second, &of(&[("zone", "b")])));
        assert!(!labels.equal(&second, &of(&[("zone", "a")])));
        let first = labels.replace(NodeId(0), &first, &of(&[("zone", "b")]));
        assert_eq!(first.others, [NodeId(5)], "it is not alone any more");
        let first = first.pairs;
        let column = labels.column("zone").unwrap();
        assert!(!column.is_alone(column.number(NodeId(0)).unwrap()));
        assert!(labels.column("disk").is_none());
        assert_eq!(labels.replace(NodeId(0), &first, &of(&[])).others, [NodeId(5)], "it is again");
        let column = labels.column("zone").unwrap();
        assert!(column.is_alone(column.number(NodeId(5)).unwrap()));
        labels.replace(NodeId(5), &second, &of(&[]));
        assert!(labels.column("zone").is_none());
        assert_eq!(labels.value("b"), None);
    }
}
