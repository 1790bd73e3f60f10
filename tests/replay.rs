//! `berth evaluate` in replay mode, which audits where the pods of a whole run went: against recorded
//! answers of the upstream scheduler, and against itself on random scenarios.
//!
//! `data/replay.jsonl.gz` has one line a replay, `{"in": scenario, "out": upstream's answer}`.

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use support::compare::{Comparison, compare};
use support::evaluate::{answers_as_recorded, evaluate};
use support::generator::scenario;
use support::oracle::Oracle;

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/replay.jsonl.gz");

/// Topics whose plugins all decide as upstream's.
const PLAIN: [&str; 5] = ["resources", "taints", "nodeaffinity", "ports", "images"];
/// Fresh replays a topic.
const FRESH: u32 = 8;

#[test]
fn recorded_replays() -> Result<()> {
    let file = File::open(RECORDED).with_context(|| format!("cannot open {RECORDED}"))?;
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    let vectors: Vec<Value> =
        lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect::<Result<_>>()?;
    let agreeing = |vector: &&Value| vector["out"]["agree"].as_u64() > Some(0);
    ensure!(vectors.iter().filter(agreeing).count() > 5, "some placements are upstream's own");
    answers_as_recorded(&vectors)
}

#[test]
fn fresh_replays() -> Result<()> {
    let Some(mut oracle) = Oracle::start("fresh_replays") else {
        return Ok(());
    };
    let replays: Vec<Value> = PLAIN
        .iter()
        .flat_map(|topic| (0..FRESH).map(|index| replay(scenario(topic, "replay", index))))
        .collect();
    let (answers, _) = evaluate(&replays.iter().map(Value::to_string).collect::<Vec<_>>())?;
    let mut result = Comparison::default();
    for (replay, answer) in replays.iter().zip(&answers) {
        result.add(compare(&oracle.ask(replay), answer));
    }
    ensure!(result.is_equal(), "{result}");
    Ok(())
}

/// The scenario with its pods put on its nodes in turn; every fourth is not placed.
fn replay(mut scenario: Value) -> Value {
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let objects = scenario["objects"].as_array().cloned().unwrap_or_default();
    let nodes: Vec<String> =
        objects.iter().filter(|object| object["kind"] == "Node").map(name).collect();
    let pods = scenario["pods"].as_array().cloned().unwrap_or_default();
    scenario["mode"] = json!("replay");
    for (at, pod) in pods.iter().enumerate().filter(|(at, _)| at % 4 != 3) {
        let namespace = pod["metadata"]["namespace"].as_str().unwrap_or("default");
        let key = format!("{namespace}/{}", name(pod));
        scenario["placements"][key] = json!(nodes[at % nodes.len()]);
    }
    scenario
}

/// Two nodes of which `big` is better for the pods `a`, `b`, `c`.
fn small(placements: &Value, brief: bool) -> String {
    let node = |name: &str, cpu: &str| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
               "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"}}})
    };
    let pod = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "uid": name},
               "spec": {"containers": [{"name": "c", "image": "i",
                        "resources": {"requests": {"cpu": "3"}}}]}})
    };
    json!({"name": "small", "mode": "replay", "brief": brief, "placements": placements,
           "objects": [node("big", "7"), node("small", "4")],
           "pods": [pod("a"), pod("b"), pod("c"), pod("d")]})
    .to_string()
}

#[test]
fn a_pod_is_where_it_went_when_the_next_one_is_judged() -> Result<()> {
    let right = json!({"default/a": "big", "default/b": "big", "default/c": "small"});
    let wrong =
        json!({"default/a": "small", "default/b": "", "default/c": "big", "default/d": "big"});
    let (answers, _) = evaluate(&[small(&right, true), small(&wrong, false), small(&wrong, true)])?;
    assert_eq!(answers[0], json!({"name": "small", "pods": [], "agree": 4}));
    let said = |answer: &Value| -> Vec<Value> {
        let pods = answer["pods"].as_array().cloned().unwrap_or_default();
        pods.iter()
            .map(|pod| json!([pod["pod"], pod["placed"], pod["agrees"], pod["best"]]))
            .collect()
    };
    let differing =
        [json!(["default/a", "small", false, ["big"]]), json!(["default/b", null, false, ["big"]])];
    let agreeing =
        [json!(["default/c", "big", true, ["big"]]), json!(["default/d", "big", true, ["big"]])];
    assert_eq!(said(&answers[1]), [differing.clone(), agreeing].concat());
    assert_eq!(said(&answers[2]), differing);
    for answer in &answers[1..] {
        assert_eq!((&answer["agree"], &answer["disagree"]), (&json!(2), &json!(2)));
        assert!(!answer.to_string().contains("scores"), "{answer}");
    }
    Ok(())
}

#[test]
fn placements_that_make_no_sense_are_named() -> Result<()> {
    let rows = [
        (json!([]), "line 1: placements: []: not a JSON object"),
        (json!({"default/a": 5}), "line 2: placements.default/a: 5: not the name of a node"),
    ];
    let lines: Vec<String> = rows.iter().map(|(placements, _)| small(placements, false)).collect();
    let (answers, status) = evaluate(&lines)?;
    assert_eq!(status.code(), Some(2));
    for ((_, error), answer) in rows.iter().zip(&answers) {
        assert_eq!(answer["error"], *error);
    }
    Ok(())
}
