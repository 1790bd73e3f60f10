//! A burst of pods over the watch of a `berth run` at work, fed by `berth apiserver`: the reader keeps up, what is
//! kept for a while stays within its limits, and so does the memory.

mod support;

use futures::{StreamExt, stream};
use tokio::time::Instant;

use support::accounts;
use support::berth::Berth;
use support::control_plane::{ControlPlane, Server};
use support::endpoint::{Endpoint, plain_of};
use support::plain::{bound, node, pod};
use support::rest::{NODES, Rest, pods_path};
use support::say;

/// Pods created at the same time.
const CREATED_AT_ONCE: usize = 64;
/// Pods for each node; it has room for a tenth more.
const PODS_A_NODE: usize = 100;
/// Changes at most that are kept for pods that are being tried.
const IN_FLIGHT_EVENTS_MAX: u64 = 4096;
/// What berth may have in memory at most, with 20,000 pods.
const MEMORY_MAX_KIB: u64 = 128 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_pods() {
    burst("five_thousand_pods", 5_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_pods() {
    let test = "twenty_thousand_pods";
    // Takes a minute.
    if std::env::var_os("BERTH_FULL").is_none() {
        say(&format!("{test}: left out without BERTH_FULL"));
        return;
    }
    burst(test, 20_000).await;
}

/// Has so many pods created as fast as the API server takes them, and waits until all are on nodes.
async fn burst(test: &str, pods: usize) {
    let plane = ControlPlane::start_on(Server::Embedded, test).await;
    let plane = plane.expect("berth's own needs nothing");
    let rest = Rest(plane.client().await);
    let create = async |i: usize| drop(rest.create(NODES, &node(&format!("n{i}"), "64")).await);
    let nodes = stream::iter(0..pods.div_ceil(PODS_A_NODE));
    nodes.for_each_concurrent(CREATED_AT_ONCE, create).await;
    let flags = ["--http-address", "127.0.0.1:0", "--kube-api-qps=-1"];
    let berth = Berth::start(&plane.kubeconfig(), "berth", &flags);
    let endpoint = plain_of(&berth).await;
    let ready = async || endpoint.get("/readyz").await.filter(|(status, _)| *status == 200);
    berth.wait_for("readiness", ready).await;

    let (start, path) = (Instant::now(), pods_path("default"));
    let creation = async {
        let create = async |i: usize| {
            drop(rest.create(&path, &pod(&format!("p{i}"), "berth", "100m")).await);
        };
        stream::iter(0..pods).for_each_concurrent(CREATED_AT_ONCE, create).await;
        start.elapsed()
    };
    let placement = async {
        // Looked at all the while.
        let all_are_placed = async || {
            let said = Said::by(&endpoint).await;
            let kept = said.sum("scheduler_inflight_events");
            assert!(kept.is_none_or(|kept| kept <= IN_FLIGHT_EVENTS_MAX), "{kept:?} are kept");
            let placed = "scheduler_schedule_attempts_total{result=\"scheduled\"";
            (said.sum(placed) == Some(pods as u64)).then_some(())
        };
        berth.wait_for("all pods on nodes", all_are_placed).await;
        start.elapsed()
    };
    let (created, placed) = tokio::join!(creation, placement);
    let all_are_seen = async || (bound(&rest).await.len() == pods).then_some(());
    berth.wait_for("all Bindings", all_are_seen).await;
    // A full queue of events drops some, and says how many.
    let are_told = async || {
        let dropped = Said::by(&endpoint).await.sum("berth_events_dropped_total")?;
        let events = rest.events("default").await;
        let scheduled = events.iter().filter(|event| event["reason"] == "Scheduled").count();
        (scheduled as u64 + dropped == pods as u64).then_some(dropped)
    };
    let dropped = berth.wait_for("the events of all that were not dropped", are_told).await;
    let said = Said::by(&endpoint).await;
    for never in ["berth_watch_errors_total", "berth_objects_undecodable_total"] {
        assert_eq!(said.sum(never), Some(0), "{never}");
    }
    let memory = berth.peak_memory_kib();
    berth.stop().await;
    assert_eq!(accounts::overfull(&rest.list(NODES, "Node").await, &bound(&rest).await), [""; 0]);
    say(&format!(
        "{test}: created in {created:.1?}, placed after {placed:.1?}, {memory} KiB, {dropped} events \
         dropped"
    ));
    assert!(memory <= MEMORY_MAX_KIB, "{memory} KiB");
}

/// What `/metrics` says.
struct Said(String);

impl Said {
    async fn by(endpoint: &Endpoint) -> Self {
        Self(endpoint.get("/metrics").await.expect("there is an answer").1)
    }

    /// All samples together whose line begins so, if there are any.
    fn sum(&self, beginning: &str) -> Option<u64> {
        let lines = self.0.lines().filter(|line| line.starts_with(beginning));
        let value = |line: &str| -> u64 {
            let (_, value) = line.rsplit_once(' ').expect("a sample has a value");
            value.parse().expect("a value is a number")
        };
        let values: Vec<u64> = lines.map(value).collect();
        (!values.is_empty()).then(|| values.into_iter().sum())
    }
}
