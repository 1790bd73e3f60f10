//! The store: versions, pages of one version, watches and their bounds.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::{Value, json};

use super::{
    Draft, Encoder, EventKind, Expired, Limits, ListRequest, Outcome, Queue, Store, Stored,
    WriteError,
};
use crate::apiserver::kinds::Resource;
use crate::apiserver::selection::Selection;

/// The revision that stores begin at here.
const FIRST: u64 = 100;

fn pods() -> &'static Resource {
    Resource::find("", "v1", "pods").unwrap()
}

fn store(limits: Limits) -> Store {
    Store::new(Resource::tables(), FIRST, limits)
}

fn pod(namespace: &str, name: &str, node: &str, app: &str) -> Draft {
    Encoder(pods()).encode(&json!({
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": app}},
        "spec": {"nodeName": node},
    }))
}

fn create(store: &Store, name: &str) -> Arc<Stored> {
    store.create(pods().table, pod("d", name, "", "a")).unwrap()
}

fn names(objects: &[Arc<Stored>]) -> Vec<&str> {
    objects.iter().map(|object| object.name()).collect()
}

fn selection(labels: &str, fields: &str) -> Selection {
    Selection::parse(pods(), None, labels, fields).unwrap()
}

/// What is queued, as event, name and revision of the change.
fn take(queue: &Queue) -> Vec<(EventKind, String, u64)> {
    let mut events = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    match queue.poll_take(&mut cx, usize::MAX, &mut events) {
        Poll::Ready(Outcome::Events) => {}
        Poll::Ready(Outcome::Ended) => panic!("the watch has ended"),
        Poll::Pending => assert!(events.is_empty()),
    }
    let tell = |event: super::QueuedEvent| {
        let name = event.change.key().rsplit('/').next().unwrap().to_owned();
        (event.kind, name, event.change.revision)
    };
    events.into_iter().map(tell).collect()
}

#[test]
fn an_object_carries_the_revision_of_its_write() {
    let store = store(Limits::default());
    let object = create(&store, "x");
    assert_eq!((object.revision(), store.revision()), (FIRST + 1, FIRST + 1));
    let value = object.parse().unwrap();
    assert_eq!(value["metadata"]["resourceVersion"], (FIRST + 1).to_string());
    assert_eq!((value["kind"].as_str(), value["apiVersion"].as_str()), (Some("Pod"), Some("v1")));
    assert_eq!((object.namespace(), object.name()), ("d", "x"));
    let mut later = Vec::new();
    object.write_at_revision(123_456, &mut later);
    let later: Value = serde_json::from_slice(&later).unwrap();
    assert_eq!(later["metadata"]["resourceVersion"], "123456");
}

#[test]
fn an_object_that_is_not_saved_has_no_revision() {
    let bare = Encoder(pods()).encode(&json!({"metadata": {}})).finish_unsaved().parse().unwrap();
    assert_eq!(bare["metadata"], json!({}));
    let unsaved = pod("d", "x", "", "a").finish_unsaved().parse().unwrap();
    assert_eq!(unsaved["metadata"].get("resourceVersion"), None);
    assert_eq!(unsaved["metadata"]["name"], "x");
}

#[test]
fn writes_need_the_version_that_they_replace() {
    let store = store(Limits::default());
    let table = pods().table;
    let first = create(&store, "x");
    assert_eq!(store.create(table, pod("d", "x", "", "a")).unwrap_err(), WriteError::Exists);
    let second = store.replace(table, pod("d", "x", "n", "a"), first.revision()).unwrap();
    let stale = store.replace(table, pod("d", "x", "m", "a"), first.revision());
    assert_eq!(stale.unwrap_err(), WriteError::Changed);
    assert_eq!(store.remove(table, "d/x", first.revision()), Err(WriteError::Changed));
    let removed = store.remove(table, "d/x", second.revision()).unwrap();
    assert_eq!(removed, second.revision() + 1);
    assert_eq!(store.remove(table, "d/x", second.revision()), Err(WriteError::Missing));
    assert_eq!(store.len(table), 0);
}

#[test]
fn a_draft_knows_whether_it_changes_anything() {
    let store = store(Limits::default());
    let object = create(&store, "x");
    assert!(pod("d", "x", "", "a").equals(&object));
    assert!(!pod("d", "x", "n", "a").equals(&object));
}

#[test]
fn pages_are_of_one_version() {
    let store = store(Limits::default());
    let table = pods().table;
    for name in ["a", "b", "c", "d", "e"] {
        create(&store, name);
    }
    let all = Selection::default();
    let first = store.list(table, &ListRequest { limit: 2, ..ListRequest::of(&all) }).unwrap();
    assert_eq!((names(&first.objects), first.remaining), (vec!["a", "b"], Some(3)));
    // Behind the first page: one goes, one changes, one comes.
    let c = store.get(table, "d/c").unwrap();
    store.remove(table, "d/c", c.revision()).unwrap();
    let e = store.get(table, "d/e").unwrap();
    store.replace(table, pod("d", "e", "n", "a"), e.revision()).unwrap();
    create(&store, "f");
    let request = ListRequest {
        at: Some(first.revision),
        after: Some("d/b"),
        limit: 2,
        ..ListRequest::of(&all)
    };
    let second = store.list(table, &request).unwrap();
    assert_eq!((names(&second.objects), second.remaining), (vec!["c", "d"], Some(1)));
    let request = ListRequest { after: Some("d/d"), ..request };
    let third = store.list(table, &request).unwrap();
    assert_eq!((names(&third.objects), third.more), (vec!["e"], false));
    assert_eq!(third.objects[0].revision(), e.revision());
    let now = store.list(table, &ListRequest::of(&all)).unwrap();
    assert_eq!(names(&now.objects), ["a", "b", "d", "e", "f"]);
}

#[test]
fn lists_select() {
    let store = store(Limits::default());
    let table = pods().table;
    let drafts = [("d", "x", "n1", "a"), ("d", "y", "n2", "b"), ("da", "z", "n1", "b")];
    for (namespace, name, node, app) in drafts {
        store.create(table, pod(namespace, name, node, app)).unwrap();
    }
    let list = |selection: &Selection| {
        let page = store.list(table, &ListRequest::of(selection)).unwrap();
        names(&page.objects).join(" ")
    };
    assert_eq!(list(&Selection::of_namespace("d")), "x y");
    // The order of keys: a dash or a letter after the namespace sorts before or behind the slash.
    assert_eq!(list(&Selection::default()), "x y z");
    assert_eq!(list(&selection("app=b", "")), "y z");
    assert_eq!(list(&selection("", "spec.nodeName=n1")), "x z");
    assert_eq!(list(&selection("app!=a", "spec.nodeName!=n1")), "y");
    assert_eq!(list(&selection("", "metadata.name=z,metadata.namespace=da")), "z");
}

#[test]
fn a_watch_tells_every_change_in_order() {
    let store = store(Limits::default());
    let table = pods().table;
    let x = create(&store, "x");
    let queue = store.watch(table, Selection::default(), FIRST).unwrap();
    let x = store.replace(table, pod("d", "x", "n", "a"), x.revision()).unwrap();
    store.remove(table, "d/x", x.revision()).unwrap();
    let expected = [
        (EventKind::Added, "x".to_owned(), FIRST + 1),
        (EventKind::Modified, "x".to_owned(), FIRST + 2),
        (EventKind::Deleted, "x".to_owned(), FIRST + 3),
    ];
    assert_eq!(take(&queue), expected);
    let later = store.watch(table, Selection::default(), FIRST + 2).unwrap();
    assert_eq!(take(&later), expected[2..]);
}

#[test]
fn what_leaves_a_selection_is_deleted_and_what_enters_it_is_added() {
    let store = store(Limits::default());
    let table = pods().table;
    let queue = store.watch(table, selection("", "spec.nodeName="), FIRST).unwrap();
    let bound = store.watch(table, selection("", "spec.nodeName!="), FIRST).unwrap();
    let x = create(&store, "x");
    store.replace(table, pod("d", "x", "n", "a"), x.revision()).unwrap();
    let kinds = |queue: &Queue| -> Vec<EventKind> {
        take(queue).into_iter().map(|(kind, ..)| kind).collect()
    };
    assert_eq!(kinds(&queue), [EventKind::Added, EventKind::Deleted]);
    assert_eq!(kinds(&bound), [EventKind::Added]);
}

#[test]
fn history_is_bounded_and_says_when_it_is_past() {
    let store = store(Limits { history_changes: 3, ..Limits::default() });
    let table = pods().table;
    for name in ["a", "b", "c", "d", "e"] {
        create(&store, name);
    }
    let expired = store.watch(table, Selection::default(), FIRST + 1).unwrap_err();
    assert_eq!(expired, Expired { oldest: FIRST + 2 });
    assert_eq!(take(&store.watch(table, Selection::default(), FIRST + 2).unwrap()).len(), 3);
    let all = Selection::default();
    let old = ListRequest { at: Some(FIRST + 1), ..ListRequest::of(&all) };
    assert_eq!(store.list(table, &old).unwrap_err(), Expired { oldest: FIRST + 2 });
    // A revision of an earlier process is past, too.
    assert!(store.watch(table, Selection::default(), 7).is_err());
}

#[test]
fn history_is_bounded_by_bytes_of_old_versions() {
    let store = store(Limits { history_bytes: 4096, ..Limits::default() });
    let table = pods().table;
    let mut x = create(&store, "x");
    for at in 0..100 {
        let node = format!("n{at}");
        x = store.replace(table, pod("d", "x", &node, "a"), x.revision()).unwrap();
    }
    assert!(store.watch(table, Selection::default(), FIRST).is_err());
    assert!(store.watch(table, Selection::default(), x.revision() - 1).is_ok());
}

#[test]
fn a_watcher_that_is_too_far_behind_is_cut_and_the_others_are_not() {
    let store = store(Limits { watch_queue_bytes: 10_000, ..Limits::default() });
    let table = pods().table;
    let stalled = store.watch(table, Selection::default(), FIRST).unwrap();
    let reading = store.watch(table, Selection::default(), FIRST).unwrap();
    for at in 0..100 {
        create(&store, &format!("p{at}"));
        assert_eq!(take(&reading).len(), 1);
    }
    let mut cx = Context::from_waker(Waker::noop());
    let outcome = stalled.poll_take(&mut cx, usize::MAX, &mut Vec::new());
    assert_eq!(outcome, Poll::Ready(Outcome::Ended));
}

#[test]
fn watches_end_behind_what_is_queued() {
    let store = store(Limits::default());
    let queue = store.watch(pods().table, Selection::default(), FIRST).unwrap();
    create(&store, "x");
    store.end_watches();
    assert_eq!(take(&queue).len(), 1);
    let mut cx = Context::from_waker(Waker::noop());
    let outcome = queue.poll_take(&mut cx, usize::MAX, &mut Vec::new());
    assert_eq!(outcome, Poll::Ready(Outcome::Ended));
}

#[test]
fn list_and_watch_have_no_gap() {
    let store = store(Limits::default());
    let table = pods().table;
    create(&store, "x");
    let (page, queue) = store.list_and_watch(table, Selection::default()).unwrap();
    assert_eq!((names(&page.objects), page.revision), (vec!["x"], FIRST + 1));
    create(&store, "y");
    assert_eq!(take(&queue), [(EventKind::Added, "y".to_owned(), FIRST + 2)]);
}
