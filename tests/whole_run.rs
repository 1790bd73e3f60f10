//! A whole run of the scheduler, audited by upstream: 1,000 pods on 300 nodes, each where upstream would have
//! put it in the same cluster.
//!
//! Skipped where the oracle can neither be found nor built.

mod support;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::driver;
use support::oracle::Oracle;
use support::workload::{Features, PODS, workload};

/// What berth can do of what the workload makes use of.
const SUPPORTED: Features = Features { spread: true, pod_affinity: true, volumes: true };

#[test]
fn every_pod_goes_where_upstream_would_have_put_it() -> Result<()> {
    let Some(mut oracle) = Oracle::start("every_pod_goes_where_upstream_would_have_put_it") else {
        return Ok(());
    };
    // All nodes are judged, as the oracle does.
    let config = json!({"apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration", "percentageOfNodesToScore": 100});
    let (objects, pods) = workload(SUPPORTED);
    let run = driver::run(&config, &objects, &pods)?;
    ensure!(run.order.len() == PODS, "{} of {PODS} pods were decided about", run.order.len());
    let placed = run.placements.len();
    ensure!(placed > PODS * 9 / 10, "only {placed} of {PODS} pods were placed");

    let by_name: BTreeMap<String, &Value> = pods.iter().map(|pod| (key(pod), pod)).collect();
    let document = |pod: &String| by_name.get(pod).copied().context("a pod that nobody made");
    let in_order: Vec<&Value> = run.order.iter().map(document).collect::<Result<_>>()?;
    let mut replay = json!({"name": "whole-run", "mode": "replay", "brief": true, "config": config,
        "objects": objects, "pods": in_order, "placements": run.placements});
    let answer = oracle.ask(&replay);
    let wrong = answer["pods"].as_array().map_or(0, Vec::len);
    ensure!(
        answer["agree"] == PODS && wrong == 0,
        "upstream agrees with {} of {PODS}: {answer}",
        answer["agree"],
    );

    // A pod on a node that upstream likes less is found.
    let misplaced = &run.order[PODS / 2];
    replay["placements"][misplaced] = json!("node-041");
    let answer = oracle.ask(&replay);
    let found =
        answer["pods"].as_array().into_iter().flatten().any(|pod| pod["pod"] == **misplaced);
    ensure!(found, "upstream did not see that {misplaced} was misplaced");
    Ok(())
}

fn key(pod: &Value) -> String {
    let field = |name: &str| pod["metadata"][name].as_str().unwrap_or_default();
    format!("{}/{}", field("namespace"), field("name"))
}
