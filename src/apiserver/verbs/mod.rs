//! What a request does to the store, verb by verb. Nothing here waits or knows of HTTP: a [`Call`] comes
//! in, an [`Answer`] or a [`Failure`] goes out.

pub mod create;
pub mod delete;
pub mod fields;
pub mod list;
pub mod metadata;
pub mod patch;
pub mod update;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::api::Api;
use super::failure::{Cause, Failure};
use super::http::{Params, Target};
use super::identity::now;
use super::kinds::Resource;
use super::objects::Refusal;
use super::patch::{self as patch_rules, TrackOptions};
use super::schema::GroupVersionKind;
use super::store::{Page, Queue, Stored};

/// A request that is understood.
#[derive(Debug)]
pub struct Call<'a> {
    /// The server.
    pub api: &'a Api,
    /// What it is about.
    pub target: &'a Target,
    /// Its query.
    pub params: &'a Params,
    /// Who writes: the query's field manager, or the name of the program.
    pub manager: String,
    /// What the client is to be told besides the answer.
    pub warnings: Vec<String>,
}

/// What comes of a request.
#[derive(Debug)]
pub enum Answer {
    /// An object as it is stored.
    Object {
        /// The HTTP status.
        code: u16,
        /// The object.
        object: Arc<Stored>,
    },
    /// Something else.
    Value {
        /// The HTTP status.
        code: u16,
        /// It.
        value: Value,
    },
    /// A page of objects.
    List {
        /// The objects.
        page: Page,
        /// Where to go on; empty at the end.
        continue_token: String,
    },
    /// Events from now on.
    Watch(Watching),
    /// Text for people.
    Text(String),
}

/// A watch that has begun.
#[derive(Debug)]
pub struct Watching {
    /// What there is already.
    pub initial: Option<Page>,
    /// Whether the end of that is marked.
    pub mark_initial_end: bool,
    /// What comes.
    pub queue: Arc<Queue>,
    /// Whether bookmarks are wanted.
    pub bookmarks: bool,
    /// When the watch ends by itself.
    pub timeout: Duration,
    /// What went wrong: the only event.
    pub failure: Option<Failure>,
}

impl Call<'_> {
    /// The kind that the call names.
    #[must_use]
    pub fn resource(&self) -> &'static Resource {
        self.target.resource
    }

    /// The kind as which its objects are kept.
    #[must_use]
    pub fn kept(&self) -> &'static Resource {
        self.target.resource.kept()
    }

    /// The type of its objects.
    #[must_use]
    pub fn kind(&self) -> GroupVersionKind {
        let kept = self.kept();
        GroupVersionKind::new(kept.group, kept.version, kept.kind)
    }

    /// Gives the fields that a write has changed to who writes. The object is as it will be stored.
    pub fn track(&self, old: Option<&Value>, new: &mut Value) {
        let time = now();
        let subresource = self.target.subresource.as_str();
        let options = TrackOptions { manager: &self.manager, subresource, time: &time };
        patch_rules::track(&self.kind(), old, new, &options);
    }

    /// The object that the call names.
    pub fn find(&self) -> Result<Arc<Stored>, Failure> {
        let Target { resource, namespace, name, .. } = self.target;
        self.api.get(resource, namespace, name).ok_or_else(|| Failure::not_found(resource, name))
    }

    /// A refusal of the checks as a failure.
    #[must_use]
    pub fn refused(&self, name: &str, refusal: Refusal) -> Failure {
        let resource = self.kept();
        match refusal {
            Refusal::Invalid { causes } => {
                let causes = causes.into_iter().map(|cause| Cause {
                    reason: cause.reason.to_string(),
                    message: cause.message,
                    field: cause.field,
                });
                Failure::invalid(resource.group, resource.kind, name, causes.collect())
            }
            Refusal::Forbidden(message) => {
                let mut failure = Failure::forbidden(resource, name, "");
                failure.message = message;
                failure
            }
            Refusal::Conflict(message) => {
                let mut failure = Failure::conflict(resource, name, "");
                failure.message = message;
                failure
            }
            Refusal::NotFound(message) => Failure::new(404, "NotFound", message),
            Refusal::BadRequest(message) => Failure::bad_request(message),
            Refusal::Internal(message) => Failure::untyped(message),
        }
    }
}

/// Reads one object.
pub fn get(call: &Call<'_>) -> Result<Answer, Failure> {
    list::reached(list::revision(call.params)?, call.api.store.revision())?;
    Ok(Answer::Object { code: 200, object: call.find()? })
}

/// A `Status` that says that it is done.
#[must_use]
pub fn success(code: u16) -> Answer {
    let value = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code});
    Answer::Value { code, value }
}

/// A text inside of an object; empty where there is none.
#[must_use]
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
