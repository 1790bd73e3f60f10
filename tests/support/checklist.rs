//! Upstream's integration tests, told as steps: [`packages`].
//!
//! Called by `checklist`. `data/checklist/NAME.jsonl` has one file for one package of upstream's
//! test/integration/scheduler. Its first line is the head: `{"package": "filters", "functions": {"TestX": 4, ...}}`,
//! the number of entries of each test function; a function without a table is one entry of its own name. Each line
//! after it is an entry:
//!
//! - `{"case": "TestX/name", "core": true, "config": {...}, "gates": "A=true", "steps": [...]}`: what upstream's test
//!   asks of the API server, recorded as it ran, and what could be seen of its pods each time before it went on.
//!   `config` is the scheduler's configuration, `gates` its feature gates; most have none. `core` entries run in
//!   every `cargo test`.
//! - `{"case": "TestX/name", "test": "file.rs: name"}`: a test of ours that shows the same on a real API server, or
//!   (`src/file.rs: name`) on the virtual clock, where nobody outside of the scheduler can see it.
//! - `{"case": "TestX/name", "left_out": "why"}`: what is not tested.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/checklist");

/// The entries of one package of upstream's.
pub(crate) struct Package {
    /// The folder of upstream's test/integration/scheduler.
    pub(crate) name: String,
    /// How many entries each test function has.
    pub(crate) functions: BTreeMap<String, usize>,
    pub(crate) entries: Vec<Entry>,
}

/// A test function without a table, or a case of one with.
#[derive(Deserialize)]
pub(crate) struct Entry {
    /// The test function, a slash, the case.
    pub(crate) case: String,
    #[serde(flatten)]
    pub(crate) kept: Kept,
}

/// How an entry is kept.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Kept {
    Steps(Script),
    /// By another test: file and name.
    Test {
        test: String,
    },
    /// Not at all, and why.
    LeftOut {
        left_out: String,
    },
}

/// What is done, and what is to be seen.
#[derive(Clone, Deserialize)]
pub(crate) struct Script {
    #[serde(default)]
    pub(crate) core: bool,
    #[serde(default)]
    pub(crate) config: Option<Value>,
    #[serde(default)]
    pub(crate) gates: String,
    pub(crate) steps: Vec<Step>,
}

/// One step. Names of namespaces that begin with `@ns` are made unique to the run of the entry.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// berth starts here, and not with the first pod that it has to place.
    Start,
    /// A request.
    Send(Request),
    /// What becomes of pods, by `namespace/name`.
    See(BTreeMap<String, Outcome>),
    /// From here on each attempt at these pods counts; all have been tried and turned down.
    Tried(Vec<String>),
    /// Which pods are tried again for what has been sent since; no others are.
    Retried { pods: Vec<String>, not: Vec<String> },
    /// So many pods are on nodes, the same number for each value of a label of the nodes.
    Spread { label: String, pods: usize },
}

/// A request, and that the API server takes it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    #[serde(default = "post")]
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default = "json")]
    pub(crate) content_type: String,
    #[serde(default)]
    pub(crate) body: Option<Value>,
    /// It does not take it, and answers with this status.
    #[serde(default)]
    pub(crate) refused: Option<u16>,
}

fn post() -> String {
    "POST".to_owned()
}

fn json() -> String {
    "application/json".to_owned()
}

/// What becomes of a pod. Fields that are not given may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    /// It is on a node, which is one of these unless the list is empty.
    #[serde(default)]
    pub(crate) nodes: Option<Vec<String>>,
    /// It is on no node, for this reason.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// It is nominated to this node.
    #[serde(default)]
    pub(crate) nominated: Option<String>,
    /// It has been deleted, or is about to go.
    #[serde(default)]
    pub(crate) deleted: bool,
    /// It has made way for another pod, as its condition `DisruptionTarget` says; or it neither has that
    /// condition nor is about to go.
    #[serde(default)]
    pub(crate) disrupted: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    package: String,
    functions: BTreeMap<String, usize>,
}

/// All packages, sorted by name.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(FOLDER).context("cannot list the checklist")? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.iter().map(|path| package(path)).collect()
}

fn package(path: &Path) -> Result<Package> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let mut lines = text.lines();
    let head = lines.next().with_context(|| format!("{shown} is empty"))?;
    let head: Head = serde_json::from_str(head).with_context(|| format!("{shown}: line 1"))?;
    let mut entries = Vec::new();
    for (at, line) in lines.enumerate() {
        let entry: Entry =
            serde_json::from_str(line).with_context(|| format!("{shown}: line {}", at + 2))?;
        entries.push(entry);
    }
    let package = Package { name: head.package, functions: head.functions, entries };
    package.check_numbers().with_context(|| format!("{shown}"))?;
    Ok(package)
}

impl Package {
    /// Every entry of upstream's is here once.
    fn check_numbers(&self) -> Result<()> {
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for entry in &self.entries {
            ensure!(seen.insert(&entry.case), "{} is here twice", entry.case);
            let function = entry.case.split('/').next().unwrap_or_default();
            *found.entry(function).or_default() += 1;
        }
        let wanted: BTreeMap<&str, usize> =
            self.functions.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        ensure!(found == wanted, "entries {found:?}, of upstream's {wanted:?}");
        Ok(())
    }
}
