//! One filter-and-score pass over all nodes without any cache: prepare, build, pick, drop.
//!
//! `cargo bench --bench scan`; the figures in the README come from here.

use berth::cluster::{Cluster, View};
use berth::framework::{Prepared, Profile, ProfileSpec, Table, prepare};
use berth::model::{
    AccessModes, AffinityTerm, BindingMode, Image, LabelOperator, LabelRequirement, LabelSelector,
    Labels, Node, NodeOperator, NodeRequirement, NodeSelectorTerm, PersistentVolume,
    PersistentVolumeClaim, Pod, PodKey, PodVolume, Service, SpreadConstraint, StorageClass, Taint,
    VolumeSource, WeightedTerm, WhenUnsatisfiable,
};
use berth::plugins::PLUGINS;
use berth::units::{NodeId, Quantity};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const HOST: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

/// `nodes` nodes of 4 cores and 32 GiB with some pods of 100m and 500 MiB on each, as loadgen makes them.
fn cluster(nodes: i64, tainted: bool, images: bool) -> Cluster {
    let mut cluster = Cluster::new(1);
    for at in 0..nodes {
        let mut node = Node { name: format!("node-{at:05}").into(), ..Node::default() };
        node.allocatable.milli_cpu = 4000;
        node.allocatable.memory = 32 << 30;
        node.allocatable.ephemeral_storage = 100 << 30;
        node.allocatable_pods = 110;
        if tainted && at % 3 == 0 {
            let effect = berth::model::Effect::PreferNoSchedule;
            node.taints.push(Taint { key: "spot".into(), value: "".into(), effect });
        }
        if images && at % 2 == 0 {
            let names = vec!["registry.example/web:v1".into()];
            node.images.push(Image { names, size_bytes: 250 << 20 });
        }
        cluster.upsert_node(&node, 0);
        for pod in 0..at % 7 {
            let mut bound = basic_pod(&format!("bound-{at}-{pod}"));
            bound.node_name = Some(node.name.clone());
            cluster.add_pod(&bound, 0);
        }
    }
    cluster
}

/// What the terms of a workload's pods are about.
#[derive(Clone, Copy)]
enum Terms {
    /// Required anti-affinity on the host name.
    FarFromHost,
    /// Required affinity on the zone.
    NearZone,
    /// Preferred affinity on the host name.
    RatherNearHost,
}

impl Terms {
    /// A pod that is about others of its own labels.
    fn pod(self, name: &str) -> Pod {
        let mut pod = basic_pod(name);
        pod.labels = Labels::from_iter([("app", "web")]);
        let requirement = LabelRequirement {
            key: "app".into(),
            operator: LabelOperator::In,
            values: vec!["web".into()],
        };
        let term = |key: &str| AffinityTerm {
            selector: Some(LabelSelector { requirements: vec![requirement.clone()] }),
            namespaces: Vec::new(),
            namespace_selector: None,
            topology_key: key.into(),
        };
        let own = pod.pod_affinity.get_or_insert_default();
        match self {
            Self::FarFromHost => own.anti_required.push(term(HOST)),
            Self::NearZone => own.required.push(term(ZONE)),
            Self::RatherNearHost => {
                own.preferred.push(WeightedTerm { weight: 1, term: term(HOST) });
            }
        }
        pod
    }

    /// 5,000 nodes in three zones with two pods each, of which every fifth node has one of the workload.
    fn cluster(self) -> Cluster {
        let mut cluster = Cluster::new(1);
        for at in 0..5000 {
            let name = format!("node-{at:05}");
            let zone = format!("zone-{}", at % 3);
            let labels = Labels::from_iter([(HOST, name.clone()), (ZONE, zone)]);
            let mut node = Node { name: name.into(), labels, ..Node::default() };
            node.allocatable.milli_cpu = 4000;
            node.allocatable.memory = 32 << 30;
            node.allocatable_pods = 110;
            cluster.upsert_node(&node, 0);
            for which in 0..2 {
                let pod = format!("bound-{at}-{which}");
                let mut bound =
                    if which == 0 && at % 5 == 0 { self.pod(&pod) } else { basic_pod(&pod) };
                bound.node_name = Some(node.name.clone());
                cluster.add_pod(&bound, 0);
            }
        }
        cluster
    }
}

fn basic_pod(name: &str) -> Pod {
    let key = PodKey { namespace: "default".into(), name: name.into() };
    let mut pod = Pod { key, uid: name.into(), ..Pod::default() };
    let requests = &mut pod.requests;
    for resources in [&mut requests.request, &mut requests.scored, &mut requests.usage] {
        resources.milli_cpu = 100;
        resources.memory = 500 << 20;
    }
    requests.non_zero_milli_cpu = 100;
    requests.non_zero_memory = 500 << 20;
    pod.images = ["registry.example/web:v1".into()].into();
    pod
}

/// 5,000 nodes in three zones with 10,000 pods of one app, which a service selects; a third of the pods
/// are in another namespace.
fn spread_cluster() -> Cluster {
    const NODES: usize = 5000;
    let mut cluster = cluster(0, false, false);
    for at in 0..NODES {
        let name = format!("node-{at:05}");
        let zone = format!("zone-{}", at % 3);
        let mut node = Node { name: name.as_str().into(), ..Node::default() };
        node.labels = [(ZONE, zone.as_str()), (HOST, name.as_str())].into_iter().collect();
        node.allocatable.milli_cpu = 4000;
        node.allocatable.memory = 32 << 30;
        node.allocatable_pods = 110;
        cluster.upsert_node(&node, 0);
    }
    for at in 0..2 * NODES {
        let mut bound = spread_pod(&format!("bound-{at}"), None);
        if at % 3 == 0 {
            bound.key.namespace = "other".into();
        }
        bound.node_name = Some(format!("node-{:05}", (at * 7) % NODES).into());
        cluster.add_pod(&bound, 0);
    }
    let (namespace, name) = ("default".into(), "web".into());
    let selector = [("app", "web")].into_iter().collect();
    cluster.upsert_object(Service { namespace, name, selector }.into());
    cluster
}

/// A pod of the app; with a constraint on zones, hard or soft, or none.
fn spread_pod(name: &str, when: Option<WhenUnsatisfiable>) -> Pod {
    let mut pod = basic_pod(name);
    pod.labels = [("app", "web")].into_iter().collect();
    let (key, operator) = ("app".into(), LabelOperator::In);
    let requirement = LabelRequirement { key, operator, values: vec!["web".into()] };
    pod.topology_spread.extend(when.map(|when_unsatisfiable| SpreadConstraint {
        max_skew: 5,
        topology_key: ZONE.into(),
        when_unsatisfiable,
        selector: Some(LabelSelector { requirements: vec![requirement] }),
        ..SpreadConstraint::default()
    }));
    pod
}

fn spread(criterion: &mut Criterion) {
    let profile = Profile::compile(&ProfileSpec::of_defaults("berth", PLUGINS), PLUGINS)
        .expect("the defaults fit");
    let cluster = spread_cluster();
    let mut group = criterion.benchmark_group("spread");
    for (name, when) in [
        ("hard zone", Some(WhenUnsatisfiable::DoNotSchedule)),
        ("soft zone", Some(WhenUnsatisfiable::ScheduleAnyway)),
        ("system defaults", None),
    ] {
        let pod = spread_pod("pod", when);
        group.bench_function(BenchmarkId::new(name, 5000), |bencher| {
            bencher.iter(|| pass(&profile, &cluster, std::hint::black_box(&pod)));
        });
    }
    group.finish();
}

/// 5,000 nodes, each with a volume of the class `local` that only it can use, and a claim for one.
fn volume_cluster() -> Cluster {
    let mut cluster = Cluster::new(1);
    for at in 0..5000 {
        let name = format!("node-{at:05}");
        let labels = Labels::from_iter([(HOST, name.clone())]);
        let mut node = Node { name: name.as_str().into(), labels, ..Node::default() };
        node.allocatable.milli_cpu = 4000;
        node.allocatable.memory = 32 << 30;
        node.allocatable_pods = 110;
        cluster.upsert_node(&node, 0);
        let requirement = NodeRequirement {
            key: HOST.into(),
            operator: Some(NodeOperator::In),
            values: vec![name.into()],
        };
        let term = NodeSelectorTerm { expressions: vec![requirement], fields: vec![] };
        let volume = PersistentVolume {
            name: format!("local-{at:05}").into(),
            class: "local".into(),
            capacity: Quantity::from_units((100 + at % 50) << 30),
            access_modes: AccessModes::READ_WRITE_ONCE,
            node_affinity: Some(vec![term]),
            available: true,
            ..PersistentVolume::default()
        };
        cluster.upsert_object(volume.into());
    }
    let class = StorageClass {
        name: "local".into(),
        provisioner: "kubernetes.io/no-provisioner".into(),
        binding_mode: BindingMode::WaitForFirstConsumer,
        allowed_topologies: None,
    };
    cluster.upsert_object(class.into());
    let claim = PersistentVolumeClaim {
        namespace: "default".into(),
        name: "data".into(),
        class: "local".into(),
        request: Some(Quantity::from_units(50 << 30)),
        access_modes: AccessModes::READ_WRITE_ONCE,
        ..PersistentVolumeClaim::default()
    };
    cluster.upsert_object(claim.into());
    cluster
}

fn volumes(criterion: &mut Criterion) {
    let profile = Profile::compile(&ProfileSpec::of_defaults("berth", PLUGINS), PLUGINS)
        .expect("the defaults fit");
    let cluster = volume_cluster();
    let mut group = criterion.benchmark_group("volumes");
    let mut pod = basic_pod("pod");
    for name in ["no claim", "local volumes"] {
        group.bench_function(BenchmarkId::new(name, 5000), |bencher| {
            bencher.iter(|| {
                let picked = pass(&profile, &cluster, std::hint::black_box(&pod));
                assert!(picked.is_some());
            });
        });
        let source = VolumeSource::Claim { name: "data".into() };
        pod.volumes = vec![PodVolume { name: "data".into(), source }];
    }
    group.finish();
}

fn pass(profile: &Profile, cluster: &Cluster, pod: &Pod) -> Option<NodeId> {
    let view = View::new(cluster);
    let Prepared::Ready { evals, .. } = prepare(profile, pod, view) else { return None };
    Table::build(&evals, &view, None).pick(&evals, &view, 17, |_| false).ok()?
}

fn scan(criterion: &mut Criterion) {
    let profile = Profile::compile(&ProfileSpec::of_defaults("berth", PLUGINS), PLUGINS)
        .expect("the defaults fit");
    let pod = basic_pod("pod");
    let mut group = criterion.benchmark_group("scan");
    for (name, nodes, tainted, images) in [
        ("basic", 1000, false, false),
        ("basic", 5000, false, false),
        ("basic", 15000, false, false),
        ("taints", 5000, true, false),
        ("taints and images", 5000, true, true),
    ] {
        let cluster = cluster(nodes, tainted, images);
        group.bench_function(BenchmarkId::new(name, nodes), |bencher| {
            bencher.iter(|| pass(&profile, &cluster, std::hint::black_box(&pod)));
        });
    }
    for (name, terms) in [
        ("required anti-affinity on hostname", Terms::FarFromHost),
        ("required affinity on zone", Terms::NearZone),
        ("preferred affinity on hostname", Terms::RatherNearHost),
    ] {
        let (cluster, pod) = (terms.cluster(), terms.pod("pod"));
        group.bench_function(BenchmarkId::new(name, 5000), |bencher| {
            bencher.iter(|| pass(&profile, &cluster, std::hint::black_box(&pod)));
        });
    }
    group.finish();
}

criterion_group!(benches, scan, spread, volumes);
criterion_main!(benches);
