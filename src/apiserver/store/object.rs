//! An object as it is kept, and how a parsed one becomes that: [`Encoder`] serializes, [`Draft`] waits
//! for its revision, [`Stored`] stays.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::apiserver::kinds::Resource;

/// An object at one revision. Never changes.
#[derive(Debug)]
pub struct Stored {
    key: Box<str>,
    /// How much of the key is the namespace.
    namespace_len: usize,
    revision: u64,
    json: Bytes,
    /// Where in `json` the digits of the revision begin, and how many there are.
    revision_at: (usize, usize),
    labels: Box<[(Box<str>, Box<str>)]>,
    fields: Box<[Box<str>]>,
    parsed: OnceLock<Arc<Value>>,
}

impl Stored {
    /// `namespace/name`, or the name alone.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The namespace, empty where the kind has none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.key.get(..self.namespace_len).unwrap_or_default()
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        let start = if self.namespace_len == 0 { 0 } else { self.namespace_len + 1 };
        self.key.get(start..).unwrap_or_default()
    }

    /// The revision of the write that made it.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The object as JSON, beginning with `apiVersion` and `kind`.
    #[must_use]
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// The value of a label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(k, _)| **k == *key).map(|(_, value)| &**value)
    }

    /// The value of the field at this place in [`Resource::fields`].
    #[must_use]
    pub fn field(&self, at: usize) -> &str {
        self.fields.get(at).map(AsRef::as_ref).unwrap_or_default()
    }

    /// What it counts as where memory is bounded, in bytes.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.json.len() + size_of::<Self>()
    }

    /// Appends the object as it was, but with another revision, as deletions show it.
    pub fn write_at_revision(&self, revision: u64, out: &mut Vec<u8>) {
        let (at, len) = self.revision_at;
        out.extend_from_slice(self.json.get(..at).unwrap_or_default());
        out.extend_from_slice(revision.to_string().as_bytes());
        out.extend_from_slice(self.json.get(at + len..).unwrap_or_default());
    }

    /// The object, parsed.
    ///
    /// # Errors
    /// Never for an object that an [`Encoder`] wrote.
    pub fn parse(&self) -> serde_json::Result<Value> {
        serde_json::from_slice(&self.json)
    }

    /// The object, parsed once and kept.
    #[must_use]
    pub fn parsed(&self) -> Option<Arc<Value>> {
        if let Some(value) = self.parsed.get() {
            return Some(Arc::clone(value));
        }
        let value = Arc::new(self.parse().ok()?);
        Some(Arc::clone(self.parsed.get_or_init(|| value)))
    }
}

/// A [`Stored`] that lies in an ordered set by its key.
#[derive(Clone, Debug)]
pub(super) struct ByKey(pub(super) Arc<Stored>);

impl Borrow<str> for ByKey {
    fn borrow(&self) -> &str {
        &self.0.key
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for ByKey {}

impl PartialOrd for ByKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key.cmp(&other.0.key)
    }
}

/// A serialized object that has no revision yet.
#[derive(Debug)]
pub struct Draft {
    key: Box<str>,
    namespace_len: usize,
    json: Vec<u8>,
    /// Where in `json` the digits of the revision go.
    revision_at: usize,
    labels: Box<[(Box<str>, Box<str>)]>,
    fields: Box<[Box<str>]>,
}

impl Draft {
    /// Where it will lie.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The object as it would be stored at `revision`, for an answer that stores nothing.
    #[must_use]
    pub fn finish(self, revision: u64) -> Stored {
        let digits = revision.to_string();
        let mut json = Vec::with_capacity(self.json.len() + digits.len());
        let (head, tail) = self.json.split_at(self.revision_at.min(self.json.len()));
        json.extend_from_slice(head);
        json.extend_from_slice(digits.as_bytes());
        json.extend_from_slice(tail);
        Stored {
            key: self.key,
            namespace_len: self.namespace_len,
            revision,
            json: json.into(),
            revision_at: (head.len(), digits.len()),
            labels: self.labels,
            fields: self.fields,
            parsed: OnceLock::new(),
        }
    }

    /// The object without a revision, for the answer to a creation that stores nothing.
    #[must_use]
    pub fn finish_unsaved(mut self) -> Stored {
        // The one field that is left out is the last of the metadata.
        let field = br#""resourceVersion":""#.len();
        let start = self.revision_at.saturating_sub(field);
        let start =
            if start > 0 && self.json.get(start - 1) == Some(&b',') { start - 1 } else { start };
        let end = (self.revision_at + 1).min(self.json.len());
        self.json.drain(start..end);
        Stored {
            key: self.key,
            namespace_len: self.namespace_len,
            revision: 0,
            json: self.json.into(),
            revision_at: (start, 0),
            labels: self.labels,
            fields: self.fields,
            parsed: OnceLock::new(),
        }
    }

    /// Whether `stored` is this object but for its revision.
    #[must_use]
    pub fn equals(&self, stored: &Stored) -> bool {
        let (at, len) = stored.revision_at;
        self.revision_at == at
            && self.json.len() + len == stored.json.len()
            && self.json.get(..at) == stored.json.get(..at)
            && self.json.get(at..) == stored.json.get(at + len..)
    }
}

/// Serializes the objects of one resource.
#[derive(Clone, Copy, Debug)]
pub struct Encoder(pub &'static Resource);

impl Encoder {
    /// What every object begins with, up to the first field of its own.
    #[must_use]
    pub fn prefix(self) -> String {
        format!(r#"{{"apiVersion":"{}","kind":"{}""#, self.0.api_version, self.0.kind)
    }

    /// Serializes `object`, whose `apiVersion`, `kind` and `metadata.resourceVersion` are written anew.
    #[must_use]
    pub fn encode(self, object: &Value) -> Draft {
        let metadata = object.get("metadata");
        let text =
            |key: &str| metadata.and_then(|m| m.get(key)).and_then(Value::as_str).unwrap_or("");
        let namespace = if self.0.namespaced { text("namespace") } else { "" };
        let key = self.0.key(namespace, text("name"));
        let mut json = Vec::with_capacity(1024);
        json.extend_from_slice(self.prefix().as_bytes());
        json.extend_from_slice(br#","metadata":{"#);
        let none = Map::new();
        let fields = metadata.and_then(Value::as_object).unwrap_or(&none);
        write_fields(&mut json, fields, &["resourceVersion"]);
        if json.last() != Some(&b'{') {
            json.push(b',');
        }
        json.extend_from_slice(br#""resourceVersion":""#);
        let revision_at = json.len();
        json.extend_from_slice(br#""}"#);
        if let Some(object) = object.as_object() {
            let rest = ["apiVersion", "kind", "metadata"];
            if object.keys().any(|key| !rest.contains(&key.as_str())) {
                json.push(b',');
            }
            write_fields(&mut json, object, &rest);
        }
        json.push(b'}');
        Draft {
            key: key.into(),
            namespace_len: namespace.len(),
            json,
            revision_at,
            labels: labels(metadata),
            fields: self.0.fields.iter().map(|field| field.value(object)).collect(),
        }
    }
}

/// Writes the fields of an object but for some, separated by commas.
fn write_fields(out: &mut Vec<u8>, fields: &Map<String, Value>, without: &[&str]) {
    let mut first = true;
    for (key, value) in fields.iter().filter(|(key, _)| !without.contains(&key.as_str())) {
        if !first {
            out.push(b',');
        }
        first = false;
        // Neither can fail: memory takes every byte, and the keys are strings.
        let _ = serde_json::to_writer(&mut *out, key);
        out.push(b':');
        let _ = serde_json::to_writer(&mut *out, value);
    }
}

fn labels(metadata: Option<&Value>) -> Box<[(Box<str>, Box<str>)]> {
    let Some(labels) = metadata.and_then(|m| m.get("labels")).and_then(Value::as_object) else {
        return Box::default();
    };
    let pairs = labels.iter().filter_map(|(k, v)| Some((k.as_str().into(), v.as_str()?.into())));
    pairs.collect()
}
