//! [`Graph`]: who owns whom, and what follows from it. Pure.

use std::collections::{BTreeSet, VecDeque};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::ObjectMeta;

use crate::units::{Map, Set};

/// The UID of an object.
pub(super) type Uid = Box<str>;

/// Finalizers that the garbage collector takes away.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
pub(super) const ORPHAN: &str = "orphan";

/// UIDs remembered as those of objects that are gone, or there though nobody watches their kind.
const REMEMBERED_MAX: usize = 20_000;

/// An object, as far as it owns or is owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// Its kind, as a number in the list of kinds.
    pub(super) kind: usize,
    pub(super) namespace: Box<str>,
    pub(super) name: Box<str>,
    owners: Vec<Owner>,
    deleting: bool,
    foreground: bool,
    orphan: bool,
}

/// An owner that an object names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: Uid,
    pub(super) api_version: Box<str>,
    pub(super) kind: Box<str>,
    pub(super) name: Box<str>,
    blocks: bool,
}

/// What is to be done about an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    /// Look whether these owners are there, and look again.
    Verify(Vec<Owner>),
    /// Delete it with this propagation.
    Delete(&'static str),
    /// Take these owners out of its references.
    Unlink(Vec<Uid>),
    /// Look at its dependents.
    Dependents(Vec<Uid>),
    /// Take the reference to it out of these, then the finalizer out of it.
    Orphan(Vec<Uid>),
    /// Take this finalizer out of it.
    Finish(&'static str),
}

/// Who owns whom.
#[derive(Debug, Default)]
pub(super) struct Graph {
    objects: Map<Uid, Object>,
    dependents: Map<Uid, BTreeSet<Uid>>,
    /// What is known of objects that are not in it: whether they are there.
    outside: Map<Uid, bool>,
    outside_order: VecDeque<Uid>,
}

impl Object {
    pub(super) fn new(kind: usize, metadata: &ObjectMeta) -> Self {
        let has = |name: &str| metadata.finalizers.iter().flatten().any(|f| f == name);
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
        let owner = |reference: &OwnerReference| Owner {
            uid: reference.uid.as_str().into(),
            api_version: reference.api_version.as_str().into(),
            kind: reference.kind.as_str().into(),
            name: reference.name.as_str().into(),
            blocks: reference.block_owner_deletion == Some(true),
        };
        Self {
            kind,
            namespace: text(&metadata.namespace),
            name: text(&metadata.name),
            owners: metadata.owner_references.iter().flatten().map(owner).collect(),
            deleting: metadata.deletion_timestamp.is_some(),
            foreground: has(FOREGROUND),
            orphan: has(ORPHAN),
        }
    }

    fn waits_for_dependents(&self) -> bool {
        self.deleting && self.foreground
    }
}

impl Graph {
    pub(super) fn get(&self, uid: &str) -> Option<&Object> {
        self.objects.get(uid)
    }

    /// UIDs of all objects of a kind.
    pub(super) fn of_kind(&self, kind: usize) -> Set<Uid> {
        let of_kind = self.objects.iter().filter(|(_, object)| object.kind == kind);
        of_kind.map(|(uid, _)| uid.clone()).collect()
    }

    /// An object is there, or has changed. Returns whom to look at: itself, and owners that it does not
    /// name any more.
    pub(super) fn observe(&mut self, uid: &str, object: Object) -> Vec<Uid> {
        let before = self.objects.get(uid);
        if before == Some(&object) {
            return Vec::new();
        }
        let old: Vec<Uid> = before
            .map(|before| before.owners.iter().map(|owner| owner.uid.clone()).collect())
            .unwrap_or_default();
        for owner in &old {
            self.unlink(owner, uid);
        }
        let is_left = |owner: &Uid| !object.owners.iter().any(|still| still.uid == *owner);
        let mut concerned: Vec<Uid> = old.into_iter().filter(is_left).collect();
        concerned.push(uid.into());
        for owner in &object.owners {
            self.dependents.entry(owner.uid.clone()).or_default().insert(uid.into());
        }
        self.objects.insert(uid.into(), object);
        concerned
    }

    /// An object is gone. Returns whom to look at: its dependents, and owners that wait for it.
    pub(super) fn forget(&mut self, uid: &str) -> Vec<Uid> {
        let mut concerned: Vec<Uid> =
            self.dependents.get(uid).into_iter().flatten().cloned().collect();
        if let Some(object) = self.objects.remove(uid) {
            for owner in object.owners {
                self.unlink(&owner.uid, uid);
                concerned.push(owner.uid);
            }
        }
        // Only what somebody names as its owner is worth remembering.
        if self.dependents.contains_key(uid) {
            self.remember(uid, false);
        }
        concerned
    }

    /// Whether an object that is not in the graph is there.
    pub(super) fn remember(&mut self, uid: &str, is_there: bool) {
        if self.outside.insert(uid.into(), is_there).is_none() {
            self.outside_order.push_back(uid.into());
        }
        if self.outside.len() > REMEMBERED_MAX
            && let Some(oldest) = self.outside_order.pop_front()
        {
            self.outside.remove(&oldest);
        }
    }

    fn unlink(&mut self, owner: &str, uid: &str) {
        if let Some(dependents) = self.dependents.get_mut(owner) {
            dependents.remove(uid);
            if dependents.is_empty() {
                self.dependents.remove(owner);
            }
        }
    }

    /// What is to be done about an object.
    pub(super) fn look(&self, uid: &str) -> Step {
        let Some(object) = self.objects.get(uid) else { return Step::Nothing };
        if object.deleting {
            return self.look_at_deleted(uid, object);
        }
        let (mut solid, mut waiting, mut absent, mut unknown) = (0, vec![], vec![], vec![]);
        for owner in &object.owners {
            match (self.objects.get(&owner.uid), self.outside.get(&owner.uid)) {
                (Some(found), _) if found.waits_for_dependents() => waiting.push(owner.uid.clone()),
                (Some(_), _) | (None, Some(true)) => solid += 1,
                (None, Some(false)) => absent.push(owner.uid.clone()),
                (None, None) => unknown.push(owner.clone()),
            }
        }
        if !unknown.is_empty() {
            return Step::Verify(unknown);
        }
        if waiting.is_empty() && absent.is_empty() {
            return Step::Nothing;
        }
        if solid > 0 {
            absent.append(&mut waiting);
            return Step::Unlink(absent);
        }
        let in_the_foreground = !waiting.is_empty() && self.dependents.contains_key(uid);
        Step::Delete(match object {
            _ if in_the_foreground => "Foreground",
            Object { orphan: true, .. } => "Orphan",
            Object { foreground: true, .. } => "Foreground",
            _ => "Background",
        })
    }

    fn look_at_deleted(&self, uid: &str, object: &Object) -> Step {
        let dependents = || self.dependents.get(uid).into_iter().flatten();
        if object.orphan {
            let dependents: Vec<Uid> = dependents().cloned().collect();
            return if dependents.is_empty() {
                Step::Finish(ORPHAN)
            } else {
                Step::Orphan(dependents)
            };
        }
        if !object.foreground {
            return Step::Nothing;
        }
        let blocks = |dependent: &&Uid| {
            self.objects.get(&***dependent).is_some_and(|object| {
                object.owners.iter().any(|owner| *owner.uid == *uid && owner.blocks)
            })
        };
        if !dependents().any(|dependent| blocks(&dependent)) {
            return Step::Finish(FOREGROUND);
        }
        let is_left = |uid: &&Uid| self.objects.get(&***uid).is_some_and(|o| !o.deleting);
        Step::Dependents(dependents().filter(is_left).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(owners: &[(&str, bool)], finalizer: &str, deleting: bool) -> Object {
        let owner = |(uid, blocks): &(&str, bool)| -> Value {
            json!({
                "apiVersion": "v1", "kind": "K", "name": uid, "uid": uid,
                "blockOwnerDeletion": blocks,
            })
        };
        let finalizers = if finalizer.is_empty() { json!([]) } else { json!([finalizer]) };
        let owners: Vec<Value> = owners.iter().map(owner).collect();
        let metadata = json!({
            "name": "a", "ownerReferences": owners, "finalizers": finalizers,
            "deletionTimestamp": deleting.then_some("2026-01-01T00:00:00Z"),
        });
        Object::new(0, &serde_json::from_value(metadata).unwrap())
    }

    fn uids(all: &[&str]) -> Vec<Uid> {
        all.iter().map(|uid| (*uid).into()).collect()
    }

    #[test]
    fn what_an_owner_leaves_is_deleted() {
        let mut graph = Graph::default();
        graph.observe("owner", object(&[], "", false));
        graph.observe("child", object(&[("owner", true)], "", false));
        assert_eq!(graph.look("child"), Step::Nothing);
        assert_eq!(graph.forget("owner"), uids(&["child"]));
        assert_eq!(graph.look("child"), Step::Delete("Background"));
        assert_eq!(graph.forget("child"), uids(&["owner"]));
        assert!(graph.dependents.is_empty());
    }

    #[test]
    fn an_owner_that_was_never_seen_is_looked_for() {
        let mut graph = Graph::default();
        graph.observe("child", object(&[("owner", true)], "", false));
        assert!(matches!(graph.look("child"), Step::Verify(owners) if &*owners[0].uid == "owner"));
        graph.remember("owner", true);
        assert_eq!(graph.look("child"), Step::Nothing);
        graph.remember("owner", false);
        assert_eq!(graph.look("child"), Step::Delete("Background"));
    }

    #[test]
    fn one_of_two_owners_is_enough() {
        let mut graph = Graph::default();
        graph.observe("a", object(&[], "", false));
        graph.observe("b", object(&[], "", false));
        graph.observe("child", object(&[("a", true), ("b", true)], "", false));
        graph.forget("a");
        assert_eq!(graph.look("child"), Step::Unlink(uids(&["a"])));
    }

    #[test]
    fn in_the_foreground_dependents_go_first() {
        let mut graph = Graph::default();
        graph.observe("owner", object(&[], FOREGROUND, true));
        graph.observe("child", object(&[("owner", true)], "", false));
        graph.observe("grandchild", object(&[("child", true)], "", false));
        assert_eq!(graph.look("owner"), Step::Dependents(uids(&["child"])));
        assert_eq!(graph.look("child"), Step::Delete("Foreground"));
        graph.observe("child", object(&[("owner", true)], FOREGROUND, true));
        assert_eq!(graph.look("owner"), Step::Dependents(vec![]));
        assert_eq!(graph.look("grandchild"), Step::Delete("Background"));
        assert_eq!(graph.forget("grandchild"), uids(&["child"]));
        assert_eq!(graph.look("child"), Step::Finish(FOREGROUND));
        assert_eq!(graph.forget("child"), uids(&["owner"]));
        assert_eq!(graph.look("owner"), Step::Finish(FOREGROUND));
    }

    #[test]
    fn dependents_that_do_not_block_are_not_waited_for() {
        let mut graph = Graph::default();
        graph.observe("owner", object(&[], FOREGROUND, true));
        graph.observe("child", object(&[("owner", false)], "", false));
        assert_eq!(graph.look("owner"), Step::Finish(FOREGROUND));
    }

    #[test]
    fn orphans_lose_their_reference_first() {
        let mut graph = Graph::default();
        graph.observe("owner", object(&[], ORPHAN, true));
        graph.observe("child", object(&[("owner", true)], "", false));
        assert_eq!(graph.look("owner"), Step::Orphan(uids(&["child"])));
        let concerned = graph.observe("child", object(&[], "", false));
        assert_eq!(concerned, uids(&["owner", "child"]));
        assert_eq!(graph.look("owner"), Step::Finish(ORPHAN));
    }
}
