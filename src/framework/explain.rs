//! Every node's verdict and scores, plugin by plugin, on the same evals and tables that decide.

use crate::cluster::View;
use crate::units::NodeId;

use super::{Evals, Table, Verdict};

/// What was found of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// The node.
    pub node: NodeId,
    /// Its verdict.
    pub verdict: Verdict,
    /// Of a feasible node: position in the profile, raw score, weighted points.
    pub scores: Vec<(u16, i64, i64)>,
    /// Of a feasible node: the sum of its points.
    pub total: i64,
}

/// Reports on all nodes, or only on those in `over`, from the table that was built over them.
#[must_use]
pub fn explain(
    evals: &Evals,
    view: &View<'_>,
    table: &Table,
    over: Option<&[NodeId]>,
) -> Vec<NodeReport> {
    let cells = table.score_cells(evals, view);
    let one = |node: NodeId| {
        let verdict = evals.filter_one(view, node);
        let mut report = NodeReport { node, verdict, scores: Vec::new(), total: 0 };
        if !verdict.is_pass() {
            return report;
        }
        let mut words = vec![0; evals.stride()];
        evals.key(view, &[node], &mut words);
        let cell = table.cell_of(&words);
        for (at, item) in evals.items().iter().enumerate() {
            let (raw, points) = if item.parts.score {
                let mut out = [0];
                item.eval.score(view, &[node], &mut out);
                (out[0], out[0])
            } else if let Some((_, raw, points)) = cells.by_eval(evals).find(|(a, ..)| *a == at) {
                let of = |scores: &[i64]| cell.map_or(0, |cell| scores[cell]);
                (of(raw), of(points))
            } else {
                continue;
            };
            let weighted = points.wrapping_mul(item.weight);
            report.scores.push((item.position, raw, weighted));
            report.total = report.total.wrapping_add(weighted);
        }
        report
    };
    match over {
        Some(nodes) => nodes.iter().map(|node| one(*node)).collect(),
        None => view.cluster.nodes().map(one).collect(),
    }
}
