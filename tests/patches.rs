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
use berth::apiserver::patch::{self, TrackOptions};
use berth::apiserver::schema::{self, GroupVersionKind, complete, prune};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;
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
        Err(_) => 600,
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
    ensure!(
        printed == KINDS,
        "tests/upstream/schema prints another src/apiserver/schema/kinds.txt"
    );
    Ok(())
}

/// Any JSON, some of it with the directives of a strategic merge patch.
fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_i64..3).prop_map(Value::from),
        "(a|b|replace|delete|merge|v1|Pod|1Gi)".prop_map(Value::from),
    ];
    let name = "(a|b|name|spec|metadata|containers|ports|containerPort|env|finalizers|labels|volumes|\\$patch\
                |\\$retainKeys|\\$setElementOrder/containers|\\$deleteFromPrimitiveList/finalizers|op|path\
                |value|from|managedFields|operation|apiVersion|fieldsV1|f:spec|kind|status|conditions|type)";
    scalar.prop_recursive(7, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn pod() -> GroupVersionKind {
    GroupVersionKind::new("", "v1", "Pod")
}

/// A stored pod and a pod to apply or to change it to, from the generator.
fn two_pods(seed: u32) -> (Value, Value) {
    let mut pods = cases(&format!("laws{seed}"), 20)
        .into_iter()
        .filter_map(|mut case| (case["op"] == "strategic").then(|| case["doc"].take()));
    let mut next = || {
        let mut pod_json = pods.next().unwrap_or_default();
        pod_json["kind"] = "Pod".into();
        pod_json["apiVersion"] = "v1".into();
        prune(&pod(), &mut pod_json);
        complete(&pod(), &mut pod_json);
        pod_json
    };
    (next(), next())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(doc in any_json(), patch in any_json(), flag in any::<bool>()) {
        let kind = pod();
        let mut typed = patch.clone();
        if let Some(fields) = typed.as_object_mut() {
            fields.insert("apiVersion".to_owned(), "v1".into());
            fields.insert("kind".to_owned(), "Pod".into());
        }
        let apply = patch::ApplyOptions { manager: "kubectl", force: flag, subresource: "", time: "now" };
        let _ = patch::apply(&kind, Some(&doc), &typed, &apply);
        let _ = patch::apply(&kind, None, &typed, &apply);
        let options = patch::TrackOptions { manager: "b", subresource: "status", time: "now" };
        patch::track(&kind, Some(&doc), &mut patch.clone(), &options);
        patch::track(&kind, flag.then_some(&doc), &mut patch.clone(), &TrackOptions { subresource: "", ..options });
        for apply in [patch::json, patch::merge] {
            let mut changed = doc.clone();
            if apply(&mut changed, &patch).is_err() {
                prop_assert_eq!(&changed, &doc);
            }
        }
        let mut changed = doc.clone();
        if patch::strategic(&kind, &mut changed, &patch).is_err() {
            prop_assert_eq!(&changed, &doc);
        }
        let _ = schema::type_error(&kind, &patch);
        let _ = schema::unknown_fields(&kind, &patch);
        let mut once = patch;
        prune(&kind, &mut once);
        let mut twice = once.clone();
        prune(&kind, &mut twice);
        prop_assert_eq!(&once, &twice);
        complete(&kind, &mut once);
    }

    #[test]
    fn a_merge_patch_twice_is_one(doc in any_json(), patch in any_json()) {
        prop_assume!(patch.is_object());
        let mut once = doc.clone();
        prop_assert_eq!(patch::merge(&mut once, &patch), Ok(()));
        let mut twice = once.clone();
        prop_assert_eq!(patch::merge(&mut twice, &patch), Ok(()));
        prop_assert_eq!(&once, &twice);
        let mut same = once.clone();
        prop_assert_eq!(patch::merge(&mut same, &json!({})), Ok(()));
        prop_assert!(!once.is_object() || same == once);
    }

    #[test]
    fn an_empty_strategic_patch_changes_nothing(seed in any::<u32>()) {
        let (before, _) = two_pods(seed);
        let mut same = before.clone();
        prop_assert_eq!(patch::strategic(&pod(), &mut same, &json!({})), Ok(()));
        prop_assert_eq!(&same, &before);
        // A patch that names what is there already changes nothing either.
    }

    #[test]
    fn applying_twice_is_applying_once(seed in any::<u32>(), force in any::<bool>()) {
        let (before, applied) = two_pods(seed);
        let options = patch::ApplyOptions { manager: "a", force, subresource: "", time: "now" };
        let Ok(mut once) = patch::apply(&pod(), Some(&before), &applied, &options) else {
            return Ok(());
        };
        complete(&pod(), &mut once);
        let twice = patch::apply(&pod(), Some(&once), &applied, &options).map(|mut twice| {
            complete(&pod(), &mut twice);
            twice
        });
        prop_assert_eq!(twice, Ok(once));
    }

    #[test]
    fn what_is_tracked_twice_is_tracked_once(seed in any::<u32>()) {
        let (before, mut after) = two_pods(seed);
        let options = TrackOptions { manager: "a", subresource: "", time: "now" };
        patch::track(&pod(), Some(&before), &mut after, &options);
        let mut same = after.clone();
        patch::track(&pod(), Some(&after), &mut same, &TrackOptions { manager: "b", ..options });
        prop_assert_eq!(same, after);
    }
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
    let bytes = error(ours).is_some_and(|error| {
        error.contains("cannot unmarshal array") && error.ends_with("of type []uint8")
    });
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
