//! In which bin of a kept table each node is: a level of a cell, or a verdict. Two bytes a node, since whoever
//! keeps many tables waits for memory. Part of `kept`.

use super::Verdict;

/// The bin of nodes that are nowhere.
pub(super) const NOWHERE: u32 = 0;

/// One of how many nodes a bin may have for them to be listed; up to [`LISTED_MIN`] they are in any case. Others
/// are so many that one is found soon.
const LISTED_PART: usize = 2048;
/// In tests, whose clusters are small, there are both kinds.
const LISTED_MIN: usize = if cfg!(test) { 2 } else { 16 };

/// Positions that are looked through in one go.
const STRIDE: usize = 64;

/// What a bin is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Bin {
    /// Nodes that are not in the table.
    #[default]
    Nowhere,
    /// Rejected ones.
    Rejected(Verdict),
    /// Those in the cell of a slot, with so many points.
    Filed(u32, u32),
}

/// The bins of a table, and in which of them the node at each position is.
#[derive(Debug)]
pub(super) struct Bins {
    /// Each with how many nodes are in it; the first is [`NOWHERE`].
    kinds: Vec<(Bin, u32)>,
    free: Vec<u32>,
    /// The bins of rejected nodes.
    rejected: Vec<u32>,
    /// By position, while two bytes hold the numbers of all bins; else empty.
    narrow: Vec<u16>,
    /// By position, from then on.
    wide: Vec<u32>,
}

impl Bins {
    /// All of so many positions are nowhere.
    pub(super) fn new(positions: usize) -> Self {
        Self {
            kinds: vec![(Bin::Nowhere, 0)],
            free: Vec::new(),
            rejected: Vec::new(),
            narrow: vec![0; positions],
            wide: Vec::new(),
        }
    }

    /// A bin, which is to be entered at once.
    pub(super) fn make(&mut self, bin: Bin) -> u32 {
        if let Some(number) = self.free.pop() {
            self.kinds[number as usize] = (bin, 0);
            return number;
        }
        self.kinds.push((bin, 0));
        let number = self::number(self.kinds.len() - 1);
        if self.wide.is_empty() && number > u32::from(u16::MAX) {
            self.wide = self.narrow.iter().copied().map(u32::from).collect();
            self.narrow = Vec::new();
        }
        number
    }

    /// The bin of nodes with this verdict.
    pub(super) fn of_verdict(&mut self, verdict: Verdict) -> u32 {
        let bin = Bin::Rejected(verdict);
        let found = self.rejected.iter().find(|number| self.kinds[**number as usize].0 == bin);
        found.copied().unwrap_or_else(|| {
            let number = self.make(bin);
            self.rejected.push(number);
            number
        })
    }

    /// The bin of the node at `position`.
    #[inline]
    pub(super) fn at(&self, position: u32) -> u32 {
        let at = position as usize;
        match self.narrow.get(at) {
            Some(bin) => u32::from(*bin),
            None => self.wide.get(at).copied().unwrap_or(NOWHERE),
        }
    }

    /// What the bin of this number is for.
    pub(super) fn bin(&self, number: u32) -> Bin {
        self.kinds[number as usize].0
    }

    /// Puts the node at `position` into the bin `to`, and takes it out of `from`, in which it was; how many
    /// are left there. A bin that nobody is in is gone.
    pub(super) fn change(&mut self, position: u32, from: u32, to: u32) -> u32 {
        match self.narrow.get_mut(position as usize) {
            Some(bin) => *bin = u16::try_from(to).expect("invariant: else they were wide"),
            None => self.wide[position as usize] = to,
        }
        if to != NOWHERE {
            self.kinds[to as usize].1 += 1;
        }
        if from == NOWHERE {
            return 0;
        }
        let (bin, nodes) = &mut self.kinds[from as usize];
        *nodes -= 1;
        let left = *nodes;
        if left == 0 {
            if matches!(bin, Bin::Rejected(_)) {
                self.rejected.retain(|number| *number != from);
            }
            self.free.push(from);
        }
        left
    }

    /// How many nodes a bin may have for them to be listed.
    pub(super) fn listed_max(&self) -> usize {
        (self.positions() / LISTED_PART).max(LISTED_MIN)
    }

    /// The first position of `from..to` whose node is in the bin `number`.
    pub(super) fn first_in(&self, number: u32, from: u32, to: u32) -> Option<u32> {
        let (from, to) = (from as usize, (to as usize).min(self.positions()));
        if from >= to {
            return None;
        }
        let found = match u16::try_from(number) {
            Ok(narrow) if self.wide.is_empty() => find(&self.narrow[from..to], narrow),
            _ if self.wide.is_empty() => None,
            _ => find(&self.wide[from..to], number),
        };
        found.map(|at| self::number(from + at))
    }

    /// All positions whose nodes are in the bin `number`.
    pub(super) fn positions_of(&self, number: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = 0;
        std::iter::from_fn(move || {
            let found = self.first_in(number, next, u32::MAX)?;
            next = found + 1;
            Some(found)
        })
    }

    /// What they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.kinds.capacity() * size_of::<(Bin, u32)>()
            + (self.free.capacity() + self.rejected.capacity() + self.wide.capacity())
                * size_of::<u32>()
            + self.narrow.capacity() * size_of::<u16>()
    }

    fn positions(&self) -> usize {
        self.narrow.len().max(self.wide.len())
    }
}

/// Where `bin` is first. Stretches without it are passed by without a branch for each.
fn find<T: PartialEq + Copy>(bins: &[T], bin: T) -> Option<usize> {
    let stretch = bins.chunks(STRIDE).position(|stretch| stretch.contains(&bin))? * STRIDE;
    Some(stretch + bins[stretch..].iter().position(|other| *other == bin)?)
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("invariant: no more bins or positions than 2^32")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filed(slot: u32) -> Bin {
        Bin::Filed(slot, 0)
    }

    #[test]
    fn nodes_are_found_in_their_bins() {
        let mut bins = Bins::new(200);
        let (one, other) = (bins.make(filed(1)), bins.make(filed(2)));
        for position in [3, 70, 199] {
            assert_eq!(bins.change(position, NOWHERE, one), 0);
        }
        assert_eq!(bins.change(70, one, other), 2);
        assert_eq!(bins.positions_of(one).collect::<Vec<_>>(), [3, 199]);
        assert_eq!((bins.at(70), bins.at(71), bins.bin(other)), (other, NOWHERE, filed(2)));
        assert_eq!((bins.first_in(one, 4, 199), bins.first_in(one, 4, 200)), (None, Some(199)));
    }

    #[test]
    fn a_bin_that_nobody_is_in_is_gone() {
        let mut bins = Bins::new(2);
        let verdict = Verdict::reject(1, super::super::Code::Unschedulable, 2);
        let rejected = bins.of_verdict(verdict);
        bins.change(0, NOWHERE, rejected);
        assert_eq!(bins.of_verdict(verdict), rejected);
        assert_eq!(bins.change(0, rejected, NOWHERE), 0);
        assert_eq!((bins.make(filed(1)), bins.bin(rejected)), (rejected, filed(1)));
        assert!(bins.rejected.is_empty());
    }

    #[test]
    fn more_bins_than_two_bytes_hold() {
        let mut bins = Bins::new(70_000);
        for position in 0..70_000 {
            let bin = bins.make(filed(position));
            bins.change(position, NOWHERE, bin);
        }
        for position in [0, 65_534, 65_535, 69_999] {
            let bin = bins.at(position);
            assert_eq!(bins.bin(bin), filed(position));
            assert_eq!(bins.positions_of(bin).collect::<Vec<_>>(), [position]);
        }
    }
}
