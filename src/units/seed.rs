//! Seeded mixing of bits: where the order among equals comes from. No randomness of its own.

/// Mixes `value` into `seed`; every bit of the answer depends on every bit of both (splitmix64's finish).
#[must_use]
pub const fn mix(seed: u64, value: u64) -> u64 {
    let mut x = seed ^ value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Hashes `bytes` under `seed`.
#[must_use]
pub fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = mix(seed, bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = mix(state, u64::from_le_bytes(word));
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_and_every_byte_count() {
        let of = |bytes: &[u8]| hash_bytes(7, bytes);
        assert_ne!(of(b""), of(b"\0"));
        assert_ne!(of(b"12345678"), of(b"12345679"));
        assert_ne!(of(b"abc"), hash_bytes(8, b"abc"));
        assert_eq!(of(b"abc"), of(b"abc"));
    }
}
