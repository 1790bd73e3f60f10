//! [`Failure`]: why a request is refused, as upstream's `Status` object says it.
//! Upstream: apimachinery pkg/api/errors, v1.37.

use serde_json::{Value, json};

use super::kinds::Resource;

/// One finding within a [`Failure`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// A word for programs, such as `FieldValueInvalid`.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// The field, if one is at fault.
    pub field: String,
}

/// What a refusal is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Name of the object.
    pub name: String,
    /// Its group.
    pub group: String,
    /// Its kind or, mostly, its resource.
    pub kind: String,
    /// Its UID.
    pub uid: String,
    /// What was found.
    pub causes: Vec<Cause>,
    /// When to try again.
    pub retry_after_seconds: u32,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The HTTP status.
    pub code: u16,
    /// The reason, a word that clients branch on.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
    /// What it is about.
    pub details: Option<Box<Details>>,
    /// For an expired list: the token to go on with, at another version.
    pub resume: Option<String>,
}

impl Failure {
    /// A failure without details.
    #[must_use]
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, resume: None }
    }

    fn about(mut self, resource: &Resource, name: &str) -> Self {
        self.details = Some(Box::new(Details {
            name: name.to_owned(),
            group: resource.group.to_owned(),
            kind: resource.plural.to_owned(),
            ..Details::default()
        }));
        self
    }

    /// There is no such object.
    #[must_use]
    pub fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} {name:?} not found", resource.qualified))
            .about(resource, name)
    }

    /// There is no such resource, or nothing at such a path.
    #[must_use]
    pub fn no_such_path() -> Self {
        let mut failure =
            Self::new(404, "NotFound", "the server could not find the requested resource");
        failure.details = Some(Box::default());
        failure
    }

    /// There is an object of that name.
    #[must_use]
    pub fn already_exists(resource: &Resource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} {name:?} already exists", resource.qualified))
            .about(resource, name)
    }

    /// No free name was found for `generateName`.
    #[must_use]
    pub fn no_name_generated(resource: &Resource, name: &str) -> Self {
        let message = format!(
            "{} {name:?} already exists, the server was not able to generate a unique name for the object",
            resource.qualified
        );
        Self::new(409, "AlreadyExists", message).about(resource, name).retry_after(1)
    }

    /// The object is not as the request wants it.
    #[must_use]
    pub fn conflict(resource: &Resource, name: &str, why: impl std::fmt::Display) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified);
        Self::new(409, "Conflict", message).about(resource, name)
    }

    /// The object has another resourceVersion than the request names.
    #[must_use]
    pub fn modified(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// The request is understood and not allowed.
    #[must_use]
    pub fn forbidden(resource: &Resource, name: &str, why: impl std::fmt::Display) -> Self {
        let message = if name.is_empty() {
            format!("{} is forbidden: {why}", resource.qualified)
        } else {
            format!("{} {name:?} is forbidden: {why}", resource.qualified)
        };
        Self::new(403, "Forbidden", message).about(resource, name)
    }

    /// The object is not valid.
    #[must_use]
    pub fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let texts: Vec<String> = causes
            .iter()
            .map(|cause| match &*cause.field {
                "" => cause.message.clone(),
                field => format!("{field}: {}", cause.message),
            })
            .collect();
        let group_kind = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let message = match &*texts {
            [] => format!("{group_kind} {name:?} is invalid"),
            [one] => format!("{group_kind} {name:?} is invalid: {one}"),
            many => format!("{group_kind} {name:?} is invalid: [{}]", many.join(", ")),
        };
        let mut failure = Self::new(422, "Invalid", message);
        failure.details = Some(Box::new(Details {
            name: name.to_owned(),
            group: group.to_owned(),
            kind: kind.to_owned(),
            causes,
            ..Details::default()
        }));
        failure
    }

    /// One field of an object is not valid.
    #[must_use]
    pub fn invalid_field(resource: &Resource, name: &str, cause: Cause) -> Self {
        Self::invalid(resource.group, resource.kind, name, vec![cause])
    }

    /// The request cannot be understood.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// What upstream answers for errors that it has no reason for.
    #[must_use]
    pub fn untyped(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// Nothing takes such requests here.
    #[must_use]
    pub fn no_such_method() -> Self {
        let message = "the server does not allow this method on the requested resource";
        let mut failure = Self::new(405, "MethodNotAllowed", message);
        failure.details = Some(Box::default());
        failure
    }

    /// A parameter has a value that it cannot have. `options` is the kind of the parameters.
    #[must_use]
    pub fn unsupported_value(options: &str, field: &str, value: &str, supported: &[&str]) -> Self {
        let supported: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
        let cause = Cause {
            reason: "FieldValueNotSupported".to_owned(),
            message: format!(
                "Unsupported value: {value}: supported values: {}",
                supported.join(", ")
            ),
            field: field.to_owned(),
        };
        Self::invalid("meta.k8s.io", options, "", vec![cause])
    }

    /// The server's own fault.
    #[must_use]
    pub fn internal(why: impl std::fmt::Display) -> Self {
        let mut failure =
            Self::new(500, "InternalError", format!("Internal error occurred: {why}"));
        let cause = Cause { message: why.to_string(), ..Cause::default() };
        failure.details = Some(Box::new(Details { causes: vec![cause], ..Details::default() }));
        failure
    }

    /// The history that the request needs is gone.
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// The client has to wait.
    #[must_use]
    pub fn too_many_requests(message: impl Into<String>, seconds: u32) -> Self {
        Self::new(429, "TooManyRequests", message).retry_after(seconds)
    }

    /// None of the media types that the client takes can be written.
    #[must_use]
    pub fn not_acceptable() -> Self {
        let message = "406: Not Acceptable\n\nAvailable representations: application/json, application/json;stream=watch";
        let mut failure = Self::new(406, "NotAcceptable", message);
        failure.details = Some(Box::default());
        failure
    }

    /// A patch of no known sort.
    #[must_use]
    pub fn unsupported_patch() -> Self {
        let mut failure = Self::new(415, "UnsupportedMediaType", "415: Unsupported Media Type");
        failure.details = Some(Box::default());
        failure
    }

    /// The body's media type cannot be read. `accepted` are those that can.
    #[must_use]
    pub fn unsupported_media_type(accepted: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// The body is longer than a body may be.
    #[must_use]
    pub fn too_large(bytes_max: usize) -> Self {
        let message = format!("Request entity too large: limit is {bytes_max}");
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// Nobody has signed the request.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// The same failure with a cause more.
    #[must_use]
    pub fn with_cause(mut self, cause: Cause) -> Self {
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// The same failure, to be tried again after some seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.details.get_or_insert_default().retry_after_seconds = seconds;
        self
    }

    /// As a `Status` object.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut metadata = json!({});
        if let Some(token) = &self.resume {
            metadata["continue"] = json!(token);
        }
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": metadata,
            "status": "Failure", "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            status["details"] = details.to_value();
        }
        status
    }
}

impl Details {
    /// As a part of a `Status`, without what is empty.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut out = json!({});
        let words = [
            ("name", &self.name),
            ("group", &self.group),
            ("kind", &self.kind),
            ("uid", &self.uid),
        ];
        for (key, word) in words {
            if !word.is_empty() {
                out[key] = json!(word);
            }
        }
        if !self.causes.is_empty() {
            out["causes"] = self.causes.iter().map(Cause::to_value).collect();
        }
        if self.retry_after_seconds > 0 {
            out["retryAfterSeconds"] = json!(self.retry_after_seconds);
        }
        out
    }
}

impl Cause {
    fn to_value(&self) -> Value {
        let mut out = json!({});
        let words = [("reason", &self.reason), ("message", &self.message), ("field", &self.field)];
        for (key, word) in words {
            if !word.is_empty() {
                out[key] = json!(word);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_upstream() {
        let pods = Resource::find("", "v1", "pods").unwrap();
        let deployments = Resource::find("apps", "v1", "deployments").unwrap();
        assert_eq!(Failure::not_found(pods, "x").message, r#"pods "x" not found"#);
        assert_eq!(
            Failure::already_exists(deployments, "x").message,
            r#"deployments.apps "x" already exists"#
        );
        assert_eq!(
            Failure::modified(pods, "x").message,
            r#"Operation cannot be fulfilled on pods "x": the object has been modified; please apply your changes to the latest version and try again"#
        );
    }

    #[test]
    fn causes_are_listed_in_the_message() {
        let cause = |field: &str| Cause {
            reason: "FieldValueRequired".into(),
            message: "Required value".into(),
            field: field.into(),
        };
        let one = Failure::invalid("", "Pod", "x", vec![cause("spec.containers")]);
        assert_eq!(one.message, r#"Pod "x" is invalid: spec.containers: Required value"#);
        let two = Failure::invalid("apps", "Deployment", "x", vec![cause("a"), cause("b")]);
        assert_eq!(
            two.message,
            r#"Deployment.apps "x" is invalid: [a: Required value, b: Required value]"#
        );
        let status = two.to_value();
        assert_eq!(status["details"]["causes"][1]["field"], "b");
        assert_eq!(status["code"], 422);
    }
}
