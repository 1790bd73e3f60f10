//! What becomes of fields that a kind does not have: dropped, warned about, or refused.

use serde_json::Value;

use crate::apiserver::failure::Failure;
use crate::apiserver::http::FieldValidation;
use crate::apiserver::kinds::Resource;
use crate::apiserver::schema::{self, GroupVersionKind};

use super::{Call, text};

/// Reads what the body says about itself and makes it into what its type holds. `repeated` are the fields
/// that stand in it twice.
pub fn check(
    call: &mut Call<'_>,
    object: &mut Value,
    kind: &GroupVersionKind,
    repeated: Vec<String>,
) -> Result<(), Failure> {
    check_kind(object, kind)?;
    let warnings = read(call.params.field_validation, kind, object, repeated)?;
    call.warnings.extend(warnings);
    Ok(())
}

/// Refuses wrong types, drops unknown fields, and returns the warnings about those.
pub fn read(
    validation: FieldValidation,
    kind: &GroupVersionKind,
    object: &mut Value,
    mut repeated: Vec<String>,
) -> Result<Vec<String>, Failure> {
    if let Some(message) = schema::type_error(kind, object) {
        return Err(Failure::bad_request(message));
    }
    let mut findings = schema::unknown_fields(kind, object);
    findings.append(&mut repeated);
    if validation == FieldValidation::Ignore {
        findings.clear();
    }
    if validation == FieldValidation::Strict && !findings.is_empty() {
        let (version, name) = (&kind.version, &kind.kind);
        return Err(Failure::bad_request(format!(
            "{name} in version {version:?} cannot be handled as a {name}: strict decoding error: {}",
            findings.join(", ")
        )));
    }
    schema::prune(kind, object);
    Ok(findings)
}

/// Refuses a body that says that it is something else, and lets it be silent.
pub(super) fn check_kind(object: &Value, kind: &GroupVersionKind) -> Result<(), Failure> {
    let version = text(object, "/apiVersion");
    let expected = if kind.group.is_empty() {
        kind.version.to_string()
    } else {
        format!("{}/{}", kind.group, kind.version)
    };
    let name = text(object, "/kind");
    let is_known = |row: &Resource| row.kind == name && row.api_version == version;
    let is_other =
        (!name.is_empty() && name != &*kind.kind) || (!version.is_empty() && version != expected);
    if is_other && !name.is_empty() && !version.is_empty() && !Resource::all().iter().any(is_known)
    {
        let shown = version.rsplit('/').next().unwrap_or_default();
        return Err(Failure::bad_request(format!(
            "{name} in version {shown:?} cannot be handled as a {}: no kind {name:?} is registered for version {version:?} in scheme \"pkg/runtime/scheme.go:111\"",
            kind.kind
        )));
    }
    if !name.is_empty() && name != &*kind.kind {
        let shown = version.rsplit('/').next().unwrap_or_default();
        return Err(Failure::bad_request(format!(
            "{name} in version {shown:?} cannot be handled as a {}: converting ({shown}.{name}) to ({}.{}): unknown conversion",
            kind.kind,
            if kind.group.is_empty() { "core" } else { &*kind.group },
            kind.kind
        )));
    }
    if !version.is_empty() && version != expected {
        return Err(Failure::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        )));
    }
    Ok(())
}

/// The type of the bodies of `resource`, or of one of its subresources.
#[must_use]
pub fn body_kind(resource: &Resource, subresource: &str) -> GroupVersionKind {
    let (group, version, kind) = resource
        .subresource(subresource)
        .and_then(|sub| sub.body)
        .unwrap_or((resource.group, resource.version, resource.kind));
    GroupVersionKind::new(group, version, kind)
}
