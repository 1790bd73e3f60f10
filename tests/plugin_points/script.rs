//! What a scripted plugin answers: rules, told as its `args` in `pluginConfig`. Asked by `plugin`, written by the
//! tests; a script is JSON such as
//!
//! ```json
//! {"log": "/tmp/x/calls", "events": [{"resource": "Pod", "action": "Delete"}],
//!  "rules": [{"at": "Permit", "pods": ["a"], "times": 1, "say": {"wait": 3000}}]}
//! ```
//!
//! The first rule that fits a call answers it; where none does the answer is [`Say::Pass`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use berth::framework::{Action, Interest, Resource};
use berth::model::Labels;
use serde::Deserialize;

/// How long a call waits for a file.
const FILE_DEADLINE: Duration = Duration::from_mins(2);
/// How often it looks for it.
const POLL: Duration = Duration::from_millis(5);

/// The script of one plugin.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Script {
    /// The file that gets a line for each call, `plugin point namespace/pod what`, in the order of the calls.
    log: Option<PathBuf>,
    /// Of what it registers for; without it, everything.
    events: Option<Vec<Event>>,
    /// It scores by cells, and so has to normalise.
    pub(crate) normalises: bool,
    /// The pod with the highest priority is the next; without it, the one that came first.
    pub(crate) by_priority: bool,
    rules: Vec<Rule>,
    /// How often each rule that counts has answered for a pod.
    #[serde(skip)]
    used: Mutex<BTreeMap<(usize, String), u32>>,
}

/// An answer, and when it is given. What is left out fits everything.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rule {
    /// The extension point, `Unreserve`, `NormalizeScore` or `Hint`.
    at: String,
    /// Names of pods.
    pods: Vec<String>,
    /// A label of pods: `key` or `key=value`.
    label: Option<String>,
    /// Only pods with scheduling gates.
    gated: bool,
    /// Names of nodes.
    nodes: Vec<String>,
    /// It answers so often for each pod, and then no more.
    times: Option<u32>,
    /// It answers only as long as this file is not there.
    until: Option<PathBuf>,
    /// It answers only once this file is there.
    after: Option<PathBuf>,
    /// At PreBind, Bind and PostBind: the call takes until this file is there.
    takes_until: Option<PathBuf>,
    say: Say,
}

/// An answer.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Say {
    /// Nothing against it.
    #[default]
    Pass,
    /// PreFilter, PreBind, Bind, Hint: skipped for the pod.
    Skip,
    /// Unschedulable, for this reason.
    Reject(String),
    /// UnschedulableAndUnresolvable, for this reason.
    Unresolvable(String),
    /// Pending, for this reason.
    Pending(String),
    /// An error.
    Fail(String),
    /// PreFilter: only nodes with these names.
    Nodes(Vec<String>),
    /// Score: so many points.
    Points(i64),
    /// Permit: it waits so many milliseconds.
    Wait(u64),
    /// Permit: allowed, and so are all pods that wait for this plugin.
    AllowWaiting,
    /// Permit: rejected for this reason, and so are all pods that wait for this plugin.
    RejectWaiting(String),
    /// Permit: allowed, while all pods that wait for this plugin are rejected for this reason.
    RejectOthers(String),
    /// PostFilter: something was done; the pod is nominated to this node, if one is named.
    Help(String),
    /// PostBind: these pods are to be tried now.
    Activate(Vec<String>),
    /// Bind: the plugin itself asks the API server, with this kubeconfig file.
    Bind(PathBuf),
}

/// A change that it registers for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    resource: String,
    action: String,
    /// A hint is asked for each pod.
    #[serde(default)]
    asks: bool,
}

/// The pod that a call is about, as far as the caller knows it.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) name: &'a str,
    pub(crate) labels: &'a Labels,
    /// It has scheduling gates.
    pub(crate) gated: bool,
}

impl Script {
    /// Reads it; an error says what is wrong.
    pub(crate) fn parse(args: &str) -> Result<Self, String> {
        let script: Self = serde_json::from_str(args).map_err(|error| error.to_string())?;
        script.interests()?;
        Ok(script)
    }

    /// Of what it registers for.
    pub(crate) fn interests(&self) -> Result<Vec<Interest>, String> {
        let Some(events) = &self.events else { return Ok(Interest::EVERYTHING.to_vec()) };
        let interest = |event: &Event| {
            let (resource, action) = (resource(&event.resource)?, action(&event.action)?);
            Ok(if event.asks {
                Interest::asks_each(resource, action)
            } else {
                Interest::always(resource, action)
            })
        };
        events.iter().map(interest).collect()
    }

    /// Notes a call.
    pub(crate) fn note(&self, plugin: &str, point: &str, pod: &str, what: &str) {
        let Some(log) = &self.log else { return };
        let line = format!("{plugin} {point} {pod} {what}");
        let mut file = File::options().create(true).append(true).open(log).expect("a log of calls");
        // One write a line: several threads call.
        file.write_all(format!("{}\n", line.trim_end()).as_bytes())
            .expect("the log can be written");
    }

    /// The number of the rule for a call, if there is one. Does not count as an answer.
    pub(crate) fn rule(&self, at: &str, about: About<'_>, node: &str) -> Option<usize> {
        (0..self.rules.len()).find(|rule| self.fits(*rule, at, about, node))
    }

    /// The answer of a rule.
    pub(crate) fn says(&self, rule: usize) -> Say {
        self.rules[rule].say.clone()
    }

    /// The answer to a call, without counting it.
    pub(crate) fn peek(&self, at: &str, about: About<'_>, node: &str) -> Say {
        self.rule(at, about, node).map_or(Say::Pass, |rule| self.says(rule))
    }

    /// The answer to a call.
    pub(crate) fn answer(&self, at: &str, about: About<'_>, node: &str) -> Say {
        let Some(rule) = self.rule(at, about, node) else { return Say::Pass };
        if self.rules[rule].times.is_some() {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            *used.entry((rule, about.name.to_owned())).or_default() += 1;
        }
        if let Some(file) = &self.rules[rule].takes_until {
            wait_for(file);
        }
        self.says(rule)
    }

    fn fits(&self, rule: usize, at: &str, about: About<'_>, node: &str) -> bool {
        let it = &self.rules[rule];
        let used = || {
            let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.get(&(rule, about.name.to_owned())).copied().unwrap_or_default()
        };
        let named = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|other| *other == name)
        };
        it.at == at
            && named(&it.pods, about.name)
            && named(&it.nodes, node)
            && it.label.as_deref().is_none_or(|label| has_label(about.labels, label))
            && (about.gated || !it.gated)
            && it.times.is_none_or(|times| used() < times)
            && it.until.as_deref().is_none_or(|file| !file.exists())
            && it.after.as_deref().is_none_or(Path::exists)
    }
}

fn has_label(labels: &Labels, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => labels.get(key) == Some(value),
        None => labels.get(wanted).is_some(),
    }
}

fn wait_for(file: &Path) {
    let deadline = Instant::now() + FILE_DEADLINE;
    while !file.exists() && Instant::now() < deadline {
        sleep(POLL);
    }
}

fn resource(name: &str) -> Result<Resource, String> {
    Ok(match name {
        "Node" => Resource::Node,
        "Pod" => Resource::Pod,
        "AssignedPod" => Resource::AssignedPod,
        "TargetPod" => Resource::TargetPod,
        other => return Err(format!("unknown resource {other:?}")),
    })
}

fn action(name: &str) -> Result<Action, String> {
    Ok(match name {
        "Add" => Action::ADD,
        "Delete" => Action::DELETE,
        "Update" => Action::UPDATE,
        "UpdateNodeTaint" => Action::UPDATE_NODE_TAINT,
        "UpdateNodeLabel" => Action::UPDATE_NODE_LABEL,
        "UpdatePodLabel" => Action::UPDATE_POD_LABEL,
        "All" => Action::ALL,
        other => return Err(format!("unknown action {other:?}")),
    })
}
