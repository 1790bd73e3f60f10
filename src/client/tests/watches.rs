//! Watches: what they ask for, what they make of it, and that nothing ends them.

use super::super::{Reading, Said, watch};
use super::*;

use crate::engine::Kind;
use crate::model::ObjectKind;

/// A watch in front of a fake API server.
pub(super) struct Watch {
    pub(super) fake: Fake,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) counters: Arc<Counters>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    pub(super) fn new(kind: Kind, script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        // One place: the watch has to wait for who reads.
        Self::ahead(1, kind, script)
    }

    /// A watch that may be ahead of who reads by so many events.
    pub(super) fn ahead(
        places: usize,
        kind: Kind,
        script: impl FnMut(&Seen) -> Reply + Send + 'static,
    ) -> Self {
        let fake = Fake::new(script);
        let (sender, events) = mpsc::channel(places);
        let counters = Arc::new(Counters::default());
        let task = tokio::spawn(watch(
            fake.client(),
            kind,
            sender,
            Arc::clone(&counters),
            Said::default(),
            Reading::default(),
        ));
        Self { fake, events, counters, task }
    }

    /// The next events, in short.
    pub(super) async fn events(&mut self, count: usize) -> Vec<String> {
        let mut out = Vec::new();
        while out.len() < count {
            let Ok(event) = timeout(NEVER, self.events.recv()).await else {
                panic!("only {out:?} came, not {count} events");
            };
            out.push(short(&event.expect("the watch has ended")));
        }
        out
    }
}

fn short(event: &Event) -> String {
    match event {
        Event::NodeUpsert(node) => format!("+{}", node.name),
        Event::NodeDelete(name) | Event::NamespaceDelete(name) => format!("-{name}"),
        Event::PodUpsert(pod) => format!("+{} {}", pod.key, pod.uid),
        Event::PodDelete { key, uid } => format!("-{key} {uid}"),
        Event::NamespaceUpsert(namespace) => format!("+{}", namespace.name),
        Event::ObjectUpsert(object) => format!("+{:?} {}", object.kind(), object.key()),
        Event::ObjectDelete(kind, key) => format!("-{kind:?} {key}"),
        Event::ListBegin(kind) => format!("begin {kind:?}"),
        Event::ListEnd(kind) => format!("end {kind:?}"),
        other => format!("{other:?}"),
    }
}

pub(super) fn node(name: &str, version: u32) -> Value {
    let metadata = json!({"name": name, "uid": format!("uid-{name}"),
        "resourceVersion": version.to_string()});
    json!({"kind": "Node", "apiVersion": "v1", "metadata": metadata,
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}})
}

/// A node whose CPU is no quantity.
fn unreadable(name: &str, version: u32) -> Value {
    let mut node = node(name, version);
    node["status"]["allocatable"]["cpu"] = json!("four");
    node
}

pub(super) fn running_pod(name: &str, version: u32) -> Value {
    let metadata = json!({"name": name, "namespace": "ns", "uid": format!("uid-{name}"),
        "resourceVersion": version.to_string()});
    json!({"kind": "Pod", "apiVersion": "v1", "metadata": metadata,
        "spec": {"containers": [], "schedulerName": "berth"}, "status": {"phase": "Running"}})
}

pub(super) fn list(version: u32, items: &[Value]) -> Reply {
    let metadata = json!({"resourceVersion": version.to_string()});
    Reply::json(200, &json!({"kind": "List", "metadata": metadata, "items": items}))
}

pub(super) fn change(kind: &str, object: &Value) -> Value {
    json!({"type": kind, "object": object})
}

/// "watch" or "list".
pub(super) fn verb(seen: &Seen) -> &'static str {
    if seen.path.contains("watch=true") { "watch" } else { "list" }
}

#[tokio::test(start_paused = true)]
async fn lists_and_changes_become_events() {
    let mut watch = Watch::new(Kind::Node, |seen| match verb(seen) {
        "watch" => Reply::Lines(vec![
            change("MODIFIED", &node("a", 11)),
            change("ADDED", &node("c", 12)),
            change("DELETED", &node("b", 13)),
        ]),
        _ => list(10, &[node("a", 1), node("b", 2)]),
    });
    let want = ["begin Node", "+a", "+b", "end Node", "+a", "+c", "-b"];
    assert_eq!(watch.events(7).await, want);
    let paths: Vec<_> = watch.fake.seen().into_iter().map(|seen| seen.path).collect();
    assert!(paths[0].starts_with("/api/v1/nodes?") && !paths[0].contains("fieldSelector"));
    assert!(paths[1].contains("resourceVersion=10"), "{paths:?}");
}

#[tokio::test(start_paused = true)]
async fn pods_that_are_not_finished_are_asked_for() {
    let mut watch = Watch::new(Kind::Pod, |seen| match verb(seen) {
        "watch" => Reply::Lines(vec![change("DELETED", &running_pod("a", 11))]),
        _ => list(10, &[running_pod("a", 1)]),
    });
    let want = ["begin Pod", "+ns/a uid-a", "end Pod", "-ns/a uid-a"];
    assert_eq!(watch.events(4).await, want);
    let selector = "fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed";
    for seen in watch.fake.seen() {
        assert!(seen.path.starts_with("/api/v1/pods?") && seen.path.contains(selector));
    }
}

#[tokio::test(start_paused = true)]
async fn every_kind_that_is_kept_by_name_is_watched() {
    for kind in ObjectKind::ALL {
        let object = move |name: &str, version: u32| {
            let namespace = kind.is_namespaced().then_some("ns");
            let version = version.to_string();
            json!({"metadata": {"name": name, "namespace": namespace, "resourceVersion": version}})
        };
        let mut watch = Watch::new(Kind::Object(kind), move |seen| match verb(seen) {
            "watch" => Reply::Lines(vec![
                change("ADDED", &object("b", 11)),
                change("DELETED", &object("a", 12)),
            ]),
            _ => list(10, &[object("a", 1)]),
        });
        let namespace = if kind.is_namespaced() { "ns/" } else { "" };
        let want = [
            format!("begin Object({kind:?})"),
            format!("+{kind:?} {namespace}a"),
            format!("end Object({kind:?})"),
            format!("+{kind:?} {namespace}b"),
            format!("-{kind:?} {namespace}a"),
        ];
        assert_eq!(watch.events(5).await, want);
        for seen in watch.fake.seen() {
            let path = seen.path.split('?').next().unwrap_or_default();
            assert!(path.ends_with(&format!("/{}", kind.plural())), "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn namespaces_are_watched_and_an_empty_list_is_a_list() {
    let mut watch = Watch::new(Kind::Namespace, |seen| {
        let namespace = json!({"kind": "Namespace", "apiVersion": "v1",
            "metadata": {"name": "x", "resourceVersion": "11"}});
        match verb(seen) {
            "watch" => {
                Reply::Lines(vec![change("ADDED", &namespace), change("DELETED", &namespace)])
            }
            _ => list(10, &[]),
        }
    });
    assert_eq!(watch.events(4).await, ["begin Namespace", "end Namespace", "+x", "-x"]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_watch_lists_again() {
    let mut lists = 0;
    let mut watch = Watch::new(Kind::Node, move |seen| {
        if verb(seen) == "watch" {
            let expired = change("ERROR", &status_body(410, "too old resource version"));
            return Reply::Lines(if lists == 1 { vec![expired] } else { vec![] });
        }
        lists += 1;
        list(10 * lists, &[node(&format!("a{lists}"), lists)])
    });
    let want = ["begin Node", "+a1", "end Node", "begin Node", "+a2", "end Node"];
    assert_eq!(watch.events(6).await, want);
    // Expiry is routine.
    assert_eq!(watch.counters.watch_errors.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_watch_whose_start_is_answered_410_lists_again() {
    let mut lists = 0;
    let mut watch = Watch::new(Kind::Node, move |seen| match verb(seen) {
        "watch" if lists == 1 => status(410, "too old resource version"),
        "watch" => Reply::Lines(vec![]),
        _ => {
            lists += 1;
            list(10 * lists, &[])
        }
    });
    let want = ["begin Node", "end Node", "begin Node", "end Node"];
    assert_eq!(watch.events(4).await, want);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_read_is_passed_over() {
    let mut watch = Watch::new(Kind::Node, |seen| match verb(seen) {
        "watch" => Reply::Lines(vec![
            change("MODIFIED", &unreadable("b", 11)),
            change("MODIFIED", &node("b", 12)),
            change("DELETED", &unreadable("b", 13)),
        ]),
        _ => list(10, &[node("a", 1), unreadable("b", 2), node("c", 3)]),
    });
    let want = ["begin Node", "+a", "+c", "end Node", "+b", "-b"];
    assert_eq!(watch.events(6).await, want);
    assert_eq!(watch.counters.objects_undecodable.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_is_tried_ever_more_slowly() {
    let mut watch = Watch::new(Kind::Node, |_| status(403, "nodes is forbidden"));
    let seen = watch.fake.requests(10).await;
    let gaps: Vec<_> = seen.windows(2).map(|pair| pair[1].at_ms - pair[0].at_ms).collect();
    assert!(gaps[0] < 2_000 && gaps[8] >= 30_000, "{gaps:?}");
    assert!(watch.events.try_recv().is_err(), "a list that fails is no list");
    // The tenth may not have been looked at yet.
    assert!(watch.counters.watch_errors.get() >= 9);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_off_begins_again() {
    let mut requests = 0;
    let mut watch = Watch::new(Kind::Node, move |seen| {
        requests += 1;
        match requests {
            1 => {
                let metadata = json!({"resourceVersion": "10", "continue": "more"});
                let items = vec![node("a", 1)];
                Reply::json(200, &json!({"metadata": metadata, "items": items}))
            }
            2 => status(410, "the continue token has expired"),
            _ if verb(seen) == "watch" => Reply::Lines(vec![]),
            _ => list(20, &[node("b", 2)]),
        }
    });
    let want = ["begin Node", "+a", "begin Node", "+b", "end Node"];
    assert_eq!(watch.events(5).await, want);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_nobody_listens() {
    let mut watch = Watch::new(Kind::Node, |seen| match verb(seen) {
        "watch" => Reply::Lines(vec![]),
        _ => list(10, &[]),
    });
    assert_eq!(watch.events(2).await, ["begin Node", "end Node"]);
    drop(watch.events);
    timeout(Duration::from_secs(1), watch.task).await.unwrap().unwrap();
}
