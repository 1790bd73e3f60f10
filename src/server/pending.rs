//! `/debug/pending-pods`: which pods wait, why in full, and until when. Built by `runtime`, which has the
//! engine answer between two pods.
//!
//! Differs from upstream: kube-scheduler writes its queue to its log when it is sent SIGUSR2.

use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use axum::routing::get;
use futures::future::BoxFuture;
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::{PendingPart, PendingPod, PendingPods, PendingReason};
use crate::model::PodKey;
use crate::queue::Part;
use crate::units::Nanos;

use super::endpoints::{plain, text};

/// The path.
const PATH: &str = "/debug/pending-pods";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PendingQuestion {
    /// The reasons of all pods that wait, or of those of one namespace.
    Pods {
        /// The namespace.
        namespace: Option<String>,
    },
    /// Everything about one pod.
    Pod(PodKey),
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum PendingAnswer {
    /// To [`PendingQuestion::Pods`].
    Pods(PendingPods),
    /// To [`PendingQuestion::Pod`]; boxed, since it is large.
    Pod(Option<Box<PendingPod>>),
}

/// Asks the engine. `None` where it does not answer: it has not begun, has ended, or is busy for too long.
pub type AskPending =
    Arc<dyn Fn(PendingQuestion) -> BoxFuture<'static, Option<PendingAnswer>> + Send + Sync>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    namespace: Option<String>,
    name: Option<String>,
}

/// The service that answers.
pub fn router(ask: AskPending) -> Router {
    let answer = move |wanted: Result<Query<Wanted>, QueryRejection>| async move {
        match wanted {
            Ok(Query(wanted)) => answer(wanted, &ask).await,
            Err(rejection) => text(StatusCode::BAD_REQUEST, rejection.body_text() + "\n"),
        }
    };
    Router::new().route(PATH, get(answer))
}

async fn answer(wanted: Wanted, ask: &AskPending) -> Response {
    let question = match wanted {
        Wanted { namespace, name: None } => PendingQuestion::Pods { namespace },
        Wanted { namespace: Some(namespace), name: Some(name) } => {
            PendingQuestion::Pod(PodKey { namespace: namespace.into(), name: name.into() })
        }
        Wanted { namespace: None, name: Some(name) } => {
            let wrong = format!("name={name} needs the pod's namespace, too: &namespace=...\n");
            return text(StatusCode::BAD_REQUEST, wrong);
        }
    };
    let body = match ask(question).await {
        Some(PendingAnswer::Pods(pods)) => pods_json(&pods),
        Some(PendingAnswer::Pod(Some(pod))) => pod_json(&pod),
        Some(PendingAnswer::Pod(None)) => {
            let words =
                "no such pod of ours waits: it is on a node, another scheduler's, or gone\n";
            return text(StatusCode::NOT_FOUND, words.to_owned());
        }
        None => {
            let words = "the scheduling thread does not answer\n".to_owned();
            return text(StatusCode::SERVICE_UNAVAILABLE, words);
        }
    };
    plain("application/json", body.to_string())
}

fn pods_json(pods: &PendingPods) -> Value {
    let reason = |reason: &PendingReason| {
        json!({
            "message": reason.message.as_deref(),
            "plugins": reason.plugins,
            "count": reason.count,
            "since": reason.since.map(time),
            "pods": reason.pods.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    let lengths = &pods.lengths;
    json!({
        "queue": {
            "active": lengths.active,
            "backoff": lengths.backoff,
            "unschedulable": lengths.unschedulable,
            "gated": lengths.gated,
        },
        "count": pods.count,
        "reasons": pods.reasons.iter().map(reason).collect::<Vec<_>>(),
        "reasonsLeftOut": pods.left_out,
    })
}

fn pod_json(pod: &PendingPod) -> Value {
    let place = match pod.part {
        PendingPart::Queue(Part::Active) => "active",
        PendingPart::Queue(Part::Backoff) => "backoff",
        PendingPart::Queue(Part::Unschedulable) => "unschedulable",
        PendingPart::Queue(Part::Gated) => "gated",
        PendingPart::Trying => "trying",
    };
    json!({
        "namespace": pod.key.namespace,
        "name": pod.key.name,
        "uid": pod.uid,
        "place": place,
        "attempts": pod.attempts,
        "message": pod.message.as_deref(),
        "plugins": pod.plugins,
        "since": pod.since.map(time),
        "nextTry": pod.next_try.map(time),
    })
}

/// A time as Kubernetes writes it: whole seconds, UTC.
fn time(at: Nanos) -> String {
    // 2^64 ns end in the year 2554, which jiff can show.
    let at = i128::from(at.truncate_to_second().0);
    format!("{:.0}", Timestamp::from_nanosecond(at).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use crate::queue::QueueLengths;

    use super::*;

    fn service() -> Router {
        router(Arc::new(|question| Box::pin(async move { answer_to(&question) })))
    }

    async fn get(router: Router, path: &str) -> (u16, String) {
        let request = Request::builder().uri(path).body(String::new()).unwrap();
        let (head, body) = router.oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), String::from_utf8(body.into()).unwrap())
    }

    /// Namespace "a b" has two pods, and every pod is in backoff but "gone".
    fn answer_to(question: &PendingQuestion) -> Option<PendingAnswer> {
        match question {
            PendingQuestion::Pods { namespace } => {
                let namespace = namespace.as_deref().filter(|namespace| *namespace == "a b")?;
                let key = |name: &str| PodKey { namespace: namespace.into(), name: name.into() };
                let reason = PendingReason {
                    message: Some("0/1 nodes are available: 1 \"x\".".into()),
                    plugins: vec!["NodeResourcesFit"],
                    count: 2,
                    pods: vec![key("p"), key("q")],
                    since: Some(Nanos::from_secs(1_785_600_000)),
                };
                let lengths = QueueLengths { unschedulable: 2, ..QueueLengths::default() };
                let reasons = vec![reason];
                Some(PendingAnswer::Pods(PendingPods { lengths, count: 2, reasons, left_out: 3 }))
            }
            PendingQuestion::Pod(key) if &*key.name == "gone" => Some(PendingAnswer::Pod(None)),
            PendingQuestion::Pod(key) => {
                let pod = PendingPod {
                    key: key.clone(),
                    uid: "u".into(),
                    part: PendingPart::Queue(Part::Backoff),
                    attempts: 3,
                    message: None,
                    since: None,
                    plugins: Vec::new(),
                    next_try: Some(Nanos::from_secs(1_785_600_001)),
                };
                Some(PendingAnswer::Pod(Some(Box::new(pod))))
            }
        }
    }

    #[tokio::test]
    async fn what_is_asked_and_answered() {
        let (code, body) = get(service(), "/debug/pending-pods?namespace=a%20b").await;
        let want = json!({
            "queue": {"active": 0, "backoff": 0, "unschedulable": 2, "gated": 0},
            "count": 2, "reasonsLeftOut": 3,
            "reasons": [{"message": "0/1 nodes are available: 1 \"x\".", "count": 2,
                "plugins": ["NodeResourcesFit"], "since": "2026-08-01T16:00:00Z",
                "pods": ["a b/p", "a b/q"]}],
        });
        assert_eq!((code, serde_json::from_str::<Value>(&body).unwrap()), (200, want));
        let (code, body) = get(service(), "/debug/pending-pods?namespace=a&name=p").await;
        let want = json!({"namespace": "a", "name": "p", "uid": "u", "place": "backoff",
            "attempts": 3, "message": null, "plugins": [], "since": null,
            "nextTry": "2026-08-01T16:00:01Z"});
        assert_eq!((code, serde_json::from_str::<Value>(&body).unwrap()), (200, want));
    }

    #[tokio::test]
    async fn what_cannot_be_answered_is_said() {
        for (query, code, words) in [
            ("?namespace=a&name=gone", 404, "no such pod"),
            ("?name=p", 400, "name=p needs the pod's namespace"),
            ("?pod=p", 400, "pod"),
            ("", 503, "does not answer"),
        ] {
            let (got, body) = get(service(), &format!("{PATH}{query}")).await;
            assert!(got == code && body.contains(words), "{query}: {got} {body}");
        }
    }
}
