//! The search for nodes on which evicting pods makes room, until there are enough to choose from.

use crate::framework::{Histogram, Verdict};
use crate::model::DefaultPreemptionArgs;
use crate::units::{NodeId, PodId};

use super::Unplaced;
use super::choice::Cost;
use super::dry_run::{DryRun, Found};

const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";

/// A node on which evicting `victims` makes room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) node: NodeId,
    /// The most important one first.
    pub(super) victims: Vec<PodId>,
    pub(super) cost: Cost,
}

/// What a search brings.
pub(super) enum Search {
    /// Nodes to choose from.
    Candidates(Vec<Candidate>),
    /// None, and why each node is none.
    Nothing(Histogram),
    /// None, and of some nodes nothing could be said.
    Errors(Vec<String>),
}

/// How many candidates are enough among `nodes`.
///
/// Upstream: calculateNumCandidates, v1.37.
pub(super) fn candidates_wanted(args: DefaultPreemptionArgs, nodes: usize) -> usize {
    let percentage = usize::try_from(args.min_candidate_nodes_percentage).unwrap_or_default();
    let absolute = usize::try_from(args.min_candidate_nodes_absolute).unwrap_or(usize::MAX);
    (nodes.saturating_mul(percentage) / 100).max(absolute).min(nodes)
}

/// Looks at the nodes that evicting pods can help, one after the other.
///
/// Upstream: findCandidates and DryRunPreemption, v1.37. Enough of them are enough once one is among them
/// whose victims no disruption budget protects; of those with protected victims no more than enough count.
pub(super) fn search(unplaced: &Unplaced<'_>, args: DefaultPreemptionArgs) -> Search {
    let potential = unplaced.judged.map_or(&[][..], |(_, failed)| &failed.unschedulable);
    let wanted = candidates_wanted(args, potential.len());
    let mut turned_down = TurnedDown::default();
    let mut candidates = Vec::new();
    let (mut violating, mut others) = (0, 0);
    if let (Some((evals, _)), [first, ..]) = (unplaced.judged, potential) {
        let mut dry_run = DryRun::new(unplaced, evals, *first);
        let offset = unplaced.start as usize % potential.len();
        for node in potential[offset..].iter().chain(&potential[..offset]).copied() {
            match dry_run.on(node) {
                Found::NoVictims => turned_down.without_victims += 1,
                Found::Rejected(verdict) => turned_down.reject(&dry_run, node, verdict),
                Found::Error(text) => turned_down.errors.push(text),
                Found::Victims => {
                    let cost = Cost::of(dry_run.victims(), dry_run.violations());
                    match cost.violations {
                        0 => others += 1,
                        _ if violating == wanted => continue,
                        _ => violating += 1,
                    }
                    let victims = dry_run.victims().iter().map(|victim| victim.id).collect();
                    candidates.push(Candidate { node, victims, cost });
                    if others > 0 && others + violating >= wanted {
                        break;
                    }
                }
            }
        }
    }
    if !candidates.is_empty() {
        return Search::Candidates(candidates);
    }
    if !turned_down.errors.is_empty() {
        return Search::Errors(turned_down.errors);
    }
    let nodes = unplaced.view.cluster.node_count();
    let rest = nodes.saturating_sub(u32::try_from(potential.len()).unwrap_or(u32::MAX));
    Search::Nothing(turned_down.histogram(rest))
}

/// The nodes that are no candidates.
#[derive(Default)]
struct TurnedDown {
    without_victims: u32,
    /// Each verdict, its reasons, and how many nodes got it.
    rejected: Vec<(Verdict, Vec<String>, u32)>,
    errors: Vec<String>,
}

impl TurnedDown {
    fn reject(&mut self, dry_run: &DryRun<'_>, node: NodeId, verdict: Verdict) {
        if let Some((.., nodes)) = self.rejected.iter_mut().find(|(v, ..)| *v == verdict) {
            *nodes += 1;
        } else {
            self.rejected.push((verdict, dry_run.reasons(node, verdict), 1));
        }
    }

    /// All reasons; `rest` nodes could not be helped from the start.
    fn histogram(self, rest: u32) -> Histogram {
        let mut histogram = Histogram::default();
        for (_, reasons, nodes) in self.rejected {
            for reason in reasons {
                histogram.add(reason, nodes);
            }
        }
        for (reason, nodes) in [(NO_VICTIMS, self.without_victims), (NOT_HELPFUL, rest)] {
            if nodes > 0 {
                histogram.add(reason.into(), nodes);
            }
        }
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_candidates_are_wanted() {
        let rows =
            [(40, 1, 5, 2), (10, 100, 5, 5), (10, 100, 5000, 500), (0, 1, 7, 1), (1, 0, 10, 0)];
        for (percentage, absolute, nodes, want) in rows {
            let args = DefaultPreemptionArgs {
                min_candidate_nodes_percentage: percentage,
                min_candidate_nodes_absolute: absolute,
            };
            let got = candidates_wanted(args, nodes);
            assert_eq!(got, want, "{percentage} {absolute} {nodes}");
        }
    }
}
