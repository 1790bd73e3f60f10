//! Victims on a node, disruption budgets, who may evict, the messages, and what follows from where the search
//! begins. All cases of upstream's own unit tests are in `tests/data/upstream_tables`.

use crate::cluster::{Cluster, View};
use crate::framework::{Prepared, Profile, ProfileSpec, Table, prepare};
use crate::model::{
    DefaultPreemptionArgs, LabelOperator, LabelRequirement, LabelSelector, Labels, Node, Object,
    Pod, PodDisruptionBudget, PodKey,
};
use crate::plugins::PLUGINS;
use crate::preemption::{Outcome, Preemption, Unplaced, preempt};

const LOW: i32 = 0;
const MID: i32 = 100;
const HIGH: i32 = 1000;

/// Upstream's sizes: thousandths of a core and bytes of memory, 100 MiB to a core of 100m.
const SMALL: i64 = 100;
const MEDIUM: i64 = 200;
const LARGE: i64 = 300;
const VERY_LARGE: i64 = 500;

fn pod(name: &str, priority: i32, size: i64) -> Pod {
    let key = PodKey { namespace: "default".into(), name: name.into() };
    let mut pod = Pod { key, uid: name.into(), priority, ..Pod::default() };
    let requests = &mut pod.requests;
    for resources in [&mut requests.request, &mut requests.scored, &mut requests.usage] {
        resources.milli_cpu = size;
        resources.memory = size;
    }
    pod
}

fn node(name: &str) -> Node {
    let mut node = Node { name: name.into(), allocatable_pods: 110, ..Node::default() };
    node.allocatable.milli_cpu = VERY_LARGE;
    node.allocatable.memory = VERY_LARGE;
    node
}

fn app(value: &str) -> Labels {
    Labels::from_iter([("app", value)])
}

fn budget(allowed: i32, disrupted: &[&str]) -> PodDisruptionBudget {
    let requirement = LabelRequirement {
        key: "app".into(),
        operator: LabelOperator::In,
        values: vec!["foo".into()],
    };
    PodDisruptionBudget {
        namespace: "default".into(),
        name: "budget".into(),
        selector: Some(LabelSelector { requirements: vec![requirement] }),
        disruptions_allowed: allowed,
        disrupted_pods: disrupted.iter().map(|name| (*name).into()).collect(),
    }
}

/// Nodes with pods that are bound to them: name, node, priority, size, start.
type Bound<'a> = (&'a str, &'a str, i32, i64, Option<i64>);

fn cluster(bound: &[Bound<'_>]) -> Cluster {
    let mut cluster = Cluster::new(1);
    for (name, on, priority, size, start) in bound {
        if cluster.find_node(on).is_none() {
            cluster.upsert_node(&node(on), 0);
        }
        let mut pod = pod(name, *priority, *size);
        pod.node_name = Some((*on).into());
        pod.start_time = *start;
        cluster.add_pod(&pod, 0);
    }
    cluster
}

fn ask(cluster: &Cluster, pod: &Pod, args: DefaultPreemptionArgs, start: u32) -> Preemption {
    let spec = ProfileSpec::of_defaults("berth", PLUGINS);
    let profile = Profile::compile(&spec, PLUGINS).expect("the defaults fit");
    let view = View::new(cluster);
    let Prepared::Ready { evals, .. } = prepare(&profile, pod, view) else {
        panic!("it was turned away as a whole")
    };
    let mut table = Table::build(&evals, &view, None);
    table.count_failed(&evals, &view);
    assert_eq!(table.feasible(), 0, "it fits");
    let nominated = pod.nominated_node.as_deref().and_then(|name| cluster.find_node(name));
    let judged = Some((&evals, table.failed()));
    preempt(&Unplaced { pod, view, judged, nominated, start }, args)
}

/// The node and the victims, in order.
fn place(cluster: &Cluster, outcome: &Outcome) -> (String, Vec<String>) {
    let Outcome::Place { node, victims } = outcome else { return Default::default() };
    let name = |id| cluster.pod(id).expect("it is known").key.name.to_string();
    (cluster.node_name(*node).to_owned(), victims.iter().copied().map(name).collect())
}

fn found(cluster: &Cluster, pod: &Pod) -> (String, Vec<String>) {
    place(cluster, &ask(cluster, pod, DefaultPreemptionArgs::default(), 0).outcome)
}

#[test]
fn victims_on_a_node() {
    let rows: [(&str, i64, &[Bound<'_>], &[&str]); 4] = [
        (
            "a small one of low priority stays",
            LARGE,
            &[("1", "n", LOW, SMALL, None), ("2", "n", MID, LARGE, None)],
            &["2"],
        ),
        (
            "mixed priorities",
            LARGE,
            &[
                ("1", "n", MID, SMALL, None),
                ("2", "n", LOW, SMALL, None),
                ("3", "n", MID, MEDIUM, None),
                ("4", "n", HIGH, SMALL, None),
            ],
            &["3", "2"],
        ),
        (
            "of equal priorities the one that began later",
            LARGE,
            &[
                ("1", "n", LOW, SMALL, Some(5)),
                ("2", "n", LOW, SMALL, Some(4)),
                ("3", "n", MID, MEDIUM, Some(3)),
                ("4", "n", HIGH, SMALL, Some(2)),
            ],
            &["3", "1"],
        ),
        (
            "one that says nothing began last",
            SMALL,
            &[("1", "n", LOW, LARGE, None), ("2", "n", LOW, MEDIUM, Some(9))],
            &["1"],
        ),
    ];
    for (name, size, bound, want) in rows {
        let cluster = cluster(bound);
        assert_eq!(found(&cluster, &pod("p", HIGH, size)).1, want, "{name}");
    }
}

#[test]
fn disruption_budgets() {
    /// What the budget allows, which pods were let go before, the number of pods, the size, the victims.
    type Row<'a> = (i32, &'a [&'a str], usize, i64, &'a [&'a str]);
    let rows: [Row<'_>; 4] = [
        // The second one breaks it, so it is put back first.
        (1, &[], 2, SMALL, &["1"]),
        (0, &[], 2, MEDIUM, &["2"]),
        // The protected one is put back first: of two that are equal the unprotected one goes.
        (0, &["1"], 2, MEDIUM, &["1"]),
        (1, &["3"], 3, LARGE, &["1", "3"]),
    ];
    for (allowed, disrupted, count, size, want) in rows {
        let mut cluster = cluster(&[]);
        cluster.upsert_node(&node("n"), 0);
        for name in ["1", "2", "3"].into_iter().take(count) {
            let each = if count == 2 { MEDIUM + 50 } else { 150 };
            let mut pod = pod(name, MID, each);
            pod.labels = app("foo");
            pod.node_name = Some("n".into());
            cluster.add_pod(&pod, 0);
        }
        cluster.upsert_object(Object::PodDisruptionBudget(budget(allowed, disrupted)));
        let (_, victims) = found(&cluster, &pod("p", HIGH, size));
        assert_eq!(victims, want, "{allowed} {disrupted:?} {count}");
    }
}

#[test]
fn a_node_without_protected_victims_is_looked_for_beyond_the_limit() {
    let mut cluster = Cluster::new(1);
    for (at, label) in ["foo", "foo", "bar", "bar", "foo"].into_iter().enumerate() {
        let name = format!("n{at}");
        cluster.upsert_node(&node(&name), 0);
        let mut pod = pod(&format!("p{at}"), MID, LARGE);
        pod.labels = app(label);
        pod.node_name = Some(name.into());
        cluster.add_pod(&pod, 0);
    }
    cluster.upsert_object(Object::PodDisruptionBudget(budget(0, &[])));
    let args = DefaultPreemptionArgs {
        min_candidate_nodes_percentage: 40,
        min_candidate_nodes_absolute: 2,
    };
    for (start, want) in [(4, "n2"), (2, "n2"), (3, "n3")] {
        let preemption = ask(&cluster, &pod("p", HIGH, LARGE), args, start);
        assert_eq!(place(&cluster, &preemption.outcome).0, want, "from {start}");
    }
}

#[test]
fn equal_candidates_are_taken_from_where_the_search_begins() {
    let names: Vec<_> = (0..20).map(|at| (format!("p{at}"), format!("n{at}"))).collect();
    let bound = |(pod, node): &(String, String)| -> Bound<'static> {
        let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        (leak(pod), leak(node), LOW, LARGE, Some(1))
    };
    let cluster = cluster(&names.iter().map(bound).collect::<Vec<_>>());
    for start in [0, 7, 19, 27] {
        let pod = pod("p", HIGH, LARGE);
        let preemption = ask(&cluster, &pod, DefaultPreemptionArgs::default(), start);
        let want = format!("n{}", start % 20);
        assert_eq!(place(&cluster, &preemption.outcome).0, want);
    }
}

#[test]
fn among_few_equal_candidates_the_likeliest_is_taken() {
    // Five candidates in a ring; n0 and n1 are equal, the others are worse.
    let start = [None, Some(1)];
    // With a start, the first one that is looked at wins: n0, unless upstream begins right at n1.
    for (start, want) in start.into_iter().zip(["n1", "n0"]) {
        let bound: Vec<Bound<'_>> = vec![
            ("p0", "n0", LOW, LARGE, start),
            ("p1", "n1", LOW, LARGE, start),
            ("p2", "n2", MID, LARGE, start),
            ("p3", "n3", MID, LARGE, start),
            ("p4", "n4", MID, LARGE, start),
        ];
        let cluster = cluster(&bound);
        for from in 0..5 {
            let pod = pod("p", HIGH, LARGE);
            let preemption = ask(&cluster, &pod, DefaultPreemptionArgs::default(), from);
            assert_eq!(place(&cluster, &preemption.outcome).0, want, "{start:?} from {from}");
        }
    }
}

#[test]
fn who_may_evict() {
    const WAIT: &str = "preemption: not eligible due to a terminating pod on the nominated node.";
    // Nominated, the victim is being deleted, for a pod of higher priority, by us; what is said.
    let rows = [
        (true, true, true, false, WAIT),
        (true, false, false, true, WAIT),
        (true, true, false, false, "preemption: found a potential placement for pod on node n"),
        (true, false, true, false, "preemption: found a potential placement for pod on node n"),
        (false, true, true, false, "preemption: found a potential placement for pod on node n"),
    ];
    for (nominated, terminating, preempted, evicted, want) in rows {
        let mut cluster = Cluster::new(1);
        cluster.upsert_node(&node("n"), 0);
        let mut victim = pod("victim", LOW, LARGE);
        victim.node_name = Some("n".into());
        (victim.terminating, victim.preempted) = (terminating, preempted);
        let id = cluster.add_pod(&victim, 0);
        cluster.set_evicted(id, evicted);
        let mut pod = pod("p", HIGH, LARGE);
        pod.nominated_node = nominated.then(|| "n".into());
        let preemption = ask(&cluster, &pod, DefaultPreemptionArgs::default(), 0);
        let got = &preemption.message;
        assert!(got.starts_with(want), "{got}: {nominated} {terminating} {preempted} {evicted}");
        pod.never_preempts = true;
        let preemption = ask(&cluster, &pod, DefaultPreemptionArgs::default(), 0);
        assert_eq!(preemption.message, "preemption: not eligible due to preemptionPolicy=Never.");
        assert_eq!(preemption.outcome, Outcome::Ineligible);
    }
}

#[test]
fn what_is_said_where_nothing_helps() {
    let mut cluster = cluster(&[
        ("1", "n1", HIGH, LARGE, None),
        ("2", "n2", LOW, SMALL, None),
        ("3", "n2", HIGH, LARGE, None),
    ]);
    let mut cordoned = node("n3");
    cordoned.unschedulable = true;
    cluster.upsert_node(&cordoned, 0);
    let preemption = ask(&cluster, &pod("p", MID, LARGE), DefaultPreemptionArgs::default(), 1);
    assert_eq!(
        preemption.message,
        "preemption: 0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 No \
         preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
    );
    assert_eq!(preemption.outcome, Outcome::NoPlace);
}

#[test]
fn nominated_pods_keep_their_room() {
    // The nominated pod takes part of the room that the victim leaves.
    for (priority, want) in [(HIGH, vec!["1", "2"]), (MID, vec!["2"])] {
        let mut cluster =
            cluster(&[("1", "n", LOW, MEDIUM, Some(1)), ("2", "n", LOW, LARGE, Some(2))]);
        let mut nominated = pod("nominated", priority, MEDIUM);
        nominated.nominated_node = Some("n".into());
        cluster.add_pod(&nominated, 0);
        assert_eq!(found(&cluster, &pod("p", HIGH, LARGE)).1, want, "{priority}");
    }
}
