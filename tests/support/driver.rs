//! The scheduler's engine on a virtual clock, with an API server that answers every binding: [`run`].
//!
//! `tests/whole_run.rs` lets it place a workload and has the oracle audit the result.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use berth::config;
use berth::engine::{
    AttemptId, BindOutcome, Decision, DecisionVerdict, Effect, Engine, EngineConfig, Event, Kind,
    Next,
};
use berth::framework::{NoProbe, Profile};
use berth::model::FeatureGates;
use berth::plugins::PLUGINS;
use berth::queue::Backoff;
use berth::units::Nanos;
use berth::wire;
use serde_json::{Value, json};

/// How many bindings are under way before the first one is answered.
const IN_FLIGHT: usize = 4;
/// How many pods appear at once.
const BATCH: usize = 25;
/// How often the clock goes on to the next deadline once all pods have been seen.
const DEADLINES: usize = 20;

/// What became of the pods.
#[derive(Default)]
pub(crate) struct Run {
    /// The pods as `namespace/name`, in the order of their last decisions.
    pub(crate) order: Vec<String>,
    /// Where those that were placed went.
    pub(crate) placements: BTreeMap<String, String>,
    /// How many tables were built to be kept, and how many pods found one.
    pub(crate) tables: (u64, u64),
}

/// Shows `objects` and then `pods` to a new engine with the configuration `config`, until it has placed every
/// pod that it can.
pub(crate) fn run(config: &Value, objects: &[Value], pods: &[Value]) -> Result<Run> {
    run_by(Driver::new(config)?, objects, pods)
}

/// The same by an engine that keeps no tables.
pub(crate) fn run_without_tables(config: &Value, objects: &[Value], pods: &[Value]) -> Result<Run> {
    let driver = Driver::new(config)?;
    run_by(Driver { engine: driver.engine.without_tables(), ..driver }, objects, pods)
}

fn run_by(mut driver: Driver, objects: &[Value], pods: &[Value]) -> Result<Run> {
    for kind in Kind::all() {
        driver.step(Event::ListBegin(kind));
    }
    for object in objects {
        driver.show(object)?;
    }
    for kind in Kind::all() {
        driver.step(Event::ListEnd(kind));
    }
    ensure!(driver.engine.is_synced(), "a kind is missing from the list above");
    for batch in pods.chunks(BATCH) {
        for pod in batch {
            driver.show(pod)?;
            driver.pods.insert(key(pod), pod.clone());
        }
        driver.settle()?;
    }
    for _ in 0..DEADLINES {
        let Some(deadline) = driver.next.deadline else { break };
        driver.now = driver.now.max(deadline);
        driver.step(Event::Tick);
        driver.settle()?;
    }
    driver.run.tables = (driver.engine.tables_built(), driver.engine.tables_found());
    Ok(driver.run)
}

struct Driver {
    engine: Engine,
    now: Nanos,
    next: Next,
    pods: BTreeMap<String, Value>,
    /// Bindings that wait for an answer, the oldest first.
    bindings: VecDeque<(AttemptId, String, String)>,
    run: Run,
}

impl Driver {
    fn new(config: &Value) -> Result<Self> {
        let configuration = config::from_value(config, "config", PLUGINS, FeatureGates::default())?;
        let profiles = configuration.profiles.iter().map(|spec| Profile::compile(spec, PLUGINS));
        let engine = Engine::new(EngineConfig {
            seed: 7,
            profiles: profiles.collect::<Result<_, _>>()?,
            extenders: Vec::new(),
            bindings_in_flight_max: IN_FLIGHT,
            backoff: Backoff::default(),
            announces_nodes: true,
            dry_run: false,
            probe: Arc::new(NoProbe),
        });
        Ok(Self {
            engine,
            now: Nanos::from_secs(1_000_000),
            next: Next::default(),
            pods: BTreeMap::new(),
            bindings: VecDeque::new(),
            run: Run::default(),
        })
    }

    /// Shows an object as a watch would.
    fn show(&mut self, object: &Value) -> Result<()> {
        let event = match wire::decode(object)? {
            wire::Object::Node(node) => Event::NodeUpsert(Box::new(node)),
            wire::Object::Namespace(namespace) => Event::NamespaceUpsert(Box::new(namespace)),
            wire::Object::Pod(pod) => Event::PodUpsert(pod),
            wire::Object::Kept(object) => Event::ObjectUpsert(object),
            wire::Object::Other(_) => return Ok(()),
        };
        self.step(event);
        Ok(())
    }

    fn step(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.next = self.engine.step(event, self.now, &mut effects);
        for effect in effects {
            match effect {
                Effect::Bind { attempt, pod, node } => {
                    self.bindings.push_back((attempt, pod.key.to_string(), node.to_string()));
                }
                Effect::Decision(decision) => self.decided(decision),
                _ => {}
            }
        }
    }

    /// A later decision about a pod takes the place of an earlier one.
    fn decided(&mut self, decision: Decision) {
        let pod = decision.pod.key.to_string();
        self.run.order.retain(|other| *other != pod);
        match decision.verdict {
            DecisionVerdict::Node(node) => {
                self.run.placements.insert(pod.clone(), node.to_string());
            }
            DecisionVerdict::Message(_) | DecisionVerdict::Forgotten { .. } => {
                self.run.placements.remove(&pod);
            }
        }
        self.run.order.push(pod);
    }

    /// Attempts and answers until the engine wants nothing more at this time.
    fn settle(&mut self) -> Result<()> {
        while self.next.attempt || !self.bindings.is_empty() {
            if self.next.attempt {
                self.now = self.now + Nanos::MILLISECOND;
                self.step(Event::Attempt);
            } else {
                self.answer()?;
            }
        }
        Ok(())
    }

    /// Answers the oldest binding, and shows the pod on its node.
    fn answer(&mut self) -> Result<()> {
        let (attempt, pod, node) = self.bindings.pop_front().context("no binding to answer")?;
        self.step(Event::BindResult { attempt, outcome: BindOutcome::Bound });
        let mut bound = self.pods.get(&pod).context("a pod that nobody made")?.clone();
        bound["spec"]["nodeName"] = json!(node);
        self.show(&bound)
    }
}

fn key(pod: &Value) -> String {
    let field = |name: &str| pod["metadata"][name].as_str().unwrap_or_default();
    format!("{}/{}", field("namespace"), field("name"))
}
