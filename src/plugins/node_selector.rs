//! Node selectors against the cluster: compiled once for a pod, then read a number a node and
//! requirement.

use crate::cluster::View;
use crate::model::{
    LabelOperator, LabelRequirement, LabelSelector, NodeOperator, NodeRequirement, NodeSelectorTerm,
};
use crate::units::NodeId;

/// The one field that a term can name.
pub(super) const NAME_FIELD: &str = "metadata.name";

/// A term, compiled. Matches nothing where a requirement in it could not be parsed, or where it has none.
pub(super) struct Term {
    /// `None` matches nothing.
    checks: Option<Vec<Check>>,
}

/// One requirement, compiled.
enum Check {
    /// The label's value is among these numbers, or is not.
    Among { key: Box<str>, values: Vec<u32>, wanted: bool },
    /// There is such a label, or not.
    There { key: Box<str>, wanted: bool },
    /// The label's value is an integer on this side of the bound.
    Beyond { key: Box<str>, bound: i64, above: bool },
    /// The node's name is this one, or is not.
    Name { name: Box<str>, wanted: bool },
    /// Of a field that nodes do not have: the same for all.
    Field(bool),
}

impl Term {
    /// Compiles `term` for the cluster as it is.
    ///
    /// Upstream: nodeaffinity.NewNodeSelector, v1.37: a term without requirements matches nothing.
    pub(super) fn new(view: &View<'_>, term: &NodeSelectorTerm) -> Self {
        let labels = term.expressions.iter().map(|requirement| label_check(view, requirement));
        let fields = term.fields.iter().map(field_check);
        let checks: Option<Vec<_>> = labels.chain(fields).collect();
        Self { checks: checks.filter(|checks| !checks.is_empty()) }
    }

    /// A term of equal labels, as `spec.nodeSelector`; without any it matches everything.
    pub(super) fn of_labels<'a>(
        view: &View<'_>,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let check = |(key, value): (&str, &str)| Check::Among {
            key: key.into(),
            values: view.cluster.label_value(value).into_iter().collect(),
            wanted: true,
        };
        Self { checks: Some(labels.map(check).collect()) }
    }

    /// Compiles a term of a volume's node affinity, which sees labels only: what it asks of a node's
    /// name is not looked at.
    ///
    /// Upstream: CheckNodeAffinity of component-helpers, v1.37.
    pub(super) fn of_volume(view: &View<'_>, term: &NodeSelectorTerm) -> Self {
        let mut term = Self::new(view, term);
        if let Some(checks) = &mut term.checks {
            checks.retain(|check| !matches!(check, Check::Name { .. } | Check::Field(_)));
        }
        term
    }

    /// A term that matches the nodes whose labels `selector` selects.
    pub(super) fn of_selector(view: &View<'_>, selector: &LabelSelector) -> Self {
        let check = |requirement: &LabelRequirement| {
            let key = requirement.key.clone();
            match requirement.operator {
                operator @ (LabelOperator::In | LabelOperator::NotIn) => {
                    let known = requirement.values.iter();
                    let values =
                        known.filter_map(|value| view.cluster.label_value(value)).collect();
                    Check::Among { key, values, wanted: operator == LabelOperator::In }
                }
                operator => Check::There { key, wanted: operator == LabelOperator::Exists },
            }
        };
        Self { checks: Some(selector.requirements.iter().map(check).collect()) }
    }

    /// Clears the bit of every node that the term does not match.
    pub(super) fn narrow(&self, view: &View<'_>, nodes: &[NodeId], matched: &mut [bool]) {
        let Some(checks) = &self.checks else {
            matched.fill(false);
            return;
        };
        for check in checks {
            check.narrow(view, nodes, matched);
        }
    }
}

impl Check {
    fn narrow(&self, view: &View<'_>, nodes: &[NodeId], matched: &mut [bool]) {
        let nodes = nodes.iter().zip(matched);
        match self {
            Self::Among { key, values, wanted } => {
                let column = view.cluster.label_column(key);
                for (node, matched) in nodes {
                    let number = column.and_then(|column| column.number(*node));
                    *matched &= number.is_some_and(|n| values.contains(&n)) == *wanted;
                }
            }
            Self::There { key, wanted } => {
                let column = view.cluster.label_column(key);
                for (node, matched) in nodes {
                    let there = column.is_some_and(|column| column.number(*node).is_some());
                    *matched &= there == *wanted;
                }
            }
            Self::Beyond { key, bound, above } => {
                let column = view.cluster.label_column(key);
                for (node, matched) in nodes {
                    let value = column.and_then(|column| column.value(*node));
                    let value = value.and_then(parse_integer);
                    let beyond = |value| if *above { value > *bound } else { value < *bound };
                    *matched &= value.is_some_and(beyond);
                }
            }
            Self::Name { name, wanted } => {
                for (node, matched) in nodes {
                    *matched &= (*view.cluster.node_name(*node) == **name) == *wanted;
                }
            }
            Self::Field(met) => nodes.for_each(|(_, matched)| *matched &= *met),
        }
    }
}

/// `None` where the requirement cannot be parsed.
///
/// Upstream: labels.NewRequirement, v1.37.
fn label_check(view: &View<'_>, requirement: &NodeRequirement) -> Option<Check> {
    let (key, values) = (requirement.key.clone(), &requirement.values);
    match requirement.operator? {
        operator @ (NodeOperator::In | NodeOperator::NotIn) if !values.is_empty() => {
            let known = values.iter().filter_map(|value| view.cluster.label_value(value));
            let values = known.collect();
            Some(Check::Among { key, values, wanted: operator == NodeOperator::In })
        }
        operator @ (NodeOperator::Exists | NodeOperator::DoesNotExist) if values.is_empty() => {
            Some(Check::There { key, wanted: operator == NodeOperator::Exists })
        }
        operator @ (NodeOperator::Gt | NodeOperator::Lt) => {
            let [value] = &values[..] else { return None };
            let bound = parse_integer(value)?;
            Some(Check::Beyond { key, bound, above: operator == NodeOperator::Gt })
        }
        _ => None,
    }
}

/// Upstream: nodeSelectorRequirementsAsFieldSelector, v1.37: a field that is not there is empty.
fn field_check(requirement: &NodeRequirement) -> Option<Check> {
    let [name] = &requirement.values[..] else { return None };
    let wanted = match requirement.operator? {
        NodeOperator::In => true,
        NodeOperator::NotIn => false,
        _ => return None,
    };
    Some(if &*requirement.key == NAME_FIELD {
        Check::Name { name: name.clone(), wanted }
    } else {
        Check::Field(name.is_empty() == wanted)
    })
}

/// An integer as Go's `strconv.ParseInt(s, 10, 64)` reads it.
fn parse_integer(text: &str) -> Option<i64> {
    text.parse().ok()
}
