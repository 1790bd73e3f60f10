//! `patch`, of all four sorts.

use serde_json::Value;

use crate::apiserver::failure::{Cause, Failure};
use crate::apiserver::http::FieldValidation;
use crate::apiserver::patch::{self, PatchError};
use crate::apiserver::schema::{self, GroupVersionKind};

use super::{Answer, Call, create, text, update};

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
    /// The media types that are taken.
    pub const ACCEPTED: &str = "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml, application/apply-patch+cbor";

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
        let new = patched(&kind, sort, old, body).map_err(|error| {
            refused(target.resource.group, target.resource.kind, &target.name, error)
        })?;
        unknown = check_fields(validation, &kind, &new)?;
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
        Sort::Merge => patch::merge(&mut new, body),
        Sort::Strategic | Sort::Apply => patch::strategic(kind, &mut new, body)?,
    }
    Ok(new)
}

/// The warnings about fields that the patched object should not have.
fn check_fields(
    validation: FieldValidation,
    kind: &GroupVersionKind,
    object: &Value,
) -> Result<Vec<String>, Failure> {
    if validation == FieldValidation::Ignore {
        return Ok(Vec::new());
    }
    let unknown = schema::unknown_fields(kind, object);
    let sentences: Vec<String> =
        unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
    if validation == FieldValidation::Strict && !sentences.is_empty() {
        let message = format!("strict decoding error: {}", sentences.join(", "));
        return Err(Failure::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: {message}",
            kind.kind, kind.version, kind.kind
        )));
    }
    Ok(sentences)
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
    let (kind, options, target) = (call.kind(), call.apply_options(), call.target);
    let resource = call.resource();
    let warnings = check_fields(call.params.field_validation, &kind, body)?;
    call.warnings.extend(warnings);
    let failure = |error| refused(resource.group, resource.kind, &target.name, error);
    if call.api.get(resource, &target.namespace, &target.name).is_none()
        && target.subresource.is_empty()
    {
        let mut object = patch::apply(&kind, None, body, &options).map_err(failure)?;
        super::metadata::of(&mut object).insert("name".to_owned(), target.name.clone().into());
        let object = create::insert_with(call, object, false)?;
        return Ok(Answer::Object { code: 201, object });
    }
    let object = update::rewrite(call, false, &mut |old| {
        patch::apply(&kind, Some(old), body, &options).map_err(failure)
    })?;
    Ok(Answer::Object { code: 200, object })
}

/// A failed patch as a failure.
#[must_use]
pub fn refused(group: &str, kind: &str, name: &str, error: PatchError) -> Failure {
    match error {
        PatchError::BadRequest(message) => Failure::bad_request(message),
        PatchError::UnsupportedMediaType(message) => {
            Failure::new(415, "UnsupportedMediaType", message)
        }
        PatchError::Invalid(message) => {
            let mut failure = Failure::invalid(group, kind, name, Vec::new());
            failure.message = message;
            failure
        }
        PatchError::Conflict(conflicts) => {
            let count = conflicts.len();
            let plural = if count == 1 { "" } else { "s" };
            let first = conflicts.first().map(|c| c.message()).unwrap_or_default();
            let message = if count == 1 {
                format!("Apply failed with 1 conflict: {first}")
            } else {
                let all: Vec<String> =
                    conflicts.iter().map(|c| format!("- {}", c.message())).collect();
                format!("Apply failed with {count} conflict{plural}: {}", all.join("\n"))
            };
            let mut failure = Failure::new(409, "Conflict", message);
            for conflict in conflicts {
                failure = failure.with_cause(Cause {
                    reason: "FieldManagerConflict".to_owned(),
                    message: conflict.message(),
                    field: conflict.field,
                });
            }
            failure
        }
    }
}
