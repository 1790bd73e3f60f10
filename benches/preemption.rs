//! One attempt of preemption on full nodes: the search for a place, the dry runs and the choice.
//!
//! `cargo bench --bench preemption`.

use berth::cluster::{Cluster, View};
use berth::framework::{Prepared, Profile, ProfileSpec, Table, prepare};
use berth::model::{DefaultPreemptionArgs, Node, Pod, PodKey};
use berth::plugins::PLUGINS;
use berth::preemption::{Outcome, Unplaced, preempt};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

/// `nodes` nodes of 4 cores, each with four pods of 900m, as loadgen's workload preempt makes them.
fn cluster(nodes: usize) -> Cluster {
    let mut cluster = Cluster::new(1);
    for at in 0..nodes {
        let mut node = Node { name: format!("node-{at:05}").into(), ..Node::default() };
        node.allocatable.milli_cpu = 4000;
        node.allocatable.memory = 32 << 30;
        node.allocatable_pods = 110;
        cluster.upsert_node(&node, 0);
        for each in 0..4 {
            let mut bound = pod(&format!("bound-{at}-{each}"), 900, 0);
            bound.node_name = Some(node.name.clone());
            cluster.add_pod(&bound, 0);
        }
    }
    cluster
}

fn pod(name: &str, milli_cpu: i64, priority: i32) -> Pod {
    let key = PodKey { namespace: "default".into(), name: name.into() };
    let mut pod = Pod { key, uid: name.into(), priority, ..Pod::default() };
    let requests = &mut pod.requests;
    for resources in [&mut requests.request, &mut requests.scored, &mut requests.usage] {
        resources.milli_cpu = milli_cpu;
    }
    requests.non_zero_milli_cpu = milli_cpu;
    pod
}

fn preemption(criterion: &mut Criterion) {
    let profile = Profile::compile(&ProfileSpec::of_defaults("berth", PLUGINS), PLUGINS)
        .expect("the defaults fit");
    let preemptor = pod("preemptor", 3000, 10);
    let mut group = criterion.benchmark_group("preemption");
    for (name, args) in [
        ("enough candidates", DefaultPreemptionArgs::default()),
        (
            "all candidates",
            DefaultPreemptionArgs {
                min_candidate_nodes_percentage: 100,
                ..DefaultPreemptionArgs::default()
            },
        ),
    ] {
        let cluster = cluster(500);
        let view = View::new(&cluster);
        let Prepared::Ready { evals, .. } = prepare(&profile, &preemptor, view) else { return };
        let table = Table::build(&evals, &view, None);
        group.bench_function(BenchmarkId::new(name, 500), |bencher| {
            bencher.iter(|| {
                let unplaced = Unplaced {
                    pod: &preemptor,
                    view,
                    judged: Some((&evals, table.failed())),
                    nominated: None,
                    start: std::hint::black_box(17),
                };
                let outcome = preempt(&unplaced, args).outcome;
                assert!(matches!(outcome, Outcome::Place { .. }));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, preemption);
criterion_main!(benches);
