//! Events, in both of their forms: `v1` and `events.k8s.io/v1`.
//!
//! Upstream: printEvent, v1.37.

use jiff::Timestamp;
use serde_json::Value;

use super::column::{Column, NAME};
use super::duration::{since, time};
use super::fields::{at, number, text, text_or};

/// The columns of events.
pub(super) const EVENTS: &[Column] = &[
    Column::timed("Last Seen", |event, now| since(last_seen(event), now)),
    Column::field("Type", "type"),
    Column::field("Reason", "reason"),
    Column::read("Object", |event| object(event).into()),
    Column::read("Subobject", |event| text(regarding(event), "fieldPath").into()).wide(),
    Column::read("Source", |event| source(event).into()).wide(),
    Column::read("Message", |event| either_text(event, "message", "note").trim().into()),
    Column::timed("First Seen", |event, now| since(first_seen(event), now)).wide(),
    Column::read("Count", |event| times_seen(event).into()).wide(),
    NAME.wide(),
];

/// A field under its name in `v1`, or in `events.k8s.io/v1`.
fn either<'a>(event: &'a Value, core: &str, events: &str) -> &'a Value {
    match at(event, core) {
        Value::Null => at(event, events),
        found => found,
    }
}

fn either_text<'a>(event: &'a Value, core: &str, events: &str) -> &'a str {
    either(event, core, events).as_str().unwrap_or_default()
}

fn regarding(event: &Value) -> &Value {
    either(event, "involvedObject", "regarding")
}

/// `pod/web-0`.
fn object(event: &Value) -> String {
    let object = regarding(event);
    let kind = text(object, "kind").to_lowercase();
    match text(object, "name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

/// `component, host`; newer reporters say neither, but name a controller and its instance.
fn source(event: &Value) -> String {
    let source = either(event, "source", "deprecatedSource");
    // `v1` has the controller as reportingComponent.
    let controller = either_text(event, "reportingComponent", "reportingController");
    let component = text_or(source, "component", controller);
    match text_or(source, "host", text(event, "reportingInstance")) {
        "" => component.to_owned(),
        host => format!("{component}, {host}"),
    }
}

fn first_seen(event: &Value) -> Option<Timestamp> {
    time(either(event, "firstTimestamp", "deprecatedFirstTimestamp"))
        .or_else(|| time(at(event, "eventTime")))
}

fn last_seen(event: &Value) -> Option<Timestamp> {
    let series = at(event, "series");
    if series.is_object() {
        return time(at(series, "lastObservedTime"));
    }
    time(either(event, "lastTimestamp", "deprecatedLastTimestamp")).or_else(|| first_seen(event))
}

fn times_seen(event: &Value) -> i64 {
    let series = at(event, "series");
    if series.is_object() {
        return number(series, "count");
    }
    let count = either(event, "count", "deprecatedCount").as_i64().unwrap_or_default();
    // Events of the newer form that were seen once have no count.
    if count == 0 { 1 } else { count }
}
