//! The answers of `berth evaluate` for people: one table a pod, with every node's verdict and its scores
//! plugin by plugin. `--output table` is the short form of it, `--explain` the full one.

use std::collections::BTreeSet;
use std::fmt::Write;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::engine::PodAnswer;

use super::evaluate_answers::{Document, Judged};

/// How much of an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Detail {
    /// Rows of a table; the nodes that are left out are counted below it.
    rows_max: usize,
    /// Scores before normalising and weighing, too.
    raw: bool,
}

/// `--output table`.
pub(super) const SHORT: Detail = Detail { rows_max: 10, raw: false };
/// `--explain`.
pub(super) const FULL: Detail = Detail { rows_max: 100, raw: true };

/// Said once below the answers where raw scores are shown.
const LEGEND: &str =
    "scores are weighted, with the plugin's raw score in brackets where it is another number";

/// A scenario's answers as text.
pub(super) fn text(document: &Document, detail: Detail) -> String {
    let mut text = String::new();
    let name = document.name.as_str().unwrap_or("scenario");
    if let Some(error) = &document.error {
        let _ = writeln!(text, "{name}: error: {error}");
    }
    let mut scored = false;
    for judged in document.shown() {
        let _ = writeln!(text, "{name}: pod {}: {}{}", judged.pod, heading(judged), went(judged));
        if let (Ok(answer), false) = (&judged.answer, document.brief) {
            let _ = write!(text, "{}", table(answer, detail));
            scored |= !answer.scores.is_empty();
        }
    }
    if let Some((agree, disagree)) = document.counts() {
        let _ = writeln!(text, "{name}: {agree} agree, {disagree} disagree");
    }
    if detail.raw && scored {
        let _ = writeln!(text, "({LEGEND})");
    }
    text
}

/// What becomes of the pod, on one line.
fn heading(judged: &Judged) -> String {
    let answer = match &judged.answer {
        Ok(answer) => answer,
        Err(error) => return format!("error: {error}"),
    };
    if let Some(held) = &answer.pre_enqueue {
        return format!("held back by {}: {}", held.plugin, held.reasons.join(", "));
    }
    if let Some(error) = &answer.error {
        return format!("error: {error}");
    }
    if !answer.preemption.is_empty() {
        let places = answer.preemption.iter().map(|place| {
            let victims: Vec<_> = place.victims.iter().map(ToString::to_string).collect();
            format!("{} without {}", place.node, victims.join(", "))
        });
        let places: Vec<_> = places.collect();
        return format!("no node is feasible, preemption finds {}", places.join(" or "));
    }
    if let Some(message) = &answer.message {
        return format!("unschedulable: {message}");
    }
    let (nodes, best) = (answer.rejected.len() + answer.totals.len(), answer.best.len());
    format!("{} of {nodes} nodes feasible, {best} of them best", answer.feasible)
}

/// Of a replay: where the pod went.
fn went(judged: &Judged) -> String {
    let Some(went) = &judged.went else { return String::new() };
    let place = went.node.as_ref().map_or("was not placed".to_owned(), |n| format!("went to {n}"));
    format!("; {place}, which {}", if went.agrees { "agrees" } else { "disagrees" })
}

/// The nodes, the best first, then those that were rejected, by name.
fn table(answer: &PodAnswer, detail: Detail) -> String {
    let mut feasible: Vec<_> = answer.totals.iter().collect();
    feasible.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    if feasible.is_empty() && answer.rejected.is_empty() {
        return String::new();
    }
    let plugins: BTreeSet<&str> =
        answer.scores.values().flat_map(|scores| scores.keys().copied()).collect();
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    let mut header = vec!["NODE", "VERDICT"];
    if !feasible.is_empty() {
        header.push("TOTAL");
        header.extend(&plugins);
    }
    table.set_header(header);
    for (node, total) in feasible.iter().take(detail.rows_max) {
        let verdict = if answer.best.contains(node) { "best" } else { "feasible" };
        let mut row = vec![node.to_string(), verdict.to_owned(), total.to_string()];
        row.extend(plugins.iter().map(|plugin| score(answer, node, plugin, detail)));
        table.add_row(row);
    }
    let rows_left = detail.rows_max.saturating_sub(feasible.len());
    for (node, verdict) in answer.rejected.iter().take(rows_left) {
        let reasons = verdict.reasons.join(", ");
        table.add_row([node.to_string(), format!("{}: {reasons}", verdict.plugin)]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let left_out = [
        (feasible.len().saturating_sub(detail.rows_max), "feasible"),
        (answer.rejected.len().saturating_sub(rows_left), "rejected"),
    ];
    let left_out = left_out.iter().filter(|(count, _)| *count > 0);
    let left_out: Vec<_> = left_out.map(|(count, what)| format!("{count} {what}")).collect();
    let more = if left_out.is_empty() {
        String::new()
    } else {
        format!("  nodes left out: {}\n", left_out.join(", "))
    };
    format!("{table}\n{more}")
}

/// What a plugin gave a feasible node; nothing where it had no say.
fn score(answer: &PodAnswer, node: &str, plugin: &str, detail: Detail) -> String {
    let of = |scores: &std::collections::BTreeMap<_, std::collections::BTreeMap<_, i64>>| {
        scores.get(node).and_then(|scores| scores.get(plugin)).copied()
    };
    match (of(&answer.scores), of(&answer.raw)) {
        (None, _) => String::new(),
        (Some(points), Some(raw)) if detail.raw && raw != points => format!("{points} ({raw})"),
        (Some(points), _) => points.to_string(),
    }
}
