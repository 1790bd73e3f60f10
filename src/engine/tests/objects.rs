//! Objects that are kept by name: in the cluster, as events, and in the wait for the first lists.

use crate::engine::{Event, Kind};
use crate::model::{ObjectKey, ObjectKind, StorageClass};

use super::super::objects::resource;
use super::kit::{Kit, node, pod};

fn class(name: &str, provisioner: &str) -> Event {
    let (name, provisioner) = (name.into(), provisioner.into());
    let class = StorageClass { name, provisioner, ..StorageClass::default() };
    Event::ObjectUpsert(Box::new(class.into()))
}

#[test]
fn every_kind_is_waited_for() {
    for last in Kind::all() {
        let mut kit = Kit::unsynced();
        for kind in Kind::all().filter(|kind| *kind != last) {
            kit.step(Event::ListBegin(kind));
            kit.step(Event::ListEnd(kind));
        }
        kit.step(Event::ListBegin(last));
        if last != Kind::Node {
            kit.put_node(&node("n1").cpu(4000));
        }
        kit.put(pod("a"));
        assert!(!kit.engine.is_synced() && !kit.next.attempt, "{last:?}");
        kit.step(Event::ListEnd(last));
        assert!(kit.engine.is_synced() && kit.next.attempt, "{last:?}");
    }
}

#[test]
fn kinds_have_numbers_of_their_own() {
    let numbers: Vec<_> = Kind::all().map(Kind::index).collect();
    assert_eq!(numbers, (0..Kind::COUNT).collect::<Vec<_>>());
}

#[test]
fn objects_come_change_and_go_also_with_lists() {
    let mut kit = Kit::with_nodes([node("n1")]);
    let names = |kit: &Kit| {
        let all = kit.engine.cluster().objects().classes.iter();
        all.map(|class| format!("{} {}", class.name, class.provisioner)).collect::<Vec<_>>()
    };
    kit.step(class("b", "x"));
    kit.step(class("a", "x"));
    kit.step(class("b", "y"));
    assert_eq!(names(&kit), ["a x", "b y"]);
    let kind = ObjectKind::StorageClass;
    kit.step(Event::ListBegin(Kind::Object(kind)));
    kit.step(class("a", "x"));
    kit.step(Event::ListEnd(Kind::Object(kind)));
    assert_eq!(names(&kit), ["a x"]);
    kit.step(Event::ObjectDelete(ObjectKind::CsiDriver, key("a")));
    assert_eq!(names(&kit), ["a x"]);
    kit.step(Event::ObjectDelete(kind, key("a")));
    assert!(names(&kit).is_empty());
}

fn key(name: &str) -> ObjectKey {
    ObjectKey { name: name.into(), ..ObjectKey::default() }
}

#[test]
fn kinds_are_events_where_upstream_has_them() {
    let silent = ObjectKind::ALL.into_iter().filter(|kind| resource(*kind).is_none());
    let names: Vec<_> = silent.map(ObjectKind::name).collect();
    let want =
        ["Service", "ReplicationController", "ReplicaSet", "StatefulSet", "PodDisruptionBudget"];
    assert_eq!(names, want);
}
