//! Evictions: the request, another try, and what the engine hears.

use super::super::Left;
use super::super::task::{EVICTION_TRIES_MAX, EVICTIONS_IN_FLIGHT_MAX};
use super::*;

fn eviction(name: &str, message: Option<&str>) -> Effect {
    let message = message.map(str::to_owned);
    Effect::Evict(Eviction { pod: pod(name), message, observed_generation: 7 })
}

fn evict(name: &str) -> Effect {
    eviction(name, None)
}

#[tokio::test(start_paused = true)]
async fn the_request_deletes_one_uid() {
    let bench = Bench::new(ok);
    let report = Report::Preempted { by: "uid-p".into(), node: "n1".into(), in_memory: false };
    let preempted = Effect::Report { pod: pod("a").into(), profile: "berth".into(), report };
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
async fn the_condition_is_written_before_and_once() {
    let mut troubles = 1;
    let bench = Bench::new(move |seen| {
        troubles -= i32::from(seen.method == "DELETE");
        if seen.method == "DELETE" && troubles >= 0 { status(503, "words") } else { ok(seen) }
    });
    bench.push([eviction("a", Some("berth: preempting"))]);
    let seen = bench.fake.requests(3).await;
    let path = "/api/v1/namespaces/ns/pods/a";
    let want = [format!("PATCH {path}/status"), format!("DELETE {path}"), format!("DELETE {path}")];
    assert_eq!(bench.fake.lines(), want);
    let condition = &seen[0].body["status"]["conditions"][0];
    let said = ["type", "status", "reason", "message"].map(|field| &condition[field]);
    assert_eq!(said, ["DisruptionTarget", "True", "PreemptionByScheduler", "berth: preempting"]);
    assert_eq!(condition["observedGeneration"], 7);
    assert_eq!(seen[0].body["metadata"]["uid"], "uid-a");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_cannot_be_marked_is_not_deleted() {
    let mut bench = Bench::new(|_| status(403, "words"));
    bench.push([eviction("a", Some("berth: preempting"))]);
    bench.fake.requests(1).await;
    assert_eq!(bench.writer.drain(NEVER).await, Left::default());
    assert_eq!(bench.fake.lines(), ["PATCH /api/v1/namespaces/ns/pods/a/status"]);
    let heard = bench.results.try_recv().expect("the engine hears of it");
    assert!(matches!(heard, Event::Evicted { outcome: EvictionOutcome::Failed, .. }), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_it_by_answer() {
    use EvictionOutcome::{Done, Failed, Gone};
    // Requests that it takes, and what the engine hears.
    let tries = EVICTION_TRIES_MAX as usize;
    let rows = [
        (200, "words", 1, Done),
        (404, "words", 1, Gone),
        (409, "the UID in the precondition", 1, Gone),
        (409, "words", tries, Failed),
        (403, "words", 1, Failed),
        (422, "words", 1, Failed),
        (500, "words", tries, Failed),
        (429, "words", tries, Failed),
    ];
    for (code, words, requests, want) in rows {
        let mut bench = Bench::new(move |_| status(code, words));
        bench.push([evict("a")]);
        bench.fake.requests(1).await;
        assert_eq!(bench.writer.drain(NEVER).await, Left::default());
        assert_eq!(bench.fake.seen().len(), requests, "{code}");
        assert_eq!(bench.counters.evictions_failed.get(), u64::from(want == Failed), "{code}");
        let heard = bench.results.try_recv().expect("the engine hears of it");
        let Event::Evicted { uid, outcome, .. } = heard else { panic!("{heard:?}") };
        assert_eq!((&*uid, outcome), ("uid-a", want), "{code}");
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
