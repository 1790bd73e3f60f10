//! Maps whose hasher has a fixed seed, and a vector that only the right id can index.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

use super::Id;

/// A hash map with a fixed seed: the same insertions give the same order in every run.
#[expect(clippy::disallowed_types, reason = "the one place where the hasher is chosen")]
pub type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::FixedState>;

/// A hash set with a fixed seed.
#[expect(clippy::disallowed_types, reason = "the one place where the hasher is chosen")]
pub type Set<K> = std::collections::HashSet<K, foldhash::fast::FixedState>;

/// A vector indexed by an [`Id`].
#[derive(Clone, Debug)]
pub struct IndexVec<I, T> {
    items: Vec<T>,
    id: PhantomData<fn(I)>,
}

impl<I, T> Default for IndexVec<I, T> {
    fn default() -> Self {
        Self { items: Vec::new(), id: PhantomData }
    }
}

impl<I: Id, T> IndexVec<I, T> {
    /// Appends `item` and returns its id.
    ///
    /// # Panics
    /// When there are more than `u32::MAX` items, which no cluster has.
    pub fn push(&mut self, item: T) -> I {
        let id = I::from_index(self.items.len()).expect("invariant: fewer than 2^32 items");
        self.items.push(item);
        id
    }

    /// Number of items, used or free.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The item of `id`, if there is one.
    #[must_use]
    pub fn get(&self, id: I) -> Option<&T> {
        self.items.get(id.index())
    }

    /// All items with their ids, in order.
    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.items.iter().enumerate().filter_map(|(i, item)| Some((I::from_index(i)?, item)))
    }

    /// All items, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.items
    }
}

impl<I: Id, T> Index<I> for IndexVec<I, T> {
    type Output = T;

    fn index(&self, id: I) -> &T {
        &self.items[id.index()]
    }
}

impl<I: Id, T> IndexMut<I> for IndexVec<I, T> {
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.items[id.index()]
    }
}
