//! What the endpoints say, word for word as kube-scheduler's do.

use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::super::endpoints::{Endpoints, METRICS_CONTENT_TYPE, Metrics};
use super::super::health::Check;
use super::*;

/// A router whose check `engine` passes as long as `well` says so.
fn endpoints(well: &Arc<AtomicBool>) -> Router {
    let well = Arc::clone(well);
    let engine = Check::new("engine", move || {
        if well.load(Ordering::Relaxed) { Ok(()) } else { Err("it is gone".into()) }
    });
    let checks = vec![Check::ping(), engine];
    Endpoints {
        healthz: vec![Check::ping()],
        livez: checks.clone(),
        readyz: checks,
        metrics: Metrics { text: Arc::new(|| "berth_up 1\n".into()), reset: Arc::new(|| {}) },
    }
    .router()
}

async fn ask(router: &Router, method: &str, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().method(method).uri(path).body(String::new()).unwrap();
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, head.headers, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn the_words_are_upstreams() {
    let well = Arc::new(AtomicBool::new(true));
    let router = endpoints(&well);
    let verbose = "[+]ping ok\n[+]engine ok\nlivez check passed\n";
    let excluded = "[+]ping ok\n[+]engine excluded: ok\nlivez check passed\n";
    let unknown = "[+]ping ok\n[+]engine ok\nwarn: some health checks cannot be excluded: no \
                   matches for \"a\",\"b\"\nlivez check passed\n";
    for (path, said) in [
        ("/healthz", "ok"),
        ("/livez", "ok"),
        ("/livez?verbose", verbose),
        ("/livez?verbose=false", verbose),
        ("/livez?exclude=engine", "ok"),
        ("/livez?verbose&exclude=engine", excluded),
        ("/livez?exclude=b&verbose&exclude=a", unknown),
        ("/livez?%ff=%", "ok"),
        ("/livez/ping", "ok"),
        ("/livez/engine", "ok"),
        ("/healthz?verbose", "[+]ping ok\nhealthz check passed\n"),
    ] {
        let (status, _, body) = ask(&router, "GET", path).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, said), "{path}");
    }
    well.store(false, Ordering::Relaxed);
    let failed = "[+]ping ok\n[-]engine failed: reason withheld\nreadyz check failed\n";
    let failed_unknown = "[+]ping ok\n[-]engine failed: reason withheld\nwarn: some health checks \
                          cannot be excluded: no matches for \"a\"\nreadyz check failed\n";
    for (path, said) in [
        ("/readyz", failed),
        ("/readyz?verbose", failed),
        ("/readyz?exclude=a", failed_unknown),
        ("/readyz/engine", "internal server error: it is gone\n"),
    ] {
        let (status, _, body) = ask(&router, "GET", path).await;
        assert_eq!((status.as_u16(), body.as_str()), (500, said), "{path}");
    }
    for path in ["/readyz/ping", "/readyz?exclude=engine", "/healthz"] {
        assert_eq!(ask(&router, "GET", path).await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let router = endpoints(&Arc::default());
    for path in ["/", "/healthz/", "/healthz/engine", "/readyz/x", "/configz", "/../etc/passwd"] {
        let (status, headers, body) = ask(&router, "GET", path).await;
        assert_eq!((status.as_u16(), body.as_str()), (404, "404 page not found\n"), "{path}");
        assert_eq!(headers[CONTENT_TYPE], "text/plain; charset=utf-8");
    }
    // As upstream, which looks at no method here.
    for path in ["/healthz", "/livez/ping", "/metrics"] {
        for method in ["POST", "PUT", "PATCH", "OPTIONS", "WHATEVER"] {
            let (status, _, body) = ask(&router, method, path).await;
            assert_eq!(status, StatusCode::OK, "{method} {path}");
            assert_eq!(body, ask(&router, "GET", path).await.2, "{method} {path}");
        }
        let (status, _, body) = ask(&router, "HEAD", path).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, ""), "{path}");
    }
    assert_eq!(ask(&router, "DELETE", "/metrics").await.2, "metrics reset\n");
}

#[tokio::test]
async fn checks_are_counted() {
    let well = Arc::new(AtomicBool::new(true));
    let router = endpoints(&well);
    assert_eq!(ask(&router, "GET", "/metrics/slis").await.2, "");
    for path in ["/livez", "/livez", "/healthz", "/livez/engine", "/livez?exclude=ping"] {
        ask(&router, "GET", path).await;
    }
    well.store(false, Ordering::Relaxed);
    ask(&router, "GET", "/livez?exclude=ping").await;
    let expected = "\
# HELP kubernetes_healthcheck [STABLE] This metric records the result of a single healthcheck.
# TYPE kubernetes_healthcheck gauge
kubernetes_healthcheck{name=\"engine\",type=\"livez\"} 0
kubernetes_healthcheck{name=\"ping\",type=\"healthz\"} 1
kubernetes_healthcheck{name=\"ping\",type=\"livez\"} 1
# HELP kubernetes_healthchecks_total [STABLE] This metric records the results of all healthcheck.
# TYPE kubernetes_healthchecks_total counter
kubernetes_healthchecks_total{name=\"engine\",status=\"error\",type=\"livez\"} 1
kubernetes_healthchecks_total{name=\"engine\",status=\"success\",type=\"livez\"} 3
kubernetes_healthchecks_total{name=\"ping\",status=\"success\",type=\"healthz\"} 1
kubernetes_healthchecks_total{name=\"ping\",status=\"success\",type=\"livez\"} 2
";
    assert_eq!(ask(&router, "GET", "/metrics/slis").await.2, expected);
    assert_eq!(ask(&router, "DELETE", "/metrics/slis").await.2, "metrics reset\n");
    assert_eq!(ask(&router, "GET", "/metrics/slis").await.2, "");
}

#[tokio::test]
async fn headers_say_what_it_is_and_that_nobody_may_keep_it() {
    let router = endpoints(&Arc::default());
    for (path, content_type) in [
        ("/metrics", METRICS_CONTENT_TYPE),
        ("/healthz", "text/plain; charset=utf-8"),
        ("/livez", "text/plain; charset=utf-8"),
        ("/livez/ping", "text/plain; charset=utf-8"),
    ] {
        let (_, headers, _) = ask(&router, "GET", path).await;
        assert_eq!(headers[CONTENT_TYPE], content_type, "{path}");
        assert_eq!(headers[CACHE_CONTROL], "no-cache, private", "{path}");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
    }
    assert_eq!(ask(&router, "GET", "/metrics").await.2, "berth_up 1\n");
}
