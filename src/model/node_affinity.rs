//! Node affinity as plain values: which nodes a pod may go to, and which it would like.

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
}
