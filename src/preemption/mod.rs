//! Which pods of lower priority would have to go to make room for one that fits nowhere. Asked by `engine`
//! where no node is feasible, as the plugin DefaultPreemption wants it; evicts nobody itself.

mod budgets;
mod candidates;
mod choice;
mod dry_run;

use crate::cluster::View;
use crate::framework::{Diagnosis, Evals, FailedNodes};
use crate::model::{DefaultPreemptionArgs, Pod};
use crate::units::{NodeId, PodId};

use candidates::{Search, search};

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
    /// It has a place on `node` once `victims` are gone.
    Place {
        /// The node.
        node: NodeId,
        /// The pods that have to go, the most important one first; some may be going already.
        victims: Vec<PodId>,
    },
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
    let nodes = unplaced.view.cluster.node_count();
    let said = |text: &str, outcome| Preemption { message: format!("{PREFIX}{text}"), outcome };
    if let Some(why) = ineligible(unplaced) {
        return said(why, Outcome::Ineligible);
    }
    if nodes == 0 {
        return said("no nodes available", Outcome::Ineligible);
    }
    match search(unplaced, args) {
        Search::Errors(errors) => said(&aggregate(&errors), Outcome::Ineligible),
        Search::Nothing(histogram) => {
            let diagnosis = Diagnosis { nodes, histogram, ..Diagnosis::default() };
            said(&diagnosis.message(), Outcome::NoPlace)
        }
        Search::Candidates(candidates) => match choice::best(candidates, unplaced.view.cluster) {
            Some(best) => {
                let text = format!(
                    "found a potential placement for pod on node {}, preempting {} victims",
                    unplaced.view.cluster.node_name(best.node),
                    best.victims.len()
                );
                said(&text, Outcome::Place { node: best.node, victims: best.victims })
            }
            None => said("no candidate node for preemption", Outcome::Ineligible),
        },
    }
}

/// Why the pod may not evict others now, if it may not.
///
/// Upstream: PodEligibleToPreemptOthers, v1.37: while victims of its are still going on the node that it is
/// nominated to, it waits for them, unless that node cannot be helped any more.
fn ineligible(unplaced: &Unplaced<'_>) -> Option<&'static str> {
    if unplaced.pod.never_preempts {
        return Some("not eligible due to preemptionPolicy=Never.");
    }
    let (node, (_, failed)) = (unplaced.nominated?, unplaced.judged?);
    if !failed.unschedulable.contains(&node) {
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
