//! Lists and watches in protobuf (`application/vnd.kubernetes.protobuf`): [`page`] and [`change`], which give
//! what their namesakes for JSON give, by the same structs. `client` reads its watches with them.
//!
//! An object is decoded out of bytes of its own, so one that cannot be decoded takes no other along.
//!
//! Upstream: apimachinery runtime/serializer/protobuf and meta/v1 WatchEvent, v1.37.

mod fields;
mod messages;
mod value;

#[cfg(test)]
mod tests;

use kube::Resource;
use serde::de::DeserializeOwned;

use super::error::FieldError;
use super::feed::{Change, Identity, Page, Unreadable};
use messages::Message;
use value::Value;

pub(crate) use fields::{Fields, Malformed, Wire, last};

/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every object that stands by itself begins with.
pub(crate) const MAGIC: &[u8] = b"k8s\0";

/// What a Status says of a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The HTTP status code; zero where it gives none.
    pub code: u16,
    /// The server's words.
    pub message: String,
    /// How long it asks to wait, in seconds; zero where it does not ask.
    pub retry_after_seconds: u64,
}

/// The kind and the bytes of an object that stands by itself.
fn unwrapped(bytes: &[u8]) -> Result<(&str, &[u8]), Malformed> {
    let envelope = bytes.strip_prefix(MAGIC).ok_or("not in protobuf, or not of Kubernetes")?;
    let (mut kind, mut raw) = ("", &[][..]);
    let mut fields = Fields(envelope);
    while let Some((number, wire)) = fields.next()? {
        match number {
            1 => kind = last(wire.bytes()?, 2)?.map_or(Ok(""), Wire::text)?,
            2 => raw = wire.bytes()?,
            _ => {}
        }
    }
    Ok((kind, raw))
}

/// Reads a page of a list.
///
/// An error means that this is no list at all, or that its end cannot be told.
pub fn page<K: Resource<DynamicType = ()> + DeserializeOwned>(
    bytes: &[u8],
) -> Result<Page<K>, &'static str> {
    let (kind, raw) = unwrapped(bytes)?;
    if kind.strip_suffix("List") != Some(&*K::kind(&())) {
        return Err("of another kind");
    }
    let mut page = Page {
        objects: Vec::new(),
        unreadable: Vec::new(),
        resource_version: String::new(),
        next: String::new(),
    };
    let mut fields = Fields(raw);
    while let Some((number, wire)) = fields.next()? {
        match number {
            1 => {
                let text = |number| last(wire.bytes()?, number)?.map_or(Ok(""), Wire::text);
                page.resource_version = text(2)?.to_owned();
                page.next = text(3)?.to_owned();
            }
            2 => match one(wire.bytes()?) {
                Ok(object) => page.objects.push(object),
                Err(broken) => page.unreadable.push(*broken),
            },
            _ => {}
        }
    }
    Ok(page)
}

/// Reads a frame of a watch, without its length.
///
/// An error means that this is no frame of a watch, so that something is lost.
pub fn change<K: Resource<DynamicType = ()> + DeserializeOwned>(
    frame: &[u8],
) -> Result<Change<K>, String> {
    let (mut kind, mut object) = ("", &[][..]);
    let mut fields = Fields(frame);
    while let Some((number, wire)) = fields.next()? {
        match number {
            1 => kind = wire.text()?,
            2 => object = last(wire.bytes()?, 1)?.map_or(Ok(&[][..]), Wire::bytes)?,
            _ => {}
        }
    }
    if !matches!(kind, "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR") {
        return Err(format!("{kind:?} is no type of a change"));
    }
    let (_, raw) = unwrapped(object)?;
    Ok(match kind {
        "ADDED" | "MODIFIED" => match one(raw) {
            Ok(object) => Change::Upsert(object),
            Err(broken) => Change::Unreadable(broken),
        },
        "DELETED" => Change::Delete(identity(raw)?),
        "BOOKMARK" => Change::Bookmark(identity(raw)?.resource_version),
        _ => {
            let Status { code, message, .. } = read_status(raw)?;
            Change::Error { code, message }
        }
    })
}

/// Reads a Status; none where it is something else.
#[must_use]
pub fn status(bytes: &[u8]) -> Option<Status> {
    match unwrapped(bytes) {
        Ok(("Status", raw)) => read_status(raw).ok(),
        _ => None,
    }
}

fn read_status(raw: &[u8]) -> Result<Status, Malformed> {
    let mut status = Status::default();
    let mut fields = Fields(raw);
    while let Some((number, wire)) = fields.next()? {
        match number {
            3 => wire.text()?.clone_into(&mut status.message),
            5 => {
                let seconds = last(wire.bytes()?, 5)?.map_or(Ok(0), Wire::integer)?;
                status.retry_after_seconds = u64::try_from(seconds).unwrap_or_default();
            }
            6 => status.code = u16::try_from(wire.integer()?).unwrap_or_default(),
            _ => {}
        }
    }
    Ok(status)
}

fn one<K: Resource<DynamicType = ()> + DeserializeOwned>(raw: &[u8]) -> Result<K, Box<Unreadable>> {
    let kind = K::kind(&());
    let broken = |error: FieldError| {
        let identity = identity(raw).unwrap_or_default();
        let error = error.of(kind.clone(), identity.full_name());
        Box::new(Unreadable { identity, error })
    };
    let Some(message) = Message::of_kind(&kind) else {
        return Err(broken(FieldError::new("", "a kind that is not read in protobuf")));
    };
    if let Ok(object) = K::deserialize(Value::new(message, raw)) {
        return Ok(object);
    }
    // Once more, to name the field.
    serde_path_to_error::deserialize(Value::new(message, raw)).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        broken(FieldError::new(if path == "." { String::new() } else { path }, message))
    })
}

/// As much of it as can be read.
fn identity(raw: &[u8]) -> Result<Identity, Malformed> {
    let mut identity = Identity::default();
    let Some(metadata) = last(raw, 1)? else { return Ok(identity) };
    let mut fields = Fields(metadata.bytes()?);
    while let Some((number, wire)) = fields.next()? {
        let field = match number {
            1 => &mut identity.name,
            3 => &mut identity.namespace,
            5 => &mut identity.uid,
            6 => &mut identity.resource_version,
            _ => continue,
        };
        wire.text()?.clone_into(field);
    }
    Ok(identity)
}
