//! UUIDs: how 128 bits that are as good as random are written. Used for UIDs and for the identity of a candidate.

/// The UUID of version 4 with these bits, but for the six that say what it is.
///
/// Source: RFC 9562, section 5.4.
#[must_use]
pub fn uuid_v4(high: u64, low: u64) -> String {
    let high = high & 0xffff_ffff_ffff_0fff | 0x4000;
    let low = low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_and_the_variant_are_set() {
        assert_eq!(uuid_v4(0, 0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid_v4(u64::MAX, u64::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let bits = (0x0123_4567_89ab_cdef, 0xc123_4567_89ab_cdef);
        assert_eq!(uuid_v4(bits.0, bits.1), "01234567-89ab-4def-8123-456789abcdef");
    }
}
