//! `berth evaluate` against recorded answers of the upstream scheduler, and what it says to lines that make
//! no sense.
//!
//! `data/vectors/TOPIC.jsonl.gz` has one line a scenario, `{"in": scenario, "out": upstream's answer}`.

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use support::compare::{add_outcomes, compare};
use support::evaluate::{answers_as_recorded, evaluate};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/vectors");

#[test]
fn resources() -> Result<()> {
    same_as_recorded("resources")
}

#[test]
fn taints() -> Result<()> {
    same_as_recorded("taints")
}

#[test]
fn images() -> Result<()> {
    same_as_recorded("images")
}

#[test]
fn node_affinity() -> Result<()> {
    same_as_recorded("nodeaffinity")
}

#[test]
fn ports() -> Result<()> {
    same_as_recorded("ports")
}

#[test]
fn pod_affinity() -> Result<()> {
    same_as_recorded("podaffinity")
}

#[test]
fn config() -> Result<()> {
    same_as_recorded("config")
}

#[test]
fn spread() -> Result<()> {
    same_as_recorded("spread")
}

#[test]
fn volumes() -> Result<()> {
    same_as_recorded("volumes")
}

#[test]
fn preemption() -> Result<()> {
    same_as_recorded("preemption")
}

#[test]
fn mixed() -> Result<()> {
    same_as_recorded("mixed")
}

/// Claims in every state: shared, ephemeral, kept volumes, in-tree volumes, storage capacity, shapes.
#[test]
fn volume_binding() -> Result<()> {
    same_as_recorded("volumebinding")
}

/// Every plugin without PreFilter, Filter, PreScore, Score or some of them: mostly upstream's errors.
#[test]
fn disabled_points() -> Result<()> {
    same_as_recorded("disabledpoints")
}

#[test]
fn every_file_of_vectors_has_a_test() -> Result<()> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(FOLDER)? {
        files.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    let tested = [
        "config",
        "disabledpoints",
        "images",
        "mixed",
        "nodeaffinity",
        "podaffinity",
        "ports",
        "preemption",
        "resources",
        "spread",
        "taints",
        "volumebinding",
        "volumes",
    ]
    .map(|topic| format!("{topic}.jsonl.gz"));
    assert_eq!(files, BTreeSet::from(tested));
    Ok(())
}

fn same_as_recorded(topic: &str) -> Result<()> {
    answers_as_recorded(&vectors(topic)?)
}

fn vectors(topic: &str) -> Result<Vec<Value>> {
    let path = format!("{FOLDER}/{topic}.jsonl.gz");
    let file = File::open(&path).with_context(|| format!("cannot open {path}"))?;
    BufReader::new(GzDecoder::new(file))
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect::<Result<_>>()
        .with_context(|| format!("cannot read {path}"))
}

/// A scenario with one node that has room for its one pod.
fn sound() -> Value {
    json!({
        "name": "sound", "mode": "evaluate",
        "objects": [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n0"},
                     "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}}],
        "pods": [{"apiVersion": "v1", "kind": "Pod",
                  "metadata": {"name": "heavy", "namespace": "default", "uid": "u"},
                  "spec": {"containers": [{"name": "c", "image": "i",
                           "resources": {"requests": {"cpu": "1"}}}]}}],
    })
}

/// The sound scenario with `value` at the JSON pointer `place`.
fn with(place: &str, value: Value) -> String {
    let mut scenario = sound();
    let (parent, field) = place.rsplit_once('/').unwrap_or(("", place));
    if let Some(Value::Object(fields)) = scenario.pointer_mut(parent) {
        fields.insert(field.to_owned(), value);
    } else if let Some(Value::Array(items)) = scenario.pointer_mut(parent) {
        items.push(value);
    }
    scenario.to_string()
}

/// What is wrong, the line, and what the error has to say; of several words with `|` between, any one.
fn malformed() -> Vec<(&'static str, String, Vec<&'static str>)> {
    let nameless = json!({"apiVersion": "v1", "metadata": {"name": "x"}});
    let unknown = json!({"apiVersion": "v1", "kind": "Foo", "metadata": {"name": "x"}});
    let cpu = "/pods/0/spec/containers/0/resources/requests/cpu";
    vec![
        ("not JSON", "{\"name\": \"cut".to_owned(), vec!["column"]),
        ("a wrong type", with("/objects", json!(5)), vec!["objects"]),
        ("no kind", with("/objects/-", nameless), vec!["objects[1]", "kind"]),
        ("an unknown kind", with("/objects/-", unknown), vec!["objects[1]", "Foo"]),
        (
            "an unparsable quantity",
            with(cpu, json!("1x")),
            vec!["heavy|pods[0]", "requests", "cpu", "1x"],
        ),
        ("an unknown field", with("/objetcs", json!([])), vec!["objetcs"]),
        ("another mode", with("/mode", json!("rewind")), vec!["rewind"]),
    ]
}

#[test]
fn a_malformed_line_is_answered_with_its_error_and_the_next_one_as_ever() -> Result<()> {
    let cases = malformed();
    let lines: Vec<String> =
        cases.iter().flat_map(|(_, line, _)| [line.clone(), sound().to_string()]).collect();
    let (answers, _) = evaluate(&lines)?;
    for ((what, _, needed), answers) in cases.iter().zip(answers.chunks(2)) {
        let error = answers[0]["error"].as_str().unwrap_or_default();
        for words in needed {
            let found = words.split('|').any(|word| error.contains(word));
            assert!(found, "{what}: no {words:?} in the answer {}", answers[0]);
        }
        assert!(answers[0]["pods"].as_array().is_none_or(Vec::is_empty), "{what}: {}", answers[0]);
        assert_eq!(answers[1]["error"], Value::Null, "after {what}");
        assert_eq!(answers[1]["name"], "sound", "after {what}");
        assert_eq!(answers[1]["pods"][0]["pod"], "default/heavy", "after {what}");
        assert_eq!(answers[1]["pods"][0]["best"], json!(["n0"]), "after {what}");
    }
    Ok(())
}

#[test]
fn the_comparison_takes_only_what_means_the_same() {
    let pod = json!({"pod": "default/p", "feasible": 1, "best": ["a", "b"], "error": "",
        "rejected": {"c": {"plugin": "X", "code": "Y", "reasons": ["r", "s"]}},
        "scores": {"a": {"X": 5, "Z": 0}, "b": {"Z": 0}}, "prefilter": null});
    let upstream = json!({"name": "s", "pods": [pod]});
    let judge = |change: &dyn Fn(&mut Value)| {
        let mut berth = upstream.clone();
        change(&mut berth["pods"][0]);
        compare(&upstream, &berth).is_equal()
    };
    assert!(judge(&|_| {}));
    assert!(judge(&|pod| pod["best"] = json!(["b", "a"])));
    assert!(judge(&|pod| pod["rejected"]["c"]["reasons"] = json!(["s", "r"])));
    assert!(judge(&|pod| pod["scores"] = json!({"a": {"X": 5}})));
    assert!(judge(&|pod| pod["message"] = json!("")));
    assert!(!judge(&|pod| pod["best"] = json!(["a"])));
    assert!(!judge(&|pod| pod["rejected"]["c"]["reasons"] = json!(["r"])));
    assert!(!judge(&|pod| pod["rejected"]["d"] = json!({"plugin": "X"})));
    assert!(!judge(&|pod| pod["scores"]["b"] = json!({"Z": 1})));
    assert!(!judge(&|pod| pod["scores"]["a"]["X"] = json!(0)));
    assert!(!judge(&|pod| pod["feasible"] = json!(2)));
    assert!(!judge(&|pod| pod["message"] = json!("m")));
    assert!(!judge(&|pod| *pod = Value::Null));
    assert!(!compare(&upstream, &json!({"name": "s", "error": "e"})).is_equal());
}

#[test]
fn the_comparison_takes_any_of_upstreams_outcomes_of_preemption_and_no_other() {
    let seen = json!([{"node": "a", "victims": ["v"], "message": "m"},
                      {"node": "b", "victims": ["w"], "message": "m"}]);
    let upstream = json!({"name": "s", "pods": [{"pod": "p", "feasible": 0, "preemption": seen}]});
    let judge = |answer: Value| {
        let mut pod = json!({"pod": "p", "feasible": 0});
        if let (Some(pod), Value::Object(mut answer)) = (pod.as_object_mut(), answer) {
            pod.append(&mut answer);
        }
        compare(&upstream, &json!({"name": "s", "pods": [pod]})).is_equal()
    };
    assert!(!judge(json!({"message": "no place"})));
    // Upstream breaks ties by chance: one of its outcomes is right, another is not.
    assert!(judge(json!({"preemption": [seen[1]]})));
    let other = |field: &str, value: Value| {
        let mut outcome = seen[0].clone();
        outcome[field] = value;
        judge(json!({"preemption": [outcome]}))
    };
    assert!(!other("node", json!("b")));
    assert!(!other("victims", json!(["w"])));
    assert!(!other("victims", json!(["v", "w"])));
    assert!(!other("message", json!("another")));
    assert!(!judge(json!({"preemption": []})));
}

#[test]
fn outcomes_that_upstream_takes_by_chance_are_collected() {
    let answer = |nodes: &[&str]| {
        let outcomes: Vec<Value> = nodes.iter().map(|node| json!({"node": node})).collect();
        json!({"pods": [{"pod": "p", "preemption": outcomes}, {"pod": "q", "feasible": 1}]})
    };
    let berth = answer(&["b"]);
    let mut upstream = answer(&["a"]);
    assert!(compare(&upstream, &berth).only_outcomes_differ());
    add_outcomes(&mut upstream, &answer(&["a", "b"]));
    assert_eq!(upstream, answer(&["a", "b"]));
    assert!(compare(&upstream, &berth).is_equal());
    let none = json!({"pods": [{"pod": "p"}, {"pod": "q", "feasible": 1}]});
    assert!(!compare(&upstream, &none).only_outcomes_differ());
    let worse = json!({"pods": [{"pod": "p", "preemption": [{"node": "c"}]}, {"pod": "q"}]});
    assert!(!compare(&upstream, &worse).only_outcomes_differ());
}
