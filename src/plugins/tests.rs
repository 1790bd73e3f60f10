//! Facts of upstream's own unit tests: a pod, a node, what the plugin says.

use crate::cluster::{Cluster, View};
use crate::framework::{Code, Prepared, Profile, ProfileSpec, Table, explain, prepare};
use crate::model::{Effect, Image, Node, Pod, PodKey, Taint, Toleration, TolerationOperator};

use super::PLUGINS;

fn node(name: &str, milli_cpu: i64, memory: i64) -> Node {
    let mut node = Node { name: name.into(), allocatable_pods: 32, ..Node::default() };
    node.allocatable.milli_cpu = milli_cpu;
    node.allocatable.memory = memory;
    node
}

fn asks(milli_cpu: i64, memory: i64) -> Pod {
    let mut pod = Pod::default();
    let requests = &mut pod.requests;
    for resources in [&mut requests.request, &mut requests.scored, &mut requests.usage] {
        resources.milli_cpu = milli_cpu;
        resources.memory = memory;
    }
    requests.non_zero_milli_cpu = milli_cpu;
    requests.non_zero_memory = memory;
    pod
}

fn on(node: &str, number: usize, pod: Pod) -> Pod {
    let key = PodKey { namespace: "default".into(), name: format!("on-{number}").into() };
    Pod { key, node_name: Some(node.into()), ..pod }
}

fn cluster(nodes: &[Node], pods: &[Pod]) -> Cluster {
    let mut cluster = Cluster::new(0);
    for node in nodes {
        cluster.upsert_node(node, 0);
    }
    for pod in pods {
        cluster.add_pod(pod, 0);
    }
    cluster
}

/// What one plugin gives each node, by name: the rejection or the raw and weighted score.
fn judged(plugin: &str, cluster: &Cluster, pod: &Pod) -> Vec<Result<(i64, i64), (Code, String)>> {
    let profile = Profile::compile(&ProfileSpec::of_defaults("berth", PLUGINS), PLUGINS)
        .expect("the defaults fit");
    let view = View::new(cluster);
    let Prepared::Ready { evals, .. } = prepare(&profile, pod, view) else {
        panic!("the pod as a whole was rejected")
    };
    let table = Table::build(&evals, &view, None);
    let position = profile.plugins.iter().position(|entry| entry.name == plugin).unwrap();
    let mut reports = explain(&evals, &view, &table, None);
    reports.sort_by_key(|report| cluster.node_name(report.node).to_owned());
    let one = |report: &crate::framework::NodeReport| {
        if !report.verdict.is_pass() {
            let reasons = evals.reasons(&view, report.node, report.verdict);
            return Err((report.verdict.code, reasons.join(", ")));
        }
        let own = report.scores.iter().find(|(at, ..)| usize::from(*at) == position);
        Ok(own.map_or((0, 0), |(_, raw, points)| (*raw, *points)))
    };
    reports.iter().map(one).collect()
}

/// Upstream's name of the case, the pod, what is on the node, the rejection.
type FitRow = (&'static str, Pod, [Pod; 1], Option<(Code, &'static str)>);

#[test]
fn node_resources_fit_filter() {
    use Code::{Unschedulable as U, UnschedulableAndUnresolvable as UaU};
    let full = |milli_cpu, memory| [on("n", 0, asks(milli_cpu, memory))];
    let rows: [FitRow; 8] = [
        ("no resources requested always fits", asks(0, 0), full(10, 20), None),
        (
            "too many resources fails",
            asks(1, 1),
            full(10, 20),
            Some((U, "Insufficient cpu, Insufficient memory")),
        ),
        ("both resources fit", asks(1, 1), full(5, 5), None),
        ("one resource memory fits", asks(2, 1), full(9, 5), Some((U, "Insufficient cpu"))),
        ("one resource cpu fits", asks(1, 2), full(5, 19), Some((U, "Insufficient memory"))),
        ("equal edge case", asks(5, 1), full(5, 19), None),
        ("more than the node has", asks(11, 1), full(0, 0), Some((UaU, "Insufficient cpu"))),
        (
            "more than is left and than there is",
            asks(11, 2),
            full(0, 19),
            Some((UaU, "Insufficient cpu, Insufficient memory")),
        ),
    ];
    for (name, pod, existing, want) in rows {
        let cluster = cluster(&[node("n", 10, 20)], &existing);
        let got = judged("NodeResourcesFit", &cluster, &pod).remove(0).err();
        assert_eq!(got, want.map(|(code, text)| (code, text.to_owned())), "{name}");
    }
}

#[test]
fn too_many_pods_never_makes_a_node_unresolvable() {
    let mut small = node("n", 10, 20);
    small.allocatable_pods = 1;
    let cluster = cluster(&[small], &[on("n", 0, asks(0, 0))]);
    let got = judged("NodeResourcesFit", &cluster, &asks(0, 0));
    assert_eq!(got, [Err((Code::Unschedulable, "Too many pods".to_owned()))]);
}

#[test]
fn least_allocated_scores() {
    let rows = [
        ("nothing scheduled, nothing requested", asks(0, 0), vec![], [100, 100]),
        ("nothing scheduled, resources requested", asks(3000, 5000), vec![], [37, 50]),
        (
            "resources requested, pods scheduled with resources",
            asks(3000, 5000),
            vec![on("n1", 0, asks(3000, 0)), on("n2", 1, asks(3000, 5000))],
            [0, 0],
        ),
    ];
    let nodes = [
        [node("n1", 4000, 10000), node("n2", 4000, 10000)],
        [node("n1", 4000, 10000), node("n2", 6000, 10000)],
        [node("n1", 4000, 10000), node("n2", 6000, 10000)],
    ];
    let expected = [[100, 100], [37, 50], [25, 0]];
    for (((name, pod, existing, _), nodes), want) in rows.into_iter().zip(nodes).zip(expected) {
        let cluster = cluster(&nodes, &existing);
        let got: Vec<_> = judged("NodeResourcesFit", &cluster, &pod)
            .into_iter()
            .map(|verdict| verdict.map_or(-1, |(raw, _)| raw))
            .collect();
        let fits = |at: usize| if got[at] == -1 { -1 } else { want[at] };
        assert_eq!(got, [fits(0), fits(1)], "{name}");
    }
}

#[test]
fn balanced_allocation_scores() {
    let rows = [
        ("nothing requested is skipped", asks(0, 0), [0, 0]),
        ("resources requested, nothing scheduled", asks(3000, 5000), [68, 75]),
    ];
    let nodes = [node("n1", 4000, 10000), node("n2", 6000, 10000)];
    for (name, pod, want) in rows {
        let cluster = cluster(&nodes, &[]);
        let got: Vec<_> = judged("NodeResourcesBalancedAllocation", &cluster, &pod)
            .into_iter()
            .map(|verdict| verdict.map(|(raw, _)| raw).unwrap())
            .collect();
        assert_eq!(got, want, "{name}");
    }
}

fn taint(key: &str, value: &str, effect: Effect) -> Taint {
    Taint { key: key.into(), value: value.into(), effect }
}

fn tolerates(key: &str, value: &str, effect: Effect) -> Toleration {
    let operator = TolerationOperator::Equal;
    Toleration { key: key.into(), operator, value: value.into(), effect: Some(effect) }
}

#[test]
fn taint_toleration_filter_and_score() {
    let with = |name: &str, taints: Vec<Taint>| Node { taints, ..node(name, 10, 10) };
    let nodes = [
        with("a", vec![taint("foo", "bar", Effect::PreferNoSchedule)]),
        with("b", vec![]),
        with("c", vec![taint("dedicated", "user1", Effect::NoSchedule)]),
        with("d", vec![taint("x", "", Effect::NoExecute), taint("y", "", Effect::NoSchedule)]),
    ];
    let cluster = cluster(&nodes, &[]);
    let untolerated =
        Err((Code::UnschedulableAndUnresolvable, "node(s) had untolerated taint(s)".to_owned()));
    let got = judged("TaintToleration", &cluster, &Pod::default());
    assert_eq!(got, [Ok((1, 0)), Ok((0, 300)), untolerated.clone(), untolerated.clone()]);
    let mut pod = Pod::default();
    pod.tolerations.push(tolerates("dedicated", "user1", Effect::NoSchedule));
    pod.tolerations.push(tolerates("foo", "bar", Effect::PreferNoSchedule));
    let got = judged("TaintToleration", &cluster, &pod);
    assert_eq!(got, [Ok((0, 300)), Ok((0, 300)), Ok((0, 300)), untolerated]);
}

#[test]
fn image_locality_scores() {
    const MIB: i64 = 1024 * 1024;
    let with = |name: &str, images: &[(&str, i64)]| {
        let mut node = node(name, 10, 10);
        for (image, size) in images {
            let names = vec![(*image).into()];
            node.images.push(Image { names, size_bytes: *size * MIB });
        }
        node
    };
    let nodes = [
        with("a", &[("gcr.io/40:latest", 40), ("gcr.io/300:latest", 300)]),
        with("b", &[("gcr.io/250:latest", 250), ("gcr.io/10:latest", 10)]),
    ];
    let cluster = cluster(&nodes, &[]);
    let pod = |images: &[&str]| Pod {
        images: images.iter().map(|image| format!("gcr.io/{image}:latest").into()).collect(),
        ..Pod::default()
    };
    // The rows "two images spread on two nodes, prefer the larger image one" and "…, with only one".
    let rows = [(pod(&["40", "250"]), [0, 5]), (pod(&["40", "300"]), [7, 0])];
    for (pod, want) in rows {
        let got: Vec<_> = judged("ImageLocality", &cluster, &pod)
            .into_iter()
            .map(|verdict| verdict.unwrap().0)
            .collect();
        assert_eq!(got, want, "{:?}", pod.images);
    }
}

#[test]
fn node_declared_features_filter() {
    let declares = |name: &str, features: &[&str]| {
        let declared_features = features.iter().map(|feature| (*feature).into()).collect();
        Node { declared_features, ..node(name, 10, 20) }
    };
    let cluster =
        cluster(&[declares("a", &["A", "B"]), declares("b", &["A"]), declares("c", &[])], &[]);
    let rejected = || {
        let reason = "node(s) didn't match Pod's required features".to_owned();
        Err((Code::UnschedulableAndUnresolvable, reason))
    };
    let rows = [
        (vec![], [Ok((0, 0)), Ok((0, 0)), Ok((0, 0))]),
        (vec!["A"], [Ok((0, 0)), Ok((0, 0)), rejected()]),
        (vec!["A", "B"], [Ok((0, 0)), rejected(), rejected()]),
        (vec!["A", "C"], [rejected(), rejected(), rejected()]),
    ];
    for (required_features, want) in rows {
        let pod = Pod { required_features, ..Pod::default() };
        assert_eq!(judged("NodeDeclaredFeatures", &cluster, &pod), want);
    }
}
