//! ControllerRevisions: the templates that a StatefulSet or a DaemonSet has had. Pure.
//!
//! Upstream: pkg/controller/history, v1.37.

use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::cache::Cache;
use super::kind::Kind;
use super::plan::{
    Action, Plan, controller_reference, int, is_deleting, name, namespace, template_hash, uid,
};
use super::pod;

/// The label of a pod that says from which revision it is.
pub(super) const HASH: &str = "controller-revision-hash";

/// A revision, there or about to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Revision {
    pub(super) name: String,
    pub(super) hash: String,
    /// The patch that brings an object back to it.
    pub(super) data: Value,
}

/// The revision of the template that `object` has now; the plan makes it, or makes it the latest. Older
/// ones beyond `revisionHistoryLimit` are deleted unless their name is in `used`.
pub(super) fn current(
    cache: &Cache,
    kind: Kind,
    object: &DynamicObject,
    used: &[&str],
    plan: &mut Plan,
) -> Revision {
    let mut template = object.data["spec"]["template"].clone();
    template["$patch"] = json!("replace");
    let data = json!({"spec": {"template": template}});
    let mut all: Vec<_> = cache.owned_by(Kind::ControllerRevision, uid(object)).collect();
    all.sort_by_key(|revision| int(&revision.data["revision"], 0));
    let latest = all.last().map_or(0, |revision| int(&revision.data["revision"], 0));
    let limit = super::plan::count(int(&object.data["spec"]["revisionHistoryLimit"], 10));
    let is_old = |revision: &&&DynamicObject| {
        revision.data["data"] != data && !used.contains(&name(revision))
    };
    let old: Vec<_> = all.iter().filter(is_old).collect();
    for revision in old.iter().take(old.len().saturating_sub(limit)) {
        let key = pod::key(&revision.metadata);
        plan.push(Action::delete(Kind::ControllerRevision, &key, uid(revision)));
    }
    if let Some(known) = all.iter().rev().find(|revision| revision.data["data"] == data) {
        if int(&known.data["revision"], 0) < latest && !is_deleting(object) {
            let change = json!({"metadata": {"uid": uid(known)}, "revision": latest + 1});
            let key = pod::key(&known.metadata);
            plan.push(Action::merge(Kind::ControllerRevision, &key, change));
        }
        let labels = pod::labels(&known.metadata);
        let hash = labels.get(HASH).unwrap_or_default().to_owned();
        return Revision { name: name(known).to_owned(), hash, data };
    }
    let hash = template_hash(&data);
    let revision = Revision { name: format!("{}-{hash}", name(object)), hash, data };
    if !is_deleting(object) {
        let mut labels = object.data["spec"]["template"]["metadata"]["labels"].clone();
        labels[HASH] = json!(revision.hash);
        let created = json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision",
            "metadata": {
                "name": revision.name, "namespace": object.metadata.namespace, "labels": labels,
                "ownerReferences": [controller_reference(kind, object)],
            },
            "data": revision.data, "revision": latest + 1,
        });
        plan.push(Action::create(Kind::ControllerRevision, namespace(object), created));
    }
    revision
}

/// The template of a revision that is still there.
pub(super) fn template<'a>(cache: &'a Cache, namespace: &str, name: &str) -> Option<&'a Value> {
    let key = super::kind::Key { namespace: namespace.into(), name: name.into() };
    let revision = cache.get(Kind::ControllerRevision, &key)?;
    Some(&revision.data["data"]["spec"]["template"])
}
