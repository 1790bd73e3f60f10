//! What is served besides objects: which kinds there are, the version, health, OpenAPI.

mod aggregated;
mod groups;
mod openapi;

use std::sync::LazyLock;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::failure::Failure;
use super::http::{Form, negotiate, respond};

/// The version of Kubernetes whose API this is.
pub const GIT_VERSION: &str = "v1.37.2+berth";

/// The media type of aggregated discovery.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

static AGGREGATED_CORE: LazyLock<String> = LazyLock::new(|| aggregated::list(true).to_string());
static AGGREGATED_GROUPS: LazyLock<String> = LazyLock::new(|| aggregated::list(false).to_string());

/// Answers what is not about objects; `None` for paths of objects.
pub fn serve(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<Option<Response>, Failure> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Ok(None);
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let found = match &*parts {
        ["healthz" | "livez" | "readyz", ..] => {
            return Ok(Some(respond::with_type(200, "text/plain; charset=utf-8", "ok".into())));
        }
        ["version"] => version(),
        [] => json!({"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2",
            "/openapi/v3", "/readyz", "/version"]}),
        ["api" | "apis"] => {
            let core = parts == ["api"];
            if negotiate(headers)? == Form::Discovery {
                let text = if core { &*AGGREGATED_CORE } else { &*AGGREGATED_GROUPS };
                return Ok(Some(aggregated_response(text)));
            }
            if core { groups::core_versions() } else { groups::list() }
        }
        ["api", version] => match groups::resources("", version) {
            Some(list) => list,
            None => return Ok(None),
        },
        ["apis", group] => match groups::group(group) {
            Some(group) => group,
            None => return Ok(None),
        },
        ["apis", group, version] => match groups::resources(group, version) {
            Some(list) => list,
            None => return Ok(None),
        },
        ["openapi", "v2"] => return openapi::v2(headers).map(Some),
        ["openapi", "v3"] => openapi::v3_index(),
        ["openapi", "v3", rest @ ..] => match openapi::v3(rest) {
            Some(document) => document,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(respond::json(200, &found)))
}

fn aggregated_response(text: &'static str) -> Response {
    let mut response = respond::with_type(200, "application/json", Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(AGGREGATED));
    response
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": "37",
        "emulationMajor": "1",
        "emulationMinor": "37",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "36",
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::kinds::Resource;

    #[test]
    fn every_kind_is_discovered_both_ways() {
        let aggregated =
            [aggregated::list(true), aggregated::list(false)].map(|list| list.to_string()).concat();
        for row in Resource::all() {
            let list = groups::resources(row.group, row.version).unwrap();
            let names = list["resources"].as_array().unwrap();
            assert!(names.iter().any(|one| one["name"] == row.plural), "{}", row.qualified);
            assert!(aggregated.contains(&format!("\"resource\":\"{}\"", row.plural)));
        }
    }
}
