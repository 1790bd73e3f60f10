//! What form an answer has that comes as an object of Kubernetes: JSON or YAML, in one line or many. Used by
//! `access` for refusals and by `pages`.
//!
//! Upstream: endpoints/handlers/negotiation and responsewriters in k8s.io/apiserver, v1.37.

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, USER_AGENT};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// Clauses of an Accept header that are looked at.
const CLAUSES_MAX: usize = 32;

/// How an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Yaml,
    Text,
}

/// A clause of an Accept header.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clause<'a> {
    /// Such as `application/json` or `*/*`.
    pub(super) media_type: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Clause<'a> {
    /// The value of a parameter; empty where there is none.
    pub(super) fn parameter(&self, name: &str) -> &'a str {
        let found = self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    fn quality(&self) -> f64 {
        let text = self.parameter("q");
        if text.is_empty() { 1.0 } else { text.parse().unwrap_or(0.0) }
    }

    /// Whether this media type will do.
    pub(super) fn takes(&self, form: Form) -> bool {
        let (kind, sub) = match form {
            Form::Json => ("application", "json"),
            Form::Yaml => ("application", "yaml"),
            Form::Text => ("text", "plain"),
        };
        let (wanted_kind, wanted_sub) = self.media_type.split_once('/').unwrap_or_default();
        (wanted_kind == "*" && wanted_sub == "*")
            || (wanted_kind == kind && (wanted_sub == "*" || wanted_sub == sub))
    }
}

/// The clauses of an Accept header, best first.
pub(super) fn clauses(request: &Parts) -> Vec<Clause<'_>> {
    let text = request.headers.get(ACCEPT).and_then(|text| text.to_str().ok()).unwrap_or_default();
    let mut all: Vec<Clause<'_>> = Vec::new();
    for text in text.split(',').map(str::trim).filter(|text| !text.is_empty()).take(CLAUSES_MAX) {
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let parameters = parts.filter_map(|part| part.split_once('=')).collect();
        all.push(Clause { media_type, parameters });
    }
    all.sort_by(|a, b| b.quality().total_cmp(&a.quality()));
    all
}

/// An answer that says what went wrong: a `Status` of Kubernetes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Nothing,
    status: &'static str,
    message: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Nothing>,
    code: u16,
}

/// An object without fields.
#[derive(Serialize)]
struct Nothing {}

impl<'a> Failure<'a> {
    pub(super) fn new(code: StatusCode, reason: &'a str, message: &'a str) -> Self {
        Self {
            kind: "Status",
            api_version: "v1",
            metadata: Nothing {},
            status: "Failure",
            message,
            reason,
            details: None,
            code: code.as_u16(),
        }
    }

    /// With details that say nothing, as a refusal has them.
    pub(super) fn with_details(self) -> Self {
        Self { details: Some(Nothing {}), ..self }
    }

    /// In YAML where that is asked for, else in JSON.
    pub(super) fn answer(&self, request: &Parts) -> Response {
        let form = clauses(request).into_iter().find_map(|clause| {
            [Form::Json, Form::Yaml].into_iter().find(|form| clause.takes(*form))
        });
        let form = form.unwrap_or(Form::Json);
        let content_type = if form == Form::Yaml { "application/yaml" } else { "application/json" };
        let mut response = object(request, form, content_type, self);
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.status_mut() = code;
        response
    }
}

/// An object in JSON or YAML.
pub(super) fn object(
    request: &Parts,
    form: Form,
    content_type: &str,
    object: &impl Serialize,
) -> Response {
    let text = match form {
        Form::Yaml => {
            // By way of a map, which has its keys in order, as upstream writes YAML.
            let object = serde_json::to_value(object).unwrap_or_default();
            serde_saphyr::to_string(&object).unwrap_or_default()
        }
        Form::Json | Form::Text if is_pretty(request) => {
            serde_json::to_string_pretty(object).unwrap_or_default()
        }
        Form::Json | Form::Text => serde_json::to_string(object).unwrap_or_default() + "\n",
    };
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    response
}

/// Whether a person is likely to read it.
fn is_pretty(request: &Parts) -> bool {
    let parameters = request.uri.query().unwrap_or_default().split('&');
    let mut pretty = parameters.filter_map(|pair| match pair.split_once('=') {
        Some(("pretty", value)) => Some(value),
        None if pair == "pretty" => Some(""),
        _ => None,
    });
    if let Some(value) = pretty.next() {
        return !matches!(value, "false" | "0");
    }
    let agent = request.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let agent = agent.unwrap_or_default();
    ["curl", "Wget", "Mozilla/5.0"].iter().any(|known| agent.starts_with(known))
}
