//! Times as upstream reads and writes them: RFC 3339 in UTC, whole seconds or six digits.

use jiff::Timestamp;

/// The parts of Go's layout of RFC 3339, up to the seconds.
const PARTS: [&str; 11] = ["2006", "-", "01", "-", "02", "T", "15", ":", "04", ":", "05"];
const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";
const LAYOUT_MICRO: &str = "2006-01-02T15:04:05.000000Z07:00";
const MICRO_DIGITS: usize = 6;

/// The text that upstream would store for `text`, or the message of Go's parser.
///
/// Upstream: metav1.Time and metav1.MicroTime, v1.37.
pub(super) fn normal(text: &str, micro: bool) -> Result<String, String> {
    let layout = if micro { LAYOUT_MICRO } else { LAYOUT };
    if let Err((rest, part)) = check(text, micro) {
        return Err(format!(
            "parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {part:?}"
        ));
    }
    let parts =
        [("month", 5..7, 12), ("hour", 11..13, 23), ("minute", 14..16, 59), ("second", 17..19, 59)];
    for (name, at, most) in parts {
        let number: u8 = text.get(at).and_then(|digits| digits.parse().ok()).unwrap_or_default();
        if number > most || (name == "month" && number == 0) {
            return Err(format!("parsing time {text:?}: {name} out of range"));
        }
    }
    let time: Timestamp =
        text.parse().map_err(|_| format!("parsing time {text:?}: day out of range"))?;
    let form = if micro { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Ok(time.strftime(form).to_string())
}

/// Whether `text` has the form; otherwise what is left of it and the part that does not fit.
fn check(text: &str, micro: bool) -> Result<(), (&str, &'static str)> {
    let mut rest = text;
    for part in PARTS {
        let fits = rest.get(..part.len()).is_some_and(|have| {
            let digits = part.starts_with(|c: char| c.is_ascii_digit());
            if digits { all_digits(have) } else { have == part }
        });
        if !fits {
            return Err((rest, part));
        }
        rest = &rest[part.len()..];
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || (micro && digits != MICRO_DIGITS) {
            return Err((rest, if micro { ".000000" } else { "Z07:00" }));
        }
        rest = &fraction[digits..];
    } else if micro {
        return Err((rest, ".000000"));
    }
    let zone = rest.as_bytes();
    let offset = matches!(zone, [b'+' | b'-', _, _, b':', _, _])
        && all_digits(&rest[1..3])
        && all_digits(&rest[4..6]);
    if rest == "Z" || offset { Ok(()) } else { Err((rest, "Z07:00")) }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_and_as_many_digits_as_upstream() {
        let rows = [
            ("2026-01-02T03:04:05Z", false, Ok("2026-01-02T03:04:05Z")),
            ("2026-01-02T03:04:05.9Z", false, Ok("2026-01-02T03:04:05Z")),
            ("2026-01-02T03:04:05+02:00", false, Ok("2026-01-02T01:04:05Z")),
            ("2026-01-02T03:04:05.000123Z", true, Ok("2026-01-02T03:04:05.000123Z")),
            ("soon", false, Err("as \"2006\"")),
            ("2026-01-02", false, Err("cannot parse \"\" as \"T\"")),
            ("2026-01-02T03:04:05", false, Err("cannot parse \"\" as \"Z07:00\"")),
            ("2026-02-30T03:04:05Z", false, Err("day out of range")),
            ("2026-13-02T03:04:05Z", false, Err("month out of range")),
            ("2026-01-02T24:04:05Z", false, Err("hour out of range")),
            ("2026-01-02T03:04:05Z", true, Err("as \".000000\"")),
            ("2026-01-02T03:04:05+é1:00", false, Err("as \"Z07:00\"")),
        ];
        for (text, micro, want) in rows {
            match (normal(text, micro), want) {
                (Ok(got), Ok(want)) => assert_eq!(got, want),
                (Err(got), Err(want)) => assert!(got.ends_with(want), "{got}"),
                (got, _) => unreachable!("{text}: {got:?}"),
            }
        }
    }
}
