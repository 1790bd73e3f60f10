//! One request and its answer, with as little around it as `kube` allows: no typed answers, no spans,
//! header values made once. Used by `bind`, `condition`, `report` and `watch`; classifies what every kind of
//! request classifies alike.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

use crate::units::Nanos;
use crate::wire::protobuf;

use super::lines::Format;

/// How long a request may take where nothing asks for less.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read where the answer is looked at. etcd keeps objects below 1.5 MB.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Bytes kept of an error answer that is not a Status, such as a proxy's page.
const FOREIGN_TEXT_BYTES_MAX: usize = 200;

/// The longest wait that a server's Retry-After can bring about.
const RETRY_AFTER_MAX: Nanos = Nanos::from_secs(60);

/// What an API server says on a create while its admission plugins start. A 403 that will pass.
const ADMISSION_STARTING: &str = "not yet ready to handle request";

/// All that an API server says with 401.
const UNAUTHORIZED: &str = "Unauthorized";

/// Content type of a body.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What is asked for where protobuf is wanted: JSON will do, too, since not every server has it.
///
/// Upstream: client-go/rest, v0.37.
const PROTOBUF_OR_JSON: HeaderValue =
    HeaderValue::from_static("application/vnd.kubernetes.protobuf,application/json");

/// Content type of a patch that merges objects.
pub(super) const MERGE: HeaderValue = HeaderValue::from_static("application/merge-patch+json");

/// Content type of a patch that merges lists by their keys.
pub(super) const STRATEGIC_MERGE: HeaderValue =
    HeaderValue::from_static("application/strategic-merge-patch+json");

/// The API server.
pub(super) struct Api {
    client: Client,
    /// How long a request may take.
    within: Duration,
}

/// Why a request did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// There was no answer; whether the request took effect is not known.
    Silence(String),
    /// There was an answer, and it was no.
    Refusal(Refusal),
}

/// An answer other than 2xx.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The HTTP status code.
    pub(super) status: u16,
    /// The server's words.
    pub(super) message: String,
    /// How long the server asks to wait, if it does.
    pub(super) retry_after: Option<Nanos>,
    /// The answer was a Status object: an API server spoke, not something on the way to it.
    pub(super) from_api: bool,
}

/// The part of a Status that is read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    kind: String,
    message: String,
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    retry_after_seconds: u64,
}

impl From<protobuf::Status> for Status {
    fn from(status: protobuf::Status) -> Self {
        let details = Details { retry_after_seconds: status.retry_after_seconds };
        Self { kind: "Status".to_owned(), message: status.message, details: Some(details) }
    }
}

impl Api {
    pub(super) fn new(client: Client) -> Self {
        Self::within(client, REQUEST_TIMEOUT)
    }

    /// One whose requests may take no longer than this.
    pub(super) fn within(client: Client, within: Duration) -> Self {
        Self { client, within }
    }

    /// Sends a write. The answer's body is read to its end, so that the connection can be used again,
    /// but not looked at; how that reading goes changes nothing.
    pub(super) async fn write(
        &self,
        method: Method,
        path: &str,
        content_type: HeaderValue,
        body: String,
    ) -> Result<(), Problem> {
        let mut request = request(method, path, Body::from(body.into_bytes()))?;
        request.headers_mut().insert(header::CONTENT_TYPE, content_type);
        let mut accepted = false;
        let exchange = async {
            let mut answer = self.send(request).await?.into_body();
            accepted = true;
            while let Some(Ok(_)) = answer.frame().await {}
            Ok(())
        };
        match timeout(self.within, exchange).await {
            Ok(result) => result,
            Err(_) if accepted => Ok(()),
            Err(_) => Err(Problem::no_answer(self.within)),
        }
    }

    /// Reads an object, or the part of it that `T` has.
    pub(super) async fn read<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
    ) -> Result<T, Problem> {
        self.parsed(request(Method::GET, path, Body::empty())?).await
    }

    /// Sends an object; what the server made of it.
    pub(super) async fn exchange(
        &self,
        method: Method,
        path: &str,
        object: &Value,
    ) -> Result<Value, Problem> {
        let mut request = request(method, path, Body::from(object.to_string().into_bytes()))?;
        request.headers_mut().insert(header::CONTENT_TYPE, JSON);
        self.parsed(request).await
    }

    async fn parsed<T: for<'de> Deserialize<'de>>(
        &self,
        request: Request<Body>,
    ) -> Result<T, Problem> {
        let exchange = async {
            let answer = self.send(request).await?.into_body();
            let bytes = whole(answer).await.map_err(Problem::Silence)?;
            serde_json::from_slice(&bytes)
                .map_err(|error| Problem::Silence(format!("the answer is not readable: {error}")))
        };
        timeout(self.within, exchange)
            .await
            .unwrap_or_else(|_| Err(Problem::no_answer(self.within)))
    }

    /// Asks for what may be long, a list or a watch, in `wanted` or in JSON: the body of the answer, which is
    /// there once the server begins to answer `within` this time, and what it is in.
    pub(super) async fn open(
        &self,
        path: &str,
        wanted: Format,
        within: Duration,
    ) -> Result<(Format, Body), Problem> {
        let mut request = request(Method::GET, path, Body::empty())?;
        if wanted == Format::Protobuf {
            request.headers_mut().insert(header::ACCEPT, PROTOBUF_OR_JSON);
        }
        let answer = timeout(within, self.send(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(Problem::no_answer(within)))?;
        let is_protobuf = answer
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|media| media.as_bytes().starts_with(protobuf::MEDIA_TYPE.as_bytes()));
        let format = if is_protobuf { Format::Protobuf } else { Format::Json };
        Ok((format, answer.into_body()))
    }

    /// Sends `request`; an answer other than 2xx is a refusal, with its body read.
    async fn send(&self, request: Request<Body>) -> Result<http::Response<Body>, Problem> {
        let answer = match self.client.send(request).await {
            Ok(answer) => answer,
            Err(error) => return Err(Problem::Silence(chain(&error))),
        };
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let header = answer.headers().get(header::RETRY_AFTER).and_then(seconds);
        let bytes = whole(answer.into_body()).await.unwrap_or_default();
        Err(Problem::Refusal(refusal(status, header, &bytes)))
    }
}

fn request(method: Method, path: &str, body: Body) -> Result<Request<Body>, Problem> {
    let uri = Uri::try_from(path).map_err(|error| {
        // Names that an API server has validated always fit.
        let message = format!("{path:?} is not a path: {error}");
        Problem::Refusal(Refusal { status: 400, message, ..Refusal::default() })
    })?;
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::ACCEPT, JSON);
    Ok(request)
}

async fn whole(body: Body) -> Result<Vec<u8>, String> {
    match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) => Err(chain(&*error)),
    }
}

fn seconds(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.trim().parse().ok()
}

fn refusal(status: StatusCode, retry_after_header: Option<u64>, body: &[u8]) -> Refusal {
    let said = match protobuf::status(body) {
        Some(status) => Status::from(status),
        None => serde_json::from_slice(body).unwrap_or_default(),
    };
    let from_api = said.kind == "Status";
    let in_status = said.details.map(|details| details.retry_after_seconds).filter(|&s| s > 0);
    let message = if from_api && !said.message.is_empty() {
        said.message
    } else {
        let text = &body[..body.len().min(FOREIGN_TEXT_BYTES_MAX)];
        format!("{status} {}", String::from_utf8_lossy(text).trim()).trim_end().to_owned()
    };
    let retry_after =
        retry_after_header.or(in_status).map(|s| Nanos::from_secs(s).min(RETRY_AFTER_MAX));
    Refusal { status: status.as_u16(), message, retry_after, from_api }
}

/// `error` and what it comes from, in one line; `kube` shows only the outermost of a service's errors.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        source = error.source();
    }
    text
}

/// What to do where somebody may not do something or is not known, put behind the server's words. Admission
/// says 403, too, and its own reason; only the check of rights begins with the user.
pub(super) fn advice(message: &str) -> &'static str {
    if message.contains("is forbidden: User ") {
        "; berth needs this right in a ClusterRole"
    } else if message == UNAUTHORIZED {
        "; check the user of the kubeconfig or the service account's token"
    } else {
        ""
    }
}

impl Problem {
    fn no_answer(within: Duration) -> Self {
        Problem::Silence(format!("no answer within {} s", within.as_secs_f64()))
    }

    /// The status code of the answer; zero where there was none.
    pub(super) fn status(&self) -> u16 {
        match self {
            Problem::Silence(_) => 0,
            Problem::Refusal(refusal) => refusal.status,
        }
    }

    /// Whether the object, or its namespace, is not there, by an API server's word.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Problem::Refusal(Refusal { status: 404, from_api: true, .. }))
    }

    /// Whether the same request may succeed later: no answer, no valid credentials just now, too many
    /// requests, a server in trouble, or an answer that did not come from an API server.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Problem::Silence(_) => true,
            Problem::Refusal(refusal) => match refusal.status {
                401 | 408 | 429 => true,
                403 => refusal.message.contains(ADMISSION_STARTING),
                404 => !refusal.from_api,
                status => !(400..500).contains(&status),
            },
        }
    }

    /// How long the server asks to wait, if it does.
    pub(super) fn retry_after(&self) -> Option<Nanos> {
        match self {
            Problem::Silence(_) => None,
            Problem::Refusal(refusal) => refusal.retry_after,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Silence(message) => f.write_str(message),
            Problem::Refusal(refusal) => f.write_str(&refusal.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_another_try() {
        let status = r#"{"kind":"Status","message":"words"}"#;
        let starting =
            r#"{"kind":"Status","message":"x is forbidden: not yet ready to handle request"}"#;
        let rows = [
            (400, status, false),
            (401, status, true),
            (403, status, false),
            (403, starting, true),
            (404, status, false),
            (404, "404 page not found", true),
            (408, status, true),
            (409, status, false),
            (422, status, false),
            (429, status, true),
            (500, status, true),
            (503, "upstream connect error", true),
            (302, "", true),
        ];
        for (code, body, want) in rows {
            let refusal = refusal(StatusCode::from_u16(code).unwrap(), None, body.as_bytes());
            assert_eq!(Problem::Refusal(refusal).is_transient(), want, "{code} {body}");
        }
    }

    #[test]
    fn advice_is_for_missing_rights_only() {
        let rights =
            "pods \"p\" is forbidden: User \"berth\" cannot create resource \"pods/binding\"";
        assert!(advice(rights).contains("in a ClusterRole"));
        assert_eq!(advice("pods \"p\" is forbidden: exceeded quota: q"), "");
    }

    #[test]
    fn words_and_waits_are_taken_from_the_answer() {
        let body = br#"{"kind":"Status","message":"slow down","details":{"retryAfterSeconds":3}}"#;
        let with_details = refusal(StatusCode::TOO_MANY_REQUESTS, None, body);
        assert_eq!(with_details.message, "slow down");
        assert_eq!(with_details.retry_after, Some(Nanos::from_secs(3)));
        let with_header = refusal(StatusCode::TOO_MANY_REQUESTS, Some(7_200), body);
        assert_eq!(with_header.retry_after, Some(RETRY_AFTER_MAX));
        let foreign = refusal(StatusCode::BAD_GATEWAY, None, &[b'x'; 10_000]);
        assert!(foreign.message.starts_with("502 Bad Gateway xxx") && foreign.message.len() < 300);
        assert!(!foreign.from_api);
    }
}
