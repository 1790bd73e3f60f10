//! 50,000 unschedulable pods of ten templates: a node update that helps none of them, and a node that may
//! help all of them, with the attempt of a new, more important pod behind it.
//!
//! `cargo bench --bench queue`.

use std::sync::Arc;

use berth::engine::{Engine, EngineConfig, Event, Kind};
use berth::framework::{NoProbe, Profile, ProfileSpec};
use berth::model::{Labels, Node, Pod, PodKey};
use berth::plugins::PLUGINS;
use berth::queue::Backoff;
use berth::units::Nanos;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const PODS: usize = 50_000;
const TEMPLATES: usize = 10;
const NODES: usize = 100;
const START: Nanos = Nanos::from_secs(1_000_000);

fn node(name: &str, milli_cpu: i64) -> Box<Node> {
    let labels = Labels::from_iter([("kubernetes.io/hostname", name)]);
    let mut node = Node { name: name.into(), labels, allocatable_pods: 110, ..Node::default() };
    node.allocatable.milli_cpu = milli_cpu;
    node.allocatable.memory = 32 << 30;
    Box::new(node)
}

fn pod(name: &str, app: usize, milli_cpu: i64, priority: i32) -> Box<Pod> {
    let key = PodKey { namespace: "default".into(), name: name.into() };
    let labels = Labels::from_iter([("app", format!("app-{app}"))]);
    let mut pod = Pod { key, uid: name.into(), priority, labels, ..Pod::default() };
    pod.scheduler_name = "berth".into();
    pod.never_preempts = true;
    let requests = &mut pod.requests;
    for resources in [&mut requests.request, &mut requests.scored, &mut requests.usage] {
        resources.milli_cpu = milli_cpu;
    }
    requests.non_zero_milli_cpu = milli_cpu;
    Box::new(pod)
}

/// An engine in which all pods were tried once and fit nowhere.
fn engine() -> Engine {
    let mut engine = Engine::new(EngineConfig {
        seed: 1,
        profiles: vec![
            Profile::compile(&ProfileSpec::of_defaults("berth", PLUGINS), PLUGINS)
                .expect("the defaults fit"),
        ],
        extenders: Vec::new(),
        bindings_in_flight_max: 16,
        backoff: Backoff::default(),
        dry_run: false,
        announces_nodes: true,
        probe: Arc::new(NoProbe),
    });
    let mut out = Vec::new();
    for kind in Kind::all() {
        engine.step(Event::ListBegin(kind), START, &mut out);
        if kind == Kind::Node {
            for at in 0..NODES {
                let node = node(&format!("node-{at:05}"), 1000);
                engine.step(Event::NodeUpsert(node), START, &mut out);
            }
        }
        engine.step(Event::ListEnd(kind), START, &mut out);
    }
    for at in 0..PODS {
        let pod = pod(&format!("pod-{at:05}"), at % TEMPLATES, 4000, 0);
        engine.step(Event::PodUpsert(pod), START, &mut out);
        engine.step(Event::Attempt, START, &mut out);
        out.clear();
    }
    assert_eq!(engine.queue_lengths().unschedulable, PODS);
    engine
}

fn queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("50,000 unschedulable pods");
    group.sample_size(10);
    let mut waiting = engine();
    let mut out = Vec::new();
    let mut milli_cpu = 1000;
    group.bench_function("a node update that helps none", |bencher| {
        bencher.iter(|| {
            // Between two sizes, neither of which is enough.
            milli_cpu = 3000 - milli_cpu;
            waiting.step(Event::NodeUpsert(node("node-00007", milli_cpu)), START, &mut out);
        });
    });
    assert_eq!(waiting.queue_lengths().unschedulable, PODS);
    drop(waiting);
    group.bench_function("a node for all, and a new pod that is bound", |bencher| {
        bencher.iter_batched(
            engine,
            |mut engine| {
                let mut out = Vec::new();
                engine.step(Event::NodeUpsert(node("large", 8000)), START, &mut out);
                engine.step(Event::PodUpsert(pod("new", 0, 100, 9)), START, &mut out);
                engine.step(Event::Attempt, START, &mut out);
                engine
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, queue);
criterion_main!(benches);
