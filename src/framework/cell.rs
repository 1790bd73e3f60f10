//! One cell of a table: nodes that are alike to every cell part, in levels by their points.

/// Up to this many points a level is found by index, above it by search.
const DIRECT_POINTS_MAX: i64 = 4096;

/// Nodes that are alike to every cell part.
#[derive(Debug, Default)]
pub(super) struct Cell {
    levels: Vec<Level>,
    /// Index into `levels` plus one, by points, where there are few enough of them.
    direct: Vec<u32>,
    /// Index of the level with the most points.
    top: usize,
    /// What a record of the table calls the cell.
    pub(super) slot: u32,
}

/// Nodes of a cell with equal points.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) points: i64,
    /// What a record of the table calls it; 0 where there is no record, or nothing is in it yet.
    pub(super) bin: u32,
    /// The positions of its nodes, in any order; `None` where they are so many that a record is searched for
    /// them.
    pub(super) listed: Option<Vec<u32>>,
}

impl Level {
    /// Puts the node at `position` in; beyond `listed_max` they are not listed any more.
    #[inline]
    pub(super) fn insert(&mut self, position: u32, listed_max: usize) {
        if let Some(listed) = &mut self.listed {
            if listed.len() < listed_max {
                listed.push(position);
            } else {
                self.listed = None;
            }
        }
    }

    /// Takes the node at `position` out.
    #[inline]
    pub(super) fn remove(&mut self, position: u32) {
        if let Some(listed) = &mut self.listed
            && let Some(at) = listed.iter().position(|other| *other == position)
        {
            listed.swap_remove(at);
        }
    }
}

impl Cell {
    /// An empty one, which a record calls `slot`.
    pub(super) fn of_slot(slot: u32) -> Self {
        Self { slot, ..Self::default() }
    }

    /// The level of `points`, out of `points_max` at most; made if there is none.
    pub(super) fn level(&mut self, points: i64, points_max: i64) -> &mut Level {
        let direct = direct(points, points_max);
        if let Some(at) = self.find(points, direct) {
            return &mut self.levels[at];
        }
        self.levels.push(Level { points, bin: 0, listed: Some(Vec::new()) });
        let new = self.levels.len() - 1;
        if points > self.levels[self.top].points {
            self.top = new;
        }
        if let Some(slot) = direct {
            if self.direct.len() <= slot {
                self.direct.resize(slot + 1, 0);
            }
            self.direct[slot] = number(new + 1);
        }
        &mut self.levels[new]
    }

    /// Takes the level of `points` away, which its last node has left.
    pub(super) fn drop_level(&mut self, points: i64, points_max: i64) {
        let direct = direct(points, points_max);
        let Some(at) = self.find(points, direct) else { return };
        self.levels.swap_remove(at);
        if let Some(slot) = direct {
            self.direct[slot] = 0;
        }
        if let Some(Level { points: moved, .. }) = self.levels.get(at)
            && let Some(slot) = self::direct(*moved, points_max)
        {
            self.direct[slot] = number(at + 1);
        }
        let levels = self.levels.iter().enumerate();
        self.top = levels.max_by_key(|(_, level)| level.points).map_or(0, |(at, _)| at);
    }

    /// The level with the most points; none where the cell is empty.
    pub(super) fn top(&self) -> Option<&Level> {
        self.levels.get(self.top)
    }

    /// All levels.
    pub(super) fn levels(&self) -> impl Iterator<Item = &Level> {
        self.levels.iter()
    }

    /// What it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let listed = self.levels.iter().flat_map(|level| &level.listed).map(Vec::capacity);
        let numbers = self.direct.capacity() + listed.sum::<usize>();
        let levels = self.levels.capacity() * size_of::<Level>();
        size_of::<Self>() + levels + numbers * size_of::<u32>()
    }

    fn find(&self, points: i64, direct: Option<usize>) -> Option<usize> {
        match direct {
            Some(slot) => (*self.direct.get(slot)? as usize).checked_sub(1),
            None => self.levels.iter().position(|level| level.points == points),
        }
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
