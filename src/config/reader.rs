//! Walks a [`Value`] by hand, knows the path it is at, and collects what is wrong. Used by `v1`.
//!
//! A reader never stops at the first finding: a field that cannot be read counts as not given.

use super::duration::parse_go_duration;
use super::error::ConfigError;
use super::value::{Value, quoted};
use crate::units::Set;

/// The place in the document and the findings so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    path: String,
    errors: Vec<ConfigError>,
}

impl Reader {
    /// The findings, in the order of the document.
    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        self.errors
    }

    /// Nothing was wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// Calls `each` for every entry of a mapping, with the path at that entry. A key given twice is
    /// refused the second time. Null is an empty mapping.
    pub(super) fn fields(&mut self, value: &Value, mut each: impl FnMut(&mut Self, &str, &Value)) {
        let entries = match value {
            Value::Null => return,
            Value::Map(entries) => entries,
            _ => return self.refuse(value, "must be a mapping"),
        };
        let mut seen = Set::default();
        for (key, value) in entries {
            let first = seen.insert(key.as_str());
            self.field(key, |reader| {
                if first {
                    each(reader, key, value);
                } else {
                    reader.refuse(value, "given twice");
                }
            });
        }
    }

    /// Calls `each` for every item of a list, with the path at that item. Null is an empty list.
    pub(super) fn items(&mut self, value: &Value, mut each: impl FnMut(&mut Self, usize, &Value)) {
        let items = match value {
            Value::Null => return,
            Value::List(items) => items,
            _ => return self.refuse(value, "must be a list"),
        };
        for (index, item) in items.iter().enumerate() {
            let length = self.path.len();
            self.push_index(&index.to_string());
            each(self, index, item);
            self.path.truncate(length);
        }
    }

    /// Runs `inside` with the path at the field `key`.
    pub(super) fn field(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
        if key.is_empty() || !key.chars().all(plain) {
            self.push_index(&quoted(key));
        } else {
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(key);
        }
        inside(self);
        self.path.truncate(length);
    }

    /// A string; `None` for null.
    pub(super) fn string(&mut self, value: &Value) -> Option<String> {
        match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            _ => self.wrong(value, "must be a string"),
        }
    }

    /// A boolean; `None` for null.
    pub(super) fn bool(&mut self, value: &Value) -> Option<bool> {
        match value {
            Value::Null => None,
            Value::Bool(value) => Some(*value),
            _ => self.wrong(value, "must be true or false"),
        }
    }

    /// A number in the range of Go's float32; `None` for null.
    pub(super) fn float32(&mut self, value: &Value) -> Option<f64> {
        let number = match value {
            Value::Null => return None,
            Value::Number(number) => number.as_f64(),
            _ => return self.wrong(value, "must be a number"),
        };
        let in_range = number.filter(|number| number.abs() <= f64::from(f32::MAX));
        if in_range.is_none() {
            self.refuse(value, "does not fit a 32-bit number");
        }
        in_range
    }

    /// A 32-bit integer; `None` for null. `100.0` is one, as it is where YAML becomes JSON in Go.
    pub(super) fn int32(&mut self, value: &Value) -> Option<i32> {
        let number = match value {
            Value::Null => return None,
            Value::Number(number) => number,
            _ => return self.wrong(value, "must be an integer"),
        };
        let integer = match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => i32::try_from(integer).ok(),
            (None, Some(float)) if float.fract().abs() > 0.0 => {
                return self.wrong(value, "must be an integer");
            }
            (None, Some(float)) => format!("{float:.0}").parse().ok(),
            (None, None) => None,
        };
        if integer.is_none() {
            self.refuse(value, "does not fit a 32-bit integer");
        }
        integer
    }

    /// A duration in Go's spelling, in nanoseconds; `None` for null.
    pub(super) fn duration_nanos(&mut self, value: &Value) -> Option<i64> {
        let text = self.string(value)?;
        let nanos = parse_go_duration(&text);
        if nanos.is_none() {
            self.refuse(value, "must be a duration with a unit, such as \"15s\" or \"1m30s\"");
        }
        nanos
    }

    /// Refuses a field that the format does not have.
    pub(super) fn unknown(&mut self) {
        self.push(None, "unknown field");
    }

    /// Refuses a field that is right but means something that is not there yet, if it says anything.
    pub(super) fn unsupported(&mut self, value: &Value) {
        if !value.is_empty() {
            self.push(None, "not supported yet");
        }
    }

    /// Refuses `value`, found at the current path.
    pub(super) fn refuse(&mut self, value: &Value, message: &str) {
        self.push(Some(value.shown()), message);
    }

    /// Refuses what is missing at the current path.
    pub(super) fn missing(&mut self, message: &str) {
        self.push(None, message);
    }

    fn push_index(&mut self, index: &str) {
        self.path.push('[');
        self.path.push_str(index);
        self.path.push(']');
    }

    fn wrong<T>(&mut self, value: &Value, message: &str) -> Option<T> {
        self.refuse(value, message);
        None
    }

    fn push(&mut self, value: Option<String>, message: &str) {
        self.errors.push(ConfigError {
            path: self.path.clone(),
            value,
            message: message.to_owned(),
        });
    }
}
