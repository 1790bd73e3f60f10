//! Why a patch is refused, in upstream's words.

use std::fmt::{self, Write};

/// Why a patch is refused; the variant decides the HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// 400: the patch is malformed.
    ///
    /// Differs from upstream: also where upstream answers 500, as for an unknown field in a server-side
    /// apply.
    #[error("{0}")]
    BadRequest(String),
    /// 422: the patch does not apply to the object.
    #[error("{0}")]
    Invalid(String),
    /// 409: others own fields that an apply without force would change.
    #[error("{}", ConflictText(.0))]
    Conflict(Vec<ApplyConflict>),
    /// 413: more operations than are allowed.
    #[error("{0}")]
    TooLarge(String),
    /// 415: the kind of patch is not supported for this object.
    #[error("{0}")]
    UnsupportedMediaType(String),
}

/// A field that somebody else owns. Upstream: a StatusCause of type FieldManagerConflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyConflict {
    /// Who owns the field.
    pub manager: String,
    /// Through which subresource; empty for the object itself.
    pub subresource: String,
    /// With which version an owner by update wrote; `None` for owners by apply.
    pub api_version: Option<String>,
    /// The path of the field: `.spec.replicas`.
    pub field: String,
}

impl ApplyConflict {
    /// The message of the cause: `conflict with "kubectl" using apps/v1`.
    #[must_use]
    pub fn message(&self) -> String {
        format!("conflict with {}", Owner(self))
    }
}

/// `"manager" with subresource "status" using v1`.
struct Owner<'a>(&'a ApplyConflict);

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.manager)?;
        if !self.0.subresource.is_empty() {
            write!(f, " with subresource {:?}", self.0.subresource)?;
        }
        match &self.0.api_version {
            Some(version) => write!(f, " using {version}"),
            None => Ok(()),
        }
    }
}

/// Upstream: getConflictMessage in apimachinery/pkg/util/managedfields. Conflicts come by owner.
struct ConflictText<'a>(&'a [ApplyConflict]);

impl fmt::Display for ConflictText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = self.0 {
            return write!(f, "Apply failed with 1 conflict: {}: {}", one.message(), one.field);
        }
        write!(f, "Apply failed with {} conflicts: ", self.0.len())?;
        let mut last = String::new();
        for (at, conflict) in self.0.iter().enumerate() {
            let owner = Owner(conflict).to_string();
            if owner != last {
                let newline = if at == 0 { "" } else { "\n" };
                write!(f, "{newline}conflicts with {owner}:")?;
                last = owner;
            }
            f.write_char('\n')?;
            write!(f, "- {}", conflict.field)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_read_as_upstream_writes_them() {
        let conflict = |manager: &str, version: Option<&str>, field: &str| ApplyConflict {
            manager: manager.to_owned(),
            subresource: String::new(),
            api_version: version.map(str::to_owned),
            field: field.to_owned(),
        };
        let one = conflict("kubectl-client-side-apply", Some("apps/v1"), ".spec.replicas");
        assert_eq!(
            PatchError::Conflict(vec![one.clone()]).to_string(),
            "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using apps/v1: \
             .spec.replicas"
        );
        let several = vec![one.clone(), conflict("z", None, ".a"), conflict("z", None, ".b")];
        assert_eq!(
            PatchError::Conflict(several).to_string(),
            "Apply failed with 3 conflicts: conflicts with \"kubectl-client-side-apply\" using apps/v1:\n\
             - .spec.replicas\nconflicts with \"z\":\n- .a\n- .b"
        );
        let status = ApplyConflict { subresource: "status".to_owned(), ..one };
        assert!(status.message().ends_with("with subresource \"status\" using apps/v1"));
    }
}
