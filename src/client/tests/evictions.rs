//! Evictions: the request, another try, and what the engine hears.

use super::super::Left;
use super::super::task::{EVICTION_TRIES_MAX, EVICTIONS_IN_FLIGHT_MAX};
use super::*;

fn evict(name: &str) -> Effect {
    Effect::Evict { pod: pod(name) }
}

#[tokio::test(start_paused = true)]
async fn the_request_deletes_one_uid() {
    let bench = Bench::new(ok);
    let report = Report::Preempted { by: "uid-p".into(), node: "n1".into() };
    let preempted = Effect::Report { pod: pod("a"), profile: "berth".into(), report };
    bench.push([evict("a"), preempted]);
    let seen = bench.fake.requests(2).await;
    assert_eq!(bench.fake.lines()[0], "DELETE /api/v1/namespaces/ns/pods/a");
    let want = json!({"apiVersion": "v1", "kind": "DeleteOptions",
        "preconditions": {"uid": "uid-a"}});
    assert_eq!(seen[0].body, want);
    let event = &seen[1].body;
    let said = ["type", "reason", "action", "note"].map(|field| &event[field]);
    assert_eq!(said, ["Normal", "Preempted", "Preempting", "Preempted by pod uid-p on node n1"]);
    assert_eq!(event["regarding"]["uid"], "uid-a");
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_it_by_answer() {
    // Requests that it takes, and whether the engine hears that it failed.
    let tries = EVICTION_TRIES_MAX as usize;
    let rows = [
        (200, 1, false),
        (404, 1, false),
        (409, 1, false),
        (403, 1, true),
        (422, 1, true),
        (500, tries, true),
        (429, tries, true),
    ];
    for (code, requests, failed) in rows {
        let mut bench = Bench::new(move |_| status(code, "words"));
        bench.push([evict("a")]);
        bench.fake.requests(1).await;
        assert_eq!(bench.writer.drain(NEVER).await, Left::default());
        assert_eq!(bench.fake.seen().len(), requests, "{code}");
        assert_eq!(bench.counters.evictions_failed.get(), u64::from(failed), "{code}");
        let heard = bench.results.try_recv().ok();
        let of_it =
            |event: &Event| matches!(event, Event::EvictionFailed { uid, .. } if &**uid == "uid-a");
        assert_eq!(heard.is_some_and(|event| of_it(&event)), failed, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn tries_are_apart() {
    let mut left = 2;
    let bench = Bench::new(move |seen| {
        left -= 1;
        if left >= 0 { status(503, "words") } else { ok(seen) }
    });
    bench.push([evict("a")]);
    let seen = bench.fake.requests(3).await;
    let times: Vec<_> = seen.iter().map(|seen| seen.at_ms).collect();
    assert_eq!(times, [0, 500, 1_500]);
    assert_eq!(bench.writer.drain(NEVER).await, Left::default());
}

#[tokio::test(start_paused = true)]
async fn they_wait_for_nothing_and_nothing_waits_for_them() {
    let mut bench =
        Bench::new(|seen| if seen.method == "DELETE" { Reply::Never } else { ok(seen) });
    bench.push((0..EVICTIONS_IN_FLIGHT_MAX + 3).map(|at| evict(&format!("p{at}"))));
    bench.push([bind(1, "p0"), patch("p1", "m")]);
    assert_eq!(bench.outcome().await, (1, BindOutcome::Bound));
    bench.fake.requests(EVICTIONS_IN_FLIGHT_MAX + 2).await;
}
