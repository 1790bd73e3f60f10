//! One cell of a table: nodes that are alike to every cell part, in sets by their points.

use super::node_set::NodeSet;

/// Up to this many points a level is found by index, above it by search.
const DIRECT_POINTS_MAX: i64 = 4096;

/// Nodes that are alike to every cell part.
#[derive(Debug, Default)]
pub(super) struct Cell {
    /// Sets of nodes with equal points.
    levels: Vec<(i64, NodeSet)>,
    /// Index into `levels` plus one, by points, where there are few enough of them.
    direct: Vec<u32>,
    /// Index of the level with the most points.
    top: usize,
    /// What a record of the table calls the cell.
    pub(super) slot: u32,
}

impl Cell {
    /// An empty one, which a record calls `slot`.
    pub(super) fn of_slot(slot: u32) -> Self {
        Self { slot, ..Self::default() }
    }

    /// Puts the node at `position` in, which has `points` out of `points_max` at most.
    pub(super) fn insert(&mut self, points: i64, points_max: i64, position: u32) {
        self.level(points, points_max).insert(position);
    }

    /// Takes out the node at `position`, which was put in with `points`.
    pub(super) fn remove(&mut self, points: i64, points_max: i64, position: u32) {
        let direct = direct(points, points_max);
        let Some(at) = self.find(points, direct) else { return };
        self.levels[at].1.remove(position);
        if self.levels[at].1.len() > 0 {
            return;
        }
        self.levels.swap_remove(at);
        if let Some(slot) = direct {
            self.direct[slot] = 0;
        }
        if let Some((moved, _)) = self.levels.get(at)
            && let Some(slot) = self::direct(*moved, points_max)
        {
            self.direct[slot] = number(at + 1);
        }
        let levels = self.levels.iter().enumerate();
        self.top = levels.max_by_key(|(_, (points, _))| *points).map_or(0, |(at, _)| at);
    }

    /// The most points that a node in it has, and the nodes with them; none where it is empty.
    pub(super) fn top(&self) -> Option<&(i64, NodeSet)> {
        self.levels.get(self.top)
    }

    /// All points that a node in it has, and the nodes with them.
    pub(super) fn levels(&self) -> impl Iterator<Item = (i64, &NodeSet)> {
        self.levels.iter().map(|(points, set)| (*points, set))
    }

    /// What it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let sets: usize = self.levels.iter().map(|(_, set)| set.bytes()).sum();
        let levels = self.levels.capacity() * size_of::<(i64, NodeSet)>();
        size_of::<Self>() + levels + self.direct.capacity() * size_of::<u32>() + sets
    }

    fn find(&self, points: i64, direct: Option<usize>) -> Option<usize> {
        match direct {
            Some(slot) => (*self.direct.get(slot)? as usize).checked_sub(1),
            None => self.levels.iter().position(|(other, _)| *other == points),
        }
    }

    /// The set of nodes with `points`, made if there is none.
    fn level(&mut self, points: i64, points_max: i64) -> &mut NodeSet {
        let direct = direct(points, points_max);
        if let Some(at) = self.find(points, direct) {
            return &mut self.levels[at].1;
        }
        self.levels.push((points, NodeSet::default()));
        let new = self.levels.len() - 1;
        if points > self.levels[self.top].0 {
            self.top = new;
        }
        if let Some(slot) = direct {
            if self.direct.len() <= slot {
                self.direct.resize(slot + 1, 0);
            }
            self.direct[slot] = number(new + 1);
        }
        &mut self.levels[new].1
    }
}

/// Where a level is found by index: nonsense in an object, such as a negative amount, can make points of any
/// size, and those are searched.
fn direct(points: i64, points_max: i64) -> Option<usize> {
    let usual = points_max <= DIRECT_POINTS_MAX && points <= points_max;
    usize::try_from(points).ok().filter(|_| usual)
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("invariant: few levels")
}
