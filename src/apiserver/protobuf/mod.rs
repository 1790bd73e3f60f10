//! Bodies in protobuf (`application/vnd.kubernetes.protobuf`) are read into JSON. Answers are always JSON:
//! client-go's typed clients, kubectl's among them, write protobuf without being asked and read both.
//!
//! Upstream: apimachinery runtime/serializer/protobuf, v1.37. Fields are numbered in `messages.txt`.

mod table;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use serde_json::{Map, Value, json};

use crate::wire::protobuf::{Fields, MAGIC, Malformed, Wire, last};

use super::schema::GroupVersionKind;
use table::{Field, Holds, Message, Messages};

/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// How deep messages may stand inside one another.
const DEPTH_MAX: usize = 64;

/// Reads a body that should be of this kind; the error is a sentence.
pub fn decode(kind: &GroupVersionKind, body: &[u8]) -> Result<Value, String> {
    let envelope = body.strip_prefix(MAGIC).ok_or(
        "provided data does not appear to be a protobuf message, expected prefix 6b387300",
    )?;
    let sorry = |why: Malformed| format!("protobuf: {why}");
    let envelope = Envelope::read(envelope).map_err(sorry)?;
    let expected = format!("{}/{}", kind.group, kind.version);
    let version = match envelope.api_version {
        "" => expected,
        core if !core.contains('/') => format!("/{core}"),
        other => other.to_owned(),
    };
    let name = if envelope.kind.is_empty() { &*kind.kind } else { envelope.kind };
    let messages = Messages::get();
    let message = messages
        .of_kind(&version, name)
        // Every group has the options of requests.
        .or_else(|| if name == "DeleteOptions" { messages.of_kind("/v1", name) } else { None })
        .ok_or_else(|| format!("no kind {name:?} is registered for version {version:?}"))?;
    let mut fields = read_message(message, envelope.raw, DEPTH_MAX).map_err(sorry)?;
    let api_version = version.strip_prefix('/').unwrap_or(&version);
    fields.insert("apiVersion".to_owned(), api_version.into());
    fields.insert("kind".to_owned(), name.into());
    Ok(Value::Object(fields))
}

/// Upstream: runtime.Unknown.
#[derive(Default)]
struct Envelope<'a> {
    api_version: &'a str,
    kind: &'a str,
    raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut envelope = Self::default();
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => {
                    let mut type_meta = Fields(value.bytes()?);
                    while let Some((number, value)) = type_meta.next()? {
                        match number {
                            1 => envelope.api_version = value.text()?,
                            2 => envelope.kind = value.text()?,
                            _ => {}
                        }
                    }
                }
                2 => envelope.raw = value.bytes()?,
                _ => {}
            }
        }
        Ok(envelope)
    }
}

fn read_message(
    message: &Message,
    bytes: &[u8],
    depth: usize,
) -> Result<Map<String, Value>, Malformed> {
    let depth = depth.checked_sub(1).ok_or("messages nest too deep")?;
    let mut found = Map::new();
    let mut fields = Fields(bytes);
    while let Some((number, wire)) = fields.next()? {
        // A newer client may know more.
        let Some(field) = message.field(number) else { continue };
        take(field, wire, depth, &mut found)?;
    }
    Ok(found)
}

fn take(
    field: &Field,
    wire: Wire<'_>,
    depth: usize,
    found: &mut Map<String, Value>,
) -> Result<(), Malformed> {
    match &field.holds {
        Holds::List(inner) => {
            let value = read(inner, wire, depth)?;
            if let Value::Array(items) = found.entry(field.name).or_insert_with(|| json!([])) {
                items.push(value);
            }
        }
        Holds::Map(inner) => {
            let (key, value) = read_entry(inner, wire.bytes()?, depth)?;
            if let Value::Object(map) = found.entry(field.name).or_insert_with(|| json!({})) {
                map.insert(key, value);
            }
        }
        holds => match read(holds, wire, depth)? {
            Value::Object(inner) if field.name.is_empty() => found.extend(inner),
            // A time that is not set is written as one of no length.
            Value::Null => {}
            value => {
                found.insert(field.name.to_owned(), value);
            }
        },
    }
    Ok(())
}

fn read_entry(inner: &Holds, bytes: &[u8], depth: usize) -> Result<(String, Value), Malformed> {
    let (mut key, mut value) = (String::new(), None);
    let mut fields = Fields(bytes);
    while let Some((number, wire)) = fields.next()? {
        match number {
            1 => wire.text()?.clone_into(&mut key),
            2 => value = Some(read(inner, wire, depth)?),
            _ => {}
        }
    }
    let empty = Wire::Bytes(&[]);
    Ok((key, value.map_or_else(|| read(inner, empty, depth), Ok)?))
}

fn read(holds: &Holds, wire: Wire<'_>, depth: usize) -> Result<Value, Malformed> {
    Ok(match holds {
        Holds::Message(place) => {
            let message = Messages::get().at(*place).ok_or("a message is not known")?;
            Value::Object(read_message(message, wire.bytes()?, depth)?)
        }
        Holds::String => wire.text()?.into(),
        Holds::Bool => (wire.integer()? != 0).into(),
        Holds::Int => wire.integer()?.into(),
        Holds::Double => wire.double()?.into(),
        Holds::Bytes => serde_json::to_value(ByteString(wire.bytes()?.to_vec()))
            .map_err(|_| "bytes cannot be written")?,
        Holds::Quantity => last(wire.bytes()?, 1)?.map_or(Ok(""), Wire::text)?.into(),
        Holds::Time { micro } => time(wire.bytes()?, *micro)?,
        Holds::Duration => {
            let nanos = last(wire.bytes()?, 1)?.map_or(Ok(0), Wire::integer)?;
            go_duration(nanos).into()
        }
        Holds::IntOrString => int_or_string(wire.bytes()?)?,
        Holds::Json => {
            let bytes = last(wire.bytes()?, 1)?.map_or(Ok(&[][..]), Wire::bytes)?;
            if bytes.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(bytes).map_err(|_| "a raw field is not JSON")?
            }
        }
        Holds::Items => {
            let mut items = Vec::new();
            let mut fields = Fields(wire.bytes()?);
            while let Some((_, item)) = fields.next()? {
                items.push(Value::from(item.text()?));
            }
            items.into()
        }
        Holds::List(_) | Holds::Map(_) => return Err("a list in a list"),
    })
}

fn time(bytes: &[u8], micro: bool) -> Result<Value, Malformed> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let seconds = last(bytes, 1)?.map_or(Ok(0), Wire::integer)?;
    let nanos = last(bytes, 2)?.map_or(Ok(0), Wire::integer)?;
    let nanos = i32::try_from(nanos).map_err(|_| "a time is out of range")?;
    let time = Timestamp::new(seconds, nanos).map_err(|_| "a time is out of range")?;
    let format = if micro { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Ok(time.strftime(format).to_string().into())
}

/// A duration as Go writes it, in seconds: clients read every unit.
fn go_duration(nanos: i64) -> String {
    let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    if rest == 0 { format!("{seconds}s") } else { format!("{nanos}ns") }
}

fn int_or_string(bytes: &[u8]) -> Result<Value, Malformed> {
    let is_text = last(bytes, 1)?.map_or(Ok(0), Wire::integer)? == 1;
    if is_text {
        Ok(last(bytes, 3)?.map_or(Ok(""), Wire::text)?.into())
    } else {
        Ok(last(bytes, 2)?.map_or(Ok(0), Wire::integer)?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with a length.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let len = u8::try_from(bytes.len()).unwrap();
        [&[number << 3 | 2, len], bytes].concat()
    }

    fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let type_meta = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
        [MAGIC, &field(1, &type_meta), &field(2, raw)].concat()
    }

    fn config_map() -> GroupVersionKind {
        GroupVersionKind::new("", "v1", "ConfigMap")
    }

    #[test]
    fn a_config_map_is_read() {
        let metadata =
            [field(1, b"x"), field(8, &[]), field(11, &[field(1, b"k"), field(2, b"v")].concat())];
        let entry = [field(1, b"a"), field(2, b"1")].concat();
        let raw = [field(1, &metadata.concat()), field(2, &entry), field(3, &entry)].concat();
        let read = decode(&config_map(), &envelope("v1", "ConfigMap", &raw)).unwrap();
        let expected = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "x", "labels": {"k": "v"}},
            "data": {"a": "1"}, "binaryData": {"a": "MQ=="},
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn embedded_messages_and_special_forms_are_read() {
        let port = [vec![0x08, 0x00, 0x10, 0x50]].concat();
        let get = [field(1, b"/"), field(2, &port)].concat();
        let probe = [field(1, &field(2, &get)), vec![0x10, 0x05]].concat();
        let quantity = [field(1, b"cpu"), field(2, &field(1, b"100m"))].concat();
        let container =
            [field(1, b"c"), field(8, &field(2, &quantity)), field(10, &probe)].concat();
        let raw = field(2, &field(2, &container));
        let kind = GroupVersionKind::new("", "v1", "Pod");
        let read = decode(&kind, &envelope("v1", "Pod", &raw)).unwrap();
        let expected = json!({
            "name": "c", "resources": {"requests": {"cpu": "100m"}},
            "livenessProbe": {"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": 5},
        });
        assert_eq!(read["spec"]["containers"][0], expected);
    }

    #[test]
    fn what_is_no_protobuf_is_refused() {
        let good = envelope("v1", "ConfigMap", &field(1, &field(1, b"x")));
        for at in 0..good.len() {
            // Cut anywhere it is an error, or shorter; never a panic.
            let _ = decode(&config_map(), &good[..at]);
        }
        assert!(decode(&config_map(), b"{}").is_err());
        assert!(decode(&config_map(), &envelope("v9", "Thing", &[])).is_err());
        assert!(decode(&config_map(), &envelope("v1", "ConfigMap", &[0x0a, 0x7f])).is_err());
        assert!(decode(&config_map(), &envelope("v1", "ConfigMap", &[0xff; 12])).is_err());
    }
}
