//! NodeAffinity: nodeSelector, required and preferred node affinity, and what a profile adds to them.

use crate::cluster::{Cluster, Fact, Facts, View};
use crate::framework::{
    Action, Candidate, Cells, Change, Code, Eval, ExtensionPoint, Hint, Interest, KeyOut, Parts,
    Plugin, PluginEval, PluginInfo, PrepareCx, Resource, Verdict, default_normalise,
};
use crate::model::{
    Node, NodeAffinity as Affinity, NodeOperator, NodeSelectorTerm, Pod, PreferredTerm,
};
use crate::units::NodeId;

use super::node_selector::{NAME_FIELD, Term};
use super::required_affinity::{RequiredAffinity, compile, narrow_to_any};

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "NodeAffinity",
    default_weight: Some(2),
    points: &[
        ExtensionPoint::PreFilter,
        ExtensionPoint::Filter,
        ExtensionPoint::PreScore,
        ExtensionPoint::Score,
    ],
    summary: "honours node affinity and nodeSelector",
    make: |args| {
        Ok(Box::new(NodeAffinity { added: args.added_affinity.clone().unwrap_or_default() }))
    },
};

/// Detail of a rejection by the profile's affinity.
const ADDED: u32 = 0;
/// Detail of a rejection by the pod's own.
const OWN: u32 = 1;

struct NodeAffinity {
    /// `addedAffinity` of the profile.
    added: Affinity,
}

impl NodeAffinity {
    fn eval(&self, pod: &Pod, cx: &PrepareCx<'_>) -> NodeAffinityEval {
        let own = pod.node_affinity.as_ref();
        let own = own.map_or(&[][..], |own| &own.preferred);
        let preferred = self.added.preferred.iter().chain(own);
        NodeAffinityEval {
            position: cx.position,
            added: self.added.required.as_ref().map(|terms| compile(&cx.view, terms)),
            own: RequiredAffinity::of(pod, &cx.view),
            preferred: preferred.filter_map(|term| preference(&cx.view, term)).collect(),
            error: pod.node_affinity.as_ref().and_then(|own| own.preferred_error.clone()),
        }
    }
}

impl Plugin for NodeAffinity {
    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::of(&[Fact::NodeLabels]))
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let eval = self.eval(pod, cx);
        let required = pod.node_affinity.as_ref().and_then(|own| own.required.as_deref());
        let narrowing = match required.map(named_nodes) {
            None | Some(None) => None,
            Some(Some(names)) if names.is_empty() => {
                let reason = "pod affinity terms conflict".to_owned();
                return PluginEval::Reject(Code::UnschedulableAndUnresolvable, vec![reason]);
            }
            Some(Some(names)) => Some(names),
        };
        match (eval.parts() == Parts::default(), narrowing) {
            (_, Some(names)) => PluginEval::Narrow(Some(Box::new(eval)), names),
            (false, None) => PluginEval::Run(Box::new(eval)),
            (true, None) => PluginEval::Skip,
        }
    }

    /// Terms that conflict match no node.
    fn unprepared(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        PluginEval::Run(Box::new(self.eval(pod, cx)))
    }

    fn events(&self) -> &'static [Interest] {
        const {
            let node = Action::ADD.or(Action::UPDATE_NODE_LABEL);
            &[Interest::asks(Resource::Node, node)]
        }
    }

    /// A node helps that the profile's affinity and the pod's own allow, if the latter did not before.
    ///
    /// Upstream: isSchedulableAfterNodeChange, v1.37.
    fn hint(&self, change: &Change, pod: Candidate<'_>, _: &Cluster) -> Hint {
        let (old, Some(new)) = change.node() else { return Hint::Error };
        let added = self.added.required.as_deref();
        let allowed = added.is_none_or(|terms| matches_any(terms, new));
        let helps = allowed && allows(pod.pod, new) && !old.is_some_and(|old| allows(pod.pod, old));
        Hint::queue_if(helps)
    }
}

/// Whether one of `terms` matches `node`.
fn matches_any(terms: &[NodeSelectorTerm], node: &Node) -> bool {
    terms.iter().any(|term| term.matches(&node.name, &node.labels))
}

/// Whether the pod's nodeSelector and required affinity allow `node`.
fn allows(pod: &Pod, node: &Node) -> bool {
    let mut selector = pod.node_selector.iter();
    let required = pod.node_affinity.as_ref().and_then(|affinity| affinity.required.as_deref());
    selector.all(|(key, value)| node.labels.get(key) == Some(value))
        && required.is_none_or(|terms| matches_any(terms, node))
}

/// A preferred term with its weight; one that weighs nothing or asks for nothing does not count.
fn preference(view: &View<'_>, term: &PreferredTerm) -> Option<(i32, Term)> {
    let empty = term.term.expressions.is_empty() && term.term.fields.is_empty();
    (term.weight != 0 && !empty).then(|| (term.weight, Term::new(view, &term.term)))
}

/// The only nodes that required terms leave, where each of them names nodes; sorted.
///
/// Upstream: NodeAffinity.PreFilter, v1.37: in a term the intersection of its `metadata.name In`, over the
/// terms their union; a term that names none leaves all nodes.
fn named_nodes(terms: &[NodeSelectorTerm]) -> Option<Vec<Box<str>>> {
    if terms.is_empty() {
        return None;
    }
    let mut union: Vec<Box<str>> = Vec::new();
    for term in terms {
        let mut names: Option<Vec<Box<str>>> = None;
        for field in &term.fields {
            if &*field.key == NAME_FIELD && field.operator == Some(NodeOperator::In) {
                names = Some(match names {
                    None => field.values.clone(),
                    Some(names) => {
                        names.into_iter().filter(|name| field.values.contains(name)).collect()
                    }
                });
            }
        }
        union.extend(names?);
    }
    union.sort_unstable();
    union.dedup();
    Some(union)
}

struct NodeAffinityEval {
    position: u16,
    /// The profile's required terms: one of them matches.
    added: Option<Vec<Term>>,
    /// What the pod itself requires.
    own: RequiredAffinity,
    /// Weights and terms, the profile's first.
    preferred: Vec<(i32, Term)>,
    /// Why nodes cannot be compared.
    error: Option<Box<str>>,
}

impl Eval for NodeAffinityEval {
    fn parts(&self) -> Parts {
        let scores = !self.preferred.is_empty() || self.error.is_some();
        Parts {
            filter: self.added.is_some() || !self.own.is_empty(),
            gate: false,
            pre_score: self.error.is_some(),
            score: false,
            key_words: usize::from(scores),
            cell_score: scores,
        }
    }

    fn lasting(&self) -> Option<u64> {
        Some(0)
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let mut matched = vec![true; nodes.len()];
        let mut reject = |matched: &[bool], detail: u32| {
            let code = Code::UnschedulableAndUnresolvable;
            let rejected = Verdict::reject(self.position, code, detail);
            for (verdict, matched) in out.iter_mut().zip(matched) {
                if !matched && verdict.is_pass() {
                    *verdict = rejected;
                }
            }
        };
        if let Some(terms) = &self.added {
            narrow_to_any(view, nodes, terms, &mut matched);
            reject(&matched, ADDED);
        }
        matched.fill(true);
        self.own.narrow(view, nodes, &mut matched);
        reject(&matched, OWN);
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, verdict: Verdict) -> Vec<String> {
        let text = match verdict.detail {
            ADDED => "node(s) didn't match scheduler-enforced node affinity",
            _ => "node(s) didn't match Pod's node affinity/selector",
        };
        vec![text.into()]
    }

    /// Upstream: NodeAffinity.PreScore, v1.37.
    fn score_error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// The sum of the weights of the preferred terms that match.
    fn key(&self, view: &View<'_>, nodes: &[NodeId], out: &mut KeyOut<'_>) {
        let mut sums = vec![0u32; nodes.len()];
        for (weight, term) in &self.preferred {
            let mut matched = vec![true; nodes.len()];
            term.narrow(view, nodes, &mut matched);
            let weight = u32::try_from(*weight).unwrap_or_default();
            let matching = sums.iter_mut().zip(matched).filter(|(_, matched)| *matched);
            matching.for_each(|(sum, _)| *sum = sum.saturating_add(weight));
        }
        for (index, sum) in sums.into_iter().enumerate() {
            out.set(index, 0, sum);
        }
    }

    fn raw(&self, _view: &View<'_>, cells: Cells<'_>, out: &mut [i64]) {
        for (cell, score) in out.iter_mut().enumerate() {
            *score = i64::from(cells.word(cell, 0));
        }
    }

    fn normalise(&self, _cells: Cells<'_>, raw: &mut [i64]) {
        default_normalise(raw, false);
    }
}
