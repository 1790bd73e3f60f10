//! Requests for those who measure rather than schedule (`bench`): a body in, its answer not looked at, the
//! lines of a watch out. The same connection, writes and lines as the scheduler's own, so that what is
//! measured against them is measured against the same.

use std::time::Duration;

use http::Method;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use tokio::time::Instant;

use super::api::{Api, JSON, MERGE, Problem};
use super::lines::{Cut, Format, Lines, SILENCE_MAX, WATCH_SECONDS};

/// How long a request may take: an API server that is loaded on purpose is slow.
const WITHIN: Duration = Duration::from_mins(1);

/// Plain requests to one API server.
pub struct Plain(Api);

/// Why a request did not succeed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct PlainError {
    /// The HTTP status code; zero where there was no answer.
    pub status: u16,
    /// The server's words.
    pub message: String,
    /// Whether the same request may succeed later.
    pub transient: bool,
}

impl From<Problem> for PlainError {
    fn from(problem: Problem) -> Self {
        let (status, transient) = (problem.status(), problem.is_transient());
        Self { status, message: problem.to_string(), transient }
    }
}

impl Plain {
    /// Requests through `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(Api::within(client, WITHIN))
    }

    /// Creates the object whose JSON is `body`, or carries out a DELETE, where there is none.
    pub async fn write(&self, method: Method, path: &str, body: String) -> Result<(), PlainError> {
        Ok(self.0.write(method, path, JSON, body).await?)
    }

    /// Merges `body` into an object.
    pub async fn merge(&self, path: &str, body: String) -> Result<(), PlainError> {
        Ok(self.0.write(Method::PATCH, path, MERGE, body).await?)
    }

    /// Reads an object or a list, or the part of it that `T` has.
    pub async fn read<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, PlainError> {
        Ok(self.0.read(path).await?)
    }

    /// Reads an answer that is text.
    pub async fn text(&self, path: &str) -> Result<String, PlainError> {
        let (_, body) = self.0.open(path, Format::Json, WITHIN).await?;
        let bytes = super::lines::whole(body).await.map_err(broken)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Opens a watch: `path` has a query, to which what every watch asks for is added. It ends in order after
    /// some time; its bookmarks and objects say from where the next one goes on.
    pub async fn watch(&self, path: &str) -> Result<PlainLines, PlainError> {
        let url =
            format!("{path}&watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}");
        let (format, body) = self.0.open(&url, Format::Json, SILENCE_MAX).await?;
        Ok(PlainLines(Lines::new(format, body)))
    }
}

/// The lines of a watch.
pub struct PlainLines(Lines<Body>);

impl PlainLines {
    /// The next line, and when its last bytes came; `None` at the end of the watch.
    pub async fn next(&mut self) -> Result<Option<(&[u8], Instant)>, PlainError> {
        self.0.next().await.map_err(broken)
    }
}

fn broken(cut: Cut) -> PlainError {
    let message = match cut {
        Cut::Broken(text) => text,
        Cut::Silent => format!("nothing came for {} s", SILENCE_MAX.as_secs()),
        Cut::TooLong => "an answer is too long".to_owned(),
    };
    PlainError { status: 0, message, transient: true }
}
