//! `berth evaluate`: scenarios on standard input, what would be decided on standard output, one JSON
//! document a line, or a table for people. The engine of `run`, asked.

use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::engine::{Engine, EngineConfig, Event, NodeVerdict, PodAnswer, PreemptionAnswer};
use crate::framework::{NoProbe, Profile};
use crate::model::Pod;
use crate::plugins::PLUGINS;
use crate::queue::Backoff;
use crate::units::Nanos;

use super::args::{EvaluateArgs, OutputFormat};
use super::evaluate_table::table;
use super::scenario::Scenario;

/// The longest line that is read, in bytes: some 20,000 nodes and 200,000 pods.
const LINE_BYTES_MAX: u64 = 1 << 30;

/// Reads scenarios until the input ends. The exit code is 2 if a line was malformed, 1 if the output
/// could not be written.
#[must_use]
pub fn execute(args: EvaluateArgs) -> ExitCode {
    let stdin = io::stdin().lock();
    let stdout = io::BufWriter::new(io::stdout().lock());
    super::written(run(stdin, stdout, args.output))
}

/// Answers every line; says whether all of them could be read.
fn run(mut input: impl BufRead, mut out: impl Write, format: OutputFormat) -> io::Result<bool> {
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
            answer(text)
        };
        all_well &= document.is_ok();
        let document = document.unwrap_or_else(|(name, error)| {
            let error = Some(format!("line {line}: {error}"));
            Document { name, pods: Vec::new(), error, brief: false }
        });
        match format {
            OutputFormat::Json => writeln!(out, "{}", document.to_json())?,
            OutputFormat::Table => writeln!(out, "{}", table(&document))?,
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

/// What is said of one scenario.
pub(super) struct Document {
    /// Its name, or null.
    pub(super) name: Value,
    /// Every pending pod, with an answer or the reason why there is none.
    pub(super) pods: Vec<(String, Result<PodAnswer, String>)>,
    /// What is wrong with the line.
    pub(super) error: Option<String>,
    /// Leave out everything that grows with the number of nodes.
    pub(super) brief: bool,
}

fn answer(text: &[u8]) -> Result<Document, (Value, String)> {
    let value: Value = serde_json::from_slice(text)
        .map_err(|error| (Value::Null, format!("not JSON: {error}")))?;
    let name = value.get("name").cloned().unwrap_or_default();
    let scenario = Scenario::read(&value).map_err(|error| (name.clone(), error))?;
    let profiles = scenario.configuration.profiles.iter();
    let profiles = profiles.map(|spec| Profile::compile(spec, PLUGINS));
    let profiles: Result<_, _> = profiles.collect();
    let config = EngineConfig {
        seed: 0,
        profiles: profiles.map_err(|error| (name.clone(), format!("config: {error}")))?,
        bindings_in_flight_max: 0,
        backoff: Backoff::default(),
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
    let one = |pod: &Pod| {
        let answer = engine.evaluate(pod);
        let unknown = || format!("no profile for schedulerName \"{}\"", pod.scheduler_name);
        (pod.key.to_string(), answer.ok_or_else(unknown))
    };
    let pods = scenario.pods.iter().map(one).collect();
    Ok(Document { name, pods, error: None, brief: scenario.brief })
}

impl Document {
    /// The answer in the oracle's format; what is empty is left out.
    fn to_json(&self) -> Value {
        let mut document = json!({ "name": self.name });
        if let Some(error) = &self.error {
            document["error"] = json!(error);
        } else {
            let pods = self.pods.iter().map(|(pod, answer)| self.pod_json(pod, answer));
            document["pods"] = pods.collect();
        }
        document
    }

    fn pod_json(&self, pod: &str, answer: &Result<PodAnswer, String>) -> Value {
        let mut out = json!({ "pod": pod });
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                out["error"] = json!(error);
                return out;
            }
        };
        out["feasible"] = json!(answer.feasible);
        let mut set = |key: &str, value: Value| {
            let empty = value.is_null()
                || value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(serde_json::Map::is_empty);
            if !empty {
                out[key] = value;
            }
        };
        set("preenqueue", answer.pre_enqueue.as_ref().map_or(Value::Null, verdict_json));
        set("prefilter", answer.pre_filter.as_ref().map_or(Value::Null, verdict_json));
        if !self.brief {
            let rejected = answer.rejected.iter();
            set(
                "rejected",
                rejected.map(|(node, verdict)| (node.to_string(), verdict_json(verdict))).collect(),
            );
            set("raw", json!(answer.raw));
            set("scores", json!(answer.scores));
            set("totals", json!(answer.totals));
        }
        set("best", json!(answer.best));
        set("message", json!(answer.message));
        set("preemption", answer.preemption.iter().map(preemption_json).collect());
        set("error", json!(answer.error));
        set("unschedulablePlugins", json!(answer.unschedulable_plugins));
        out
    }
}

fn preemption_json(preemption: &PreemptionAnswer) -> Value {
    let victims = preemption.victims.iter().map(ToString::to_string);
    json!({
        "node": preemption.node,
        "victims": victims.collect::<Vec<_>>(),
        "message": preemption.message,
    })
}

fn verdict_json(verdict: &NodeVerdict) -> Value {
    json!({
        "plugin": verdict.plugin,
        "code": verdict.code.as_str(),
        "reasons": verdict.reasons,
    })
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
