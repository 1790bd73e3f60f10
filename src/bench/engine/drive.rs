//! Runs pods through an engine as the engine's thread of `runtime` would, and times it. What a watch or a writer
//! would make in other threads is made while no clock runs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{BindOutcome, DecisionVerdict, Effect, Engine, EngineConfig, Event, Kind};
use crate::framework::{NoProbe, Probe, Profile, ProfileSpec};
use crate::model::{Pod, PodKey};
use crate::plugins::PLUGINS;
use crate::queue::Backoff;
use crate::telemetry::{Metrics, ProfileLabels};
use crate::units::Nanos;

use super::report::{Tables, Tally, nanos};
use super::workload::{Maker, SCHEDULER, node};
use super::{BenchError, Options};

/// Pods that come together: as many as the engine's thread tries before it hands effects over.
pub(super) const ROUND_PODS: usize = 16;

/// Bindings under way, at most, as in `berth run`.
const BINDINGS_IN_FLIGHT_MAX: usize = 64;

/// What passes between two steps by the clock that the engine is told: some 200 pods a second, so that pods
/// have been there for minutes when they go.
const STEP: Nanos = Nanos::MILLISECOND;

/// The time at which it all begins.
const START: Nanos = Nanos::from_secs(1_000_000);

/// An engine and what it knows.
pub(super) struct Driver {
    engine: Engine,
    maker: Maker,
    /// The pods on nodes, oldest first.
    standing: VecDeque<(PodKey, Box<str>)>,
    now: Nanos,
    effects: Vec<Effect>,
    built: u64,
}

impl Driver {
    /// An engine that has listed the nodes.
    pub(super) fn new(options: &Options, maker: Maker) -> Result<Self, BenchError> {
        let profile = Profile::compile(&ProfileSpec::of_defaults(SCHEDULER, PLUGINS), PLUGINS)
            .map_err(|error| BenchError::Profile(error.to_string()))?;
        let profiles = vec![profile];
        let probe: Arc<dyn Probe> = if options.metrics {
            let labels = profiles.iter().map(ProfileLabels::from).collect();
            Metrics::new(labels).scheduler
        } else {
            Arc::new(NoProbe)
        };
        let engine = Engine::new(EngineConfig {
            seed: options.seed,
            profiles,
            extenders: Vec::new(),
            bindings_in_flight_max: BINDINGS_IN_FLIGHT_MAX,
            backoff: Backoff::default(),
            announces_nodes: true,
            dry_run: false,
            probe,
        });
        let engine = if options.tables { engine } else { engine.without_tables() };
        let (standing, effects) = (VecDeque::new(), Vec::new());
        let mut driver = Self { engine, maker, standing, now: START, effects, built: 0 };
        driver.list(options.nodes);
        Ok(driver)
    }

    fn list(&mut self, nodes: usize) {
        for kind in Kind::all() {
            self.step(Event::ListBegin(kind));
        }
        for at in 0..nodes {
            self.step(Event::NodeUpsert(Box::new(node(at))));
        }
        for service in self.maker.services().collect::<Vec<_>>() {
            self.step(Event::ObjectUpsert(Box::new(service.into())));
        }
        for kind in Kind::all() {
            self.step(Event::ListEnd(kind));
        }
    }

    fn step(&mut self, event: Event) {
        self.now = self.now + STEP;
        self.engine.step(event, self.now, &mut self.effects);
    }

    /// Has so many pods placed.
    pub(super) fn fill(&mut self, pods: usize, tally: &mut Tally) -> Result<(), BenchError> {
        self.rounds(pods, false, tally)
    }

    /// Has so many pods placed, and as many of the oldest deleted.
    pub(super) fn replace(&mut self, pods: usize, tally: &mut Tally) -> Result<(), BenchError> {
        self.rounds(pods, true, tally)
    }

    fn rounds(
        &mut self,
        mut pods: usize,
        replace: bool,
        tally: &mut Tally,
    ) -> Result<(), BenchError> {
        while pods > 0 {
            let now = pods.min(ROUND_PODS);
            self.round(now, replace, tally)?;
            pods -= now;
        }
        Ok(())
    }

    /// So many pods come, are tried, bound and shown as bound; then as many of the oldest are deleted.
    fn round(&mut self, pods: usize, replace: bool, tally: &mut Tally) -> Result<(), BenchError> {
        let mut coming = Vec::with_capacity(pods);
        let mut echoes = VecDeque::with_capacity(pods);
        for _ in 0..pods {
            let arrival = self.maker.pod();
            self.standing.push_back((arrival.pod.key.clone(), arrival.pod.uid.clone()));
            coming.push(Event::PodUpsert(arrival.pod));
            echoes.push_back(arrival.echo);
        }
        let oldest = if replace { pods } else { 0 };
        let leaving: Vec<Event> =
            self.standing.drain(..oldest).map(|(key, uid)| Event::PodDelete { key, uid }).collect();

        let began = Instant::now();
        for event in coming {
            self.step(event);
        }
        let came = Instant::now();
        tally.upserts += nanos(came - began);
        self.attempts(pods, came, tally);
        tally.bound += nanos(self.bind(&mut echoes)?);
        let bound = Instant::now();
        for event in leaving {
            self.step(event);
        }
        tally.deletes += nanos(bound.elapsed());
        tally.pods += pods as u64;
        self.effects.clear();
        match echoes.len() {
            0 => Ok(()),
            left => Err(BenchError::NotTried { left, of: pods }),
        }
    }

    /// Tries so many pods. Those whose decision built a table are counted apart.
    fn attempts(&mut self, pods: usize, mut since: Instant, tally: &mut Tally) {
        for _ in 0..pods {
            self.step(Event::Attempt);
            let (now, built) = (Instant::now(), self.engine.tables_built());
            let took = nanos(now - since);
            if built == self.built {
                tally.decided += 1;
                tally.decisions += took;
            } else {
                tally.builds += built - self.built;
                tally.decided_building += 1;
                tally.building += took;
                tally.building_max = tally.building_max.max(took);
            }
            (since, self.built) = (now, built);
        }
    }

    /// The Bindings that were asked for are answered, and the watch shows them; how long that took.
    fn bind(&mut self, echoes: &mut VecDeque<Box<Pod>>) -> Result<Duration, BenchError> {
        let mut answers = Vec::with_capacity(2 * echoes.len());
        for effect in &self.effects {
            let (attempt, node) = match effect {
                Effect::Bind { attempt, pod, node } => {
                    let next = echoes.front().map(|echo| &echo.key);
                    if next != Some(&pod.key) {
                        let next = next.cloned().unwrap_or_default();
                        let (attempt, bound) = (*attempt, pod.key.clone());
                        return Err(BenchError::OutOfOrder { attempt, bound, next });
                    }
                    (*attempt, node)
                }
                Effect::Decision(decision) => match &decision.verdict {
                    DecisionVerdict::Node(_) => continue,
                    DecisionVerdict::Message(message)
                    | DecisionVerdict::Forgotten { reason: message, .. } => {
                        let (pod, message) = (decision.pod.key.clone(), message.clone());
                        return Err(BenchError::NotPlaced { pod, message });
                    }
                },
                _ => continue,
            };
            answers.push(Event::BindResult { attempt, outcome: BindOutcome::Bound });
            if let Some(mut echo) = echoes.pop_front() {
                echo.node_name = Some((&**node).into());
                answers.push(Event::PodUpsert(echo));
            }
        }
        let began = Instant::now();
        for answer in answers {
            self.step(answer);
        }
        Ok(began.elapsed())
    }

    /// That `standing` pods are placed, and all of them are confirmed.
    pub(super) fn check(&self, standing: usize) -> Result<(), BenchError> {
        match self.engine.cluster().placed_pods() {
            (found, 0) if found == standing => Ok(()),
            (found, assumed) => Err(BenchError::Unsteady { found, assumed, expected: standing }),
        }
    }

    /// The tables that are kept now.
    pub(super) fn tables(&self) -> Tables {
        let (count, bytes) = self.engine.tables_size();
        Tables { count, bytes }
    }

    #[cfg(test)]
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }
}
