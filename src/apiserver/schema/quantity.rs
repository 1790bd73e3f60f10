//! Quantities as upstream writes them: `1000m` is `1`, `0.5` is `500m`, `1024Ki` is `1Mi`.

use crate::units::{Quantity, QuantityError};

/// What upstream says of a text that has not the form of a quantity.
const FORM: &str = "quantities must match the regular expression \
                    '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX: &str = "unable to parse quantity's suffix";
const SUFFIX_LETTERS: &str = "eEinumkKMGTP";
/// Digits behind the point of an exact amount.
const PLACES: usize = 9;
const NANOS_PER_UNIT: i128 = 1_000_000_000;
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// The canonical text of a quantity, or upstream's message.
///
/// Upstream: apimachinery resource.ParseQuantity and Quantity.CanonicalizeBytes, v1.37.
pub fn canonical(text: &str) -> Result<String, &'static str> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let quantity = Quantity::parse(text).map_err(|error| match error {
        QuantityError::Suffix { suffix, .. } => {
            let rest = suffix.trim_start_matches(|c| SUFFIX_LETTERS.contains(c));
            let rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
            let fits = rest.bytes().all(|byte| byte.is_ascii_digit());
            if fits { SUFFIX } else { FORM }
        }
        QuantityError::Empty | QuantityError::Number { .. } => FORM,
    })?;
    let nanos = nanos(quantity).ok_or(FORM)?;
    if nanos == 0 {
        return Ok("0".to_owned());
    }
    let whole = nanos % NANOS_PER_UNIT == 0 && nanos.unsigned_abs() >= 1024 * 1_000_000_000;
    if text.ends_with('i') && whole {
        let (mut units, mut at) = (nanos / NANOS_PER_UNIT, 0);
        while units % 1024 == 0 && at + 1 < BINARY.len() {
            units /= 1024;
            at += 1;
        }
        return Ok(format!("{units}{}", BINARY[at]));
    }
    let (mut number, mut at) = (nanos, 0);
    while number % 1000 == 0 && at + 1 < DECIMAL.len() {
        number /= 1000;
        at += 1;
    }
    // Only `E` followed by digits is an exponent; `1E` is a suffix.
    let is_exponent = !text.ends_with('E') && text.contains(['e', 'E']);
    if is_exponent && !DECIMAL[at].is_empty() {
        let exponent = i32::try_from(at).unwrap_or_default() * 3 - 9;
        return Ok(format!("{number}e{exponent}"));
    }
    Ok(format!("{number}{}", DECIMAL[at]))
}

/// The amount in steps of 10^-9.
fn nanos(quantity: Quantity) -> Option<i128> {
    let text = quantity.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{fraction:0<PLACES$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_upstream() {
        let rows = [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1024Ki", "1Mi"),
            ("1.5Gi", "1536Mi"),
            ("0.1Ki", "102400m"),
            ("1023.5Mi", "1048064Ki"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("1e3", "1e3"),
            ("1E3", "1e3"),
            ("100e-3", "100e-3"),
            ("1E", "1E"),
            ("0Gi", "0"),
            ("-1.5Gi", "-1536Mi"),
            ("512Ki", "512Ki"),
            ("1Ki", "1Ki"),
            (" 5 ", "5"),
            ("1n", "1n"),
        ];
        for (text, want) in rows {
            assert_eq!(canonical(text), Ok(want.to_owned()), "{text}");
        }
        assert_eq!(canonical("1Gib"), Err(FORM));
        assert_eq!(canonical("1GG"), Err(SUFFIX));
        assert_eq!(canonical(""), Err(FORM));
        assert_eq!(canonical("x"), Err(FORM));
    }
}
