//! Short words for engine tests: nodes, pods, a clock, and what to look for in effects.

use std::sync::Arc;

use crate::cluster::Row;
use crate::engine::{
    AttemptId, BindOutcome, DecisionVerdict, Effect, Engine, EngineConfig, Event, FailedCondition,
    Kind, Next, Report,
};
use crate::framework::{NoProbe, PluginInfo, Probe, Profile, ProfileSpec};
use crate::model::{
    AffinityTerm, LabelOperator, LabelRequirement, LabelSelector, Labels, Node, Pod, PodKey,
    ScheduledCondition, Taint, Unsupported, UnsupportedFeature,
};
use crate::plugins::PLUGINS;
use crate::queue::Backoff;
use crate::units::Nanos;

pub(super) const BINDINGS_MAX: usize = 4;
/// When every test begins: a whole second.
pub(super) const START: Nanos = Nanos::from_secs(1_000_000);

/// An engine with a clock; checks the cluster after each step.
pub(super) struct Kit {
    pub(super) engine: Engine,
    pub(super) now: Nanos,
    pub(super) next: Next,
}

impl Kit {
    pub(super) fn unsynced() -> Self {
        Self::seeded(7)
    }

    pub(super) fn seeded(seed: u64) -> Self {
        Self::new(seed, Arc::new(NoProbe))
    }

    pub(super) fn probed(probe: Arc<dyn Probe>) -> Self {
        Self::new(7, probe)
    }

    /// An engine with these plugins.
    pub(super) fn with_plugins(plugins: &[PluginInfo]) -> Self {
        Self::made_of(7, Arc::new(NoProbe), plugins)
    }

    fn new(seed: u64, probe: Arc<dyn Probe>) -> Self {
        Self::made_of(seed, probe, PLUGINS)
    }

    fn made_of(seed: u64, probe: Arc<dyn Probe>, plugins: &[PluginInfo]) -> Self {
        let engine = Engine::new(EngineConfig {
            seed,
            profiles: vec![
                Profile::compile(&ProfileSpec::of_defaults("berth", plugins), plugins)
                    .expect("the defaults fit"),
            ],
            extenders: Vec::new(),
            bindings_in_flight_max: BINDINGS_MAX,
            backoff: Backoff::default(),
            announces_nodes: true,
            dry_run: false,
            probe,
        });
        Self { engine, now: START, next: Next::default() }
    }

    pub(super) fn with_nodes<const N: usize>(nodes: [TestNode; N]) -> Self {
        let mut kit = Self::unsynced();
        kit.sync();
        for node in nodes {
            kit.put_node(&node);
        }
        kit
    }

    pub(super) fn sync(&mut self) {
        for kind in [Kind::Pod, Kind::Namespace] {
            self.step(Event::ListBegin(kind));
            // Lists of nothing would take away what tests put in before.
            if kind == Kind::Namespace {
                self.step(Event::ListEnd(kind));
            }
        }
        for kind in Kind::all() {
            self.engine.lists[kind.index()].complete = true;
        }
        self.step(Event::Tick);
    }

    pub(super) fn step(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.next = self.engine.step(event, self.now, &mut effects);
        self.engine.cluster().sanity_check();
        effects
    }

    pub(super) fn put_node(&mut self, node: &TestNode) -> Vec<Effect> {
        self.step(Event::NodeUpsert(Box::new(node.0.clone())))
    }

    pub(super) fn put(&mut self, pod: TestPod) -> Vec<Effect> {
        self.step(Event::PodUpsert(Box::new(pod.0)))
    }

    pub(super) fn delete(&mut self, name: &str) -> Vec<Effect> {
        self.step(Event::PodDelete { key: key(name), uid: "".into() })
    }

    /// One attempt, which must bind to `node`.
    pub(super) fn attempt_binds(&mut self, node: &str) -> AttemptId {
        let effects = self.step(Event::Attempt);
        let (attempt, to) = bind(&effects).unwrap_or_else(|| panic!("no Bind in {effects:?}"));
        assert_eq!(to, node);
        attempt
    }

    pub(super) fn answer(&mut self, attempt: AttemptId, outcome: BindOutcome) -> Vec<Effect> {
        self.step(Event::BindResult { attempt, outcome })
    }

    /// Lets time pass and the engine notice.
    pub(super) fn wait(&mut self, time: Nanos) -> Vec<Effect> {
        self.now = self.now + time;
        self.step(Event::Tick)
    }

    pub(super) fn row(&self, node: &str) -> Row {
        let cluster = self.engine.cluster();
        let id = cluster.find_node(node).expect("the node exists");
        *crate::cluster::View::new(cluster).row(id)
    }
}

/// The first Bind among effects.
pub(super) fn bind(effects: &[Effect]) -> Option<(AttemptId, String)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Bind { attempt, node, .. } => Some((*attempt, node.to_string())),
        _ => None,
    })
}

pub(super) fn reports(effects: &[Effect]) -> Vec<Report> {
    let report = |effect: &Effect| match effect {
        Effect::Report { report, .. } => Some(report.clone()),
        _ => None,
    };
    effects.iter().filter_map(report).collect()
}

pub(super) fn decisions(effects: &[Effect]) -> Vec<DecisionVerdict> {
    let decision = |effect: &Effect| match effect {
        Effect::Decision(decision) => Some(decision.verdict.clone()),
        _ => None,
    };
    effects.iter().filter_map(decision).collect()
}

pub(super) fn condition(effect: &Effect) -> Option<&FailedCondition> {
    match effect {
        Effect::PatchCondition { condition, .. } => Some(condition),
        _ => None,
    }
}

pub(super) fn key(name: &str) -> PodKey {
    PodKey { namespace: "default".into(), name: name.into() }
}

#[derive(Clone, Debug)]
pub(super) struct TestNode(pub(super) Node);

/// A node with room for 110 pods and much memory, and no CPU yet.
pub(super) fn node(name: &str) -> TestNode {
    let mut node = Node { name: name.into(), allocatable_pods: 110, ..Node::default() };
    node.allocatable.memory = 1 << 40;
    TestNode(node)
}

impl TestNode {
    pub(super) fn cpu(mut self, milli: i64) -> Self {
        self.0.allocatable.milli_cpu = milli;
        self
    }

    pub(super) fn gpus(mut self, count: i64) -> Self {
        self.0.allocatable.scalars = vec![("example.com/gpu".into(), count)];
        self
    }

    pub(super) fn label(mut self, key: &str, value: &str) -> Self {
        self.0.labels = Labels::from_iter([(key, value)]);
        self
    }

    pub(super) fn cordoned(mut self) -> Self {
        self.0.unschedulable = true;
        self
    }

    pub(super) fn taint(mut self, key: &str, effect: crate::model::Effect) -> Self {
        self.0.taints.push(Taint { key: key.into(), value: "".into(), effect });
        self
    }
}

#[derive(Clone, Debug)]
pub(super) struct TestPod(pub(super) Pod);

/// A pod of ours that asks for nothing.
pub(super) fn pod(name: &str) -> TestPod {
    TestPod(Pod {
        key: key(name),
        uid: format!("uid-{name}").into(),
        scheduler_name: "berth".into(),
        ..Pod::default()
    })
}

impl TestPod {
    pub(super) fn cpu(mut self, milli: i64) -> Self {
        let requests = &mut self.0.requests;
        for resources in [&mut requests.request, &mut requests.scored, &mut requests.usage] {
            resources.milli_cpu = milli;
        }
        requests.non_zero_milli_cpu = milli;
        self
    }

    pub(super) fn gpus(mut self, count: i64) -> Self {
        let requests = &mut self.0.requests;
        for resources in [&mut requests.request, &mut requests.scored, &mut requests.usage] {
            resources.scalars = vec![("example.com/gpu".into(), count)];
        }
        self
    }

    pub(super) fn on(mut self, node: &str) -> Self {
        self.0.node_name = Some(node.into());
        self
    }

    pub(super) fn uid(mut self, uid: &str) -> Self {
        self.0.uid = uid.into();
        self
    }

    pub(super) fn scheduler(mut self, name: &str) -> Self {
        self.0.scheduler_name = name.into();
        self
    }

    pub(super) fn priority(mut self, priority: i32) -> Self {
        self.0.priority = priority;
        self
    }

    pub(super) fn generation(mut self, generation: i64) -> Self {
        self.0.generation = generation;
        self
    }

    pub(super) fn terminating(mut self) -> Self {
        self.0.terminating = true;
        self
    }

    pub(super) fn finished(mut self) -> Self {
        self.0.finished = true;
        self
    }

    pub(super) fn gate(mut self, name: &str) -> Self {
        self.0.scheduling_gates.push(name.into());
        self
    }

    pub(super) fn label(mut self, key: &str, value: &str) -> Self {
        self.0.labels = Labels::from_iter([(key, value)]);
        self
    }

    pub(super) fn repels(mut self, key: &str, value: &str) -> Self {
        let values = vec![value.into()];
        let requirement = LabelRequirement { key: key.into(), operator: LabelOperator::In, values };
        let affinity = self.0.pod_affinity.get_or_insert_default();
        affinity.anti_required.push(AffinityTerm {
            selector: Some(LabelSelector { requirements: vec![requirement] }),
            namespaces: Vec::new(),
            namespace_selector: None,
            topology_key: "zone".into(),
        });
        self
    }

    pub(super) fn unsupported(mut self, feature: UnsupportedFeature, path: &str) -> Self {
        self.0.unsupported.push(Unsupported { feature, path: path.into() });
        self
    }

    pub(super) fn condition(mut self, status: &str, reason: &str, message: &str) -> Self {
        self.0.scheduled_condition = Some(ScheduledCondition {
            status: status.into(),
            reason: reason.into(),
            message: message.into(),
            probed: false,
            last_transition_time: Some("then".into()),
        });
        self
    }
}
