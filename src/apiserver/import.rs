//! Objects put in without HTTP: what a person wrote is created as if it had come in a request, what was
//! dumped from a cluster comes back as it was. Called by the playground.

use serde_json::Value;

use super::api::Api;
use super::failure::Failure;
use super::http::{Params, Target};
use super::kinds::{Resource, View};
use super::store::{Encoder, WriteError};
use super::verbs::{Call, create, text};

/// What has become of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It was created; warnings as a client would get them.
    Created(Vec<String>),
    /// It is there as it was where it was dumped.
    Restored,
    /// It was there already and is left as it is.
    Present,
    /// Objects of its kind are not served here: `apiVersion` and `kind`.
    UnknownKind(String),
}

/// Who owns the fields of imported objects.
const MANAGER: &str = "berth-import";

impl Api {
    /// Puts in one object.
    ///
    /// One that has a UID and a resourceVersion comes from a dump: it keeps its UID, times and status, and
    /// the namespace that it is in is made if need be. Anything else is created with defaults and checks.
    pub fn import(&self, mut object: Value) -> Result<Imported, Failure> {
        let (version, kind) = (text(&object, "/apiVersion"), text(&object, "/kind"));
        if version.is_empty() || kind.is_empty() {
            return Err(Failure::bad_request("Object 'Kind' and 'apiVersion' are required"));
        }
        let Some(resource) = Resource::by_kind(version, kind) else {
            return Ok(Imported::UnknownKind(format!("{version} {kind}")));
        };
        let dumped = !text(&object, "/metadata/uid").is_empty()
            && !text(&object, "/metadata/resourceVersion").is_empty();
        if resource.namespaced && text(&object, "/metadata/namespace").is_empty() {
            super::verbs::metadata::of(&mut object).insert("namespace".into(), "default".into());
        }
        let namespace = text(&object, "/metadata/namespace").to_owned();
        if resource.namespaced && self.get_parsed("namespaces", &namespace).is_none() {
            self.add_namespace(&namespace);
        }
        if dumped && resource.view == View::Own {
            return self.restore(resource, &object);
        }
        let target = Target {
            resource,
            namespace: if resource.namespaced { namespace } else { String::new() },
            name: String::new(),
            subresource: String::new(),
        };
        let params = Params::default();
        let manager = MANAGER.to_owned();
        let mut call =
            Call { api: self, target: &target, params: &params, manager, warnings: Vec::new() };
        match create::insert(&mut call, object) {
            Ok(_) => Ok(Imported::Created(call.warnings)),
            Err(failure) if failure.reason == "AlreadyExists" => Ok(Imported::Present),
            Err(failure) => Err(failure),
        }
    }

    fn restore(&self, resource: &'static Resource, object: &Value) -> Result<Imported, Failure> {
        match self.store.create(resource.table, Encoder(resource).encode(object)) {
            Ok(_) => Ok(Imported::Restored),
            Err(WriteError::Exists) => Ok(Imported::Present),
            Err(WriteError::Missing | WriteError::Changed) => Err(Failure::no_such_path()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::store::Limits;
    use serde_json::json;

    #[test]
    fn a_dump_keeps_what_it_was_and_the_rest_is_created() {
        let api = Api::new(Limits::default());
        let dumped = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "namespace": "shop", "uid": "u-1", "resourceVersion": "77"},
            "spec": {"nodeName": "n1"}, "status": {"phase": "Running"},
        });
        assert_eq!(api.import(dumped.clone()).unwrap(), Imported::Restored);
        assert_eq!(api.import(dumped).unwrap(), Imported::Present);
        let get = |kind: &str, name: &str| api.get_parsed(kind, name);
        assert!(get("namespaces", "shop").is_some(), "its namespace is made");
        let pods = Resource::by_qualified("pods").unwrap();
        let pod = api.get(pods, "shop", "a").unwrap().parse().unwrap();
        assert_eq!(
            (&pod["metadata"]["uid"], &pod["status"]["phase"]),
            (&json!("u-1"), &json!("Running"))
        );

        let written = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
        assert_eq!(api.import(written.clone()).unwrap(), Imported::Created(Vec::new()));
        assert_eq!(api.import(written).unwrap(), Imported::Present);
        let unknown = json!({"apiVersion": "example.com/v1", "kind": "Thing"});
        let named = Imported::UnknownKind("example.com/v1 Thing".into());
        assert_eq!(api.import(unknown).unwrap(), named);
        assert_eq!(api.import(json!({"kind": "Pod"})).unwrap_err().code, 400);
    }
}
