//! Facts of upstream's own unit tests, in a short notation: nodes are `a zone=1 node=a; b …`, pods are
//! `a:foo,bar` (on node a, with these labels), with `!` behind one that is being deleted and `@ns` behind
//! one of another namespace.

mod defaults;
mod filter;
mod overlay;
mod score;

use crate::cluster::{Cluster, View};
use crate::framework::{Code, Prepared, Profile, ProfileSpec, Table, Verdict, explain, prepare};
use crate::model::{
    DefaultSpread, LabelOperator, LabelRequirement, LabelSelector, Labels, Node, Pod, PodKey,
    SpreadConstraint, WhenUnsatisfiable,
};
use crate::units::NodeId;

use super::super::PLUGINS;

const NAME: &str = "PodTopologySpread";
/// Two zones with two nodes each.
const GRID: &str = "a zone=1 node=a; b zone=1 node=b; x zone=2 node=x; y zone=2 node=y";

/// `a=1 b=2`, or keys alone, as labels.
fn labels(text: &str) -> Labels {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    words.map(|word| word.split_once('=').unwrap_or((word, ""))).collect()
}

/// Selects pods with the label `key`; `{}` selects all, `-` is no selector.
fn selector(key: &str) -> Option<LabelSelector> {
    let exists = |key: &str| LabelRequirement {
        key: key.into(),
        operator: LabelOperator::Exists,
        values: Vec::new(),
    };
    match key {
        "-" => None,
        "{}" => Some(LabelSelector::default()),
        _ => Some(LabelSelector { requirements: vec![exists(key)] }),
    }
}

fn hard(max_skew: i32, key: &str, selects: &str) -> SpreadConstraint {
    SpreadConstraint {
        max_skew,
        topology_key: key.into(),
        when_unsatisfiable: WhenUnsatisfiable::DoNotSchedule,
        selector: selector(selects),
        ..SpreadConstraint::default()
    }
}

fn soft(max_skew: i32, key: &str, selects: &str) -> SpreadConstraint {
    let when_unsatisfiable = WhenUnsatisfiable::ScheduleAnyway;
    SpreadConstraint { when_unsatisfiable, ..hard(max_skew, key, selects) }
}

fn pod(with: &str, constraints: Vec<SpreadConstraint>) -> Pod {
    let key = PodKey { namespace: "default".into(), name: "p".into() };
    Pod { key, labels: labels(with), topology_spread: constraints, ..Pod::default() }
}

/// A pod in the notation of this module.
fn bound(at: usize, text: &str) -> Pod {
    let (node, rest) = text.split_once(':').expect("node:labels");
    let (rest, namespace) = rest.split_once('@').unwrap_or((rest, "default"));
    let key = PodKey { namespace: namespace.into(), name: format!("b{at}").into() };
    Pod {
        key,
        uid: format!("b{at}").into(),
        labels: labels(rest.trim_end_matches('!')),
        terminating: rest.ends_with('!'),
        node_name: Some(node.into()),
        ..Pod::default()
    }
}

fn cluster(nodes: &str, pods: &str) -> Cluster {
    let mut cluster = Cluster::new(0);
    for node in nodes.split(';') {
        let (name, with) = node.trim().split_once(' ').unwrap_or((node.trim(), ""));
        let labels = labels(with);
        let node = Node { name: name.into(), labels, allocatable_pods: 110, ..Node::default() };
        cluster.upsert_node(&node, 0);
    }
    for (at, pod) in pods.split_whitespace().enumerate() {
        cluster.add_pod(&bound(at, pod), 0);
    }
    cluster
}

/// A profile with the plugins of the default one, of which this one is told `args`.
fn profile(args: DefaultSpread) -> Profile {
    let mut spec = ProfileSpec::of_defaults("berth", PLUGINS);
    for plugins in spec.points.values_mut() {
        plugins.retain(|plugin| [NAME, "PrioritySort", "DefaultBinder"].contains(&&*plugin.name));
    }
    spec.args.default_spread = args;
    Profile::compile(&spec, PLUGINS).expect("what is left fits")
}

/// `+` a pass, `U` unschedulable, `N` not even with preemption; a letter a node, in the order of names.
fn verdicts(pod: &Pod, view: View<'_>) -> String {
    let profile = profile(DefaultSpread::default());
    let Prepared::Ready { evals, .. } = prepare(&profile, pod, View::new(view.cluster)) else {
        panic!("the pod as a whole was rejected")
    };
    let letter = |node: NodeId| match evals.filter_one(&view, node) {
        verdict if verdict.is_pass() => '+',
        Verdict { code: Code::Unschedulable, .. } => 'U',
        _ => 'N',
    };
    by_name(view.cluster).into_iter().map(letter).collect()
}

fn by_name(cluster: &Cluster) -> Vec<NodeId> {
    let mut nodes: Vec<_> = cluster.nodes().collect();
    nodes.sort_by_key(|node| cluster.node_name(*node).to_owned());
    nodes
}

/// The points of the nodes in `feasible`, in the order of names; `None` where the pod is not scored.
fn scores(args: DefaultSpread, pod: &Pod, cluster: &Cluster, feasible: &str) -> Option<Vec<i64>> {
    let profile = profile(args);
    let view = View::new(cluster);
    let Prepared::Ready { evals, .. } = prepare(&profile, pod, view) else {
        panic!("the pod as a whole was rejected")
    };
    let mut nodes = by_name(cluster);
    nodes.retain(|node| feasible.contains(cluster.node_name(*node)));
    let table = Table::build(&evals, &view, Some(&nodes));
    let reports = explain(&evals, &view, &table, Some(&nodes));
    let weight = 2;
    reports.iter().map(|report| Some(report.scores.first()?.2 / weight)).collect()
}
