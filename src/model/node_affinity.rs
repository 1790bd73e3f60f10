//! Node affinity as plain values: which nodes a pod may go to, and which it would like.

use super::{LabelOperator, Labels};

/// The one field that a term can name.
const NAME_FIELD: &str = "metadata.name";

/// Operator of a requirement on a node's label or field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeOperator {
    /// The value is one of those listed.
    In,
    /// The value is none of those listed, or there is no such label.
    NotIn,
    /// There is such a label.
    Exists,
    /// There is no such label.
    DoesNotExist,
    /// The value is an integer greater than the one listed.
    Gt,
    /// The value is an integer less than the one listed.
    Lt,
}

impl NodeOperator {
    /// Whether it compares with an integer.
    #[must_use]
    pub const fn is_ordered(self) -> bool {
        matches!(self, Self::Gt | Self::Lt)
    }

    /// What is wrong with the number of `values`, if anything is.
    ///
    /// Upstream: labels.NewRequirement, v1.37.
    #[must_use]
    pub const fn wrong_count(self, values: &[Box<str>]) -> Option<&'static str> {
        match self {
            Self::In | Self::NotIn if values.is_empty() => {
                Some("for 'in', 'notin' operators, values set can't be empty")
            }
            Self::Exists | Self::DoesNotExist if !values.is_empty() => {
                Some("values set must be empty for exists and does not exist")
            }
            Self::Gt | Self::Lt if values.len() != 1 => {
                Some("for 'Gt', 'Lt' operators, exactly one value is required")
            }
            _ => None,
        }
    }
}

impl From<LabelOperator> for NodeOperator {
    fn from(operator: LabelOperator) -> Self {
        match operator {
            LabelOperator::In => Self::In,
            LabelOperator::NotIn => Self::NotIn,
            LabelOperator::Exists => Self::Exists,
            LabelOperator::DoesNotExist => Self::DoesNotExist,
        }
    }
}

/// A requirement on a node's label, or on its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeRequirement {
    /// The label's key; `metadata.name` for a field.
    pub key: Box<str>,
    /// What is asked of it; `None` for an operator that does not exist.
    pub operator: Option<NodeOperator>,
    /// The values.
    pub values: Vec<Box<str>>,
}

/// A term of a node selector: all of its requirements hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeSelectorTerm {
    /// `matchExpressions`, on labels.
    pub expressions: Vec<NodeRequirement>,
    /// `matchFields`, on `metadata.name`.
    pub fields: Vec<NodeRequirement>,
}

impl NodeRequirement {
    /// Whether a node with `labels` meets it; `None` where it cannot be parsed.
    ///
    /// Upstream: labels.NewRequirement and Requirement.Matches, v1.37.
    fn is_met(&self, labels: &Labels) -> Option<bool> {
        let value = labels.get(&self.key);
        let listed = || value.is_some_and(|value| self.values.iter().any(|one| **one == *value));
        let operator = self.operator?;
        match (operator, &self.values[..]) {
            (NodeOperator::In, [_, ..]) => Some(listed()),
            (NodeOperator::NotIn, [_, ..]) => Some(!listed()),
            (NodeOperator::Exists, []) => Some(value.is_some()),
            (NodeOperator::DoesNotExist, []) => Some(value.is_none()),
            (NodeOperator::Gt | NodeOperator::Lt, [bound]) => {
                let bound: i64 = bound.parse().ok()?;
                let value: Option<i64> = value.and_then(|value| value.parse().ok());
                let above = operator == NodeOperator::Gt;
                Some(value.is_some_and(|v| if above { v > bound } else { v < bound }))
            }
            _ => None,
        }
    }

    /// Whether a node called `name` meets it, as a field; `None` where it cannot be parsed.
    fn is_met_by_name(&self, name: &str) -> Option<bool> {
        let [wanted] = &self.values[..] else { return None };
        // A field that is not there is empty.
        let same = if &*self.key == NAME_FIELD { **wanted == *name } else { wanted.is_empty() };
        match self.operator? {
            NodeOperator::In => Some(same),
            NodeOperator::NotIn => Some(!same),
            _ => None,
        }
    }
}

impl NodeSelectorTerm {
    /// Whether a node called `name` with `labels` matches. A term that cannot be parsed matches nothing, and
    /// so does one without requirements.
    ///
    /// Upstream: nodeaffinity.NewNodeSelector, v1.37.
    #[must_use]
    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        let on_labels = self.expressions.iter().map(|one| one.is_met(labels));
        let on_name = self.fields.iter().map(|one| one.is_met_by_name(name));
        let all: Option<Vec<bool>> = on_labels.chain(on_name).collect();
        all.is_some_and(|all| !all.is_empty() && all.into_iter().all(|met| met))
    }
}

/// A term that makes nodes better.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PreferredTerm {
    /// From 1 to 100.
    pub weight: i32,
    /// The term.
    pub term: NodeSelectorTerm,
}

/// `spec.affinity.nodeAffinity`, or the affinity that a profile adds to every pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeAffinity {
    /// One of these terms must match; `None` where nothing is required. An empty list matches no node.
    pub required: Option<Vec<NodeSelectorTerm>>,
    /// Terms that make nodes better.
    pub preferred: Vec<PreferredTerm>,
    /// What is wrong with those that count, where something is: then nodes cannot be compared.
    pub preferred_error: Option<Box<str>>,
}
