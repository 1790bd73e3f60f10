//! [`Write`]: a request that changes something, as plain data, and how it is sent.

use std::time::Duration;

use http::{Method, Request, header};
use kube::Client;
use serde_json::Value;
use tokio::time::timeout;

/// How long one request may take.
const REQUEST_MAX: Duration = Duration::from_secs(30);

/// What a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// An object, or options.
    Json,
    /// A JSON merge patch.
    Merge,
    /// A strategic merge patch.
    Strategic,
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Write {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body_is: Body,
    pub(super) body: Value,
}

/// How a request ended that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// There is no such object (404).
    #[error("not found: {0}")]
    NotFound(String),
    /// It exists already, or was changed, or is another one (409).
    #[error("conflict: {0}")]
    Conflict(String),
    /// The API server will not do it, now or later (other 4xx).
    #[error("refused: {0}")]
    Refused(String),
    /// It may work later, or may have worked.
    #[error("failed: {0}")]
    Again(String),
}

impl Write {
    /// Creates `object` in the collection `path`.
    pub(super) fn create(path: impl Into<String>, object: Value) -> Self {
        Self { method: Method::POST, path: path.into(), body_is: Body::Json, body: object }
    }

    /// Merges `change` into the object at `path`.
    pub(super) fn merge(path: impl Into<String>, change: Value) -> Self {
        Self { method: Method::PATCH, path: path.into(), body_is: Body::Merge, body: change }
    }

    /// Merges `change` into the object at `path`, lists by their keys.
    pub(super) fn strategic(path: impl Into<String>, change: Value) -> Self {
        Self { method: Method::PATCH, path: path.into(), body_is: Body::Strategic, body: change }
    }

    /// Replaces the object at `path`.
    pub(super) fn replace(path: impl Into<String>, object: Value) -> Self {
        Self { method: Method::PUT, path: path.into(), body_is: Body::Json, body: object }
    }

    /// Deletes the object at `path` with these DeleteOptions.
    pub(super) fn delete(path: impl Into<String>, options: Value) -> Self {
        Self { method: Method::DELETE, path: path.into(), body_is: Body::Json, body: options }
    }

    /// Sends it; the answer is the object as it is now, or a Status.
    pub(super) async fn send(&self, client: &Client) -> Result<Value, Failure> {
        let content_type = match self.body_is {
            Body::Json => "application/json",
            Body::Merge => "application/merge-patch+json",
            Body::Strategic => "application/strategic-merge-patch+json",
        };
        let request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(header::CONTENT_TYPE, content_type)
            .header(header::ACCEPT, "application/json")
            .body(self.body.to_string().into_bytes())
            .map_err(|error| Failure::Refused(error.to_string()))?;
        match timeout(REQUEST_MAX, client.request::<Value>(request)).await {
            Ok(answer) => answer.map_err(Failure::from),
            Err(_) => Err(Failure::Again("no answer in time".to_owned())),
        }
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        let kube::Error::Api(status) = error else { return Self::Again(error.to_string()) };
        let text = status.message.clone();
        match status.code {
            404 => Self::NotFound(text),
            409 => Self::Conflict(text),
            408 | 429 | 500.. => Self::Again(text),
            _ => Self::Refused(text),
        }
    }
}
