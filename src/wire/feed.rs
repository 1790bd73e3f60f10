//! What lists and watches send: [`page`] and [`change`], object by object. `client` reads its watches with
//! them.
//!
//! An object that cannot be decoded, since a value in it has the wrong type, must not take the objects
//! around it along. Good input is decoded in one go; only where that fails is it taken apart.

use std::collections::BTreeMap;

use kube::Resource;
use kube::core::ObjectMeta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::error::{FieldError, ObjectError};
use super::json::{Text, or_default};
use super::object::object;

/// What tells an object from others. What it lacks is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its namespace, if it has one.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The version of the cluster's state that it belongs to.
    pub resource_version: String,
}

/// An object that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// As much as could be read.
    pub identity: Identity,
    /// Which field is wrong.
    pub error: ObjectError,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<K> {
    /// Its objects.
    pub objects: Vec<K>,
    /// Those that cannot be decoded.
    pub unreadable: Vec<Unreadable>,
    /// The version of the cluster's state that the list shows.
    pub resource_version: String,
    /// Asks for the next page; empty on the last one.
    pub next: String,
}

/// A line of a watch.
#[derive(Clone, Debug)]
pub enum Change<K> {
    /// An object was added or changed.
    Upsert(K),
    /// An object was added or changed, and cannot be decoded.
    Unreadable(Box<Unreadable>),
    /// An object is gone.
    Delete(Identity),
    /// Nothing has changed up to this version of the cluster's state.
    Bookmark(String),
    /// The API server ends the watch.
    Error {
        /// Its HTTP status code; zero where it gives none.
        code: u16,
        /// Its words.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(bound = "K: Deserialize<'de>")]
struct WholePage<K> {
    #[serde(default, deserialize_with = "or_default")]
    metadata: ListMeta,
    // Not without it: an answer that is no list must not read as an empty one.
    #[serde(deserialize_with = "or_default")]
    items: Vec<K>,
}

#[derive(Deserialize)]
struct RawPage<'a> {
    #[serde(default, deserialize_with = "or_default")]
    metadata: ListMeta,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    #[serde(deserialize_with = "or_default")]
    resource_version: String,
    #[serde(deserialize_with = "or_default")]
    r#continue: String,
}

#[derive(Deserialize)]
#[serde(bound = "'a: 'de, 'de: 'a, K: Deserialize<'de>")]
struct Line<'a, K> {
    #[serde(borrow)]
    r#type: Text<'a>,
    object: K,
}

/// Reads a page of a list.
///
/// An error means that this is no list at all.
pub fn page<K: Resource<DynamicType = ()> + DeserializeOwned>(
    text: &[u8],
) -> Result<Page<K>, serde_json::Error> {
    if let Ok(WholePage { metadata, items }) = serde_json::from_slice(text) {
        return Ok(metadata.page(items, Vec::new()));
    }
    let RawPage { metadata, items } = serde_json::from_slice(text)?;
    let (mut objects, mut unreadable) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        match one(item) {
            Ok(object) => objects.push(object),
            Err(broken) => unreadable.push(*broken),
        }
    }
    Ok(metadata.page(objects, unreadable))
}

/// Reads a line of a watch.
///
/// An error means that this is no line of a watch, so that something is lost.
pub fn change<K: Resource<DynamicType = ()> + DeserializeOwned>(
    line: &[u8],
) -> Result<Change<K>, serde_json::Error> {
    if let Ok(Line::<K> { r#type, mut object }) = serde_json::from_slice(line) {
        match &*r#type.0 {
            "ADDED" | "MODIFIED" => return Ok(Change::Upsert(object)),
            "DELETED" => return Ok(Change::Delete(Identity::take(object.meta_mut()))),
            "BOOKMARK" => {
                return Ok(Change::Bookmark(Identity::take(object.meta_mut()).resource_version));
            }
            // A Status, or nothing that is known.
            _ => {}
        }
    }
    let line: Line<'_, &RawValue> = serde_json::from_slice(line)?;
    match &*line.r#type.0 {
        "ADDED" | "MODIFIED" => Ok(match one(line.object) {
            Ok(object) => Change::Upsert(object),
            Err(broken) => Change::Unreadable(broken),
        }),
        "DELETED" => Ok(Change::Delete(Identity::of(line.object))),
        "BOOKMARK" => Ok(Change::Bookmark(Identity::of(line.object).resource_version)),
        "ERROR" => {
            let status = fields(line.object);
            let code = status.get("code").and_then(|code| serde_json::from_str(code.get()).ok());
            Ok(Change::Error { code: code.unwrap_or_default(), message: text(&status, "message") })
        }
        other => Err(serde::de::Error::custom(format!("{other:?} is no type of a change"))),
    }
}

impl ListMeta {
    fn page<K>(self, objects: Vec<K>, unreadable: Vec<Unreadable>) -> Page<K> {
        Page { objects, unreadable, resource_version: self.resource_version, next: self.r#continue }
    }
}

/// One object; as in Go, the last of several fields of one name counts.
fn one<K>(raw: &RawValue) -> Result<K, Box<Unreadable>>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let value = serde_json::from_str(raw.get())
        .map_err(|error| FieldError::new(String::new(), error.to_string()));
    value.and_then(|value| object(&value)).map_err(|error| {
        let identity = Identity::of(raw);
        let error = error.of(K::kind(&()), identity.full_name());
        Box::new(Unreadable { identity, error })
    })
}

impl Identity {
    fn of(object: &RawValue) -> Self {
        let metadata = fields(object).get("metadata").map(|raw| fields(raw)).unwrap_or_default();
        Self {
            namespace: text(&metadata, "namespace"),
            name: text(&metadata, "name"),
            uid: text(&metadata, "uid"),
            resource_version: text(&metadata, "resourceVersion"),
        }
    }

    fn take(metadata: &mut ObjectMeta) -> Self {
        Self {
            namespace: metadata.namespace.take().unwrap_or_default(),
            name: metadata.name.take().unwrap_or_default(),
            uid: metadata.uid.take().unwrap_or_default(),
            resource_version: metadata.resource_version.take().unwrap_or_default(),
        }
    }

    /// The name, after the namespace and a slash where there is one.
    pub(super) fn full_name(&self) -> String {
        match &*self.namespace {
            "" => self.name.clone(),
            namespace => format!("{namespace}/{}", self.name),
        }
    }
}

/// The fields of an object; none where it is no object.
fn fields(object: &RawValue) -> BTreeMap<String, &RawValue> {
    serde_json::from_str(object.get()).unwrap_or_default()
}

fn text(fields: &BTreeMap<String, &RawValue>, name: &str) -> String {
    let field = fields.get(name);
    field.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}
