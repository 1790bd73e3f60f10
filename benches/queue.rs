//! 50,000 unschedulable pods of ten templates beside 5,000 nodes: a node update that helps none of them, and a
//! node that may help all of them, with the attempt of a new, more important pod behind it.
//!
//! `cargo bench --bench queue`.

#[path = "../tests/support/engine.rs"]
mod engine;

use berth::engine::{Engine, Event};
use berth::model::{Labels, Node, Pod, PodKey};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

use engine::START;

const PODS: usize = 50_000;
const TEMPLATES: usize = 10;
const NODES: usize = 5_000;

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
fn waiting() -> Engine {
    let mut engine = engine::with_nodes((0..NODES).map(|at| *node(&format!("node-{at:05}"), 1000)));
    let mut out = Vec::new();
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
    let mut engine = waiting();
    let mut out = Vec::new();
    let mut milli_cpu = 1000;
    group.bench_function("a node update that helps none", |bencher| {
        bencher.iter(|| {
            // Between two sizes, neither of which is enough.
            milli_cpu = 3000 - milli_cpu;
            engine.step(Event::NodeUpsert(node("node-00007", milli_cpu)), START, &mut out);
        });
    });
    assert_eq!(engine.queue_lengths().unschedulable, PODS);
    drop(engine);
    group.bench_function("a node for all, and a new pod that is bound", |bencher| {
        bencher.iter_batched(
            waiting,
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
