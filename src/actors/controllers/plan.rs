//! [`Plan`]: what a controller wants done, as data, and small pieces that all controllers share.

use http::Method;
use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

use crate::units::{Nanos, hash_bytes};

use super::super::write::Write;
use super::kind::{Key, Kind};
use super::pod::Pod;

/// Pods that one look at a controller's object creates or deletes at most. Upstream: BurstReplicas.
pub(super) const BURST: usize = 500;

/// What is to be done about one object, in this order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) actions: Vec<Action>,
    /// When to look again, whatever happens.
    pub(super) again: Option<Nanos>,
}

/// One request, and what the object's events say of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Action {
    pub(super) kind: Kind,
    /// What is sent; `None` is only to be said.
    pub(super) write: Option<Write>,
    /// The object that is deleted: gone from the cache once that succeeded with nothing left of it.
    pub(super) deletes: Option<(Key, Box<str>)>,
    pub(super) say: Option<Say>,
    /// The reason of the event where it fails.
    pub(super) failed: Option<&'static str>,
}

/// An event about the object that the plan is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Say {
    pub(super) warning: bool,
    pub(super) reason: &'static str,
    /// `{}` stands for the name of the object written.
    pub(super) text: String,
}

impl Say {
    pub(super) fn normal(reason: &'static str, text: impl Into<String>) -> Self {
        Self { warning: false, reason, text: text.into() }
    }

    pub(super) fn warning(reason: &'static str, text: impl Into<String>) -> Self {
        Self { warning: true, reason, text: text.into() }
    }
}

impl Action {
    fn of(kind: Kind, write: Write) -> Self {
        Self { kind, write: Some(write), deletes: None, say: None, failed: None }
    }

    /// Creates an object in `namespace`.
    pub(super) fn create(kind: Kind, namespace: &str, object: Value) -> Self {
        let write = Write::create(kind.collection(namespace), object);
        Self { failed: Some("FailedCreate"), ..Self::of(kind, write) }
    }

    /// Deletes an object, what it owns in the background.
    pub(super) fn delete(kind: Kind, key: &Key, uid: &str) -> Self {
        let options = json!({"preconditions": {"uid": uid}, "propagationPolicy": "Background"});
        let write = Write::delete(kind.path(key), options);
        let deletes = Some((key.clone(), uid.into()));
        Self { deletes, failed: Some("FailedDelete"), ..Self::of(kind, write) }
    }

    /// Merges into an object.
    pub(super) fn merge(kind: Kind, key: &Key, change: Value) -> Self {
        Self::of(kind, Write::merge(kind.path(key), change))
    }

    /// Merges into an object through its status, which changes no generation.
    pub(super) fn merge_status(kind: Kind, key: &Key, change: Value) -> Self {
        Self::of(kind, Write::merge(format!("{}/status", kind.path(key)), change))
    }

    /// Merges into an object, lists by their keys.
    pub(super) fn strategic(kind: Kind, key: &Key, change: Value) -> Self {
        Self::of(kind, Write::strategic(kind.path(key), change))
    }

    /// Only says something.
    pub(super) fn say_only(kind: Kind, say: Say) -> Self {
        Self { kind, write: None, deletes: None, say: Some(say), failed: None }
    }

    pub(super) fn is_create(&self) -> bool {
        self.write.as_ref().is_some_and(|write| write.method == Method::POST)
    }

    /// Says this once it is done.
    pub(super) fn saying(mut self, reason: &'static str, text: impl Into<String>) -> Self {
        self.say = Some(Say::normal(reason, text));
        self
    }
}

impl Plan {
    pub(super) fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Looks again at `at`, or earlier.
    pub(super) fn again_at(&mut self, at: Nanos) {
        self.again = Some(self.again.map_or(at, |known| known.min(at)));
    }

    /// Brings the status of `object` to `wanted`, if it is another: fields that are null in `wanted` are
    /// to be gone, fields that it does not name stay.
    pub(super) fn status(
        &mut self,
        kind: Kind,
        object: &DynamicObject,
        wanted: Map<String, Value>,
    ) {
        let known = &object.data["status"];
        let is_set = |(name, value): &(&String, &Value)| known[name.as_str()] != **value;
        if wanted.iter().any(|field| is_set(&field)) {
            let key = super::pod::key(&object.metadata);
            let path = format!("{}/status", kind.path(&key));
            let change = json!({
                "metadata": {"uid": object.metadata.uid}, "status": Value::Object(wanted),
            });
            self.push(Action::of(kind, Write::merge(path, change)));
        }
    }
}

/// An integer of a spec.
pub(super) fn int(value: &Value, default: i64) -> i64 {
    value.as_i64().unwrap_or(default)
}

/// A number of a spec or an annotation that counts things, as such.
pub(super) fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// A number of things, as an API has it.
pub(super) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// An integer, or a percentage of `total` (`25%`), rounded up or down.
pub(super) fn int_or_percent(value: &Value, total: i64, up: bool, default: &str) -> i64 {
    if let Some(number) = value.as_i64() {
        return number;
    }
    let text = value.as_str().unwrap_or(default);
    let Some(percent) = text.strip_suffix('%').and_then(|digits| digits.parse::<i64>().ok()) else {
        return text.parse().unwrap_or_default();
    };
    let scaled = percent.saturating_mul(total);
    if up { scaled.saturating_add(99) / 100 } else { scaled / 100 }
}

/// The UID of an object.
pub(super) fn uid(object: &DynamicObject) -> &str {
    object.metadata.uid.as_deref().unwrap_or_default()
}

/// The name of an object.
pub(super) fn name(object: &DynamicObject) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}

/// The namespace of an object.
pub(super) fn namespace(object: &DynamicObject) -> &str {
    object.metadata.namespace.as_deref().unwrap_or_default()
}

/// An annotation of an object.
pub(super) fn annotation<'a>(object: &'a DynamicObject, name: &str) -> Option<&'a str> {
    Some(object.metadata.annotations.as_ref()?.get(name)?.as_str())
}

/// Whether an object is being deleted.
pub(super) fn is_deleting(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_some()
}

/// A reference to `object` as the controller of what it makes.
pub(super) fn controller_reference(kind: Kind, object: &DynamicObject) -> Value {
    json!({
        "apiVersion": kind.api_version(), "kind": kind.name(), "name": object.metadata.name,
        "uid": object.metadata.uid, "controller": true, "blockOwnerDeletion": true,
    })
}

/// A pod of `template`, named after `prefix`, owned by `object`.
pub(super) fn pod_from(
    kind: Kind,
    object: &DynamicObject,
    prefix: &str,
    template: &Value,
) -> Value {
    let metadata = &template["metadata"];
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "generateName": prefix,
            "namespace": object.metadata.namespace,
            "labels": metadata["labels"],
            "annotations": metadata["annotations"],
            "finalizers": metadata["finalizers"],
            "ownerReferences": [controller_reference(kind, object)],
        },
        "spec": template["spec"],
    })
}

/// Takes over a pod that nobody owns.
pub(super) fn adopt(kind: Kind, object: &DynamicObject, pod: &Pod) -> Action {
    let change = json!({"metadata": {
        "uid": pod.uid, "ownerReferences": [controller_reference(kind, object)],
    }});
    Action::strategic(Kind::Pod, &pod.key, change)
}

/// Lets go of a pod.
pub(super) fn release(object: &DynamicObject, pod: &Pod) -> Action {
    let change = json!({"metadata": {
        "uid": pod.uid, "ownerReferences": [{"$patch": "delete", "uid": object.metadata.uid}],
    }});
    Action::strategic(Kind::Pod, &pod.key, change)
}

/// The pods that `object` owns and selects; those that it does not select any more are let go, and
/// those that nobody owns are taken over, both by the plan.
///
/// Upstream: controller.PodControllerRefManager, v1.37.
pub(super) fn claim<'a>(
    cache: &'a super::cache::Cache,
    kind: Kind,
    object: &DynamicObject,
    plan: &mut Plan,
) -> Vec<&'a Pod> {
    let key = super::pod::key(&object.metadata);
    let Some(selector) = cache.selector(kind, &key) else { return Vec::new() };
    let (ours, others): (Vec<&Pod>, Vec<&Pod>) =
        cache.pods_of(uid(object)).partition(|pod| selector.matches(&pod.labels));
    if !is_deleting(object) {
        for pod in others.into_iter().filter(|pod| !pod.deleting) {
            plan.push(release(object, pod));
        }
        let orphans = cache.orphans_in(namespace(object));
        for pod in orphans.filter(|pod| pod.is_active() && selector.matches(&pod.labels)) {
            plan.push(adopt(kind, object, pod));
        }
    }
    ours
}

/// A hash of a template in the alphabet of names, as upstream makes them of a number.
///
/// Differs from upstream: it is another number, so names are other ones.
pub(super) fn template_hash(template: &Value) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut rest = hash_bytes(0, template.to_string().as_bytes());
    let mut digit = || {
        let index = usize::try_from(rest % 27).unwrap_or_default();
        rest /= 27;
        char::from(ALPHABET[index])
    };
    (0..10).map(|_| digit()).collect()
}

/// A condition as a status of apps/v1 or batch/v1 has it.
pub(super) fn condition<'a>(conditions: &'a Value, name: &str) -> Option<&'a Value> {
    conditions.as_array()?.iter().find(|condition| condition["type"] == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded_either_way() {
        assert_eq!(int_or_percent(&json!("25%"), 10, true, ""), 3);
        assert_eq!(int_or_percent(&json!("25%"), 10, false, ""), 2);
        assert_eq!(int_or_percent(&json!(4), 10, false, ""), 4);
        assert_eq!(int_or_percent(&Value::Null, 8, true, "25%"), 2);
    }

    #[test]
    fn hashes_are_stable_names() {
        let (a, b) = (json!({"spec": {"a": 1}}), json!({"spec": {"a": 2}}));
        assert_eq!(template_hash(&a), template_hash(&a.clone()));
        assert_ne!(template_hash(&a), template_hash(&b));
        assert_eq!(template_hash(&a).len(), 10);
    }
}
