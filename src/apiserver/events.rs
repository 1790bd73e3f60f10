//! Events are one kind with two faces, core/v1 and events.k8s.io/v1, which name the same fields
//! differently. They are stored as core/v1. Upstream: pkg/apis/core/v1 and pkg/apis/events/v1 conversions.

use serde_json::Value;

/// What events.k8s.io/v1 calls a field, and what core/v1 calls it.
const NAMES: [(&str, &str); 7] = [
    ("note", "message"),
    ("regarding", "involvedObject"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// Turns an Event of events.k8s.io/v1, or a patch of one, into one of core/v1.
pub(super) fn to_core(event: &mut Value) {
    rename(event, |pair| pair, "v1");
}

/// Turns an Event of core/v1 into one of events.k8s.io/v1.
pub(super) fn from_core(event: &mut Value) {
    rename(event, |(new, old)| (old, new), "events.k8s.io/v1");
}

fn rename(
    event: &mut Value,
    order: impl Fn((&'static str, &'static str)) -> (&'static str, &'static str),
    api_version: &str,
) {
    let Some(event) = event.as_object_mut() else { return };
    for (from, to) in NAMES.map(order) {
        if let Some(value) = event.remove(from) {
            event.insert(to.to_owned(), value);
        }
    }
    if let Some(version) = event.get_mut("apiVersion") {
        *version = api_version.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_faces_hold_the_same() {
        let new = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "note": "n", "reason": "r",
            "regarding": {"kind": "Pod"}, "reportingController": "berth",
            "deprecatedCount": 2,
        });
        let mut event = new.clone();
        to_core(&mut event);
        assert_eq!(event["message"], "n");
        assert_eq!(event["involvedObject"]["kind"], "Pod");
        assert_eq!(event["apiVersion"], "v1");
        from_core(&mut event);
        assert_eq!(event, new);
    }
}
