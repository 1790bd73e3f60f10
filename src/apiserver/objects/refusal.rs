//! [`Refusal`]: why an object is not taken, with upstream's reasons and texts; [`Field`] and [`Causes`],
//! with which the checks of `objects` gather what is wrong with one object.
//!
//! Upstream: apimachinery util/validation/field and api/errors, v1.37.

use serde_json::Value;

/// Most characters of a wrong value that a message repeats.
const VALUE_MAX: usize = 4096;

/// One thing that is wrong, as a Status lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// A CauseType, such as `FieldValueRequired`.
    pub reason: &'static str,
    /// What is wrong, without the field.
    pub message: String,
    /// The path of the field.
    pub field: String,
}

/// Why an object, a change or a binding is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 422: the object is against the rules of its kind.
    Invalid {
        /// At least one.
        causes: Vec<Cause>,
    },
    /// 403 by admission, with the whole message.
    Forbidden(String),
    /// 400, with the whole message.
    BadRequest(String),
    /// 409, with the whole message.
    Conflict(String),
    /// 404, with the whole message.
    NotFound(String),
    /// 500, with the whole message: upstream hands some errors on as they are.
    Internal(String),
}

impl Refusal {
    /// The message of the Status. `kind` is the kind, with `.group` unless it is a core one.
    ///
    /// Upstream: `NewInvalid` and `ErrorList.ToAggregate`, v1.37.
    #[must_use]
    pub fn message(&self, kind: &str, name: &str) -> String {
        match self {
            Self::Invalid { causes } => {
                format!("{kind} {name:?} is invalid: {}", aggregate(causes))
            }
            Self::Forbidden(text)
            | Self::BadRequest(text)
            | Self::Conflict(text)
            | Self::NotFound(text)
            | Self::Internal(text) => text.clone(),
        }
    }

    /// What admission says no with; `resource` has `.group` unless it is a core one.
    pub(super) fn forbidden(resource: &str, name: &str, why: &str) -> Self {
        Self::Forbidden(format!("{resource} {name:?} is forbidden: {why}"))
    }
}

/// All causes in one text: one as it is, several in brackets, none twice.
fn aggregate(causes: &[Cause]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in causes {
        let text = format!("{}: {}", cause.field, cause.message);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    join_errors(&texts)
}

/// Several errors in one text.
///
/// Upstream: utilerrors.Aggregate, v1.37.
pub(super) fn join_errors(texts: &[String]) -> String {
    match texts {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// The path of a field in messages, such as `spec.containers[0].name`.
#[derive(Clone, Debug)]
pub(super) struct Field(String);

impl Field {
    pub(super) fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn child(&self, name: &str) -> Self {
        if self.0.is_empty() {
            return Self::new(name);
        }
        Self(format!("{}.{name}", self.0))
    }

    pub(super) fn index(&self, at: usize) -> Self {
        Self(format!("{}[{at}]", self.0))
    }

    pub(super) fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }
}

/// What is wrong with an object so far.
#[derive(Debug, Default)]
pub(super) struct Causes(Vec<Cause>);

impl Causes {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Nothing, or the refusal, which names each cause once.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        let mut causes: Vec<Cause> = Vec::new();
        for cause in self.0 {
            if !causes.contains(&cause) {
                causes.push(cause);
            }
        }
        if causes.is_empty() { Ok(()) } else { Err(Refusal::Invalid { causes }) }
    }

    /// Nothing, or all causes in the text of an error that is no Status.
    pub(super) fn finish_as_error(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::Internal(aggregate(&self.0))) }
    }

    fn add(&mut self, reason: &'static str, field: &Field, what: String, detail: &str) {
        let message = if detail.is_empty() { what } else { format!("{what}: {detail}") };
        self.0.push(Cause { reason, message, field: field.0.clone() });
    }

    pub(super) fn required(&mut self, field: &Field, detail: &str) {
        self.add("FieldValueRequired", field, "Required value".to_owned(), detail);
    }

    pub(super) fn forbidden(&mut self, field: &Field, detail: &str) {
        self.add("FieldValueForbidden", field, "Forbidden".to_owned(), detail);
    }

    pub(super) fn invalid(&mut self, field: &Field, value: impl Into<Value>, detail: &str) {
        let what = format!("Invalid value: {}", shown(&value.into()));
        self.add("FieldValueInvalid", field, what, detail);
    }

    /// One cause for each text of `details`.
    pub(super) fn invalid_each(&mut self, field: &Field, value: &str, details: Vec<String>) {
        for detail in details {
            self.invalid(field, value, &detail);
        }
    }

    pub(super) fn duplicate(&mut self, field: &Field, value: impl Into<Value>, detail: &str) {
        let what = format!("Duplicate value: {}", shown(&value.into()));
        self.add("FieldValueDuplicate", field, what, detail);
    }

    pub(super) fn not_found(&mut self, field: &Field, value: &str, detail: &str) {
        let what = format!("Not found: {}", shown(&value.into()));
        self.add("FieldValueNotFound", field, what, detail);
    }

    pub(super) fn not_supported(&mut self, field: &Field, value: &str, valid: &[&str]) {
        let valid: Vec<String> = valid.iter().map(|name| format!("{name:?}")).collect();
        let detail = format!("supported values: {}", valid.join(", "));
        let what = format!("Unsupported value: {}", shown(&value.into()));
        self.add("FieldValueNotSupported", field, what, &detail);
    }

    pub(super) fn internal(&mut self, field: &Field, detail: &str) {
        self.add("InternalError", field, "Internal error".to_owned(), detail);
    }

    pub(super) fn too_long(&mut self, field: &Field, most: usize) {
        let detail = format!("may not be more than {most} bytes");
        self.add("FieldValueTooLong", field, "Too long".to_owned(), &detail);
    }

    pub(super) fn too_many(&mut self, field: &Field, have: usize, most: usize) {
        let what = format!("Too many: {have}");
        let unit = if most == 1 { "item" } else { "items" };
        let detail = format!("must have at most {most} {unit}");
        self.add("FieldValueTooMany", field, what, &detail);
    }

    /// As [`Causes::not_supported`], for a value that is no text.
    pub(super) fn not_supported_json(&mut self, field: &Field, value: &str, valid: &[&str]) {
        let valid: Vec<String> = valid.iter().map(|name| format!("{name:?}")).collect();
        let detail = format!("supported values: {}", valid.join(", "));
        self.add("FieldValueNotSupported", field, format!("Unsupported value: {value}"), &detail);
    }

    /// A text that has to be one of `valid`, and has to be there.
    pub(super) fn one_of(&mut self, field: &Field, value: &str, valid: &[&str]) {
        if value.is_empty() {
            self.required(field, "");
        } else if !valid.contains(&value) {
            self.not_supported(field, value, valid);
        }
    }

    /// A number that must not be negative, where there is one.
    pub(super) fn not_negative(&mut self, field: &Field, value: Option<i64>) {
        if let Some(value) = value.filter(|value| *value < 0) {
            self.invalid(field, value, "must be greater than or equal to 0");
        }
    }

    /// A field that an update may not change.
    pub(super) fn unchanged(&mut self, field: &Field, new: &Value, old: &Value) {
        if new != old {
            self.invalid(field, new.clone(), "field is immutable");
        }
    }
}

/// A value as a message shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string().chars().take(VALUE_MAX).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_each_cause_once() {
        let mut causes = Causes::default();
        let field = Field::new("spec").child("containers").index(0);
        causes.required(&field.child("name"), "");
        causes.required(&field.child("name"), "");
        let one = causes.finish().expect_err("there is a cause");
        let want = "Pod \"x\" is invalid: spec.containers[0].name: Required value";
        assert_eq!(one.message("Pod", "x"), want);

        let mut causes = Causes::default();
        causes.invalid(&field.child("ports").index(1), 70_000, "must be less");
        causes.not_supported(&field, "a", &["b", "c"]);
        let two = causes.finish().expect_err("there are causes");
        let want = "Deployment.apps \"y\" is invalid: [spec.containers[0].ports[1]: Invalid value: 70000: \
                    must be less, spec.containers[0]: Unsupported value: \"a\": supported values: \"b\", \
                    \"c\"]";
        assert_eq!(two.message("Deployment.apps", "y"), want);
        assert_eq!(Causes::default().finish(), Ok(()));
    }
}
