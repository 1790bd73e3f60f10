//! How long ago: the ages that tables show, in two or three significant figures.
//!
//! Upstream: apimachinery duration.HumanDuration and the printers' translateTimestampSince, v1.37.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const HOURS_PER_DAY: i64 = 24;
const DAYS_PER_YEAR: i64 = 365;

/// What stands for the age of a time that is not there.
pub(super) const UNKNOWN: &str = "<unknown>";

/// A duration as kubectl shows it: `119s`, `9m59s`, `7h59m`, `47h`, `7d23h`, `1y364d`.
///
/// The further from zero, the fewer parts. Up to two seconds below zero count as now, since the
/// clocks of two machines differ; below that it is `<invalid>`.
#[must_use]
pub fn human_duration(duration: SignedDuration) -> String {
    // A part of a second is dropped towards zero, on both sides.
    let seconds = duration.as_secs();
    let (minutes, hours) = (seconds / MINUTE, seconds / HOUR);
    let days = hours / HOURS_PER_DAY;
    match hours {
        _ if seconds < -1 => "<invalid>".to_owned(),
        _ if seconds < 0 => "0s".to_owned(),
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if minutes < 10 => two_parts(minutes, 'm', seconds % MINUTE, 's'),
        0..3 => format!("{minutes}m"),
        3..8 => two_parts(hours, 'h', minutes % 60, 'm'),
        8..48 => format!("{hours}h"),
        _ if days < 8 => two_parts(days, 'd', hours % HOURS_PER_DAY, 'h'),
        _ if days < 2 * DAYS_PER_YEAR => format!("{days}d"),
        _ if days < 8 * DAYS_PER_YEAR => {
            two_parts(days / DAYS_PER_YEAR, 'y', days % DAYS_PER_YEAR, 'd')
        }
        _ => format!("{}y", days / DAYS_PER_YEAR),
    }
}

/// `2m5s`, or `2m` where nothing is left.
fn two_parts(large: i64, large_unit: char, small: i64, small_unit: char) -> String {
    if small == 0 {
        return format!("{large}{large_unit}");
    }
    format!("{large}{large_unit}{small}{small_unit}")
}

/// The time that an object has in a field, unless there is none.
///
/// Go's zero time, the first second of the year 1, is none as well.
pub(super) fn time(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?;
    if text.starts_with("0001-01-01T00:00:00") {
        return None;
    }
    text.parse().ok()
}

/// The age of what happened at `then`; `<unknown>` without a time.
pub(super) fn since(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map_or_else(|| UNKNOWN.to_owned(), |then| human_duration(now.duration_since(then)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_have_two_or_three_figures() {
        let (m, h, d) = (60, 3600, 86_400);
        let cases = [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (59, "59s"),
            (119, "119s"),
            (2 * m, "2m"),
            (2 * m + 1, "2m1s"),
            (9 * m + 59, "9m59s"),
            (10 * m, "10m"),
            (10 * m + 59, "10m"),
            (2 * h, "120m"),
            (3 * h - 1, "179m"),
            (3 * h, "3h"),
            (3 * h + m, "3h1m"),
            (7 * h + 59 * m, "7h59m"),
            (8 * h, "8h"),
            (8 * h + 59 * m, "8h"),
            (47 * h + 59 * m, "47h"),
            (2 * d, "2d"),
            (2 * d + h, "2d1h"),
            (7 * d + 23 * h, "7d23h"),
            (8 * d, "8d"),
            (365 * d, "365d"),
            (730 * d - 1, "729d"),
            (730 * d, "2y"),
            (731 * d, "2y1d"),
            (3 * 365 * d - 1, "2y364d"),
            (8 * 365 * d - 1, "7y364d"),
            (8 * 365 * d, "8y"),
            (30 * 365 * d + 100 * d, "30y"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human_duration(SignedDuration::from_secs(seconds)), text, "{seconds} s");
        }
        assert_eq!(human_duration(SignedDuration::from_millis(-1_999)), "0s");
        assert_eq!(human_duration(SignedDuration::from_millis(119_999)), "119s");
    }

    #[test]
    fn an_age_needs_a_time() {
        let now: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
        let age = |value: Value| since(time(&value), now);
        assert_eq!(age(json!("2026-08-01T11:00:00Z")), "60m");
        assert_eq!(age(json!("2026-08-01T11:59:55.5Z")), "4s");
        assert_eq!(age(json!("2026-08-01T12:00:05Z")), "<invalid>");
        for none in [json!(null), json!("0001-01-01T00:00:00Z"), json!("yesterday"), json!(1)] {
            assert_eq!(age(none), "<unknown>");
        }
    }
}
