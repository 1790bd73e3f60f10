//! Values kept once, under a dense number, for as long as somebody refers to them.

use std::hash::Hash;

use crate::units::Map;

/// Keeps each distinct value once and counts its owners. Numbers of values without owners are used again.
#[derive(Clone, Debug)]
pub(crate) struct Interner<T> {
    slots: Vec<Option<(T, u32)>>,
    free: Vec<u32>,
    ids: Map<T, u32>,
    /// How often a value came or went.
    epoch: u64,
    /// The number that was acquired last: of pods that come, one is like the other.
    last: u32,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), ids: Map::default(), epoch: 0, last: 0 }
    }
}

impl<T: Eq + Hash + Clone> Interner<T> {
    /// The number of `value`, which has one owner more from now on.
    pub(crate) fn acquire(&mut self, value: &T) -> u32 {
        if let Some(id) = self.find(value) {
            return self.acquire_again(id);
        }
        self.epoch += 1;
        let slot = Some((value.clone(), 1));
        let id = if let Some(id) = self.free.pop() {
            self.slots[id as usize] = slot;
            id
        } else {
            self.slots.push(slot);
            u32::try_from(self.slots.len() - 1).expect("invariant: fewer than 2^32 values")
        };
        self.ids.insert(value.clone(), id);
        self.last = id;
        id
    }

    /// One owner more for `id`, which has some.
    fn acquire_again(&mut self, id: u32) -> u32 {
        if let Some((_, owners)) = &mut self.slots[id as usize] {
            *owners += 1;
        }
        self.last = id;
        id
    }

    /// As [`Interner::acquire`], without making a value that is there already.
    pub(crate) fn acquire_by<Q>(&mut self, value: &Q, make: impl FnOnce() -> T) -> u32
    where
        T: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.find(value) {
            Some(id) => self.acquire_again(id),
            None => self.acquire(&make()),
        }
    }

    /// Takes one owner away from `id`.
    pub(crate) fn release(&mut self, id: u32) {
        let slot = &mut self.slots[id as usize];
        let Some((value, owners)) = slot else { return };
        *owners -= 1;
        if *owners == 0 {
            self.ids.remove(value);
            *slot = None;
            self.free.push(id);
            self.epoch += 1;
        }
    }

    /// How many owners `id` has.
    pub(crate) fn owners(&self, id: u32) -> u32 {
        self.slots.get(id as usize).and_then(Option::as_ref).map_or(0, |(_, owners)| *owners)
    }

    /// The number of a value that somebody owns.
    pub(crate) fn find<Q>(&self, value: &Q) -> Option<u32>
    where
        T: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let last = self.get(self.last).filter(|last| (*last).borrow() == value);
        last.map_or_else(|| self.ids.get(value).copied(), |_| Some(self.last))
    }

    /// The value of `id`, if it has owners.
    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        self.slots.get(id as usize)?.as_ref().map(|(value, _)| value)
    }

    /// All owned values with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.slots).filter_map(|(id, slot)| Some((id, &slot.as_ref()?.0)))
    }

    /// How often a value came or went: where it is the same, so are the values and their numbers.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// One more than the largest number in use.
    pub(crate) fn bound(&self) -> usize {
        self.slots.len()
    }
}

impl Interner<Box<str>> {
    /// As [`Interner::acquire`], without making a text that is there already.
    pub(crate) fn acquire_str(&mut self, text: &str) -> u32 {
        self.acquire_by(text, || text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_live_as_long_as_their_owners() {
        let mut interner = Interner::<Box<str>>::default();
        let a = interner.acquire(&"a".into());
        assert_eq!(interner.acquire_str("a"), a);
        let b = interner.acquire(&"b".into());
        assert_ne!(a, b);
        assert_eq!((interner.owners(a), interner.owners(b), interner.owners(7)), (2, 1, 0));
        interner.release(a);
        assert_eq!(interner.find("a"), Some(a));
        interner.release(a);
        assert_eq!((interner.find("a"), interner.get(a)), (None, None));
        assert_eq!(interner.acquire(&"c".into()), a);
        assert_eq!(interner.iter().map(|(id, _)| id).collect::<Vec<_>>(), [a, b]);
    }
}
