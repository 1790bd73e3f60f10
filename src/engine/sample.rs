//! The search that stops early: with `percentageOfNodesToScore` from 1 to 99 only so many feasible nodes
//! are looked for, beginning where the last search ended.

use crate::cluster::View;
use crate::framework::{Evals, Verdict};
use crate::units::NodeId;

/// Below this many nodes all of them are looked at.
///
/// Upstream: minFeasibleNodesToFind, v1.37.
const FEASIBLE_NODES_MIN: usize = 100;

/// Nodes judged in one go.
const SLICE: usize = 64;

/// How many feasible nodes are enough among `nodes`; `None` means all.
///
/// Upstream: numFeasibleNodesToFind, v1.37. Differs from upstream: unset and 0 mean all nodes, too.
pub(super) fn feasible_nodes_wanted(percentage: Option<u8>, nodes: usize) -> Option<usize> {
    let percentage = usize::from(percentage.filter(|percentage| (1..100).contains(percentage))?);
    (nodes >= FEASIBLE_NODES_MIN)
        .then(|| (nodes.saturating_mul(percentage) / 100).max(FEASIBLE_NODES_MIN))
}

/// The nodes that a search over `nodes` looks at until `wanted` of them are feasible, beginning with the
/// one at `start` and going around.
pub(super) fn search(
    evals: &Evals,
    view: &View<'_>,
    nodes: &[NodeId],
    start: usize,
    wanted: usize,
) -> Vec<NodeId> {
    let start = start % nodes.len().max(1);
    let order: Vec<NodeId> = nodes[start..].iter().chain(&nodes[..start]).copied().collect();
    let mut found = 0;
    let mut seen = 0;
    for slice in order.chunks(SLICE) {
        let mut verdicts = vec![Verdict::PASS; slice.len()];
        evals.filter(view, slice, &mut verdicts);
        for verdict in verdicts {
            seen += 1;
            found += usize::from(verdict.is_pass());
            if found == wanted {
                return order[..seen].to_vec();
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_are_enough() {
        let rows = [
            (None, 5000, None),
            (Some(0), 5000, None),
            (Some(100), 5000, None),
            (Some(10), 99, None),
            (Some(10), 100, Some(100)),
            (Some(10), 5000, Some(500)),
            (Some(1), 5000, Some(100)),
            (Some(99), 1000, Some(990)),
        ];
        for (percentage, nodes, want) in rows {
            let got = feasible_nodes_wanted(percentage, nodes);
            assert_eq!(got, want, "{percentage:?} of {nodes}");
        }
    }
}
