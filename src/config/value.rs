//! A YAML or JSON document as a tree that keeps the order of keys and the keys given twice, so that
//! `reader` can name both. Built by `config::parse` and `config::from_value`.

use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// How much of a value an error shows, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// One node of the tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Value {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Value>),
    /// In the order of the file; a key may occur more than once.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// Reads one document of YAML, of which JSON is a part; empty ones around it do not count. Errors
    /// are one line, with the place.
    pub(super) fn from_yaml(text: &str) -> Result<Self, String> {
        let options = serde_saphyr::options! {
            duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
            // As the YAML 1.1 of Go reads them: 010 is eight.
            legacy_octal_numbers: true,
            reject_unsupported_tags: true,
            with_snippet: false,
        };
        let documents: Result<Vec<Self>, _> =
            serde_saphyr::from_multiple_with_options(text, options);
        let mut documents = documents.map_err(|error| error.to_string().replace('\n', " "))?;
        match documents.len() {
            0 | 1 => Ok(documents.pop().unwrap_or(Self::Null)),
            count => Err(format!("has {count} documents; only one can be read")),
        }
    }

    /// Says nothing: null, an empty list, an empty mapping.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(items) => items.is_empty(),
            Self::Map(entries) => entries.is_empty(),
            Self::Bool(_) | Self::Number(_) | Self::String(_) => false,
        }
    }

    /// The values under `key`: none, one, or more where it was given twice.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Value> {
        let entries = if let Self::Map(entries) = self { entries.as_slice() } else { &[] };
        entries.iter().filter(move |(name, _)| name == key).map(|(_, value)| value)
    }

    /// A mapping of these entries.
    pub(super) fn map<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// The same with the keys of every mapping sorted and without nulls, as Go prints it.
    pub(super) fn sorted(self) -> Self {
        match self {
            Self::List(items) => Self::List(items.into_iter().map(Self::sorted).collect()),
            Self::Map(mut entries) => {
                entries.retain(|(_, value)| !matches!(value, Self::Null));
                entries.sort_by(|(one, _), (other, _)| one.cmp(other));
                Self::Map(entries.into_iter().map(|(key, value)| (key, value.sorted())).collect())
            }
            other => other,
        }
    }

    /// A number, as an integer where it is one.
    pub(super) fn from_float(value: f64) -> Self {
        match format!("{value}").parse::<i64>() {
            Ok(integer) => Self::from(integer),
            Err(_) => Number::from_f64(value).map_or(Self::Null, Self::Number),
        }
    }

    /// As a document of YAML, one line each.
    pub(super) fn to_yaml(&self) -> String {
        let mut out = String::new();
        self.write_yaml(&mut out, 0);
        out
    }

    /// Writes a mapping or a list whose first line is already indented, as Go's YAML looks: items of a
    /// list stand under their key.
    fn write_yaml(&self, out: &mut String, depth: usize) {
        let indent = |out: &mut String, first: bool| {
            if !first {
                out.push_str(&"  ".repeat(depth));
            }
        };
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                for (index, (key, value)) in entries.iter().enumerate() {
                    indent(out, index == 0);
                    out.push_str(&plain_or_quoted(key));
                    match value {
                        Self::Map(entries) if !entries.is_empty() => {
                            out.push_str(":\n");
                            out.push_str(&"  ".repeat(depth + 1));
                            value.write_yaml(out, depth + 1);
                        }
                        Self::List(items) if !items.is_empty() => {
                            out.push_str(":\n");
                            out.push_str(&"  ".repeat(depth));
                            value.write_yaml(out, depth);
                        }
                        _ => {
                            out.push_str(": ");
                            value.write_yaml(out, depth);
                        }
                    }
                }
            }
            Self::List(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    indent(out, index == 0);
                    out.push_str("- ");
                    item.write_yaml(out, depth + 1);
                }
            }
            Self::String(text) => {
                out.push_str(&plain_or_quoted(text));
                out.push('\n');
            }
            // JSON, which is YAML.
            _ => {
                out.push_str(&self.to_string());
                out.push('\n');
            }
        }
    }

    /// As JSON on one line, cut short.
    pub(super) fn shown(&self) -> String {
        let full = self.to_string();
        match full.char_indices().nth(SHOWN_CHARS_MAX) {
            Some((end, _)) => format!("{}...", &full[..end]),
            None => full,
        }
    }
}

/// `text` as it is where no reader of YAML can take it for anything but a string, else in quotation marks:
/// in single ones where Go has these.
fn plain_or_quoted(text: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=');
    let is_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    let duration = text.strip_prefix('-').unwrap_or(text);
    let durations = duration.starts_with(|c: char| c.is_ascii_digit())
        && duration.ends_with('s')
        && duration.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'h' | 'm' | 'n' | 's'));
    let is_plain = starts_well && text.chars().all(plain) && !is_word && !text.ends_with(':');
    let is_indicator = |c: char| "*&!|>%@`{}[],#?'\"".contains(c);
    if is_plain || durations {
        text.to_owned()
    } else if text.starts_with(is_indicator) && text.chars().all(|c| matches!(c, ' '..='~')) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        quoted(text)
    }
}

/// `text` in quotation marks, with escapes as in JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::String(value) => f.write_str(&quoted(value)),
            Self::List(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { "," } else { "" })?;
                }
                f.write_char(']')
            }
            Self::Map(entries) => {
                f.write_char('{')?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{}:{value}", if index > 0 { "," } else { "" }, quoted(key))?;
                }
                f.write_char('}')
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Number(value.into())
    }
}

impl From<&serde_json::Value> for Value {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(value) => Self::Number(value.clone()),
            serde_json::Value::String(value) => Self::String(value.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(entries) => {
                Self::Map(entries.iter().map(|(key, value)| (key.clone(), value.into())).collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number.map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Value::Map(map))
    }
}
