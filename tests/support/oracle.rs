//! The upstream scheduling framework as something to ask: [`Oracle`].
//!
//! The tests that compare our decisions with upstream's own it; the format is in
//! `tests/upstream/README.md`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{require, upstream};

/// A running oracle. Dropping it ends the program, and so does the end of the test run.
pub(crate) struct Oracle {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts the oracle; `None`, after a line that says so, where Go is missing.
    pub(crate) fn start(test: &str) -> Option<Self> {
        Self::start_with(test, &[])
    }

    /// Starts the oracle with `flags`.
    pub(crate) fn start_with(test: &str, flags: &[String]) -> Option<Self> {
        require(test, "the oracle", Self::try_start("oracle", flags))
    }

    /// Starts what answers questions about patches, in the same way.
    pub(crate) fn start_patches(test: &str) -> Option<Self> {
        require(test, "patches", Self::try_start("patches", &[]))
    }

    /// Starts what says whether kube-scheduler takes a configuration, in the same way.
    pub(crate) fn start_config(test: &str) -> Option<Self> {
        require(test, "config", Self::try_start("config", &[]))
    }

    /// The answer to one scenario.
    #[track_caller]
    pub(crate) fn ask(&mut self, scenario: &Value) -> Value {
        self.try_ask(scenario).expect("the oracle answers every line with a line of JSON")
    }

    fn try_start(program: &str, flags: &[String]) -> Result<Option<Self>> {
        let Some(binary) = upstream::binary(program)? else {
            return Ok(None);
        };
        let mut child = Command::new(binary)
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let questions = child.stdin.take().context("the oracle has no input")?;
        let answers = child.stdout.take().context("the oracle has no output")?;
        Ok(Some(Self { child, questions, answers: BufReader::new(answers) }))
    }

    fn try_ask(&mut self, scenario: &Value) -> Result<Value> {
        let mut line = serde_json::to_vec(scenario)?;
        line.push(b'\n');
        self.questions.write_all(&line).context("the oracle takes no more questions")?;
        self.questions.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(!answer.is_empty(), "the oracle ended: its last words are above");
        Ok(serde_json::from_str(&answer)?)
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
