//! What a pod requires of its node's labels, compiled: nodeSelector and required node affinity together.

use crate::cluster::View;
use crate::model::{NodeSelectorTerm, Pod};
use crate::units::NodeId;

use super::node_selector::Term;

/// A pod's nodeSelector and required node affinity.
///
/// Upstream: nodeaffinity.RequiredNodeAffinity, v1.37; a term that cannot be parsed matches nothing.
pub(super) struct RequiredAffinity {
    /// The pod's nodeSelector.
    selector: Option<Term>,
    /// The required terms: one of them matches.
    terms: Option<Vec<Term>>,
}

impl RequiredAffinity {
    /// What `pod` requires, for the cluster as it is.
    pub(super) fn of(pod: &Pod, view: &View<'_>) -> Self {
        let affinity = pod.node_affinity.as_ref();
        let required = affinity.and_then(|affinity| affinity.required.as_ref());
        Self {
            selector: (!pod.node_selector.is_empty())
                .then(|| Term::of_labels(view, pod.node_selector.iter())),
            terms: required.map(|terms| compile(view, terms)),
        }
    }

    /// Whether nothing is required.
    pub(super) fn is_empty(&self) -> bool {
        self.selector.is_none() && self.terms.is_none()
    }

    /// Clears the bits of nodes that will not do.
    pub(super) fn narrow(&self, view: &View<'_>, nodes: &[NodeId], matched: &mut [bool]) {
        if let Some(selector) = &self.selector {
            selector.narrow(view, nodes, matched);
        }
        if let Some(terms) = &self.terms {
            narrow_to_any(view, nodes, terms, matched);
        }
    }
}

/// Compiles `terms` for the cluster as it is.
pub(super) fn compile(view: &View<'_>, terms: &[NodeSelectorTerm]) -> Vec<Term> {
    terms.iter().map(|term| Term::new(view, term)).collect()
}

/// Clears the bits of nodes that none of `terms` matches.
pub(super) fn narrow_to_any(
    view: &View<'_>,
    nodes: &[NodeId],
    terms: &[Term],
    matched: &mut [bool],
) {
    let mut any = vec![false; nodes.len()];
    for term in terms {
        let mut this = vec![true; nodes.len()];
        term.narrow(view, nodes, &mut this);
        any.iter_mut().zip(this).for_each(|(any, this)| *any |= this);
    }
    matched.iter_mut().zip(any).for_each(|(matched, any)| *matched &= any);
}
