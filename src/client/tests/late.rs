//! Late decisions: nothing is decided long before the rate limit lets it go, what is not sent is taken back,
//! and pods that ended early are asked about.

use crate::engine::{Inquiry, Refused};
use crate::framework::LostBy;

use super::*;

/// One request a second, none saved up.
const SLOW: RateLimit = RateLimit { qps: Some(1.0), burst: 1 };

#[tokio::test(start_paused = true)]
async fn one_binding_at_most_waits_for_the_rate_limit() {
    let mut bench = Bench::limited(SLOW, RateLimit::NONE, ok);
    assert!(bench.outbox.may_decide(0));
    bench.push([bind(1, "a")]);
    assert_eq!(bench.outcome().await, (1, BindOutcome::Bound));
    assert!(bench.outbox.may_decide(0), "none waits");
    bench.push([bind(2, "b")]);
    assert!(!bench.outbox.may_decide(0));
    // The engine is woken as the next one goes.
    let woken = timeout(NEVER, bench.results.recv()).await.expect("it is woken");
    assert!(matches!(woken, Some(Event::Tick)), "{woken:?}");
    assert_eq!(bench.outcome().await, (2, BindOutcome::Bound));
    assert!(bench.outbox.may_decide(0));
}

#[tokio::test(start_paused = true)]
async fn a_high_limit_is_in_nobodys_way() {
    let fast = RateLimit { qps: Some(5000.0), burst: 5000 };
    for limit in [fast, RateLimit::NONE] {
        let bench = Bench::limited(limit, RateLimit::NONE, ok);
        assert!(bench.outbox.may_decide(1000));
    }
}

#[tokio::test(start_paused = true)]
async fn a_binding_is_taken_back_unless_it_is_sent() {
    let mut bench = Bench::limited(SLOW, RateLimit::NONE, ok);
    bench.push([bind(1, "a")]);
    assert_eq!(bench.outcome().await, (1, BindOutcome::Bound));
    let retract = |attempt| Effect::Retract { attempt: AttemptId(attempt) };
    bench.push([retract(1), bind(2, "b"), bind(3, "c"), retract(2)]);
    assert_eq!(bench.outbox.take_retracted(), [AttemptId(2)]);
    assert_eq!(bench.outbox.take_retracted(), []);
    assert_eq!(bench.outcome().await, (3, BindOutcome::Bound));
    // The lane of its pod is free.
    bench.push([bind(4, "b")]);
    assert_eq!(bench.outcome().await, (4, BindOutcome::Bound));
    let sent = ["a", "c", "b"].map(|pod| format!("POST /api/v1/namespaces/ns/pods/{pod}/binding"));
    assert_eq!(bench.fake.lines(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_ended_early_is_read_until_there_is_an_answer() {
    let mut tries = 0;
    let mut bench = Bench::new(move |_| {
        tries += 1;
        match tries {
            1 => status(503, "words"),
            _ => Reply::json(
                200,
                &json!({
                    "metadata": {"uid": "uid-a"},
                    "status": {"phase": "Failed", "reason": "OutOfcpu"},
                }),
            ),
        }
    });
    let inquiry = Inquiry { pod: pod("a"), node: "n1".into(), lost_by: LostBy::Own };
    bench.push([Effect::Inquire(inquiry.clone())]);
    let told = timeout(NEVER, bench.results.recv()).await.expect("it is told");
    let Some(Event::Refused(Refused { inquiry: about, reason })) = told else { panic!("{told:?}") };
    assert_eq!((about, &*reason), (inquiry, "OutOfcpu"));
    assert_eq!(bench.fake.lines(), ["GET /api/v1/namespaces/ns/pods/a"; 2]);
    assert_eq!(bench.counters.inquiries_failed.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_never_answered_is_counted() {
    let bench = Bench::new(|_| status(403, "words"));
    let inquiry = Inquiry { pod: pod("a"), node: "n1".into(), lost_by: LostBy::Own };
    bench.push([Effect::Inquire(inquiry)]);
    while bench.counters.inquiries_failed.get() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(bench.fake.lines().len(), 1);
}
