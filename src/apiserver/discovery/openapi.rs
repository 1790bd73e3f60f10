//! OpenAPI, as far as kubectl needs it: which kinds can be patched, that the server checks fields itself,
//! and what `kubectl explain` shows.

use axum::response::Response;
use http::HeaderMap;
use http::header::ACCEPT;
use serde_json::{Map, Value, json};

use super::{GIT_VERSION, groups};
use crate::apiserver::failure::Failure;
use crate::apiserver::http::respond;
use crate::apiserver::schema;

/// `/openapi/v2`: JSON only, and empty. kubectl asks for protobuf, and goes on with v3 when told no.
pub(super) fn v2(headers: &HeaderMap) -> Result<Response, Failure> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    if !accept.contains("json") && !accept.contains("*/*") {
        return Err(Failure::not_acceptable());
    }
    let document = json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": GIT_VERSION},
        "paths": {},
        "definitions": {},
    });
    Ok(respond::json(200, &document))
}

/// `/openapi/v3`.
pub(super) fn v3_index() -> Value {
    let mut paths = Map::new();
    for (group, versions) in groups::versions() {
        for version in versions {
            let path = if group.is_empty() {
                format!("api/{version}")
            } else {
                format!("apis/{group}/{version}")
            };
            let address = json!({"serverRelativeURL": format!("/openapi/v3/{path}")});
            paths.insert(path, address);
        }
    }
    json!({"paths": paths})
}

/// `/openapi/v3/api/v1` and `/openapi/v3/apis/GROUP/VERSION`.
pub(super) fn v3(parts: &[&str]) -> Option<Value> {
    match parts {
        ["api", version] => schema::openapi_v3("", version),
        ["apis", group, version] => schema::openapi_v3(group, version),
        _ => None,
    }
}
