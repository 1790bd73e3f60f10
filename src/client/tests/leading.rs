//! Leader election and the writer together, on the virtual clock.

use super::super::{Candidacy, LeaderElection, Times};
use super::*;

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/ns/leases";
/// From then on the API server is silent, in milliseconds.
const SILENT_FROM_MS: u128 = 19_000;
/// When the last renewal before that was sent, plus the renew deadline.
const LOST_AT: Duration = Duration::from_secs(18 + 10);

/// A candidate and a writer that asks whether it leads.
fn candidate(
    script: impl FnMut(&Seen) -> Reply + Send + 'static,
) -> (Bench, Candidacy, Arc<Standing>) {
    let mut bench = Bench::new(script);
    let standing = Arc::new(Standing::standby());
    let (sender, results) = mpsc::channel(64);
    let options = WriterOptions {
        hostname: "host".into(),
        requests: RateLimit::NONE,
        events: RateLimit::NONE,
        within: Duration::from_millis(4_500),
        standing: Arc::clone(&standing),
    };
    let (client, counters) = (bench.fake.client(), Arc::clone(&bench.counters));
    bench.writer = Writer::start(client.clone(), options, clock(), sender, counters);
    bench.outbox = bench.writer.outbox();
    bench.results = results;
    let election = LeaderElection {
        namespace: "ns".to_owned(),
        name: "berth".to_owned(),
        identity: "host_uuid".to_owned(),
        times: Times {
            lease_duration: Nanos::from_secs(15),
            renew_deadline: Nanos::from_secs(10),
            retry_period: Nanos::from_secs(2),
        },
        write_within: Duration::from_millis(4_500),
        reporter: "berth".to_owned(),
        host: "host".to_owned(),
    };
    let candidacy = Candidacy::start(client, election, clock(), Arc::clone(&standing));
    (bench, candidacy, standing)
}

/// An API server without a Lease at first, which keeps the one that is written.
fn server() -> impl FnMut(&Seen) -> Reply + Send + 'static {
    let mut lease = None;
    move |seen| {
        if !seen.path.starts_with(LEASES) {
            return accepted();
        }
        if seen.method != "GET" {
            lease = Some(seen.body.clone());
        }
        match &lease {
            Some(lease) => Reply::json(200, lease),
            None => status(404, "leases \"berth\" not found"),
        }
    }
}

fn holder(seen: &Seen) -> Option<&str> {
    seen.body["spec"]["holderIdentity"].as_str()
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_stops_writing_at_the_deadline() {
    let start = Instant::now();
    let mut healthy = server();
    let (mut bench, _candidacy, standing) =
        candidate(
            move |seen| {
                if seen.at_ms >= SILENT_FROM_MS { Reply::Never } else { healthy(seen) }
            },
        );
    standing.leading().await;
    bench.push([bind(1, "a")]);
    assert_eq!(bench.outcome().await, (1, BindOutcome::Bound));
    tokio::time::sleep(Duration::from_secs(20)).await;
    bench.push([bind(2, "b")]);
    let (2, BindOutcome::Unknown { message, .. }) = bench.outcome().await else {
        panic!("nobody answers it")
    };
    assert_eq!(message, "no answer within 4.5 s");
    assert_eq!(standing.lost().await, "it was not renewed within the renew deadline");
    assert_eq!(start.elapsed(), LOST_AT);
    let before = bench.fake.seen().len();
    bench.push([bind(3, "c"), patch("d", "m"), scheduled("a")]);
    let left = bench.writer.drain(Duration::from_mins(1)).await;
    assert_eq!((left.bindings, left.patches, left.events), (1, 1, 1));
    assert_eq!(bench.fake.seen().len(), before, "{:?}", bench.fake.lines());
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_cut_off() {
    let mut healthy = server();
    let (bench, _candidacy, standing) =
        candidate(
            move |seen| {
                if seen.path.ends_with("/binding") { Reply::Never } else { healthy(seen) }
            },
        );
    standing.leading().await;
    bench.push([bind(1, "a")]);
    let asks = |seen: &Seen| seen.path.ends_with("/binding");
    while !bench.fake.seen().iter().any(asks) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let outbox = Arc::downgrade(&bench.outbox);
    drop(bench.outbox);
    bench.writer.cut().await;
    assert!(outbox.upgrade().is_none(), "something of the writer goes on");
}

#[tokio::test(start_paused = true)]
async fn who_resigns_leaves_the_lease_to_others() {
    let start = Instant::now();
    let (bench, candidacy, standing) = candidate(server());
    standing.leading().await;
    candidacy.resign(NEVER).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    let mut seen = bench.fake.seen();
    let last = seen.last().expect("something was asked");
    assert_eq!(last.body["note"], "host_uuid stopped leading");
    seen.retain(|seen| seen.path.starts_with(LEASES));
    let methods: Vec<_> = seen.iter().map(|seen| seen.method.as_str()).collect();
    assert_eq!(methods, ["GET", "POST", "GET", "PUT"]);
    assert_eq!([holder(&seen[1]), holder(&seen[3])], [Some("host_uuid"), Some("")]);
    assert_eq!(seen[3].body["spec"]["leaseDurationSeconds"], 1);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_has_nothing_to_give_up() {
    let record = json!({
        "spec": {"holderIdentity": "other", "leaseDurationSeconds": 15, "renewTime": "t"},
    });
    let (bench, candidacy, standing) = candidate(move |_| Reply::json(200, &record));
    bench.fake.requests(3).await;
    candidacy.resign(NEVER).await;
    assert!(!standing.leads());
    assert!(bench.fake.seen().iter().all(|seen| seen.method == "GET"), "{:?}", bench.fake.lines());
}
