//! How Go's messages show JSON values.

use std::fmt::{self, Write};

use serde_json::Value;

/// How much of a value a message repeats, in bytes.
const EXCERPT: usize = 1024;

/// The Go type that a decoded value has.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// The value as `%v` shows it, its beginning where it is long.
pub(super) fn text(value: &Value) -> String {
    excerpt(|out| write_value(out, value))
}

/// The value as `%#v` shows it, its beginning where it is long.
pub(super) fn syntax(value: &Value) -> String {
    excerpt(|out| write_syntax(out, value))
}

fn excerpt(write: impl Fn(&mut Excerpt) -> fmt::Result) -> String {
    let mut excerpt = Excerpt(String::new());
    // It stops with an error where it is full.
    if write(&mut excerpt).is_err() {
        excerpt.0.push('…');
    }
    excerpt.0
}

struct Excerpt(String);

impl Write for Excerpt {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > EXCERPT {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

fn write_value(out: &mut Excerpt, value: &Value) -> fmt::Result {
    match value {
        Value::Null => out.write_str("<nil>"),
        Value::Bool(yes) => write!(out, "{yes}"),
        Value::Number(number) => write!(out, "{number}"),
        Value::String(text) => out.write_str(text),
        Value::Array(items) => {
            out.write_char('[')?;
            for (at, item) in items.iter().enumerate() {
                out.write_str(if at == 0 { "" } else { " " })?;
                write_value(out, item)?;
            }
            out.write_char(']')
        }
        Value::Object(fields) => {
            out.write_str("map[")?;
            for (at, (name, value)) in fields.iter().enumerate() {
                write!(out, "{}{name}:", if at == 0 { "" } else { " " })?;
                write_value(out, value)?;
            }
            out.write_char(']')
        }
    }
}

fn write_syntax(out: &mut Excerpt, value: &Value) -> fmt::Result {
    match value {
        Value::Null => out.write_str("interface {}(nil)"),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => write!(out, "{value}"),
        Value::Array(items) => {
            out.write_str("[]interface {}{")?;
            for (at, item) in items.iter().enumerate() {
                out.write_str(if at == 0 { "" } else { ", " })?;
                write_syntax(out, item)?;
            }
            out.write_char('}')
        }
        Value::Object(fields) => {
            out.write_str("map[string]interface {}{")?;
            for (at, (name, value)) in fields.iter().enumerate() {
                write!(out, "{}{name:?}:", if at == 0 { "" } else { ", " })?;
                write_syntax(out, value)?;
            }
            out.write_char('}')
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_look_as_in_go() {
        let value = json!({"b": [1, "x", null, true], "a": {}});
        assert_eq!(text(&value), "map[a:map[] b:[1 x <nil> true]]");
        assert!(text(&json!("x".repeat(EXCERPT + 1))).ends_with('…'));
    }
}
