//! JSON text by hand: bodies are small and their shape is known, so no value tree is built.

use crate::units::Nanos;

/// Appends `text` as a JSON string, quotes included.
pub(super) fn quote(out: &mut String, text: &str) {
    let plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::to_string(text).expect("invariant: a str is always valid JSON"));
    }
}

/// Appends `,"key":"value"`; `key` is one of ours and needs no escapes.
pub(super) fn field(out: &mut String, key: &str, value: &str) {
    out.push_str(",\"");
    out.push_str(key);
    out.push_str("\":");
    quote(out, value);
}

/// `at` as Kubernetes writes a `MicroTime`: six digits of a second, UTC.
pub(super) fn micro_time(at: Nanos) -> String {
    format!("{:.6}", timestamp(at))
}

/// `at` as Kubernetes writes a `Time`: whole seconds, UTC.
pub(super) fn time(at: Nanos) -> String {
    format!("{:.0}", timestamp(at.truncate_to_second()))
}

fn timestamp(at: Nanos) -> jiff::Timestamp {
    // 2^64 ns end in the year 2554, which jiff can show.
    jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or(jiff::Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_serde_does() {
        for text in ["", "plain", "a \"b\"", "back\\slash", "tab\tline\n", "\u{1}", "ünï → 😀"]
        {
            let mut out = String::new();
            quote(&mut out, text);
            assert_eq!(out, serde_json::to_string(text).unwrap());
        }
    }

    #[test]
    fn times_look_like_upstream() {
        let at = Nanos(1_785_600_000_123_456_789);
        assert_eq!(micro_time(at), "2026-08-01T16:00:00.123456Z");
        assert_eq!(time(at), "2026-08-01T16:00:00Z");
        assert_eq!(micro_time(Nanos(1_785_600_000_000_000_000)), "2026-08-01T16:00:00.000000Z");
    }
}
