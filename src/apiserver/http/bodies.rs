//! Bodies of requests: read with a limit, JSON or YAML, parsed.

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;

use super::BODY_BYTES_MAX;
use super::accept::media_type;
use crate::apiserver::failure::Failure;
use crate::apiserver::protobuf;
use crate::apiserver::schema::{self, GroupVersionKind, parse_strict};
use crate::apiserver::verbs::patch::Sort;

/// What bodies of objects may be.
const ACCEPTED: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// Reads a body to its end.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Failure> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > BODY_BYTES_MAX as u64) {
        return Err(Failure::too_large(BODY_BYTES_MAX));
    }
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::too_large(BODY_BYTES_MAX)),
        Err(error) => Err(Failure::bad_request(format!("the body could not be read: {error}"))),
    }
}

/// Parses the body of an object, and says which fields stand in it twice.
pub(super) fn object(
    headers: &HeaderMap,
    kind: &GroupVersionKind,
    body: &[u8],
) -> Result<(Value, Vec<String>), Failure> {
    let (value, repeated) = match media_type(headers) {
        "application/json" => {
            parse_strict(body).map_err(|error| unrecognized(kind, &json_error(&error)))?
        }
        "application/yaml" => (yaml(body).map_err(|error| unrecognized(kind, &error))?, Vec::new()),
        protobuf::MEDIA_TYPE => {
            (protobuf::decode(kind, body).map_err(Failure::bad_request)?, Vec::new())
        }
        _ => return Err(Failure::unsupported_media_type(ACCEPTED)),
    };
    if value.is_object() {
        return Ok((value, repeated));
    }
    Err(unrecognized(kind, "couldn't get version/kind; it is not an object"))
}

/// Parses the body of a deletion, if it has one.
pub(super) fn delete_options(headers: &HeaderMap, body: &[u8]) -> Result<Option<Value>, Failure> {
    if body.is_empty() {
        Ok(None)
    } else {
        let kind = GroupVersionKind::new("", "v1", "DeleteOptions");
        let (options, _) = object(headers, &kind, body)?;
        schema::type_error(&kind, &options)
            .map_or(Ok(Some(options)), |message| Err(Failure::bad_request(message)))
    }
}

/// Parses a patch.
pub(super) fn patch(headers: &HeaderMap, body: &[u8]) -> Result<(Sort, Value), Failure> {
    let sort = Sort::of(media_type(headers)).ok_or_else(Failure::unsupported_patch)?;
    let value = match sort {
        Sort::Apply => yaml(body)
            .map_err(|error| Failure::bad_request(format!("error decoding YAML: {error}")))?,
        _ => {
            serde_json::from_slice(body).map_err(|_| Failure::bad_request("invalid JSON patch"))?
        }
    };
    Ok((sort, value))
}

fn json_error(error: &serde_json::Error) -> String {
    format!("couldn't get version/kind; json parse error: {error}")
}

fn unrecognized(kind: &GroupVersionKind, why: &str) -> Failure {
    Failure::bad_request(format!(
        "the object provided is unrecognized (must be of type {}): {why}",
        kind.kind
    ))
}

/// Reads YAML; the error is a sentence.
fn yaml(body: &[u8]) -> Result<Value, String> {
    // Most YAML that programs send is JSON.
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    let text = std::str::from_utf8(body).map_err(|error| format!("yaml: not UTF-8: {error}"))?;
    serde_saphyr::from_str(text).map_err(|error| format!("yaml: {error}"))
}
