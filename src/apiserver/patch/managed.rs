//! The entries of `metadata.managedFields`: reading, writing, finding.
//!
//! Upstream: apimachinery/pkg/util/managedfields/internal/managedfields.go, v1.37.

use serde_json::{Map, Value, json};

use super::fields::FieldSet;
use crate::apiserver::schema::GroupVersionKind;

const FIELDS_TYPE: &str = "FieldsV1";

/// How an owner came to own its fields. Entries by apply stand first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    Update,
}

/// Who owns which fields.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) manager: String,
    pub(super) operation: Operation,
    pub(super) api_version: String,
    pub(super) time: Option<String>,
    pub(super) subresource: String,
    pub(super) fields: FieldSet,
}

impl Owner {
    /// Somebody who owns nothing yet.
    pub(super) fn new(
        kind: &GroupVersionKind,
        operation: Operation,
        manager: &str,
        subresource: &str,
    ) -> Self {
        let manager = if manager.is_empty() { "unknown" } else { manager };
        Self {
            manager: manager.to_owned(),
            operation,
            api_version: kind.api_version(),
            time: None,
            subresource: subresource.to_owned(),
            fields: FieldSet::default(),
        }
    }

    /// Whether the two are one owner; for those by apply the version does not count.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.manager == other.manager
            && self.operation == other.operation
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    /// Upstream's text for an owner; where it sorts owners, it sorts these.
    pub(super) fn identifier(&self) -> String {
        let mut text = format!("{{\"manager\":{}", Value::from(&*self.manager));
        match self.operation {
            Operation::Apply => text.push_str(",\"operation\":\"Apply\""),
            Operation::Update => {
                text.push_str(",\"operation\":\"Update\",\"apiVersion\":");
                text.push_str(&Value::from(&*self.api_version).to_string());
            }
        }
        if !self.subresource.is_empty() {
            text.push_str(",\"subresource\":");
            text.push_str(&Value::from(&*self.subresource).to_string());
        }
        text.push('}');
        text
    }

    fn read(entry: Value, known: bool) -> Option<Self> {
        let Value::Object(mut entry) = entry else { return None };
        let mut text = |name: &str| match entry.remove(name) {
            Some(Value::String(text)) => Some(text),
            Some(Value::Null) | None => Some(String::new()),
            _ => None,
        };
        let operation = match &*text("operation")? {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        let api_version = text("apiVersion").filter(|version| !version.is_empty())?;
        if text("fieldsType")? != FIELDS_TYPE {
            return None;
        }
        let manager = text("manager")?;
        let subresource = text("subresource")?;
        let time = text("time").filter(|time| !time.is_empty());
        let fields = match entry.remove("fieldsV1") {
            Some(Value::Null) | None => FieldSet::default(),
            Some(fields) => FieldSet::from_json(fields, known)?,
        };
        Some(Self { manager, operation, api_version, time, subresource, fields })
    }

    fn into_json(self) -> Value {
        let mut entry = Map::new();
        entry.insert("manager".to_owned(), self.manager.into());
        let operation = match self.operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        };
        entry.insert("operation".to_owned(), operation.into());
        entry.insert("apiVersion".to_owned(), self.api_version.into());
        entry.extend(self.time.map(|time| ("time".to_owned(), time.into())));
        entry.insert("fieldsType".to_owned(), FIELDS_TYPE.into());
        entry.insert("fieldsV1".to_owned(), self.fields.into_json());
        if !self.subresource.is_empty() {
            entry.insert("subresource".to_owned(), self.subresource.into());
        }
        Value::Object(entry)
    }
}

/// The entries of an object.
pub(super) fn entries(object: &Value) -> Option<&Value> {
    object.get("metadata")?.get("managedFields").filter(|entries| !entries.is_null())
}

/// Takes the entries out of an object.
pub(super) fn take(object: &mut Value) -> Option<Value> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    metadata.remove("managedFields").filter(|entries| !entries.is_null())
}

/// Puts entries into an object that has none, in the form in which they were read.
pub(super) fn put_back(object: &mut Value, entries: Option<Value>) {
    let Some(entries) = entries else { return };
    if let Value::Object(object) = object {
        let metadata = object.entry("metadata").or_insert_with(|| json!({}));
        if let Value::Object(metadata) = metadata {
            metadata.insert("managedFields".to_owned(), entries);
        }
    }
}

/// The owners that entries describe; `None` when they are malformed. With `known` they were written by us.
pub(super) fn read(entries: Value, known: bool) -> Option<Vec<Owner>> {
    let Value::Array(entries) = entries else { return None };
    let mut owners: Vec<Owner> = Vec::with_capacity(entries.len() + 1);
    for entry in entries {
        let owner = Owner::read(entry, known)?;
        // Of two entries of one owner the last counts.
        match owners.iter_mut().find(|other| other.is(&owner)) {
            Some(other) => *other = owner,
            None => owners.push(owner),
        }
    }
    Some(owners)
}

/// Puts the owners into an object that has no entries, in upstream's order.
pub(super) fn write(object: &mut Value, mut owners: Vec<Owner>) {
    if owners.is_empty() {
        return;
    }
    owners.sort_by(|a, b| {
        let key = |owner: &'_ Owner| (owner.operation, owner.time.clone());
        let rest = |owner: &'_ Owner| {
            (owner.manager.clone(), owner.api_version.clone(), owner.subresource.clone())
        };
        key(a).cmp(&key(b)).then_with(|| rest(a).cmp(&rest(b)))
    });
    let entries = owners.into_iter().map(Owner::into_json).collect();
    put_back(object, Some(Value::Array(entries)));
}

/// Whether a client asks for all entries to be forgotten: an empty list, or one empty entry.
pub(super) fn is_reset(entries: &Value) -> bool {
    match entries.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([one]) => one.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}
