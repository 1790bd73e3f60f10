//! Pages of lists and lines of watches, whole and broken.

use serde_json::{Value, json};

use super::super::{Change, Identity, Namespace, Node, Pod, change, page};

fn node(name: &str) -> Value {
    json!({"metadata": {"name": name, "uid": format!("u-{name}"), "resourceVersion": "7"}})
}

fn line(kind: &str, object: &Value) -> String {
    json!({"type": kind, "object": object}).to_string()
}

#[test]
fn a_page_keeps_what_is_good() {
    let mut broken = node("b");
    broken["status"] = json!({"allocatable": ["cpu"]});
    let list = json!({"kind": "NodeList", "metadata": {"resourceVersion": "9", "continue": "more"},
        "items": [node("a"), broken, null, 5, node("c")]});
    let page = page::<Node>(list.to_string().as_bytes()).unwrap();
    assert_eq!((&*page.resource_version, &*page.next), ("9", "more"));
    assert_eq!((page.objects.len(), page.unreadable.len()), (2, 3));
    let broken = &page.unreadable[0];
    assert_eq!(broken.identity.uid, "u-b");
    assert_eq!(
        broken.error.to_string(),
        "Node b: status.allocatable: invalid type: sequence, expected a map of quantities"
    );
    assert_eq!(page.unreadable[1].identity, Identity::default());
}

#[test]
fn lists_of_nothing_are_lists() {
    for items in [json!([]), Value::Null] {
        let list = json!({"metadata": {"resourceVersion": "9"}, "items": items}).to_string();
        assert!(page::<Pod>(list.as_bytes()).unwrap().objects.is_empty());
    }
    for text in ["", "[]", "<html>", r#"{"kind":"Status"}"#, r#"{"items":5}"#] {
        assert!(page::<Pod>(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn changes_are_told_apart_whole_or_broken() {
    let good = node("a");
    let mut broken = node("a");
    broken["spec"] = json!("nothing");
    let identity = Identity {
        name: "a".into(),
        uid: "u-a".into(),
        resource_version: "7".into(),
        ..Identity::default()
    };
    for (kind, object) in [("ADDED", &good), ("MODIFIED", &good)] {
        let change = change::<Node>(line(kind, object).as_bytes()).unwrap();
        assert!(matches!(change, Change::Upsert(_)), "{change:?}");
    }
    for object in [&good, &broken] {
        let change = change::<Node>(line("DELETED", object).as_bytes()).unwrap();
        assert!(matches!(&change, Change::Delete(gone) if *gone == identity), "{change:?}");
    }
    for object in [&good, &broken] {
        let change = change::<Node>(line("BOOKMARK", object).as_bytes()).unwrap();
        assert!(matches!(&change, Change::Bookmark(version) if version == "7"), "{change:?}");
    }
    let change = change::<Node>(line("MODIFIED", &broken).as_bytes()).unwrap();
    assert!(matches!(&change, Change::Unreadable(b) if b.identity == identity), "{change:?}");
}

#[test]
fn an_error_is_an_error_for_every_kind() {
    let status = json!({"kind": "Status", "metadata": {}, "status": "Failure", "code": 410,
        "message": "too old"});
    let line = line("ERROR", &status);
    let errors = [
        format!("{:?}", change::<Node>(line.as_bytes()).unwrap()),
        format!("{:?}", change::<Pod>(line.as_bytes()).unwrap()),
        format!("{:?}", change::<Namespace>(line.as_bytes()).unwrap()),
    ];
    for error in errors {
        assert_eq!(error, "Error { code: 410, message: \"too old\" }");
    }
}

#[test]
fn what_is_no_line_of_a_watch_is_refused() {
    let good = line("ADDED", &node("a"));
    let rows = ["", "null", "{}", "<html>", r#"{"type":"ADDED"}"#, r#"{"type":"NEW","object":{}}"#];
    for text in rows.into_iter().chain([&good[..good.len() - 3]]) {
        assert!(change::<Node>(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn the_last_field_of_a_name_counts_and_depth_does_no_harm() {
    let doubled = r#"{"type":"ADDED","object":{"metadata":{"name":"x"},"metadata":{"name":"a"}}}"#;
    let change = change::<Node>(doubled.as_bytes()).unwrap();
    assert!(matches!(&change, Change::Upsert(node) if node.to_model().unwrap().name == "a".into()));
    // Deeper than a tree of values may be, where nobody looks.
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let list = format!(
        r#"{{"metadata":{{"resourceVersion":"9"}},"items":[{{"metadata":{{"name":"a"}},"deep":{deep}}},
        {{"metadata":{{"name":"b"}},"spec":{deep}}},{{"metadata":{{"name":"c"}}}}]}}"#
    );
    let page = page::<Node>(list.as_bytes()).unwrap();
    assert_eq!(page.objects.len() + page.unreadable.len(), 3);
    assert!(page.objects.iter().any(|node| node.to_model().unwrap().name == "c".into()));
    assert!(page.unreadable.iter().any(|broken| broken.identity.name == "b"));
}
