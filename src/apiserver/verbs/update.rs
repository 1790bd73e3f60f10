//! `update`, and what every change of an object goes through.

use std::sync::Arc;

use serde_json::Value;

use crate::apiserver::failure::{Cause, Failure};
use crate::apiserver::http::Target;
use crate::apiserver::identity::now;
use crate::apiserver::objects;
use crate::apiserver::schema;
use crate::apiserver::store::{Encoder, Stored, WriteError};

use super::{Answer, Call, create, metadata, text};

/// How often a change that names no version is tried when others change the same object.
const TRIES_MAX: usize = 16;

/// Puts `object` in the place of the one that the call names.
pub fn update(call: &mut Call<'_>, object: Value) -> Result<Answer, Failure> {
    check_name(call.target, &object)?;
    let (kept, target) = (call.kept(), call.target);
    if call.api.get(kept, &target.namespace, &target.name).is_none()
        && kept.create_on_update
        && target.subresource.is_empty()
    {
        return create_instead(call, object);
    }
    let object = rewrite(call, true, &mut |old| {
        check_uid(target, old, &object)?;
        Ok(object.clone())
    })?;
    Ok(Answer::Object { code: 200, object })
}

fn create_instead(call: &mut Call<'_>, mut object: Value) -> Result<Answer, Failure> {
    let map = metadata::of(&mut object);
    map.insert("name".to_owned(), call.target.name.clone().into());
    map.remove("resourceVersion");
    let object = create::insert(call, object)?;
    Ok(Answer::Object { code: 201, object })
}

/// Refuses an object that says that it is another one.
pub(super) fn check_name(target: &Target, object: &Value) -> Result<(), Failure> {
    let (name, wanted) = (text(object, "/metadata/name"), &target.name);
    if name != wanted {
        return Err(Failure::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({wanted})"
        )));
    }
    let (namespace, wanted) = (text(object, "/metadata/namespace"), &target.namespace);
    if !namespace.is_empty() && target.resource.namespaced && namespace != wanted {
        return Err(Failure::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

/// The UID in a body is a precondition.
fn check_uid(target: &Target, old: &Value, new: &Value) -> Result<(), Failure> {
    let (is, wanted) = (text(old, "/metadata/uid"), text(new, "/metadata/uid"));
    if wanted.is_empty() || is == wanted {
        return Ok(());
    }
    let key = target.resource.key(&target.namespace, &target.name);
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{}/{key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, UID in object meta: {is}",
        target.resource.plural
    );
    Err(Failure::conflict(target.resource, &target.name, why))
}

/// Changes the object that the call names to what `make` makes of it. Where others change it at the same
/// time and the result names no version, it is made again from theirs.
pub fn rewrite(
    call: &mut Call<'_>,
    track: bool,
    make: &mut dyn FnMut(&Value) -> Result<Value, Failure>,
) -> Result<Arc<Stored>, Failure> {
    for _ in 0..TRIES_MAX {
        let stored = call.find()?;
        let old = stored.parse().map_err(Failure::internal)?;
        let new = make(&old)?;
        if let Some(done) = settle(call, track, &stored, &old, new)? {
            return Ok(done);
        }
    }
    Err(Failure::modified(call.resource(), &call.target.name))
}

/// Stores `new` over `old`; `None` when that is not the current version any more.
fn settle(
    call: &mut Call<'_>,
    track: bool,
    stored: &Arc<Stored>,
    old: &Value,
    mut new: Value,
) -> Result<Option<Arc<Stored>>, Failure> {
    let kept = call.kept();
    check_version(call, stored, &new)?;
    metadata::carry_over(call, old, &mut new)?;
    keep_other_parts(call, old, &mut new);
    let subresource = match call.target.subresource.as_str() {
        // A scale is a change of the whole by another door, an eviction says why in the status.
        "" | "scale" => None,
        "eviction" => Some("status"),
        other => Some(other),
    };
    let warnings =
        objects::on_update(&kept.qualified, subresource, old, &mut new, &now(), call.api)
            .map_err(|refusal| call.refused(&call.target.name, refusal))?;
    call.warnings.extend(warnings);
    schema::complete(&call.kind(), &mut new);
    metadata::move_generation(kept, old, &mut new);
    if track {
        call.track(Some(old), &mut new);
    }
    store(call, stored, &new)
}

/// Stores `new` in the place of `stored`, or takes that away where nothing holds up its deletion any
/// more.
pub fn store(
    call: &Call<'_>,
    stored: &Arc<Stored>,
    new: &Value,
) -> Result<Option<Arc<Stored>>, Failure> {
    let kept = call.kept();
    let draft = Encoder(kept).encode(new);
    let store = &call.api.store;
    let written = if is_deleted(kept.plural, new) {
        let unsaved = Arc::new(draft.finish(stored.revision()));
        if call.params.dry_run {
            return Ok(Some(unsaved));
        }
        store.remove(kept.table, stored.key(), stored.revision()).map(|_| unsaved)
    } else if draft.equals(stored) {
        return Ok(Some(Arc::clone(stored)));
    } else if call.params.dry_run {
        return Ok(Some(Arc::new(draft.finish(stored.revision()))));
    } else {
        store.replace(kept.table, draft, stored.revision())
    };
    match written {
        Ok(object) => Ok(Some(object)),
        Err(WriteError::Changed) => Ok(None),
        Err(WriteError::Missing | WriteError::Exists) => {
            Err(Failure::not_found(call.resource(), &call.target.name))
        }
    }
}

/// Whether a deletion has begun and nothing holds it up. Upstream: ShouldDeleteDuringUpdate.
fn is_deleted(plural: &str, object: &Value) -> bool {
    let metadata = &object["metadata"];
    let is_empty = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
    !text(metadata, "/deletionTimestamp").is_empty()
        && metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
        && is_empty(&metadata["finalizers"])
        && (plural != "namespaces" || is_empty(&object["spec"]["finalizers"]))
}

fn check_version(call: &Call<'_>, stored: &Stored, new: &Value) -> Result<(), Failure> {
    let version = text(new, "/metadata/resourceVersion");
    if version.is_empty() || version == "0" {
        if call.kept().conditional_update {
            let cause = Cause {
                reason: "FieldValueInvalid".to_owned(),
                message: "Invalid value: 0: must be specified for an update".to_owned(),
                field: "metadata.resourceVersion".to_owned(),
            };
            let (group, plural) = (call.resource().group, call.resource().plural);
            return Err(Failure::invalid(group, plural, &call.target.name, vec![cause]));
        }
        return Ok(());
    }
    match version.parse::<u64>() {
        Ok(version) if version == stored.revision() => Ok(()),
        Ok(_) => Err(Failure::modified(call.resource(), &call.target.name)),
        Err(_) => {
            Err(Failure::untyped(format!("strconv.ParseUint: parsing {version:?}: invalid syntax")))
        }
    }
}

/// A write at the address of a part leaves the other parts alone, and one at the main address leaves the
/// status alone. Upstream: the PrepareForUpdate of the kinds.
fn keep_other_parts(call: &Call<'_>, old: &Value, new: &mut Value) {
    let kept = call.kept();
    match call.target.subresource.as_str() {
        "status" => {
            let status = new.get_mut("status").map(Value::take);
            let mut whole = old.clone();
            whole["metadata"] = new["metadata"].take();
            set(&mut whole, "status", status);
            if kept.plural == "pods" {
                let owners = old["metadata"].get("ownerReferences").cloned();
                set(&mut whole["metadata"], "ownerReferences", owners);
            } else if !matches!(kept.plural, "nodes" | "namespaces") {
                let labels = old["metadata"].get("labels").cloned();
                set(&mut whole["metadata"], "labels", labels);
            }
            *new = whole;
        }
        "" if kept.has_status() => set(new, "status", old.get("status").cloned()),
        _ => {}
    }
}

fn set(object: &mut Value, key: &str, value: Option<Value>) {
    let Some(object) = object.as_object_mut() else { return };
    match value {
        Some(value) => object.insert(key.to_owned(), value),
        None => object.remove(key),
    };
}
