//! The cluster as a person would like to see it: which pods are where, which wait and why, what the nodes
//! have left. Made from what watches say; printed by `show` and `summary`.

use std::collections::BTreeMap;

use crate::engine::{Event, Kind};
use crate::model::{Node, Pod, PodKey};

/// Where a pod stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// On a node.
    Placed(Box<str>),
    /// It has scheduling gates of its own.
    Gated(Vec<Box<str>>),
    /// It fits nowhere, in the scheduler's words.
    Unschedulable(Box<str>),
    /// Nobody has decided about it yet, or it is being deleted without having been placed.
    Undecided,
    /// It asks for a scheduler that is not here.
    Foreign(Box<str>),
}

/// Something that a person would want to be told as it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// A pod has come to a node.
    Placed { pod: PodKey, node: Box<str> },
    /// No node was found for a pod, or the reason has changed.
    Unschedulable { pod: PodKey, message: Box<str> },
    /// A pod is gone, or has finished.
    Gone { pod: PodKey },
}

/// A pod in the picture.
#[derive(Clone, Debug)]
struct PodView {
    standing: Standing,
    milli_cpu: i64,
    memory: i64,
    terminating: bool,
    /// Number of the list that named it last.
    seen: u32,
}

/// A node in the picture, with what the pods on it ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NodeView {
    /// The node is there; pods may be on one that is not.
    pub(super) present: bool,
    pub(super) pods: i64,
    pub(super) pods_max: i64,
    pub(super) milli_cpu: i64,
    pub(super) milli_cpu_max: i64,
    pub(super) memory: i64,
    pub(super) memory_max: i64,
    /// Number of the list that named it last.
    seen: u32,
}

/// What a picture is made of.
pub(super) const WATCHED: [Kind; 3] = [Kind::Namespace, Kind::Node, Kind::Pod];

/// How many pods stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) placed: usize,
    pub(super) gated: usize,
    pub(super) unschedulable: usize,
    pub(super) undecided: usize,
    pub(super) foreign: usize,
}

/// The picture.
#[derive(Debug, Default)]
pub(super) struct Picture {
    /// The schedulers that are here.
    schedulers: Vec<Box<str>>,
    pods: BTreeMap<PodKey, PodView>,
    nodes: BTreeMap<Box<str>, NodeView>,
    /// By [`Kind::index`]: the number of the last list, and whether one was complete.
    lists: [(u32, bool); Kind::COUNT],
}

impl Picture {
    /// An empty picture; pods that ask for another scheduler are told apart.
    pub(super) fn new(schedulers: Vec<Box<str>>) -> Self {
        Self { schedulers, ..Self::default() }
    }

    /// Everything was listed once.
    pub(super) fn is_complete(&self) -> bool {
        WATCHED.iter().all(|kind| self.lists[kind.index()].1)
    }

    /// Takes in what a watch says. Pods of the first list are no news.
    pub(super) fn take_in(&mut self, event: Event, news: &mut Vec<News>) {
        match event {
            Event::PodUpsert(pod) => self.pod(&pod, news),
            Event::PodDelete { key, .. } => self.pod_gone(key, news),
            Event::NodeUpsert(node) => self.node(&node),
            Event::NodeDelete(name) => self.node_gone(&name),
            Event::ListBegin(kind) => self.lists[kind.index()].0 += 1,
            Event::ListEnd(kind) => self.list_end(kind, news),
            _ => {}
        }
    }

    fn list_end(&mut self, kind: Kind, news: &mut Vec<News>) {
        let (number, complete) = &mut self.lists[kind.index()];
        *complete = true;
        let number = *number;
        match kind {
            Kind::Pod => {
                let unseen = self.pods.iter().filter(|(_, pod)| pod.seen != number);
                for key in unseen.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
                    self.pod_gone(key, news);
                }
            }
            Kind::Node => {
                let unseen = self.nodes.iter().filter(|(_, node)| node.seen != number);
                for name in unseen.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
                    self.node_gone(&name);
                }
            }
            Kind::Namespace | Kind::Object(_) => {}
        }
    }

    fn pod(&mut self, pod: &Pod, news: &mut Vec<News>) {
        if pod.finished {
            return self.pod_gone(pod.key.clone(), news);
        }
        let standing = self.standing(pod);
        let (number, known) = self.lists[Kind::Pod.index()];
        let before = self.pods.get(&pod.key).map(|view| view.standing.clone());
        if known && before.as_ref() != Some(&standing) {
            let pod = pod.key.clone();
            match &standing {
                Standing::Placed(node) => news.push(News::Placed { pod, node: node.clone() }),
                Standing::Unschedulable(message) => {
                    news.push(News::Unschedulable { pod, message: message.clone() });
                }
                Standing::Gated(_) | Standing::Undecided | Standing::Foreign(_) => {}
            }
        }
        let usage = &pod.requests.usage;
        let view = PodView {
            standing,
            milli_cpu: usage.milli_cpu,
            memory: usage.memory,
            terminating: pod.terminating,
            seen: number,
        };
        self.count(&view, 1);
        if let Some(before) = self.pods.insert(pod.key.clone(), view) {
            self.count(&before, -1);
        }
    }

    fn standing(&self, pod: &Pod) -> Standing {
        if let Some(node) = &pod.node_name {
            return Standing::Placed(node.clone());
        }
        if !self.schedulers.iter().any(|name| **name == *pod.scheduler_name) {
            return Standing::Foreign((*pod.scheduler_name).into());
        }
        if !pod.scheduling_gates.is_empty() {
            return Standing::Gated(pod.scheduling_gates.clone());
        }
        match &pod.scheduled_condition {
            Some(condition) if &*condition.reason == "Unschedulable" => {
                Standing::Unschedulable((&*condition.message).into())
            }
            _ => Standing::Undecided,
        }
    }

    fn pod_gone(&mut self, key: PodKey, news: &mut Vec<News>) {
        if let Some(view) = self.pods.remove(&key) {
            self.count(&view, -1);
            news.push(News::Gone { pod: key });
        }
    }

    fn count(&mut self, pod: &PodView, sign: i64) {
        let Standing::Placed(name) = &pod.standing else { return };
        let node = self.nodes.entry(name.clone()).or_default();
        node.pods += sign;
        node.milli_cpu += sign * pod.milli_cpu;
        node.memory += sign * pod.memory;
        self.drop_if_empty(&pod.standing);
    }

    fn drop_if_empty(&mut self, standing: &Standing) {
        let Standing::Placed(name) = standing else { return };
        if self.nodes.get(name).is_some_and(|node| !node.present && node.pods == 0) {
            self.nodes.remove(name);
        }
    }

    fn node(&mut self, node: &Node) {
        let view = self.nodes.entry(node.name.clone()).or_default();
        view.present = true;
        view.pods_max = node.allocatable_pods;
        view.milli_cpu_max = node.allocatable.milli_cpu;
        view.memory_max = node.allocatable.memory;
        view.seen = self.lists[Kind::Node.index()].0;
    }

    fn node_gone(&mut self, name: &str) {
        if let Some(node) = self.nodes.get_mut(name) {
            node.present = false;
        }
        self.drop_if_empty(&Standing::Placed(name.into()));
    }

    /// How many pods stand where.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for pod in self.pods.values() {
            match &pod.standing {
                Standing::Placed(_) => counts.placed += 1,
                Standing::Gated(_) => counts.gated += 1,
                Standing::Unschedulable(_) => counts.unschedulable += 1,
                // Nothing more will be decided about it.
                Standing::Undecided if pod.terminating => {}
                Standing::Undecided => counts.undecided += 1,
                Standing::Foreign(_) => counts.foreign += 1,
            }
        }
        counts
    }

    /// The nodes that are there, by name; numbers in names in their order.
    pub(super) fn nodes(&self) -> Vec<(&str, &NodeView)> {
        let present = self.nodes.iter().filter(|(_, node)| node.present);
        let mut nodes: Vec<_> = present.map(|(name, node)| (&**name, node)).collect();
        nodes.sort_by_key(|(name, _)| natural(name));
        nodes
    }

    /// The pods of a standing, with it.
    pub(super) fn pods(&self) -> impl Iterator<Item = (&PodKey, &Standing)> {
        self.pods.iter().map(|(key, pod)| (key, &pod.standing))
    }
}

/// A name by which `node-10` comes after `node-9`.
fn natural(name: &str) -> (&str, u64, &str) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (stem, name[stem.len()..].parse().unwrap_or(0), name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ScheduledCondition;

    fn pod(name: &str) -> Pod {
        let key = PodKey { namespace: "default".into(), name: name.into() };
        let mut pod = Pod { key, scheduler_name: "berth".into(), ..Pod::default() };
        pod.requests.usage.milli_cpu = 500;
        pod
    }

    fn picture() -> Picture {
        let mut picture = Picture::new(vec!["berth".into()]);
        for kind in WATCHED {
            assert!(!picture.is_complete());
            picture.take_in(Event::ListBegin(kind), &mut Vec::new());
            picture.take_in(Event::ListEnd(kind), &mut Vec::new());
        }
        assert!(picture.is_complete());
        picture
    }

    fn said(picture: &mut Picture, event: Event) -> Vec<News> {
        let mut news = Vec::new();
        picture.take_in(event, &mut news);
        news
    }

    fn put(picture: &mut Picture, pod: Pod) -> Vec<News> {
        said(picture, Event::PodUpsert(Box::new(pod)))
    }

    #[test]
    fn a_pod_waits_fails_and_is_placed() {
        let mut picture = picture();
        let mut p = pod("a");
        assert_eq!(put(&mut picture, p.clone()), []);
        assert_eq!(picture.counts(), Counts { undecided: 1, ..Counts::default() });
        let message: Box<str> = "0/1 nodes are available".into();
        p.scheduled_condition = Some(ScheduledCondition {
            status: "False".into(),
            reason: "Unschedulable".into(),
            message: (&*message).into(),
            probed: false,
            last_transition_time: None,
        });
        let news = put(&mut picture, p.clone());
        assert_eq!(news, [News::Unschedulable { pod: p.key.clone(), message }]);
        assert_eq!(put(&mut picture, p.clone()), [], "the same is no news");
        p.node_name = Some("n1".into());
        let news = put(&mut picture, p.clone());
        assert_eq!(news, [News::Placed { pod: p.key.clone(), node: "n1".into() }]);
        assert_eq!(picture.counts(), Counts { placed: 1, ..Counts::default() });
        p.finished = true;
        assert_eq!(put(&mut picture, p.clone()), [News::Gone { pod: p.key }]);
        assert_eq!(picture.counts(), Counts::default());
    }

    #[test]
    fn nodes_know_what_is_asked_of_them() {
        let mut picture = picture();
        for name in ["node-10", "node-9"] {
            let node = Node { name: name.into(), allocatable_pods: 5, ..Node::default() };
            said(&mut picture, Event::NodeUpsert(Box::new(node)));
        }
        let mut p = pod("a");
        p.node_name = Some("node-9".into());
        put(&mut picture, p.clone());
        p.requests.usage.milli_cpu = 700;
        put(&mut picture, p.clone());
        p.key.name = "b".into();
        p.node_name = Some("elsewhere".into());
        put(&mut picture, p.clone());
        let names: Vec<_> = picture.nodes().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["node-9", "node-10"]);
        let (_, node) = picture.nodes()[0];
        assert_eq!((node.pods, node.pods_max, node.milli_cpu), (1, 5, 700));
        said(&mut picture, Event::PodDelete { key: p.key, uid: "".into() });
        assert!(!picture.nodes.contains_key("elsewhere"), "an empty node that is not there goes");
    }

    #[test]
    fn what_a_list_does_not_name_is_gone() {
        let mut picture = picture();
        put(&mut picture, pod("a"));
        said(&mut picture, Event::ListBegin(Kind::Pod));
        put(&mut picture, pod("b"));
        let news = said(&mut picture, Event::ListEnd(Kind::Pod));
        assert_eq!(news, [News::Gone { pod: pod("a").key }]);
        assert_eq!(picture.counts().undecided, 1);
    }

    #[test]
    fn gates_and_other_schedulers_are_told_apart() {
        let mut picture = picture();
        let mut gated = pod("a");
        gated.scheduling_gates = vec!["example.com/wait".into()];
        put(&mut picture, gated);
        let mut foreign = pod("b");
        foreign.scheduler_name = "somebody".into();
        put(&mut picture, foreign);
        let want = Counts { gated: 1, foreign: 1, ..Counts::default() };
        assert_eq!(picture.counts(), want);
    }
}
