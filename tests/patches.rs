//! Patches, field owners and decoding against upstream's: recorded answers, fresh cases where Go is, and the
//! laws that patches obey.
//!
//! `data/patches/cases.jsonl.gz` has one line a case, `{"in": case, "out": upstream's answer}`; the format
//! of both is in `upstream/patches/main.go`. `BERTH_RECORD=1 cargo test --test patches fresh` writes it anew.

mod support;

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{self, Command};

use anyhow::{Context, Result, ensure};
use berth::apiserver::schema::{complete, prune};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use support::generator::patches::{answer, cases, kind_of};
use support::oracle::Oracle;

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/patches/cases.jsonl.gz");
const KINDS: &str = include_str!("../src/apiserver/schema/kinds.txt");

#[test]
fn recorded_cases() -> Result<()> {
    let file = File::open(RECORDED).with_context(|| RECORDED.to_owned())?;
    let mut differences = Differences::default();
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let vector: Value = serde_json::from_str(&line?)?;
        differences.check(&vector["in"], &vector["out"]);
    }
    differences.finish(1000)
}

#[test]
fn fresh_cases() -> Result<()> {
    let Some(mut oracle) = Oracle::start_patches("fresh_cases") else { return Ok(()) };
    let record = env::var("BERTH_RECORD").is_ok();
    let seed = env::var("BERTH_SEED").unwrap_or_else(|_| process::id().to_string());
    let seed = if record { "recorded".to_owned() } else { seed };
    let count = match env::var("BERTH_SCENARIOS") {
        Ok(number) => number.parse().context("BERTH_SCENARIOS is not a number")?,
        Err(_) => 1000,
    };
    let mut differences = Differences::default();
    let mut vectors = Vec::new();
    for case in cases(&seed, count) {
        let out = oracle.ask(&case);
        differences.check(&case, &out);
        vectors.push(json!({"in": case, "out": out}).to_string());
    }
    if record {
        fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/patches"))?;
        let mut file = GzEncoder::new(File::create(RECORDED)?, Compression::best());
        file.write_all((vectors.join("\n") + "\n").as_bytes())?;
        file.finish()?;
    }
    differences.finish(count).with_context(|| {
        format!("again: BERTH_SEED={seed} BERTH_SCENARIOS={count} cargo test --test patches fresh")
    })
}

#[test]
fn the_types_are_those_of_upstream() -> Result<()> {
    let program = support::upstream::binary("schema");
    let test = "the_types_are_those_of_upstream";
    let Some(program) = support::require(test, "schema", program) else { return Ok(()) };
    let output = Command::new(program).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout)?;
    ensure!(printed == KINDS, "tests/upstream/schema prints another src/apiserver/schema/kinds.txt");
    Ok(())
}

/// What differs from upstream, a few examples of it.
#[derive(Default)]
struct Differences {
    cases: usize,
    wrong: usize,
    examples: Vec<String>,
}

impl Differences {
    fn check(&mut self, case: &Value, upstream: &Value) {
        self.cases += 1;
        let ours = answer(case);
        if is_same(case, upstream, &ours) {
            return;
        }
        self.wrong += 1;
        { use std::io::Write; let mut f = std::fs::OpenOptions::new().append(true).create(true).open("/tmp/wt/diffs.jsonl").unwrap(); writeln!(f, "{}", json!({"case":case,"up":upstream,"ours":ours})).unwrap(); }
        if self.examples.len() < 3 {
            self.examples.push(format!("case {case}\nupstream {upstream}\nours     {ours}"));
        }
    }

    fn finish(self, cases_min: usize) -> Result<()> {
        let Self { cases, wrong, examples } = self;
        ensure!(wrong == 0, "{wrong} of {cases} differ\n{}", examples.join("\n\n"));
        ensure!(cases >= cases_min, "only {cases} cases");
        Ok(())
    }
}

fn is_same(case: &Value, upstream: &Value, ours: &Value) -> bool {
    let error = |answer: &Value| answer["error"].as_str().map(str::to_owned);
    // Upstream cannot look up objects in a list without keys; we can.
    let panics = error(upstream).is_some_and(|error| error.starts_with("panic: "));
    // Bytes as a list of numbers are refused.
    let bytes = error(ours).is_some_and(|error| error.contains("cannot unmarshal array") && error.ends_with("of type []uint8"));
    if panics || bytes {
        return true;
    }
    if let (Some(theirs), Some(ours)) = (error(upstream), error(ours)) {
        return is_same_error(case, &theirs, &ours);
    }
    if case["op"] != "apply" && case["op"] != "decode" {
        return upstream == ours;
    }
    // Upstream decodes what apply gives; the program does not, so that its answer shows the merging alone.
    let stored = |answer: &Value| {
        let mut answer = answer.clone();
        if answer["object"].is_object() {
            let kind = kind_of(case);
            prune(&kind, &mut answer["object"]);
            complete(&kind, &mut answer["object"]);
        }
        if let Some(strict) = answer["strict"].as_array_mut() {
            strict.sort_by_key(Value::to_string);
        }
        answer
    };
    if case["op"] == "decode" {
        let mut theirs = upstream.clone();
        theirs["strict"] = stored(upstream)["strict"].clone();
        let mut ours = ours.clone();
        ours["strict"] = stored(&ours)["strict"].clone();
        return theirs == ours;
    }
    stored(upstream) == stored(ours)
}

fn is_same_error(case: &Value, theirs: &str, ours: &str) -> bool {
    match case["op"].as_str() {
        // Upstream's maps have no order: of several errors another one may come first.
        Some("strategic" | "json") => true,
        Some("apply") => {
            let mut theirs: Vec<&str> = theirs.split('\n').collect();
            let mut ours: Vec<&str> = ours.split('\n').collect();
            theirs.sort_unstable();
            ours.sort_unstable();
            theirs == ours
        }
        _ => theirs == ours,
    }
}
