//! What the types of the Kubernetes API look like: fields, lists, keys, as v1.37.2 has them.
//!
//! The REST side asks it what a body may contain ([`unknown_fields`], [`type_error`]) and has it made into
//! what upstream would store ([`prune`], [`complete`]); [`super::patch`] asks how lists and maps merge.
//! The facts are in `kinds.txt`, made by `tests/upstream/schema` and compared by `tests/patches.rs`.
//!
//! Nothing here does IO or reads a clock. Recursion follows the depth of the value: callers that read
//! bodies with `serde_json` have its limit of 128 levels, [`super::patch`] has a limit of its own.

mod check;
mod decode;
mod openapi;
mod parse;
mod prune;
mod quantity;
mod table;
mod time;

use std::fmt;

pub use check::{MESSAGES_MAX, json_type, type_error, unknown_fields};
pub use decode::parse_strict;
pub use openapi::openapi_v3;
pub use prune::{complete, prune};
pub use quantity::canonical as canonical_quantity;
pub use table::{Field, ListKind, Merge, Omit, Schema, Shape, Struct, Type, TypeRef};

/// Which type of which version of which group: `apps`, `v1`, `Deployment`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionKind {
    /// The group, empty for the core group.
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

    /// What stands in `apiVersion`: `v1`, `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// As upstream's messages have it: `apps/v1, Kind=Deployment`, `/v1, Kind=Pod`.
impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, Kind={}", self.group, self.version, self.kind)
    }
}
