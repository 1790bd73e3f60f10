//! A burst: many pods within seconds. The watch is never further ahead of the engine than its channel is long.

use std::sync::atomic::{AtomicU32, Ordering};

use super::watches::{Watch, change, list, running_pod, verb};
use super::*;

use crate::engine::Kind;

/// Pods of the burst, and how long it lasts.
const PODS: u32 = 20_000;
const LASTS: Duration = Duration::from_secs(10);

/// As many as the channel takes, plus what is on its way: a line that is sent, one that is read and one that
/// is turned into an event.
const PLACES: u32 = 64;
const ON_THEIR_WAY: u32 = 3;

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_and_no_more_is_kept_than_the_channel_takes() {
    let sent = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&sent);
    let mut watch = Watch::ahead(PLACES as usize, Kind::Pod, move |seen| match verb(seen) {
        "watch" if seen.path.contains("resourceVersion=10&") || seen.path.ends_with("=10") => {
            let counted = Arc::clone(&counted);
            Reply::Recorded(Box::new((0..PODS).map(move |at| {
                counted.fetch_add(1, Ordering::Relaxed);
                change("ADDED", &running_pod(&format!("p{at}"), 11 + at))
            })))
        }
        "watch" => Reply::Never,
        _ => list(10, &[]),
    });
    watch.events(2).await;
    let (started, mut most) = (Instant::now(), 0);
    for at in 0..PODS {
        let event = timeout(NEVER, watch.events.recv()).await.expect("no event came");
        let Some(Event::PodUpsert(pod)) = event else { panic!("{event:?} is no pod") };
        assert_eq!(*pod.key.name, *format!("p{at}"), "each once, in order");
        most = most.max(sent.load(Ordering::Relaxed) - at);
        // An engine that needs the whole time for them.
        if at % 100 == 0 {
            tokio::time::sleep(LASTS / (PODS / 100)).await;
        }
    }
    assert!(started.elapsed() >= LASTS, "it was as slow as meant");
    assert!(most > PLACES / 2, "the watch ran ahead: {most}");
    assert!(most <= PLACES + ON_THEIR_WAY, "{most} pods were read ahead");
    assert_eq!(watch.counters.objects_undecodable.get(), 0);
    assert_eq!(watch.counters.watch_errors.get(), 0);
}
