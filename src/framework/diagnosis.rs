//! The text of a failed attempt, as upstream words it.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::cluster::View;

use super::{Evals, FailedNodes};

/// The whole message where there is no node at all.
pub const NO_NODES_AVAILABLE: &str = "no nodes available to schedule pods";

/// How many nodes gave each reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<String, u32>);

impl Histogram {
    /// Counts `nodes` more nodes for `reason`.
    pub fn add(&mut self, reason: String, nodes: u32) {
        *self.0.entry(reason).or_default() += nodes;
    }

    /// Counts the reasons of every rejected node.
    #[must_use]
    pub fn of(failed: &FailedNodes, evals: &Evals, view: &View<'_>) -> Self {
        let mut histogram = Self::default();
        for (verdict, nodes, example) in failed.iter() {
            for reason in evals.reasons(view, example, verdict) {
                histogram.add(reason, nodes);
            }
        }
        histogram
    }
}

/// Why no node would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// Number of nodes that exist.
    pub nodes: u32,
    /// What PreFilter said, where it rejected the pod as a whole.
    pub pre_filter: Option<String>,
    /// The reasons of the nodes.
    pub histogram: Histogram,
    /// What PostFilter said.
    pub post_filter: String,
}

impl Diagnosis {
    /// The text: counted reasons sorted as strings, so that `10 x` stands before `2 y`.
    ///
    /// Upstream: FitError.Error, v1.37.
    #[must_use]
    pub fn message(&self) -> String {
        let mut text = format!("0/{} nodes are available:", self.nodes);
        if let Some(said) = &self.pre_filter {
            let _ = write!(text, " {said}.");
        } else {
            let counted =
                self.histogram.0.iter().map(|(reason, nodes)| format!("{nodes} {reason}"));
            let mut counted: Vec<_> = counted.collect();
            counted.sort_unstable();
            if !counted.is_empty() {
                let _ = write!(text, " {}.", counted.join(", "));
            }
        }
        if !self.post_filter.is_empty() {
            text.push(' ');
            text.push_str(&self.post_filter);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_reasons_are_sorted_as_strings() {
        let mut diagnosis = Diagnosis { nodes: 12, ..Diagnosis::default() };
        diagnosis.histogram.add("x".into(), 4);
        diagnosis.histogram.add("y".into(), 2);
        diagnosis.histogram.add("x".into(), 6);
        diagnosis.post_filter = "more".into();
        assert_eq!(diagnosis.message(), "0/12 nodes are available: 10 x, 2 y. more");
        diagnosis.pre_filter = Some("no".into());
        assert_eq!(diagnosis.message(), "0/12 nodes are available: no. more");
    }
}
