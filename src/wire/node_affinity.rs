//! Node affinity as it stands in a pod, and the node selector in it, which volumes have too.

use serde::Deserialize;

use crate::model::{self, NodeOperator, NodeRequirement, NodeSelectorTerm, PreferredTerm};

use super::json::List;
use super::selector::{Requirement, aggregate, is_label_key, is_label_value, label_errors, listed};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct NodeAffinity {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    required: Option<Selector>,
    #[serde(rename = "preferredDuringSchedulingIgnoredDuringExecution")]
    preferred: List<Preferred>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct Selector {
    node_selector_terms: List<Term>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct Preferred {
    weight: Option<i32>,
    preference: Option<Term>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Term {
    match_expressions: List<Requirement>,
    match_fields: List<Requirement>,
}

impl NodeAffinity {
    /// Converts it. What cannot be parsed keeps its place, without an operator: it matches nothing.
    pub(super) fn to_model(&self) -> model::NodeAffinity {
        let preferred = |preferred: &Preferred| PreferredTerm {
            weight: preferred.weight.unwrap_or_default(),
            term: preferred.preference.as_ref().map(Term::to_model).unwrap_or_default(),
        };
        model::NodeAffinity {
            required: self.required.as_ref().map(Selector::to_model),
            preferred: self.preferred.iter().map(preferred).collect(),
            preferred_error: self.preferred_error(),
        }
    }

    /// What is wrong with the preferred terms that have a weight.
    ///
    /// Upstream: nodeaffinity.NewPreferredSchedulingTerms, v1.37.
    fn preferred_error(&self) -> Option<Box<str>> {
        let mut wrong = Vec::new();
        for (at, preferred) in self.preferred.iter().enumerate() {
            let Some(term) = &preferred.preference else { continue };
            if preferred.weight.unwrap_or_default() != 0 {
                for (at_expression, requirement) in term.match_expressions.iter().enumerate() {
                    let path = format!("[{at}].matchExpressions[{at_expression}].");
                    wrong.extend(expression_errors(requirement, &path));
                }
                for (at_field, requirement) in term.match_fields.iter().enumerate() {
                    let path = format!("[{at}].matchFields[{at_field}].");
                    wrong.extend(field_error(requirement, &path));
                }
            }
        }
        (!wrong.is_empty()).then(|| aggregate(&wrong).into())
    }
}

fn unsupported(requirement: &Requirement, path: &str, known: &str) -> String {
    let operator = requirement.operator.as_deref().unwrap_or_default();
    format!("{path}operator: Unsupported value: {operator:?}: supported values: {known}")
}

/// Upstream: nodeSelectorRequirementsAsSelector, v1.37.
fn expression_errors(requirement: &Requirement, path: &str) -> Vec<String> {
    let known = r#""In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt""#;
    let read = requirement.to_node_requirement();
    read.operator.map_or_else(
        || vec![unsupported(requirement, path, known)],
        |operator| label_errors(&read.key, &read.values, operator, path),
    )
}

/// Upstream: nodeSelectorRequirementsAsFieldSelector, v1.37; any key will do.
fn field_error(requirement: &Requirement, path: &str) -> Option<String> {
    let read = requirement.to_node_requirement();
    if !matches!(read.operator, Some(NodeOperator::In | NodeOperator::NotIn)) {
        return Some(unsupported(requirement, path, r#""In", "NotIn""#));
    }
    let listed = listed(&read.values);
    (read.values.len() != 1)
        .then(|| format!("{path}values: Invalid value: {listed}: must have one element"))
}

impl Selector {
    /// Its terms. What cannot be parsed keeps its place, as above.
    pub(super) fn to_model(&self) -> Vec<NodeSelectorTerm> {
        self.node_selector_terms.iter().map(Term::to_model).collect()
    }
}

impl Term {
    fn to_model(&self) -> NodeSelectorTerm {
        let expression = |requirement: &Requirement| {
            let mut out = requirement.to_node_requirement();
            let well =
                is_label_key(&out.key) && out.values.iter().all(|value| is_label_value(value));
            out.operator = out.operator.filter(|_| well);
            out
        };
        NodeSelectorTerm {
            expressions: self.match_expressions.iter().map(expression).collect(),
            fields: self.match_fields.iter().map(Requirement::to_node_requirement).collect(),
        }
    }
}

impl Requirement {
    fn to_node_requirement(&self) -> NodeRequirement {
        let operator = match self.operator.as_deref().unwrap_or_default() {
            "In" => Some(NodeOperator::In),
            "NotIn" => Some(NodeOperator::NotIn),
            "Exists" => Some(NodeOperator::Exists),
            "DoesNotExist" => Some(NodeOperator::DoesNotExist),
            "Gt" => Some(NodeOperator::Gt),
            "Lt" => Some(NodeOperator::Lt),
            _ => None,
        };
        NodeRequirement {
            key: self.key.clone().unwrap_or_default(),
            operator,
            values: self.values.to_vec(),
        }
    }
}
