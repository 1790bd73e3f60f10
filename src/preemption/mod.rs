//! Which pods of lower priority would have to go to make room for one that fits nowhere. Asked by `engine`
//! where no node is feasible, as the plugin DefaultPreemption wants it; evicts nobody itself.

mod budgets;
mod candidates;
mod choice;
mod dry_run;

use crate::cluster::{Cluster, View};
use crate::framework::{Code, Diagnosis, Evals, FailedNodes};
use crate::model::{DefaultPreemptionArgs, Pod};
use crate::units::{NodeId, PodId};

use candidates::{Candidate, Search, search};
use choice::Cost;

/// What everything that is said here begins with.
const PREFIX: &str = "preemption: ";

/// What PostFilter says and wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preemption {
    /// What is said behind the reasons of the nodes.
    pub message: String,
    /// What is to be done.
    pub outcome: Outcome,
}

/// What becomes of a pod that fits nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It may not evict others now; a nomination that it has stays.
    Ineligible,
    /// Evicting pods does not help; a nomination that it has goes.
    NoPlace,
    /// Extenders are to be asked which of these may be.
    Proposed(Vec<Proposal>),
    /// It has a place on `node` once `victims` are gone.
    Place {
        /// The node.
        node: NodeId,
        /// The pods that have to go, the most important one first; some may be going already.
        victims: Vec<PodId>,
    },
}

/// A node on which evicting pods makes room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The node.
    pub node: NodeId,
    /// The pods that have to go, the most important one first.
    pub victims: Vec<PodId>,
    /// How many of them a disruption budget protects.
    pub budget_violations: usize,
}

/// A pod that fits nowhere, and what was found out about it.
#[derive(Clone, Copy)]
pub struct Unplaced<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The cluster.
    pub view: View<'a>,
    /// Its evals and what they said of the nodes; `None` where it was turned away as a whole, so that no
    /// node can be helped.
    pub judged: Option<(&'a Evals, &'a FailedNodes)>,
    /// The node that it is nominated to.
    pub nominated: Option<NodeId>,
    /// Where among the nodes the search begins, counted around.
    pub start: u32,
}

/// Looks for a place that evicting pods of lower priority makes.
///
/// Upstream: DefaultPreemption.PostFilter and Evaluator.Preempt, v1.37, up to the evictions.
#[must_use]
pub fn preempt(unplaced: &Unplaced<'_>, args: DefaultPreemptionArgs) -> Preemption {
    match candidates(unplaced, args) {
        Ok(candidates) => chosen(candidates, unplaced.view.cluster),
        Err(preemption) => preemption,
    }
}

/// As [`preempt`], without the choice: [`Outcome::Proposed`] where there is something to choose from.
#[must_use]
pub fn propose(unplaced: &Unplaced<'_>, args: DefaultPreemptionArgs) -> Preemption {
    let proposal = |Candidate { node, victims, cost }| Proposal {
        node,
        victims,
        budget_violations: cost.violations,
    };
    match candidates(unplaced, args) {
        Ok(candidates) => {
            let proposals = candidates.into_iter().map(proposal).collect();
            Preemption { message: String::new(), outcome: Outcome::Proposed(proposals) }
        }
        Err(preemption) => preemption,
    }
}

/// The choice among the proposals that extenders have left.
///
/// Upstream: Evaluator.SelectCandidate, v1.37.
#[must_use]
pub fn settle(proposals: Vec<Proposal>, cluster: &Cluster) -> Preemption {
    let candidate = |Proposal { node, victims, budget_violations }| {
        let cost = Cost::of_pods(cluster, &victims, budget_violations);
        Candidate { node, victims, cost }
    };
    chosen(proposals.into_iter().map(candidate).collect(), cluster)
}

/// What is said where something went wrong.
#[must_use]
pub fn failed(text: &str) -> Preemption {
    said(text, Outcome::Ineligible)
}

fn said(text: &str, outcome: Outcome) -> Preemption {
    Preemption { message: format!("{PREFIX}{text}"), outcome }
}

/// The nodes to choose from; without any, what is to be said.
fn candidates(
    unplaced: &Unplaced<'_>,
    args: DefaultPreemptionArgs,
) -> Result<Vec<Candidate>, Preemption> {
    let nodes = unplaced.view.cluster.node_count();
    if let Some(why) = ineligible(unplaced) {
        return Err(said(why, Outcome::Ineligible));
    }
    if nodes == 0 {
        return Err(said("no nodes available", Outcome::Ineligible));
    }
    match search(unplaced, args) {
        Search::Errors(errors) => Err(said(&aggregate(&errors), Outcome::Ineligible)),
        Search::Nothing(histogram) => {
            let diagnosis = Diagnosis { nodes, histogram, ..Diagnosis::default() };
            Err(said(&diagnosis.message(), Outcome::NoPlace))
        }
        Search::Candidates(candidates) => Ok(candidates),
    }
}

fn chosen(candidates: Vec<Candidate>, cluster: &Cluster) -> Preemption {
    let Some(best) = choice::best(candidates, cluster) else {
        return said("no candidate node for preemption", Outcome::Ineligible);
    };
    let text = format!(
        "found a potential placement for pod on node {}, preempting {} victims",
        cluster.node_name(best.node),
        best.victims.len()
    );
    said(&text, Outcome::Place { node: best.node, victims: best.victims })
}

/// Why the pod may not evict others now, if it may not.
///
/// Upstream: PodEligibleToPreemptOthers, v1.37: while victims of its are still going on the node that it is
/// nominated to, it waits for them, unless that node cannot be helped any more.
fn ineligible(unplaced: &Unplaced<'_>) -> Option<&'static str> {
    if unplaced.pod.never_preempts {
        return Some("not eligible due to preemptionPolicy=Never.");
    }
    let (node, (evals, failed)) = (unplaced.nominated?, unplaced.judged?);
    // A node of which nothing could be said is not beyond help, which only a question gets to see: an attempt
    // ends there.
    let failed_to_say =
        failed.error().is_some() && evals.filter_one(&unplaced.view, node).code == Code::Error;
    if !failed.unschedulable.contains(&node) && !failed_to_say {
        return None;
    }
    let cluster = unplaced.view.cluster;
    let going = cluster.pods_on(node).iter().filter_map(|id| cluster.pod(*id)).any(|pod| {
        let terminating = cluster.class(pod.class).is_some_and(|class| class.terminating);
        pod.priority < unplaced.pod.priority && (pod.evicted || (pod.preempted && terminating))
    });
    going.then_some("not eligible due to a terminating pod on the nominated node.")
}

/// Several errors as one text.
///
/// Upstream: utilerrors.Aggregate, v1.37: each text once.
fn aggregate(errors: &[String]) -> String {
    let mut texts: Vec<&str> = Vec::new();
    for error in errors {
        if !texts.contains(&error.as_str()) {
            texts.push(error);
        }
    }
    match &texts[..] {
        [one] => (*one).to_owned(),
        _ => format!("[{}]", texts.join(", ")),
    }
}
