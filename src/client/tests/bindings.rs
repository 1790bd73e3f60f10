//! Bindings: the request, every outcome, lanes, slots, the rate limit.

use super::*;

/// What comes of one Binding of pod "a", if `script` answers it.
async fn outcome_of(script: impl FnMut(&Seen) -> Reply + Send + 'static) -> BindOutcome {
    let mut bench = Bench::new(script);
    bench.push([bind(1, "a")]);
    let (attempt, outcome) = bench.outcome().await;
    assert_eq!(attempt, 1);
    outcome
}

fn refused(message: &str) -> BindOutcome {
    BindOutcome::Refused { message: message.into() }
}

fn unknown(message: &str, retry_after: Option<Nanos>) -> BindOutcome {
    BindOutcome::Unknown { message: message.into(), retry_after }
}

#[tokio::test(start_paused = true)]
async fn the_request_is_upstreams() {
    let mut bench = Bench::new(ok);
    bench.push([bind(1, "a")]);
    assert_eq!(bench.outcome().await, (1, BindOutcome::Bound));
    let seen = bench.fake.seen();
    assert_eq!(bench.fake.lines(), ["POST /api/v1/namespaces/ns/pods/a/binding"]);
    assert_eq!(seen[0].content_type, "application/json");
    let want = json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": {"namespace": "ns", "name": "a", "uid": "uid-a"},
        "target": {"kind": "Node", "name": "n1"},
    });
    assert_eq!(seen[0].body, want);
}

#[tokio::test(start_paused = true)]
async fn outcomes_by_status_code() {
    let rows = [
        (200, BindOutcome::Bound),
        (201, BindOutcome::Bound),
        (400, refused("words")),
        (401, unknown("words", None)),
        (403, refused("words")),
        (404, BindOutcome::Gone),
        (405, refused("words")),
        (422, refused("words")),
        (429, unknown("words", None)),
        (500, unknown("words", None)),
        (503, unknown("words", None)),
        (504, unknown("words", None)),
    ];
    for (code, want) in rows {
        assert_eq!(outcome_of(move |_| status(code, "words")).await, want, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_asked_for_is_passed_on() {
    let reply = |_: &Seen| {
        let body = status_body(429, "slow down").to_string();
        Reply::Answer(429, vec![("retry-after", "7")], body)
    };
    assert_eq!(outcome_of(reply).await, unknown("slow down", Some(Nanos::from_secs(7))));
}

#[tokio::test(start_paused = true)]
async fn refusals_that_will_pass_are_unknown() {
    let starting = "pods \"a\" is forbidden: not yet ready to handle request";
    assert_eq!(outcome_of(move |_| status(403, starting)).await, unknown(starting, None));
    let proxy = |_: &Seen| Reply::Answer(404, Vec::new(), "no such route".into());
    assert_eq!(outcome_of(proxy).await, unknown("404 Not Found no such route", None));
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_unknown_after_the_timeout() {
    let mut bench = Bench::new(|_| Reply::Never);
    let start = Instant::now();
    bench.push([bind(1, "a")]);
    assert_eq!(bench.outcome().await.1, unknown("no answer within 5 s", None));
    assert_eq!(start.elapsed().as_secs(), 5);

    let broken = outcome_of(|_| Reply::Broken).await;
    let BindOutcome::Unknown { message, .. } = broken else { panic!("{broken:?}") };
    assert!(message.contains("connection reset by peer"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_body_never_ends_is_an_answer() {
    assert_eq!(outcome_of(|_| Reply::Lines(vec![json!({})])).await, BindOutcome::Bound);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_told_apart_by_reading_the_pod() {
    let gated = json!({"schedulingGates": [{"name": "g"}]});
    let not_now = BindOutcome::NotNow { message: "conflict".into() };
    let elsewhere = BindOutcome::BoundElsewhere { node: "n2".into() };
    let deleted = "2026-08-01T16:00:00Z";
    let rows = [
        ("uid-a", Value::Null, json!({"nodeName": "n1"}), BindOutcome::Bound),
        ("uid-a", json!(deleted), json!({"nodeName": "n1"}), BindOutcome::Bound),
        ("uid-a", Value::Null, json!({"nodeName": "n2"}), elsewhere),
        ("uid-b", Value::Null, json!({"nodeName": "n1"}), BindOutcome::Gone),
        ("uid-a", json!(deleted), json!({}), not_now.clone()),
        ("uid-a", Value::Null, gated, not_now),
        ("uid-a", Value::Null, json!({}), unknown("conflict", None)),
    ];
    for (uid, deletion, spec, want) in rows {
        let mut metadata = json!({"uid": uid, "name": "a"});
        if !deletion.is_null() {
            metadata["deletionTimestamp"] = deletion;
        }
        let pod = json!({"kind": "Pod", "metadata": metadata, "spec": spec});
        let text = pod.to_string();
        let script = move |seen: &Seen| match seen.method.as_str() {
            "POST" => status(409, "conflict"),
            _ => Reply::json(200, &pod),
        };
        assert_eq!(outcome_of(script).await, want, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_whose_pod_cannot_be_read() {
    let script = |code| {
        move |seen: &Seen| match seen.method.as_str() {
            "POST" => status(409, "conflict"),
            _ => status(code, "words"),
        }
    };
    assert_eq!(outcome_of(script(404)).await, BindOutcome::Gone);
    let unread = "conflict; then the pod could not be read: words";
    assert_eq!(outcome_of(script(500)).await, unknown(unread, None));
    assert_eq!(outcome_of(script(403)).await, unknown(unread, None));
}

#[tokio::test(start_paused = true)]
async fn no_more_in_flight_than_the_limit_and_none_is_lost() {
    use super::super::task::BINDINGS_IN_FLIGHT_MAX;
    let total = 3 * BINDINGS_IN_FLIGHT_MAX;
    let (gates, mut opened) = mpsc::unbounded_channel();
    let mut bench = Bench::new(move |seen| {
        let (reply, gate) = Reply::held(ok(seen));
        gates.send(gate).unwrap();
        reply
    });
    bench.push((0..total).map(|i| bind(i as u64, &format!("p{i}"))));
    bench.fake.requests(BINDINGS_IN_FLIGHT_MAX).await;
    for done in 1..=total {
        let gate = opened.recv().await.unwrap();
        assert!(bench.fake.seen().len() < done + BINDINGS_IN_FLIGHT_MAX);
        gate.send(()).unwrap();
        assert_eq!(bench.outcome().await.1, BindOutcome::Bound);
    }
}

#[tokio::test(start_paused = true)]
async fn the_rate_limit_holds_on_the_clock() {
    let limit = RateLimit { qps: Some(10.0), burst: 2 };
    let bench = Bench::limited(limit, RateLimit::NONE, ok);
    bench.push((1..=5).map(|i| bind(i, &format!("p{i}"))));
    bench.push([scheduled("p1")]);
    let seen = bench.fake.requests(6).await;
    let bindings = seen.iter().filter(|seen| seen.path.ends_with("/binding"));
    let times: Vec<_> = bindings.map(|seen| seen.at_ms).collect();
    assert_eq!(times, [0, 0, 100, 200, 300]);
    // Events have a limit of their own, here none.
    let event = seen.iter().find(|seen| seen.path.ends_with("/events")).unwrap();
    assert_eq!(event.at_ms, 0);
}

#[tokio::test(start_paused = true)]
async fn patches_get_their_share_of_the_rate_limit() {
    let limit = RateLimit { qps: Some(1_000.0), burst: 1 };
    let bench = Bench::limited(limit, RateLimit::NONE, ok);
    bench.push((0..32).map(|i| bind(i, &format!("p{i}"))).chain([patch("x", "m")]));
    let seen = bench.fake.requests(33).await;
    let place = seen.iter().position(|seen| seen.method == "PATCH").unwrap();
    assert!((1..=8).contains(&place), "the patch was number {place}");
}

#[tokio::test(start_paused = true)]
async fn a_full_channel_stops_neither_patches_nor_events() {
    // 64 outcomes fit; nobody takes them.
    let bench = Bench::new(ok);
    bench.push((0..200).map(|i| bind(i, &format!("p{i}"))));
    bench.fake.requests(64 + 32).await;
    bench.push([patch("x", "m"), scheduled("y")]);
    let seen = bench.fake.requests(64 + 32 + 2).await;
    assert_eq!(seen.iter().filter(|seen| seen.path.ends_with("/binding")).count(), 64 + 32);
}
