//! What `berth evaluate` says of a scenario, and how that looks as JSON: the oracle's format
//! (`tests/upstream/README.md`). Made by `evaluate`, printed for people by `evaluate_table`.

use serde_json::{Map, Value, json};

use crate::engine::{NodeVerdict, PodAnswer, PreemptionAnswer};

/// What is said of one scenario.
pub(super) struct Document {
    /// Its name, or null.
    pub(super) name: Value,
    /// Every pending pod, in order.
    pub(super) pods: Vec<Judged>,
    /// What is wrong with the line.
    pub(super) error: Option<String>,
    /// Leave out everything that grows with the number of nodes, and of a replay the pods that agree.
    pub(super) brief: bool,
}

/// What is said of one pod.
pub(super) struct Judged {
    /// `namespace/name`.
    pub(super) pod: String,
    /// The answer, or the reason why there is none.
    pub(super) answer: Result<PodAnswer, String>,
    /// In a replay: where it went.
    pub(super) went: Option<Went>,
}

/// Where a pod of a replay went.
pub(super) struct Went {
    /// The node; `None` where it was not placed.
    pub(super) node: Option<Box<str>>,
    /// The node is among the best, or there was none and the pod was not placed.
    pub(super) agrees: bool,
}

impl Document {
    /// How many pods of a replay agree, and how many do not; `None` where this is no replay.
    pub(super) fn counts(&self) -> Option<(usize, usize)> {
        let went: Vec<&Went> = self.pods.iter().filter_map(|judged| judged.went.as_ref()).collect();
        let agree = went.iter().filter(|went| went.agrees).count();
        (!went.is_empty()).then(|| (agree, went.len() - agree))
    }

    /// The pods that are to be shown.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Judged> {
        let agrees = |judged: &&Judged| judged.went.as_ref().is_some_and(|went| went.agrees);
        self.pods.iter().filter(move |judged| !(self.brief && agrees(judged)))
    }

    /// The answer in the oracle's format; what is empty or zero is left out, as it is there.
    pub(super) fn to_json(&self) -> Value {
        let mut document = json!({ "name": self.name });
        if let Some(error) = &self.error {
            document["error"] = json!(error);
            return document;
        }
        document["pods"] = self.shown().map(|judged| self.pod_json(judged)).collect();
        let (agree, disagree) = self.counts().unwrap_or_default();
        for (key, count) in [("agree", agree), ("disagree", disagree)] {
            if count > 0 {
                document[key] = json!(count);
            }
        }
        document
    }

    fn pod_json(&self, judged: &Judged) -> Value {
        let mut out = Map::new();
        out.insert("pod".to_owned(), json!(judged.pod));
        match &judged.answer {
            // A replay never shows what grows with the number of nodes.
            Ok(answer) => self.answer_json(answer, judged.went.is_some(), &mut out),
            Err(error) => drop(out.insert("error".to_owned(), json!(error))),
        }
        if let Some(went) = &judged.went {
            set(&mut out, "placed", json!(went.node));
            set(&mut out, "agrees", json!(went.agrees));
        }
        Value::Object(out)
    }

    fn answer_json(&self, answer: &PodAnswer, replay: bool, out: &mut Map<String, Value>) {
        let verdict =
            |verdict: &Option<NodeVerdict>| verdict.as_ref().map_or(Value::Null, verdict_json);
        set(out, "feasible", json!(answer.feasible));
        set(out, "preenqueue", verdict(&answer.pre_enqueue));
        set(out, "prefilter", verdict(&answer.pre_filter));
        if !self.brief && !replay {
            let rejected = answer.rejected.iter();
            let rejected =
                rejected.map(|(node, verdict)| (node.to_string(), verdict_json(verdict)));
            set(out, "rejected", rejected.collect());
            set(out, "raw", json!(answer.raw));
            set(out, "scores", json!(answer.scores));
            set(out, "totals", json!(answer.totals));
        }
        set(out, "best", json!(answer.best));
        set(out, "message", json!(answer.message));
        set(out, "preemption", answer.preemption.iter().map(preemption_json).collect());
        set(out, "error", json!(answer.error));
        set(out, "unschedulablePlugins", json!(answer.unschedulable_plugins));
    }
}

/// Puts `value` in unless it is empty.
fn set(out: &mut Map<String, Value>, key: &str, value: Value) {
    let empty = match &value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if !empty {
        out.insert(key.to_owned(), value);
    }
}

fn verdict_json(verdict: &NodeVerdict) -> Value {
    json!({
        "plugin": verdict.plugin,
        "code": verdict.code.as_str(),
        "reasons": verdict.reasons,
    })
}

fn preemption_json(outcome: &PreemptionAnswer) -> Value {
    let victims: Vec<String> = outcome.victims.iter().map(ToString::to_string).collect();
    json!({ "node": outcome.node, "victims": victims, "message": outcome.message })
}
