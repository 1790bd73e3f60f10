//! The natural logarithm, the same to the last bit on every machine and as upstream's.

/// `ln(number)`.
///
/// Scores are rounded from it, and `f64::ln` is whatever the system's mathematical library makes of it.
/// This is the algorithm that Go's `math.Log` shares with FreeBSD's `e_log.c`, in the same order of
/// operations: `number = 2^k (1 + f)`, and a polynomial in `f / (2 + f)` for `ln(1 + f)`.
pub(super) fn ln(number: u32) -> f64 {
    // The constants by their bits, as both sources give them.
    const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    const ODD: [u64; 4] = [
        0x3fe5_5555_5555_5593,
        0x3fd2_4924_9422_9359,
        0x3fc7_4664_96cb_03de,
        0x3fc2_f112_df3e_5244,
    ];
    const EVEN: [u64; 3] = [0x3fd9_9999_9997_fa04, 0x3fcc_71c5_1d8e_78af, 0x3fc3_9a09_d078_c69f];
    if number == 0 {
        return f64::NEG_INFINITY;
    }
    let (mut fraction, mut exponent) = split(number);
    if fraction < std::f64::consts::FRAC_1_SQRT_2 {
        fraction *= 2.0;
        exponent -= 1;
    }
    let f = fraction - 1.0;
    let k = f64::from(exponent);
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    // Two roundings an operation, never one: no fused multiply-add.
    let polynomial = |bits: &[u64]| {
        let terms = bits.iter().rev().map(|bits| f64::from_bits(*bits));
        terms.reduce(|sum, term| term + s4 * sum).unwrap_or_default()
    };
    let r = s2 * polynomial(&ODD) + s4 * polynomial(&EVEN);
    let half_square = 0.5 * f * f;
    k * LN2_HIGH - ((half_square - (s * (half_square + r) + k * LN2_LOW)) - f)
}

/// `number` as a fraction from one half to one and a power of two.
fn split(number: u32) -> (f64, i32) {
    const FRACTION_BITS: u64 = (1 << 52) - 1;
    let bits = f64::from(number).to_bits();
    let fraction = f64::from_bits(bits & FRACTION_BITS | 0.5_f64.to_bits());
    let exponent = u32::BITS - number.leading_zeros();
    (fraction, i32::try_from(exponent).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By Go's math.Log, bit by bit.
    #[test]
    fn as_upstream() {
        let rows = [
            (1, 0),
            (2, 0x3fe6_2e42_fefa_39ef),
            (3, 0x3ff1_93ea_7aad_030a),
            (4, 0x3ff6_2e42_fefa_39ef),
            (5, 0x3ff9_c041_f7ed_8d33),
            (7, 0x3fff_2272_ae32_5a57),
            (10, 0x4002_6bb1_bbb5_5516),
            (1002, 0x401b_a396_5d40_5f5f),
            (5002, 0x4021_0901_f6dc_84b9),
            (1_000_002, 0x402b_a18a_dcab_d9bd),
            (u32::MAX, 0x4036_2e42_fef9_39ef),
        ];
        for (number, bits) in rows {
            assert_eq!(ln(number).to_bits(), bits, "{number}");
        }
        assert!(ln(0).is_infinite());
    }

    /// The bits of `ln` of the first 200,000 numbers, folded as FNV-1a folds bytes.
    #[test]
    fn as_upstream_for_all_sizes_that_occur() {
        let fold = |hash: u64, number| (hash ^ ln(number).to_bits()).wrapping_mul(0x0100_0000_01b3);
        let hash = (1..=200_000).fold(0xcbf2_9ce4_8422_2325, fold);
        assert_eq!(hash, 0xb2c4_aab4_979f_2359);
    }
}
