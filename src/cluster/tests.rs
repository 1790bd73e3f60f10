//! The cluster by itself: what changes, what is interned, what is forgotten.

use super::*;
use crate::model::{Effect, Image, Labels, Node, Pod, PodKey};

fn node(name: &str, milli_cpu: i64) -> Node {
    let mut node = Node { name: name.into(), allocatable_pods: 10, ..Node::default() };
    node.allocatable.milli_cpu = milli_cpu;
    node
}

fn pod(name: &str, on: &str, milli_cpu: i64) -> Pod {
    let key = PodKey { namespace: "default".into(), name: name.into() };
    let mut pod = Pod { key, node_name: Some(on.into()), ..Pod::default() };
    pod.requests.usage.milli_cpu = milli_cpu;
    pod
}

#[test]
fn what_is_different_of_a_node() {
    let mut cluster = Cluster::new(0);
    let change = cluster.upsert_node(&node("a", 1), 0);
    assert!(change.added);
    assert_eq!(cluster.upsert_node(&node("a", 1), 0), NodeChange::default(), "a heartbeat");
    let mut other = node("a", 2);
    let change = cluster.upsert_node(&other, 0);
    assert_eq!(change, NodeChange { allocatable: true, ..NodeChange::default() });
    other.allocatable.scalars = vec![("example.com/gpu".into(), 1)];
    assert!(cluster.upsert_node(&other, 0).allocatable);
    assert!(!cluster.upsert_node(&other, 0).allocatable);
    other.labels = Labels::from_iter([("a", "b")]);
    let change = cluster.upsert_node(&other, 0);
    assert_eq!(change, NodeChange { labels: true, ..NodeChange::default() });
    other.unschedulable = true;
    assert_eq!(cluster.upsert_node(&other, 0), NodeChange::default(), "cordoning helps nobody");
    other.unschedulable = false;
    let change = cluster.upsert_node(&other, 0);
    assert_eq!(change, NodeChange { taints: true, ..NodeChange::default() });
    let taint = Taint { key: "k".into(), value: "".into(), effect: Effect::NoSchedule };
    other.taints.push(taint);
    assert!(cluster.upsert_node(&other, 0).taints);
    cluster.sanity_check();
}

#[test]
fn an_image_is_known_with_its_first_size_for_as_long_as_a_node_has_it() {
    let mut cluster = Cluster::new(0);
    let with = |name: &str, size_bytes: i64, twice: bool| {
        let mut node = node(name, 1);
        let names = if twice { vec!["x:1".into(), "x:1".into()] } else { vec!["x:1".into()] };
        node.images.push(Image { names, size_bytes });
        node
    };
    let seen = |cluster: &Cluster| cluster.image("x:1").map(|i| (i.size_bytes, i.nodes));
    cluster.upsert_node(&with("a", 10, true), 0);
    cluster.upsert_node(&with("b", 20, false), 0);
    assert_eq!(seen(&cluster), Some((10, 2)));
    cluster.upsert_node(&node("a", 1), 0);
    assert_eq!(seen(&cluster), Some((10, 1)));
    cluster.delete_node("b");
    assert_eq!(seen(&cluster), None);
    cluster.upsert_node(&with("a", 30, true), 0);
    assert_eq!(seen(&cluster), Some((30, 1)));
    cluster.upsert_node(&with("a", 40, true), 0);
    assert_eq!(seen(&cluster), Some((40, 1)), "its only owner says another size");
    cluster.upsert_node(&node("a", 1), 0);
    assert_eq!(seen(&cluster), None);
}

#[test]
fn pods_outlive_their_node_and_keep_its_place() {
    let mut cluster = Cluster::new(0);
    let first = cluster.add_pod(&pod("early", "a", 5), 0);
    assert_eq!((cluster.node_count(), cluster.find_node("a")), (0, None));
    cluster.upsert_node(&node("a", 10), 0);
    let a = cluster.find_node("a").unwrap();
    assert_eq!(View::new(&cluster).row(a).requested_milli_cpu, 5);
    cluster.delete_node("a");
    cluster.sanity_check();
    cluster.upsert_node(&node("b", 10), 0);
    assert_ne!(cluster.find_node("b"), Some(a), "its place is still taken");
    cluster.remove_pod(first);
    cluster.sanity_check();
    cluster.upsert_node(&node("c", 10), 0);
    assert_eq!(cluster.find_node("c"), Some(a), "now it is free");
    cluster.sanity_check();
}

#[test]
fn an_overlay_changes_one_node_in_thought_only() {
    let mut cluster = Cluster::new(0);
    cluster.upsert_node(&node("a", 10), 0);
    cluster.upsert_node(&node("b", 10), 0);
    let pods = [cluster.add_pod(&pod("x", "a", 3), 0), cluster.add_pod(&pod("y", "a", 4), 0)];
    let (a, b) = (cluster.find_node("a").unwrap(), cluster.find_node("b").unwrap());
    let overlay = Overlay::without(&cluster, a, [pods[0]]);
    let view = View::new(&cluster);
    let thought = view.with(&overlay);
    assert_eq!((thought.row(a).requested_milli_cpu, thought.row(a).pods), (4, 1));
    assert_eq!(thought.row(b), view.row(b));
    assert_eq!(view.row(a).requested_milli_cpu, 7);
}

#[test]
fn the_lowest_priority_follows_the_pods() {
    let mut cluster = Cluster::new(0);
    cluster.upsert_node(&node("a", 10), 0);
    let with = |name: &str, priority: i32| Pod { priority, ..pod(name, "a", 1) };
    let low = cluster.add_pod(&with("low", -5), 0);
    let high = cluster.add_pod(&with("high", 7), 0);
    let a = cluster.find_node("a").unwrap();
    let lowest = |cluster: &Cluster| View::new(cluster).row(a).lowest_priority;
    assert_eq!(lowest(&cluster), -5);
    cluster.remove_pod(low);
    assert_eq!(lowest(&cluster), 7);
    cluster.update_pod(high, &with("high", 3), 0);
    assert_eq!(lowest(&cluster), 3);
    cluster.remove_pod(high);
    assert_eq!(lowest(&cluster), i32::MAX);
}
