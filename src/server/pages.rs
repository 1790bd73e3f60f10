//! The paths of the secure port for people: what berth was started with (`/configz`, `/flagz`), what it is
//! (`/statusz`), and how much it logs (`/debug/flags/v`). Built by `runtime`.
//!
//! Upstream: component-base/configz, and server/statusz, server/flagz and server/routes in k8s.io/apiserver,
//! v1.37. Differs from upstream: there are no Go profiles, so `/debug/pprof` says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use http::header::WARNING;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::endpoints::{plain, text};
use super::negotiation::{Clause, Failure, Form, clauses, object};

/// Bytes of the number that `/debug/flags/v` is given, at most.
const LEVEL_BYTES_MAX: usize = 64;

/// What `/statusz` and `/flagz` say first.
const NOT_FOR_MACHINES: &str = "Warning: This endpoint is not meant to be machine parseable, has no \
                                formatting compatibility guarantees and is for debugging purposes only.\n";
/// The group of the objects that they are, and its versions, best first; which of them is deprecated.
const GROUP: &str = "config.k8s.io";
const VERSIONS: [(&str, bool); 2] = [("v1beta1", false), ("v1alpha1", true)];
/// What they can be, as is said to those who want something else.
const ACCEPTED: &str =
    "only the following media types are accepted: application/json, application/yaml, text/plain";

const PROFILES: &str =
    "there are no Go profiles of berth: profile its process, for instance with perf\n";

/// Changes how much is logged, or says why not.
pub type SetVerbosity = Arc<dyn Fn(i32) -> Result<(), String> + Send + Sync>;

/// What is behind the paths.
#[derive(Clone)]
pub struct Pages {
    /// The configuration, as JSON of its v1 form.
    pub configuration: Value,
    /// Every flag with its value.
    pub flags: BTreeMap<String, String>,
    /// The version of this program.
    pub version: &'static str,
    /// The version of Kubernetes that it behaves as.
    pub kubernetes: &'static str,
    /// What it is written in.
    pub language: &'static str,
    /// When it was started.
    pub started: Timestamp,
    /// Changes how much is logged; `None` where profiling is off.
    pub set_verbosity: Option<SetVerbosity>,
}

impl Pages {
    /// The service that answers.
    pub fn router(self) -> Router {
        let set_verbosity = self.set_verbosity.clone();
        let configuration = json!({"componentconfig": self.configuration}).to_string();
        let configz = move || async move { plain("application/json", configuration) };
        let pages = Arc::new(self);
        let flagz = {
            let pages = Arc::clone(&pages);
            move |request: Request| async move { pages.page(&request.into_parts().0, &FLAGZ) }
        };
        let statusz =
            move |request: Request| async move { pages.page(&request.into_parts().0, &STATUSZ) };
        let router = Router::new()
            .route("/configz", any(configz))
            .route("/flagz", any(flagz))
            .route("/statusz", any(statusz));
        let Some(set) = set_verbosity else { return router };
        let level = move |request: Request| async move { set_level(request, &set).await };
        let index = || async { html(FLAGS_INDEX) };
        let profiles = || async { text(StatusCode::NOT_IMPLEMENTED, PROFILES.to_owned()) };
        router
            .route("/debug/flags", any(index))
            .route("/debug/flags/", any(index))
            .route("/debug/flags/{*flag}", any(index))
            .route("/debug/flags/v", any(level))
            .route("/debug/pprof", any(profiles))
            .route("/debug/pprof/", any(profiles))
            .route("/debug/pprof/{*profile}", any(profiles))
    }

    /// A page in the form that is asked for.
    fn page(&self, request: &Parts, page: &Page) -> Response {
        let wanted = clauses(request);
        if wanted.is_empty() {
            return self.text_of(page);
        }
        for clause in &wanted {
            let version = version(clause, page.kind);
            for (form, name) in [(Form::Json, "json"), (Form::Yaml, "yaml")] {
                let Some((version, deprecated)) = version.filter(|_| clause.takes(form)) else {
                    continue;
                };
                let content_type =
                    format!("application/{name};g={GROUP};v={version};as={}", page.kind);
                let answer = (page.object)(self, format!("{GROUP}/{version}"));
                let mut response = object(request, form, &content_type, &answer);
                if deprecated {
                    let name = page.path;
                    let warning = format!(
                        "299 - \"This version of the {name} endpoint is deprecated. Please use a newer \
                         version.\""
                    );
                    if let Ok(warning) = HeaderValue::from_str(&warning) {
                        response.headers_mut().insert(WARNING, warning);
                    }
                }
                return response;
            }
            if clause.takes(Form::Text) && clause.parameter("as").is_empty() {
                return self.text_of(page);
            }
        }
        Failure::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", ACCEPTED).answer(request)
    }

    fn text_of(&self, page: &Page) -> Response {
        let body = format!("\nberth {}\n{NOT_FOR_MACHINES}{}", page.path, (page.text)(self));
        plain("text/plain; charset=utf-8", body)
    }

    fn up(&self) -> Duration {
        Duration::try_from(self.started.duration_until(Timestamp::now())).unwrap_or_default()
    }
}

fn any<H, T>(handler: H) -> MethodRouter
where
    H: Handler<T, ()>,
    T: 'static,
{
    get(handler.clone()).fallback(handler)
}

/// The version of a page that a clause asks for, and whether it is deprecated.
fn version(clause: &Clause<'_>, kind: &str) -> Option<(&'static str, bool)> {
    if clause.parameter("g") != GROUP || clause.parameter("as") != kind {
        return None;
    }
    VERSIONS.into_iter().find(|(version, _)| clause.parameter("v") == *version)
}

/// A page that is text, or an object of Kubernetes.
struct Page {
    path: &'static str,
    kind: &'static str,
    text: fn(&Pages) -> String,
    object: fn(&Pages, String) -> PageObject,
}

/// A Flagz or a Statusz.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageObject {
    kind: &'static str,
    api_version: String,
    metadata: Metadata,
    #[serde(flatten)]
    fields: Fields,
}

#[derive(Serialize)]
struct Metadata {
    name: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Fields {
    Flags {
        flags: BTreeMap<String, String>,
    },
    #[serde(rename_all = "camelCase")]
    Status {
        start_time: String,
        uptime_seconds: u64,
        go_version: &'static str,
        binary_version: &'static str,
        emulation_version: &'static str,
        paths: [&'static str; 6],
    },
}

/// The paths that people may want to know.
const PATHS: [&str; 6] = ["/configz", "/flagz", "/healthz", "/livez", "/metrics", "/readyz"];

const FLAGZ: Page = Page {
    path: "flagz",
    kind: "Flagz",
    text: |pages| {
        pages.flags.iter().fold(String::new(), |mut text, (name, value)| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}={value}");
            text
        })
    },
    object: |pages, version| {
        page_object("Flagz", version, Fields::Flags { flags: pages.flags.clone() })
    },
};

const STATUSZ: Page = Page {
    path: "statusz",
    kind: "Statusz",
    text: |pages| {
        let seconds = pages.up().as_secs();
        format!(
            "\nStarted: {}\nUp: {} hr {:02} min {:02} sec\nGo version: {}\nBinary version: {}\n\
             Emulation version: {}\nPaths: {}\n",
            pages.started.strftime("%a %b %e %H:%M:%S UTC %Y"),
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            pages.language,
            pages.version,
            pages.kubernetes,
            PATHS.join(" ")
        )
    },
    object: |pages, version| {
        let fields = Fields::Status {
            start_time: pages.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            uptime_seconds: pages.up().as_secs(),
            go_version: pages.language,
            binary_version: pages.version,
            emulation_version: pages.kubernetes,
            paths: PATHS,
        };
        page_object("Statusz", version, fields)
    },
};

fn page_object(kind: &'static str, api_version: String, fields: Fields) -> PageObject {
    PageObject { kind, api_version, metadata: Metadata { name: "berth" }, fields }
}

async fn set_level(request: Request, set: &SetVerbosity) -> Response {
    if request.method() != Method::PUT {
        return plain_text(StatusCode::NOT_ACCEPTABLE, "unsupported http method".to_owned());
    }
    let refused = |reason: String| plain_text(StatusCode::BAD_REQUEST, reason);
    let body = match to_bytes(request.into_body(), LEVEL_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => return refused(format!("error reading request body: {error}")),
    };
    let given = String::from_utf8_lossy(&body);
    let digits = !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit());
    match given.parse::<i32>() {
        Ok(level) if digits => match set(level) {
            Ok(()) => {
                let done = format!("successfully set klog.logging.verbosity to {given}");
                plain_text(StatusCode::OK, done)
            }
            Err(reason) => refused(reason),
        },
        _ => {
            let what = if digits { "value out of range" } else { "invalid syntax" };
            refused(format!("strconv.ParseUint: parsing {given:?}: {what}"))
        }
    }
}

fn plain_text(code: StatusCode, body: String) -> Response {
    let mut response = plain("text/plain", body + "\n");
    *response.status_mut() = code;
    response
}

fn html(body: &'static str) -> Response {
    plain("text/html; charset=utf-8", body.to_owned())
}

/// The flags that can be changed.
const FLAGS_INDEX: &str = "<html>
<head>
<title>/debug/flags/</title>
</head>
<body>
/debug/flags/<br>
<br>
flags:<br>
<table>
<tr>v<br>
</table>
<br>
full flags configurable<br>
</body>
</html>
";
