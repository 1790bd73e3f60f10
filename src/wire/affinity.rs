//! Pod affinity and anti-affinity: all terms, compiled.

use serde::Deserialize;

use crate::model;

use super::json::List;
use super::node_affinity::NodeAffinity;
use super::selector::LabelSelector;

/// What is said of a list of terms in which a selector cannot be read.
const UNREADABLE: &str = "a label selector cannot be read";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct Affinity {
    #[serde(rename = "nodeAffinity")]
    pub(super) node: Option<NodeAffinity>,
    #[serde(rename = "podAffinity")]
    pub(super) pod: Option<PodAffinity>,
    #[serde(rename = "podAntiAffinity")]
    pub(super) pod_anti: Option<PodAffinity>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct PodAffinity {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    required: List<Term>,
    #[serde(rename = "preferredDuringSchedulingIgnoredDuringExecution")]
    preferred: List<WeightedTerm>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct WeightedTerm {
    weight: Option<i32>,
    pod_affinity_term: Option<Term>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Term {
    label_selector: Option<LabelSelector>,
    namespaces: List<Box<str>>,
    namespace_selector: Option<LabelSelector>,
    topology_key: Option<Box<str>>,
}

impl PodAffinity {
    pub(super) fn has_terms(&self) -> bool {
        !self.required.is_empty() || !self.preferred.is_empty()
    }
}

impl Affinity {
    /// All terms; `None` where there is none.
    ///
    /// A selector that cannot be read must not lose the pod, which uses its node all the same. Upstream
    /// then goes on with none of the terms of that list, and so does this.
    pub(super) fn pod_terms(&self) -> Option<Box<model::PodAffinity>> {
        if ![&self.pod, &self.pod_anti].into_iter().flatten().any(PodAffinity::has_terms) {
            return None;
        }
        let mut all = model::PodAffinity::default();
        let mut broken = false;
        if let Some(pod) = &self.pod {
            all.required = compiled(&pod.required, Term::to_model, &mut broken);
            all.preferred = compiled(&pod.preferred, WeightedTerm::to_model, &mut broken);
        }
        if let Some(anti) = &self.pod_anti {
            all.anti_required = compiled(&anti.required, Term::to_model, &mut broken);
            all.anti_preferred = compiled(&anti.preferred, WeightedTerm::to_model, &mut broken);
        }
        all.error = broken.then(|| UNREADABLE.into());
        Some(Box::new(all))
    }
}

/// All terms of a list, or none where one cannot be read.
fn compiled<T, U>(terms: &[T], compile: impl Fn(&T) -> Option<U>, broken: &mut bool) -> Vec<U> {
    terms.iter().map(compile).collect::<Option<_>>().unwrap_or_else(|| {
        *broken = true;
        Vec::new()
    })
}

impl WeightedTerm {
    fn to_model(&self) -> Option<model::WeightedTerm> {
        let term = self
            .pod_affinity_term
            .as_ref()
            .map_or_else(|| Term::default().to_model(), Term::to_model)?;
        Some(model::WeightedTerm { weight: self.weight.unwrap_or_default(), term })
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
