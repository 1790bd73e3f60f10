//! What a watch makes of trouble: silence, garbage, ends without a beginning, requests for patience, and
//! objects that cannot be decoded.

use super::watches::{Watch, change, list, node, running_pod, verb};
use super::*;

use crate::engine::Kind;

/// The gaps between requests, in milliseconds.
fn gaps(seen: &[Seen]) -> Vec<u128> {
    seen.windows(2).map(|pair| pair[1].at_ms - pair[0].at_ms).collect()
}

fn verbs(seen: &[Seen]) -> Vec<&'static str> {
    seen.iter().map(verb).collect()
}

/// A node that serde cannot decode.
fn undecodable(name: &str, version: u32) -> Value {
    let mut node = node(name, version);
    node["spec"] = json!({"taints": "none"});
    node
}

fn with_retry_after(code: u16, seconds: &'static str) -> Reply {
    let body = status_body(code, "slow down").to_string();
    Reply::Answer(code, vec![("retry-after", seconds)], body)
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_never_answered_is_asked_for_again() {
    let mut lists = 0;
    let mut watch = Watch::new(Kind::Node, move |seen| {
        if verb(seen) == "watch" {
            return Reply::Lines(vec![]);
        }
        lists += 1;
        if lists == 1 { Reply::Never } else { list(10, &[node("a", 1)]) }
    });
    assert_eq!(watch.events(3).await, ["begin Node", "+a", "end Node"]);
    assert_eq!(watch.counters.watch_errors.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_says_nothing_is_made_anew_where_it_was() {
    let mut watches = 0;
    let mut watch = Watch::new(Kind::Node, move |seen| {
        if verb(seen) == "list" {
            return list(10, &[]);
        }
        watches += 1;
        match watches {
            // Its start is never answered, or nothing ever comes.
            1 => Reply::Never,
            2 => Reply::Lines(vec![change("ADDED", &node("a", 11))]),
            3 => Reply::Lines(vec![change("ADDED", &node("b", 12))]),
            _ => Reply::Lines(vec![]),
        }
    });
    assert_eq!(watch.events(4).await, ["begin Node", "end Node", "+a", "+b"]);
    let seen = watch.fake.seen();
    assert_eq!(verbs(&seen), ["list", "watch", "watch", "watch"]);
    let from: Vec<_> = ["=10", "=10", "=11"].into_iter().zip(&seen[1..]).collect();
    assert!(from.iter().all(|(version, seen)| seen.path.ends_with(version)), "{from:?}");
    assert!(gaps(&seen)[1..].iter().all(|&gap| gap >= 45_000), "{:?}", gaps(&seen));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_not_passed_over_but_listed_again() {
    // kube's watcher goes on behind such a line, and the change is lost.
    let garbage = [
        r#"{"type":"ADDED","object":{"kind":"Node","metadata":{"na"#.to_owned(),
        "<html>".to_owned(),
        json!({"type": "EXPLODED", "object": node("b", 12)}).to_string(),
    ];
    for line in garbage {
        let mut lists = 0;
        let mut watch = Watch::new(Kind::Node, move |seen| match verb(seen) {
            "watch" if lists == 1 => {
                let next = change("ADDED", &node("c", 13));
                Reply::Answer(200, Vec::new(), format!("{line}\n{next}\n"))
            }
            "watch" => Reply::Lines(vec![]),
            _ => {
                lists += 1;
                list(10 * lists, &[node(&format!("a{lists}"), lists)])
            }
        });
        let want = ["begin Node", "+a1", "end Node", "begin Node", "+a2", "end Node"];
        assert_eq!(watch.events(6).await, want);
        assert_eq!(watch.counters.watch_errors.get(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_breaks_off_comes_again() {
    let mut watches = 0;
    let mut watch = Watch::new(Kind::Node, move |seen| {
        if verb(seen) == "list" {
            return list(10, &[]);
        }
        watches += 1;
        let line = change("ADDED", &node("a", 11)).to_string();
        match watches {
            1 => Reply::Answer(200, Vec::new(), format!("{line}\n{}", &line[..line.len() / 2])),
            2 => Reply::Lines(vec![change("MODIFIED", &node("a", 12))]),
            _ => Reply::Lines(vec![]),
        }
    });
    assert_eq!(watch.events(4).await, ["begin Node", "end Node", "+a", "+a"]);
    assert_eq!(watch.counters.watch_errors.get(), 0, "connections end");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_at_once_each_time_is_made_ever_more_slowly() {
    let watch = Watch::new(Kind::Node, |seen| match verb(seen) {
        "watch" => Reply::Answer(200, Vec::new(), String::new()),
        _ => list(10, &[]),
    });
    let mut events = watch.events;
    let drain = tokio::spawn(async move { while events.recv().await.is_some() {} });
    let seen = watch.fake.requests(10).await;
    let gaps = gaps(&seen);
    assert_eq!(verbs(&seen)[..2], ["list", "watch"]);
    assert!(gaps[1] < 2_000 && gaps[8] >= 30_000, "{gaps:?}");
    drain.abort();
}

#[tokio::test(start_paused = true)]
async fn patience_is_had_where_it_is_asked_for() {
    let mut requests = 0;
    let mut watch = Watch::new(Kind::Node, move |seen| {
        requests += 1;
        match requests {
            1 => with_retry_after(429, "7"),
            2 => with_retry_after(503, "5"),
            4 => with_retry_after(429, "20"),
            _ if verb(seen) == "list" => list(10, &[]),
            _ => Reply::Lines(vec![]),
        }
    });
    assert_eq!(watch.events(2).await, ["begin Node", "end Node"]);
    let seen = watch.fake.requests(5).await;
    assert_eq!(verbs(&seen), ["list", "list", "list", "watch", "watch"]);
    let gaps = gaps(&seen);
    assert!(gaps[0] >= 7_000 && gaps[1] >= 5_000 && gaps[3] >= 20_000, "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_decoded_takes_no_other_along() {
    let mut watch = Watch::new(Kind::Node, |seen| match verb(seen) {
        "watch" => Reply::Lines(vec![
            change("MODIFIED", &undecodable("b", 11)),
            change("ADDED", &node("d", 12)),
            change("DELETED", &undecodable("b", 13)),
            json!({"type": "BOOKMARK", "object": {"kind": "Node", "spec": 5,
                "metadata": {"resourceVersion": "20"}}}),
            change("ERROR", &status_body(500, "words")),
        ]),
        _ => list(10, &[node("a", 1), undecodable("b", 2), json!("no object"), node("c", 3)]),
    });
    let want = ["begin Node", "+a", "+c", "end Node", "+d", "-b", "begin Node", "+a"];
    assert_eq!(watch.events(8).await, want);
    assert!(watch.counters.objects_undecodable.get() >= 3);
    let pod = running_pod("odd", 7);
    let mut odd = pod.clone();
    odd["spec"]["containers"] = json!({"name": 7});
    let mut watch = Watch::new(Kind::Pod, move |seen| match verb(seen) {
        "watch" => Reply::Lines(vec![change("ADDED", &pod), change("DELETED", &odd)]),
        _ => list(5, &[]),
    });
    let want = ["begin Pod", "end Pod", "+ns/odd uid-odd", "-ns/odd uid-odd"];
    assert_eq!(watch.events(4).await, want);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_the_api_server_does_not_know_is_given_up() {
    let rows = [
        (400, "invalid resource version"),
        (504, "Timeout: Too large resource version: 10, current: 5"),
        (500, "etcdserver: mvcc: Too large resource version"),
    ];
    for (code, message) in rows {
        let mut watch = Watch::new(Kind::Node, move |seen| match verb(seen) {
            "watch" => status(code, message),
            _ => list(10, &[]),
        });
        let want = ["begin Node", "end Node", "begin Node", "end Node"];
        assert_eq!(watch.events(4).await, want, "{code}");
    }
}
