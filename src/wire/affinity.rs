//! Affinity: whether there is any, and the required pod anti-affinity that other pods must respect.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::model;

use super::json::List;
use super::node_affinity::NodeAffinity;
use super::selector::LabelSelector;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct Affinity {
    #[serde(rename = "nodeAffinity")]
    pub(super) node: Option<NodeAffinity>,
    #[serde(rename = "podAffinity")]
    pub(super) pod: Option<PodAffinity<IgnoredAny>>,
    #[serde(rename = "podAntiAffinity")]
    pub(super) pod_anti: Option<PodAffinity<Term>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct PodAffinity<T> {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    required: List<T>,
    #[serde(rename = "preferredDuringSchedulingIgnoredDuringExecution")]
    preferred: List<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct Term {
    label_selector: Option<LabelSelector>,
    namespaces: List<Box<str>>,
    namespace_selector: Option<LabelSelector>,
    topology_key: Option<Box<str>>,
}

impl<T> PodAffinity<T> {
    pub(super) fn has_terms(&self) -> bool {
        !self.required.is_empty() || !self.preferred.is_empty()
    }
}

impl PodAffinity<Term> {
    /// The required terms.
    ///
    /// A selector that cannot be read must not lose the pod, which uses its node all the same. Upstream
    /// then goes on with none of the terms of this list and says nothing, and so does this. A pod that is
    /// not bound yet is not placed without them: its affinity stands in `unsupported` too.
    ///
    /// `matchLabelKeys` are not looked at: the API server writes them into the selectors when the pod is
    /// created.
    ///
    /// Upstream: framework.NewPodInfo and `GetAffinityTerms`, v1.37.
    pub(super) fn required_terms(&self) -> Vec<model::AffinityTerm> {
        let terms = self.required.iter().map(Term::to_model);
        terms.collect::<Option<_>>().unwrap_or_default()
    }
}

impl Term {
    fn to_model(&self) -> Option<model::AffinityTerm> {
        let compile = |selector: &Option<LabelSelector>| match selector {
            None => Some(None),
            Some(selector) => selector.to_model().map(Some),
        };
        Some(model::AffinityTerm {
            selector: compile(&self.label_selector)?,
            namespaces: self.namespaces.to_vec(),
            namespace_selector: compile(&self.namespace_selector)?,
            topology_key: self.topology_key.clone().unwrap_or_default(),
        })
    }
}
