//! Random changes and lists: a store equals one that is built from scratch.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::model::{CsiStorageCapacity, Object, ObjectKey, ObjectKind, VolumeAttachment};
use crate::units::Quantity;

use super::super::Cluster;
use super::{ObjectChange, Objects};

const KIND: ObjectKind = ObjectKind::CsiStorageCapacity;

#[derive(Clone, Debug)]
enum Step {
    Upsert {
        which: u8,
        class: u8,
        bytes: i64,
    },
    Delete(u8),
    /// What a list names of what is there, by bits; it may break off before its end.
    List {
        named: u16,
        ends: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..12, 0u8..3, 0i64..3).prop_map(
            |(which, class, bytes)| Step::Upsert { which, class, bytes }
        ),
        2 => (0u8..12).prop_map(Step::Delete),
        1 => (any::<u16>(), any::<bool>()).prop_map(|(named, ends)| Step::List { named, ends }),
    ]
}

fn key(which: u8) -> ObjectKey {
    let namespace = format!("ns{}", which % 3).into();
    ObjectKey { namespace, name: format!("c{}", which / 3).into() }
}

fn capacity(which: u8, class: u8, bytes: i64) -> CsiStorageCapacity {
    let ObjectKey { namespace, name } = key(which);
    let (class, capacity) = (format!("class{class}").into(), Some(Quantity::from_units(bytes)));
    CsiStorageCapacity { namespace, name, class, capacity, ..CsiStorageCapacity::default() }
}

/// Everything that can be read of the store.
fn read(objects: &Objects) -> Vec<Vec<CsiStorageCapacity>> {
    let mut all = vec![objects.capacities.iter().cloned().collect::<Vec<_>>()];
    for i in 0..3 {
        all.push(objects.capacities.in_namespace(&format!("ns{i}")).cloned().collect());
        all.push(objects.capacities_of_class(&format!("class{i}")).cloned().collect());
    }
    for which in 0..12 {
        let ObjectKey { namespace, name } = key(which);
        all.push(objects.capacities.get(&namespace, &name).cloned().into_iter().collect());
    }
    all
}

fn apply(
    cluster: &mut Cluster,
    truth: &mut BTreeMap<ObjectKey, CsiStorageCapacity>,
    step: &Step,
) -> bool {
    let before = truth.clone();
    match step {
        Step::Upsert { which, class, bytes } => {
            let object = capacity(*which, *class, *bytes);
            let change = cluster.upsert_object(object.clone().into());
            let want = match truth.insert(key(*which), object.clone()) {
                None => Some(ObjectChange::Added),
                Some(old) => (old != object).then_some(ObjectChange::Updated(old.into())),
            };
            assert_eq!(change, want);
        }
        Step::Delete(which) => {
            let was_there = truth.remove(&key(*which)).map(Object::from);
            assert_eq!(cluster.delete_object(KIND, &key(*which)), was_there);
        }
        Step::List { named, ends } => {
            let names = |which: u8| named & (1 << which) != 0;
            cluster.begin_object_list(KIND);
            for which in (0..12).filter(|which| names(*which)) {
                if let Some(object) = truth.get(&key(which)) {
                    assert_eq!(cluster.upsert_object(object.clone().into()), None);
                }
            }
            if *ends {
                let unnamed =
                    before.keys().filter(|at| !(0..12).any(|n| names(n) && key(n) == **at));
                let gone: Vec<_> = unnamed.filter_map(|key| truth.remove(key)).collect();
                let gone: Vec<_> = gone.into_iter().map(Object::from).collect();
                assert_eq!(cluster.end_object_list(KIND), gone);
            }
        }
    }
    before != *truth
}

proptest! {
    #[test]
    fn a_store_equals_one_from_scratch(steps in prop::collection::vec(step(), 0..80)) {
        let (mut cluster, mut truth) = (Cluster::new(0), BTreeMap::new());
        for step in &steps {
            let epoch = cluster.objects().epoch(KIND);
            let changed = apply(&mut cluster, &mut truth, step);
            assert_eq!(cluster.objects().epoch(KIND) != epoch, changed);
        }
        let mut scratch = Cluster::new(0);
        for object in truth.values() {
            scratch.upsert_object(object.clone().into());
        }
        assert_eq!(read(cluster.objects()), read(scratch.objects()));
        assert_eq!(read(cluster.objects())[0], truth.values().cloned().collect::<Vec<_>>());
        assert_eq!(cluster.objects().capacities.len(), truth.len());
        assert_eq!(cluster.objects().capacities.is_empty(), truth.is_empty());
    }
}

#[test]
fn objects_are_found_by_their_group_and_kinds_are_apart() {
    let mut cluster = Cluster::new(0);
    let attachment = |name: &str, node: &str| {
        let (name, node_name) = (name.into(), node.into());
        Object::from(VolumeAttachment { name, node_name, ..VolumeAttachment::default() })
    };
    for (name, node) in [("b", "n1"), ("a", "n1"), ("c", "n2")] {
        cluster.upsert_object(attachment(name, node));
    }
    let on = |cluster: &Cluster, node| {
        let all = cluster.objects().attachments_to(node);
        all.map(|attachment| attachment.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(on(&cluster, "n1"), ["a", "b"]);
    let updated = Some(ObjectChange::Updated(attachment("a", "n1")));
    assert_eq!(cluster.upsert_object(attachment("a", "n2")), updated);
    assert_eq!((on(&cluster, "n1").len(), on(&cluster, "n2")), (1, vec!["a".into(), "c".into()]));
    assert!(cluster.objects().attachments.named("a").is_some());
    for kind in ObjectKind::ALL {
        let epochs = u64::from(kind == ObjectKind::VolumeAttachment) * 4;
        assert_eq!(cluster.objects().epoch(kind), epochs, "{kind:?}");
    }
    let key = ObjectKey { name: "a".into(), ..ObjectKey::default() };
    assert_eq!(cluster.delete_object(ObjectKind::CsiNode, &key), None);
    let gone = cluster.delete_object(ObjectKind::VolumeAttachment, &key);
    assert_eq!(gone, Some(attachment("a", "n2")));
}
