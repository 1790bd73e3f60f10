//! `patch`, of all four sorts.

use serde_json::Value;

use crate::apiserver::failure::{Cause, Failure};
use crate::apiserver::http::Target;
use crate::apiserver::identity::now;
use crate::apiserver::patch::{self, ApplyOptions, PatchError};
use crate::apiserver::schema::{self, GroupVersionKind};

use super::{Answer, Call, create, fields, text, update};

/// How a patch is meant, by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// A merge that knows how the lists of the kind are keyed.
    Strategic,
    /// Server-side apply.
    Apply,
}

impl Sort {
    /// By media type.
    #[must_use]
    pub fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            "application/apply-patch+yaml" => Some(Self::Apply),
            _ => None,
        }
    }
}

/// Patches the object that the call names.
pub fn patch(call: &mut Call<'_>, sort: Sort, body: &Value) -> Result<Answer, Failure> {
    if sort == Sort::Apply {
        return apply(call, body);
    }
    let kind = call.kind();
    let (validation, target) = (call.params.field_validation, call.target);
    let mut unknown = Vec::new();
    let object = update::rewrite(call, true, &mut |old| {
        let mut new =
            patched(&kind, sort, old, body).map_err(|error| inapplicable(sort, target, error))?;
        unknown = fields::check_kind(&new, &kind)
            .and_then(|()| fields::read(validation, &kind, &mut new, Vec::new()))
            .map_err(|failure| undecodable(failure, body))?;
        update::check_name(target, &new)?;
        Ok(new)
    })?;
    call.warnings.append(&mut unknown);
    Ok(Answer::Object { code: 200, object })
}

/// `old` after a patch.
pub fn patched(
    kind: &GroupVersionKind,
    sort: Sort,
    old: &Value,
    body: &Value,
) -> Result<Value, PatchError> {
    let mut new = old.clone();
    match sort {
        Sort::Json => patch::json(&mut new, body)?,
        Sort::Merge => patch::merge(&mut new, body)?,
        Sort::Strategic | Sort::Apply => patch::strategic(kind, &mut new, body)?,
    }
    Ok(new)
}

fn apply(call: &mut Call<'_>, body: &Value) -> Result<Answer, Failure> {
    if call.params.field_manager.is_empty() {
        let cause = Cause {
            reason: "FieldValueRequired".to_owned(),
            message: "Required value: is required for apply patch".to_owned(),
            field: "fieldManager".to_owned(),
        };
        return Err(Failure::invalid("meta.k8s.io", "PatchOptions", "", vec![cause]));
    }
    let name = text(body, "/metadata/name");
    if !name.is_empty() && name != call.target.name {
        return Err(Failure::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.target.name
        )));
    }
    let (kind, target, resource) = (call.kind(), call.target, call.resource());
    let time = now();
    let options = ApplyOptions {
        manager: &call.manager.clone(),
        force: call.params.force,
        subresource: &target.subresource,
        time: &time,
    };
    let failure = |error| refused(resource.group, resource.kind, &target.name, error);
    if call.api.get(resource, &target.namespace, &target.name).is_none()
        && target.subresource.is_empty()
    {
        let mut object = patch::apply(&kind, None, body, &options).map_err(failure)?;
        check_applied(&kind, target, &object)?;
        super::metadata::of(&mut object).insert("name".to_owned(), target.name.clone().into());
        let object = create::insert_with(call, object, false)?;
        return Ok(Answer::Object { code: 201, object });
    }
    let object = update::rewrite(call, false, &mut |old| {
        let object = patch::apply(&kind, Some(old), body, &options).map_err(failure)?;
        check_applied(&kind, target, &object)?;
        Ok(object)
    })?;
    Ok(Answer::Object { code: 200, object })
}

/// Server-side apply knows texts and numbers, and not what a quantity or a time is.
/// Upstream: structuredMergeManager.Apply.
fn check_applied(kind: &GroupVersionKind, target: &Target, object: &Value) -> Result<(), Failure> {
    let Some(message) = schema::type_error(kind, object) else { return Ok(()) };
    let why = message.split_once(": ").map_or(&*message, |(_, why)| why);
    let Target { namespace, name, .. } = target;
    Err(Failure::untyped(format!(
        "failed to convert new typed object ({namespace}/{name}; {kind}) to object: {why}"
    )))
}

/// Upstream: a JSON patch that does not apply gets a generic answer.
fn inapplicable(sort: Sort, target: &Target, error: PatchError) -> Failure {
    if sort == Sort::Json && matches!(error, PatchError::Invalid(_)) {
        let message = "the server rejected our request due to an error in our request";
        let mut failure = Failure::new(422, "Invalid", message);
        failure.details = Some(Box::default());
        return failure;
    }
    refused(target.resource.group, target.resource.kind, &target.name, error)
}

/// Upstream: what the patched object cannot be decoded for is the patch's fault.
fn undecodable(failure: Failure, patch: &Value) -> Failure {
    if failure.code != 400 || failure.message.contains("strict decoding error") {
        return failure;
    }
    let cause = Cause {
        reason: "FieldValueInvalid".to_owned(),
        message: format!("Invalid value: {:?}: {}", patch.to_string(), failure.message),
        field: "patch".to_owned(),
    };
    Failure::invalid("", "", "", vec![cause])
}

/// A failed patch as a failure.
#[must_use]
pub fn refused(group: &str, kind: &str, name: &str, error: PatchError) -> Failure {
    let message = error.to_string();
    match error {
        PatchError::BadRequest(_) => Failure::bad_request(message),
        PatchError::TooLarge(_) => Failure::new(413, "RequestEntityTooLarge", message),
        PatchError::UnsupportedMediaType(_) => Failure::new(415, "UnsupportedMediaType", message),
        PatchError::Invalid(_) => {
            let mut failure = Failure::invalid(group, kind, name, Vec::new());
            failure.message = message;
            failure
        }
        PatchError::Conflict(conflicts) => {
            let failure = Failure::new(409, "Conflict", message);
            conflicts.iter().fold(failure, |failure, conflict| {
                failure.with_cause(Cause {
                    reason: "FieldManagerConflict".to_owned(),
                    message: conflict.message(),
                    field: conflict.field.clone(),
                })
            })
        }
    }
}
