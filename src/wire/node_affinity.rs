//! Node affinity as it stands in a pod, and the node selector in it, which volumes have too.

use serde::Deserialize;

use crate::model::{self, NodeOperator, NodeRequirement, NodeSelectorTerm, PreferredTerm};

use super::json::List;
use super::selector::{Requirement, is_label_key, is_label_value};

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
        }
    }
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
