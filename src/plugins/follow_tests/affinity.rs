//! InterPodAffinity.

use proptest::prelude::*;

use super::super::inter_pod_affinity::INFO;
use super::{HOSTNAME, Pod, World, check, follows_pods, pod_with, steps, term};
use crate::model::{AffinityTerm, PluginArgs, PodAffinity, WeightedTerm};

fn weighted(weight: i32, topology_key: &str, selects: &str) -> WeightedTerm {
    WeightedTerm { weight, term: term(topology_key, selects) }
}

/// What pods want of each other.
fn affinities() -> Vec<PodAffinity> {
    let everywhere = AffinityTerm {
        namespaces: vec!["default".into(), "other".into()],
        ..term("zone", "app=a")
    };
    let none = PodAffinity::default;
    vec![
        PodAffinity { required: vec![term("zone", "app=a")], ..none() },
        PodAffinity { required: vec![term("zone", "app=a"), term(HOSTNAME, "app=a")], ..none() },
        PodAffinity { anti_required: vec![term(HOSTNAME, "app=a")], ..none() },
        PodAffinity { anti_required: vec![everywhere], ..none() },
        PodAffinity {
            anti_required: vec![term(HOSTNAME, "app=b")],
            preferred: vec![weighted(10, "zone", "app=a")],
            ..none()
        },
        PodAffinity {
            preferred: vec![weighted(7, HOSTNAME, "app=a"), weighted(3, "zone", "app=b")],
            anti_preferred: vec![weighted(5, "zone", "app=a"), weighted(5, "disk", "tier=x")],
            ..none()
        },
    ]
}

/// Pods of two apps, in two namespaces, with and without wishes.
fn pods() -> Vec<Pod> {
    let mut pods: Vec<Pod> = ["app=a", "app=b", "app=b tier=x"].map(pod_with).into();
    let mut elsewhere = pod_with("app=a");
    elsewhere.key.namespace = "other".into();
    pods.push(elsewhere);
    for affinity in affinities() {
        for app in ["app=a", "app=b"] {
            pods.push(Pod { pod_affinity: Some(Box::new(affinity.clone())), ..pod_with(app) });
        }
    }
    pods
}

proptest! {
    #[test]
    fn follows(
        which in 0..pods().len(),
        others in prop::collection::vec(0..pods().len(), 1..5),
        steps in steps(),
    ) {
        let plugin = (INFO.make)(&PluginArgs::default()).expect("the args fit");
        let all = pods();
        let kinds = others.iter().map(|at| all[*at].clone()).collect();
        check(&*plugin, &all[which], World::new(kinds), &steps);
    }
}

#[test]
fn is_prepared_anew_only_where_it_has_more_to_say() {
    let plugin = (INFO.make)(&PluginArgs::default()).expect("the args fit");
    let with = |text, affinity: PodAffinity| Pod {
        pod_affinity: Some(Box::new(affinity)),
        ..pod_with(text)
    };
    let [near, _, far, _, _, likes] = &affinities()[..] else { panic!("there are six") };
    let lonely = with("app=a", far.clone());
    let rows = [
        // The first class with affinity ends that the plugin is skipped, and is none of its business.
        (
            "app=c",
            None,
            vec![lonely.clone(), lonely.clone(), pod_with("app=c")],
            [false, true, true],
        ),
        // The first one that keeps it away.
        (
            "app=a",
            None,
            vec![lonely.clone(), lonely.clone(), pod_with("app=a")],
            [false, true, true],
        ),
        (
            "app=a",
            Some(far),
            vec![lonely.clone(), lonely.clone(), pod_with("app=a")],
            [false, true, true],
        ),
        ("app=a", Some(near), vec![pod_with("app=a"); 3], [true; 3]),
        // The first one that it likes.
        ("app=a", Some(likes), vec![pod_with("app=a"); 3], [false, true, true]),
    ];
    for (text, affinity, kinds, want) in rows {
        let pod = affinity.map_or_else(|| pod_with(text), |own| with(text, own.clone()));
        assert_eq!(follows_pods(&*plugin, &pod, &kinds), want, "{text} {affinity:?}");
    }
}
