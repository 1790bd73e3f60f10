//! The tables of upstream's own unit tests, told as scenarios: [`tables`].
//!
//! Called by `upstream_tables`. `data/upstream_tables/NAME.jsonl` has one file for one package of upstream's. Its
//! first line is the head: `{"package": "nodename", "config": configuration, "cases": {"TestX": 4, ...}}`, the
//! number of cases of each test function. Each line after it is a case of theirs:
//!
//! - `{"case": "TestX/name", "gates": "A=true", "scenario": {...}, "expected": {...}, "table": "..."}`: the scenario
//!   without its name, with the head's `config` where it has none of its own and `evaluate` where it has no mode;
//!   the whole answer that is right, the table's and the oracle's; `table` only where the two are not the same, and
//!   then says what the table has instead.
//! - `{"case": "TestX/name", "left_out": "why"}`: what cannot be told as a scenario.
//!
//! A case that judges several pods, or one pod before and after a change of the cluster, has several rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/upstream_tables");

/// The cases of one package of upstream's.
pub(crate) struct Table {
    /// The file's name without its end.
    pub(crate) name: String,
    /// How many cases each test function has.
    pub(crate) cases: BTreeMap<String, usize>,
    pub(crate) rows: Vec<Row>,
    /// Names of the cases that cannot be told as a scenario; each has its reason in the file.
    pub(crate) left_out: Vec<String>,
}

/// One case that is told as a scenario.
pub(crate) struct Row {
    /// The test function, a slash, the case.
    pub(crate) case: String,
    /// Feature gates as `--feature-gates` takes them; often none.
    pub(crate) gates: String,
    /// Named after file and case.
    pub(crate) scenario: Value,
    /// The answer that is right, of the same name.
    pub(crate) expected: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// Where upstream has the tests; for people.
    #[serde(rename = "package")]
    _package: String,
    config: Value,
    cases: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Row {
        case: String,
        #[serde(default)]
        gates: String,
        scenario: Value,
        expected: Value,
        /// What upstream's table has instead of what its scheduler does; for people.
        #[serde(default, rename = "table")]
        _table: Option<String>,
    },
    LeftOut {
        case: String,
        left_out: String,
    },
}

impl Table {
    /// What is wrong with the numbers: every case of upstream's is here, either as rows or with a reason.
    pub(crate) fn check_cases(&self) -> Result<()> {
        let name = &self.name;
        let told: BTreeSet<&str> = self.rows.iter().map(|row| row.case.as_str()).collect();
        let left_out: BTreeSet<&str> = self.left_out.iter().map(String::as_str).collect();
        ensure!(left_out.len() == self.left_out.len(), "{name}: a case is left out twice");
        let both: Vec<_> = told.intersection(&left_out).collect();
        ensure!(both.is_empty(), "{name}: both told and left out: {both:?}");
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for case in told.union(&left_out) {
            let function = case.split('/').next().unwrap_or_default();
            *found.entry(function.to_owned()).or_default() += 1;
        }
        ensure!(found == self.cases, "{name}: cases {found:?}, of upstream's {:?}", self.cases);
        Ok(())
    }
}

/// All tables, sorted by name.
pub(crate) fn tables() -> Result<Vec<Table>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(FOLDER).context("cannot list the tables")? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.iter().map(|path| table(path)).collect()
}

fn table(path: &Path) -> Result<Table> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut lines = text.lines();
    let head = lines.next().with_context(|| format!("{shown} is empty"))?;
    let head: Head = serde_json::from_str(head).with_context(|| format!("{shown}: line 1"))?;
    let mut table = Table { name, cases: head.cases, rows: Vec::new(), left_out: Vec::new() };
    for (at, line) in lines.enumerate() {
        let line =
            serde_json::from_str(line).with_context(|| format!("{shown}: line {}", at + 2))?;
        match line {
            Line::Row { case, gates, mut scenario, mut expected, .. } => {
                let full = format!("{}: {case}", table.name);
                let fields = scenario.as_object_mut().context("a scenario is an object")?;
                fields.entry("config").or_insert_with(|| head.config.clone());
                fields.entry("mode").or_insert_with(|| json!("evaluate"));
                fields.insert("name".to_owned(), json!(full));
                expected["name"] = json!(full);
                table.rows.push(Row { case, gates, scenario, expected });
            }
            Line::LeftOut { case, left_out } => {
                ensure!(!left_out.is_empty(), "{shown}: {case} has no reason");
                table.left_out.push(case);
            }
        }
    }
    Ok(table)
}
