//! How the steps of a path are written: `f:name`, `k:{"name":"a"}`, `v:"a"`, `i:0`.
//!
//! Upstream: structured-merge-diff, fieldpath/serialize-pe.go.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::apiserver::schema::{ListKind, Type};

/// The step to a field.
pub(super) fn field(name: &str) -> String {
    let mut step = String::with_capacity(name.len() + 2);
    step.push_str("f:");
    step.push_str(name);
    step
}

/// The step to an element of a list that is not atomic, or why it cannot have one.
pub(super) fn item(kind: &ListKind, of: &Type, value: &Value) -> Result<String, String> {
    match kind {
        ListKind::Set | ListKind::Atomic => match value {
            Value::Object(_) => {
                Err("associative list without keys has an element that's a map type".to_owned())
            }
            Value::Array(_) => {
                Err("not supported: associative list with lists as elements".to_owned())
            }
            Value::Null => {
                Err("associative list without keys has an element that's an explicit null"
                    .to_owned())
            }
            scalar => Ok(format!("v:{scalar}")),
        },
        ListKind::Map(keys) => match value {
            Value::Object(fields) => keyed(keys, of, fields),
            Value::Null => Err("associative list with keys may not have a null element".to_owned()),
            _ => Err("associative list with keys may not have non-map elements".to_owned()),
        },
    }
}

fn keyed(keys: &[&str], of: &Type, fields: &Map<String, Value>) -> Result<String, String> {
    let mut step = String::from("k:{");
    for name in keys {
        let default = || of.as_struct()?.field(name)?.key_default.as_ref();
        if let Some(value) = fields.get(*name).or_else(default) {
            let comma = if step.ends_with('{') { "" } else { "," };
            // Writing to a text cannot fail.
            let _ = write!(step, "{comma}\"{name}\":{value}");
        }
    }
    if step.ends_with('{') {
        let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] (and doesn't \
             have default values for any key fields)",
            keys.join(" ")
        ));
    }
    step.push('}');
    Ok(step)
}

/// The step in the one form in which this program writes it; `None` if it is none.
pub(super) fn normal(step: &str) -> Option<String> {
    let (kind, rest) = step.split_once(':')?;
    match kind {
        "f" => Some(step.to_owned()),
        "k" => Some(format!(
            "k:{}",
            serde_json::from_str::<Map<String, Value>>(rest).ok().map(Value::Object)?
        )),
        "v" => Some(format!("v:{}", serde_json::from_str::<Value>(rest).ok()?)),
        "i" => Some(format!("i:{}", rest.parse::<i64>().ok()?)),
        _ => None,
    }
}

/// As people see it: `.name`, `[name="a",port=1]`, `[="a"]`, `[0]`.
pub(super) fn display(step: &str) -> String {
    let (kind, rest) = step.split_once(':').unwrap_or(("", step));
    match kind {
        "f" => format!(".{rest}"),
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).unwrap_or_default();
            let keys: Vec<String> =
                keys.iter().map(|(name, value)| format!("{name}={}", value_text(value))).collect();
            format!("[{}]", keys.join(","))
        }
        "v" => format!("[={rest}]"),
        _ => format!("[{rest}]"),
    }
}

/// Upstream: value.ToString of structured-merge-diff.
fn value_text(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(value_text).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}={}", value_text(value)))
                .collect();
            fields.concat()
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_one_form_and_a_text() {
        let rows = [
            ("f:spec", "f:spec", ".spec"),
            (r#"k:{"b": 1,"a":"x"}"#, r#"k:{"a":"x","b":1}"#, r#"[a="x",b=1]"#),
            (r#"v:"x""#, r#"v:"x""#, r#"[="x"]"#),
            ("i:3", "i:3", "[3]"),
        ];
        for (step, want, text) in rows {
            assert_eq!(normal(step).as_deref(), Some(want));
            assert_eq!(display(want), text);
        }
        for wrong in ["", "x", "k:[]", "v:", "i:a", "z:1"] {
            assert_eq!(normal(wrong), None, "{wrong}");
        }
    }
}
