//! `/metrics/resources`: what each pod asks for and may use at most, as a scheduler counts it. Built by
//! `runtime`, which has the engine answer a piece at a time, between two pods: the answer is written as fast as
//! it is read, and never held as a whole.
//!
//! Upstream: pkg/scheduler/metrics/resources, v1.37. Differs from upstream: pods that wait for another scheduler
//! are left out, since berth does not keep them; and a pod that is made anew, under its old name, while it is
//! asked for may be there twice.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use axum::routing::get;
use futures::future::BoxFuture;
use futures::stream;
use http::{Method, StatusCode};

use crate::cluster::{PodReport, PodReports};
use crate::model::Amounts;
use crate::telemetry::number;

use super::endpoints::{METRICS_CONTENT_TYPE, RESET, plain, text};

/// The path.
const PATH: &str = "/metrics/resources";

/// Asks the engine for the pods from this number on. `None` where it does not answer: it has not begun, has
/// ended, or is busy for too long.
pub type AskReports = Arc<dyn Fn(u32) -> BoxFuture<'static, Option<PodReports>> + Send + Sync>;

/// What is served.
#[derive(Clone)]
pub struct Resources {
    /// Where the pods are.
    pub ask: AskReports,
    /// Whether this process leads. Upstream: who does not says nothing, v1.37.
    pub leads: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// A family of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Requests,
    Limits,
}

/// The part of the answer that comes next.
struct Part {
    family: Family,
    /// Its head is not written yet. Nothing is said of a family without samples.
    first: bool,
    reports: PodReports,
}

impl Resources {
    /// The service that answers.
    pub fn router(self) -> Router {
        let answer = move |method: Method| async move { self.answer(method).await };
        Router::new().route(PATH, get(answer.clone()).fallback(answer))
    }

    async fn answer(self, method: Method) -> Response {
        if !(self.leads)() {
            return plain(METRICS_CONTENT_TYPE, String::new());
        }
        if method == Method::DELETE {
            return text(StatusCode::OK, RESET.to_owned());
        }
        let Some(reports) = (self.ask)(0).await else {
            let words = "the scheduling thread does not answer\n".to_owned();
            return text(StatusCode::SERVICE_UNAVAILABLE, words);
        };
        let begin = Part { family: Family::Requests, first: true, reports };
        let parts = stream::try_unfold(Some(begin), move |part| {
            let ask = Arc::clone(&self.ask);
            async move {
                let Some(mut part) = part else { return Ok(None) };
                let text = Bytes::from(part.text());
                let next = part.next(&ask).await.map_err(std::io::Error::other)?;
                Ok::<_, std::io::Error>(Some((text, next)))
            }
        });
        let mut response = plain(METRICS_CONTENT_TYPE, String::new());
        *response.body_mut() = Body::from_stream(parts);
        response
    }
}

impl Part {
    fn text(&mut self) -> String {
        let mut text = String::new();
        for pod in &self.reports.pods {
            if self.first && !self.family.amounts(pod).is_empty() {
                self.first = false;
                text.push_str(self.family.head());
            }
            write_pod(&mut text, self.family, pod);
        }
        text
    }

    /// What follows, if anything does.
    async fn next(self, ask: &AskReports) -> Result<Option<Self>, &'static str> {
        let (family, first, from) = match (self.reports.next, self.family) {
            (Some(next), family) => (family, self.first, next),
            (None, Family::Requests) => (Family::Limits, true, 0),
            (None, Family::Limits) => return Ok(None),
        };
        match ask(from).await {
            Some(reports) => Ok(Some(Self { family, first, reports })),
            // The answer breaks off, which whoever reads it notices.
            None => Err("the scheduling thread does not answer"),
        }
    }
}

impl Family {
    fn name(self) -> &'static str {
        match self {
            Self::Requests => "kube_pod_resource_request",
            Self::Limits => "kube_pod_resource_limit",
        }
    }

    fn head(self) -> &'static str {
        match self {
            Self::Requests => {
                "# HELP kube_pod_resource_request [STABLE] Resources requested by workloads on the cluster, \
                 broken down by pod. This shows the resource usage the scheduler and kubelet expect per pod for \
                 resources along with the unit for the resource if any.\n\
                 # TYPE kube_pod_resource_request gauge\n"
            }
            Self::Limits => {
                "# HELP kube_pod_resource_limit [STABLE] Resources limit for workloads on the cluster, broken \
                 down by pod. This shows the resource usage the scheduler and kubelet expect per pod for \
                 resources along with the unit for the resource if any.\n\
                 # TYPE kube_pod_resource_limit gauge\n"
            }
        }
    }

    fn amounts(self, pod: &PodReport) -> &Amounts {
        match self {
            Self::Requests => &pod.resources.requests,
            Self::Limits => &pod.resources.limits,
        }
    }
}

fn write_pod(text: &mut String, family: Family, pod: &PodReport) {
    let amounts = family.amounts(pod);
    if amounts.is_empty() {
        return;
    }
    let mut of_pod = String::new();
    write_label(&mut of_pod, "namespace", &pod.key.namespace);
    write_label(&mut of_pod, "node", pod.node.as_deref().unwrap_or_default());
    write_label(&mut of_pod, "pod", &pod.key.name);
    let priority = pod.priority.map(|priority| priority.to_string()).unwrap_or_default();
    write_label(&mut of_pod, "priority", &priority);
    for (resource, quantity) in amounts {
        text.push_str(family.name());
        text.push('{');
        text.push_str(&of_pod);
        write_label(text, "resource", resource);
        write_label(text, "scheduler", &pod.resources.scheduler_name);
        // A String takes all.
        let _ = writeln!(text, "unit=\"{}\"}} {}", unit(resource), number(quantity.approximate()));
    }
}

/// Writes a label and a comma; its value is what the API server has checked, or a user's in a file.
fn write_label(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push_str("=\"");
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text.push_str("\",");
}

/// Upstream: CollectWithStability, v1.37.
fn unit(resource: &str) -> &'static str {
    match resource {
        "cpu" => "cores",
        "memory" | "storage" | "ephemeral-storage" => "bytes",
        _ if resource.starts_with("hugepages-") => "bytes",
        _ if resource.starts_with("attachable-volumes-") => "integer",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use crate::model::{PodKey, ResourceReport};
    use crate::units::Quantity;

    use super::*;

    fn amounts(list: &[(&str, &str)]) -> Amounts {
        list.iter()
            .map(|(name, text)| ((*name).into(), text.parse::<Quantity>().unwrap()))
            .collect()
    }

    fn pod(name: &str, requests: &[(&str, &str)], limits: &[(&str, &str)]) -> PodReport {
        let resources = ResourceReport {
            requests: amounts(requests),
            limits: amounts(limits),
            scheduler_name: "s".into(),
            has_priority: true,
        };
        PodReport {
            key: PodKey { namespace: "a".into(), name: name.into() },
            node: Some("n".into()),
            priority: Some(-1),
            resources: Arc::new(resources),
        }
    }

    /// Each number is a slice of its own; from `silent` on there is no answer.
    fn service(pods: Vec<PodReport>, leads: bool, silent: u32) -> Router {
        let ask: AskReports = Arc::new(move |from| {
            let pod = pods.get(from as usize).cloned();
            let next = pods.get(from as usize + 1).map(|_| from + 1);
            let answer = PodReports { pods: pod.into_iter().collect(), next };
            Box::pin(std::future::ready((from < silent).then_some(answer)))
        });
        Resources { ask, leads: Arc::new(move || leads) }.router()
    }

    async fn ask(router: Router, method: &str) -> (u16, Option<String>) {
        let request = Request::builder().method(method).uri(PATH).body(String::new()).unwrap();
        let (head, body) = router.oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
        (head.status.as_u16(), body.map(|body| String::from_utf8(body).unwrap()))
    }

    #[tokio::test]
    async fn families_are_whole_though_pods_come_in_pieces() {
        let mut last =
            pod("r\"", &[("hugepages-2Mi", "2Mi"), ("a.io/b", "3")], &[("memory", "1Mi")]);
        (last.node, last.priority) = (None, None);
        let pods = vec![pod("p", &[], &[]), pod("q", &[("cpu", "9m")], &[]), last];
        let (status, text) = ask(service(pods, true, 9), "GET").await;
        let lines: Vec<_> = text.iter().flat_map(|text| text.lines()).collect();
        assert!(lines[0].starts_with("# HELP kube_pod_resource_request [STABLE] Resources req"));
        let wanted = [
            "# TYPE kube_pod_resource_request gauge",
            r#"kube_pod_resource_request{namespace="a",node="n",pod="q",priority="-1",resource="cpu",scheduler="s",unit="cores"} 0.009000000000000001"#,
            r#"kube_pod_resource_request{namespace="a",node="",pod="r\"",priority="",resource="hugepages-2Mi",scheduler="s",unit="bytes"} 2.097152e+06"#,
            r#"kube_pod_resource_request{namespace="a",node="",pod="r\"",priority="",resource="a.io/b",scheduler="s",unit=""} 3"#,
        ];
        assert_eq!((status, &lines[1..5]), (200, &wanted[..]));
        assert_eq!(lines[6], "# TYPE kube_pod_resource_limit gauge");
        assert!(
            lines.len() == 8 && lines[7].ends_with(r#"unit="bytes"} 1.048576e+06"#),
            "{lines:?}"
        );
    }

    #[tokio::test]
    async fn who_does_not_lead_says_nothing_and_silence_is_an_error() {
        let pods = || vec![pod("p", &[("cpu", "1")], &[]), pod("q", &[], &[])];
        assert_eq!(ask(service(pods(), false, 9), "GET").await, (200, Some(String::new())));
        assert_eq!(ask(service(Vec::new(), true, 9), "GET").await, (200, Some(String::new())));
        assert_eq!(ask(service(pods(), true, 0), "GET").await.0, 503);
        assert_eq!(ask(service(pods(), true, 1), "GET").await, (200, None), "it breaks off");
        let reset = (200, Some("metrics reset\n".to_owned()));
        assert_eq!(ask(service(pods(), true, 9), "DELETE").await, reset);
    }
}
