//! Runs `berth evaluate`: lines in, answers out. Called by the tests that compare berth with upstream.

use std::io::Write;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::compare::{Comparison, compare};

/// An error unless berth answers the `in` of each of `vectors` as its `out` says.
pub(crate) fn answers_as_recorded(vectors: &[Value]) -> Result<()> {
    let lines: Vec<String> = vectors.iter().map(|vector| vector["in"].to_string()).collect();
    let (answers, status) = evaluate(&lines)?;
    ensure!(status.success(), "berth answered every line and ended with {status}");
    let mut result = Comparison::default();
    for (vector, answer) in vectors.iter().zip(&answers) {
        result.add(compare(&vector["out"], answer));
    }
    ensure!(result.is_equal(), "{result}");
    Ok(())
}

/// Berth's answers to `lines`, one each, and how the program ended.
///
/// Fewer answers than lines are an error that says after which line the program fell silent.
pub(crate) fn evaluate(lines: &[String]) -> Result<(Vec<Value>, ExitStatus)> {
    evaluate_with(&[], lines)
}

/// The same with `flags` more.
pub(crate) fn evaluate_with(
    flags: &[String],
    lines: &[String],
) -> Result<(Vec<Value>, ExitStatus)> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_berth"))
        .arg("evaluate")
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start berth")?;
    let mut input = child.stdin.take().context("berth has no input")?;
    let output = thread::scope(|scope| {
        // Berth answers while it reads, so one thread cannot do both ends. Where it ends early the write
        // fails, and the number of answers says so.
        scope.spawn(move || {
            for line in lines {
                if writeln!(input, "{line}").is_err() {
                    return;
                }
            }
        });
        child.wait_with_output()
    })?;
    let said = String::from_utf8_lossy(&output.stderr);
    let answers = String::from_utf8(output.stdout).context("berth's answers are not UTF-8")?;
    let answers: Vec<&str> = answers.lines().collect();
    ensure!(
        answers.len() == lines.len(),
        "berth gave {} answers to {} lines and ended with {}\nit said: {said}\nthe first line without \
         an answer, or the last one: {}",
        answers.len(),
        lines.len(),
        output.status,
        lines.get(answers.len()).or(lines.last()).map_or("", String::as_str),
    );
    let parse = |answer| {
        serde_json::from_str(answer)
            .with_context(|| format!("berth's answer is not JSON: {answer}"))
    };
    let answers = answers.into_iter().map(parse).collect::<Result<_>>()?;
    Ok((answers, output.status))
}
