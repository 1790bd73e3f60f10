//! `Quantity` against upstream's answers (`tests/data/quantities.txt`) and against its own laws.

use berth::units::Quantity;
use proptest::prelude::*;

const NANOS_PER_UNIT: i128 = 1_000_000_000;
const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
const BINARY: [(&str, u32); 6] =
    [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).expect("a quantity")
}

fn of_nanos(nanos: i128) -> Quantity {
    quantity(&format!("{nanos}n"))
}

/// `text` read as a quantity or as a sum of two, and what `value` and `milli_value` say of it.
fn answer(text: &str) -> Option<[i64; 2]> {
    let read = |text: &str| Quantity::parse(text).ok();
    let got = match text.split_once(" + ") {
        Some((a, b)) => read(a)?.saturating_add(read(b)?),
        None => read(text)?,
    };
    Some([got.value(), got.milli_value()])
}

#[test]
fn upstream_says_the_same() {
    let mut rows = 0;
    for line in include_str!("data/quantities.txt").lines().filter(|line| !line.starts_with('#')) {
        let (text, want) = line.split_once('\t').expect("a tab");
        rows += 1;
        if want == "error" {
            assert_eq!(answer(text), None, "{text:?}");
            continue;
        }
        let want: Vec<i64> = want.split('\t').map(|n| n.parse().expect("a number")).collect();
        assert_eq!(answer(text).as_ref().map(<[i64; 2]>::as_slice), Some(&want[..2]), "{text:?}");
        // Upstream is allowed another answer only where none fits and for negative amounts.
        let out_of_range = want[..2].iter().any(|n| [i64::MIN, i64::MAX].contains(n));
        assert!(want.len() == 2 || out_of_range || want[0] < 0, "{text:?}");
    }
    assert!(rows > 500, "{rows} rows");
}

/// `nanos` in steps of `step`, rounded away from zero and held in an `i64`.
fn model(nanos: i128, step: i128) -> i64 {
    let up = nanos.unsigned_abs().div_ceil(step.unsigned_abs());
    let up = i128::try_from(up).expect("at most 2^127 / 10^6") * nanos.signum();
    i64::try_from(up).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// Numbers of steps of all sizes, so that small and fitting ones are as frequent as huge ones.
fn any_nanos() -> impl Strategy<Value = i128> {
    (any::<i128>(), 0_u32..127).prop_map(|(nanos, shift)| nanos >> shift)
}

proptest! {
    #[test]
    fn the_text_of_a_quantity_reads_as_the_same(nanos in any_nanos()) {
        let before = of_nanos(nanos);
        prop_assert_eq!(before.to_string().parse(), Ok(before));
        prop_assert_eq!(before.is_zero(), nanos == 0);
    }

    #[test]
    fn rounding_is_away_from_zero(nanos in any_nanos()) {
        prop_assert_eq!(of_nanos(nanos).value(), model(nanos, NANOS_PER_UNIT));
        prop_assert_eq!(of_nanos(nanos).milli_value(), model(nanos, NANOS_PER_UNIT / 1000));
    }

    #[test]
    fn whole_numbers_come_back(n in any::<i64>()) {
        prop_assert_eq!(Quantity::from_units(n).value(), n);
        prop_assert_eq!(Quantity::from_milli(n).milli_value(), n);
        prop_assert_eq!(Quantity::from_units(n), quantity(&n.to_string()));
        prop_assert_eq!(Quantity::from_milli(n), quantity(&format!("{n}m")));
    }

    #[test]
    fn order_is_kept(a in any_nanos(), b in any_nanos()) {
        let (less, more) = (of_nanos(a.min(b)), of_nanos(a.max(b)));
        prop_assert!(less <= more);
        prop_assert!(less.value() <= more.value());
        prop_assert!(less.milli_value() <= more.milli_value());
    }

    #[test]
    fn sums_are_exact_until_the_limit(a in any_nanos(), b in any_nanos()) {
        let sum = of_nanos(a).saturating_add(of_nanos(b));
        prop_assert_eq!(sum, of_nanos(b).saturating_add(of_nanos(a)));
        prop_assert_eq!(sum, of_nanos(a.saturating_add(b)));
        prop_assert_eq!(of_nanos(a).saturating_add(Quantity::ZERO), of_nanos(a));
    }

    #[test]
    fn adding_something_takes_nothing_away(a in 0..i128::MAX, b in 0..i128::MAX, shift in 0_u32..127) {
        let (a, b) = (of_nanos(a), of_nanos(b >> shift));
        let sum = a.saturating_add(b);
        prop_assert!(sum >= a && sum >= b);
        prop_assert!(sum.value() >= a.value() && sum.milli_value() >= b.milli_value());
    }

    #[test]
    fn decimal_suffixes_are_exponents(number in "[-+]?[0-9]{1,25}(\\.[0-9]{0,25})?") {
        for (suffix, exponent) in DECIMAL {
            let with_suffix = quantity(&format!("{number}{suffix}"));
            prop_assert_eq!(with_suffix, quantity(&format!("{number}e{exponent}")));
            prop_assert_eq!(with_suffix, quantity(&format!("{number}E{exponent:+}")));
        }
    }

    #[test]
    fn binary_suffixes_are_powers_of_1024(n in any::<i64>(), shift in 0_u32..63) {
        let n = n >> shift;
        for (suffix, bits) in BINARY {
            let limit = i128::from(i64::MAX);
            let want = (i128::from(n) << bits).clamp(-limit, limit);
            prop_assert_eq!(quantity(&format!("{n}{suffix}")), quantity(&want.to_string()));
        }
        for pair in BINARY.windows(2) {
            let (low, high) = (pair[0].0, pair[1].0);
            let same = format!("{}{low}", i128::from(n) * 1024);
            prop_assert_eq!(quantity(&same), quantity(&format!("{n}{high}")));
        }
        // 1Ki is more than 1k, and so on.
        for ((binary, _), (decimal, _)) in BINARY.iter().zip(&DECIMAL[4..]) {
            let one = |suffix: &str| quantity(&format!("1{suffix}"));
            prop_assert!(one(binary) > one(decimal));
        }
    }

    #[test]
    fn binary_fractions_are_rounded_up_once(whole in 0_i128..8, places in 0_i128..1_000_000) {
        for (suffix, bits) in BINARY {
            let steps = ((whole * 1_000_000 + places) << bits) * NANOS_PER_UNIT;
            let nanos = (steps / 1_000_000 + i128::from(steps % 1_000_000 != 0))
                .min(i128::from(i64::MAX) * NANOS_PER_UNIT);
            let got = quantity(&format!("{whole}.{places:06}{suffix}"));
            prop_assert_eq!(got, of_nanos(nanos));
            prop_assert_eq!(quantity(&format!("-{whole}.{places:06}{suffix}")), of_nanos(-nanos));
        }
    }

    #[test]
    fn any_digit_beyond_the_last_step_rounds_up(nanos in 0..i64::MAX, zeros in 0_usize..60) {
        let nanos = i128::from(nanos);
        let (whole, places) = (nanos / NANOS_PER_UNIT, nanos % NANOS_PER_UNIT);
        let text = format!("{whole}.{places:09}{}", "0".repeat(zeros));
        prop_assert_eq!(quantity(&text), of_nanos(nanos));
        prop_assert_eq!(quantity(&format!("{text}1")), of_nanos(nanos + 1));
        prop_assert_eq!(quantity(&format!("-{text}1")), of_nanos(-nanos - 1));
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = Quantity::parse(&text);
    }

    #[test]
    fn what_parses_can_be_written_and_read(
        number in "[-+]?[0-9]{0,40}\\.?[0-9]{0,40}",
        suffix in "[eE][-+]?[0-9]{0,25}|[numkMGTPEKi]{0,2}",
    ) {
        let text = number + &suffix;
        if let Ok(got) = Quantity::parse(&text) {
            prop_assert_eq!(got.to_string().parse(), Ok(got));
            prop_assert!(got.is_zero() || (got < Quantity::ZERO) == text.starts_with('-'));
        }
    }
}
