//! Keeps up who owns which field when an object is created, updated or patched.
//!
//! Upstream: FieldManager.Update in apimachinery/pkg/util/managedfields, v1.37.
//! Differs from upstream: an object is not converted between versions, so an entry made through another
//! version (events alone have two) is taken as one of this version.

use serde_json::Value;

use super::compare::{Difference, compare};
use super::managed::{self, Operation, Owner};
use super::reset;
use crate::apiserver::schema::{GroupVersionKind, Schema, complete};
use crate::units::Map;

/// How many owners by update an object keeps; the oldest become one. Upstream: DefaultMaxUpdateManagers.
pub const UPDATE_MANAGERS_MAX: usize = 10;

const OLD_UPDATES: &str = "ancient-changes";

/// Fields that nobody owns.
const UNOWNED: [&[&str]; 12] = [
    &["apiVersion"],
    &["kind"],
    &["metadata"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "creationTimestamp"],
    &["metadata", "selfLink"],
    &["metadata", "uid"],
    &["metadata", "clusterName"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
];

/// Who writes, and when.
#[derive(Clone, Copy, Debug)]
pub struct TrackOptions<'a> {
    /// The fieldManager of the request or, without one, the user agent up to its first slash.
    pub manager: &'a str,
    /// The subresource written through, empty for the object itself.
    pub subresource: &'a str,
    /// Now, as RFC 3339 in UTC and whole seconds.
    pub time: &'a str,
}

/// Brings `metadata.managedFields` of `after` up to date with what a write changed; `before` is `None` at a
/// creation. Both are what is stored: pruned and complete ([`crate::apiserver::schema::prune`],
/// [`complete`]).
///
/// Where nothing changed the entries stay as they are, times included. An object that was stored without
/// entries gets none until it is applied. Costs some tens of µs for a pod, most of it for reading and
/// writing the entries.
pub fn track(
    kind: &GroupVersionKind,
    before: Option<&Value>,
    after: &mut Value,
    options: &TrackOptions<'_>,
) {
    let Some(shape) = Schema::of(kind) else { return };
    let live = before.and_then(managed::entries);
    let given = managed::take(after);
    let is_known = given.as_ref() == live;
    let mut owners = None;
    if options.subresource.is_empty() && !is_known {
        if given.as_ref().is_some_and(managed::is_reset) {
            owners = Some(Vec::new());
        } else {
            let read = given.clone().and_then(|given| managed::read(given, false));
            owners = read.filter(|owners| !owners.is_empty());
        }
    }
    let nothing = if before.is_none() { empty(kind) } else { Value::Null };
    let mut difference = compare(Some(shape), Some(before.unwrap_or(&nothing)), Some(after));
    reset::filter(kind, options.subresource, &mut difference.changed);
    reset::filter(kind, options.subresource, &mut difference.removed);
    let mut owners = if let Some(owners) = owners {
        owners
    } else {
        let stored = if is_known { given } else { live.cloned() };
        if difference.is_empty() {
            managed::put_back(after, stored);
            return;
        }
        stored.and_then(|stored| managed::read(stored, true)).unwrap_or_default()
    };
    let uid = before.and_then(|before| before.get("metadata")?.get("uid")?.as_str());
    if owners.is_empty() && uid.is_some_and(|uid| !uid.is_empty()) {
        return;
    }
    let writer = Owner::new(kind, Operation::Update, options.manager, options.subresource);
    update(&mut owners, difference, writer, options.time);
    managed::write(after, owners);
}

/// The object that upstream starts a creation from.
pub(super) fn empty(kind: &GroupVersionKind) -> Value {
    let mut object = Value::Object(serde_json::Map::new());
    complete(kind, &mut object);
    object
}

/// Gives the changed fields to `writer`, and takes them and those removed from everybody else.
pub(super) fn update(
    owners: &mut Vec<Owner>,
    difference: Difference,
    mut writer: Owner,
    time: &str,
) {
    for owner in owners.iter_mut() {
        owner.fields.subtract(&difference.changed);
        owner.fields.subtract(&difference.removed);
    }
    owners.retain(|owner| !owner.fields.is_empty());
    writer.fields = difference.changed;
    strip(&mut writer);
    if !writer.fields.is_empty() {
        writer.time = Some(time.to_owned());
        match owners.iter_mut().find(|owner| owner.is(&writer)) {
            Some(owner) => {
                owner.fields.unite(writer.fields);
                owner.time = writer.time;
            }
            None => owners.push(writer),
        }
    }
    cap(owners);
}

/// Takes the fields that nobody owns from an owner.
pub(super) fn strip(owner: &mut Owner) {
    for path in UNOWNED {
        owner.fields.cut_member(path);
    }
}

/// Makes the oldest owners by update into one per version, until few enough are left.
///
/// Upstream: capManagersManager.
fn cap(owners: &mut Vec<Owner>) {
    let is_update = |owner: &Owner| owner.operation == Operation::Update;
    let mut left = owners.iter().filter(|owner| is_update(owner)).count();
    if left <= UPDATE_MANAGERS_MAX {
        return;
    }
    let is_bucket = |owner: &Owner| owner.manager == OLD_UPDATES && owner.subresource.is_empty();
    let (mut updates, mut kept): (Vec<_>, Vec<_>) =
        std::mem::take(owners).into_iter().partition(is_update);
    updates.sort_by_cached_key(|owner| (!is_bucket(owner), owner.time.clone(), owner.identifier()));
    // Of each version the oldest, into which the next ones go.
    let mut oldest: Map<String, usize> = Map::default();
    for mut owner in updates {
        let place = oldest.get(&owner.api_version).copied();
        if let Some(into) = place.and_then(|at| kept.get_mut(at))
            && left > UPDATE_MANAGERS_MAX
        {
            OLD_UPDATES.clone_into(&mut into.manager);
            into.subresource.clear();
            into.fields.unite(std::mem::take(&mut owner.fields));
            into.time = owner.time;
            left -= 1;
            continue;
        }
        oldest.entry(owner.api_version.clone()).or_insert(kept.len());
        kept.push(owner);
    }
    *owners = kept;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> GroupVersionKind {
        GroupVersionKind::new("", "v1", "Pod")
    }

    fn by<'a>(manager: &'a str, subresource: &'a str, time: &'a str) -> TrackOptions<'a> {
        TrackOptions { manager, subresource, time }
    }

    #[test]
    fn creation_status_and_change() {
        let mut stored = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "uid": "1", "labels": {"x": "1"}},
            "spec": {"containers": [{"name": "c", "image": "i", "resources": {}}]},
            "status": {"phase": "Pending"}});
        track(&pod(), None, &mut stored, &by("kubectl", "", "2026-01-01T00:00:00Z"));
        let created = json!([{"manager": "kubectl", "operation": "Update", "apiVersion": "v1",
            "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {
                "f:metadata": {"f:labels": {".": {}, "f:x": {}}},
                "f:spec": {"f:containers": {"k:{\"name\":\"c\"}":
                    {".": {}, "f:image": {}, "f:name": {}, "f:resources": {}}}}}}]);
        assert_eq!(stored["metadata"]["managedFields"], created);

        let mut same = stored.clone();
        track(&pod(), Some(&stored), &mut same, &by("other", "", "2026-01-01T00:00:01Z"));
        assert_eq!(same, stored);

        let mut running = stored.clone();
        running["status"]["phase"] = json!("Running");
        track(
            &pod(),
            Some(&stored),
            &mut running,
            &by("kubelet", "status", "2026-01-01T00:00:02Z"),
        );
        let entries = running["metadata"]["managedFields"].as_array().expect("entries");
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1]["fieldsV1"], json!({"f:status": {"f:phase": {}}}));
        assert_eq!(entries[1]["subresource"], "status");

        let mut changed = running.clone();
        changed["metadata"]["labels"] = json!({"x": "2"});
        track(&pod(), Some(&running), &mut changed, &by("other", "", "2026-01-01T00:00:03Z"));
        let entries = changed["metadata"]["managedFields"].as_array().expect("entries");
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[2]["fieldsV1"], json!({"f:metadata": {"f:labels": {"f:x": {}}}}));
        assert_eq!(entries[0]["fieldsV1"]["f:metadata"], json!({"f:labels": {}}));
    }

    #[test]
    fn a_client_can_forget_all_entries() {
        let mut stored = json!({"metadata": {"name": "a", "uid": "1"}, "spec": {"nodeName": "n"}});
        track(&pod(), None, &mut stored, &by("a", "", "2026-01-01T00:00:00Z"));
        let mut forgotten = stored.clone();
        forgotten["metadata"]["managedFields"] = json!([]);
        track(&pod(), Some(&stored), &mut forgotten, &by("a", "", "2026-01-01T00:00:00Z"));
        assert_eq!(managed::entries(&forgotten), None);
    }

    #[test]
    fn old_updates_become_one() {
        let mut object = json!({"metadata": {"name": "a"}, "data": {}});
        let kind = GroupVersionKind::new("", "v1", "ConfigMap");
        for n in 0..30 {
            let before = object.clone();
            object["data"][format!("k{n}")] = json!("v");
            let time = format!("2026-01-01T00:00:{n:02}Z");
            track(&kind, Some(&before), &mut object, &by(&format!("m{n:02}"), "", &time));
        }
        let entries = object["metadata"]["managedFields"].as_array().expect("entries");
        assert_eq!(entries.len(), UPDATE_MANAGERS_MAX);
        assert_eq!(entries[0]["manager"], OLD_UPDATES);
        assert_eq!(
            entries[0]["fieldsV1"]["f:data"].as_object().map(serde_json::Map::len),
            Some(21)
        );
    }
}
