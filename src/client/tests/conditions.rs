//! Condition patches: the request, one lane a pod, coalescing, another try.

use super::super::Left;
use super::super::lanes::PATCHES_QUEUED_MAX;
use super::super::task::{PATCH_TRIES_MAX, PATCHES_IN_FLIGHT_MAX};
use super::*;

const STATUS_A: &str = "PATCH /api/v1/namespaces/ns/pods/a/status";
const BINDING_A: &str = "POST /api/v1/namespaces/ns/pods/a/binding";

/// A script that holds the first request until the sender says so.
fn hold_first(
    first: Reply,
) -> (impl FnMut(&Seen) -> Reply + Send + 'static, tokio::sync::oneshot::Sender<()>) {
    let (held, gate) = Reply::held(first);
    let mut held = Some(held);
    (move |seen: &Seen| held.take().unwrap_or_else(|| ok(seen)), gate)
}

fn messages(seen: &[Seen]) -> Vec<String> {
    let conditions = seen.iter().map(|seen| &seen.body["status"]["conditions"][0]["message"]);
    conditions.map(|message| message.as_str().unwrap_or("-").to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_request_merges_one_condition_of_one_uid() {
    let bench = Bench::new(ok);
    let Effect::PatchCondition { pod, mut condition, nomination } =
        patch("b", "0/1 nodes: \"x\"\n")
    else {
        unreachable!()
    };
    condition.observed_generation = 0;
    condition.last_transition_time = Some("2026-01-01T00:00:00Z".into());
    bench.push([patch("a", "full"), Effect::PatchCondition { pod, condition, nomination }]);
    let seen = bench.fake.requests(2).await;
    assert_eq!(bench.fake.lines()[0], STATUS_A);
    assert_eq!(seen[0].content_type, "application/strategic-merge-patch+json");
    let want = json!({"metadata": {"uid": "uid-a"}, "status": {"conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "full",
        "lastProbeTime": null, "lastTransitionTime": "2026-08-01T16:00:00Z",
        "observedGeneration": 2,
    }]}});
    assert_eq!(seen[0].body, want);
    let want = json!({"metadata": {"uid": "uid-b"}, "status": {"conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/1 nodes: \"x\"\n",
        "lastProbeTime": null, "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]}});
    assert_eq!(seen[1].body, want);
}

#[tokio::test(start_paused = true)]
async fn a_binding_waits_for_the_patch_in_flight() {
    let (script, gate) = hold_first(accepted());
    let mut bench = Bench::new(script);
    bench.push([patch("a", "m")]);
    bench.fake.requests(1).await;
    bench.push([bind(1, "a"), bind(2, "b")]);
    // The other pod's Binding goes at once.
    assert_eq!(bench.outcome().await.0, 2);
    assert_eq!(bench.fake.lines().len(), 2);
    gate.send(()).unwrap();
    assert_eq!(bench.outcome().await.0, 1);
    assert_eq!(bench.fake.lines()[0], STATUS_A);
    assert_eq!(bench.fake.lines()[2], BINDING_A);
}

#[tokio::test(start_paused = true)]
async fn a_binding_drops_the_patch_that_is_queued() {
    let mut bench = Bench::new(ok);
    bench.push([patch("a", "old"), bind(1, "a")]);
    assert_eq!(bench.outcome().await, (1, BindOutcome::Bound));
    bench.push([bind(2, "b")]);
    bench.outcome().await;
    assert!(!bench.fake.lines().contains(&STATUS_A.to_owned()));
    assert_eq!(bench.counters.patches_coalesced.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_patch_waits_for_the_binding_in_flight() {
    let (script, gate) = hold_first(status(500, "words"));
    let mut bench = Bench::new(script);
    bench.push([bind(1, "a")]);
    bench.fake.requests(1).await;
    bench.push([patch("a", "m"), patch("b", "m")]);
    bench.fake.requests(2).await;
    gate.send(()).unwrap();
    bench.outcome().await;
    bench.fake.requests(3).await;
    assert_eq!(bench.fake.lines()[0], BINDING_A);
    assert_eq!(bench.fake.lines()[2], STATUS_A);
}

#[tokio::test(start_paused = true)]
async fn the_newest_patch_of_a_pod_wins() {
    let (script, gate) = hold_first(accepted());
    let bench = Bench::new(script);
    bench.push([patch("a", "1")]);
    bench.fake.requests(1).await;
    bench.push([patch("a", "2"), patch("a", "3"), patch("a", "4")]);
    gate.send(()).unwrap();
    let seen = bench.fake.requests(2).await;
    assert_eq!(messages(&seen), ["1", "4"]);
    assert_eq!(bench.counters.patches_coalesced.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_nomination_goes_with_it_or_alone() {
    let (script, gate) = hold_first(accepted());
    let bench = Bench::new(script);
    let nominate = |name: &str, message: &str, nomination| match patch(name, message) {
        Effect::PatchCondition { pod, condition, .. } => {
            Effect::PatchCondition { pod, condition, nomination }
        }
        other => other,
    };
    bench.push([nominate("a", "1", Nomination::Set("n\"1".into()))]);
    bench.fake.requests(1).await;
    // What is queued keeps the parts that a newer patch says nothing of.
    bench.push([
        nominate("a", "2", Nomination::Set("n2".into())),
        patch("a", "3"),
        Effect::Nominate { pod: pod("b"), nomination: Nomination::Clear },
        nominate("c", "4", Nomination::Set("n2".into())),
        Effect::Nominate { pod: pod("c"), nomination: Nomination::Clear },
    ]);
    gate.send(()).unwrap();
    let seen = bench.fake.requests(4).await;
    let said = |name: &str| -> Vec<(Value, Value)> {
        let of = seen.iter().filter(|seen| seen.path.contains(&format!("/{name}/")));
        let status = of.map(|seen| &seen.body["status"]);
        let node = |s: &Value| s.get("nominatedNodeName").cloned().unwrap_or(json!("absent"));
        status.map(|s| (node(s), s["conditions"][0]["message"].clone())).collect()
    };
    assert_eq!(said("a"), [(json!("n\"1"), json!("1")), (json!("n2"), json!("3"))]);
    assert_eq!(said("b"), [(Value::Null, Value::Null)]);
    assert_eq!(said("c"), [(Value::Null, json!("4"))]);
    let alone = seen.iter().find(|seen| seen.path.contains("/b/")).unwrap();
    let want = json!({"metadata": {"uid": "uid-b"}, "status": {"nominatedNodeName": null}});
    assert_eq!(alone.body, want);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_the_oldest() {
    let bench = Bench::new(|_| Reply::Never);
    // Nothing is taken before the first await.
    bench.push((0..PATCHES_QUEUED_MAX + 5).map(|i| patch(&format!("p{i}"), "m")));
    assert_eq!(bench.counters.patches_dropped.get(), 5);
    // The first one is gone without a trace: another of that pod is a new one.
    bench.push([patch("p0", "m")]);
    assert_eq!(bench.counters.patches_dropped.get(), 6);
    assert_eq!(bench.counters.patches_coalesced.get(), 0);
    let seen = bench.fake.requests(PATCHES_IN_FLIGHT_MAX).await;
    assert_eq!(seen[0].path, "/api/v1/namespaces/ns/pods/p6/status");
}

#[tokio::test(start_paused = true)]
async fn it_is_tried_again_a_few_times() {
    let bench =
        Bench::new(|seen| if seen.path.contains("/a/") { status(500, "words") } else { ok(seen) });
    bench.push([patch("a", "m")]);
    let tries = PATCH_TRIES_MAX as usize;
    let seen = bench.fake.requests(tries).await;
    let times: Vec<_> = seen.iter().map(|seen| seen.at_ms).collect();
    assert_eq!(times, [0, 500, 1_500, 3_500]);
    let left = bench.writer.drain(NEVER).await;
    assert_eq!(left, Left::default());
    assert_eq!(bench.fake.seen().len(), tries);
    assert_eq!(bench.counters.patches_failed.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_try_again_gives_way_to_what_is_newer() {
    let mut first = true;
    let mut bench =
        Bench::new(
            move |seen| {
                if std::mem::take(&mut first) { status(503, "words") } else { ok(seen) }
            },
        );
    bench.push([patch("a", "old")]);
    bench.fake.requests(1).await;
    bench.push([bind(1, "a")]);
    bench.outcome().await;
    let left = bench.writer.drain(NEVER).await;
    assert_eq!(left, Left::default());
    assert_eq!(bench.fake.lines(), [STATUS_A, BINDING_A]);
}

#[tokio::test(start_paused = true)]
async fn a_binding_that_waits_takes_the_place_of_another_try() {
    let (script, gate) = hold_first(status(503, "words"));
    let mut bench = Bench::new(script);
    bench.push([patch("a", "old")]);
    bench.fake.requests(1).await;
    bench.push([bind(1, "a")]);
    gate.send(()).unwrap();
    bench.outcome().await;
    let left = bench.writer.drain(NEVER).await;
    assert_eq!(left, Left::default());
    assert_eq!(bench.fake.lines(), [STATUS_A, BINDING_A]);
    assert_eq!(bench.counters.patches_coalesced.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_it_by_answer() {
    let uid = "Precondition failed: UID in precondition: x, UID in object meta: y";
    let immutable = "metadata.uid: Invalid value: \"x\": field is immutable";
    // Requests that it takes, and patches counted as failed.
    let rows = [
        (200, "", 1, 0),
        (404, "pods \"a\" not found", 1, 0),
        (409, uid, 1, 0),
        (422, immutable, 1, 0),
        (422, "status.conditions: Invalid value", 1, 1),
        (403, "forbidden", 1, 1),
        (409, "the object has been modified", PATCH_TRIES_MAX as usize, 1),
        (429, "slow down", PATCH_TRIES_MAX as usize, 1),
    ];
    for (code, message, requests, failures) in rows {
        let bench = Bench::new(move |_| status(code, message));
        bench.push([patch("a", "m")]);
        bench.fake.requests(1).await;
        assert_eq!(bench.writer.drain(NEVER).await, Left::default());
        assert_eq!(bench.fake.seen().len(), requests, "{code} {message}");
        assert_eq!(bench.counters.patches_failed.get(), failures, "{code} {message}");
    }
}
