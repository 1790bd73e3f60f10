//! One attempt of preemption on full nodes: the search for a place, the dry runs and the choice.
//!
//! `cargo bench --bench preemption`.

use berth::cluster::{Cluster, View};
use berth::framework::{Prepared, Profile, ProfileSpec, Table, prepare};
use berth::model::{
    AffinityTerm, DefaultPreemptionArgs, LabelOperator, LabelRequirement, LabelSelector, Labels,
    Node, Pod, PodKey, SpreadConstraint, WhenUnsatisfiable,
};
use berth::plugins::PLUGINS;
use berth::preemption::{Outcome, Unplaced, preempt};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};

const HOST: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";
const NODES: usize = 500;
/// Millicores of a node.
const NODE: i64 = 4000;

/// `NODES` nodes of 4 cores in three zones, each full of `pods` pods of one app.
fn cluster(pods: i64) -> Cluster {
    let mut cluster = Cluster::new(1);
    for at in 0..NODES {
        let name = format!("node-{at:05}");
        let zone = format!("zone-{}", at % 3);
        let labels = Labels::from_iter([(HOST, name.clone()), (ZONE, zone)]);
        let mut node = Node { name: name.into(), labels, ..Node::default() };
        node.allocatable.milli_cpu = NODE;
        node.allocatable.memory = 32 << 30;
        node.allocatable_pods = 110;
        cluster.upsert_node(&node, 0);
        for each in 0..pods {
            let mut bound = pod(&format!("bound-{at}-{each}"), NODE / pods, 0);
            bound.node_name = Some(node.name.clone());
            cluster.add_pod(&bound, 0);
        }
    }
    cluster
}

/// A pod of the app.
fn pod(name: &str, milli_cpu: i64, priority: i32) -> Pod {
    let key = PodKey { namespace: "default".into(), name: name.into() };
    let labels = Labels::from_iter([("app", "web")]);
    let mut pod = Pod { key, uid: name.into(), priority, labels, ..Pod::default() };
    let requests = &mut pod.requests;
    for resources in [&mut requests.request, &mut requests.scored, &mut requests.usage] {
        resources.milli_cpu = milli_cpu;
    }
    requests.non_zero_milli_cpu = milli_cpu;
    pod
}

/// What the preemptor asks for besides room.
#[derive(Clone, Copy)]
enum Asks {
    Nothing,
    /// To be spread over the zones.
    SpreadOverZones,
    /// No pod of the app on its node.
    FarFromHost,
    /// A pod of the app in its zone.
    NearZone,
}

impl Asks {
    fn preemptor(self) -> Pod {
        let mut pod = pod("preemptor", 3000, 10);
        let requirement = LabelRequirement {
            key: "app".into(),
            operator: LabelOperator::In,
            values: vec!["web".into()],
        };
        let selector = Some(LabelSelector { requirements: vec![requirement] });
        let term = |key: &str| AffinityTerm {
            selector: selector.clone(),
            namespaces: Vec::new(),
            namespace_selector: None,
            topology_key: key.into(),
        };
        match self {
            Self::Nothing => {}
            Self::SpreadOverZones => pod.topology_spread.push(SpreadConstraint {
                max_skew: 50,
                topology_key: ZONE.into(),
                when_unsatisfiable: WhenUnsatisfiable::DoNotSchedule,
                selector: selector.clone(),
                ..SpreadConstraint::default()
            }),
            Self::FarFromHost => {
                pod.pod_affinity.get_or_insert_default().anti_required.push(term(HOST));
            }
            Self::NearZone => pod.pod_affinity.get_or_insert_default().required.push(term(ZONE)),
        }
        pod
    }
}

/// One attempt: prepared and judged before, the rest again and again.
fn attempt(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    (pods, asks): (i64, Asks),
    args: DefaultPreemptionArgs,
) {
    let profile = Profile::compile(&ProfileSpec::of_defaults("berth", PLUGINS), PLUGINS)
        .expect("the defaults fit");
    let (cluster, preemptor) = (cluster(pods), asks.preemptor());
    let view = View::new(&cluster);
    let Prepared::Ready { evals, .. } = prepare(&profile, &preemptor, view) else { return };
    let table = Table::build(&evals, &view, None);
    group.bench_function(BenchmarkId::new(name, NODES), |bencher| {
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

fn preemption(criterion: &mut Criterion) {
    let enough = DefaultPreemptionArgs::default();
    let all = DefaultPreemptionArgs { min_candidate_nodes_percentage: 100, ..enough };
    let mut group = criterion.benchmark_group("preemption");
    for (name, case, args) in [
        ("enough candidates", (4, Asks::Nothing), enough),
        ("all candidates", (4, Asks::Nothing), all),
        ("20 pods a node", (20, Asks::Nothing), enough),
        ("hard zone spreading", (20, Asks::SpreadOverZones), enough),
        ("required anti-affinity on hostname", (20, Asks::FarFromHost), enough),
        ("required affinity on zone", (20, Asks::NearZone), enough),
    ] {
        attempt(&mut group, name, case, args);
    }
    group.finish();
}

criterion_group!(benches, preemption);
criterion_main!(benches);
