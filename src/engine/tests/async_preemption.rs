//! Preemption step by step, on the virtual clock: what upstream's TestAsyncPreemption looks at inside of the
//! scheduler, case by case. Which pods wait where is asked of the engine; a request to evict is answered when the
//! test says so, and so is a plugin that binds.

use std::collections::BTreeMap;

use crate::cluster::View;
use crate::engine::{
    AttemptId, BindOutcome, Effect, Event, EvictionOutcome, Nomination, PendingPart, Report,
};
use crate::framework::{
    Action, Candidate, Change, Code, Eval, ExtensionPoint, Hint, Interest, Parts, Plugin,
    PluginEval, PluginInfo, PrepareCx, Refusal, Resource, Verdict,
};
use crate::model::Pod;
use crate::plugins::PLUGINS;
use crate::queue::{FLUSH_INTERVAL, Part, UNSCHEDULABLE_MAX};
use crate::units::{Nanos, NodeId};

use super::kit::{self, Kit, TestPod, key, node, pod};
use super::lifecycle::{TEST_PLUGIN, wishing};

/// Longer than any backoff here.
const LONG: Nanos = Nanos::from_secs(20);
/// How the pods are called beside which `Alone` puts none.
const LOUD: &str = "loud";

/// Keeps pods from nodes that have a loud pod, and says that no change helps, which is wrong.
static ALONE: PluginInfo = PluginInfo {
    name: "Alone",
    default_weight: Some(0),
    points: &[ExtensionPoint::Filter],
    summary: "keeps pods from loud ones",
    make: |_| Ok(Box::new(Alone)),
};

struct Alone;

impl Plugin for Alone {
    fn prepare(&self, _pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        PluginEval::Run(Box::new(Quiet(cx.position)))
    }

    fn events(&self) -> &'static [Interest] {
        const { &[Interest::asks(Resource::AssignedPod, Action::DELETE)] }
    }

    fn hint(&self, _: &Change, _: Candidate<'_>, _: &crate::cluster::Cluster) -> Hint {
        Hint::Skip
    }
}

struct Quiet(u16);

impl Eval for Quiet {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        for (node, verdict) in nodes.iter().zip(out).filter(|(_, verdict)| verdict.is_pass()) {
            let mut pods = view.pods_on(*node).filter_map(|id| view.cluster.pod(id));
            if pods.any(|pod| pod.key.name.contains(LOUD)) {
                *verdict = Verdict::reject(self.0, Code::Unschedulable, 0);
            }
        }
    }
}

/// A cluster, and what it was asked for.
struct Scene {
    kit: Kit,
    pods: BTreeMap<String, TestPod>,
    /// Who is asked to go and has not answered, in this order.
    asked: Vec<String>,
    /// What has become of the nomination of each pod last.
    nominated: BTreeMap<String, Nomination>,
    /// The attempts that a plugin binds, by pod.
    binding: BTreeMap<String, AttemptId>,
}

impl Scene {
    /// One node of four cores.
    fn new() -> Self {
        let mut plugins = vec![TEST_PLUGIN, ALONE];
        plugins.extend_from_slice(PLUGINS);
        let mut kit = Kit::with_plugins(&plugins);
        kit.sync();
        kit.put_node(&node("node").cpu(4000));
        Self {
            kit,
            pods: BTreeMap::new(),
            asked: Vec::new(),
            nominated: BTreeMap::new(),
            binding: BTreeMap::new(),
        }
    }

    /// As [`Scene::new`], with so many pods of one core each on the node.
    fn with_victims(count: usize) -> Self {
        let mut scene = Self::new();
        scene.fill("node", count);
        scene
    }

    fn fill(&mut self, on: &str, count: usize) {
        for at in 0..count {
            self.create(pod(&format!("victim-{on}-{at}")).cpu(1000).priority(1).on(on));
        }
    }

    fn create(&mut self, pod: TestPod) {
        self.pods.insert(pod.0.key.name.to_string(), pod.clone());
        let effects = self.kit.put(pod);
        self.take(effects);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Evict(eviction) => self.asked.push(eviction.pod.key.name.to_string()),
                Effect::PatchCondition { pod, nomination, .. }
                | Effect::Nominate { pod, nomination }
                    if nomination != Nomination::Keep =>
                {
                    self.show_nomination(&pod.key.name, nomination);
                }
                Effect::Call { attempt, call } if call.point() == ExtensionPoint::Bind => {
                    self.binding.insert(call.pod.key.name.to_string(), attempt);
                }
                _ => {}
            }
        }
    }

    /// A nomination is written, and the watch shows it.
    fn show_nomination(&mut self, name: &str, nomination: Nomination) {
        let Some(pod) = self.pods.get_mut(name) else { return };
        pod.0.nominated_node = match &nomination {
            Nomination::Set(node) => Some(node.clone()),
            Nomination::Clear | Nomination::Keep => None,
        };
        let pod = pod.clone();
        self.nominated.insert(name.to_owned(), nomination);
        let effects = self.kit.put(pod);
        self.take(effects);
    }

    /// One attempt, which must be at this pod; the node, if it found one.
    fn attempt(&mut self, name: &str) -> Option<String> {
        self.kit.wait(LONG);
        assert!(self.kit.next.attempt, "nothing is ready, not even {name}");
        let effects = self.kit.step(Event::Attempt);
        let tried = effects.iter().find_map(|effect| match effect {
            Effect::Decision(decision) => Some(decision.pod.key.name.to_string()),
            _ => None,
        });
        assert_eq!(tried.as_deref(), Some(name));
        let bind = kit::bind(&effects);
        self.take(effects);
        let (attempt, to) = bind?;
        self.kit.answer(attempt, BindOutcome::Bound);
        let mut bound = self.pods[name].clone();
        bound.0.node_name = Some((&*to).into());
        self.create(bound);
        Some(to)
    }

    /// One attempt, after which this pod is on a node.
    fn binds(&mut self, name: &str, to: &str) {
        assert_eq!(self.attempt(name).as_deref(), Some(to));
    }

    /// One attempt, after which this pod waits for others to make way for it.
    fn preempts(&mut self, name: &str) {
        assert_eq!(self.attempt(name), None);
        assert!(self.is_preempting(name));
        let waits = [Part::Unschedulable, Part::Gated].map(|part| Some(PendingPart::Queue(part)));
        assert!(waits.contains(&self.part(name)), "{:?}", self.part(name));
        // Upstream's test asks for it to be tried; here so much time passes that it would be.
        self.kit.wait(UNSCHEDULABLE_MAX + FLUSH_INTERVAL);
        assert_eq!(self.part(name), Some(PendingPart::Queue(Part::Gated)), "{name} is held");
    }

    /// One attempt, after which this pod waits for a change.
    fn is_turned_down(&mut self, name: &str) {
        let asked = self.asked.len();
        assert_eq!(self.attempt(name), None);
        assert_eq!(self.part(name), Some(PendingPart::Queue(Part::Unschedulable)));
        assert_eq!(self.asked.len(), asked, "nobody makes way for {name}");
    }

    fn part(&self, name: &str) -> Option<PendingPart> {
        self.kit.engine.pending_pod(&key(name)).map(|pod| pod.part)
    }

    fn is_preempting(&self, name: &str) -> bool {
        self.kit.engine.cluster().is_preempting(&format!("uid-{name}"))
    }

    /// Those who are asked to go, go, and so do those who are asked then. One that binds or has a grace period is
    /// shown as going, others are gone.
    fn complete(&mut self) {
        while !self.asked.is_empty() {
            self.complete_one();
        }
    }

    fn complete_one(&mut self) {
        let name = self.asked.remove(0);
        let mut victim = self.pods[&name].clone();
        let effects = if victim.0.labels.get("graceful").is_some() {
            victim = victim.terminating();
            self.kit.put(victim)
        } else {
            self.kit.delete(&name)
        };
        self.take(effects);
        let uid = format!("uid-{name}").into();
        let outcome = EvictionOutcome::Done;
        let effects = self.kit.step(Event::Evicted { key: key(&name), uid, outcome });
        let preempted = |report: &Report| matches!(report, Report::Preempted { .. });
        assert!(kit::reports(&effects).iter().any(preempted), "{name}: {effects:?}");
        self.take(effects);
    }

    /// A pod that its plugin at Bind does not finish with until [`Scene::resume`].
    fn blocks_in_binding(&mut self, victim: TestPod) {
        let name = victim.0.key.name.to_string();
        self.create(victim);
        assert_eq!(self.attempt(&name), None);
        assert!(self.binding.contains_key(&name));
        assert_eq!(self.part(&name), Some(PendingPart::Trying));
    }

    /// The plugin goes on, but the API server refuses.
    fn resume(&mut self, name: &str) {
        let attempt = self.binding[name];
        let outcome = Err(Refusal::Fail("the pod is being deleted".to_owned()));
        let effects = self.kit.step(Event::BindCallResult { attempt, outcome });
        self.take(effects);
        assert_eq!(self.kit.engine.bindings_in_flight(), 0);
    }
}

/// A pod of two cores that a plugin binds.
fn bound_by_plugin(name: &str) -> TestPod {
    wishing(name, "bind", "call").cpu(2000).priority(1)
}

fn preemptor(name: &str, cores: i64, priority: i32) -> TestPod {
    pod(name).cpu(cores * 1000).priority(priority)
}

#[test]
fn victims_go_and_the_pod_comes() {
    let mut scene = Scene::new();
    for name in ["a", "b"] {
        scene.create(pod(name).cpu(2000).priority(1).on("node"));
    }
    scene.create(preemptor("p", 4, 100));
    scene.preempts("p");
    scene.complete();
    assert!(!scene.is_preempting("p"));
    scene.binds("p", "node");
}

#[test]
fn with_one_victim_it_is_held_until_that_is_known_to_go() {
    let mut scene = Scene::with_victims(1);
    scene.create(preemptor("p", 4, 100));
    scene.preempts("p");
    scene.complete();
    scene.binds("p", "node");
}

#[test]
fn a_lower_one_does_not_take_the_place() {
    let mut scene = Scene::new();
    for name in ["a", "b"] {
        scene.create(pod(name).cpu(2000).priority(1).on("node"));
    }
    scene.create(preemptor("high", 4, 100));
    scene.preempts("high");
    scene.create(preemptor("mid", 4, 50));
    scene.is_turned_down("mid");
    scene.complete();
    scene.binds("high", "node");
    scene.is_turned_down("mid");
}

#[test]
fn a_higher_one_takes_the_place() {
    let mut scene = Scene::with_victims(4);
    scene.create(preemptor("high", 4, 100));
    scene.preempts("high");
    scene.create(preemptor("super", 4, 200));
    scene.preempts("super");
    assert_eq!(scene.nominated["super"], Nomination::Set("node".into()));
    assert_eq!(scene.nominated["high"], Nomination::Clear);
    scene.complete();
    scene.binds("super", "node");
    scene.is_turned_down("high");
}

#[test]
fn a_lower_one_takes_what_is_left_of_the_node() {
    let mut scene = Scene::with_victims(4);
    scene.create(preemptor("high", 2, 100));
    scene.preempts("high");
    let first = scene.asked.clone();
    scene.create(preemptor("mid", 2, 50));
    scene.preempts("mid");
    assert!(scene.asked.len() > first.len(), "others make way for it");
    scene.complete();
    assert!(scene.pods.keys().filter(|name| name.starts_with("victim")).count() == 4);
    scene.binds("high", "node");
    scene.binds("mid", "node");
}

#[test]
fn a_victim_that_a_plugin_binds_leaves_its_room_when_it_is_deleted() {
    let mut scene = Scene::new();
    scene.blocks_in_binding(bound_by_plugin("victim"));
    scene.create(preemptor("p", 4, 100));
    scene.preempts("p");
    scene.complete();
    scene.binds("p", "node");
    scene.resume("victim");
    assert_eq!(scene.part("victim"), None, "it is gone");
}

#[test]
fn a_victim_that_a_plugin_binds_leaves_its_room_when_it_is_going() {
    for resumes in [false, true] {
        let mut scene = Scene::new();
        let mut victim = bound_by_plugin("victim");
        victim.0.labels = [("bind", "call"), ("graceful", "")].into_iter().collect();
        scene.blocks_in_binding(victim);
        scene.create(preemptor("p", 4, 100));
        scene.preempts("p");
        scene.complete();
        scene.binds("p", "node");
        if resumes {
            scene.resume("victim");
        }
    }
}

/// Upstream gives back what plugins keep for such a victim only when its Bind has ended.
#[test]
fn what_plugins_keep_for_a_victim_that_a_plugin_binds_goes_with_it() {
    for graceful in [false, true] {
        let mut scene = Scene::new();
        let mut victim = bound_by_plugin("victim");
        if graceful {
            victim.0.labels = [("bind", "call"), ("graceful", "")].into_iter().collect();
        }
        scene.blocks_in_binding(victim);
        // It may only be bound when nothing but its own is kept.
        scene.create(preemptor("p", 4, 100).label("expects", "1"));
        scene.preempts("p");
        scene.complete();
        scene.binds("p", "node");
        scene.resume("victim");
        scene.create(pod("probe").label("expects", "2"));
        scene.binds("probe", "node");
    }
}

#[test]
fn a_pod_that_no_change_wakes_is_flushed() {
    let mut scene = Scene::new();
    for at in 0..2 {
        scene.create(pod(&format!("{LOUD}-{at}")).priority(1).on("node"));
    }
    scene.create(pod("p").priority(100));
    scene.preempts("p");
    scene.complete();
    scene.kit.wait(LONG);
    assert!(!scene.kit.next.attempt);
    assert!(!scene.is_preempting("p"), "nobody is asked any more");
    scene.kit.wait(UNSCHEDULABLE_MAX + FLUSH_INTERVAL);
    scene.binds("p", "node");
}

#[test]
fn one_whose_place_was_taken_finds_another() {
    let mut scene = Scene::with_victims(0);
    for at in 0..3 {
        let mut victim = pod(&format!("victim-{at}")).cpu(1000).priority(1).on("node");
        victim.0.start_time = Some(1);
        scene.create(victim);
    }
    scene.blocks_in_binding(bound_by_plugin("last").cpu(1000));
    scene.create(preemptor("mid", 4, 50));
    scene.preempts("mid");
    for _ in 0..3 {
        scene.complete_one();
    }
    assert_eq!(scene.asked, ["last"]);
    assert_eq!(scene.part("mid"), Some(PendingPart::Queue(Part::Gated)), "one has not answered");

    scene.kit.put_node(&node("node2").cpu(4000));
    scene.fill("node2", 4);
    scene.create(preemptor("high", 2, 100));
    scene.binds("high", "node");
    scene.complete();
    scene.resume("last");
    assert_eq!(scene.nominated["mid"], Nomination::Set("node".into()));
    scene.preempts("mid");
    assert_eq!(scene.nominated["mid"], Nomination::Set("node2".into()));
    scene.complete();
    scene.binds("mid", "node2");
}
