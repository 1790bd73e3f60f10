//! `berth evaluate`: scenarios on standard input, what would be decided on standard output, one JSON
//! document a line, or a table for people. The engine of `run`, asked.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::Value;

use crate::engine::{Engine, EngineConfig, Event};
use crate::framework::{NoProbe, Profile};
use crate::model::{FeatureGates, Pod};
use crate::queue::Backoff;
use crate::units::Nanos;

use super::args::{EvaluateArgs, OutputFormat};
use super::evaluate_answers::{Document, Judged, Went};
use super::evaluate_table::{self, Detail};
use super::registry;
use super::scenario::Scenario;

/// The longest line that is read, in bytes: some 20,000 nodes and 200,000 pods.
const LINE_BYTES_MAX: u64 = 1 << 30;

/// Reads scenarios until the input ends. The exit code is 2 if a flag or a line was malformed, 1 if the output
/// could not be written.
#[must_use]
pub fn execute(args: &EvaluateArgs) -> ExitCode {
    let gates = match args.gates.read() {
        Ok(gates) => gates,
        Err(error) => return super::refuse(&error),
    };
    for warning in &gates.warnings {
        super::warn(warning);
    }
    let stdin = io::stdin().lock();
    let stdout = io::BufWriter::new(io::stdout().lock());
    super::written(run(stdin, stdout, Form::of(args), gates.features))
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Table(Detail),
}

impl Form {
    fn of(args: &EvaluateArgs) -> Self {
        match args.output {
            _ if args.explain == Some(true) => Self::Table(evaluate_table::FULL),
            OutputFormat::Json => Self::Json,
            OutputFormat::Table => Self::Table(evaluate_table::SHORT),
        }
    }
}

/// What is said where a configuration has extenders. The oracle leaves them out, too.
const NO_EXTENDERS: &str = "config: extenders: none is asked, since evaluate calls nobody: the answer is what the \
                            plugins decide";

/// Answers every line; says whether all of them could be read.
fn run(
    mut input: impl BufRead,
    mut out: impl Write,
    form: Form,
    gates: FeatureGates,
) -> io::Result<bool> {
    let mut all_well = true;
    let mut bytes = Vec::new();
    for line in 1u64.. {
        bytes.clear();
        if input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let text = bytes.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let document = if bytes.len() as u64 >= LINE_BYTES_MAX && !bytes.ends_with(b"\n") {
            skip_line(&mut input)?;
            Err((Value::Null, format!("longer than {LINE_BYTES_MAX} bytes")))
        } else {
            answer(text, gates, |warning| super::warn(&format!("line {line}: {warning}")))
        };
        all_well &= document.is_ok();
        let document = document.unwrap_or_else(|(name, error)| {
            let error = Some(format!("line {line}: {error}"));
            Document { name, pods: Vec::new(), error, brief: false }
        });
        match form {
            Form::Json => writeln!(out, "{}", document.to_json())?,
            Form::Table(detail) => writeln!(out, "{}", evaluate_table::text(&document, detail))?,
        }
        out.flush()?;
    }
    Ok(all_well)
}

/// Reads on to the end of the line, without keeping it.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let chunk = input.fill_buf()?;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let read = end.map_or(chunk.len(), |at| at + 1);
        let done = end.is_some() || chunk.is_empty();
        input.consume(read);
        if done {
            return Ok(());
        }
    }
}

/// Answers one line; an error comes with the name of the scenario, if it has one.
fn answer(
    text: &[u8],
    gates: FeatureGates,
    mut warn: impl FnMut(&str),
) -> Result<Document, (Value, String)> {
    let value: Value = serde_json::from_slice(text)
        .map_err(|error| (Value::Null, format!("not JSON: {error}")))?;
    let name = value.get("name").cloned().unwrap_or_default();
    let scenario = Scenario::read(&value, gates).map_err(|error| (name.clone(), error))?;
    if !scenario.configuration.extenders.is_empty() {
        warn(NO_EXTENDERS);
    }
    let profiles = scenario.configuration.profiles.iter();
    let profiles = profiles.map(|spec| Profile::compile(spec, registry()));
    let profiles: Result<_, _> = profiles.collect();
    let config = EngineConfig {
        seed: 0,
        profiles: profiles.map_err(|error| (name.clone(), format!("config: {error}")))?,
        extenders: Vec::new(),
        bindings_in_flight_max: 0,
        backoff: Backoff::default(),
        announces_nodes: false,
        dry_run: true,
        probe: Arc::new(NoProbe),
    };
    let mut engine = Engine::new(config);
    let mut effects = Vec::new();
    for event in scenario.events {
        engine.step(event, Nanos::default(), &mut effects);
    }
    for pod in &scenario.nominated {
        engine.add_nominated(pod);
    }
    let pods = match scenario.replay {
        None => scenario.pods.iter().map(|pod| judge(&engine, pod)).collect(),
        Some(placements) => replay(&mut engine, scenario.pods, &placements),
    };
    Ok(Document { name, pods, error: None, brief: scenario.brief })
}

fn judge(engine: &Engine, pod: &Pod) -> Judged {
    let unknown = || format!("no profile for schedulerName \"{}\"", pod.scheduler_name);
    let answer = engine.evaluate(pod).ok_or_else(unknown);
    Judged { pod: pod.key.to_string(), answer, went: None }
}

/// Judges the pods in order; each is put where it went before the next one is judged.
fn replay(
    engine: &mut Engine,
    pods: Vec<Pod>,
    placements: &BTreeMap<String, Box<str>>,
) -> Vec<Judged> {
    let mut effects = Vec::new();
    let mut one = |mut pod: Pod| {
        let mut judged = judge(engine, &pod);
        let node = placements.get(&judged.pod).cloned();
        let best = judged.answer.as_ref().map_or(&[][..], |answer| &answer.best);
        let agrees = match &node {
            Some(node) => best.contains(node),
            None => best.is_empty(),
        };
        if node.is_some() {
            pod.node_name.clone_from(&node);
            // It ran then, whatever became of it since.
            pod.finished = false;
            engine.step(Event::PodUpsert(Box::new(pod)), Nanos::default(), &mut effects);
            effects.clear();
        }
        judged.went = Some(Went { node, agrees });
        judged
    };
    pods.into_iter().map(&mut one).collect()
}

/// The events that build a scenario's cluster.
pub(super) fn event(object: crate::wire::Object) -> Option<Event> {
    match object {
        crate::wire::Object::Node(node) => Some(Event::NodeUpsert(Box::new(node))),
        crate::wire::Object::Namespace(space) => Some(Event::NamespaceUpsert(Box::new(space))),
        crate::wire::Object::Pod(pod) => {
            (pod.node_name.is_some() && !pod.finished).then_some(Event::PodUpsert(pod))
        }
        crate::wire::Object::Kept(object) => Some(Event::ObjectUpsert(object)),
        crate::wire::Object::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed for people of the example in the README.
    fn example(detail: Detail) -> String {
        printed(include_str!("../../deploy/evaluate-example.jsonl"), detail)
    }

    fn printed(scenarios: &str, detail: Detail) -> String {
        let mut out = Vec::new();
        assert!(
            run(scenarios.as_bytes(), &mut out, Form::Table(detail), FeatureGates::default())
                .unwrap()
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_tables_of_the_example() {
        let golden = |name: &str| {
            let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).unwrap()
        };
        assert_eq!(example(evaluate_table::FULL), golden("explained.txt"));
        assert_eq!(example(evaluate_table::SHORT), golden("table.txt"));
    }

    #[test]
    fn of_a_wide_cluster_the_best_nodes_are_shown_and_the_others_counted() {
        let node = |at: usize| {
            let cpu = if at.is_multiple_of(2) { 1 + at } else { 0 };
            serde_json::json!({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("n{at:03}")},
                "status": {"allocatable": {"cpu": cpu.to_string(), "memory": "8Gi", "pods": "9"}},
            })
        };
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]},
        });
        let nodes: Vec<Value> = (0..240).map(node).collect();
        let line = serde_json::json!({"name": "wide", "objects": nodes, "pods": [pod]}).to_string();
        let text = printed(&line, evaluate_table::FULL);
        assert!(text.contains("  nodes left out: 20 feasible, 120 rejected\n"), "{text}");
        let rows = text.lines().filter(|row| row.starts_with("│ n"));
        let rows: Vec<Vec<&str>> =
            rows.map(|row| row.split('┆').map(str::trim).collect()).collect();
        assert_eq!(rows.len(), 100);
        assert_eq!(rows[0][1], "best");
        let totals: Vec<i64> = rows.iter().map(|row| row[2].parse().unwrap()).collect();
        assert!(totals.is_sorted_by(|a, b| a >= b), "{totals:?}");
        let text = printed(&line, evaluate_table::SHORT);
        assert!(text.contains("  nodes left out: 110 feasible, 120 rejected\n"), "{text}");
    }

    #[test]
    fn a_replay_for_people() {
        let line = r#"{"name": "r", "mode": "replay", "placements": {"default/a": "n", "default/b": "m"},
            "objects": [{"kind": "Node", "apiVersion": "v1", "metadata": {"name": "n"},
                         "status": {"allocatable": {"pods": "1"}}}],
            "pods": [{"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}},
                     {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "b"}},
                     {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "c"}}], "brief": BRIEF}"#;
        let line = line.replace('\n', "");
        let text = printed(&line.replace("BRIEF", "false"), evaluate_table::SHORT);
        assert!(
            text.contains(
                "r: pod default/a: 1 of 1 nodes feasible, 1 of them best; went to n, which agrees"
            ),
            "{text}"
        );
        assert!(text.contains("NodeResourcesFit: Too many pods"), "{text}");
        let text = printed(&line.replace("BRIEF", "true"), evaluate_table::SHORT);
        let said: Vec<&str> = text.lines().collect();
        assert_eq!(said.len(), 3, "{text}");
        assert!(said[0].starts_with("r: pod default/b: unschedulable: 0/1 nodes"), "{text}");
        assert!(said[0].ends_with("; went to m, which disagrees"), "{text}");
        assert_eq!(said[1], "r: 2 agree, 1 disagree");
    }

    #[test]
    fn a_plugin_that_fails_at_prefilter_is_named() {
        let line = r#"{"objects": [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}],
            "pods": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b"},
            "spec": {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchExpressions": [
                {"key": "a", "operator": "Like", "values": ["b"]}
            ]}}]}}]}"#;
        let document = answer(line.as_bytes(), FeatureGates::default(), |_| {}).unwrap();
        let said = document.to_json()["pods"][0].clone();
        let why = "running PreFilter plugin \"PodTopologySpread\": get constraints from pod: obtaining \
                   pod's hard topology spread constraints: \"Like\" is not a valid label selector \
                   operator";
        assert_eq!(said["error"], why);
        let verdict =
            serde_json::json!({"plugin": "PodTopologySpread", "code": "Error", "reasons": [why]});
        assert_eq!(said["prefilter"], verdict);
    }

    #[test]
    fn extenders_are_left_out_and_that_is_said() {
        let line = r#"{"name": "e", "config": {"apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration", "extenders": [
                {"urlPrefix": "http://127.0.0.1:1", "filterVerb": "filter"}
            ]}, "objects": [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"},
            "status": {"allocatable": {"pods": "1"}}}], "pods": [{"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "namespace": "default"}}]}"#;
        let mut warnings = Vec::new();
        let warn = |warning: &str| warnings.push(warning.to_owned());
        let document = answer(line.as_bytes(), FeatureGates::default(), warn).unwrap();
        assert_eq!(document.to_json()["pods"][0]["best"], serde_json::json!(["n"]));
        assert_eq!(warnings, [NO_EXTENDERS]);
    }

    #[test]
    fn explaining_is_for_people_whatever_the_output() {
        let of = |explain, output| {
            Form::of(&EvaluateArgs { output, explain, ..EvaluateArgs::default() })
        };
        assert_eq!(of(None, OutputFormat::Json), Form::Json);
        assert_eq!(of(Some(false), OutputFormat::Table), Form::Table(evaluate_table::SHORT));
        assert_eq!(of(Some(true), OutputFormat::Json), Form::Table(evaluate_table::FULL));
    }
}
