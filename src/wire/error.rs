//! [`ObjectError`]: which object cannot be used, and because of which field.

use std::fmt;

/// Why a Kubernetes object cannot be converted. What is not known of it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectError {
    /// Its kind, such as `Pod`.
    pub kind: String,
    /// Its name, after its namespace and a slash where it has one.
    pub name: String,
    /// The field, such as `spec.containers[1].resources.requests.cpu`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

/// `Pod default/p0: spec.containers[1].resources.requests.cpu: "1x": unknown suffix "x"`.
impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = [&*self.kind, &*self.name];
        let object = object.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        let parts = [&*object.join(" "), &*self.path, &*self.message];
        let parts = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        f.write_str(&parts.join(": "))
    }
}

impl std::error::Error for ObjectError {}

/// A field that cannot be used; its object is known further up.
#[derive(Debug)]
pub(super) struct FieldError {
    pub(super) path: String,
    pub(super) message: String,
}

impl FieldError {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }

    /// The same error of the object `name` of the kind `kind`.
    pub(super) fn of(self, kind: impl Into<String>, name: impl Into<String>) -> ObjectError {
        let Self { path, message } = self;
        ObjectError { kind: kind.into(), name: name.into(), path, message }
    }
}
