//! Selectors as text: what they select and what they refuse.

use serde_json::json;

use super::Selection;
use crate::apiserver::kinds::Resource;
use crate::apiserver::store::{Encoder, Stored};

fn pods() -> &'static Resource {
    Resource::find("", "v1", "pods").unwrap()
}

fn pod() -> Stored {
    let pod = json!({
        "metadata": {"namespace": "d", "name": "x", "labels": {"app": "web", "n": "5", "a/b": ""}},
        "spec": {"nodeName": "n1"},
        "status": {"phase": "Running"},
    });
    Encoder(pods()).encode(&pod).finish(1)
}

fn selects(labels: &str, fields: &str) -> bool {
    Selection::parse(pods(), None, labels, fields).unwrap().matches(&pod())
}

fn refusal(labels: &str, fields: &str) -> String {
    let failure = Selection::parse(pods(), None, labels, fields).unwrap_err();
    assert_eq!(failure.code, 400);
    failure.message
}

#[test]
fn label_selectors_select() {
    for text in [
        "",
        "app",
        "!zone",
        "app=web",
        "app==web",
        " app = web , n ",
        "app!=db",
        "zone!=z",
        "app in (db, web)",
        "app notin (db)",
        "zone notin (z)",
        "n>4",
        "n<6",
        "a/b=",
        "a/b",
    ] {
        assert!(selects(text, ""), "{text}");
    }
    for text in ["zone", "!app", "app=db", "app!=web", "app in (db)", "app notin (web)", "n>5"] {
        assert!(!selects(text, ""), "{text}");
    }
}

#[test]
fn label_selectors_that_cannot_be_read_are_refused() {
    for text in ["app in", "app in (a", "=", "a=b=c", "a,,b", "a b", "n>x", "-a", "app=%"] {
        assert!(!refusal(text, "").is_empty(), "{text}");
    }
}

#[test]
fn field_selectors_select() {
    for text in [
        "spec.nodeName=n1",
        "spec.nodeName==n1,status.phase!=Failed",
        "metadata.name=x,metadata.namespace=d",
        "spec.hostNetwork=false",
        "status.podIP=",
    ] {
        assert!(selects("", text), "{text}");
    }
    for text in ["spec.nodeName=", "spec.nodeName!=n1", "metadata.name=y"] {
        assert!(!selects("", text), "{text}");
    }
}

#[test]
fn fields_that_are_not_served_are_refused_as_upstream_does() {
    assert_eq!(refusal("", "spec.foo=1"), "field label not supported: spec.foo");
    assert!(refusal("", "spec.nodeName").contains("can't understand 'spec.nodeName'"));
}

#[test]
fn both_faces_of_events_select_by_their_own_names() {
    let new = Resource::find("events.k8s.io", "v1", "events").unwrap();
    let event = json!({
        "metadata": {"namespace": "d", "name": "e"},
        "involvedObject": {"name": "x"},
        "reportingComponent": "berth",
    });
    let event = Encoder(new.kept()).encode(&event).finish(1);
    for fields in ["regarding.name=x", "reportingController=berth"] {
        assert!(Selection::parse(new, None, "", fields).unwrap().matches(&event), "{fields}");
    }
}
