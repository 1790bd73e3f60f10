//! Extenders as the core knows them: whom to ask about which pod, the questions, and the answers. `engine`
//! asks, the edge carries the calls out; nothing of HTTP is here.
//!
//! Upstream: the Extender interface, v1.37.

use std::sync::Arc;

use crate::model::Pod;

use super::{Code, MAX_NODE_SCORE};

/// The highest score that an extender is meant to give; nothing enforces it.
///
/// Upstream: MaxExtenderPriority, v1.37.
const MAX_EXTENDER_SCORE: i64 = 10;

/// A service outside that has a say in decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a verb or a wish of its own")]
pub struct Extender {
    /// What its calls begin with: the name it goes by.
    pub name: Box<str>,
    /// It filters nodes.
    pub filters: bool,
    /// It scores nodes.
    pub prioritizes: bool,
    /// It has a say in whom preemption evicts.
    pub preempts: bool,
    /// It binds pods.
    pub binds: bool,
    /// What its scores count for.
    pub weight: i64,
    /// The extended resources because of which it is asked about a pod; none means about every pod.
    pub managed_resources: Vec<Box<str>>,
    /// A call that fails does not fail the pod.
    pub ignorable: bool,
}

impl Extender {
    /// Whether it is asked about `pod`.
    ///
    /// Upstream: HTTPExtender.IsInterested, v1.37. A limit without a request is a request here.
    #[must_use]
    pub fn is_interested(&self, pod: &Pod) -> bool {
        let asked = &pod.requests.request.scalars;
        self.managed_resources.is_empty()
            || self
                .managed_resources
                .iter()
                .any(|name| asked.iter().any(|(other, _)| other == name))
    }

    /// What a score of it adds to a node's total.
    #[must_use]
    pub fn points(&self, score: i64) -> i64 {
        score.wrapping_mul(self.weight).wrapping_mul(MAX_NODE_SCORE / MAX_EXTENDER_SCORE)
    }
}

/// What an extender is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtenderVerb {
    /// Say which nodes will do.
    Filter,
    /// Say which nodes are better.
    Prioritize,
    /// Say which pods may be evicted.
    Preempt,
    /// Bind the pod.
    Bind,
}

/// A question about a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which of these nodes will do.
    Filter(Arc<[Box<str>]>),
    /// How good each of these nodes is.
    Prioritize(Arc<[Box<str>]>),
    /// Which of these evictions may be.
    Preempt(Vec<NodeVictims>),
    /// Bind it to this node.
    Bind(Box<str>),
}

impl Question {
    /// What is asked for.
    #[must_use]
    pub fn verb(&self) -> ExtenderVerb {
        match self {
            Self::Filter(_) => ExtenderVerb::Filter,
            Self::Prioritize(_) => ExtenderVerb::Prioritize,
            Self::Preempt(_) => ExtenderVerb::Preempt,
            Self::Bind(_) => ExtenderVerb::Bind,
        }
    }
}

/// The pods that would have to go from a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeVictims {
    /// The node.
    pub node: Box<str>,
    /// UIDs of the pods.
    pub pods: Vec<Box<str>>,
    /// How many of them a PodDisruptionBudget protects.
    pub budget_violations: i64,
}

/// What an extender said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The nodes that will do, all among those that were asked about, and why others will not.
    Filtered {
        /// The nodes that will do.
        nodes: Vec<Box<str>>,
        /// Nodes that will not: [`Code::Unschedulable`] or [`Code::UnschedulableAndUnresolvable`].
        failed: Vec<(Box<str>, Code, String)>,
    },
    /// Scores of nodes.
    Scored(Vec<(Box<str>, i64)>),
    /// The evictions that may be.
    Victims(Vec<NodeVictims>),
    /// It has bound the pod.
    Bound,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extender_is_asked_about_pods_that_ask_for_what_it_manages() {
        let mut pod = Pod::default();
        let everybody = Extender::default();
        let managed_resources = vec!["a.example/x".into(), "b.example/y".into()];
        let some = Extender { managed_resources, ..Extender::default() };
        assert!(everybody.is_interested(&pod) && !some.is_interested(&pod));
        pod.requests.request.scalars = vec![("c.example/z".into(), 1)];
        assert!(!some.is_interested(&pod));
        // A request of nothing is one, too.
        pod.requests.request.scalars = vec![("b.example/y".into(), 0)];
        assert!(some.is_interested(&pod));
    }

    #[test]
    fn scores_are_brought_to_the_range_of_plugins() {
        let extender = Extender { weight: 3, ..Extender::default() };
        assert_eq!(extender.points(10), 300);
        assert_eq!(extender.points(-1), -30);
    }
}
