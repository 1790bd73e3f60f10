//! Walks a [`Value`] by hand, knows the path it is at, and collects what is wrong. Used by `v1`.
//!
//! A reader never stops at the first finding: a field that cannot be read counts as not given.

use std::str::FromStr;

use k8s_openapi::ByteString;

use super::duration::parse_go_duration;
use super::error::Findings;
use super::value::{Value, quoted};
use crate::model::FeatureGates;
use crate::units::Set;

/// The place in the document and the findings so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    path: String,
    findings: Findings,
    gates: FeatureGates,
}

impl Reader {
    /// A reader at the top of a document.
    pub(super) fn new(gates: FeatureGates) -> Self {
        Self { gates, ..Self::default() }
    }

    /// The feature gates, on which some rules depend.
    pub(super) fn gates(&self) -> FeatureGates {
        self.gates
    }

    /// The findings, in the order of the document.
    pub(super) fn into_findings(self) -> Findings {
        self.findings
    }

    /// Nothing was wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.findings.errors.is_empty()
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
            self.index(index, |reader| each(reader, index, item));
        }
    }

    /// Calls `check` for what was read of each item of the list in `field`, with the path at the item.
    pub(super) fn each<'a, T>(
        &mut self,
        field: &str,
        items: &'a [T],
        mut check: impl FnMut(&mut Self, &'a T),
    ) {
        self.field(field, |reader| {
            for (index, item) in items.iter().enumerate() {
                reader.index(index, |reader| check(reader, item));
            }
        });
    }

    /// Runs `inside` with the path at the item `index`.
    pub(super) fn index(&mut self, index: usize, inside: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.push_index(&index.to_string());
        inside(self);
        self.path.truncate(length);
    }

    /// Whether nothing was wrong inside.
    pub(super) fn is_right(&mut self, inside: impl FnOnce(&mut Self)) -> bool {
        let before = self.findings.errors.len();
        inside(self);
        self.findings.errors.len() == before
    }

    /// What is wrong inside is only warned about, with `note` on why.
    pub(super) fn only_warn(&mut self, note: &str, inside: impl FnOnce(&mut Self)) {
        let before = self.findings.errors.len();
        inside(self);
        for error in self.findings.errors.split_off(before) {
            let message = format!("{} ({note})", error.message);
            self.findings.warn(error.path, error.value, &message);
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
        self.integer(value, "does not fit a 32-bit integer")
    }

    /// A 64-bit integer, as [`Reader::int32`].
    pub(super) fn int64(&mut self, value: &Value) -> Option<i64> {
        self.integer(value, "does not fit a 64-bit integer")
    }

    fn integer<T: TryFrom<i64> + FromStr>(&mut self, value: &Value, too_large: &str) -> Option<T> {
        let number = match value {
            Value::Null => return None,
            Value::Number(number) => number,
            _ => return self.wrong(value, "must be an integer"),
        };
        let integer = match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => T::try_from(integer).ok(),
            (None, Some(float)) if float.fract().abs() > 0.0 => {
                return self.wrong(value, "must be an integer");
            }
            (None, Some(float)) => format!("{float:.0}").parse().ok(),
            (None, None) => None,
        };
        if integer.is_none() {
            self.refuse(value, too_large);
        }
        integer
    }

    /// A list of strings. Null in it is an empty one, as in Go.
    pub(super) fn strings(&mut self, value: &Value) -> Vec<Box<str>> {
        let mut strings = Vec::new();
        self.items(value, |reader, _, value| {
            strings.push(reader.string(value).unwrap_or_default().into());
        });
        strings
    }

    /// Bytes in base64; line breaks do not count. What is wrong is not shown: it may be a key.
    pub(super) fn base64(&mut self, value: &Value) -> Vec<u8> {
        let text = match value {
            Value::Null => return Vec::new(),
            Value::String(text) => text.replace(['\r', '\n'], ""),
            _ => String::from("?"),
        };
        let bytes = serde_json::from_value::<ByteString>(text.into());
        if bytes.is_err() {
            self.missing("must be a string in base64");
        }
        bytes.map(|bytes| bytes.0).unwrap_or_default()
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

    /// A duration that cannot be null, as those that are no pointers in Go.
    pub(super) fn plain_duration_nanos(&mut self, value: &Value) -> Option<i64> {
        match value {
            Value::Null => self.wrong(value, "must be a duration with a unit, such as \"15s\""),
            _ => self.duration_nanos(value),
        }
    }

    /// Refuses a field that the format does not have.
    pub(super) fn unknown(&mut self) {
        self.push(None, "unknown field");
    }

    /// Refuses `value`, found at the current path.
    pub(super) fn refuse(&mut self, value: &Value, message: &str) {
        self.push(Some(value.shown()), message);
    }

    /// Refuses what is missing at the current path.
    pub(super) fn missing(&mut self, message: &str) {
        self.push(None, message);
    }

    /// Says that `value` is accepted but does not do what it says.
    pub(super) fn warn(&mut self, value: Option<&Value>, message: &str) {
        self.findings.warn(self.path.clone(), value.map(Value::shown), message);
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
        self.findings.refuse(self.path.clone(), value, message);
    }
}
