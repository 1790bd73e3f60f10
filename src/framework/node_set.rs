//! Sets of nodes over the seeded permutation: insert, count, and the next one at or after a position.

/// Positions in one chunk: 64 words, 512 bytes.
const CHUNK_POSITIONS: u32 = 4096;
const CHUNK_WORDS: usize = 64;

/// A set of positions, in chunks that are made when something comes into them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeSet {
    chunks: Vec<Option<Box<[u64; CHUNK_WORDS]>>>,
    len: u32,
}

impl NodeSet {
    /// Puts `position` in.
    #[inline]
    pub(crate) fn insert(&mut self, position: u32) {
        let chunk = (position / CHUNK_POSITIONS) as usize;
        if self.chunks.len() <= chunk {
            self.chunks.resize_with(chunk + 1, || None);
        }
        let words = self.chunks[chunk].get_or_insert_with(|| Box::new([0; CHUNK_WORDS]));
        let (word, bit) = place(position);
        self.len += u32::from(words[word] & bit == 0);
        words[word] |= bit;
    }

    /// Takes `position` out.
    #[inline]
    pub(crate) fn remove(&mut self, position: u32) {
        let chunk = self.chunks.get_mut((position / CHUNK_POSITIONS) as usize);
        if let Some(Some(words)) = chunk {
            let (word, bit) = place(position);
            self.len -= u32::from(words[word] & bit != 0);
            words[word] &= !bit;
        }
    }

    /// What its chunks take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let chunks = self.chunks.iter().flatten().count() * CHUNK_WORDS * size_of::<u64>();
        chunks + self.chunks.capacity() * size_of::<usize>()
    }

    /// How many there are.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// The first one at or after `start`; none means there is none to the end.
    pub(crate) fn first_from(&self, start: u32) -> Option<u32> {
        let (first_chunk, first_word) = ((start / CHUNK_POSITIONS) as usize, place(start).0);
        let mut mask = u64::MAX << (start % 64);
        for (at, chunk) in self.chunks.iter().enumerate().skip(first_chunk) {
            let Some(words) = chunk else {
                mask = u64::MAX;
                continue;
            };
            let from = if at == first_chunk { first_word } else { 0 };
            for (word, bits) in words.iter().enumerate().skip(from) {
                let left = bits & mask;
                mask = u64::MAX;
                if left != 0 {
                    return Some(position(at, word, left.trailing_zeros()));
                }
            }
            mask = u64::MAX;
        }
        None
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let found = self.first_from(next?)?;
            next = found.checked_add(1);
            Some(found)
        })
    }
}

/// Word and bit of a position within its chunk.
#[inline]
fn place(position: u32) -> (usize, u64) {
    let within = position % CHUNK_POSITIONS;
    ((within / 64) as usize, 1 << (within % 64))
}

fn position(chunk: usize, word: usize, bit: u32) -> u32 {
    let words = chunk * CHUNK_WORDS + word;
    u32::try_from(words).expect("invariant: positions are u32") * 64 + bit
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_a_sorted_set(
            positions in prop::collection::btree_set(0u32..20_000, 0..200),
            gone in prop::collection::vec(0u32..20_100, 0..200),
            starts in prop::collection::vec(0u32..20_100, 1..20),
        ) {
            let mut set = NodeSet::default();
            for &position in positions.iter().chain(&positions) {
                set.insert(position);
            }
            let half = positions.iter().step_by(2).copied();
            let gone: Vec<u32> = gone.into_iter().chain(half).collect();
            let mut positions = positions.clone();
            for position in &gone {
                set.remove(*position);
                positions.remove(position);
            }
            prop_assert_eq!(set.len() as usize, positions.len());
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), Vec::from_iter(positions.clone()));
            for start in starts {
                prop_assert_eq!(set.first_from(start), positions.range(start..).next().copied());
            }
        }
    }
}
