//! The seeded order of nodes in which ties are broken.

use crate::units::{NodeId, mix};

/// A bijection between node ids below a power of two and positions below the same power.
///
/// A node keeps its position until the power grows, so sets over positions stay valid meanwhile.
#[derive(Clone, Debug)]
pub struct Permutation {
    seed: u64,
    bits: u32,
}

impl Permutation {
    /// Smallest size: 64 positions, one word of a set.
    const BITS_MIN: u32 = 6;

    /// The permutation of no nodes yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, bits: Self::BITS_MIN }
    }

    /// Makes room for `nodes` ids; says whether positions have changed.
    pub fn grow(&mut self, nodes: usize) -> bool {
        let before = self.bits;
        while (1usize << self.bits) < nodes {
            self.bits += 1;
        }
        self.bits != before
    }

    /// Number of positions, a power of two.
    #[must_use]
    pub fn len(&self) -> u32 {
        1 << self.bits
    }

    /// Never: there are always positions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The position of `node`.
    #[must_use]
    pub fn position(&self, node: NodeId) -> u32 {
        let mut x = node.0;
        for round in 0..Self::ROUNDS {
            x = self.step(x, round);
        }
        x
    }

    const ROUNDS: u64 = 3;

    /// One round: multiply by an odd number, add, fold the upper half into the lower; each is a bijection.
    fn step(&self, x: u32, round: u64) -> u32 {
        let key = mix(self.seed, round + (u64::from(self.bits) << 8));
        let (odd, add) = (low(key) | 1, low(key >> 32));
        let x = x.wrapping_mul(odd).wrapping_add(add) & (self.len() - 1);
        x ^ (x >> (self.bits / 2 + 1))
    }
}

fn low(x: u64) -> u32 {
    u32::try_from(x & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_a_bijection_and_seeds_differ() {
        for size in [1, 64, 65, 5000] {
            let mut permutation = Permutation::new(3);
            permutation.grow(size);
            let mut seen = vec![false; permutation.len() as usize];
            for id in 0..permutation.len() {
                let at = permutation.position(NodeId(id)) as usize;
                assert!(!std::mem::replace(&mut seen[at], true), "position {at} twice");
            }
        }
        let order = |seed| {
            let p = Permutation::new(seed);
            (0..64).map(|id| p.position(NodeId(id))).collect::<Vec<_>>()
        };
        assert_ne!(order(1), order(2));
    }
}
