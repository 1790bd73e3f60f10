//! Owners that are not there: a dump of pods seldom has their ReplicaSets, and a garbage collector would
//! delete every pod of it. Called by the playground once all is loaded.

use serde_json::Value;

use super::api::Api;
use super::kinds::Resource;
use super::store::Encoder;
use super::verbs::text;
use crate::units::Set;

/// The restored objects, as far as they own or are owned. As large as what is restored.
#[derive(Debug, Default)]
pub struct Owners {
    uids: Set<Box<str>>,
    owned: Vec<(&'static Resource, Box<str>)>,
}

/// What is remembered of one object.
#[derive(Debug)]
pub struct Note {
    uid: Box<str>,
    owned: Option<(&'static Resource, Box<str>)>,
}

impl Note {
    /// Of an object that is about to be restored.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        let uid = text(object, "/metadata/uid").into();
        let has_owners = references(object).is_some_and(|owners| !owners.is_empty());
        let resource = Resource::by_kind(text(object, "/apiVersion"), text(object, "/kind"));
        let owned = resource.filter(|_| has_owners).map(|resource| {
            let namespace = text(object, "/metadata/namespace");
            let namespace = if namespace.is_empty() { "default" } else { namespace };
            let key = resource.key(namespace, text(object, "/metadata/name"));
            (resource, key.into_boxed_str())
        });
        Self { uid, owned }
    }
}

fn references(object: &Value) -> Option<&Vec<Value>> {
    object.get("metadata")?.get("ownerReferences")?.as_array()
}

impl Owners {
    /// The object that `note` is of has been restored.
    pub fn add(&mut self, note: Note) {
        self.uids.insert(note.uid);
        self.owned.extend(note.owned);
    }

    /// Takes away the references to owners that are not among the restored objects, and returns how many
    /// objects had some.
    pub fn drop_missing(&mut self, api: &Api) -> usize {
        let owned = std::mem::take(&mut self.owned);
        owned.iter().filter(|(resource, key)| self.drop_missing_of(api, resource, key)).count()
    }

    fn drop_missing_of(&self, api: &Api, resource: &'static Resource, key: &str) -> bool {
        let Some(stored) = api.store.get(resource.table, key) else { return false };
        let Ok(mut object) = stored.parse() else { return false };
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
            return false;
        };
        let Some(owners) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) else {
            return false;
        };
        let before = owners.len();
        owners.retain(|owner| self.uids.contains(text(owner, "/uid")));
        if owners.len() == before {
            return false;
        }
        if owners.is_empty() {
            metadata.remove("ownerReferences");
        }
        let draft = Encoder(resource).encode(&object);
        api.store.replace(resource.table, draft, stored.revision()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::store::Limits;
    use serde_json::json;

    #[test]
    fn references_to_what_is_not_there_go() {
        let api = Api::new(Limits::default());
        let mut owners = Owners::default();
        let object = |kind: &str, api_version: &str, name: &str, owners: &[&str]| {
            let owners: Vec<Value> = owners.iter().map(|uid| json!({"uid": uid})).collect();
            json!({
                "apiVersion": api_version, "kind": kind,
                "metadata": {"name": name, "namespace": "default", "uid": format!("u-{name}"),
                    "resourceVersion": "7", "ownerReferences": owners},
            })
        };
        for object in [
            object("Pod", "v1", "kept", &["u-set"]),
            object("Pod", "v1", "cut", &["u-gone"]),
            object("Pod", "v1", "half", &["u-gone", "u-set"]),
            object("Pod", "v1", "free", &[]),
            object("ReplicaSet", "apps/v1", "set", &["u-deployment"]),
        ] {
            let note = Note::of(&object);
            api.import(object).unwrap();
            owners.add(note);
        }
        assert_eq!(owners.drop_missing(&api), 3);
        let owners_of = |resource: &str, name: &str| {
            let resource = Resource::by_qualified(resource).unwrap();
            let object = api.get(resource, "default", name).unwrap().parse().unwrap();
            object["metadata"]["ownerReferences"].clone()
        };
        assert_eq!(owners_of("pods", "kept"), json!([{"uid": "u-set"}]));
        assert_eq!(owners_of("pods", "cut"), Value::Null);
        assert_eq!(owners_of("pods", "half"), json!([{"uid": "u-set"}]));
        assert_eq!(owners_of("replicasets.apps", "set"), Value::Null);
        assert_eq!(owners.drop_missing(&api), 0);
    }
}
