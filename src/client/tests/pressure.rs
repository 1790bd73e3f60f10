//! Much of everything at once and a low rate: bindings go on, and nothing else waits for ever.

use super::super::lanes::{EVENTS_QUEUED_MAX, PATCHES_QUEUED_MAX};
use super::super::task::BINDINGS_PER_PATCH;
use super::*;

const BINDINGS: u32 = 800;
const QPS: u32 = 50;

fn is_binding(seen: &Seen) -> bool {
    seen.path.ends_with("/binding")
}

fn is_patch(seen: &Seen) -> bool {
    seen.path.ends_with("/status")
}

#[tokio::test(start_paused = true)]
async fn bindings_keep_their_rate_beside_full_queues_and_patches_have_their_share() {
    let limit = RateLimit { qps: Some(f64::from(QPS)), burst: 1 };
    let mut bench = Bench::limited(limit, limit, ok);
    bench.push((0..PATCHES_QUEUED_MAX).map(|at| patch(&format!("waits-{at}"), "full")));
    bench.push((0..EVENTS_QUEUED_MAX).map(|at| failed(&format!("waits-{at}"), "full")));
    bench.push((0..BINDINGS).map(|at| bind(u64::from(at), &format!("new-{at}"))));
    for at in 0..BINDINGS {
        assert_eq!(bench.outcome().await, (u64::from(at), BindOutcome::Bound), "in their order");
    }
    let seen = bench.fake.seen();
    let last = seen.iter().rposition(is_binding).unwrap();
    let patches = seen[..last].iter().filter(|seen| is_patch(seen)).count();
    let share = (BINDINGS / BINDINGS_PER_PATCH) as usize;
    assert!(patches.abs_diff(share) <= 1, "{patches} patches, one for each 8 bindings");
    // The rate is used up: nobody but those patches took anything from the bindings.
    let all = u128::from(BINDINGS) + patches as u128;
    assert_eq!(seen[last].at_ms, (all - 1) * 1000 / u128::from(QPS));
    let events = seen[..last].iter().filter(|seen| !is_binding(seen) && !is_patch(seen)).count();
    assert!(events.abs_diff(BINDINGS as usize + patches) <= 1, "{events} events at their own rate");
    assert_eq!(bench.counters.patches_dropped.get() + bench.counters.events_dropped.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn evictions_do_not_starve_patches_either() {
    let limit = RateLimit { qps: Some(f64::from(QPS)), burst: 1 };
    let bench = Bench::limited(limit, limit, ok);
    let eviction = |at: u32| {
        let pod = pod(&format!("victim-{at}"));
        Effect::Evict(Eviction { pod, message: None, observed_generation: 0 })
    };
    bench.push((0..100).map(eviction));
    bench.push([patch("waits", "full")]);
    let seen = bench.fake.requests(20).await;
    let at = seen.iter().position(is_patch);
    assert!(at.is_some_and(|at| at <= BINDINGS_PER_PATCH as usize), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_on_a_node_gets_no_condition() {
    let withdraw = |name: &str| Effect::Withdraw { uid: pod(name).uid };
    // One that is queued.
    let limit = RateLimit { qps: Some(1.0), burst: 1 };
    let bench = Bench::limited(limit, limit, ok);
    bench.push([patch("first", "m"), patch("bound", "m"), patch("other", "m")]);
    bench.push([withdraw("bound"), withdraw("unknown")]);
    let paths: Vec<_> = bench.fake.requests(2).await.into_iter().map(|seen| seen.path).collect();
    assert!(paths[0].contains("/first/") && paths[1].contains("/other/"), "{paths:?}");
    assert_eq!(bench.counters.patches_coalesced.get(), 1);
    // One that is on its way, and would be tried again.
    let (held, gate) = Reply::held(status(503, "words"));
    let mut held = Some(held);
    let bench = Bench::new(move |seen| held.take().unwrap_or_else(|| ok(seen)));
    bench.push([patch("bound", "m")]);
    bench.fake.requests(1).await;
    bench.push([withdraw("bound")]);
    gate.send(()).unwrap();
    // A later one of the same pod, as of one that came back, is written again.
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(bench.fake.seen().len(), 1, "it is not tried again");
    bench.push([patch("bound", "later")]);
    let seen = bench.fake.requests(2).await;
    assert_eq!(seen[1].body["status"]["conditions"][0]["message"], "later");
}
