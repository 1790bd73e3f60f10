//! What pods without constraints get: from services, controllers, and the args of the profile.

use crate::model::{Object, Owner, ReplicaSet, ReplicationController, Service, StatefulSet};

use super::*;

const HOSTS: &str = "a kubernetes.io/hostname=a; b kubernetes.io/hostname=b";
const NONE: [i64; 0] = [];

fn service(namespace: &str, selects: &str) -> Object {
    let (namespace, name) = (namespace.into(), format!("s-{selects}").into());
    Service { namespace, name, selector: labels(selects) }.into()
}

fn owner(api_version: &str, kind: &str) -> Owner {
    let (api_version, kind) = (api_version.into(), kind.into());
    Owner { api_version, kind, name: "o".into(), uid: "u".into() }
}

fn controllers() -> [Object; 3] {
    let (namespace, name): (Box<str>, Box<str>) = ("default".into(), "o".into());
    let rs =
        ReplicaSet { namespace: namespace.clone(), name: name.clone(), selector: selector("foo") };
    let ss =
        StatefulSet { namespace: namespace.clone(), name: name.clone(), selector: selector("foo") };
    let rc = ReplicationController { namespace, name, selector: labels("foo") };
    [rs.into(), ss.into(), rc.into()]
}

/// The scores of a pod with the label foo; a has one such pod, b has one with the label bar.
fn scored(objects: impl IntoIterator<Item = Object>, owner: Option<Owner>) -> Vec<i64> {
    let mut cluster = cluster(HOSTS, "a:foo b:bar");
    for object in objects {
        cluster.upsert_object(object);
    }
    let pod = Pod { owner, ..pod("foo", vec![]) };
    scores(DefaultSpread::default(), &pod, &cluster, "ab").unwrap_or_default()
}

#[test]
fn whose_pods_belong_together() {
    let spread = vec![66, 100];
    assert_eq!(scored([], None), NONE, "nothing selects the pod");
    assert_eq!(scored([service("default", "foo")], None), spread);
    assert_eq!(scored([service("other", "foo")], None), NONE, "another namespace");
    assert_eq!(scored([service("default", "bar")], None), NONE, "it selects other pods");
    assert_eq!(scored([service("default", "")], None), NONE, "it selects nothing");
    for (version, kind) in
        [("v1", "ReplicationController"), ("apps/v1", "ReplicaSet"), ("apps/v1", "StatefulSet")]
    {
        assert_eq!(scored(controllers(), Some(owner(version, kind))), spread, "{kind}");
        assert_eq!(scored([], Some(owner(version, kind))), NONE, "{kind} that is not there");
    }
    for (version, kind) in [
        ("apps/v1", "Deployment"),
        ("apps/v1beta1", "ReplicaSet"),
        ("apps/v1", "ReplicationController"),
    ] {
        assert_eq!(scored(controllers(), Some(owner(version, kind))), NONE, "{version} {kind}");
    }
}

#[test]
fn all_that_select_a_pod_select_together() {
    let mut objects = cluster(HOSTS, "a:foo b:foo,bar");
    for object in controllers().into_iter().chain([service("default", "bar")]) {
        objects.upsert_object(object);
    }
    let owner = Some(owner("apps/v1", "ReplicaSet"));
    let pod = Pod { owner, ..pod("foo,bar", vec![]) };
    let got = scores(DefaultSpread::default(), &pod, &objects, "ab");
    assert_eq!(got, Some(vec![100, 66]), "only b has a pod with both labels");
}

#[test]
fn nodes_without_a_zone() {
    let four = "a kubernetes.io/hostname=a; b kubernetes.io/hostname=b; \
                c kubernetes.io/hostname=c; d kubernetes.io/hostname=d";
    let falling = "a:foo a:foo a:foo a:foo b:foo b:foo b:foo c:foo c:foo d:foo";
    let mut cluster = cluster(four, falling);
    cluster.upsert_object(service("default", "foo"));
    let got = scores(DefaultSpread::default(), &pod("foo", vec![]), &cluster, "abcd");
    let name = "system defaulting, nodes don't have zone, pods match service";
    assert_eq!(got, Some(vec![44, 66, 77, 100]), "{name}");
}

#[test]
fn an_empty_zone_is_one_with_no_zone() {
    let zone = "topology.kubernetes.io/zone";
    let nodes = format!("a {zone}=; b {zone}=1; c other=1");
    let mut cluster = cluster(&nodes, "c:foo c:foo");
    cluster.upsert_object(service("default", "foo"));
    let args = DefaultSpread::default();
    let got = scores(args, &pod("foo", vec![]), &cluster, "abc");
    // a: round(2 ln 4 + 4) = 7; b: 4; c has no zone and no host: 0.
    assert_eq!(got, Some(vec![0, 42, 100]));
}

#[test]
fn constraints_of_the_profile() {
    let list = DefaultSpread::List;
    let mut objects = cluster(GRID, "a:foo a:foo b:foo y:foo y:foo y:foo");
    objects.upsert_object(service("default", "foo"));
    let pod = pod("foo", vec![]);
    let of = |args| scores(args, &pod, &objects, "abxy");
    assert_eq!(of(list(vec![])), None, "an empty list");
    let node = || soft(1, "node", "-");
    assert_eq!(of(list(vec![node()])), Some(vec![20, 60, 100, 0]));
    let own = Pod { topology_spread: vec![hard(9, "node", "foo")], ..pod.clone() };
    assert_eq!(scores(list(vec![node()]), &own, &objects, "abxy"), None, "it has its own");
    let rack = || soft(1, "rack", "-");
    assert_eq!(of(list(vec![node(), rack()])), Some(vec![0; 4]), "no node has all labels");

    let profile = profile(list(vec![hard(1, "node", "-")]));
    let view = View::new(&objects);
    let Prepared::Ready { evals, .. } = prepare(&profile, &pod, view) else {
        panic!("the pod as a whole was rejected")
    };
    let pass = |node| evals.filter_one(&view, node).is_pass();
    let got: Vec<_> = by_name(&objects).into_iter().map(pass).collect();
    assert_eq!(got, [false, false, true, false], "hard by default");
}
