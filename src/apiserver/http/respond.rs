//! Answers as HTTP responses.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WARNING};
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::accept::Form;
use super::list_body::ListBody;
use super::shape::Shape;
use super::watch_body::WatchBody;
use crate::apiserver::api::Api;
use crate::apiserver::failure::Failure;
use crate::apiserver::verbs::Answer;

/// Bytes of warnings in one answer at most. Upstream: 10,000 runes.
const WARNING_BYTES_MAX: usize = 4096;

/// An answer in the shape that the client wants.
#[must_use]
pub fn answer(api: &Arc<Api>, shape: Shape, answer: Answer, warnings: &[String]) -> Response {
    let mut response = match answer {
        Answer::Object { code, object } => {
            if shape.is_raw() {
                with_type(code, "application/json", Body::from(object.json().clone()))
            } else {
                let mut out = Vec::new();
                shape.write(&object, None, &mut out);
                with_type(code, "application/json", Body::from(out))
            }
        }
        Answer::Value { code, value } => json(code, &value),
        Answer::List { page, continue_token } => {
            let list = ListBody::new(shape, page, &continue_token);
            with_type(200, "application/json", Body::new(list))
        }
        Answer::Watch(watching) => {
            let watch = WatchBody::new(Arc::clone(api), shape, watching);
            let media_type = match shape.form {
                Form::Plain | Form::Discovery => "application/json;stream=watch",
                Form::Partial | Form::Table => "application/json",
            };
            with_type(200, media_type, Body::new(watch))
        }
        Answer::Text(text) => with_type(200, "text/plain", Body::from(text)),
    };
    add_warnings(&mut response, warnings);
    response
}

fn add_warnings(response: &mut Response, warnings: &[String]) {
    let mut left = WARNING_BYTES_MAX;
    for warning in warnings {
        let Some(rest) = left.checked_sub(warning.len()) else { return };
        left = rest;
        let text = warning.replace(['\n', '\r'], " ").replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::try_from(format!("299 - \"{text}\"")) {
            response.headers_mut().append(WARNING, value);
        }
    }
}

/// A refusal.
#[must_use]
pub fn failure(failure: &Failure) -> Response {
    let mut response = json(failure.code, &failure.to_value());
    let seconds = failure.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    if seconds > 0 {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// JSON.
#[must_use]
pub fn json(code: u16, value: &Value) -> Response {
    with_type(code, "application/json", Body::from(value.to_string()))
}

/// A body of this media type.
#[must_use]
pub fn with_type(code: u16, media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}
