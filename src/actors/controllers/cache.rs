//! [`Cache`]: what the watches and the controllers' own writes have shown of the cluster. Pure.
//!
//! The answer to a write goes in as soon as it is there, so a controller never looks at a state from
//! before its own last step. That does what upstream's expectations do.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::DynamicObject;
use serde_json::Value;

use crate::model::{LabelOperator, LabelRequirement, LabelSelector};
use crate::units::Map;

use super::kind::{Key, Kind};
use super::pod::{self, Owner, Pod};

/// Objects by kind.
#[derive(Debug, Default)]
pub(super) struct Cache {
    pods: BTreeMap<Key, Entry<Pod>>,
    objects: [BTreeMap<Key, Entry<DynamicObject>>; Kind::ALL.len()],
    /// What a controller owns, by its UID.
    owned: Map<Box<str>, BTreeSet<(Kind, Key)>>,
    /// Pods that no controller owns.
    orphans: BTreeSet<Key>,
    /// Counts the lists of a kind.
    lists: [u32; Kind::ALL.len()],
}

#[derive(Debug)]
struct Entry<T> {
    object: T,
    version: u64,
    /// The list during which, or after which, it was last seen.
    list: u32,
    /// `spec.selector`, where it is one.
    selector: Option<LabelSelector>,
}

/// Where something about an object was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Watch,
    OwnWrite,
}

impl Cache {
    pub(super) fn get(&self, kind: Kind, key: &Key) -> Option<&DynamicObject> {
        Some(&self.objects[kind.index()].get(key)?.object)
    }

    pub(super) fn pod(&self, key: &Key) -> Option<&Pod> {
        Some(&self.pods.get(key)?.object)
    }

    /// Objects of a kind in a namespace, by name.
    pub(super) fn objects_in<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a DynamicObject> {
        let first = Key { namespace: namespace.into(), name: "".into() };
        self.objects[kind.index()]
            .range(first..)
            .take_while(move |(key, _)| *key.namespace == *namespace)
            .map(|(_, entry)| &entry.object)
    }

    /// All objects of a kind.
    pub(super) fn all(&self, kind: Kind) -> impl Iterator<Item = (&Key, &DynamicObject)> {
        self.objects[kind.index()].iter().map(|(key, entry)| (key, &entry.object))
    }

    /// Objects of a kind in `namespace` whose `spec.selector` matches.
    pub(super) fn selecting(
        &self,
        kind: Kind,
        namespace: &str,
        pod: &Pod,
    ) -> impl Iterator<Item = &Key> {
        let first = Key { namespace: namespace.into(), name: "".into() };
        self.objects[kind.index()]
            .range(first..)
            .take_while(move |(key, _)| *key.namespace == *namespace)
            .filter(|(_, entry)| entry.selector.as_ref().is_some_and(|s| s.matches(&pod.labels)))
            .map(|(key, _)| key)
    }

    pub(super) fn selector(&self, kind: Kind, key: &Key) -> Option<&LabelSelector> {
        self.objects[kind.index()].get(key)?.selector.as_ref()
    }

    pub(super) fn pods_in<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Pod> {
        let first = Key { namespace: namespace.into(), name: "".into() };
        let pods = self.pods.range(first..).map(|(_, entry)| &entry.object);
        pods.take_while(move |pod| *pod.key.namespace == *namespace)
    }

    pub(super) fn orphans_in<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Pod> {
        let first = Key { namespace: namespace.into(), name: "".into() };
        let keys = self.orphans.range(first..).take_while(move |key| *key.namespace == *namespace);
        keys.filter_map(|key| self.pod(key))
    }

    /// Pods that the controller with this UID owns, by name.
    pub(super) fn pods_of(&self, uid: &str) -> impl Iterator<Item = &Pod> {
        let owned = self.owned.get(uid).into_iter().flatten();
        owned.filter(|(kind, _)| *kind == Kind::Pod).filter_map(|(_, key)| self.pod(key))
    }

    /// Objects of a kind that the controller with this UID owns, by name.
    pub(super) fn owned_by(&self, kind: Kind, uid: &str) -> impl Iterator<Item = &DynamicObject> {
        let owned = self.owned.get(uid).into_iter().flatten();
        owned.filter(move |(of, _)| *of == kind).filter_map(move |(_, key)| self.get(kind, key))
    }

    /// A list of a kind begins.
    pub(super) fn list_begins(&mut self, kind: Kind) {
        self.lists[kind.index()] = self.lists[kind.index()].wrapping_add(1);
    }

    /// A list was complete: what was not seen since it began is gone. Returns what that was.
    pub(super) fn list_ends(&mut self, kind: Kind) -> Vec<Key> {
        let list = self.lists[kind.index()];
        let keys: Vec<Key> = if kind == Kind::Pod {
            let gone = self.pods.iter().filter(|(_, entry)| entry.list != list);
            gone.map(|(key, _)| key.clone()).collect()
        } else {
            let gone = self.objects[kind.index()].iter().filter(|(_, entry)| entry.list != list);
            gone.map(|(key, _)| key.clone()).collect()
        };
        keys
    }

    /// A pod is there, or has changed. False where that is known already.
    pub(super) fn observe_pod(&mut self, pod: Pod, from: From) -> bool {
        let list = self.lists[Kind::Pod.index()];
        if let Some(entry) = self.pods.get_mut(&pod.key) {
            entry.list = list;
            if !is_news(entry.version, pod.version, from) {
                return false;
            }
            let known = entry.object.owner.clone();
            if known != pod.owner {
                self.disown(known.as_ref(), Kind::Pod, &pod.key);
                self.orphans.remove(&pod.key);
            }
        }
        match &pod.owner {
            Some(owner) => self.own(owner, Kind::Pod, &pod.key),
            None => drop(self.orphans.insert(pod.key.clone())),
        }
        let entry = Entry { version: pod.version, list, selector: None, object: pod };
        self.pods.insert(entry.object.key.clone(), entry);
        true
    }

    /// An object is there, or has changed. False where that is known already.
    pub(super) fn observe(&mut self, kind: Kind, mut object: DynamicObject, from: From) -> bool {
        let (key, version) = (pod::key(&object.metadata), pod::version(&object.metadata));
        let list = self.lists[kind.index()];
        let owner = pod::owner(&object.metadata);
        if let Some(entry) = self.objects[kind.index()].get_mut(&key) {
            entry.list = list;
            if !is_news(entry.version, version, from) {
                return false;
            }
            let known = pod::owner(&entry.object.metadata);
            if known != owner {
                self.disown(known.as_ref(), kind, &key);
            }
        }
        if let Some(owner) = &owner {
            self.own(owner, kind, &key);
        }
        object.metadata.managed_fields = None;
        let selector = selector(kind, &object.data["spec"]["selector"]);
        let entry = Entry { object, version, list, selector };
        self.objects[kind.index()].insert(key, entry);
        true
    }

    /// A pod is gone, if it is the one with this UID. Returns it.
    pub(super) fn forget_pod(&mut self, key: &Key, uid: &str) -> Option<Pod> {
        if *self.pods.get(key)?.object.uid != *uid {
            return None;
        }
        let pod = self.pods.remove(key)?.object;
        self.disown(pod.owner.as_ref(), Kind::Pod, key);
        self.orphans.remove(key);
        Some(pod)
    }

    /// An object is gone, if it is the one with this UID. Returns it.
    pub(super) fn forget(&mut self, kind: Kind, key: &Key, uid: &str) -> Option<DynamicObject> {
        let entry = self.objects[kind.index()].get(key)?;
        if entry.object.metadata.uid.as_deref() != Some(uid) {
            return None;
        }
        let object = self.objects[kind.index()].remove(key)?.object;
        self.disown(pod::owner(&object.metadata).as_ref(), kind, key);
        Some(object)
    }

    fn own(&mut self, owner: &Owner, kind: Kind, key: &Key) {
        self.owned.entry(owner.uid.clone()).or_default().insert((kind, key.clone()));
    }

    fn disown(&mut self, owner: Option<&Owner>, kind: Kind, key: &Key) {
        let Some(owner) = owner else { return };
        if let Some(owned) = self.owned.get_mut(&owner.uid) {
            owned.remove(&(kind, key.clone()));
            if owned.is_empty() {
                self.owned.remove(&owner.uid);
            }
        }
    }
}

/// The answer to an own write may have the version that is known, as that of a deletion has.
fn is_news(known: u64, version: u64, from: From) -> bool {
    version == 0 || version > known || (version == known && from == From::OwnWrite)
}

/// A selector as `spec.selector` has it: of labels, or of a ReplicationController a map. One that cannot
/// be read is none.
fn selector(kind: Kind, value: &Value) -> Option<LabelSelector> {
    let equal = |map: &Value| -> Vec<LabelRequirement> {
        let one = |(key, value): (&String, &Value)| LabelRequirement {
            key: key.as_str().into(),
            operator: LabelOperator::In,
            values: vec![value.as_str().unwrap_or_default().into()],
        };
        map.as_object().into_iter().flatten().map(one).collect()
    };
    value.as_object()?;
    if kind == Kind::ReplicationController {
        let requirements = equal(value);
        return (!requirements.is_empty()).then_some(LabelSelector { requirements });
    }
    let mut requirements = equal(&value["matchLabels"]);
    for expression in value["matchExpressions"].as_array().into_iter().flatten() {
        let values = expression["values"].as_array().into_iter().flatten();
        requirements.push(LabelRequirement {
            key: expression["key"].as_str()?.into(),
            operator: match expression["operator"].as_str()? {
                "In" => LabelOperator::In,
                "NotIn" => LabelOperator::NotIn,
                "Exists" => LabelOperator::Exists,
                "DoesNotExist" => LabelOperator::DoesNotExist,
                _ => return None,
            },
            values: values.filter_map(|value| value.as_str()).map(Into::into).collect(),
        });
    }
    Some(LabelSelector { requirements })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::pod::SeenPod;
    use super::*;

    fn pod(name: &str, version: u64, owner: Option<&str>) -> Pod {
        let owners = owner.map(|uid| {
            json!([{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": uid,
                "controller": true,
            }])
        });
        let value = json!({"metadata": {
            "name": name, "namespace": "ns", "uid": name, "labels": {"app": "a"},
            "resourceVersion": version.to_string(), "ownerReferences": owners,
        }});
        serde_json::from_value::<SeenPod>(value).unwrap().trim()
    }

    fn names<'a>(pods: impl Iterator<Item = &'a Pod>) -> Vec<&'a str> {
        pods.map(|pod| &*pod.key.name).collect()
    }

    #[test]
    fn owners_and_orphans_follow_each_change() {
        let mut cache = Cache::default();
        assert!(cache.observe_pod(pod("a", 5, None), From::Watch));
        assert_eq!(names(cache.orphans_in("ns")), ["a"]);
        assert!(cache.observe_pod(pod("a", 6, Some("u1")), From::OwnWrite));
        assert!(!cache.observe_pod(pod("a", 5, None), From::Watch), "that was before");
        assert_eq!(names(cache.pods_of("u1")), ["a"]);
        assert_eq!(names(cache.orphans_in("ns")), [""; 0]);
        assert!(cache.observe_pod(pod("a", 7, Some("u2")), From::Watch));
        assert_eq!(names(cache.pods_of("u1")), [""; 0]);
        let key = pod("a", 0, None).key;
        assert!(cache.forget_pod(&key, "another").is_none());
        assert!(cache.forget_pod(&key, "a").is_some());
        assert_eq!(names(cache.pods_of("u2")), [""; 0]);
        assert!(cache.owned.is_empty());
    }

    #[test]
    fn what_a_list_does_not_show_is_gone() {
        let mut cache = Cache::default();
        cache.list_begins(Kind::Pod);
        cache.observe_pod(pod("a", 1, None), From::Watch);
        cache.observe_pod(pod("b", 2, None), From::Watch);
        assert_eq!(cache.list_ends(Kind::Pod), []);
        cache.list_begins(Kind::Pod);
        cache.observe_pod(pod("b", 2, None), From::Watch);
        cache.observe_pod(pod("c", 3, None), From::OwnWrite);
        assert_eq!(cache.list_ends(Kind::Pod), [pod("a", 0, None).key]);
    }

    #[test]
    fn selectors_of_all_kinds() {
        let mut cache = Cache::default();
        let rows = [
            (Kind::ReplicaSet, "rs", json!({"matchLabels": {"app": "a"}})),
            (Kind::ReplicaSet, "other", json!({"matchLabels": {"app": "b"}})),
            (Kind::ReplicationController, "rc", json!({"app": "a"})),
            (
                Kind::StatefulSet,
                "set",
                json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
            ),
            (Kind::StatefulSet, "none", json!(null)),
        ];
        for (kind, name, selector) in rows {
            let object = json!({
                "metadata": {"name": name, "namespace": "ns"}, "spec": {"selector": selector},
            });
            cache.observe(kind, serde_json::from_value(object).unwrap(), From::Watch);
        }
        let pod = pod("a", 1, None);
        let found = |kind| -> Vec<&str> {
            cache.selecting(kind, "ns", &pod).map(|key| &*key.name).collect()
        };
        assert_eq!(found(Kind::ReplicaSet), ["rs"]);
        assert_eq!(found(Kind::ReplicationController), ["rc"]);
        assert_eq!(found(Kind::StatefulSet), ["set"]);
    }
}
