//! The metrics of `berth run` on both API servers: what is counted is what happened.

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use support::berth::Berth;
use support::control_plane::{ControlPlane, Server};
use support::endpoint::{Endpoint, plain_of};
use support::on_both_servers;
use support::plain::{self, node};
use support::rest::{NODES, Rest, node_of, pods_path, scheduled_condition};

const PLAIN: [&str; 2] = ["--http-address", "127.0.0.1:0"];

/// After three pods were bound, one fits nowhere and one is gated.
const SETTLED: [(&str, f64); 19] = [
    (r#"scheduler_schedule_attempts_total{result="scheduled",profile="s"}"#, 3.0),
    (r#"scheduler_schedule_attempts_total{result="unschedulable",profile="s"}"#, 1.0),
    (r#"scheduler_schedule_attempts_total{result="error",profile="s"}"#, 0.0),
    (r#"scheduler_scheduling_attempt_duration_seconds_count{result="scheduled",profile="s"}"#, 3.0),
    ("scheduler_scheduling_algorithm_duration_seconds_count", 4.0),
    (r#"scheduler_pod_scheduling_sli_duration_seconds_count{attempts="1"}"#, 3.0),
    ("scheduler_pod_scheduling_attempts_count", 3.0),
    (r#"scheduler_pending_pods{queue="active"}"#, 0.0),
    (r#"scheduler_pending_pods{queue="unschedulable"}"#, 1.0),
    (r#"scheduler_pending_pods{queue="gated"}"#, 1.0),
    (r#"scheduler_queue_incoming_pods_total{queue="active",event="UnscheduledPodAdd"}"#, 4.0),
    (
        r#"scheduler_queue_incoming_pods_total{queue="unschedulable",event="UnscheduledPodAdd"}"#,
        1.0,
    ),
    (
        r#"scheduler_queue_incoming_pods_total{queue="unschedulable",event="ScheduleAttemptFailure"}"#,
        1.0,
    ),
    (
        r#"scheduler_framework_extension_point_duration_seconds_count{extension_point="Filter",status="Success",profile="s"}"#,
        4.0,
    ),
    (
        r#"scheduler_framework_extension_point_duration_seconds_count{extension_point="PostFilter",status="Unschedulable",profile="s"}"#,
        1.0,
    ),
    (r#"scheduler_cache_size{type="nodes"}"#, 2.0),
    (r#"scheduler_cache_size{type="pods"}"#, 3.0),
    (r#"scheduler_cache_size{type="assumed_pods"}"#, 0.0),
    ("berth_objects_undecodable_total", 0.0),
];

fn pod(name: &str, cpu: &str) -> Value {
    plain::pod(name, "s", cpu)
}

/// Every sample by its name with labels.
async fn scrape(endpoint: &Endpoint) -> BTreeMap<String, f64> {
    let (status, text) = endpoint.get("/metrics").await.expect("there is an answer");
    assert_eq!(status, 200, "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
        (name.to_owned(), value.parse().expect("a value is a number"))
    };
    samples.map(sample).collect()
}

/// Waits until these samples have these values.
async fn expect(berth: &Berth, endpoint: &Endpoint, want: &[(&str, f64)]) {
    let look = async || {
        let samples = scrape(endpoint).await;
        let is = |(name, value): &(&str, f64)| {
            samples.get(*name).is_some_and(|found| (found - value).abs() < 1e-9)
        };
        want.iter().all(is).then_some(())
    };
    berth.wait_for(&format!("{want:?}"), look).await;
}

on_both_servers! {
    what_is_counted_is_what_happened,
    a_dry_run_counts_what_it_would_do_and_how_that_compares,
}

async fn what_is_counted_is_what_happened(server: Server) {
    let Some(plane) = ControlPlane::start_on(server, "what_is_counted_is_what_happened").await
    else {
        return;
    };
    let rest = Rest(plane.client().await);
    rest.create(NODES, &node("n1", "4")).await;
    rest.create(NODES, &node("n2", "4")).await;
    let berth = Berth::start(&plane.kubeconfig(), "s", &PLAIN);
    let endpoint = plain_of(&berth).await;
    let pods = pods_path("default");
    for name in ["a", "b", "c"] {
        rest.create(&pods, &pod(name, "1")).await;
    }
    rest.create(&pods, &pod("big", "5")).await;
    let mut gated = pod("gated", "1");
    gated["spec"]["schedulingGates"] = json!([{"name": "example.com/wait"}]);
    rest.create(&pods, &gated).await;
    let mut foreign = pod("foreign", "1");
    foreign["spec"]["schedulerName"] = json!("somebody-else");
    rest.create(&pods, &foreign).await;

    expect(&berth, &endpoint, &SETTLED).await;
    let samples = scrape(&endpoint).await;
    assert!(samples["process_resident_memory_bytes"] > 1e6, "{samples:?}");
    assert!(samples["process_cpu_seconds_total"] >= 0.0, "{samples:?}");

    // What helps the big pod is counted by its event; the gated one moves once its gate is gone.
    rest.create(NODES, &node("n3", "8")).await;
    rest.patch(&format!("{pods}/gated"), &json!({"spec": {"schedulingGates": null}})).await;
    let all = [
        (r#"scheduler_schedule_attempts_total{result="scheduled",profile="s"}"#, 5.0),
        (r#"scheduler_pod_scheduling_sli_duration_seconds_count{attempts="2"}"#, 1.0),
        (r#"scheduler_pending_pods{queue="unschedulable"}"#, 0.0),
        (r#"scheduler_pending_pods{queue="gated"}"#, 0.0),
        (r#"scheduler_queue_incoming_pods_total{queue="backoff",event="NodeAdd"}"#, 1.0),
        (
            r#"scheduler_queue_incoming_pods_total{queue="active",event="TargetPodUpdatePodSchedulingGatesEliminated"}"#,
            1.0,
        ),
        (r#"scheduler_cache_size{type="pods"}"#, 5.0),
    ];
    expect(&berth, &endpoint, &all).await;
    berth.stop().await;
}

async fn a_dry_run_counts_what_it_would_do_and_how_that_compares(server: Server) {
    let test = "a_dry_run_counts_what_it_would_do_and_how_that_compares";
    let Some(plane) = ControlPlane::start_on(server, test).await else { return };
    let rest = Rest(plane.client().await);
    // The second node is full for berth's rules, yet somebody else binds to it.
    rest.create(NODES, &node("n1", "4")).await;
    rest.create(NODES, &node("n2", "1m")).await;
    let berth = Berth::start(&plane.kubeconfig(), "s", &[&PLAIN[..], &["--dry-run"]].concat());
    let endpoint = plain_of(&berth).await;
    let pods = pods_path("default");
    for (name, cpu) in [("a", "1"), ("b", "1"), ("big", "9")] {
        rest.create(&pods, &pod(name, cpu)).await;
    }
    let decided = [
        (r#"scheduler_schedule_attempts_total{result="scheduled",profile="s"}"#, 2.0),
        (r#"scheduler_schedule_attempts_total{result="unschedulable",profile="s"}"#, 1.0),
        (r#"berth_dry_run_pods_total{outcome="agreed"}"#, 0.0),
    ];
    expect(&berth, &endpoint, &decided).await;
    for name in ["a", "b", "big"] {
        let pod = rest.get(&format!("{pods}/{name}")).await.expect("it is there");
        assert!(node_of(&pod).is_none() && scheduled_condition(&pod).is_null(), "{pod}");
    }
    for (pod, node) in [("a", "n1"), ("b", "n2"), ("big", "n1")] {
        rest.bind("default", pod, node).await;
    }
    let compared = [
        (r#"berth_dry_run_pods_total{outcome="agreed"}"#, 1.0),
        (r#"berth_dry_run_pods_total{outcome="differed"}"#, 1.0),
        (r#"berth_dry_run_pods_total{outcome="placed_all_the_same"}"#, 1.0),
    ];
    expect(&berth, &endpoint, &compared).await;
    berth.stop().await;
}
