//! PodTopologySpread.

use proptest::prelude::*;

use super::super::pod_topology_spread::INFO;
use super::{HOSTNAME, Pod, World, check, follows_pods, labels, pod_with, selector, steps};
use crate::model::{
    DefaultSpread, PluginArgs, Service, SpreadConstraint, Toleration, TolerationOperator,
    WhenUnsatisfiable,
};

fn kinds() -> Vec<Pod> {
    let mut kinds: Vec<Pod> = ["app=a", "app=b", "app=a tier=x", ""].map(pod_with).into();
    kinds.push(Pod { terminating: true, ..pod_with("app=a") });
    let mut elsewhere = pod_with("app=a");
    elsewhere.key.namespace = "other".into();
    kinds.push(elsewhere);
    kinds
}

fn hard(max_skew: i32, key: &str, selects: &str) -> SpreadConstraint {
    SpreadConstraint {
        max_skew,
        topology_key: key.into(),
        when_unsatisfiable: WhenUnsatisfiable::DoNotSchedule,
        selector: Some(selector(selects)),
        ..SpreadConstraint::default()
    }
}

fn soft(max_skew: i32, key: &str, selects: &str) -> SpreadConstraint {
    let when_unsatisfiable = WhenUnsatisfiable::ScheduleAnyway;
    SpreadConstraint { when_unsatisfiable, ..hard(max_skew, key, selects) }
}

/// Pods with constraints, and one without that gets those of the profile.
fn pods() -> Vec<Pod> {
    let min_domains = SpreadConstraint { min_domains: Some(3), ..hard(1, "zone", "app=a") };
    let honors = |constraint| SpreadConstraint {
        honors_node_affinity: true,
        honors_taints: true,
        ..constraint
    };
    let sets = [
        vec![],
        vec![hard(1, "zone", "app=a")],
        vec![hard(1, HOSTNAME, "app=a")],
        vec![hard(1, "zone", "app=a"), hard(2, HOSTNAME, "app=a")],
        vec![min_domains, hard(1, HOSTNAME, "tier=x")],
        vec![honors(hard(1, "zone", "app=a")), honors(hard(1, HOSTNAME, "app=a"))],
        vec![hard(1, "zone", "")],
        vec![soft(1, "zone", "app=a")],
        vec![soft(2, "zone", "app=a"), soft(1, HOSTNAME, "app=b")],
        vec![honors(hard(1, HOSTNAME, "app=a")), honors(soft(1, "zone", "app=a"))],
        vec![soft(1, "zone", "app=a"), soft(1, "disk", "tier=x"), hard(3, "zone", "app=b")],
    ];
    let with = |topology_spread| Pod { topology_spread, ..pod_with("app=a") };
    sets.map(with).into()
}

proptest! {
    #[test]
    fn follows(
        which in 0..pods().len(),
        selects_disk in any::<bool>(),
        tolerates in any::<bool>(),
        steps in steps(),
    ) {
        let mut pod = pods().swap_remove(which);
        if selects_disk {
            pod.node_selector = labels("disk=ssd");
        }
        if tolerates {
            let (key, value, operator) = ("a".into(), "".into(), TolerationOperator::Exists);
            pod.tolerations = [Toleration { key, operator, value, effect: None }].into();
        }
        let args = PluginArgs { default_spread: DefaultSpread::System, ..PluginArgs::default() };
        let plugin = (INFO.make)(&args).expect("the args fit");
        let mut world = World::new(kinds());
        let (namespace, name) = ("default".into(), "s".into());
        let service = Service { namespace, name, selector: labels("app=a") };
        world.cluster.upsert_object(service.into());
        check(&*plugin, &pod, world, &steps);
    }
}

#[test]
fn is_not_prepared_anew_for_pods() {
    let plugin = (INFO.make)(&PluginArgs::default()).expect("the args fit");
    for pod in pods().iter().skip(1) {
        assert_eq!(follows_pods(&*plugin, pod, &kinds()), [true; 6]);
    }
}
