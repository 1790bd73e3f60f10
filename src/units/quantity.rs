//! [`Quantity`]: an amount of a resource as Kubernetes objects write it (`100m`, `1.5Gi`), kept exact.
//! Whoever reads such objects parses and adds them; [`super::Resources`] then rounds each sum once.
//!
//! Upstream: apimachinery resource.Quantity, v1.37. The same texts are accepted, and every amount that
//! fits gives the same numbers: `tests/quantities.rs` compares them with `tests/data/quantities.txt`.
//! Differs from upstream: what does not fit is held at the limit where upstream wraps around, and
//! negative amounts are always rounded away from zero, where upstream, once it left its 64 bit form,
//! rounds some of them towards it.

use std::fmt;
use std::iter::repeat_n;
use std::str::FromStr;

const NANOS_PER_UNIT: i128 = 1_000_000_000;
const NANOS_PER_MILLI: i128 = 1_000_000;
/// The most that a text with a binary suffix stands for: 2^63-1 units.
const BINARY_LIMIT: i128 = i64::MAX as i128 * NANOS_PER_UNIT;
/// More zeros than any amount has digits: shifting by more of them changes nothing.
const MAX_ZEROS: usize = 40;
/// How much of a wrong text an error repeats, in characters.
const EXCERPT: usize = 64;

/// An exact amount in steps of 10^-9 units; the resource says what a unit is (core, byte, piece).
///
/// Held within ±(2^127-1) steps, about 1.7e29 units, by everything that makes one.
///
/// Upstream: apimachinery resource.Quantity, v1.37.
/// Differs from upstream: the format of the text is not remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    nanos: i128,
}

/// Why a text is not a [`Quantity`]. Long texts are cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// There is no text.
    #[error("empty quantity")]
    Empty,
    /// There are no digits where the number should be.
    #[error("{text:?}: no number")]
    Number {
        /// The whole text.
        text: Box<str>,
    },
    /// What follows the number is neither a suffix nor an exponent.
    #[error("{text:?}: unknown suffix {suffix:?}")]
    Suffix {
        /// The whole text.
        text: Box<str>,
        /// What follows the number.
        suffix: Box<str>,
    },
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Quantity = Quantity { nanos: 0 };

    /// `n` units.
    #[must_use]
    pub const fn from_units(n: i64) -> Self {
        Self { nanos: n as i128 * NANOS_PER_UNIT }
    }

    /// `n` thousandths of a unit.
    #[must_use]
    pub const fn from_milli(n: i64) -> Self {
        Self { nanos: n as i128 * NANOS_PER_MILLI }
    }

    /// Reads a number and its suffix (`n u m k M G T P E Ki Mi Gi Ti Pi Ei`) or exponent (`e3`, `E-3`).
    ///
    /// Rounds away from zero to 10^-9 units; a binary suffix gives at most 2^63-1 units. A number
    /// without any digit is zero, but an error before `Pi`, `Ei` and exponents below -9. Blanks are not
    /// skipped. Takes time linear in the length of the text.
    ///
    /// Upstream: apimachinery resource.ParseQuantity, v1.37.
    /// Differs from upstream: exponents beyond 32 bits are taken as they are and not cut to 32 bits.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Empty);
        }
        let (whole, rest) = split_digits(text.strip_prefix(['+', '-']).unwrap_or(text));
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        let no_digits = whole.is_empty() && fraction.is_empty();
        let scale = match Scale::parse(suffix) {
            Some(scale) if !no_digits || scale.reads_nothing_as_zero() => scale,
            None if !no_digits => {
                return Err(QuantityError::Suffix { text: cut(text), suffix: cut(suffix) });
            }
            _ => return Err(QuantityError::Number { text: cut(text) }),
        };
        let nanos = scale.nanos(whole.as_bytes(), fraction.as_bytes());
        Ok(Self { nanos: if text.starts_with('-') { -nanos } else { nanos } })
    }

    /// Steps of 10^-9 units.
    pub(super) const fn nanos(self) -> i128 {
        self.nanos
    }

    /// `nanos` steps of 10^-9 units.
    pub(super) const fn from_nanos(nanos: i128) -> Self {
        Self { nanos }
    }

    /// Whether this is exactly zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// The exact sum, held within the limits of the type.
    ///
    /// Upstream: Quantity.Add, v1.37, which has no limits.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        // Without the largest negative number both limits are equally far from zero.
        Self { nanos: self.nanos.saturating_add(other.nanos).max(-i128::MAX) }
    }

    /// Whole units, rounded away from zero.
    ///
    /// Upstream: Quantity.Value, v1.37.
    /// Differs from upstream: saturates at `i64::MAX` and `i64::MIN`, where upstream wraps or says 0.
    #[must_use]
    pub fn value(self) -> i64 {
        self.rounded(NANOS_PER_UNIT)
    }

    /// Thousandths of a unit, rounded away from zero.
    ///
    /// Upstream: Quantity.MilliValue, v1.37.
    /// Differs from upstream: saturates at `i64::MAX` and `i64::MIN`, where upstream wraps or says 0.
    #[must_use]
    pub fn milli_value(self) -> i64 {
        self.rounded(NANOS_PER_MILLI)
    }

    /// Units as metrics show them: whole, or else thousandths, or else 10^-9 units, times the size of such a step.
    ///
    /// Upstream: Quantity.AsApproximateFloat64, v1.37.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "it is approximate by its name")]
    pub fn approximate(self) -> f64 {
        if self.nanos % NANOS_PER_UNIT == 0 {
            (self.nanos / NANOS_PER_UNIT) as f64
        } else if self.nanos % NANOS_PER_MILLI == 0 {
            (self.nanos / NANOS_PER_MILLI) as f64 * 1e-3
        } else {
            self.nanos as f64 * 1e-9
        }
    }

    fn rounded(self, step: i128) -> i64 {
        let steps = self.nanos / step + (self.nanos % step).signum();
        let limit = if steps < 0 { i64::MIN } else { i64::MAX };
        i64::try_from(steps).unwrap_or(limit)
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Self::parse(text)
    }
}

/// Writes the exact amount in units as a decimal number without a suffix, such as `-1.5`.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.nanos / NANOS_PER_UNIT, self.nanos % NANOS_PER_UNIT);
        let mut text = whole.unsigned_abs().to_string();
        if fraction != 0 {
            let places = format!(".{:09}", fraction.unsigned_abs());
            text.push_str(places.trim_end_matches('0'));
        }
        f.pad_integral(self.nanos >= 0, "", &text)
    }
}

/// What a suffix does to the number before it.
#[derive(Clone, Copy)]
enum Scale {
    /// Times 10 to the power of this.
    Decimal(i64),
    /// Times 2 to the power of this.
    Binary(u32),
}

impl Scale {
    fn parse(suffix: &str) -> Option<Self> {
        Some(match suffix {
            "n" => Self::Decimal(-9),
            "u" => Self::Decimal(-6),
            "m" => Self::Decimal(-3),
            "" => Self::Decimal(0),
            "k" => Self::Decimal(3),
            "M" => Self::Decimal(6),
            "G" => Self::Decimal(9),
            "T" => Self::Decimal(12),
            "P" => Self::Decimal(15),
            "E" => Self::Decimal(18),
            "Ki" => Self::Binary(10),
            "Mi" => Self::Binary(20),
            "Gi" => Self::Binary(30),
            "Ti" => Self::Binary(40),
            "Pi" => Self::Binary(50),
            "Ei" => Self::Binary(60),
            exponent => Self::Decimal(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
        })
    }

    /// Upstream's fast path takes no digits for zero, its slow path for an error.
    const fn reads_nothing_as_zero(self) -> bool {
        match self {
            Self::Decimal(exponent) => exponent >= -9,
            Self::Binary(bits) => bits <= 40,
        }
    }

    /// `whole.fraction` times this scale in steps of 10^-9, rounded up. Both hold ASCII digits only.
    fn nanos(self, whole: &[u8], fraction: &[u8]) -> i128 {
        match self {
            Self::Decimal(exponent) => {
                let far = |digits: i64| usize::try_from(digits).unwrap_or(usize::MAX);
                let right = far(exponent.max(0));
                let left = far(exponent.min(0).saturating_neg());
                scaled(whole, fraction, right, left, NANOS_PER_UNIT)
            }
            Self::Binary(bits) => {
                scaled(whole, fraction, 0, 0, NANOS_PER_UNIT << bits).min(BINARY_LIMIT)
            }
        }
    }
}

/// `whole.fraction`, its point moved by `right` or `left` digits, times `factor`, rounded up, at most
/// `i128::MAX`. `factor` is at most 10^9 * 2^60.
fn scaled(whole: &[u8], fraction: &[u8], right: usize, left: usize, factor: i128) -> i128 {
    let (joining, fraction) = fraction.split_at(right.min(fraction.len()));
    let (whole, leaving) = whole.split_at(whole.len().saturating_sub(left));
    let zeros_after = repeat_n(&b'0', (right - joining.len()).min(MAX_ZEROS));
    let zeros_before = repeat_n(&b'0', (left - leaving.len()).min(MAX_ZEROS));

    let mut units: i128 = 0;
    for digit in whole.iter().chain(joining).chain(zeros_after) {
        units = units.saturating_mul(10).saturating_add(i128::from(digit - b'0'));
    }
    // From the last digit to the point. What a division cuts off counts once, at the end: it makes the
    // fraction inexact however many digits follow.
    let (mut part, mut inexact) = (0, false);
    for digit in fraction.iter().rev().chain(leaving.iter().rev()).chain(zeros_before) {
        let sum = i128::from(digit - b'0') * factor + part;
        part = sum / 10;
        inexact |= sum % 10 != 0;
    }
    units.saturating_mul(factor).saturating_add(part + i128::from(inexact))
}

/// The leading ASCII digits of `text`, and what follows them.
fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// `text`, or its beginning with an ellipsis where it is too long for a message.
fn cut(text: &str) -> Box<str> {
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> i128 {
        Quantity::parse(text).expect("a quantity").nanos
    }

    #[test]
    fn as_a_float_it_is_a_multiple_of_its_step() {
        let rows =
            [("9m", "0.009000000000000001"), ("1500m", "1.5"), ("2500u", "0.0025"), ("-1", "-1")];
        for (text, want) in rows {
            assert_eq!(Quantity::parse(text).unwrap().approximate().to_string(), want, "{text}");
        }
    }

    #[test]
    fn the_point_moves_both_ways() {
        let rows = [
            ("12.5", 12_500_000_000),
            ("1.25e1", 12_500_000_000),
            ("1250E-2", 12_500_000_000),
            ("125e-1", 12_500_000_000),
            (".00125e4", 12_500_000_000),
            ("12.5k", 12_500_000_000_000),
            ("5e-9", 5),
            ("5e-10", 1),
            ("-5e-10", -1),
            ("0.3Ki", 307_200_000_000),
            ("0.0000000001Ki", 103),
        ];
        for (text, want) in rows {
            assert_eq!(nanos(text), want, "{text}");
        }
    }

    #[test]
    fn every_limit_holds() {
        assert_eq!(nanos("8Ei"), BINARY_LIMIT);
        assert_eq!(nanos("-99999999999999999999Ei"), -BINARY_LIMIT);
        assert_eq!(nanos("9223372036854775808"), BINARY_LIMIT + NANOS_PER_UNIT);
        assert_eq!(nanos("1e9223372036854775807"), i128::MAX);
        assert_eq!(nanos("-1e9223372036854775807"), -i128::MAX);
        assert_eq!(nanos("1e-9223372036854775808"), 1);
        assert_eq!(nanos("0e9223372036854775807"), 0);
        assert_eq!(nanos("0e-9223372036854775808"), 0);
        let (most, least) = (Quantity { nanos: i128::MAX }, Quantity { nanos: -i128::MAX });
        assert_eq!(most.saturating_add(most), most);
        assert_eq!(least.saturating_add(least), least);
        assert_eq!(most.saturating_add(least), Quantity::ZERO);
        assert_eq!((most.value(), most.milli_value()), (i64::MAX, i64::MAX));
        assert_eq!((least.value(), least.milli_value()), (i64::MIN, i64::MIN));
    }

    #[test]
    fn long_texts_take_linear_time() {
        let digits = "7".repeat(1 << 20);
        let zeros = "0".repeat(1 << 20);
        assert_eq!(nanos(&digits), i128::MAX);
        assert_eq!(nanos(&format!("{digits}Ei")), BINARY_LIMIT);
        assert_eq!(nanos(&format!("{digits}e-{}", 1 << 20)), 777_777_778);
        assert_eq!(nanos(&format!("{zeros}1.{zeros}")), NANOS_PER_UNIT);
        assert_eq!(nanos(&format!("0.{zeros}1Ei")), 1);
        assert_eq!(nanos(&format!("1e{zeros}3")), 1000 * NANOS_PER_UNIT);
        assert!(Quantity::parse(&format!("1e{digits}")).is_err());
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let rows = [
            ("", "empty quantity"),
            ("abc", r#""abc": no number"#),
            ("Ei", r#""Ei": no number"#),
            ("1.5x", r#""1.5x": unknown suffix "x""#),
            ("1.5.5", r#""1.5.5": unknown suffix ".5""#),
            ("1Gi\n", r#""1Gi\n": unknown suffix "Gi\n""#),
            ("1\t", r#""1\t": unknown suffix "\t""#),
        ];
        for (text, want) in rows {
            let got = Quantity::parse(text).map_err(|error| error.to_string());
            assert_eq!(got, Err(want.to_owned()));
        }
        let long = "é".repeat(1 << 20);
        let error = Quantity::parse(&long).expect_err("not a number");
        assert_eq!(error.to_string(), format!("\"{}…\": no number", "é".repeat(EXCERPT)));
    }

    #[test]
    fn the_text_is_exact_and_padded_like_a_number() {
        let rows = [("1500m", "1.5"), ("-1n", "-0.000000001"), ("2Ki", "2048"), ("-0", "0")];
        for (text, want) in rows {
            assert_eq!(Quantity::parse(text).map(|q| q.to_string()), Ok(want.to_owned()));
        }
        assert_eq!(
            format!("{:>6}|{:06}", Quantity::from_milli(1500), Quantity::from_milli(-1500)),
            "   1.5|-001.5"
        );
    }
}
