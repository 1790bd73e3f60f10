//! Objects as protobuf bodies, by the table that the server reads them with.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

const MESSAGES: &str = include_str!("../../src/apiserver/protobuf/messages.txt");

/// Number, name and type of the fields of each message.
type Messages = BTreeMap<&'static str, Vec<(u64, &'static str, &'static str)>>;

/// Message by version and kind.
type Kinds = BTreeMap<(String, &'static str), &'static str>;

static TABLE: LazyLock<(Kinds, Messages)> = LazyLock::new(|| {
    let mut kinds = BTreeMap::new();
    let mut messages = Messages::new();
    let mut last = "";
    for line in MESSAGES.lines() {
        let words: Vec<&'static str> = line.split_whitespace().collect();
        match *words {
            ["kind", version, kind, message] => {
                kinds.insert((version.trim_start_matches('/').to_owned(), kind), message);
            }
            ["message", name] => {
                messages.entry(name).or_default();
                last = name;
            }
            [number, name, of] if line.starts_with("  ") => {
                let number = number.parse().expect("a number");
                messages.entry(last).or_default().push((number, name, of));
            }
            _ => {}
        }
    }
    (kinds, messages)
});

/// An object as a body; what its type does not have is left out.
pub(crate) fn encode(object: &Value) -> Vec<u8> {
    let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let (kinds, _) = &*TABLE;
    let message = kinds.iter().find(|((v, k), _)| *v == version && *k == kind);
    let mut raw = Vec::new();
    write_message(&mut raw, message.map_or("core.v1.Pod", |(_, name)| name), object);
    let mut about = Vec::new();
    write_bytes(&mut about, 1, version.as_bytes());
    write_bytes(&mut about, 2, kind.as_bytes());
    let mut body = b"k8s\0".to_vec();
    write_bytes(&mut body, 1, &about);
    write_bytes(&mut body, 2, &raw);
    body
}

fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn write_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    write_varint(out, field << 3 | 2);
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn write_message(out: &mut Vec<u8>, name: &str, value: &Value) {
    for (number, field, of) in TABLE.1.get(name).into_iter().flatten() {
        let value = if *field == "-" { Some(value) } else { value.get(field) };
        let Some(value) = value.filter(|value| !value.is_null()) else { continue };
        if let Some(of) = of.strip_prefix("[]") {
            for item in value.as_array().into_iter().flatten() {
                write_field(out, *number, of, item);
            }
        } else if let Some(of) = of.strip_prefix("{}") {
            for (key, value) in value.as_object().into_iter().flatten() {
                let mut entry = Vec::new();
                write_bytes(&mut entry, 1, key.as_bytes());
                write_field(&mut entry, 2, of, value);
                write_bytes(out, *number, &entry);
            }
        } else {
            write_field(out, *number, of, value);
        }
    }
}

fn write_field(out: &mut Vec<u8>, number: u64, of: &str, value: &Value) {
    let as_text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match of {
        "string" | "bytes" => write_bytes(out, number, as_text.as_bytes()),
        "bool" | "int" => {
            write_varint(out, number << 3);
            let signed = value.as_i64().unwrap_or_else(|| value.as_bool().unwrap_or(false).into());
            write_varint(out, signed.cast_unsigned());
        }
        "double" => {
            write_varint(out, number << 3 | 1);
            out.extend_from_slice(&value.as_f64().unwrap_or(0.5).to_le_bytes());
        }
        "Quantity" | "FieldsV1" | "Raw" => {
            let mut inner = Vec::new();
            write_bytes(&mut inner, 1, as_text.as_bytes());
            write_bytes(out, number, &inner);
        }
        "Time" | "MicroTime" | "Duration" | "IntOrString" => {
            let mut inner = Vec::new();
            write_varint(&mut inner, 1 << 3);
            write_varint(&mut inner, value.as_u64().unwrap_or(as_text.len() as u64));
            write_varint(&mut inner, 2 << 3);
            write_varint(&mut inner, value.as_u64().unwrap_or_default());
            if of == "IntOrString" {
                write_bytes(&mut inner, 3, as_text.as_bytes());
            }
            write_bytes(out, number, &inner);
        }
        "Items" => {
            let mut inner = Vec::new();
            for item in value.as_array().into_iter().flatten() {
                write_bytes(&mut inner, 1, item.as_str().unwrap_or_default().as_bytes());
            }
            write_bytes(out, number, &inner);
        }
        message => {
            let mut inner = Vec::new();
            write_message(&mut inner, message, value);
            write_bytes(out, number, &inner);
        }
    }
}
