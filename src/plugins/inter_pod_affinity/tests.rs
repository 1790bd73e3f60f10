//! Facts of upstream's own unit tests, and what an overlay changes. Pods and nodes are written in short,
//! see [`pod`].

mod existing;
mod filter;
mod namespaces;
mod score;
mod thought;

use crate::cluster::{Cluster, View};
use crate::framework::{
    Code, Plugin, PluginEval, PrepareCx, Prepared, Profile, ProfileSpec, Table, Verdict, explain,
    prepare,
};
use crate::model::{
    AffinityTerm, InterPodAffinityArgs, LabelOperator, LabelRequirement, LabelSelector, Labels,
    Namespace, Node, Pod, PodKey, WeightedTerm,
};
use crate::plugins::PLUGINS;
use crate::units::NodeId;

use super::{InterPodAffinity, filter as rules};

/// What becomes of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Fine,
    /// Rejected by the pod's affinity.
    NotNear,
    /// Rejected by the pod's anti-affinity.
    TooNear,
    /// Rejected by another pod's anti-affinity.
    Repelled,
}

/// A pod: parts with `; ` between.
///
/// `ns NAME`; `has KEY=VALUE KEY=VALUE`; `near KEY TERM` and `far KEY TERM` with a topology key, required;
/// `near WEIGHT KEY TERM` and `far WEIGHT KEY TERM`, preferred. In a term `k=a,b`, `k!=a,b`, `k` and `!k`
/// are the selector's requirements, `@a,b` its namespaces, `@?` with a requirement the namespace selector,
/// and `@*` the one that selects all.
pub(super) fn pod(text: &str) -> Pod {
    let mut pod = Pod::default();
    for part in text.split("; ").filter(|part| !part.is_empty()) {
        let (what, rest) = part.split_once(' ').unwrap_or((part, ""));
        match what {
            "ns" => pod.key.namespace = rest.into(),
            "has" => pod.labels = labels(rest),
            _ => add_term(&mut pod, what == "near", rest),
        }
    }
    pod
}

fn add_term(pod: &mut Pod, near: bool, text: &str) {
    let own = pod.pod_affinity.get_or_insert_default();
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let Ok(weight) = first.parse() else {
        let list = if near { &mut own.required } else { &mut own.anti_required };
        return list.push(term(text));
    };
    let list = if near { &mut own.preferred } else { &mut own.anti_preferred };
    list.push(WeightedTerm { weight, term: term(rest) });
}

fn term(text: &str) -> AffinityTerm {
    let (key, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut term = AffinityTerm {
        selector: Some(LabelSelector::default()),
        namespaces: Vec::new(),
        namespace_selector: None,
        topology_key: key.into(),
    };
    for word in rest.split_whitespace() {
        if word == "@*" {
            term.namespace_selector = Some(LabelSelector::default());
        } else if let Some(selects) = word.strip_prefix("@?") {
            let requirements = vec![requirement(selects)];
            term.namespace_selector = Some(LabelSelector { requirements });
        } else if let Some(names) = word.strip_prefix('@') {
            term.namespaces = names.split(',').map(Into::into).collect();
        } else if let Some(selector) = &mut term.selector {
            selector.requirements.push(requirement(word));
        }
    }
    term
}

fn requirement(text: &str) -> LabelRequirement {
    let (key, operator, values) = match (text.split_once("!="), text.split_once('=')) {
        (Some((key, values)), _) => (key, LabelOperator::NotIn, values),
        (None, Some((key, values))) => (key, LabelOperator::In, values),
        (None, None) => match text.strip_prefix('!') {
            Some(key) => (key, LabelOperator::DoesNotExist, ""),
            None => (text, LabelOperator::Exists, ""),
        },
    };
    let values = values.split(',').filter(|value| !value.is_empty()).map(Into::into).collect();
    LabelRequirement { key: key.into(), operator, values }
}

fn labels(text: &str) -> Labels {
    text.split_whitespace().map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect()
}

/// `nodes` with their labels, `pods` with the name of their node, and four namespaces of two teams.
pub(super) fn cluster(nodes: &[(&str, &str)], pods: &[(&str, &str)]) -> Cluster {
    let mut cluster = Cluster::new(0);
    for team in ["team1", "team2"] {
        for name in ["subteam1", "subteam2"] {
            let name = format!("{name}.{team}").into();
            let labels = Labels::from_iter([("team", team)]);
            cluster.upsert_namespace(&Namespace { name, labels });
        }
    }
    for (name, text) in nodes {
        let labels = labels(text);
        let node = Node { name: (*name).into(), labels, allocatable_pods: 110, ..Node::default() };
        cluster.upsert_node(&node, 0);
    }
    for (at, (node, text)) in pods.iter().enumerate() {
        add(&mut cluster, at, Some(node), text);
    }
    cluster.sanity_check();
    cluster
}

/// Adds a pod to a node, or a waiting one.
pub(super) fn add(
    cluster: &mut Cluster,
    number: usize,
    node: Option<&str>,
    text: &str,
) -> crate::units::PodId {
    let mut bound = pod(text);
    let namespace = bound.key.namespace.clone();
    bound.key = PodKey { namespace, name: format!("on-{number}").into() };
    bound.node_name = node.map(Into::into);
    cluster.add_pod(&bound, 0)
}

/// The eval of `pod`; `None` where the plugin has nothing to say.
pub(super) fn prepared(pod: &Pod, view: View<'_>) -> PluginEval {
    let args = InterPodAffinityArgs::default();
    InterPodAffinity { args }.prepare(pod, &PrepareCx { view, position: 0 })
}

/// What becomes of all nodes, in the order of their ids; `None` where the filter is skipped.
pub(super) fn judged(eval: &PluginEval, view: &View<'_>) -> Option<Vec<Is>> {
    let PluginEval::Run(eval) = eval else { return None };
    if !eval.parts().filter {
        return None;
    }
    let nodes: Vec<NodeId> = view.cluster.nodes().collect();
    let mut verdicts = vec![Verdict::PASS; nodes.len()];
    eval.filter(view, &nodes, &mut verdicts);
    let one = |verdict: &Verdict| match (verdict.code, rules::reason(verdict.detail)) {
        (Code::Success, _) => Is::Fine,
        (Code::UnschedulableAndUnresolvable, "node(s) didn't match pod affinity rules") => {
            Is::NotNear
        }
        (Code::Unschedulable, "node(s) didn't match pod anti-affinity rules") => Is::TooNear,
        (Code::Unschedulable, "node(s) didn't satisfy existing pods anti-affinity rules") => {
            Is::Repelled
        }
        other => panic!("{other:?}"),
    };
    Some(verdicts.iter().map(one).collect())
}

/// Name of the row, the pod, the pods that are there, the nodes, what becomes of them.
pub(super) type FilterRow<'a> =
    (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], Option<&'a [Is]>);

/// Checks what the filter says in each row.
pub(super) fn check_filter(rows: &[FilterRow<'_>]) {
    for (name, text, pods, nodes, want) in rows {
        let cluster = cluster(nodes, pods);
        let view = View::new(&cluster);
        let got = judged(&prepared(&pod(text), view), &view);
        assert_eq!(got.as_deref(), *want, "{name}");
    }
}

/// The points that the plugin gives each node, by name, with its weight 1.
pub(super) fn points(cluster: &Cluster, pod: &Pod, args: InterPodAffinityArgs) -> Vec<i64> {
    let mut spec = ProfileSpec::of_defaults("berth", PLUGINS);
    spec.args.inter_pod_affinity = args;
    let profile = Profile::compile(&spec, PLUGINS).expect("the defaults fit");
    let view = View::new(cluster);
    let Prepared::Ready { evals, .. } = prepare(&profile, pod, view) else {
        panic!("the pod as a whole was rejected")
    };
    let table = Table::build(&evals, &view, None);
    let at = profile.plugins.iter().position(|entry| entry.name == super::INFO.name).unwrap();
    let mut reports = explain(&evals, &view, &table, None);
    reports.sort_by_key(|report| cluster.node_name(report.node).to_owned());
    let own = |report: &crate::framework::NodeReport| {
        let own = report.scores.iter().find(|(position, ..)| usize::from(*position) == at);
        own.map_or(0, |(_, _, points)| points / super::INFO.default_weight)
    };
    reports.iter().map(own).collect()
}
