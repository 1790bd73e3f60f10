//! Types of the kinds. A place-holder: nothing is known.

use serde_json::Value;

/// Which type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionKind {
    /// The group.
    pub group: Box<str>,
    /// The version.
    pub version: Box<str>,
    /// The kind.
    pub kind: Box<str>,
}

impl GroupVersionKind {
    /// From its three parts.
    #[must_use]
    pub fn new(group: &str, version: &str, kind: &str) -> Self {
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }
}

/// Paths of fields that the type does not have.
#[must_use]
pub fn unknown_fields(_: &GroupVersionKind, _: &Value) -> Vec<String> {
    Vec::new()
}
