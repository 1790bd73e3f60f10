//! Who asks at the secure port: whether it is known who, and whether they may. Written by `server`.
//!
//! Upstream: apiserver/pkg/endpoints/filters, v0.37.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::labels::{ByEnd, ByUser, Histograms, of_attempts};

/// Users that are named; upstream's list.
const KNOWN_USERS: [&str; 5] =
    ["admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"];

/// The metrics `authentication_*` and `authorization_*`.
#[derive(Debug)]
pub struct AccessMetrics {
    users: Family<ByUser, Counter>,
    authentications: Family<ByEnd, Counter>,
    authentication_times: Histograms<ByEnd>,
    authorizations: Family<ByEnd, Counter>,
    authorization_times: Histograms<ByEnd>,
}

impl AccessMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            users: Family::default(),
            authentications: Family::default(),
            authentication_times: Family::new_with_constructor(of_attempts),
            authorizations: Family::default(),
            authorization_times: Family::new_with_constructor(of_attempts),
        };
        registry.register(
            "authenticated_user_requests",
            "[ALPHA] Requests of known users, by name where it is a common one",
            metrics.users.clone(),
        );
        registry.register(
            "authentication_attempts",
            "[ALPHA] Requests, by whether it is known whose they are",
            metrics.authentications.clone(),
        );
        registry.register(
            "authentication_duration_seconds",
            "[ALPHA] Time to find out who asks, by result",
            metrics.authentication_times.clone(),
        );
        registry.register(
            "authorization_attempts",
            "[ALPHA] Requests, by whether they may be made",
            metrics.authorizations.clone(),
        );
        registry.register(
            "authorization_duration_seconds",
            "[ALPHA] Time to find out whether somebody may, by result",
            metrics.authorization_times.clone(),
        );
        metrics
    }

    /// It was found out who asks, `user`, or that this cannot be told.
    pub fn authenticated(&self, user: Option<&str>, seconds: f64) {
        let labels = ByEnd { result: if user.is_some() { "success" } else { "error" } };
        self.authentications.get_or_create(&labels).inc();
        self.authentication_times.get_or_create(&labels).observe(seconds);
        if let Some(user) = user {
            let known = KNOWN_USERS.into_iter().find(|known| *known == user);
            let username = known.unwrap_or(if user.contains('@') { "email_id" } else { "other" });
            self.users.get_or_create(&ByUser { username }).inc();
        }
    }

    /// Somebody may or may not ask for something; `None` where that cannot be told.
    ///
    /// Differs from upstream: a no is always `no-opinion`, as it is there where roles decide; an API server that
    /// says `denied` is not told apart.
    pub fn authorized(&self, allowed: Option<bool>, seconds: f64) {
        let result = match allowed {
            Some(true) => "allowed",
            Some(false) => "no-opinion",
            None => "error",
        };
        self.authorizations.get_or_create(&ByEnd { result }).inc();
        self.authorization_times.get_or_create(&ByEnd { result }).observe(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;

    #[test]
    fn users_are_hidden_and_names_are_upstreams() {
        let metrics = Metrics::new(Vec::new());
        for user in [Some("admin"), Some("a@example.com"), Some("jane"), None] {
            metrics.access.authenticated(user, 0.1);
        }
        for allowed in [Some(true), Some(false), None] {
            metrics.access.authorized(allowed, 0.001);
        }
        let text = metrics.text(&[]).unwrap();
        for line in [
            "# TYPE authenticated_user_requests counter",
            "authenticated_user_requests{username=\"admin\"} 1",
            "authenticated_user_requests{username=\"email_id\"} 1",
            "authenticated_user_requests{username=\"other\"} 1",
            "authentication_attempts{result=\"success\"} 3",
            "authentication_attempts{result=\"error\"} 1",
            "authorization_attempts_total{result=\"no-opinion\"} 1",
            "authorization_duration_seconds_bucket{le=\"0.001\",result=\"allowed\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        metrics.reset();
        let text = metrics.text(&[]).unwrap();
        assert!(text.contains("\nauthentication_attempts{result=\"success\"} 0\n"), "{text}");
        assert!(text.contains("\nhidden_metrics_total 1\n"), "{text}");
    }
}
