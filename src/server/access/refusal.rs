//! What clients hear that may not ask, in the words of the Kubernetes components.
//!
//! Upstream: endpoints/handlers/responsewriters in k8s.io/apiserver, v1.37.

use axum::response::Response;
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use super::super::endpoints::text;
use super::super::negotiation::Failure;
use super::User;

/// Nobody that is known.
pub(super) fn unauthorized(request: &Parts) -> Response {
    let reason = "Unauthorized";
    Failure::new(StatusCode::UNAUTHORIZED, reason, reason).answer(request)
}

/// Somebody who may not.
pub(super) fn forbidden(
    request: &Parts,
    user: &User,
    verb: &str,
    path: &str,
    reason: &str,
) -> Response {
    let mut message = format!("forbidden: User {:?} cannot {verb} path {path:?}", user.name);
    if !reason.is_empty() {
        message = format!("{message}: {reason}");
    }
    let wrong = Failure::new(StatusCode::FORBIDDEN, "Forbidden", &message).with_details();
    let mut response = wrong.answer(request);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Nobody can tell whether they may.
pub(super) fn unknown(request: &Parts, reason: &str) -> Response {
    let asked = request.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let message = format!("Internal Server Error: {asked:?}: {reason}\n");
    // Upstream: the sanitizer of responsewriters; a browser is not to take it for a page.
    let message = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text(StatusCode::INTERNAL_SERVER_ERROR, message)
}

/// The path of a request, decoded.
pub(super) fn decoded_path(request: &Parts) -> String {
    percent_decoded(request.uri.path())
}

/// `text` with `%41` as `A`; what is no such triple stays.
pub(super) fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        let value = pair.filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if let Some(value) = value.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            decoded.push(value);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded() {
        for (text, decoded) in [
            ("/a%20b", "/a b"),
            ("/%C3%A4", "/\u{e4}"),
            ("/100%", "/100%"),
            ("/%zz%4", "/%zz%4"),
            ("/%+1", "/%+1"),
        ] {
            assert_eq!(percent_decoded(text), decoded);
        }
    }
}
