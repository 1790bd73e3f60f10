//! Whole runs of the scheduler, audited by upstream: each pod is where upstream would have put it in the same
//! cluster. 1,000 pods hardly two of which are alike, and 5,000 of a hundred templates, most of which are decided
//! by tables that are kept from one to the next.
//!
//! Skipped where the oracle can neither be found nor built.

mod support;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::driver::{self, Run};
use support::oracle::Oracle;
use support::workload::{Features, Size, workload};

/// What berth can do of what the workload makes use of.
const SUPPORTED: Features = Features { spread: true, pod_affinity: true, volumes: true };

#[test]
fn every_pod_goes_where_upstream_would_have_put_it() -> Result<()> {
    let Some(mut oracle) = Oracle::start("every_pod_goes_where_upstream_would_have_put_it") else {
        return Ok(());
    };
    let (objects, pods) = workload(SUPPORTED, Size { nodes: 300, pods: 1_000, templates: 1_000 });
    let run = driver::run(&config(), &objects, &pods)?;
    let mut replay = audited(&mut oracle, &objects, &pods, &run)?;

    // A pod on a node that upstream likes less is found.
    let misplaced = &run.order[pods.len() / 2];
    replay["placements"][misplaced] = json!("node-041");
    let answer = oracle.ask(&replay);
    let found =
        answer["pods"].as_array().into_iter().flatten().any(|pod| pod["pod"] == **misplaced);
    ensure!(found, "upstream did not see that {misplaced} was misplaced");
    Ok(())
}

#[test]
fn so_does_every_pod_that_a_kept_table_places() -> Result<()> {
    let Some(mut oracle) = Oracle::start("so_does_every_pod_that_a_kept_table_places") else {
        return Ok(());
    };
    let (objects, pods) = workload(SUPPORTED, Size { nodes: 900, pods: 5_000, templates: 100 });
    let run = driver::run(&config(), &objects, &pods)?;
    let (built, found) = run.tables;
    ensure!(built < 1_000 && found > 3_000, "{built} tables built, {found} pods found one");
    let without = driver::run_without_tables(&config(), &objects, &pods)?;
    ensure!(without.tables == (0, 0), "tables were kept");
    ensure!(run.order == without.order, "without tables the order is another");
    ensure!(run.placements == without.placements, "without tables pods are elsewhere");
    audited(&mut oracle, &objects, &pods, &run)?;
    Ok(())
}

/// All nodes are judged, as the oracle does.
fn config() -> Value {
    json!({"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
        "percentageOfNodesToScore": 100})
}

/// Has upstream agree with where each pod went; the question that it was asked.
fn audited(oracle: &mut Oracle, objects: &[Value], pods: &[Value], run: &Run) -> Result<Value> {
    let all = pods.len();
    ensure!(run.order.len() == all, "{} of {all} pods were decided about", run.order.len());
    let placed = run.placements.len();
    ensure!(placed > all * 9 / 10, "only {placed} of {all} pods were placed");
    let by_name: BTreeMap<String, &Value> = pods.iter().map(|pod| (key(pod), pod)).collect();
    let document = |pod: &String| by_name.get(pod).copied().context("a pod that nobody made");
    let in_order: Vec<&Value> = run.order.iter().map(document).collect::<Result<_>>()?;
    let replay = json!({"name": "whole-run", "mode": "replay", "brief": true, "config": config(),
        "objects": objects, "pods": in_order, "placements": run.placements});
    let answer = oracle.ask(&replay);
    let wrong = answer["pods"].as_array().map_or(0, Vec::len);
    ensure!(
        answer["agree"] == all && wrong == 0,
        "upstream agrees with {} of {all}: {answer}",
        answer["agree"],
    );
    Ok(replay)
}

fn key(pod: &Value) -> String {
    let field = |name: &str| pod["metadata"][name].as_str().unwrap_or_default();
    format!("{}/{}", field("namespace"), field("name"))
}
