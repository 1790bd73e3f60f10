//! Random lists of events: what is kept step by step equals what is built from scratch, the same events
//! give the same effects, and no node is filled over its capacity by our own hand.

use proptest::prelude::*;

use crate::cluster::Cluster;
use crate::engine::{AttemptId, BindOutcome, Effect, Event};
use crate::model::{Effect as TaintEffect, Node, Pod};
use crate::units::{Map, Nanos};

use super::kit::{Kit, TestNode, TestPod, node, pod};

/// Something that may happen; numbers choose among what is there.
#[derive(Clone, Debug)]
enum Happening {
    Node {
        which: u8,
        cpu: u16,
        gpus: u8,
        tainted: bool,
        cordoned: bool,
    },
    NodeGoes(u8),
    Pod {
        which: u8,
        cpu: u16,
        gpus: u8,
        priority: i8,
    },
    Foreign {
        which: u8,
        node: u8,
        cpu: u16,
    },
    PodGoes(u8),
    Attempt,
    Answer {
        which: u8,
        outcome: u8,
    },
    /// The watch shows a binding that was accepted.
    Echo(u8),
    Wait(u16),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::{Answer, Attempt, Echo, Foreign, NodeGoes, PodGoes, Wait};
    prop_oneof![
        3 => (0u8..5, 0u16..3000, 0u8..3, any::<bool>(), any::<bool>()).prop_map(
            |(which, cpu, gpus, tainted, cordoned)| Happening::Node {
                which, cpu, gpus, tainted: tainted && cordoned, cordoned: cordoned && !tainted
            }
        ),
        1 => (0u8..5).prop_map(NodeGoes),
        6 => (0u8..20, 0u16..1200, 0u8..2, -1i8..3).prop_map(
            |(which, cpu, gpus, priority)| Happening::Pod { which, cpu, gpus, priority }
        ),
        2 => (0u8..9, 0u8..6, 0u16..900).prop_map(
            |(which, node, cpu)| Foreign { which, node, cpu }
        ),
        2 => (0u8..29).prop_map(PodGoes),
        8 => Just(Attempt),
        5 => (any::<u8>(), 0u8..7).prop_map(|(which, outcome)| Answer { which, outcome }),
        4 => any::<u8>().prop_map(Echo),
        2 => (0u16..20_000).prop_map(Wait),
    ]
}

/// The world outside the engine: the objects as the API server has them.
struct World {
    kit: Kit,
    nodes: Map<String, Node>,
    pods: Map<String, Pod>,
    in_flight: Vec<(AttemptId, String, String)>,
    said: Vec<Effect>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut kit = Kit::seeded(seed);
        kit.sync();
        Self {
            kit,
            nodes: Map::default(),
            pods: Map::default(),
            in_flight: Vec::new(),
            said: Vec::new(),
        }
    }

    fn step(&mut self, event: Event) {
        let effects = self.kit.step(event);
        for effect in &effects {
            if let Effect::Bind { attempt, pod, node } = effect {
                let name = pod.key.name.to_string();
                assert!(self.in_flight.iter().all(|(a, ..)| a != attempt), "sent twice at once");
                self.in_flight.push((*attempt, name, node.to_string()));
            }
        }
        self.said.extend(effects);
    }

    fn put_pod(&mut self, TestPod(pod): TestPod) {
        self.pods.insert(pod.key.name.to_string(), pod.clone());
        self.step(Event::PodUpsert(Box::new(pod)));
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Node { which, cpu, gpus, tainted, cordoned } => {
                let mut test = node(&format!("n{which}")).cpu(i64::from(*cpu));
                test = test.gpus(i64::from(*gpus));
                if *tainted {
                    test = test.taint("k", TaintEffect::NoSchedule);
                }
                if *cordoned {
                    test = test.cordoned();
                }
                self.nodes.insert(test.0.name.to_string(), test.0.clone());
                self.kit.put_node(&test);
            }
            Happening::NodeGoes(which) => {
                let name = format!("n{which}");
                self.nodes.remove(&name);
                self.step(Event::NodeDelete(name.into()));
            }
            Happening::Pod { which, cpu, gpus, priority } => {
                let name = format!("p{which}");
                let test = pod(&name).cpu(i64::from(*cpu)).gpus(i64::from(*gpus));
                if self.pods.get(&name).is_none_or(|pod| pod.node_name.is_none()) {
                    self.put_pod(test.priority(i32::from(*priority)));
                }
            }
            Happening::Foreign { which, node, cpu } => {
                let name = format!("f{which}");
                let test = pod(&name).scheduler("x").cpu(i64::from(*cpu));
                if !self.pods.contains_key(&name) {
                    self.put_pod(test.on(&format!("n{node}")));
                }
            }
            Happening::PodGoes(which) => {
                let name =
                    if *which < 20 { format!("p{which}") } else { format!("f{}", which - 20) };
                if let Some(gone) = self.pods.remove(&name) {
                    self.step(Event::PodDelete { key: gone.key, uid: gone.uid });
                }
            }
            Happening::Attempt => self.step(Event::Attempt),
            Happening::Answer { which, outcome } => self.answer(*which, *outcome),
            Happening::Echo(which) => self.echo(*which),
            Happening::Wait(millis) => {
                self.kit.now = self.kit.now + Nanos(u64::from(*millis) * Nanos::MILLISECOND.0);
                self.step(Event::Tick);
            }
        }
    }

    /// The API server answers a Binding; it binds only pods that are there and unbound.
    fn answer(&mut self, which: u8, outcome: u8) {
        if self.in_flight.is_empty() {
            return;
        }
        let at = usize::from(which) % self.in_flight.len();
        let (attempt, name, node) = self.in_flight.swap_remove(at);
        let outcome = match (self.pods.get_mut(&name), outcome) {
            (None, _) => BindOutcome::Gone,
            (Some(pod), _) if pod.node_name.as_deref() == Some(&*node) => BindOutcome::Bound,
            (Some(Pod { node_name: Some(other), .. }), _) => {
                BindOutcome::BoundElsewhere { node: other.clone() }
            }
            (Some(pod), 0..=2) => {
                pod.node_name = Some(node.as_str().into());
                BindOutcome::Bound
            }
            (Some(pod), 3) => {
                pod.node_name = Some(node.as_str().into());
                BindOutcome::Unknown { message: "lost".into(), retry_after: None }
            }
            (_, 4) => BindOutcome::Unknown { message: "500".into(), retry_after: None },
            (_, 5) => BindOutcome::NotNow { message: "gated".into() },
            _ => BindOutcome::Refused { message: "no".into() },
        };
        self.step(Event::BindResult { attempt, outcome });
    }

    fn echo(&mut self, which: u8) {
        let mut bound: Vec<_> = self.pods.values().filter(|p| p.node_name.is_some()).collect();
        bound.sort_by(|a, b| a.key.cmp(&b.key));
        if let Some(pod) = bound.get(usize::from(which) % bound.len().max(1)) {
            let pod = (*pod).clone();
            self.step(Event::PodUpsert(Box::new(pod)));
        }
    }

    /// Shows every pod and answers every Binding, so that nothing is on its way any more.
    fn settle(&mut self) {
        while !self.in_flight.is_empty() {
            self.answer(0, 0);
        }
        for pod in self.pods.values().cloned().collect::<Vec<_>>() {
            self.step(Event::PodUpsert(Box::new(pod)));
        }
    }
}

/// A cluster made at once from the objects as they are in the end.
fn rebuilt(world: &World) -> Cluster {
    let mut cluster = Cluster::new(7);
    for node in world.nodes.values() {
        cluster.upsert_node(node, 0);
    }
    for pod in world.pods.values().filter(|pod| pod.node_name.is_some()) {
        cluster.add_pod(pod, 0);
    }
    cluster
}

proptest! {
    #[test]
    fn step_by_step_equals_from_scratch(happenings in prop::collection::vec(happening(), 1..120)) {
        let mut world = World::new(7);
        for happening in &happenings {
            world.happen(happening);
        }
        world.settle();
        // What the engine still assumes, the API server has not bound: it waits to be sent again.
        for (id, attempt) in &world.kit.engine.attempts {
            let pod = world.pods.get(&*attempt.queued.pod.key.name);
            prop_assert!(pod.is_some_and(|p| p.node_name.is_none()), "{id:?}");
        }
        let assumed: Vec<_> = world.kit.engine.attempts.values().map(|a| a.pod).collect();
        let mut engine = world.kit.engine.cluster().clone();
        for pod in assumed {
            engine.forget(pod);
        }
        let scratch = rebuilt(&world);
        scratch.sanity_check();
        prop_assert_eq!(engine.rows_by_name(), scratch.rows_by_name());
    }

    #[test]
    fn the_same_events_give_the_same_effects(
        happenings in prop::collection::vec(happening(), 1..80),
        seed: u64,
    ) {
        let run = || {
            let mut world = World::new(seed);
            for happening in &happenings {
                world.happen(happening);
            }
            world.said
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn our_own_pods_never_overfill_a_node_that_stays(
        cpus in prop::collection::vec(100u16..3000, 1..5),
        pods in prop::collection::vec((0u16..1500, 0u8..3), 1..40),
        outcomes in prop::collection::vec((any::<u8>(), 0u8..7), 0..60),
    ) {
        let mut world = World::new(3);
        for (at, cpu) in cpus.iter().enumerate() {
            let TestNode(node) = node(&format!("n{at}")).cpu(i64::from(*cpu)).gpus(2);
            world.step(Event::NodeUpsert(Box::new(node)));
        }
        for (at, (cpu, gpus)) in pods.iter().enumerate() {
            world.put_pod(pod(&format!("p{at}")).cpu(i64::from(*cpu)).gpus(i64::from(*gpus)));
        }
        let mut outcomes = outcomes.into_iter();
        for _ in 0..200 {
            world.step(Event::Attempt);
            if let Some((which, outcome)) = outcomes.next() {
                world.answer(which, outcome);
            } else {
                world.answer(0, 0);
                world.happen(&Happening::Wait(1000));
            }
            for (at, cpu) in cpus.iter().enumerate() {
                let row = world.kit.row(&format!("n{at}"));
                prop_assert!(row.requested_milli_cpu <= i64::from(*cpu));
            }
        }
    }
}
