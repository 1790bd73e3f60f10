//! Configuration files that kube-scheduler was asked about: berth accepts what it accepts, and says the same of the
//! others; where it says something else, the row says what and why.
//!
//! `data/config.jsonl` has one file a line; `upstream/config/main.go` says what its fields are. A file without
//! `apiVersion:` is behind the usual head. `BERTH_RECORD=1 cargo test --test config_errors` writes berth's
//! words anew, and leaves it to whoever looks at the changes to say `why`.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use berth::config::{Gates, parse};
use berth::plugins::PLUGINS;
use serde_json::{Value, json};
use support::oracle::Oracle;

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/config.jsonl");
const HEAD: &str = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";
/// Rows that the file has at least.
const ROWS_MIN: usize = 400;

/// The rows, in order.
fn rows() -> Result<Vec<Value>> {
    let text = fs::read_to_string(RECORDED).with_context(|| RECORDED.to_owned())?;
    let rows: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(rows.len() >= ROWS_MIN, "only {} rows", rows.len());
    Ok(rows)
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
}

/// The whole file of a row.
fn file_of(row: &Value) -> String {
    let text = row["config"].as_str().unwrap_or_default();
    let whole = row["whole"] == true;
    if whole { text.to_owned() } else { format!("{HEAD}{text}") }
}

/// What berth says of a row; nothing where it accepts the file.
fn said_by_berth(row: &Value) -> Vec<String> {
    let gates = match Gates::parse(&[row["gates"].as_str().unwrap_or_default()]) {
        Ok(gates) => gates.features,
        Err(errors) => return errors.to_string().lines().map(str::to_owned).collect(),
    };
    match parse(&file_of(row), "f", PLUGINS, gates) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.errors.iter().map(ToString::to_string).collect(),
    }
}

/// A finding of upstream as berth words it: `path: value: message`, without the kind of the finding.
fn worded(finding: &str) -> String {
    let making = "initializing profiles: creating profile for scheduler name default-scheduler: ";
    if let Some(made) = finding.strip_prefix(making) {
        return made.to_owned();
    }
    let Some((path, rest)) = finding.split_once(": ") else { return finding.to_owned() };
    let value_and = |rest: &str| {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let _ = values.next();
        let (value, message) = rest.split_at(values.byte_offset());
        // Go's nil list.
        let value = if value == "null" { "[]" } else { value };
        (value.to_owned(), message.trim_start_matches(": ").to_owned())
    };
    if let Some(rest) = rest.strip_prefix("Invalid value: ") {
        let (value, message) = value_and(rest);
        return format!("{path}: {value}: {message}");
    }
    if let Some(rest) = rest.strip_prefix("Unsupported value: ") {
        let (value, message) = value_and(rest);
        return format!("{path}: {value}: not supported; {message}");
    }
    if let Some(rest) = rest.strip_prefix("Duplicate value: ") {
        return format!("{path}: {rest}: duplicate value");
    }
    for kind in ["Required value: ", "Forbidden: "] {
        if let Some(message) = rest.strip_prefix(kind) {
            return format!("{path}: {message}");
        }
    }
    finding.to_owned()
}

/// Upstream's findings in berth's words, those about one value as one.
fn expected(row: &Value) -> BTreeSet<String> {
    let mut lines: Vec<String> = Vec::new();
    for finding in strings(&row["upstream"]) {
        let line = worded(&finding);
        let start = |line: &str| {
            let (path, rest) = line.split_once(": ")?;
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            values.next()?.ok()?;
            Some(path.len() + 2 + values.byte_offset() + 2)
        };
        let same = start(&line).and_then(|at| {
            let (start, message) = line.split_at_checked(at)?;
            let other = lines.iter_mut().find(|other| other.starts_with(start))?;
            let about_labels = message.contains("part") && other.contains("part");
            about_labels
                .then(|| [";", " ", message].into_iter().for_each(|text| other.push_str(text)))
        });
        if same.is_none() {
            lines.push(line);
        }
    }
    lines.into_iter().collect()
}

/// Whether the lines of berth are those of upstream; a finding of the making of a profile has no path there.
fn agree(expected: &BTreeSet<String>, said: &[String]) -> bool {
    let is = |line: &String, wanted: &String| {
        line == wanted
            || (!wanted.contains("pluginConfig")
                && line.starts_with("profiles[")
                && line.ends_with(&format!(": {wanted}")))
    };
    expected.len() == said.len()
        && expected.iter().all(|wanted| said.iter().any(|line| is(line, wanted)))
}

#[test]
fn every_file_is_judged_as_recorded() -> Result<()> {
    let record = std::env::var("BERTH_RECORD").is_ok();
    let mut wrong = Vec::new();
    let mut rows = rows()?;
    for row in &mut rows {
        let said = said_by_berth(row);
        if agree(&expected(row), &said) {
            if record {
                let fields = row.as_object_mut().context("a row is a mapping")?;
                fields.retain(|key, _| !["berth", "why"].contains(&key.as_str()));
            }
            ensure!(row["berth"].is_null(), "upstream says the same: {row}");
            continue;
        }
        if record {
            row["berth"] = json!(said);
        } else if strings(&row["berth"]) != said || !row["berth"].is_array() {
            wrong.push(format!("{row}\n    berth says {said:?}"));
        } else if row["why"].as_str().is_none_or(str::is_empty) {
            wrong.push(format!("{row}\n    says nothing of why"));
        }
    }
    if record {
        let text: Vec<String> = rows.iter().map(|row| format!("{row}\n")).collect();
        fs::write(RECORDED, text.concat())?;
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn the_gates_of_upstream_are_recorded() -> Result<()> {
    let program = support::upstream::binary("config");
    let test = "the_gates_of_upstream_are_recorded";
    let Some(program) = support::require(test, "config", program) else { return Ok(()) };
    let output = Command::new(program).arg("-gates").output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let recorded = include_str!("data/gates.txt");
    ensure!(output.stdout == recorded.as_bytes(), "upstream/config -gates prints another list");
    Ok(())
}

/// kube-scheduler's own code says what is recorded of it.
#[test]
fn what_upstream_says_is_recorded() -> Result<()> {
    let Some(mut upstream) = Oracle::start_config("what_upstream_says_is_recorded") else {
        return Ok(());
    };
    for row in rows()? {
        let asked = json!({"name": "", "gates": row["gates"], "config": file_of(&row)});
        let answer = upstream.ask(&asked);
        // Some of its findings come in no order.
        let set = |value: &Value| strings(value).into_iter().collect::<BTreeSet<_>>();
        ensure!(set(&answer["upstream"]) == set(&row["upstream"]), "{row}\n    {answer}");
    }
    Ok(())
}
