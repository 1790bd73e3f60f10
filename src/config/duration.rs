//! Durations in Go's spelling, such as `1m30s`. Read by `reader`, printed by `render`.

use std::time::Duration;

/// The units, longest spelling first where one begins like another; the value is in nanoseconds.
const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Digits after the point beyond this many cannot change the nanoseconds of an hour.
const FRACTION_DIGITS_MAX: usize = 18;

/// A duration in Go's spelling; `None` where Go's `time.ParseDuration` refuses it or it is below zero.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let nanos = u64::try_from(parse_go_duration(text)?).ok()?;
    Some(Duration::from_nanos(nanos))
}

/// `text` in nanoseconds; `None` where Go's `time.ParseDuration` refuses it.
#[must_use]
pub fn parse_go_duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0_i128;
    loop {
        let (nanos, after) = parse_part(rest)?;
        total += nanos;
        rest = after;
        if rest.is_empty() {
            return i64::try_from(sign * total).ok();
        }
    }
}

/// `nanos` as Go prints it, such as `10m0s`, `1.5s` or `-2ms`.
pub(super) fn go_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let total = nanos.unsigned_abs();
    let decimal = |unit: u64, name: &str| {
        let digits = unit.ilog10() as usize;
        let text = format!("{}.{:0digits$}", total / unit, total % unit);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        format!("{sign}{text}{name}")
    };
    match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{total}ns"),
        1_000..1_000_000 => decimal(1_000, "\u{b5}s"),
        1_000_000..1_000_000_000 => decimal(1_000_000, "ms"),
        _ => {
            let (minutes, rest) = (total / 60_000_000_000, total % 60_000_000_000);
            let seconds = format!("{}.{:09}", rest / 1_000_000_000, rest % 1_000_000_000);
            let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// One number with its unit from the front of `text`, and what comes after.
fn parse_part(text: &str) -> Option<(i128, &str)> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (name, unit) = UNITS.into_iter().find(|(name, _)| rest.starts_with(name))?;
    let unit = i128::from(unit);
    let whole = if whole.is_empty() { 0 } else { i128::from(whole.parse::<u64>().ok()?) };
    let fraction = &fraction[..fraction.len().min(FRACTION_DIGITS_MAX)];
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let fraction = if fraction.is_empty() { 0 } else { i128::from(fraction.parse::<u64>().ok()?) };
    Some((whole * unit + fraction * unit / scale, &rest[name.len()..]))
}

/// The decimal digits at the front of `text`, and what comes after.
fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::{go_duration, parse_go_duration};

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let table: [(&str, Option<i64>); 24] = [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("0s", Some(0)),
            ("5s", Some(5_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            (".5s", Some(500_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("-1ms", Some(-1_000_000)),
            ("+2us", Some(2_000)),
            ("2\u{b5}s", Some(2_000)),
            ("3ns", Some(3)),
            ("1.9ns", Some(1)),
            ("1m1m", Some(120_000_000_000)),
            ("2562047h47m16.854775807s", Some(i64::MAX)),
            ("2562047h47m16.854775808s", None),
            ("99999999999999999999h", None),
            ("", None),
            ("15", None),
            ("s", None),
            (".s", None),
            ("1d", None),
            ("1 s", None),
            ("1s ", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_go_duration(text), expected, "{text:?}");
        }
    }

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        let table = [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1\u{b5}s"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (-1_000_000_000, "-1s"),
            (245_000_000_000, "4m5s"),
            (600_000_000_000, "10m0s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ];
        for (nanos, expected) in table {
            assert_eq!(go_duration(nanos), expected);
        }
    }
}
