//! Named checks and the answers that they make, in the words of the Kubernetes components. Used by
//! `endpoints`; the checks themselves come from `runtime`.
//!
//! Upstream: k8s.io/apiserver pkg/server/healthz, v1.37.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use tracing::debug;

use super::endpoints::text;

/// A named question with an answer at any time.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    ask: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl Check {
    /// A check whose error says what is wrong. It must answer at once, without any IO.
    pub fn new(
        name: &'static str,
        ask: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { name, ask: Arc::new(ask) }
    }

    /// The check that passes wherever anything answers.
    #[must_use]
    pub fn ping() -> Self {
        Self::new("ping", || Ok(()))
    }
}

/// The parameters of a request, as often as they are given.
type Parameters = Query<Vec<(String, String)>>;

/// `/name` with all checks, and a path beneath it for each.
pub(super) fn routes(name: &'static str, checks: &[Check]) -> Router {
    let all: Arc<[Check]> = checks.into();
    let path = format!("/{name}");
    let of_all =
        get(move |Query(parameters): Parameters| async move { answer(name, &all, &parameters) });
    checks.iter().fold(Router::new().route(&path, of_all), |router, check| {
        let path = format!("/{name}/{}", check.name);
        let check = check.clone();
        router.route(&path, get(move || async move { answer_one(&check) }))
    })
}

/// What all checks come to. A failure does not say why: that is for the path of its check and the log.
fn answer(name: &str, checks: &[Check], parameters: &[(String, String)]) -> Response {
    let excluded = parameters.iter().filter(|(name, _)| name == "exclude");
    let excluded: BTreeSet<&str> = excluded.map(|(_, value)| value.as_str()).collect();
    let mut lines = String::new();
    let mut failed = Vec::new();
    for Check { name: check, ask } in checks {
        let line = if excluded.contains(check) {
            format!("[+]{check} excluded: ok")
        } else if let Err(reason) = ask() {
            failed.push(format!("{check}: {reason}"));
            format!("[-]{check} failed: reason withheld")
        } else {
            format!("[+]{check} ok")
        };
        lines.push_str(&line);
        lines.push('\n');
    }
    let known = |name: &&str| checks.iter().any(|check| check.name == *name);
    let unknown = excluded.into_iter().filter(|name| !known(name));
    let unknown: Vec<_> = unknown.map(|name| format!("{name:?}")).collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(",");
        // Writing to a string cannot fail.
        let _ = writeln!(
            lines,
            "warn: some health checks cannot be excluded: no matches for {unknown}"
        );
    }
    if !failed.is_empty() {
        debug!("{name} check failed: {}", failed.join("; "));
        let body = format!("{lines}{name} check failed\n");
        return text(StatusCode::INTERNAL_SERVER_ERROR, body);
    }
    let verbose = parameters.iter().any(|(name, _)| name == "verbose");
    let body = if verbose { format!("{lines}{name} check passed\n") } else { "ok".to_owned() };
    text(StatusCode::OK, body)
}

/// What one check comes to, with the reason.
fn answer_one(check: &Check) -> Response {
    match (check.ask)() {
        Ok(()) => text(StatusCode::OK, "ok".to_owned()),
        Err(reason) => {
            let body = format!("internal server error: {reason}\n");
            text(StatusCode::INTERNAL_SERVER_ERROR, body)
        }
    }
}
