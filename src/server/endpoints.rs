//! The paths of `berth run` for probes and scrapers: `/healthz`, `/livez`, `/readyz` with a path for each
//! check, `/metrics` and `/metrics/slis`. Built by `runtime`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, StatusCode};

use super::health::{Check, Record, routes};

/// What metrics are written in, whatever is asked for.
///
/// Upstream: component-base/metrics, v1.37. Differs from upstream: there is no protobuf.
pub const METRICS_CONTENT_TYPE: &str =
    "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// What is said to a DELETE, from which on numbers are counted anew.
pub(super) const RESET: &str = "metrics reset\n";

/// All metrics. Neither must wait.
#[derive(Clone)]
pub struct Metrics {
    /// Gives them as text, as they are at that moment.
    pub text: Arc<dyn Fn() -> String + Send + Sync>,
    /// Counts anew from here on.
    pub reset: Arc<dyn Fn() + Send + Sync>,
}

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
        let metrics = move |method: Method| async move {
            if method == Method::DELETE {
                (metrics.reset)();
                return text(StatusCode::OK, RESET.to_owned());
            }
            plain(METRICS_CONTENT_TYPE, (metrics.text)())
        };
        let record = Arc::new(Record::default());
        let of_checks = Arc::clone(&record);
        let of_checks = move |method: Method| async move {
            if method == Method::DELETE {
                of_checks.reset();
                return text(StatusCode::OK, RESET.to_owned());
            }
            plain(METRICS_CONTENT_TYPE, of_checks.text())
        };
        routes("healthz", &self.healthz, &record)
            .merge(routes("livez", &self.livez, &record))
            .merge(routes("readyz", &self.readyz, &record))
            .route("/metrics", get(metrics.clone()).fallback(metrics))
            .route("/metrics/slis", get(of_checks.clone()).fallback(of_checks))
            .fallback(|| async { text(StatusCode::NOT_FOUND, "404 page not found\n".into()) })
    }
}

/// A plain answer for people and probes.
pub(super) fn text(status: StatusCode, body: String) -> Response {
    let mut response = plain("text/plain; charset=utf-8", body);
    *response.status_mut() = status;
    response
}

/// Upstream: the filter chain of kube-scheduler sets the same Cache-Control, v1.37.
pub(super) fn plain(content_type: &'static str, body: String) -> Response {
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
