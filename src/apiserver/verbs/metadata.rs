//! What the server itself keeps in an object's metadata, whatever its kind.
//! Upstream: rest.BeforeCreate and rest.BeforeUpdate, v1.37.

use serde_json::{Map, Value, json};

use crate::apiserver::failure::{Cause, Failure};
use crate::apiserver::identity::now;
use crate::apiserver::kinds::{Generation, Resource};

use super::{Call, text};

/// The metadata of `object`, an object even where it was not.
pub fn of(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = json!({});
    }
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = json!({});
    }
    match metadata {
        Value::Object(map) => map,
        _ => unreachable!("it has just been made an object"),
    }
}

/// Puts the namespace of the request into `object`.
pub fn settle_namespace(
    object: &mut Value,
    resource: &Resource,
    namespace: &str,
) -> Result<(), Failure> {
    let own = text(object, "/metadata/namespace");
    if !resource.namespaced {
        of(object).remove("namespace");
    } else if own.is_empty() {
        of(object).insert("namespace".to_owned(), namespace.into());
    } else if own != namespace {
        return Err(Failure::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

/// Gives `object` what every new object has.
pub fn begin(call: &Call<'_>, object: &mut Value) -> Result<(), Failure> {
    let resource = call.kept();
    settle_namespace(object, resource, &call.target.namespace)?;
    if !text(object, "/metadata/resourceVersion").is_empty() {
        return Err(Failure::untyped("resourceVersion should not be set on objects to be created"));
    }
    let metadata = of(object);
    for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"] {
        metadata.remove(key);
    }
    metadata.insert("uid".to_owned(), call.api.identities.uid().into());
    metadata.insert("creationTimestamp".to_owned(), now().into());
    if resource.generation == Generation::None {
        metadata.remove("generation");
    } else {
        metadata.insert("generation".to_owned(), 1.into());
    }
    Ok(())
}

/// The name of `object`, or one made from `generateName`; the second says whether it was made.
pub fn settle_name(call: &Call<'_>, object: &mut Value) -> Result<(String, bool), Failure> {
    let name = text(object, "/metadata/name").to_owned();
    if !name.is_empty() {
        return Ok((name, false));
    }
    let base = text(object, "/metadata/generateName");
    if base.is_empty() {
        let cause = Cause {
            reason: "FieldValueRequired".to_owned(),
            message: "Required value: name or generateName is required".to_owned(),
            field: "metadata.name".to_owned(),
        };
        return Err(Failure::invalid_field(call.resource(), "", cause));
    }
    let name = call.api.identities.name(base);
    of(object).insert("name".to_owned(), name.clone().into());
    Ok((name, true))
}

/// No name may lead out of its path, whatever the rules of its kind. Upstream: IsValidPathSegmentName.
pub fn check_path_segment(call: &Call<'_>, name: &str) -> Result<(), Failure> {
    let why = if name == "." || name == ".." {
        format!("may not be '{name}'")
    } else if let Some(c) = ['/', '%'].into_iter().find(|c| name.contains(*c)) {
        format!("may not contain '{c}'")
    } else {
        return Ok(());
    };
    let cause = Cause {
        reason: "FieldValueInvalid".to_owned(),
        message: format!("Invalid value: {name:?}: {why}"),
        field: "metadata.name".to_owned(),
    };
    Err(Failure::invalid_field(call.resource(), name, cause))
}

/// Refuses new objects in namespaces that are not there or are going. Upstream: NamespaceLifecycle.
pub fn check_namespace(call: &Call<'_>, name: &str) -> Result<(), Failure> {
    let resource = call.resource();
    if !resource.namespaced {
        return Ok(());
    }
    let namespace = call.target.namespace.as_str();
    let Some(found) = call.api.get_parsed("namespaces", namespace) else {
        return Err(match Resource::by_qualified("namespaces") {
            Some(namespaces) => Failure::not_found(namespaces, namespace),
            None => Failure::no_such_path(),
        });
    };
    if text(&found, "/metadata/deletionTimestamp").is_empty() {
        return Ok(());
    }
    let why = format!(
        "unable to create new content in namespace {namespace} because it is being terminated"
    );
    let cause = Cause {
        reason: "NamespaceTerminating".to_owned(),
        message: format!("namespace {namespace} is being terminated"),
        field: "metadata.namespace".to_owned(),
    };
    Err(Failure::forbidden(resource, name, why).with_cause(cause))
}

/// Makes the metadata of `new` follow that of `old`, which it replaces.
pub fn carry_over(call: &Call<'_>, old: &Value, new: &mut Value) -> Result<(), Failure> {
    let resource = call.kept();
    let name = &call.target.name;
    settle_namespace(new, resource, text(old, "/metadata/namespace"))?;
    let before = &old["metadata"];
    let mut causes = Vec::new();
    let metadata = of(new);
    metadata.remove("selfLink");
    // Only the server moves these.
    for key in ["generation", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        match before.get(key) {
            Some(value) => metadata.insert(key.to_owned(), value.clone()),
            None => metadata.remove(key),
        };
    }
    for key in ["name", "uid", "creationTimestamp"] {
        let was = before.get(key).cloned().unwrap_or_default();
        let is = metadata.get(key).filter(|value| !value.is_null() && **value != "");
        if let Some(is) = is.filter(|is| **is != was) {
            causes.push(Cause {
                reason: "FieldValueInvalid".to_owned(),
                message: format!("Invalid value: {is}: field is immutable"),
                field: format!("metadata.{key}"),
            });
        }
        metadata.insert(key.to_owned(), was);
    }
    causes.extend(new_finalizers(before, metadata));
    if causes.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(resource.group, resource.kind, name, causes))
}

/// Nothing may hold up a deletion that has begun and did not before.
fn new_finalizers(before: &Value, metadata: &Map<String, Value>) -> Option<Cause> {
    before.get("deletionTimestamp")?;
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let old = list(before.get("finalizers"));
    let mut added = list(metadata.get("finalizers"));
    added.retain(|one| !old.contains(one));
    if added.is_empty() {
        return None;
    }
    let names: Vec<String> = added.iter().map(Value::to_string).collect();
    Some(Cause {
        reason: "FieldValueForbidden".to_owned(),
        message: format!(
            "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            names.join(", ")
        ),
        field: "metadata.finalizers".to_owned(),
    })
}

/// Moves the generation on where `new` asks for something else than `old`.
pub fn move_generation(resource: &Resource, old: &Value, new: &mut Value) {
    let differs = match resource.generation {
        Generation::None | Generation::Constant => false,
        Generation::Spec => old.get("spec") != new.get("spec"),
        Generation::Content => content_differs(old, new),
    };
    if differs {
        let next = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
        of(new).insert("generation".to_owned(), next.into());
    }
}

fn content_differs(old: &Value, new: &Value) -> bool {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return false };
    let counts = |key: &String| !matches!(key.as_str(), "metadata" | "status");
    let keys = old.keys().chain(new.keys());
    keys.filter(|key| counts(key)).any(|key| old.get(key) != new.get(key))
}
