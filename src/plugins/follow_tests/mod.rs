//! Evals that are kept from pod to pod: after any changes, one that followed says what one that is prepared anew
//! says, of single nodes, by cells, and in its scores.

mod affinity;
mod spread;

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::cluster::{Cluster, Epochs, Fact, Facts, Overlay, View};
use crate::framework::{Cells, Eval, KeyOut, Plugin, PluginEval, PrepareCx, Verdict};
use crate::model::{
    AffinityTerm, Effect, HOSTNAME, LabelOperator, LabelRequirement, LabelSelector, Labels, Node,
    Pod, PodKey, Taint,
};
use crate::units::{NodeId, PodId};

const NODES: [&str; 6] = ["n0", "n1", "n2", "n3", "n4", "n5"];
const ZONES: [&str; 4] = ["-", "z0", "z1", ""];
const HOSTS: [&str; 6] = ["-", "h0", "h1", "h2", "h3", ""];
const DISKS: [&str; 3] = ["-", "ssd", "hdd"];

/// Something happens to the cluster.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A pod of this kind comes to a node, or waits.
    Add(usize, Option<usize>),
    /// The pod at this place of those that there are goes.
    Remove(usize),
    /// A waiting pod is assumed on a node, or one that is assumed is forgotten.
    Move(usize, usize),
    /// A node comes or changes: its zone, host, disk and taints.
    Node(usize, [usize; 4]),
    /// A node goes; its pods stay.
    Gone(usize),
    /// The next pod of the template comes.
    Pod,
}

fn step() -> impl Strategy<Value = Step> {
    let node = || 0..NODES.len();
    let labels = (0..ZONES.len(), 0..HOSTS.len(), 0..DISKS.len(), 0..3usize);
    prop_oneof![
        6 => (any::<prop::sample::Index>(), prop::option::weighted(0.8, node()))
            .prop_map(|(kind, node)| Step::Add(kind.index(1 << 10), node)),
        4 => any::<prop::sample::Index>().prop_map(|at| Step::Remove(at.index(1 << 10))),
        2 => (any::<prop::sample::Index>(), node())
            .prop_map(|(at, node)| Step::Move(at.index(1 << 10), node)),
        3 => (node(), labels).prop_map(|(node, (z, h, d, t))| Step::Node(node, [z, h, d, t])),
        1 => node().prop_map(Step::Gone),
        4 => Just(Step::Pod),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..60)
}

fn labels(text: &str) -> Labels {
    text.split_whitespace().map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect()
}

/// Selects pods with all these labels.
fn selector(text: &str) -> LabelSelector {
    let requirement = |(key, value): (&str, &str)| LabelRequirement {
        key: key.into(),
        operator: LabelOperator::In,
        values: vec![value.into()],
    };
    LabelSelector { requirements: labels(text).iter().map(requirement).collect() }
}

fn term(topology_key: &str, selects: &str) -> AffinityTerm {
    AffinityTerm {
        selector: Some(selector(selects)),
        namespaces: Vec::new(),
        namespace_selector: None,
        topology_key: topology_key.into(),
    }
}

fn pod_with(text: &str) -> Pod {
    let key = PodKey { namespace: "default".into(), name: "p".into() };
    Pod { key, labels: labels(text), ..Pod::default() }
}

fn taints(set: usize) -> Vec<Taint> {
    let taint = |key: &str, effect| Taint { key: key.into(), value: "".into(), effect };
    [vec![], vec![taint("a", Effect::NoSchedule)], vec![taint("b", Effect::NoExecute)]][set].clone()
}

fn node(name: &str, [zone, host, disk, set]: [usize; 4]) -> Node {
    let of = [("zone", ZONES[zone]), (HOSTNAME, HOSTS[host]), ("disk", DISKS[disk])];
    let labels = of.into_iter().filter(|(_, value)| *value != "-").collect();
    let taints = taints(set);
    Node { name: name.into(), labels, taints, allocatable_pods: 110, ..Node::default() }
}

/// The cluster and the pods in it.
struct World {
    cluster: Cluster,
    kinds: Vec<Pod>,
    pods: Vec<PodId>,
    made: usize,
}

impl World {
    /// Four nodes, and two that keep every value of a label and every set of taints known: where those
    /// change, evals are thrown away.
    fn new(kinds: Vec<Pod>) -> Self {
        let mut cluster = Cluster::new(0);
        let values = ZONES.iter().chain(&HOSTS).chain(&DISKS).enumerate();
        let labels: Labels = values
            .map(|(at, value)| (format!("anchor-{at}"), *value))
            .collect::<Vec<_>>()
            .iter()
            .map(|(key, value)| (key.as_str(), *value))
            .collect();
        for set in [1, 2] {
            let name = format!("anchor-{set}").into();
            let (labels, taints) = (labels.clone(), taints(set));
            cluster.upsert_node(&Node { name, labels, taints, ..Node::default() }, 0);
        }
        for (at, name) in NODES.iter().take(4).enumerate() {
            cluster.upsert_node(&node(name, [1 + at % 2, 1 + at, 0, 0]), 0);
        }
        Self { cluster, kinds, pods: Vec::new(), made: 0 }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Add(kind, on) => {
                let mut pod = self.kinds[kind % self.kinds.len()].clone();
                pod.key.name = format!("o{}", self.made).into();
                pod.uid = pod.key.name.clone();
                // Every third pod is a class of its own.
                if self.made.is_multiple_of(3) {
                    let own = ("index", format!("{}", self.made));
                    let all = pod.labels.iter().chain([(own.0, own.1.as_str())]);
                    pod.labels = all.collect();
                }
                pod.node_name = on.map(|on| NODES[on].into());
                self.made += 1;
                self.pods.push(self.cluster.add_pod(&pod, 0));
            }
            Step::Remove(at) => {
                if !self.pods.is_empty() {
                    let gone = self.pods.swap_remove(at % self.pods.len());
                    self.cluster.remove_pod(gone);
                }
            }
            Step::Move(at, on) => self.shift(at, on),
            Step::Node(at, facts) => {
                self.cluster.upsert_node(&node(NODES[at], facts), 0);
            }
            Step::Gone(at) => {
                self.cluster.delete_node(NODES[at]);
            }
            Step::Pod => {}
        }
    }

    fn shift(&mut self, at: usize, on: usize) {
        use crate::cluster::Place;
        if self.pods.is_empty() {
            return;
        }
        let id = self.pods[at % self.pods.len()];
        match self.cluster.pod(id).map(|pod| pod.place) {
            Some(Place::Pending) => {
                if let Some(node) = self.cluster.find_node(NODES[on]) {
                    self.cluster.assume(id, node);
                }
            }
            Some(Place::Assumed(_)) => self.cluster.forget(id),
            _ => {}
        }
    }
}

/// An eval that is kept, as tables keep it.
struct Kept {
    /// `None` where the plugin was skipped without one.
    eval: Option<Box<dyn Eval>>,
    skips: bool,
    words: BTreeMap<NodeId, Vec<u32>>,
    next_change: u64,
    epochs: Epochs,
}

impl Kept {
    fn new(plugin: &dyn Plugin, pod: &Pod, cluster: &Cluster) -> Self {
        let view = View::new(cluster);
        let (mut eval, skips) = prepared(plugin, pod, view);
        let mut words = BTreeMap::new();
        if let Some(eval) = &mut eval {
            // Before it follows: the words of a build are those of a catch-up.
            words = words_of(&**eval, &view, cluster.nodes());
            eval.follow(&view);
        }
        let epochs = cluster.epochs();
        Self { eval, skips, words, next_change: cluster.changes().next(), epochs }
    }

    /// As the engine does for the next pod; false: it is prepared anew.
    fn catch_up(&mut self, cluster: &Cluster) -> bool {
        let view = View::new(cluster);
        let changed: Vec<NodeId> =
            cluster.changes().since(self.next_change).expect("it is known").collect();
        let each: Vec<_> =
            cluster.changes().each_since(self.next_change).expect("it is known").collect();
        self.next_change = cluster.changes().next();
        let Some(eval) = &mut self.eval else {
            return self.epochs.agree(&cluster.epochs(), Facts::of(&[Fact::Affinity]));
        };
        let mut concerned = Vec::new();
        let some = eval.concerned(&each, &mut concerned);
        if !eval.catch_up(&view, if some { &concerned } else { &changed }) {
            return false;
        }
        for node in &changed {
            self.words.remove(node);
        }
        let there = changed.into_iter().filter(|node| view.row(*node).is_present());
        self.words.extend(words_of(&**eval, &view, there));
        true
    }
}

/// The eval of `pod`, and whether the plugin is skipped for it.
fn prepared(plugin: &dyn Plugin, pod: &Pod, view: View<'_>) -> (Option<Box<dyn Eval>>, bool) {
    match plugin.prepare(pod, &PrepareCx { view, position: 3 }) {
        PluginEval::Skip => (None, true),
        PluginEval::SkipWhile(eval) => (Some(eval), true),
        PluginEval::Run(eval) => (Some(eval), false),
        _ => panic!("the pod can be read"),
    }
}

fn words_of(
    eval: &dyn Eval,
    view: &View<'_>,
    nodes: impl Iterator<Item = NodeId>,
) -> BTreeMap<NodeId, Vec<u32>> {
    let nodes: Vec<NodeId> = nodes.collect();
    let stride = eval.parts().key_words;
    let mut words = vec![0; nodes.len() * stride];
    eval.key(view, &nodes, &mut KeyOut::new(&mut words, stride, 0));
    let of = |at: usize| words[at * stride..(at + 1) * stride].to_vec();
    nodes.iter().enumerate().map(|(at, node)| (*node, of(at))).collect()
}

/// What an eval says of all nodes.
#[derive(Debug, PartialEq)]
struct Said {
    filtered: Vec<Verdict>,
    /// Raw score and points of each feasible node.
    scores: BTreeMap<NodeId, (i64, i64)>,
}

fn said(eval: &dyn Eval, view: &View<'_>, words: &BTreeMap<NodeId, Vec<u32>>) -> Said {
    let nodes: Vec<NodeId> = view.cluster.nodes().collect();
    let mut filtered = vec![Verdict::PASS; nodes.len()];
    if eval.parts().filter {
        eval.filter(view, &nodes, &mut filtered);
    }
    let stride = eval.parts().key_words;
    let flat: Vec<u32> = nodes.iter().flat_map(|node| words[node].clone()).collect();
    let each = vec![1; nodes.len()];
    let mut gated = vec![Verdict::PASS; nodes.len()];
    if eval.parts().gate {
        eval.gate(view, Cells::new(&flat, stride, 0, &each), &mut gated);
    }
    assert_eq!(gated, filtered, "cells are judged as their nodes");
    let mut open: BTreeMap<&Vec<u32>, Vec<NodeId>> = BTreeMap::new();
    for (node, _) in nodes.iter().zip(&filtered).filter(|(_, verdict)| verdict.is_pass()) {
        open.entry(&words[node]).or_default().push(*node);
    }
    let flat: Vec<u32> = open.keys().copied().flatten().copied().collect();
    let feasible: Vec<u32> =
        open.values().map(|nodes| u32::try_from(nodes.len()).expect("few nodes")).collect();
    let cells = Cells::new(&flat, stride, 0, &feasible);
    let mut raw = vec![0; open.len()];
    let mut points = raw.clone();
    if eval.parts().cell_score {
        eval.raw(view, cells, &mut raw);
        points.clone_from(&raw);
        eval.normalise(cells, &mut points);
    }
    let of_cell = |(cell, nodes): (usize, &Vec<NodeId>)| -> Vec<_> {
        nodes.iter().map(|node| (*node, (raw[cell], points[cell]))).collect()
    };
    let scores = open.values().enumerate().flat_map(of_cell).collect();
    Said { filtered, scores }
}

/// What an eval says of the node at `at` without its first pod and with every waiting one.
fn in_thought(eval: &dyn Eval, world: &World, at: usize) -> Vec<Verdict> {
    let cluster = &world.cluster;
    let nodes: Vec<NodeId> = cluster.nodes().collect();
    let node = nodes[at % nodes.len()];
    let mut overlay = Overlay::without(cluster, node, cluster.pods_on(node).first().copied());
    let waits = |id: &&PodId| cluster.pod(**id).is_some_and(|pod| pod.place.node().is_none());
    for id in world.pods.iter().filter(waits) {
        overlay.add(cluster, *id);
    }
    let mut out = vec![Verdict::PASS; nodes.len()];
    if eval.parts().filter {
        eval.filter(&View::new(cluster).with(&overlay), &nodes, &mut out);
    }
    out
}

/// Lets an eval of `pod` follow, and compares it with one that is prepared anew whenever the next pod comes.
fn check(plugin: &dyn Plugin, pod: &Pod, mut world: World, steps: &[Step]) {
    let mut kept = Kept::new(plugin, pod, &world.cluster);
    for (at, step) in steps.iter().chain([&Step::Pod]).enumerate() {
        world.apply(*step);
        if !matches!(step, Step::Pod) {
            continue;
        }
        if !kept.catch_up(&world.cluster) {
            kept = Kept::new(plugin, pod, &world.cluster);
        }
        let view = View::new(&world.cluster);
        let (anew, skips) = prepared(plugin, pod, view);
        assert_eq!(kept.skips, skips, "whether it is skipped");
        let (Some(kept_eval), Some(anew)) = (&kept.eval, &anew) else { continue };
        let speaks = |eval: &dyn Eval| (eval.parts().filter, eval.parts().cell_score);
        assert_eq!(speaks(&**kept_eval), speaks(&**anew));
        let all = || world.cluster.nodes();
        assert_eq!(kept.words, words_of(&**kept_eval, &view, all()), "the others kept theirs");
        if skips {
            continue;
        }
        let words = words_of(&**anew, &view, all());
        if (kept_eval.lasting(), kept_eval.parts()) == (anew.lasting(), anew.parts()) {
            assert_eq!(kept.words, words);
        }
        let kept_says = said(&**kept_eval, &view, &kept.words);
        assert_eq!(kept_says, said(&**anew, &view, &words));
        assert_eq!(
            in_thought(&**kept_eval, &world, at),
            in_thought(&**anew, &world, at),
            "with pods more and fewer in thought"
        );
    }
}

/// Whether an eval of `pod` can follow while one pod of each of `kinds` comes to a node.
fn follows_pods(plugin: &dyn Plugin, pod: &Pod, kinds: &[Pod]) -> Vec<bool> {
    let mut world = World::new(kinds.to_vec());
    let mut kept = Kept::new(plugin, pod, &world.cluster);
    let mut comes = |kind| {
        world.apply(Step::Add(kind, Some(1)));
        let caught_up = kept.catch_up(&world.cluster);
        if !caught_up {
            kept = Kept::new(plugin, pod, &world.cluster);
        }
        caught_up
    };
    (0..kinds.len()).map(&mut comes).collect()
}
