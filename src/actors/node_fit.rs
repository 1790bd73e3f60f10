//! Whether a pod may be on a node by its selectors, affinity and tolerations: what kubelets check before
//! they run a pod, and DaemonSets before they make one. One pod and one node at a time, on plain values;
//! the scheduler's own plugins judge slices of interned nodes.

use crate::model::{
    Effect, Labels, Node, NodeAffinity, NodeOperator, NodeRequirement, NodeSelectorTerm, Toleration,
};

const NAME_FIELD: &str = "metadata.name";

/// Whether `node` is what a pod's nodeSelector and required node affinity ask for.
///
/// Upstream: component-helpers nodeaffinity.GetRequiredNodeAffinity, v1.37.
pub(super) fn matches_node_affinity(
    selector: &Labels,
    affinity: Option<&NodeAffinity>,
    node: &Node,
) -> bool {
    let selected = selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
    let required = affinity.and_then(|affinity| affinity.required.as_ref());
    selected && required.is_none_or(|terms| terms.iter().any(|term| matches_term(term, node)))
}

/// Whether every taint of `node` with one of `effects` is tolerated.
pub(super) fn tolerates(tolerations: &[Toleration], node: &Node, effects: &[Effect]) -> bool {
    let matters = |effect: &Effect| effects.contains(effect);
    node.taints
        .iter()
        .filter(|taint| matters(&taint.effect))
        .all(|taint| tolerations.iter().any(|toleration| toleration.tolerates(taint, false)))
}

/// A term without requirements matches nothing.
fn matches_term(term: &NodeSelectorTerm, node: &Node) -> bool {
    let field = |requirement: &NodeRequirement| {
        let value = (&*requirement.key == NAME_FIELD).then_some(&*node.name);
        holds(requirement, value)
    };
    let label =
        |requirement: &NodeRequirement| holds(requirement, node.labels.get(&requirement.key));
    !(term.expressions.is_empty() && term.fields.is_empty())
        && term.expressions.iter().all(label)
        && term.fields.iter().all(field)
}

fn holds(requirement: &NodeRequirement, value: Option<&str>) -> bool {
    let listed = || value.is_some_and(|value| requirement.values.iter().any(|v| **v == *value));
    let beyond = |above: bool| {
        let number = value.and_then(|value| value.parse::<i64>().ok());
        let bound = requirement.values.first().and_then(|bound| bound.parse::<i64>().ok());
        let (Some(number), Some(bound)) = (number, bound) else { return false };
        if above { number > bound } else { number < bound }
    };
    match requirement.operator {
        Some(NodeOperator::In) => listed(),
        Some(NodeOperator::NotIn) => !listed(),
        Some(NodeOperator::Exists) => value.is_some(),
        Some(NodeOperator::DoesNotExist) => value.is_none(),
        Some(NodeOperator::Gt) => beyond(true),
        Some(NodeOperator::Lt) => beyond(false),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Taint, TolerationOperator};

    #[test]
    fn operators_and_the_name() {
        let node = Node {
            name: "n1".into(),
            labels: Labels::from_iter([("zone", "a"), ("cores", "8")]),
            ..Node::default()
        };
        let rows = [
            ("zone", NodeOperator::In, "a", true),
            ("zone", NodeOperator::NotIn, "a", false),
            ("none", NodeOperator::NotIn, "a", true),
            ("zone", NodeOperator::Exists, "", true),
            ("zone", NodeOperator::DoesNotExist, "", false),
            ("cores", NodeOperator::Gt, "4", true),
            ("cores", NodeOperator::Lt, "4", false),
            ("zone", NodeOperator::Gt, "4", false),
        ];
        let requirement = |key: &str, operator, value: &str| NodeRequirement {
            key: key.into(),
            operator: Some(operator),
            values: vec![value.into()],
        };
        let matches = |term: NodeSelectorTerm| {
            let affinity = NodeAffinity { required: Some(vec![term]), ..NodeAffinity::default() };
            matches_node_affinity(&Labels::default(), Some(&affinity), &node)
        };
        for (key, operator, value, want) in rows {
            let expressions = vec![requirement(key, operator, value)];
            let term = NodeSelectorTerm { expressions, fields: vec![] };
            assert_eq!(matches(term), want, "{key} {operator:?} {value}");
        }
        for (name, want) in [("n1", true), ("n2", false)] {
            let fields = vec![requirement(NAME_FIELD, NodeOperator::In, name)];
            assert_eq!(matches(NodeSelectorTerm { expressions: vec![], fields }), want, "{name}");
        }
        assert!(!matches(NodeSelectorTerm::default()));
        assert!(matches_node_affinity(&Labels::default(), None, &node));
    }

    #[test]
    fn only_taints_of_the_effects_asked_for_count() {
        let taint = Taint { key: "k".into(), value: "".into(), effect: Effect::NoSchedule };
        let node = Node { taints: vec![taint], ..Node::default() };
        assert!(tolerates(&[], &node, &[Effect::NoExecute]));
        assert!(!tolerates(&[], &node, &[Effect::NoSchedule]));
        let all = Toleration {
            key: "".into(),
            operator: TolerationOperator::Exists,
            value: "".into(),
            effect: None,
        };
        assert!(tolerates(&[all], &node, &[Effect::NoSchedule]));
    }
}
