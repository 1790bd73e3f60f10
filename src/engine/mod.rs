//! The scheduler as one state machine: `step(event, now) -> effects`, and `query`. Owned by one thread
//! of `runtime`, by tests, and by `berth evaluate`; does no IO and reads no clock.

mod binding;
mod changes;
mod cycle;
mod dry_run;
mod event;
mod extend;
mod extend_preempt;
mod judge;
mod lifecycle;
mod objects;
mod pending;
mod pods;
mod preempt;
mod preempting;
mod query;
mod race;
mod said;
mod sample;
mod selecting;
mod tables;
#[cfg(test)]
mod tests;

pub use dry_run::DryRunCounts;
pub use event::{
    AttemptId, BindOutcome, Decision, DecisionVerdict, Effect, Event, Eviction, EvictionOutcome,
    FailedCondition, Inquiry, Kind, Nomination, NoticeLevel, PodRef, Refused, Report,
};
pub use pending::{PendingPart, PendingPod, PendingPods, PendingReason};
pub use query::{NodeVerdict, PodAnswer, PreemptionAnswer};
pub use race::BINDINGS_BESIDE_OTHERS_MAX;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::framework::{ClusterEvent, Extender, Probe, Profile};
use crate::model::{Node, Pod};
use crate::queue::{Backoff, Queue, QueueLengths};
use crate::units::{Map, Nanos, PodId};

use binding::Attempt;
use changes::world;
use dry_run::DryRun;
use extend::Parked;
use preempting::Preemptions;
use race::Races;
use tables::Tables;

/// What an engine is made of.
pub struct EngineConfig {
    /// Where the order among equals comes from.
    pub seed: u64,
    /// The profiles, at least one.
    pub profiles: Vec<Profile>,
    /// The extenders, in the order in which they are asked.
    pub extenders: Vec<Extender>,
    /// How many bindings may be under way; no pod is taken while that many are.
    pub bindings_in_flight_max: usize,
    /// How long failed pods wait.
    pub backoff: Backoff,
    /// A pod that waits at Permit or PreBind is nominated to its node meanwhile.
    pub announces_nodes: bool,
    /// Decide, but bind nothing and tell nobody.
    pub dry_run: bool,
    /// Takes measurements.
    pub probe: Arc<dyn Probe>,
}

/// What the caller should do after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// [`Event::Attempt`] would try a pod now.
    pub attempt: bool,
    /// [`Event::Tick`] has something to do at this time.
    pub deadline: Option<Nanos>,
    /// Other schedulers are at work: what was decided is to go out before anything else is.
    pub beside_others: bool,
}

/// The state machine.
pub struct Engine {
    config: EngineConfig,
    cluster: Cluster,
    queue: Queue,
    /// Placements that the watch has not confirmed yet.
    attempts: Map<AttemptId, Box<Attempt>>,
    attempt_of: Map<PodId, AttemptId>,
    /// Preemptions that are under way.
    preemptions: Preemptions,
    /// Attempts that wait for an extender.
    parked: BTreeMap<AttemptId, Parked>,
    /// When attempts must be looked at: Bindings to be sent again, waits that end.
    retries: BTreeSet<(Nanos, AttemptId)>,
    in_flight: usize,
    /// What was bound of late, and by whom.
    races: Races,
    /// Nodes as they were judged for pods of a template.
    tables: Tables,
    last_attempt: u64,
    last_decision: u64,
    /// Where the next search that stops early begins.
    search_from: usize,
    /// Where this is a dry run.
    dry_run: Option<DryRun>,
    lists: [ListState; Kind::COUNT],
    /// Another one places the pods until [`Event::Lead`].
    standby: bool,
    stopped: bool,
    /// What the event that is being taken in means: to be measured.
    handled: Vec<ClusterEvent>,
}

/// How far the list of one kind is.
#[derive(Clone, Copy, Debug, Default)]
struct ListState {
    /// Number of the list being read, or read last; objects remember it.
    number: u32,
    /// It was complete once.
    complete: bool,
}

impl Engine {
    /// An engine that knows nothing yet.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        Self {
            cluster: Cluster::new(config.seed),
            queue: Queue::new(config.backoff, Arc::clone(&config.probe)),
            attempts: Map::default(),
            attempt_of: Map::default(),
            preemptions: Preemptions::default(),
            parked: BTreeMap::new(),
            retries: BTreeSet::new(),
            in_flight: 0,
            races: Races::default(),
            tables: Tables::default(),
            last_attempt: 0,
            last_decision: 0,
            search_from: 0,
            dry_run: config.dry_run.then(DryRun::default),
            lists: [ListState::default(); Kind::COUNT],
            standby: false,
            stopped: false,
            handled: Vec::new(),
            config,
        }
    }

    /// The engine of a replica that does not lead yet: it takes everything in and tries no pod before
    /// [`Event::Lead`]. Without an attempt it has no effects, so it writes nothing.
    #[must_use]
    pub fn on_standby(mut self) -> Self {
        self.standby = true;
        self
    }

    /// How many tables of judged nodes are kept, and the bytes that they take.
    #[must_use]
    pub fn tables_size(&self) -> (usize, usize) {
        self.tables.size()
    }

    /// How many tables were built to be kept, so far.
    #[must_use]
    pub fn tables_built(&self) -> u64 {
        self.tables.built()
    }

    /// For how many pods something was found that is kept for their template, so far.
    #[must_use]
    pub fn tables_found(&self) -> u64 {
        self.tables.found()
    }

    /// The same engine, which judges all nodes for every pod: for comparing. It decides no differently.
    #[must_use]
    pub fn without_tables(mut self) -> Self {
        self.tables.turn_off();
        self
    }

    /// Takes `event` in at time `now` and appends what is to be done to `out`.
    pub fn step(&mut self, event: Event, now: Nanos, out: &mut Vec<Effect>) -> Next {
        let from = out.len();
        let begun = event.is_of_object().then(|| self.config.probe.clock());
        match event {
            Event::NodeUpsert(node) => self.node_upsert(node, now, out),
            Event::NodeDelete(name) => self.node_delete(&name, now, out),
            Event::PodUpsert(pod) => self.pod_upsert(pod, now, out),
            Event::PodDelete { key, uid } => self.pod_delete(&key, &uid, now, out),
            Event::NamespaceUpsert(namespace) => {
                self.cluster.upsert_namespace(&namespace);
            }
            Event::NamespaceDelete(name) => self.cluster.delete_namespace(&name),
            Event::ObjectUpsert(object) => {
                self.object_upsert(*object, now);
                self.look_at_pre_bindings(now, out);
            }
            Event::ObjectDelete(kind, key) => {
                self.object_delete(kind, &key, now);
                self.look_at_pre_bindings(now, out);
            }
            Event::ListBegin(kind) => self.list_begin(kind),
            Event::ListEnd(kind) => self.list_end(kind, now, out),
            Event::BindResult { attempt, outcome } => {
                self.bind_result(attempt, outcome, now, out);
            }
            Event::Evicted { key, uid, outcome } => {
                self.evicted(&key, &uid, outcome, now, out);
            }
            Event::PreBindResult { attempt, outcome } => {
                self.pre_bind_result(attempt, outcome, now, out);
            }
            Event::BindCallResult { attempt, outcome } => {
                self.bind_call_result(attempt, outcome, now, out);
            }
            Event::ExtenderAnswer { attempt, extender, verb, answer } => {
                self.extender_answer(attempt, extender, verb, answer, now, out);
            }
            Event::Permit { uid, plugin, rejected } => {
                self.permit_event(&uid, &plugin, rejected, now, out);
            }
            Event::Refused(refused) => self.refused(refused, now, out),
            Event::Attempt => {
                if self.may_attempt(now) {
                    self.attempt(now, out);
                }
            }
            Event::Tick => {
                self.queue.tick(world(&self.config, &self.cluster, now));
                self.send_retries(now, out);
            }
            Event::Lead => self.standby = false,
            Event::Stop => {
                self.stopped = true;
                // Nothing was decided about them, and nothing will be.
                self.parked.clear();
            }
        }
        self.tell_handled(begun);
        self.withhold(out, from);
        self.next(now)
    }

    /// Says how long it took to take an event in, for each thing that it means.
    fn tell_handled(&mut self, begun: Option<Nanos>) {
        if let Some(begun) = begun
            && !self.handled.is_empty()
        {
            let took = self.config.probe.clock().since(begun);
            for event in &self.handled {
                self.config.probe.handled(event.label(), took);
            }
        }
        self.handled.clear();
    }

    /// Whether every kind was listed once, so that pods can be judged.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.lists.iter().all(|list| list.complete)
    }

    /// Whether `kind` was listed once.
    #[must_use]
    pub fn is_listed(&self, kind: Kind) -> bool {
        self.lists[kind.index()].complete
    }

    /// Number of bindings whose answer is awaited.
    #[must_use]
    pub fn bindings_in_flight(&self) -> usize {
        self.in_flight
    }

    /// Number of calls of plugins and extenders that are to write for a pod, at PreBind or to bind it, and
    /// whose answer is awaited.
    #[must_use]
    pub fn writing_calls(&self) -> usize {
        self.attempts.values().filter(|attempt| attempt.stage.is_call()).count()
    }

    /// How many pods wait where.
    #[must_use]
    pub fn queue_lengths(&self) -> QueueLengths {
        self.queue.lengths()
    }

    /// The cached state, to look at.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    fn next(&self, now: Nanos) -> Next {
        let retry = self.retries.first().map(|(at, _)| *at);
        Next {
            attempt: self.may_attempt(now),
            deadline: [self.queue.next_deadline(), retry].into_iter().flatten().min(),
            beside_others: self.races.beside_others(now),
        }
    }

    fn may_attempt(&self, now: Nanos) -> bool {
        let all = self.config.bindings_in_flight_max;
        let few = if self.races.beside_others(now) { BINDINGS_BESIDE_OTHERS_MAX } else { all };
        let credits = all.min(few);
        let free = self.in_flight < credits && self.parked.len() < extend::PARKED_MAX;
        free && !self.stopped && !self.standby && self.queue.has_next() && self.is_synced()
    }

    /// Has a pod that waits count as nominated, as its object says, without its being in the queue: for
    /// questions.
    pub fn add_nominated(&mut self, pod: &Pod) {
        if self.cluster.find_pod(&pod.key).is_none() {
            self.cluster.add_pod(pod, self.lists[Kind::Pod.index()].number);
        }
    }

    fn node_upsert(&mut self, node: Box<Node>, now: Nanos, out: &mut Vec<Effect>) {
        let known = self.cluster.find_node(&node.name);
        let before = known.and_then(|id| self.node_before(id));
        let change = self.cluster.upsert_node(&node, self.lists[Kind::Node.index()].number);
        if let Some(id) = known {
            self.look_again_on(id, out);
        }
        self.node_changed(before, node, change, now);
        if change.labels {
            self.look_at_pre_bindings(now, out);
        }
    }

    fn node_delete(&mut self, name: &str, now: Nanos, out: &mut Vec<Effect>) {
        let known = self.cluster.find_node(name);
        let before = known.and_then(|id| self.node_before(id));
        if self.cluster.delete_node(name) {
            self.node_left(before, now);
            // First those of which a plugin can say why.
            self.look_at_pre_bindings(now, out);
            self.forget_retries_on(name, now, out);
            if let Some(id) = known {
                self.look_again_on(id, out);
            }
        }
    }

    fn list_begin(&mut self, kind: Kind) {
        self.lists[kind.index()].number += 1;
        match kind {
            Kind::Node | Kind::Pod => {}
            Kind::Namespace => self.cluster.begin_namespace_list(),
            Kind::Object(kind) => self.cluster.begin_object_list(kind),
        }
    }

    /// Takes away what the list did not name.
    fn list_end(&mut self, kind: Kind, now: Nanos, out: &mut Vec<Effect>) {
        let number = self.lists[kind.index()].number;
        match kind {
            Kind::Node => {
                for name in self.cluster.nodes_not_seen(number) {
                    self.node_delete(&name, now, out);
                }
            }
            Kind::Pod => {
                for id in self.cluster.pods_not_seen(number) {
                    self.pod_gone(id, now, out);
                }
            }
            Kind::Namespace => self.cluster.end_namespace_list(),
            Kind::Object(kind) => self.object_list_end(kind, now),
        }
        self.lists[kind.index()].complete = true;
    }
}
