//! Kept tables of pods with claims: which pods share one, and what is judged again.

use std::collections::BTreeSet;

use crate::model::PersistentVolume;

use super::kit::Kit;
use super::tables_volumes::{
    EPHEMERAL, Happening, OWN, SHARED, World, claim, said, templated, test_node, volume,
};

/// Traits of a claim that is bound, and of one that waits for a volume to be made.
const BOUND: u8 = 0b1000;
/// See [`BOUND`].
const UNBOUND: u8 = 0b0001;
/// Traits of a volume of a CSI driver.
const CSI: u8 = 0b1000_0000;
/// Traits of a disk of a plugin that is called by a URL.
const URL: u8 = 0b0010_0000;
/// As [`URL`], with letters in it that have to be decoded.
const ODD_URL: u8 = 0b0010_0100;

/// A world with so many nodes and a claim, `c0`, that is bound to a volume with these traits.
fn with_a_bound_claim(nodes: u8, traits: u8) -> World {
    let mut world = World::new(Kit::unsynced());
    for which in 0..nodes {
        world.kit.put_node(&test_node(which, 3002));
    }
    world.object(volume(0, traits));
    world.object(claim(0, BOUND));
    world
}

fn node_of(world: &mut World, name: &str, template: u8) -> Option<Box<str>> {
    world.put(templated(name, template));
    world.attempt(false);
    world.pods[name].node_name.clone()
}

#[test]
fn pods_that_share_a_claim_find_a_table_until_it_changes() {
    let mut world = with_a_bound_claim(6, 0);
    for at in 0..5 {
        assert!(node_of(&mut world, &format!("a{at}"), SHARED).is_some());
    }
    let tables = &world.kit.engine.tables;
    assert_eq!((tables.found(), tables.built()), (3, 1));
    world.object(volume(0, 0b10));
    for at in 0..2 {
        assert_eq!(world.kit.engine.tables.built(), 1, "what is said of it is new");
        assert_eq!(node_of(&mut world, &format!("b{at}"), SHARED), None, "no node is in its zone");
    }
    assert_eq!(world.kit.engine.tables.built(), 2);
}

#[test]
fn what_is_said_of_a_nodes_volumes_changes_that_node_only() {
    let mut world = with_a_bound_claim(60, CSI);
    let mut used: BTreeSet<Box<str>> = BTreeSet::new();
    for at in 0..3 {
        used.extend(node_of(&mut world, &format!("a{at}"), SHARED));
    }
    for at in 0..20 {
        world.object(said(&Happening::CsiNode { node: at, max: 0 }));
        let on = node_of(&mut world, &format!("b{at}"), SHARED).expect("most nodes take volumes");
        let takes_none = (0..=at).any(|full| *on == *format!("n{full}"));
        assert!(!takes_none || used.contains(&on), "{on} takes no volume that it has not");
        used.insert(on);
    }
    assert_eq!(world.kit.engine.tables.built(), 1);
}

/// What the tables say after so many pods of a template whose claims have these traits: found, built.
fn of_own_claims(
    world: &mut World,
    count: u8,
    template: u8,
    traits: impl Fn(u8) -> u8,
) -> (u64, u64) {
    let tables = &world.kit.engine.tables;
    let before = (tables.found(), tables.built());
    for at in 0..count {
        let name = format!("own{at}");
        world.put_with_claim(&name, template, traits(at));
        world.attempt(false);
        assert!(world.pods[&name].node_name.is_some(), "{name}");
    }
    let tables = &world.kit.engine.tables;
    (tables.found() - before.0, tables.built() - before.1)
}

#[test]
fn pods_whose_claims_wait_share_a_table() {
    for template in [OWN, EPHEMERAL] {
        let mut world = with_a_bound_claim(20, CSI);
        assert_eq!(of_own_claims(&mut world, 12, template, |_| UNBOUND), (10, 1));
    }
}

#[test]
fn pods_whose_claims_are_bound_share_a_table() {
    // Disks of a plugin, and what the CSI driver in its place calls them: as they are called, the end of a URL, and
    // one that has to be decoded, which is not seen to be nowhere yet.
    let kinds = [(CSI, (10, 1)), (0b0100_0000, (10, 1)), (URL, (10, 1)), (ODD_URL, (6, 3))];
    for (kind, found_and_built) in kinds {
        let mut world = with_a_bound_claim(20, kind);
        for which in 1..4 {
            world.object(volume(which, kind));
        }
        // Four claims a volume, and four volumes of three handles: what others have counts no more.
        let traits = |at: u8| BOUND | (at % 4) << 4 & 0b0011_0000;
        let tables = of_own_claims(&mut world, 12, OWN, traits);
        assert_eq!(tables, found_and_built, "{kind:b}");
    }
}

#[test]
fn a_disk_of_a_plugin_may_be_the_volume_of_a_driver() {
    for kind in [0b0100_0000, URL, ODD_URL] {
        let mut world = with_a_bound_claim(2, kind);
        for node in 0..2 {
            world.object(said(&Happening::CsiNode { node, max: 1 }));
        }
        world.object(volume(1, 0b0110_0000));
        // It has the handle of the volume 0.
        world.object(volume(3, 0b0110_0000));
        let on = |world: &mut World, name: &str, which: u8| {
            world.put_with_claim(name, OWN, BOUND | which << 4);
            world.attempt(false);
            world.pods[name].node_name.clone()
        };
        let on_disk = on(&mut world, "disk", 0).expect("no node has a volume");
        let other = on(&mut world, "other", 1).expect("one has none");
        assert_ne!(on_disk, other);
        for (name, which, node) in
            [("same", 3, &on_disk), ("too", 1, &other), ("disk-2", 0, &on_disk)]
        {
            assert_eq!(on(&mut world, name, which).as_ref(), Some(node), "{name} {kind:b}");
        }
    }
}

#[test]
fn each_zone_of_bound_claims_has_a_table() {
    let mut world = with_a_bound_claim(20, CSI);
    for which in 0..3 {
        let mut in_zone = volume(which, CSI);
        let zone = format!("z{which}");
        in_zone.labels = [("topology.kubernetes.io/zone", &*zone)].into_iter().collect();
        world.object(in_zone);
        for node in 0..4 {
            world.kit.put_node(&test_node(which * 4 + node, 3000 + u16::from(which)));
        }
    }
    let traits = |at: u8| BOUND | (at % 3) << 4;
    assert_eq!(of_own_claims(&mut world, 12, OWN, traits), (6, 3));
}

#[test]
fn volumes_that_nobody_has_are_looked_for_each_time() {
    let mut world = with_a_bound_claim(20, CSI);
    world.object(PersistentVolume { name: "free".into(), ..volume(1, UNBOUND | 0b1_1000) });
    assert_eq!(of_own_claims(&mut world, 4, OWN, |_| UNBOUND), (0, 0));
}

#[test]
fn a_disk_in_a_pod_may_be_the_volume_of_a_claim() {
    let mut world = with_a_bound_claim(2, CSI);
    for which in 0..2 {
        world.object(said(&Happening::CsiNode { node: which, max: 1 }));
        // The driver that takes the place of the plugin of the disk of template 2, which is called `vol-0`.
        world.object(volume(which, 0b0110_0000));
    }
    let on_disk = node_of(&mut world, "disk", 2).expect("no node has a volume");
    let first = |_| BOUND | 1 << 4;
    assert_eq!(of_own_claims(&mut world, 2, OWN, first), (0, 1));
    world.put_with_claim("same", OWN, BOUND);
    world.attempt(false);
    let on = world.pods["same"].node_name.clone();
    assert_eq!(on, Some(on_disk), "the disk is there, and the other node takes no more");
}
