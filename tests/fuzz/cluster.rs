//! The server that the requests go to, with a watch on everything, and what must hold after each of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use berth::apiserver::api::Api;
use berth::apiserver::http::{Front, Target, router};
use berth::apiserver::kinds::{Resource, View};
use berth::apiserver::schema::{self, GroupVersionKind};
use berth::apiserver::selection::Selection;
use berth::apiserver::store::{Limits, ListRequest};
use futures::FutureExt as _;
use http::{HeaderValue, Request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::corpus::{Input, Step};
use crate::pure;

/// Codes with which a request may be refused.
const REFUSALS: [u16; 15] =
    [400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 422, 429, 500, 501, 504];

/// A server, and what its watches have said so far.
pub(crate) struct Cluster {
    router: Router,
    api: Arc<Api>,
    watches: Vec<Watch>,
}

struct Watch {
    resource: &'static Resource,
    body: Body,
    rest: Vec<u8>,
    objects: BTreeMap<String, Value>,
    last: u64,
}

/// An answer, read as far as it is there.
struct Seen {
    code: u16,
    media_type: String,
    body: Vec<u8>,
}

fn collection(resource: &Resource) -> String {
    let group = if resource.group.is_empty() {
        "/api".to_owned()
    } else {
        format!("/apis/{}", resource.group)
    };
    format!("{group}/{}/{}", resource.version, resource.plural)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn replace(bytes: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(tail) = rest.strip_prefix(what) {
            out.extend_from_slice(by);
            rest = tail;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

impl Cluster {
    /// A new server with a watch on every kind.
    pub(crate) async fn start() -> Result<Self, String> {
        let api = Arc::new(Api::new(Limits::default()));
        let router = router(Arc::new(Front { api: Arc::clone(&api), token: None }));
        let mut cluster = Self { router, api, watches: Vec::new() };
        let stored = Resource::all().iter().filter(|row| row.view != View::Answered);
        for resource in stored {
            let uri = format!("{}?watch=1", collection(resource));
            let request = Request::get(uri).body(Body::empty()).expect("it is well formed");
            let response = cluster.router.clone().oneshot(request).await.expect("it cannot fail");
            cluster.watches.push(Watch {
                resource,
                body: response.into_body(),
                rest: Vec::new(),
                objects: BTreeMap::new(),
                last: 0,
            });
        }
        cluster.drain()?;
        Ok(cluster)
    }

    /// Tries a step; what is wrong, if something is.
    pub(crate) async fn run(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Pair(pair) => pure::run(&self.api, pair),
            Step::Request(input) => self.request(input).await,
        }
    }

    async fn request(&mut self, input: &Input) -> Result<(), String> {
        let Some(request) = self.build(input) else { return Ok(()) };
        let before = self.api.store.revision();
        let Seen { code, media_type, body } = self.send(request).await;
        let after = self.api.store.revision();
        let shown = || String::from_utf8_lossy(&body).chars().take(2000).collect::<String>();
        if input.method == "HEAD" {
            // The answer is without its body.
        } else if media_type == "application/json" {
            let values = serde_json::Deserializer::from_slice(&body).into_iter::<Value>();
            let values: Result<Vec<Value>, _> = values.collect();
            let values =
                values.map_err(|error| format!("{code}: no JSON: {error}: {}", shown()))?;
            if code >= 400 {
                check_status(code, &values)?;
            }
        } else if code >= 400 && !(code == 404 && media_type.starts_with("text/plain")) {
            return Err(format!("{code} as {media_type}: {}", shown()));
        }
        if after < before {
            return Err(format!("the revision goes back from {before} to {after}"));
        }
        let is_dry = code < 400 && input.uri.contains("dryRun=All");
        let reads = matches!(&*input.method, "GET" | "HEAD");
        // These do several things, of which the last may fail. Upstream's, too.
        let path = input.uri.split('?').next().unwrap_or_default();
        let is_many =
            input.method == "DELETE" && Target::parse(path).is_some_and(|t| t.name.is_empty());
        let may_be_half = is_many || path.ends_with("/eviction");
        let refused = code >= 400 && !may_be_half;
        if after > before && (refused || is_dry || reads) {
            return Err(format!("an answer of {code} has stored something: {}", shown()));
        }
        self.drain()
    }

    /// The request; nothing where it cannot be sent over HTTP either.
    fn build(&self, input: &Input) -> Option<Request<Body>> {
        let Input { method, uri, headers, body } = input;
        let mut body = body.clone();
        if body.contains(&b'$') {
            let path = uri.split('?').next().unwrap_or_default();
            let found = Target::parse(path)
                .and_then(|target| self.api.get(target.resource, &target.namespace, &target.name));
            let object = found.as_ref().and_then(|object| object.parse().ok()).unwrap_or_default();
            body = replace(&body, b"$RV", text(&object, "/metadata/resourceVersion").as_bytes());
            body = replace(&body, b"$UID", text(&object, "/metadata/uid").as_bytes());
        }
        let mut request = Request::builder().method(method.as_str()).uri(uri);
        for (name, value) in headers {
            request = request.header(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
        }
        request.body(Body::from(body)).ok()
    }

    async fn send(&self, request: Request<Body>) -> Seen {
        // Timers of tokio are ready only so many times before a task has to let others run.
        tokio::task::yield_now().await;
        let response = self.router.clone().oneshot(request).await.expect("it cannot fail");
        let code = response.status().as_u16();
        let media_type = response.headers().get("content-type");
        let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().to_owned();
        let mut stream = response.into_body();
        let mut body = Vec::new();
        // A watch goes on for ever.
        while let Some(Some(Ok(frame))) = stream.frame().now_or_never() {
            body.extend_from_slice(&frame.into_data().unwrap_or_default());
        }
        Seen { code, media_type, body }
    }

    /// Reads what the watches have to say.
    fn drain(&mut self) -> Result<(), String> {
        self.watches.iter_mut().try_for_each(Watch::drain)
    }

    /// What must hold at the end: everything that is stored can be read in all forms, is where it should
    /// be, and is what the watches add up to.
    pub(crate) async fn finish(&mut self) -> Result<(), String> {
        self.drain()?;
        for watch in &self.watches {
            self.check_stored(watch.resource)?;
            self.check_listed(watch).await?;
        }
        Ok(())
    }

    fn check_stored(&self, resource: &'static Resource) -> Result<(), String> {
        let kept = resource.kept();
        let selection = Selection::default();
        let page = self.api.store.list(kept.table, &ListRequest::of(&selection));
        let page = page.map_err(|_| "a list of now has expired".to_owned())?;
        let kind = GroupVersionKind::new(kept.group, kept.version, kept.kind);
        for stored in &page.objects {
            let object = stored.parse().map_err(|error| format!("{}: {error}", stored.key()))?;
            let key =
                kept.key(text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
            let revision = text(&object, "/metadata/resourceVersion");
            let mistake = schema::type_error(&kind, &object);
            if key != stored.key() || revision != stored.revision().to_string() || mistake.is_some()
            {
                let found = mistake.unwrap_or_default();
                return Err(format!("{} at {key}: {found}: {object}", kept.qualified));
            }
        }
        Ok(())
    }

    async fn check_listed(&self, watch: &Watch) -> Result<(), String> {
        let path = collection(watch.resource);
        for accept in [
            "application/json",
            "application/json;as=Table;v=v1;g=meta.k8s.io",
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
        ] {
            let request = Request::get(&path).header("accept", accept).body(Body::empty());
            let seen = self.send(request.expect("it is well formed")).await;
            let list: Value = serde_json::from_slice(&seen.body)
                .map_err(|error| format!("{path} as {accept}: {}: {error}", seen.code))?;
            if accept != "application/json" {
                continue;
            }
            let items = list["items"].as_array().ok_or_else(|| format!("{path}: no items"))?;
            let listed = items.iter().map(|item| (key(item), bare(item)));
            let listed: BTreeMap<String, Value> = listed.collect();
            for (key, object) in &listed {
                let watched = watch.objects.get(key);
                if watched != Some(object) {
                    return Err(format!("{path}: {key}: listed {object}, watched {watched:?}"));
                }
            }
            if listed.len() != watch.objects.len() {
                let (listed, watched) = (listed.len(), watch.objects.len());
                return Err(format!("{path}: {listed} are listed, {watched} by the watch"));
            }
        }
        Ok(())
    }
}

fn check_status(code: u16, values: &[Value]) -> Result<(), String> {
    let [status] = values else { return Err(format!("{code}: {} values", values.len())) };
    let is_status = status["kind"] == "Status"
        && status["apiVersion"] == "v1"
        && status["status"] == "Failure"
        && status["code"] == code
        && !text(status, "/message").is_empty();
    if !is_status || !REFUSALS.contains(&code) || status["reason"] == "InternalError" {
        return Err(format!("{code} with {status}"));
    }
    Ok(())
}

fn key(object: &Value) -> String {
    format!("{}/{}", text(object, "/metadata/namespace"), text(object, "/metadata/name"))
}

/// Lists need not say what kind their items are.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    object
}

impl Watch {
    fn drain(&mut self) -> Result<(), String> {
        loop {
            match self.body.frame().now_or_never() {
                None => return Ok(()),
                Some(Some(Ok(frame))) => {
                    self.rest.extend_from_slice(&frame.into_data().unwrap_or_default());
                }
                Some(_) => return Err(format!("{}: the watch has ended", self.resource.qualified)),
            }
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let event: Value = serde_json::from_slice(&line)
                    .map_err(|error| format!("{}: {error}", String::from_utf8_lossy(&line)))?;
                self.take(&event)?;
            }
        }
    }

    fn take(&mut self, event: &Value) -> Result<(), String> {
        let object = &event["object"];
        let key = key(object);
        let revision = text(object, "/metadata/resourceVersion").parse().unwrap_or(0);
        // Those of the beginning come in the order of their names.
        let is_new = revision > self.last || text(event, "/type") == "ADDED" && self.last == 0;
        let had = self.objects.contains_key(&key);
        let fits = match text(event, "/type") {
            "ADDED" => !had && self.objects.insert(key, bare(object)).is_none(),
            "MODIFIED" => had && self.objects.insert(key, bare(object)).is_some(),
            "DELETED" => self.objects.remove(&key).is_some(),
            _ => false,
        };
        // The server begins with objects of two kinds.
        let from_the_start = ["namespaces", "priorityclasses"].contains(&self.resource.plural);
        let at_start = from_the_start && revision <= self.last;
        if !fits || !(is_new || at_start) {
            return Err(format!("{} after {}: {event}", self.resource.qualified, self.last));
        }
        self.last = self.last.max(revision);
        Ok(())
    }
}
