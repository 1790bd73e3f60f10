//! What evicting pods of lower priority would bring, asked where no node is feasible. Nobody is evicted
//! yet: where that would help, the answer says that it is not supported.

use crate::cluster::{Overlay, View};
use crate::framework::{Diagnosis, Evals, FailedNodes, Histogram};
use crate::model::Pod;
use crate::units::NodeId;

const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";

/// What PostFilter says, behind the reasons of the nodes.
///
/// `judged` is missing where the pod was turned away as a whole, so that no node can be helped.
///
/// Upstream: DefaultPreemption.PostFilter, v1.37, up to the choice of victims.
#[must_use]
pub fn post_filter(pod: &Pod, view: &View<'_>, judged: Option<(&Evals, &FailedNodes)>) -> String {
    let nodes = view.cluster.node_count();
    if nodes == 0 {
        return "preemption: no nodes available".into();
    }
    if pod.never_preempts {
        return "preemption: not eligible due to preemptionPolicy=Never.".into();
    }
    let mut histogram = Histogram::default();
    let mut candidates = 0;
    let resolvable = judged.map_or(&[][..], |(_, failed)| &failed.unschedulable);
    if let Some((evals, _)) = judged {
        for node in resolvable {
            match without_lower(pod, view, evals, *node) {
                Outcome::NoVictims => histogram.add(NO_VICTIMS.into(), 1),
                Outcome::StillRejected(reasons) => {
                    for reason in reasons {
                        histogram.add(reason, 1);
                    }
                }
                Outcome::Candidate => candidates += 1,
            }
        }
    }
    if candidates > 0 {
        return format!(
            "preemption: not supported yet: evicting pods of lower priority would make room on \
             {candidates} node(s)."
        );
    }
    let rest = nodes.saturating_sub(u32::try_from(resolvable.len()).unwrap_or(u32::MAX));
    if rest > 0 {
        histogram.add(NOT_HELPFUL.into(), rest);
    }
    let diagnosis = Diagnosis { nodes, histogram, ..Diagnosis::default() };
    format!("preemption: {}", diagnosis.message())
}

/// What becomes of a node without its pods of lower priority.
enum Outcome {
    NoVictims,
    StillRejected(Vec<String>),
    Candidate,
}

/// Upstream: SelectVictimsOnNode, v1.37, its first two steps.
fn without_lower(pod: &Pod, view: &View<'_>, evals: &Evals, node: NodeId) -> Outcome {
    if view.row(node).lowest_priority >= pod.priority {
        return Outcome::NoVictims;
    }
    let lower = |id: &_| view.cluster.pod(*id).is_some_and(|p| p.priority < pod.priority);
    let victims = view.cluster.pods_on(node).iter().copied().filter(|id| lower(id));
    let overlay = Overlay::without(view.cluster, node, victims);
    let thought = view.with(&overlay);
    let verdict = evals.filter_one(&thought, node);
    if verdict.is_pass() {
        Outcome::Candidate
    } else {
        Outcome::StillRejected(evals.reasons(&thought, node, verdict))
    }
}
