//! Named checks and the answers that they make, in the words of the Kubernetes components. Used by
//! `endpoints`; the checks themselves come from `runtime`.
//!
//! Upstream: k8s.io/apiserver pkg/server/healthz, v1.37.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

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

/// How often each check was asked among all of its path, and what came of it. As many entries as there are
/// checks.
///
/// Upstream: component-base/metrics/prometheus/slis, v1.37.
#[derive(Debug, Default)]
pub(super) struct Record(Mutex<BTreeMap<(&'static str, &'static str), Counts>>);

/// Of one check at one path.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    failed: u64,
    passed: u64,
    passed_last: bool,
}

impl Record {
    fn add(&self, check: &'static str, path: &'static str, passed: bool) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counts.entry((check, path)).or_default();
        if passed {
            counts.passed += 1;
        } else {
            counts.failed += 1;
        }
        counts.passed_last = passed;
    }

    /// Forgets everything.
    pub(super) fn reset(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// As metrics, in the text format of Prometheus.
    pub(super) fn text(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if counts.is_empty() {
            return String::new();
        }
        let mut text = String::from(
            "# HELP kubernetes_healthcheck [STABLE] This metric records the result of a single \
             healthcheck.\n# TYPE kubernetes_healthcheck gauge\n",
        );
        // Writing to a string cannot fail.
        for ((name, path), counts) in &counts {
            let labels = format!("{{name={name:?},type={path:?}}}");
            let passed = u8::from(counts.passed_last);
            let _ = writeln!(text, "kubernetes_healthcheck{labels} {passed}");
        }
        text.push_str(
            "# HELP kubernetes_healthchecks_total [STABLE] This metric records the results of all \
             healthcheck.\n# TYPE kubernetes_healthchecks_total counter\n",
        );
        for ((name, path), counts) in &counts {
            for (status, count) in [("error", counts.failed), ("success", counts.passed)] {
                if count > 0 {
                    let labels = format!("{{name={name:?},status={status:?},type={path:?}}}");
                    let _ = writeln!(text, "kubernetes_healthchecks_total{labels} {count}");
                }
            }
        }
        text
    }
}

/// The parameters of a request, as often as they are given.
type Parameters = Query<Vec<(String, String)>>;

/// `/name` with all checks, and a path beneath it for each. What comes of them goes to `record`.
pub(super) fn routes(name: &'static str, checks: &[Check], record: &Arc<Record>) -> Router {
    let all: Arc<[Check]> = checks.into();
    let path = format!("/{name}");
    let record = Arc::clone(record);
    let of_all = move |Query(parameters): Parameters| async move {
        answer(name, &all, &parameters, &record)
    };
    let of_all = get(of_all.clone()).fallback(of_all);
    checks.iter().fold(Router::new().route(&path, of_all), |router, check| {
        let path = format!("/{name}/{}", check.name);
        let check = check.clone();
        let of_one = move || async move { answer_one(&check) };
        router.route(&path, get(of_one.clone()).fallback(of_one))
    })
}

/// What all checks come to. A failure does not say why: that is for the path of its check and the log.
fn answer(
    name: &'static str,
    checks: &[Check],
    parameters: &[(String, String)],
    record: &Record,
) -> Response {
    let excluded = parameters.iter().filter(|(name, _)| name == "exclude");
    let excluded: BTreeSet<&str> = excluded.map(|(_, value)| value.as_str()).collect();
    let mut lines = String::new();
    let mut failed = Vec::new();
    for Check { name: check, ask } in checks {
        let line = if excluded.contains(check) {
            format!("[+]{check} excluded: ok")
        } else {
            let outcome = ask();
            record.add(check, name, outcome.is_ok());
            match outcome {
                Ok(()) => format!("[+]{check} ok"),
                Err(reason) => {
                    failed.push(format!("{check}: {reason}"));
                    format!("[-]{check} failed: reason withheld")
                }
            }
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
