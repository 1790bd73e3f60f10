//! `berth evaluate` against the upstream scheduler itself, on random scenarios that no one has seen before.
//!
//! `BERTH_SCENARIOS` sets how many a topic, `BERTH_SEED` repeats a run; a failure prints the command.
//! Skipped where the oracle can neither be found nor built.

mod support;

use std::env;
use std::fs;
use std::path::Path;
use std::process;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use support::compare::{Allow, Comparison, add_outcomes, compare, take_equal_pods};
use support::evaluate::evaluate;
use support::generator::{TOPICS, scenario};
use support::oracle::Oracle;

/// How often the oracle is asked again for outcomes of preemption that it has not shown yet; each question
/// shows those of twelve tries.
const QUESTIONS_MORE: usize = 8;

/// One seed for all tests of a run.
static SEED: LazyLock<String> = LazyLock::new(|| {
    env::var("BERTH_SEED").unwrap_or_else(|_| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{:x}-{:x}", since.as_millis(), process::id())
    })
});

#[test]
fn resources() -> Result<()> {
    same_as_upstream("resources", "resources")
}

#[test]
fn resources_plus() -> Result<()> {
    same_as_upstream("resources_plus", "resources+")
}

#[test]
fn taints() -> Result<()> {
    same_as_upstream("taints", "taints")
}

#[test]
fn taints_plus() -> Result<()> {
    same_as_upstream("taints_plus", "taints+")
}

#[test]
fn images() -> Result<()> {
    same_as_upstream("images", "images")
}

#[test]
fn images_plus() -> Result<()> {
    same_as_upstream("images_plus", "images+")
}

#[test]
fn node_affinity() -> Result<()> {
    same_as_upstream("node_affinity", "nodeaffinity")
}

#[test]
fn ports() -> Result<()> {
    same_as_upstream("ports", "ports")
}

#[test]
fn pod_affinity() -> Result<()> {
    same_as_upstream("pod_affinity", "podaffinity")
}

#[test]
fn config() -> Result<()> {
    same_as_upstream("config", "config")
}

#[test]
fn spread() -> Result<()> {
    same_as_upstream("spread", "spread")
}

#[test]
fn spread_plus() -> Result<()> {
    same_as_upstream("spread_plus", "spread+")
}

#[test]
fn pod_affinity_plus() -> Result<()> {
    same_as_upstream("pod_affinity_plus", "podaffinity+")
}

#[test]
fn volumes() -> Result<()> {
    same_as_upstream("volumes", "volumes")
}

#[test]
fn volumes_plus() -> Result<()> {
    same_as_upstream("volumes_plus", "volumes+")
}

#[test]
fn preemption() -> Result<()> {
    same_as_upstream("preemption", "preemption")
}

#[test]
fn preemption_plus() -> Result<()> {
    same_as_upstream("preemption_plus", "preemption+")
}

#[test]
fn mixed() -> Result<()> {
    same_as_upstream("mixed", "mixed")
}

#[test]
fn mixed_plus() -> Result<()> {
    same_as_upstream("mixed_plus", "mixed+")
}

#[test]
fn large() -> Result<()> {
    same_as_upstream("large", "large")
}

fn same_as_upstream(test: &str, topic: &str) -> Result<()> {
    let Some(mut oracle) = Oracle::start(test) else {
        return Ok(());
    };
    let count = match env::var("BERTH_SCENARIOS") {
        Ok(number) => number.parse().context("BERTH_SCENARIOS is not a number")?,
        Err(_) => usual_count(topic),
    };
    let again = format!(
        "again: BERTH_SEED={} BERTH_SCENARIOS={count} cargo test --test fresh_scenarios {test} -- --exact",
        *SEED
    );
    let scenarios: Vec<Value> = (0..count).map(|index| scenario(topic, &SEED, index)).collect();
    let lines: Vec<String> = scenarios.iter().map(Value::to_string).collect();
    let (answers, status) = evaluate(&lines).with_context(|| again.clone())?;
    ensure!(status.success(), "berth answered every line and ended with {status}\n{again}");
    let mut result = Comparison::default();
    let mut failed = Vec::new();
    for (scenario, answer) in scenarios.iter().zip(&answers) {
        let compared = compare_with(&mut oracle, scenario, answer, Allow::Nothing);
        if !compared.is_equal() {
            failed.push(scenario);
        }
        result.add(compared);
    }
    let Some(first) = failed.first() else {
        return Ok(());
    };
    let kept = keep(&failed)?;
    ensure!(false, "{result}the first scenario that differs: {first}\n{kept}\n{again}");
    Ok(())
}

/// How many scenarios of a topic are asked where nobody says a number: fewer where upstream takes long.
fn usual_count(topic: &str) -> u32 {
    match topic {
        "large" => 5,
        "preemption" => 15,
        "preemption+" => 30,
        _ => 60,
    }
}

/// Compares berth's answer with the oracle's. Where preemption has equally good outcomes, upstream takes any,
/// and one question may not show them all: if only those differ, the oracle is asked some more. So it is with
/// volumes that are equally good for a claim, and with the driver that is the first to be missing.
fn compare_with(oracle: &mut Oracle, scenario: &Value, answer: &Value, allow: Allow) -> Comparison {
    let mut right = oracle.ask(scenario);
    for _ in 0..QUESTIONS_MORE {
        let compared = compare(&right, answer, allow);
        if compared.only_outcomes_differ() {
            add_outcomes(&mut right, &oracle.ask(scenario));
        } else if has_claims(scenario) && !compared.is_equal() {
            take_equal_pods(&mut right, &oracle.ask(scenario), answer, allow);
        } else {
            break;
        }
    }
    compare(&right, answer, allow)
}

fn has_claims(scenario: &Value) -> bool {
    let objects = scenario["objects"].as_array();
    objects.into_iter().flatten().any(|object| object["kind"] == "PersistentVolumeClaim")
}

/// Writes scenarios that went wrong to files of their own, and says where they are.
fn keep(scenarios: &[&Value]) -> Result<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut kept = vec!["kept, ready for `berth evaluate`:".to_owned()];
    for scenario in scenarios {
        let path = folder.join(format!("{}.json", scenario["name"].as_str().unwrap_or("nameless")));
        fs::write(&path, format!("{scenario}\n"))?;
        kept.push(path.display().to_string());
    }
    Ok(kept.join("\n  "))
}

/// A seed that someone writes down has to mean the same scenarios on every machine.
#[test]
fn the_same_seed_gives_the_same_scenarios_everywhere() {
    let text: String =
        TOPICS.iter().map(|topic| scenario(topic, "pinned", 7).to_string()).collect();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    assert_eq!(
        hash, 0x7c31_ad6f_0954_5fb3_u64,
        "the generator has changed: put {hash:#x} here if that is meant"
    );
}
