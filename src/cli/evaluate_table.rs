//! The answers of `berth evaluate --output table`: for each pod its best nodes with their scores.

use std::collections::BTreeSet;
use std::fmt::Write;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::engine::PodAnswer;

use super::evaluate::Document;

/// How many nodes a table shows; the rest is counted below it.
const NODES_MAX: usize = 5;

/// A scenario's answers as text.
pub(super) fn table(document: &Document) -> String {
    let mut text = String::new();
    let name = document.name.as_str().unwrap_or("scenario");
    if let Some(error) = &document.error {
        let _ = writeln!(text, "{name}: error: {error}");
    }
    for (pod, answer) in &document.pods {
        match answer {
            Ok(answer) => pod_table(&mut text, name, pod, answer),
            Err(error) => {
                let _ = writeln!(text, "{name}: pod {pod}: error: {error}");
            }
        }
    }
    text
}

fn pod_table(text: &mut String, name: &str, pod: &str, answer: &PodAnswer) {
    let nodes = answer.rejected.len() + answer.totals.len();
    let _ = write!(text, "{name}: pod {pod}: ");
    if let Some(held) = &answer.pre_enqueue {
        let _ = writeln!(text, "held back by {}: {}", held.plugin, held.reasons.join(", "));
        return;
    }
    if let Some(message) = &answer.message {
        let _ = writeln!(text, "unschedulable: {message}");
        return;
    }
    let best = answer.best.len();
    let _ = writeln!(text, "{} of {nodes} nodes feasible, {best} of them best", answer.feasible);
    let mut order: Vec<_> = answer.totals.iter().collect();
    order.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let plugins: BTreeSet<&str> =
        answer.scores.values().flat_map(|scores| scores.keys().copied()).collect();
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    let mut header = vec!["NODE".to_owned(), "TOTAL".to_owned()];
    header.extend(plugins.iter().map(|plugin| (*plugin).to_owned()));
    table.set_header(header);
    for (node, total) in order.iter().take(NODES_MAX) {
        let mark = if answer.best.contains(node) { "*" } else { "" };
        let mut row = vec![format!("{node}{mark}"), total.to_string()];
        let score = |plugin: &&str| answer.scores[*node].get(*plugin).copied().unwrap_or_default();
        row.extend(plugins.iter().map(|plugin| score(plugin).to_string()));
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let _ = writeln!(text, "{table}");
    if order.len() > NODES_MAX {
        let _ = writeln!(text, "  and {} more feasible nodes", order.len() - NODES_MAX);
    }
    let rejected = answer.rejected.iter().take(NODES_MAX);
    for (node, verdict) in rejected {
        let reasons = verdict.reasons.join(", ");
        let _ = writeln!(text, "  {node} rejected by {}: {reasons}", verdict.plugin);
    }
    if answer.rejected.len() > NODES_MAX {
        let _ = writeln!(text, "  and {} more rejected", answer.rejected.len() - NODES_MAX);
    }
}
