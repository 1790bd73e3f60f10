//! Changes to JSON values and to bytes, as a careless or malicious client would make them.

use serde_json::{Map, Number, Value, json};

use crate::rng::Rng;

/// Names of fields that mean something somewhere.
const FIELDS: [&str; 40] = [
    "apiVersion",
    "kind",
    "metadata",
    "spec",
    "status",
    "name",
    "namespace",
    "generateName",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "creationTimestamp",
    "generation",
    "resourceVersion",
    "uid",
    "selector",
    "template",
    "replicas",
    "containers",
    "initContainers",
    "resources",
    "requests",
    "limits",
    "volumes",
    "tolerations",
    "affinity",
    "conditions",
    "matchLabels",
    "matchExpressions",
    "values",
    "operator",
    "key",
    "phase",
    "items",
    "fieldsV1",
    "$patch",
];

/// Texts on which something hangs somewhere.
const TEXTS: [&str; 44] = [
    "",
    " ",
    "a",
    "A",
    ".",
    "..",
    "-",
    "/",
    "a/b",
    "a/b/c",
    "0",
    "-1",
    "1e400",
    "9223372036854775808",
    "1Gi",
    "100m",
    "-5",
    "1.5E3",
    "0.0000000001n",
    "NaN",
    "2026-01-01T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "-009999-01-02T01:59:59Z",
    "2026-01-01",
    "true",
    "null",
    "In",
    "Exists",
    "Gt",
    "DoesNotExist",
    "50%",
    "-1%",
    "$RV",
    "$UID",
    "system-node-critical",
    "default",
    "kubernetes.io/hostname",
    "\u{0}",
    "ü€𝄞\u{202e}",
    "$patch",
    "replace",
    "delete",
];

/// Characters of the longest texts.
const LONG: [usize; 4] = [64, 254, 1025, 70_000];
/// Levels of the deepest values.
const LEVELS_MAX: usize = 140;

/// Any text.
pub(crate) fn text(rng: &mut Rng) -> String {
    match rng.below(12) {
        0 => "a".repeat(*rng.one_of(&LONG[..3])),
        1 if rng.once_in(20) => "é".repeat(LONG[3]),
        2 => format!("{}{}", rng.one_of(&TEXTS), rng.one_of(&TEXTS)),
        3 => (*rng.one_of(&FIELDS)).to_owned(),
        _ => (*rng.one_of(&TEXTS)).to_owned(),
    }
}

/// The name of a field.
pub(crate) fn field(rng: &mut Rng) -> String {
    if rng.once_in(8) { text(rng) } else { (*rng.one_of(&FIELDS)).to_owned() }
}

/// Any value, small.
pub(crate) fn value(rng: &mut Rng) -> Value {
    match rng.below(16) {
        0 => Value::Null,
        1 => rng.once_in(2).into(),
        2 => json!({}),
        3 => json!([]),
        4 => json!([null]),
        5 => json!([value(rng), value(rng)]),
        6 => Value::Object(Map::from_iter([(field(rng), value(rng))])),
        7 => (*rng.one_of(&[0, 1, -1, 2, 65_536, i64::from(i32::MAX) + 1, i64::MAX, i64::MIN]))
            .into(),
        8 => (*rng.one_of(&[u64::MAX, 1 << 63, 1 << 32])).into(),
        9 => Number::from_f64(*rng.one_of(&[0.5, -0.0, 1e308, -1e-308, 1e19])).into(),
        _ => text(rng).into(),
    }
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(fields) => fields.values().map(nodes).sum(),
        _ => 0,
    }
}

/// The value at this place, counted from the top; the value itself where there is none.
fn node(value: &mut Value, mut at: usize) -> &mut Value {
    if at == 0 {
        return value;
    }
    at -= 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        let size = nodes(child);
        if at < size {
            return node(child, at);
        }
        at -= size;
    }
    unreachable!("the place is below the number of nodes")
}

/// A part of `value`, chosen at random.
pub(crate) fn part<'a>(rng: &mut Rng, value: &'a mut Value) -> &'a mut Value {
    let at = rng.below(nodes(value));
    node(value, at)
}

/// A JSON pointer to a place in `value`, mostly one that is there.
pub(crate) fn pointer(rng: &mut Rng, value: &Value) -> String {
    let mut at = value;
    let mut pointer = String::new();
    while !rng.once_in(4) {
        let (key, next) = match at {
            Value::Array(items) if !items.is_empty() => {
                let index = rng.below(items.len());
                (index.to_string(), &items[index])
            }
            Value::Object(fields) if !fields.is_empty() => {
                let (key, next) = fields.iter().nth(rng.below(fields.len())).expect("it is there");
                (key.replace('~', "~0").replace('/', "~1"), next)
            }
            _ => break,
        };
        pointer.push('/');
        pointer.push_str(&key);
        at = next;
    }
    match rng.below(10) {
        0 => pointer.push_str("/-"),
        1 => pointer.push_str("/-1"),
        2 => pointer = format!("{pointer}/{}", field(rng)),
        3 if rng.once_in(3) => pointer.push_str("/18446744073709551616"),
        4 if rng.once_in(3) => pointer.push('~'),
        _ => {}
    }
    pointer
}

/// Changes `object` in a few places; `other` is where parts may come from.
pub(crate) fn object(rng: &mut Rng, object: &mut Value, other: &Value) {
    for _ in 0..=rng.below(3) {
        once(rng, object, other);
    }
}

fn once(rng: &mut Rng, whole: &mut Value, other: &Value) {
    let donor = if rng.once_in(2) { whole.clone() } else { other.clone() };
    let at = part(rng, whole);
    match rng.below(12) {
        0 | 1 => *at = value(rng),
        2 => *at = part(rng, &mut donor.clone()).clone(),
        3 => {
            let most = if rng.once_in(10) { LEVELS_MAX } else { 3 };
            let levels = 1 + rng.below(most);
            for _ in 0..levels {
                let inner = at.take();
                *at = if rng.once_in(2) { json!([inner]) } else { json!({"a": inner}) };
            }
        }
        _ => match at {
            Value::Object(fields) => change_fields(rng, fields, donor),
            Value::Array(items) => change_items(rng, items, donor),
            Value::String(old) => {
                if rng.once_in(3) {
                    old.push_str(&text(rng));
                } else {
                    *old = text(rng);
                }
            }
            Value::Number(_) if rng.once_in(2) => *at = rng.below(1 << 20).into(),
            at => *at = value(rng),
        },
    }
}

fn change_fields(rng: &mut Rng, fields: &mut Map<String, Value>, mut donor: Value) {
    let key = fields.keys().nth(rng.below(fields.len())).cloned();
    match (rng.below(5), key) {
        (0, Some(key)) => drop(fields.remove(&key)),
        (1, Some(key)) => drop(fields.insert(key, value(rng))),
        (2, Some(key)) => {
            let moved = fields.remove(&key).unwrap_or_default();
            fields.insert(field(rng), moved);
        }
        (3, _) => drop(fields.insert(field(rng), part(rng, &mut donor).clone())),
        _ => drop(fields.insert(field(rng), value(rng))),
    }
}

fn change_items(rng: &mut Rng, items: &mut Vec<Value>, mut donor: Value) {
    let at = rng.below(items.len());
    match rng.below(5) {
        0 if !items.is_empty() => drop(items.remove(at)),
        1 if !items.is_empty() => items.push(items[at].clone()),
        2 if !items.is_empty() => items.swap(0, at),
        3 => items.push(part(rng, &mut donor).clone()),
        _ => items.push(value(rng)),
    }
}

/// Pieces that parsers trip over.
const PIECES: [&[u8]; 22] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\ud800",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\0",
    b"1e400",
    b"-",
    b"-0",
    b"\n---\n",
    b"&a [*a, *a]",
    b"!!binary x",
    b"\t",
    b"<<: ",
    b"\"metadata\":null,",
    b"18446744073709551616",
];

/// Changes bytes in a few places.
pub(crate) fn bytes(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=rng.below(3) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(7) {
            0 => bytes.truncate(at),
            1 | 2 => drop(bytes.splice(at..at, rng.one_of(&PIECES).iter().copied())),
            3 => {
                let end = (at + rng.below(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + rng.below(200)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = rng.byte();
                }
            }
        }
    }
}
