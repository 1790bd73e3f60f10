//! How stored objects are written into answers: [`Shape`].

use jiff::Timestamp;
use serde_json::{Value, json};

use super::accept::Form;
use crate::apiserver::events;
use crate::apiserver::kinds::{Resource, View};
use crate::apiserver::print::{self, IncludeObject, TableOptions};
use crate::apiserver::store::{Encoder, Stored};

/// The form of one answer.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The kind as which the objects are shown.
    pub resource: &'static Resource,
    /// What the client wants to read.
    pub form: Form,
    /// What goes into tables.
    pub include: IncludeObject,
    /// Whether tables come without the definitions of their columns: the first one of a watch had them.
    pub no_headers: bool,
}

impl Shape {
    /// Whether objects are written as they are stored.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        self.form == Form::Plain && self.resource.view == View::Own
    }

    /// Appends one object, at `revision` where that is not its own.
    pub fn write(&self, object: &Stored, revision: Option<u64>, out: &mut Vec<u8>) {
        if self.is_raw() {
            match revision {
                Some(revision) => object.write_at_revision(revision, out),
                None => out.extend_from_slice(object.json()),
            }
            return;
        }
        let mut value = self.value(object);
        if let Some(revision) = revision {
            value["metadata"]["resourceVersion"] = revision.to_string().into();
        }
        let value = match self.form {
            Form::Partial => print::partial_metadata(&value),
            Form::Table => self.table_of_one(&value),
            Form::Plain | Form::Discovery => value,
        };
        // Memory takes every byte.
        let _ = serde_json::to_writer(out, &value);
    }

    /// Appends one item of a list. Upstream: items have no kind of their own.
    pub fn write_item(&self, object: &Stored, out: &mut Vec<u8>) {
        if !self.is_raw() {
            self.write(object, None, out);
            return;
        }
        let prefix = Encoder(self.resource).prefix().len() + 1;
        out.push(b'{');
        out.extend_from_slice(object.json().get(prefix..).unwrap_or_default());
    }

    /// One object, parsed, as its kind is shown.
    #[must_use]
    pub fn value(&self, object: &Stored) -> Value {
        // What an encoder wrote can be read.
        let mut value = object.parse().unwrap_or_default();
        if self.resource.view == View::NewEvents {
            events::from_core(&mut value);
        }
        value
    }

    /// Objects as a table.
    #[must_use]
    pub fn table(&self, objects: &[Value]) -> Value {
        print::table(&self.resource.qualified, objects, &self.options())
    }

    fn table_of_one(&self, object: &Value) -> Value {
        print::table_of_one(&self.resource.qualified, object, &self.options())
    }

    fn options(&self) -> TableOptions {
        let (include_object, no_headers) = (self.include, self.no_headers);
        TableOptions { include_object, no_headers, now: Timestamp::now() }
    }

    /// `apiVersion` and `kind` of lists in this form.
    #[must_use]
    pub fn list_kind(&self) -> (&'static str, String) {
        match self.form {
            Form::Partial => ("meta.k8s.io/v1", "PartialObjectMetadataList".to_owned()),
            _ => (&self.resource.api_version, format!("{}List", self.resource.kind)),
        }
    }

    /// An object that says nothing but a revision, as bookmarks carry it.
    #[must_use]
    pub fn bookmark(&self, revision: u64, initial_end: bool) -> Value {
        let (api_version, kind) = match self.form {
            Form::Partial => ("meta.k8s.io/v1", "PartialObjectMetadata"),
            _ => (&*self.resource.api_version, self.resource.kind),
        };
        let mut metadata =
            json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let bookmark = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
        if self.form == Form::Table { self.table_of_one(&bookmark) } else { bookmark }
    }
}
