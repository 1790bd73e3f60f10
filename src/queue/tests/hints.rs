//! Who is asked about a change and how often, and what follows from the answers. The plugins of these tests
//! answer what the label `hint` of a pod says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::framework::{
    Asks, Candidate, Code, ExtensionPoint, Hint, Interest, NoProbe, Plugin, PluginInfo,
    PodRejection,
};
use crate::model::{Labels, Node};

const POINTS: &[ExtensionPoint] = &[ExtensionPoint::Filter];
/// Asked about nodes that come, once a shape.
const SHAPE: PluginInfo = info("Shape", POINTS, |_| Ok(Box::new(Answers(Asks::Shape))));
/// Asked about nodes that come, for each pod.
const EACH: PluginInfo = info("Each", POINTS, |_| Ok(Box::new(Answers(Asks::Each))));
/// Holds pods with the label `held` until there is a node.
const HOLDS: PluginInfo = info("Holds", &[ExtensionPoint::PreEnqueue], |_| Ok(Box::new(Holds)));
/// Holds pods with the label `kept` until there is a node, and is asked about those that come, once a shape.
const KEEPS: PluginInfo = info("Keeps", &[ExtensionPoint::PreEnqueue], |_| Ok(Box::new(Keeps)));

/// Takes pods by their label `turn`, the greatest first.
const SORTS: PluginInfo = info("Sorts", &[ExtensionPoint::QueueSort], |_| Ok(Box::new(Sorts)));

const fn info(
    name: &'static str,
    points: &'static [ExtensionPoint],
    make: fn(&crate::model::PluginArgs) -> Result<Box<dyn Plugin>, String>,
) -> PluginInfo {
    PluginInfo { name, default_weight: Some(0), points, summary: "for tests", make }
}

struct Answers(Asks);

/// How often somebody was asked about pods with the label `counted`, which one test makes.
static ASKED: AtomicUsize = AtomicUsize::new(0);

impl Plugin for Answers {
    fn events(&self) -> &'static [Interest] {
        match self.0 {
            Asks::Each => const { &[Interest::asks_each(Resource::Node, Action::ADD)] },
            _ => const { &[Interest::asks(Resource::Node, Action::ADD)] },
        }
    }

    fn hint(&self, _: &Change, pod: Candidate<'_>, _: &Cluster) -> Hint {
        if pod.pod.labels.get("counted").is_some() {
            ASKED.fetch_add(1, Ordering::Relaxed);
        }
        match pod.pod.labels.get("hint") {
            Some("queue") => Hint::Queue,
            Some("error") => Hint::Error,
            Some(name) => Hint::queue_if(*name == *pod.name),
            None => Hint::Skip,
        }
    }
}

struct Holds;

impl Plugin for Holds {
    fn pre_enqueue(&self, pod: Candidate<'_>, cluster: &Cluster) -> Option<PodRejection> {
        let held = pod.pod.labels.get("held").is_some() && cluster.node_count() == 0;
        held.then(|| PodRejection { code: Code::Unschedulable, reasons: Vec::new() })
    }

    fn events(&self) -> &'static [Interest] {
        const { &[Interest::always(Resource::Node, Action::ADD)] }
    }
}

struct Keeps;

impl Plugin for Keeps {
    fn pre_enqueue(&self, pod: Candidate<'_>, cluster: &Cluster) -> Option<PodRejection> {
        let held = pod.pod.labels.get("kept").is_some() && cluster.node_count() == 0;
        held.then(|| PodRejection { code: Code::Unschedulable, reasons: Vec::new() })
    }

    fn events(&self) -> &'static [Interest] {
        const { &[Interest::asks(Resource::Node, Action::ADD)] }
    }

    fn hint(&self, _: &Change, pod: Candidate<'_>, _: &Cluster) -> Hint {
        Hint::queue_if(pod.pod.labels.get("kept") == Some("until a node comes"))
    }
}

struct Sorts;

impl Plugin for Sorts {
    fn sort(&self, pod: Candidate<'_>) -> i64 {
        pod.pod.labels.get("turn").and_then(|turn| turn.parse().ok()).unwrap_or_default()
    }
}

struct Setup {
    profiles: Vec<Profile>,
    cluster: Cluster,
    queue: Queue,
    now: Nanos,
}

impl Setup {
    fn new() -> Self {
        Self::of(vec![SHAPE, EACH, HOLDS])
    }

    fn of(mut all: Vec<PluginInfo>) -> Self {
        all.extend_from_slice(PLUGINS);
        let spec = ProfileSpec::of_defaults("berth", &all);
        Self {
            profiles: vec![Profile::compile(&spec, &all).expect("it compiles")],
            cluster: Cluster::new(1),
            queue: Queue::new(Backoff::default(), Arc::new(NoProbe)),
            now: Nanos::from_secs(100),
        }
    }

    fn mask(&self, name: &str) -> u64 {
        let position = self.profiles[0].plugins.iter().position(|entry| entry.name == name);
        1 << position.expect("it is a plugin")
    }

    fn with(&mut self, act: impl FnOnce(&mut Queue, World<'_>)) {
        let world = World {
            profiles: &self.profiles,
            cluster: &self.cluster,
            now: self.now,
            probe: &NoProbe,
        };
        act(&mut self.queue, world);
        check(&self.queue);
    }

    fn add(&mut self, number: u32, labels: &[(&str, &str)]) {
        let pod = Pod { labels: labels.iter().copied().collect(), ..*pod(number, 0).pod };
        let queued = QueuedPod::new(Box::new(pod), 0);
        self.with(|queue, world| queue.add(PodId(number), queued, world));
    }

    /// A pod that was tried once, and turned away.
    fn rejected(&mut self, number: u32, labels: &[(&str, &str)], by: Rejected) {
        self.add(number, labels);
        self.with(|queue, world| {
            let (id, queued) = queue.pop(world.now).expect("it waits");
            queue.put_back(id, queued, by, world);
        });
    }

    fn node_comes(&mut self) {
        let node = Node { name: "n".into(), ..Node::default() };
        self.cluster.upsert_node(&node, 0);
        self.with(|queue, world| queue.on_change(change(NODE_ADD), Reach::All, world));
    }

    fn lengths(&self) -> (usize, usize, usize, usize) {
        let lengths = self.queue.lengths();
        (lengths.active, lengths.backoff, lengths.unschedulable, lengths.gated)
    }
}

#[test]
fn pods_that_look_alike_are_asked_about_once() {
    let mut setup = Setup::new();
    let (shape, each) = (setup.mask("Shape"), setup.mask("Each"));
    for number in 0..60 {
        let app = if number % 2 == 0 { "even" } else { "odd" };
        let by = Rejected::by(if number < 50 { shape } else { each });
        setup.rejected(number, &[("counted", ""), ("app", app)], by);
    }
    assert_eq!(setup.queue.unschedulable.len(), 4, "two shapes and two rejectors");
    let before = ASKED.load(Ordering::Relaxed);
    setup.node_comes();
    let asked = ASKED.load(Ordering::Relaxed) - before;
    assert_eq!(asked, 2 + 10, "once a shape, and for each pod where its own facts are read");
    assert_eq!(setup.lengths(), (0, 0, 60, 0));
}

#[test]
fn what_follows_from_the_answers() {
    let setup = Setup::new();
    let (shape, each) = (setup.mask("Shape"), setup.mask("Each"));
    let pending = |by, pending| Rejected { by, pending };
    // The label `hint`, who rejected the pod 7, and where it is after a node came.
    let (stays, waits, ready) = ((0, 0, 1, 0), (0, 1, 0, 0), (1, 0, 0, 0));
    let rows = [
        ("queue", Rejected::by(shape), waits),
        ("skip", Rejected::by(shape), stays),
        ("error", Rejected::by(shape), waits),
        ("7", Rejected::by(shape), stays),
        ("7", Rejected::by(each), waits),
        ("8", Rejected::by(each), stays),
        ("7", Rejected::by(shape | each), waits),
        ("queue", pending(0, shape), ready),
        ("skip", pending(0, shape), stays),
        ("7", pending(shape, each), ready),
        ("queue", pending(shape, setup.mask("NodePorts")), ready),
        ("queue", pending(shape, setup.mask("NodeAffinity")), ready),
        ("queue", pending(shape, setup.mask("SchedulingGates")), waits),
        ("queue", Rejected::by(setup.mask("SchedulingGates")), stays),
        ("skip", Rejected::by(crate::framework::EXTENDERS), waits),
    ];
    for (hint, by, want) in rows {
        let mut setup = Setup::new();
        setup.rejected(7, &[("hint", hint)], by);
        assert_eq!(setup.lengths(), stays, "{hint} {by:?}");
        setup.node_comes();
        assert_eq!(setup.lengths(), want, "{hint} {by:?}");
    }
}

#[test]
fn a_change_reaches_whom_it_may() {
    let mut setup = Setup::new();
    let by = Rejected::by(setup.mask("Shape"));
    for number in 0..3 {
        setup.rejected(number, &[("hint", "queue")], by);
    }
    let reach = Reach::AllBut(PodId(1));
    setup.with(|queue, world| queue.on_change(change(NODE_ADD), reach, world));
    assert_eq!(setup.lengths(), (0, 2, 1, 0));
    let lower = Reach::UpTo(-1);
    setup.with(|queue, world| queue.on_change(change(NODE_ADD), lower, world));
    assert_eq!(setup.lengths(), (0, 2, 1, 0));
    let equal = Reach::UpTo(0);
    setup.with(|queue, world| queue.on_change(change(NODE_ADD), equal, world));
    assert_eq!(setup.lengths(), (0, 3, 0, 0));
}

#[test]
fn what_happens_while_a_pod_is_tried_counts_when_it_comes_back() {
    for (hint, happens, want) in [
        ("queue", true, (0, 1, 0, 0)),
        ("skip", true, (0, 0, 1, 0)),
        ("queue", false, (0, 0, 1, 0)),
    ] {
        let mut setup = Setup::new();
        let by = Rejected::by(setup.mask("Shape"));
        setup.add(0, &[("hint", hint)]);
        // What happened before it was taken, it has seen.
        setup.node_comes();
        let (id, queued) = setup.queue.pop(setup.now).expect("it is ready");
        if happens {
            setup.node_comes();
        }
        setup.with(|queue, world| queue.put_back(id, queued, by, world));
        assert_eq!(setup.lengths(), want, "{hint} {happens}");
    }
}

#[test]
fn once_it_is_done_nothing_is_kept_for_it() {
    let mut setup = Setup::new();
    setup.add(0, &[]);
    let (_, mut queued) = setup.queue.pop(setup.now).expect("it is ready");
    assert!(setup.queue.is_watching());
    queued.done();
    assert!(!setup.queue.is_watching());
}

#[test]
fn a_held_pod_is_looked_at_when_its_plugin_is_told_and_by_the_flush() {
    let mut setup = Setup::new();
    setup.add(0, &[("held", "")]);
    assert_eq!(setup.lengths(), (0, 0, 0, 1));
    let other = ClusterEvent::new(Resource::Node, Action::UPDATE_NODE_LABEL);
    let world = World {
        profiles: &setup.profiles,
        cluster: &setup.cluster,
        now: setup.now,
        probe: &NoProbe,
    };
    assert!(setup.queue.wants(NODE_ADD, world) && !setup.queue.wants(other, world));
    setup.with(|queue, world| queue.on_change(change(NODE_ADD), Reach::All, world));
    assert_eq!(setup.lengths(), (0, 0, 0, 1), "it was asked, and is held again");
    setup.node_comes();
    assert_eq!(setup.lengths(), (1, 0, 0, 0));

    let mut setup = Setup::new();
    setup.add(0, &[("held", "")]);
    setup.cluster.upsert_node(&Node { name: "n".into(), ..Node::default() }, 0);
    setup.now = setup.now + super::super::UNSCHEDULABLE_MAX;
    setup.with(Queue::tick);
    assert_eq!(setup.lengths(), (0, 0, 0, 1));
    setup.now = setup.now + super::super::FLUSH_INTERVAL;
    setup.with(Queue::tick);
    assert_eq!(setup.lengths(), (1, 0, 0, 0));
}

#[test]
fn held_pods_go_where_they_are_let_go_and_the_change_helps() {
    let mut setup = Setup::of(vec![KEEPS]);
    for number in 0..6 {
        let until = if number % 2 == 0 { "until a node comes" } else { "for ever" };
        setup.add(number, &[("kept", until)]);
    }
    setup.with(|queue, world| queue.on_change(change(NODE_ADD), Reach::All, world));
    assert_eq!(setup.lengths(), (0, 0, 0, 6));
    setup.node_comes();
    assert_eq!(setup.lengths(), (3, 0, 0, 3));
}

#[test]
fn a_held_pod_that_was_rejected_before_backs_off_behind_the_door() {
    let mut setup = Setup::new();
    let by = Rejected::by(setup.mask("Shape"));
    setup.cluster.upsert_node(&Node { name: "n".into(), ..Node::default() }, 0);
    setup.rejected(0, &[("held", ""), ("hint", "queue")], by);
    setup.cluster.delete_node("n");
    setup.with(|queue, world| queue.on_change(change(NODE_ADD), Reach::All, world));
    assert_eq!(setup.lengths(), (0, 0, 0, 1), "PreEnqueue stands before backoff, too");
    setup.node_comes();
    assert_eq!(setup.lengths(), (0, 1, 0, 0));
    setup.cluster.delete_node("n");
    setup.now = setup.now + Nanos::from_secs(3);
    setup.with(Queue::tick);
    assert_eq!(setup.lengths(), (1, 0, 0, 0), "and not behind it");
}

#[test]
fn a_flushed_pod_is_known_by_it_until_it_is_tried_again() {
    let mut setup = Setup::new();
    let by = Rejected::by(setup.mask("Shape"));
    setup.rejected(0, &[], by);
    setup.now = setup.now + super::super::UNSCHEDULABLE_MAX + Nanos::SECOND;
    setup.with(Queue::tick);
    let (id, queued) = setup.queue.pop(setup.now).expect("it was flushed");
    assert!(queued.flushed);
    setup.with(|queue, world| queue.put_back(id, queued, by, world));
    setup.node_comes();
    assert_eq!(setup.lengths(), (0, 0, 1, 0));
    assert!(!setup.queue.remove(id).expect("it waits").flushed);
}

#[test]
fn a_forced_pod_does_not_wait() {
    let mut setup = Setup::new();
    let by = Rejected::by(setup.mask("Shape"));
    for (number, by) in [(0, by), (1, Rejected::default())] {
        setup.rejected(number, &[], by);
        setup.with(|queue, world| queue.force(PodId(number), "", world));
        assert_eq!(setup.lengths(), (1, 0, 0, 0));
        setup.queue.remove(PodId(number));
    }
    setup.add(2, &[]);
    setup.add(3, &[]);
    let two: Vec<_> = (0..2).filter_map(|_| setup.queue.pop(setup.now)).collect();
    let uid = |number: u32| format!("uid-{number}");
    setup.with(|queue, world| queue.force(PodId(2), "uid-2", world));
    for (id, mut queued) in two {
        queued.pod.uid = uid(id.0).into();
        setup.with(|queue, world| queue.put_back(id, queued, by, world));
    }
    assert_eq!(setup.lengths(), (0, 1, 1, 0), "while it is tried, only itself");
}

#[test]
fn an_update_changes_a_pod_where_it_is() {
    let mut setup = Setup::new();
    let by = Rejected::by(setup.mask("SchedulingGates"));
    let gates = ClusterEvent::new(Resource::TargetPod, Action::UPDATE_POD_GATES_ELIMINATED);
    let label = ClusterEvent::new(Resource::TargetPod, Action::UPDATE_POD_LABEL);
    let updated = |setup: &mut Setup, events: &[ClusterEvent]| {
        let old = setup.queue.pod(PodId(0)).expect("it waits");
        let labels = Labels::from_iter([("a", format!("{}b", old.labels.get("a").unwrap_or("")))]);
        let new = Pod { labels: labels.clone(), ..(*old).clone() };
        setup.with(|queue, world| {
            assert!(queue.update(PodId(0), old, Box::new(new), events, world));
        });
        assert_eq!(setup.queue.pod(PodId(0)).expect("it waits").labels, labels);
    };
    setup.rejected(0, &[], by);
    updated(&mut setup, &[label]);
    assert_eq!(setup.lengths(), (0, 0, 1, 0));
    updated(&mut setup, &[label, gates]);
    assert_eq!(setup.lengths(), (0, 1, 0, 0));
    updated(&mut setup, &[gates]);
    assert_eq!(setup.lengths(), (0, 1, 0, 0));
    setup.with(|queue, world| queue.force(PodId(0), "", world));
    updated(&mut setup, &[label]);
    assert_eq!(setup.lengths(), (1, 0, 0, 0));
    assert_eq!(setup.queue.shapes.len(), 0, "no shape outlives its pods");
}

#[test]
fn a_plugin_of_ones_own_says_whose_turn_it_is() {
    let mut setup = Setup::of(vec![SORTS]);
    for (number, turn) in [(1, "5"), (2, "9"), (3, "5"), (4, "-1")] {
        setup.add(number, &[("turn", turn)]);
        setup.now = setup.now + Nanos::SECOND;
    }
    let mut taken = Vec::new();
    while let Some((PodId(number), _)) = setup.queue.pop(setup.now) {
        taken.push(number);
    }
    assert_eq!(taken, [2, 1, 3, 4]);
}
