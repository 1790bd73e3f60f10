//! The end of the writer, and the outbox before it.

use crate::engine::NoticeLevel;

use super::super::Left;
use super::super::task::SETTLE_AFTER;
use super::*;

#[tokio::test(start_paused = true)]
async fn what_is_no_request_stays_with_the_caller() {
    let mut bench = Bench::new(ok);
    let notice = Effect::Notice { level: NoticeLevel::Info, pod: None, message: "m".into() };
    let mut effects = vec![notice.clone(), bind(1, "a"), scheduled("a")];
    bench.outbox.push(&mut effects);
    assert_eq!(effects, [notice]);
    bench.outcome().await;
    bench.fake.requests(2).await;
}

#[tokio::test(start_paused = true)]
async fn everything_is_written_before_the_end() {
    let start = Instant::now();
    let mut bench = Bench::new(ok);
    bench.push((0..100).flat_map(|i| [bind(i, &format!("p{i}")), scheduled(&format!("p{i}"))]));
    bench.push((0..100).map(|i| patch(&format!("q{i}"), "m")));
    let results = tokio::spawn(async move {
        let mut count = 0;
        while bench.results.recv().await.is_some() {
            count += 1;
        }
        count
    });
    assert_eq!(bench.writer.drain(NEVER).await, Left::default());
    assert_eq!(results.await.unwrap(), 100);
    assert_eq!(bench.fake.seen().len(), 300);
    // Nothing was waited for but what the engine might make of the last outcome.
    assert_eq!(start.elapsed(), Duration::from_nanos(SETTLE_AFTER.0));
}

#[tokio::test(start_paused = true)]
async fn what_the_engine_makes_of_the_last_outcome_is_written() {
    let mut bench = Bench::new(ok);
    bench.push([bind(1, "a")]);
    let outbox = Arc::clone(&bench.outbox);
    let engine = async {
        bench.results.recv().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        outbox.push(&mut vec![scheduled("a")]);
    };
    let (left, ()) = tokio::join!(bench.writer.drain(NEVER), engine);
    assert_eq!(left, Left::default());
    assert_eq!(bench.fake.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn bindings_that_come_while_it_ends_are_carried_out() {
    let mut bench = Bench::new(|seen| match seen.at_ms {
        0 => status(503, "words"),
        _ => accepted(),
    });
    bench.push([bind(1, "a"), failed("a", "m")]);
    let outbox = Arc::clone(&bench.outbox);
    let engine = async {
        // The event is tried again after a second, so the writer has not ended then.
        let first = bench.results.recv().await;
        assert!(matches!(first, Some(Event::BindResult { .. })));
        tokio::time::sleep(Duration::from_millis(500)).await;
        outbox.push(&mut vec![bind(1, "a")]);
        bench.results.recv().await
    };
    let (left, second) = tokio::join!(bench.writer.drain(NEVER), engine);
    assert_eq!(left, Left::default());
    let Some(Event::BindResult { outcome, .. }) = second else { panic!("{second:?}") };
    assert_eq!(outcome, BindOutcome::Bound);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_deadline_is_counted() {
    let start = Instant::now();
    let bench = Bench::new(|_| Reply::Never);
    // A request that is never answered lasts 5 s, the deadline comes first.
    bench.push((0..40).map(|i| bind(i, &format!("p{i}"))));
    bench.push((0..30).map(|i| scheduled(&format!("p{i}"))));
    bench.push((0..20).map(|i| patch(&format!("q{i}"), "m")));
    let left = bench.writer.drain(Duration::from_secs(3)).await;
    assert_eq!(left, Left { bindings: 40, evictions: 0, pre_binds: 0, patches: 20, events: 30 });
    assert_eq!(start.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_do_ends_at_once() {
    let start = Instant::now();
    let bench = Bench::new(ok);
    assert_eq!(bench.writer.drain(NEVER).await, Left::default());
    assert_eq!(start.elapsed(), Duration::ZERO);
}
