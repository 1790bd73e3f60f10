//! `berth bench engine` as it is called: what it prints, and what it refuses.

use std::process::{Command, Output};

use serde_json::Value;

fn bench(line: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_berth");
    Command::new(program)
        .args(["bench", "engine"])
        .args(line.split_whitespace())
        .output()
        .expect("berth can be started")
}

#[test]
fn a_small_run_prints_what_it_measured() {
    let line =
        "--nodes 40 --pods 200 --templates 6 --workload mixed --standing 50 --seed 3 -o json";
    let output = bench(line);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for (field, want) in [("nodes", 40), ("pods", 200), ("templates", 6), ("standing", 50)] {
        assert_eq!(report[field], want, "{field} in {report}");
    }
    assert_eq!((&report["workload"], &report["with_tables"]), (&"mixed".into(), &true.into()));
    for field in ["pods_per_second_with_builds", "ns_per_pod_median", "ns_per_pod_mean"] {
        assert!(report[field].as_f64().is_some_and(|number| number > 0.0), "{field} in {report}");
    }
    assert!(report["memory"]["peak"].as_u64().is_some_and(|bytes| bytes > 0), "{report}");
}

#[test]
fn without_tables_and_for_people() {
    let output = bench("--nodes 40 --pods 100 --without-tables --metrics");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let heading = "basic: 40 nodes, 1 templates, 80 pods in the steady state, without tables\n";
    assert!(text.starts_with(heading), "{text}");
    assert!(text.lines().any(|line| line.split_whitespace().eq(["tables", "0"])), "{text}");
}

#[test]
fn wrong_arguments_are_named() {
    for (line, words) in [
        ("--nodes 0", "invalid value '0' for '--nodes <N>'"),
        ("--pods x", "invalid value 'x' for '--pods <N>'"),
        ("--workload none", "invalid value 'none' for '--workload <NAME>'"),
        ("--nodes 10 --standing 70", "error: --standing 70: basic with --nodes 10"),
        ("--nodes 10 --workload antiaffinity", "error: --nodes 10: too few for --workload"),
    ] {
        let output = bench(line);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {text}");
        assert!(text.contains(words), "{line}: {text}");
    }
}
