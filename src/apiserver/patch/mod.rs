//! Patches. A place-holder: merge patches only.

use serde_json::Value;

use super::schema::GroupVersionKind;

/// A conflict of a server-side apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyConflict {
    /// Who owns the field.
    pub manager: String,
    /// The field.
    pub field: String,
}

impl ApplyConflict {
    /// As a Status says it.
    #[must_use]
    pub fn message(&self) -> String {
        format!("conflict with {:?}: {}", self.manager, self.field)
    }
}

/// Why a patch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// 400.
    #[error("{0}")]
    BadRequest(String),
    /// 422.
    #[error("{0}")]
    Invalid(String),
    /// 409.
    #[error("conflicts")]
    Conflict(Vec<ApplyConflict>),
    /// 415.
    #[error("{0}")]
    UnsupportedMediaType(String),
}

/// Who applies, and how.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// The field manager.
    pub manager: String,
    /// Whether to take fields that others own.
    pub force: bool,
    /// The subresource.
    pub subresource: Option<String>,
    /// Now, as in metadata.
    pub time: String,
}

/// A JSON patch.
pub fn json(doc: &mut Value, patch: &Value) -> Result<(), PatchError> {
    let patch: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|error| PatchError::BadRequest(error.to_string()))?;
    json_patch::patch(doc, &patch).map_err(|error| PatchError::Invalid(error.to_string()))
}

/// A merge patch.
pub fn merge(doc: &mut Value, patch: &Value) {
    json_patch::merge(doc, patch);
}

/// A strategic merge patch.
pub fn strategic(_: &GroupVersionKind, doc: &mut Value, patch: &Value) -> Result<(), PatchError> {
    merge(doc, patch);
    Ok(())
}

/// A server-side apply.
pub fn apply(
    _: &GroupVersionKind,
    live: Option<&Value>,
    applied: &Value,
    _: &ApplyOptions,
) -> Result<Value, PatchError> {
    let mut doc = live.cloned().unwrap_or_default();
    merge(&mut doc, applied);
    Ok(doc)
}

/// Keeps `metadata.managedFields`.
pub fn track(_: &GroupVersionKind, _: Option<&Value>, _: &mut Value, _: &ApplyOptions) {}
