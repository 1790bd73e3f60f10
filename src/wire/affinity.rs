//! Pod affinity and anti-affinity: all terms, compiled.

use serde::Deserialize;

use crate::model;

use super::json::List;
use super::node_affinity::NodeAffinity;
use super::selector::{LabelSelector, aggregate};

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
    fn has_terms(&self) -> bool {
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
        let mut errors = Vec::new();
        let (none, anti_none) = (PodAffinity::default(), PodAffinity::default());
        let pod = self.pod.as_ref().unwrap_or(&none);
        let anti = self.pod_anti.as_ref().unwrap_or(&anti_none);
        let mut list = |name, terms| compiled(name, terms, Term::to_model, &mut errors);
        all.required = list("requiredAffinityTerms", &pod.required);
        all.anti_required = list("requiredAntiAffinityTerms", &anti.required);
        let mut list = |name, terms| compiled(name, terms, WeightedTerm::to_model, &mut errors);
        all.preferred = list("preferredAffinityTerms", &pod.preferred);
        all.anti_preferred = list("preferredAntiAffinityTerms", &anti.preferred);
        all.error = (!errors.is_empty()).then(|| aggregate(&errors).into());
        Some(Box::new(all))
    }
}

/// All terms of a list, or none where one cannot be read; what is wrong goes to `errors` with the list's
/// `name`.
fn compiled<T, U>(
    name: &str,
    terms: &[T],
    compile: impl Fn(&T) -> Result<U, String>,
    errors: &mut Vec<String>,
) -> Vec<U> {
    terms.iter().map(compile).collect::<Result<_, _>>().unwrap_or_else(|error| {
        errors.push(format!("{name}: {error}"));
        Vec::new()
    })
}

impl WeightedTerm {
    fn to_model(&self) -> Result<model::WeightedTerm, String> {
        let term = self
            .pod_affinity_term
            .as_ref()
            .map_or_else(|| Term::default().to_model(), Term::to_model)?;
        Ok(model::WeightedTerm { weight: self.weight.unwrap_or_default(), term })
    }
}

impl Term {
    fn to_model(&self) -> Result<model::AffinityTerm, String> {
        let compile = |selector: &Option<LabelSelector>| {
            selector.as_ref().map(LabelSelector::compile).transpose()
        };
        Ok(model::AffinityTerm {
            selector: compile(&self.label_selector)?,
            namespaces: self.namespaces.to_vec(),
            namespace_selector: compile(&self.namespace_selector)?,
            topology_key: self.topology_key.clone().unwrap_or_default(),
        })
    }
}
