//! Terms of pod affinity and anti-affinity, and when a term means a pod.

use super::{LabelSelector, Labels};

/// A term of pod (anti-)affinity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AffinityTerm {
    /// The pods meant; `None` matches none.
    pub selector: Option<LabelSelector>,
    /// Namespaces named; empty together with no selector means the owner's own.
    pub namespaces: Vec<Box<str>>,
    /// Namespaces selected by their labels.
    pub namespace_selector: Option<LabelSelector>,
    /// The node label whose equal values are one place.
    pub topology_key: Box<str>,
}

/// A term that is only preferred.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WeightedTerm {
    /// What it counts for, 1 to 100.
    pub weight: i32,
    /// The term.
    pub term: AffinityTerm,
}

/// All terms of a pod.
///
/// A list with a selector that cannot be read is empty as a whole, and `error` says why.
/// `matchLabelKeys` are not looked at: the API server writes them into the selectors when the pod is
/// created.
///
/// Upstream: framework.NewPodInfo, v1.37.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodAffinity {
    /// Required affinity.
    pub required: Vec<AffinityTerm>,
    /// Required anti-affinity.
    pub anti_required: Vec<AffinityTerm>,
    /// Preferred affinity.
    pub preferred: Vec<WeightedTerm>,
    /// Preferred anti-affinity.
    pub anti_preferred: Vec<WeightedTerm>,
    /// Why a list is empty although it has terms, in upstream's words.
    pub error: Option<Box<str>>,
}

impl PodAffinity {
    /// All terms.
    pub fn terms(&self) -> impl Iterator<Item = &AffinityTerm> {
        let preferred = self.preferred.iter().chain(&self.anti_preferred).map(|w| &w.term);
        self.required.iter().chain(&self.anti_required).chain(preferred)
    }
}

impl AffinityTerm {
    /// Whether this term of a pod in namespace `owner` means a pod in `namespace`, whose own labels are
    /// `of_namespace`, with `labels`. A namespace without `of_namespace` is not known; only a selector of
    /// everything selects it.
    ///
    /// Upstream: framework.AffinityTerm.Matches, v1.37.
    #[must_use]
    pub fn means(
        &self,
        owner: &str,
        namespace: &str,
        of_namespace: Option<&Labels>,
        labels: &Labels,
    ) -> bool {
        let named = if self.namespaces.is_empty() && self.namespace_selector.is_none() {
            namespace == owner
        } else {
            self.namespaces.iter().any(|name| **name == *namespace)
        };
        let selected = || {
            let selects = |s: &LabelSelector| {
                s.requirements.is_empty() || of_namespace.is_some_and(|labels| s.matches(labels))
            };
            self.namespace_selector.as_ref().is_some_and(selects)
        };
        (named || selected()) && self.selector.as_ref().is_some_and(|s| s.matches(labels))
    }
}
