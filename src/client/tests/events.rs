//! Events: their text, the series of repetitions, another try, what is dropped.

use std::sync::Arc;

use super::super::Left;
use super::super::lanes::EVENTS_QUEUED_MAX;
use super::super::series::{FINISH_AFTER, REFRESH_AFTER, SERIES_MAX};
use super::super::task::{EVENT_RETRIES_MAX, EVENT_TRIES_MAX, EVENTS_IN_FLIGHT_MAX};
use super::*;

const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/ns/events";

/// Lets the virtual clock pass `after`.
async fn pass(after: Nanos) {
    tokio::time::sleep(Duration::from_nanos(after.0)).await;
}

/// "METHOD count" of each request: 0 where it has no series.
fn counts(seen: &[Seen]) -> Vec<String> {
    let count = |seen: &Seen| seen.body["series"]["count"].as_u64().unwrap_or(0);
    seen.iter().map(|seen| format!("{} {}", seen.method, count(seen))).collect()
}

#[tokio::test(start_paused = true)]
async fn the_texts_are_upstreams() {
    let bench = Bench::new(ok);
    bench.push([scheduled("a"), failed("b", "0/3 nodes are available: 100 % full.")]);
    let seen = bench.fake.requests(2).await;
    assert_eq!((&*seen[0].method, &*seen[0].path), ("POST", EVENTS));
    assert_eq!(seen[0].content_type, "application/json");
    let name = seen[0].body["metadata"]["name"].as_str().unwrap();
    assert_eq!(name, format!("a.{:x}", EPOCH.0));
    let want = |name: &str, pod: &str, rest: Value| {
        let mut want = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": {"name": name, "namespace": "ns"},
            "eventTime": "2026-08-01T16:00:00.000000Z",
            "reportingController": "berth", "reportingInstance": "berth-host",
            "regarding": {"kind": "Pod", "namespace": "ns", "name": pod, "apiVersion": "v1",
                "uid": format!("uid-{pod}"), "resourceVersion": "7"},
        });
        for (key, value) in rest.as_object().unwrap() {
            want[key] = value.clone();
        }
        want
    };
    let rest = json!({"type": "Normal", "reason": "Scheduled", "action": "Binding",
        "note": "Successfully assigned ns/a to n1"});
    assert_eq!(seen[0].body, want(name, "a", rest));
    let name = seen[1].body["metadata"]["name"].as_str().unwrap();
    let rest = json!({"type": "Warning", "reason": "FailedScheduling", "action": "Scheduling",
        "note": "0/3 nodes are available: 100 %!f(MISSING)ull."});
    assert_eq!(seen[1].body, want(name, "b", rest));
}

#[tokio::test(start_paused = true)]
async fn a_repetition_becomes_a_series_that_is_written_now_and_then() {
    let bench = Bench::new(ok);
    let every = Nanos::from_secs(5 * 60);
    // At 0, 5, 10, ... 30 minutes: created, then a series of 2, then counted in memory; what is
    // counted when half an hour has passed is written.
    for i in 0..7 {
        bench.push([failed("a", &format!("note {i}"))]);
        pass(every).await;
    }
    let seen = bench.fake.seen();
    assert_eq!(counts(&seen), ["POST 0", "PATCH 2", "PATCH 6"]);
    let name = seen[0].body["metadata"]["name"].as_str().unwrap();
    assert_eq!(seen[1].path, format!("{EVENTS}/{name}"));
    assert_eq!(seen[1].content_type, "application/strategic-merge-patch+json");
    let series = json!({"count": 2, "lastObservedTime": "2026-08-01T16:05:00.000000Z"});
    assert_eq!(seen[1].body, json!({"series": series}));
    assert_eq!(seen[2].at_ms, u128::from(REFRESH_AFTER.0 / 1_000_000));
    assert_eq!(bench.counters.events_merged.get(), 6);
    // Idle, it is written a last time, because its count has moved, and forgotten.
    pass(Nanos(3 * FINISH_AFTER.0)).await;
    assert_eq!(counts(&bench.fake.seen())[3..], ["PATCH 7"]);
    bench.push([failed("a", "note")]);
    assert_eq!(counts(&bench.fake.requests(5).await)[4..], ["POST 0"]);
}

#[tokio::test(start_paused = true)]
async fn another_resource_version_or_a_pause_makes_another_event() {
    let bench = Bench::new(ok);
    let Effect::Report { pod, profile, report } = failed("a", "m") else { unreachable!() };
    let changed = PodRef { resource_version: "8".into(), ..PodRef::clone(&pod) };
    bench.push([failed("a", "m"), Effect::Report { pod: Arc::new(changed), profile, report }]);
    assert_eq!(counts(&bench.fake.requests(2).await), ["POST 0", "POST 0"]);
    pass(Nanos(3 * FINISH_AFTER.0)).await;
    bench.push([failed("a", "m")]);
    let seen = bench.fake.requests(3).await;
    assert_eq!(counts(&seen)[2..], ["POST 0"]);
    assert_ne!(seen[0].body["metadata"]["name"], seen[2].body["metadata"]["name"]);
}

#[tokio::test(start_paused = true)]
async fn repetitions_wait_for_the_first_request() {
    let (held, gate) = Reply::held(accepted());
    let mut held = Some(held);
    let bench = Bench::new(move |seen| held.take().unwrap_or_else(|| ok(seen)));
    bench.push([failed("a", "1")]);
    bench.fake.requests(1).await;
    bench.push([failed("a", "2"), failed("a", "3"), failed("b", "1")]);
    bench.fake.requests(2).await;
    gate.send(()).unwrap();
    let seen = bench.fake.requests(3).await;
    assert_eq!(counts(&seen), ["POST 0", "POST 0", "PATCH 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_series_on_an_event_that_is_gone_is_written_anew() {
    let bench = Bench::new(|seen| match seen.method.as_str() {
        "PATCH" => status(404, "events \"a\" not found"),
        _ => ok(seen),
    });
    bench.push([failed("a", "first")]);
    bench.fake.requests(1).await;
    pass(Nanos::SECOND).await;
    bench.push([failed("a", "second")]);
    let seen = bench.fake.requests(3).await;
    assert_eq!(counts(&seen), ["POST 0", "PATCH 2", "POST 2"]);
    assert_eq!(seen[2].body["note"], "first");
    assert_eq!(seen[2].body["metadata"]["name"], seen[0].body["metadata"]["name"]);
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_series_is_bounded() {
    let bench = Bench::new(ok);
    for i in 0..=SERIES_MAX {
        bench.push([failed(&format!("p{i}"), "m")]);
        if i == 1 {
            // Seen again: p1 is now the least recently used, and has to go.
            bench.push([failed("p0", "m")]);
        }
    }
    // All of them, and p0's series.
    bench.fake.requests(SERIES_MAX + 2).await;
    bench.push([failed("p2", "m")]);
    let seen = bench.fake.requests(SERIES_MAX + 3).await;
    assert_eq!(counts(&seen).last().map(|s| &**s), Some("PATCH 2"));
    bench.push([failed("p1", "m")]);
    let seen = bench.fake.requests(SERIES_MAX + 4).await;
    assert_eq!(counts(&seen).last().map(|s| &**s), Some("POST 0"));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_counted() {
    let bench = Bench::new(|_| Reply::Never);
    bench.push((0..EVENTS_QUEUED_MAX + 5).map(|i| scheduled(&format!("p{i}"))));
    assert_eq!(bench.counters.events_dropped.get(), 5);
    bench.fake.requests(EVENTS_IN_FLIGHT_MAX).await;
    assert_eq!(bench.fake.seen().len(), EVENTS_IN_FLIGHT_MAX);
}

#[tokio::test(start_paused = true)]
async fn it_is_tried_again_without_a_slot() {
    let bad = |seen: &Seen| seen.body["regarding"]["name"] != "good";
    let bench = Bench::new(move |seen| if bad(seen) { status(500, "x") } else { ok(seen) });
    let others = EVENTS_IN_FLIGHT_MAX + 10;
    bench.push((0..others).map(|i| scheduled(&format!("p{i}"))));
    bench.push([scheduled("good")]);
    let seen = bench.fake.requests(others + 1).await;
    assert_eq!((seen[others].at_ms, bad(&seen[others])), (0, false));
    assert_eq!(bench.writer.drain(NEVER).await, Left::default());
    let seen = bench.fake.seen();
    let times = seen.iter().filter(|seen| seen.body["regarding"]["name"] == "p0");
    let times: Vec<_> = times.map(|seen| seen.at_ms).collect();
    assert_eq!(times, [0, 1_000, 3_000, 7_000, 15_000]);
    assert_eq!(times.len(), EVENT_TRIES_MAX as usize);
    assert_eq!(bench.counters.events_failed.get(), others as u64);
}

#[tokio::test(start_paused = true)]
async fn too_many_that_wait_for_another_try_are_dropped() {
    let bench = Bench::new(|_| status(500, "x"));
    bench.push((0..EVENT_RETRIES_MAX + 7).map(|i| scheduled(&format!("p{i}"))));
    bench.fake.requests(EVENT_RETRIES_MAX + 7).await;
    assert_eq!(bench.writer.drain(Duration::ZERO).await.events, EVENT_RETRIES_MAX);
    assert_eq!(bench.counters.events_dropped.get(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_and_forgotten() {
    let terminating = "forbidden: unable to create new content in namespace ns because it is being \
                       terminated";
    let bench = Bench::new(move |_| status(403, terminating));
    bench.push([failed("a", "m")]);
    bench.fake.requests(1).await;
    pass(Nanos::from_secs(60)).await;
    assert_eq!(bench.fake.seen().len(), 1);
    assert_eq!(bench.counters.events_failed.get(), 1);
    bench.push([failed("a", "m")]);
    assert_eq!(counts(&bench.fake.requests(2).await), ["POST 0", "POST 0"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_exists_was_written_by_an_earlier_try() {
    let mut tries = 0;
    let bench = Bench::new(move |_| {
        tries += 1;
        match tries {
            1 => Reply::Broken,
            2 => status(409, "events \"a\" already exists"),
            _ => accepted(),
        }
    });
    bench.push([failed("a", "m")]);
    bench.fake.requests(2).await;
    bench.push([failed("a", "m")]);
    assert_eq!(counts(&bench.fake.requests(3).await), ["POST 0", "POST 0", "PATCH 2"]);
    assert_eq!(bench.counters.events_failed.get(), 0);
}
