//! Compares berth's answer to a scenario with the answer of upstream's oracle: [`compare`].
//!
//! Called by the tests that ask berth what the oracle has answered. Both are taken as parsed JSON in which
//! null, empty and absent are the same, and so are a score of 0 and none; the order of `best` and of
//! `reasons` does not count.

use std::fmt;

use serde_json::Value;

use super::any_driver::forget_drivers;

/// How many differences are written out.
const SHOWN_MAX: usize = 25;

/// How many pods got the same answer, and what differs for the others.
#[derive(Default)]
pub(crate) struct Comparison {
    pub(crate) equal: usize,
    pub(crate) unequal: usize,
    differences: Vec<Difference>,
}

struct Difference {
    scenario: String,
    pod: String,
    path: String,
    upstream: Value,
    berth: Value,
}

/// Compares the answers to one scenario; `upstream` is the right one.
pub(crate) fn compare(upstream: &Value, berth: &Value) -> Comparison {
    let mut result = Comparison::default();
    let mut found = Vec::new();
    // An error in place of all pods and a wrong name are differences of the whole document.
    let (upstream_head, upstream_pods) = split(upstream);
    let (berth_head, berth_pods) = split(berth);
    differ("", &upstream_head, &berth_head, &mut found);
    result.note(upstream, "(the whole answer)", found);
    for i in 0..upstream_pods.len().max(berth_pods.len()) {
        let upstream_pod = upstream_pods.get(i).unwrap_or(&Value::Null);
        let berth_pod = berth_pods.get(i).unwrap_or(&Value::Null);
        let found = compare_pod(upstream_pod, berth_pod);
        if found.is_empty() {
            result.equal += 1;
            continue;
        }
        result.unequal += 1;
        let name = upstream_pod["pod"].as_str().unwrap_or("(a pod too many)");
        result.note(upstream, name, found);
    }
    result
}

impl Comparison {
    /// Whether all is the same; a comparison without any pod is not a success.
    pub(crate) fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.unequal == 0 && self.equal > 0
    }

    /// Whether nothing differs but which victims preemption took on which node.
    pub(crate) fn only_outcomes_differ(&self) -> bool {
        let outcomes = |difference: &Difference| {
            difference.path == "preemption"
                && difference.upstream.is_array()
                && difference.berth.is_array()
        };
        !self.is_equal() && self.differences.iter().all(outcomes)
    }

    /// Counts in the comparison of another scenario.
    pub(crate) fn add(&mut self, other: Self) {
        self.equal += other.equal;
        self.unequal += other.unequal;
        self.differences.extend(other.differences);
    }

    fn note(&mut self, answer: &Value, pod: &str, found: Vec<(String, Value, Value)>) {
        let scenario = answer["name"].as_str().unwrap_or("(no name)");
        let differences = found.into_iter().map(|(path, upstream, berth)| Difference {
            scenario: scenario.to_owned(),
            pod: pod.to_owned(),
            path,
            upstream,
            berth,
        });
        self.differences.extend(differences);
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pods = self.equal + self.unequal;
        writeln!(out, "{} of {pods} pods are equal, {} differ", self.equal, self.unequal)?;
        let mut last = ("", "");
        for difference in self.differences.iter().take(SHOWN_MAX) {
            let heading = (difference.scenario.as_str(), difference.pod.as_str());
            if heading != last {
                writeln!(out, "{} {}", heading.0, heading.1)?;
                last = heading;
            }
            writeln!(out, "  {}", difference.path)?;
            writeln!(out, "    upstream: {}", shown(&difference.upstream))?;
            writeln!(out, "    berth:    {}", shown(&difference.berth))?;
        }
        match self.differences.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => writeln!(out, "and {more} differences more"),
        }
    }
}

fn shown(value: &Value) -> String {
    if value.is_null() { "nothing".to_owned() } else { value.to_string() }
}

/// The answer without its pods, and the pods.
fn split(answer: &Value) -> (Value, Vec<Value>) {
    let mut head = answer.clone();
    let pods = head.as_object_mut().and_then(|fields| fields.remove("pods"));
    let pods = match pods {
        Some(Value::Array(pods)) => pods,
        _ => Vec::new(),
    };
    (without_empty(head), pods)
}

/// The paths at which two answers about a pod differ, with what each says there.
fn compare_pod(upstream: &Value, berth: &Value) -> Vec<(String, Value, Value)> {
    let mut upstream = comparable(upstream.clone());
    let mut berth = comparable(berth.clone());
    let right = take(&mut upstream, "preemption");
    let given = take(&mut berth, "preemption");
    let mut found = Vec::new();
    if !is_one_of(&given, &right) {
        found.push(("preemption".to_owned(), right, given));
    }
    // Upstream ends with the error of one of the nodes of which nothing can be said.
    if names_an_error(&berth["error"], &upstream["rejected"]) {
        take(&mut berth, "error");
        take(&mut upstream, "error");
    }
    differ("", &upstream, &berth, &mut found);
    found
}

/// Whether `error` is what is said of one of the `rejected` nodes of which nothing could be said.
fn names_an_error(error: &Value, rejected: &Value) -> bool {
    let mut nodes = rejected.as_object().into_iter().flat_map(|nodes| nodes.values());
    nodes.any(|node| node["code"] == "Error" && node["reasons"][0] == *error)
}

/// Takes over into `upstream` the answers about pods that `more`, another answer to the same scenario, has
/// as `berth` has them.
pub(crate) fn take_equal_pods(upstream: &mut Value, more: &Value, berth: &Value) {
    let pods = upstream.get_mut("pods").and_then(Value::as_array_mut).into_iter().flatten();
    for (i, pod) in pods.enumerate() {
        let (more, berth) = (&more["pods"][i], &berth["pods"][i]);
        if !compare_pod(pod, berth).is_empty() && compare_pod(more, berth).is_empty() {
            *pod = more.clone();
        }
    }
}

/// Adds to `upstream` the outcomes of preemption that only `more`, another answer to the same scenario, has.
pub(crate) fn add_outcomes(upstream: &mut Value, more: &Value) {
    let pods = upstream.get_mut("pods").and_then(Value::as_array_mut).into_iter().flatten();
    for (pod, more) in pods.zip(more["pods"].as_array().into_iter().flatten()) {
        let seen = pod.get_mut("preemption").and_then(Value::as_array_mut);
        let Some(seen) = seen else { continue };
        for outcome in more["preemption"].as_array().into_iter().flatten() {
            if !seen.contains(outcome) {
                seen.push(outcome.clone());
            }
        }
    }
}

/// Whether each outcome of preemption is one of those seen upstream, where ties are broken by chance.
fn is_one_of(given: &Value, right: &Value) -> bool {
    match (given, right) {
        (Value::Array(given), Value::Array(right)) => {
            given.iter().all(|outcome| right.contains(outcome))
        }
        _ => given == right,
    }
}

fn take(object: &mut Value, field: &str) -> Value {
    let fields = object.as_object_mut();
    fields.and_then(|fields| fields.remove(field)).unwrap_or(Value::Null)
}

/// Brings an answer about a pod into the form in which two of them are equal or not.
fn comparable(mut pod: Value) -> Value {
    for scores in ["scores", "raw"] {
        let nodes = pod.get_mut(scores).and_then(Value::as_object_mut);
        for plugins in nodes.into_iter().flat_map(serde_json::Map::values_mut) {
            if let Some(plugins) = plugins.as_object_mut() {
                plugins.retain(|_, score| score.as_i64() != Some(0));
            }
        }
    }
    if let Some(best) = pod.get_mut("best") {
        sort(best);
    }
    sort_reasons(&mut pod);
    forget_drivers(&mut pod);
    without_empty(pod)
}

/// Upstream lists the reasons of extended resources in the order of a Go map, which is any.
fn sort_reasons(value: &mut Value) {
    for (name, field) in value.as_object_mut().into_iter().flatten() {
        if name == "reasons" {
            sort(field);
        } else {
            sort_reasons(field);
        }
    }
}

fn sort(list: &mut Value) {
    if let Some(list) = list.as_array_mut() {
        list.sort_by_key(ToString::to_string);
    }
}

/// The value without anything that is null or empty, at any depth; null if nothing is left.
fn without_empty(value: Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => Value::Null,
        Value::Array(items) => {
            let items: Vec<Value> = items.into_iter().map(without_empty).collect();
            if items.iter().all(Value::is_null) { Value::Null } else { Value::Array(items) }
        }
        Value::Object(fields) => {
            let fields: serde_json::Map<String, Value> = fields
                .into_iter()
                .map(|(name, field)| (name, without_empty(field)))
                .filter(|(_, field)| !field.is_null())
                .collect();
            if fields.is_empty() { Value::Null } else { Value::Object(fields) }
        }
        other => other,
    }
}

/// Collects the innermost paths at which two values differ.
fn differ(path: &str, upstream: &Value, berth: &Value, found: &mut Vec<(String, Value, Value)>) {
    match (upstream, berth) {
        (Value::Object(left), Value::Object(right)) => {
            let more = right.keys().filter(|name| !left.contains_key(*name));
            for name in left.keys().chain(more) {
                let dot = if path.is_empty() { "" } else { "." };
                differ(&format!("{path}{dot}{name}"), &upstream[name], &berth[name], found);
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for i in 0..left.len().max(right.len()) {
                let nothing = &Value::Null;
                let (left, right) = (left.get(i), right.get(i));
                let path = format!("{path}[{i}]");
                differ(&path, left.unwrap_or(nothing), right.unwrap_or(nothing), found);
            }
        }
        _ if upstream == berth => {}
        _ => found.push((path.to_owned(), upstream.clone(), berth.clone())),
    }
}
