//! The paths of `berth run`: `/healthz`, `/livez`, `/readyz` with a path for each check, and `/metrics`.
//! Built by `runtime`.
//!
//! Differs from upstream: no credentials are asked for, neither for the paths of single checks nor for the
//! metrics, since nothing that is said there is secret; only GET and HEAD are answered.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

use super::health::{Check, routes};

/// What the metrics are written in: OpenMetrics.
pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Gives all metrics in OpenMetrics text, as they are at that moment. Must not wait.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What is behind the paths.
#[derive(Clone)]
pub struct Endpoints {
    /// The checks of `/healthz`.
    pub healthz: Vec<Check>,
    /// The checks of `/livez`: if one fails, only a restart helps.
    pub livez: Vec<Check>,
    /// The checks of `/readyz`.
    pub readyz: Vec<Check>,
    /// What `/metrics` says.
    pub metrics: Metrics,
}

impl Endpoints {
    /// The service that answers.
    pub fn router(self) -> Router {
        let metrics = self.metrics;
        routes("healthz", &self.healthz)
            .merge(routes("livez", &self.livez))
            .merge(routes("readyz", &self.readyz))
            .route("/metrics", get(move || async move { plain(METRICS_CONTENT_TYPE, metrics()) }))
            .fallback(|| async { text(StatusCode::NOT_FOUND, "404 page not found\n".into()) })
            .method_not_allowed_fallback(|| async {
                text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n".into())
            })
    }
}

/// A plain answer for people and probes.
pub(super) fn text(status: StatusCode, body: String) -> Response {
    let mut response = plain("text/plain; charset=utf-8", body);
    *response.status_mut() = status;
    response
}

/// Upstream: the filter chain of kube-scheduler sets the same Cache-Control, v1.37.
fn plain(content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-cache, private"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
