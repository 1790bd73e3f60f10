//! A proxy between berth and the API server that brings about the bad days of a network: [`Cutter`].
//!
//! A plan of the test's own decides about every request: [`Fate`]. Whatever the plan, the test can cut all
//! watches at once, or make everything fall silent. It notes what was asked and when, and which Bindings
//! the API server accepted. Plain HTTP on loopback with the rights of the admin, as [`super::proxy`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::listening::{
    Answers, BoxError, ProxyBody, StandIn, passed_on, received, status_code, text_answer,
};

type Plan = Box<dyn FnMut(&Asked) -> Fate + Send>;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    List,
    Watch,
    Bind,
    Condition,
    Event,
    Other,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) verb: Verb,
    pub(crate) path: String,
    pub(crate) query: String,
    /// The UID of the pod that a Binding is for.
    pub(crate) uid: String,
    pub(crate) at: Instant,
    /// It is the how manieth of this verb and path, counted from 1.
    pub(crate) nth: usize,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It goes through.
    Pass,
    /// It does not go through; the answer has this code, and asks for so many seconds of patience.
    Refuse(u16, Option<u32>),
    /// It does not go through; this text is the answer.
    Foreign(u16, &'static str),
    /// It does not go through, and the connection breaks.
    Drop,
    /// It goes through; in place of an answer the connection breaks.
    LoseAnswer,
    /// It goes through; the connection breaks after so many bytes of the answer.
    Cut(usize),
    /// It goes through; the piece of the answer after so many others (a watch: lines) loses its second half.
    Garble(usize),
    /// It goes through; after the beginning of the answer nothing comes, for ever.
    Mute,
    /// A watch says that it has expired.
    ExpiredEvent,
    /// It goes through; a watch begins with these objects, and in a list they stand in the middle.
    Inject(Vec<Value>),
}

/// The running proxy. Dropping it ends it with all its connections.
pub(crate) struct Cutter {
    shared: Arc<Shared>,
    stand_in: StandIn,
}

struct Shared {
    client: Client,
    /// How many objects a page of a list has at most, whatever is asked for.
    page_objects: Option<usize>,
    state: Mutex<State>,
    gates: watch::Sender<Gates>,
}

struct State {
    plan: Plan,
    asked: Vec<Asked>,
    counts: BTreeMap<(Verb, String), usize>,
    accepted: BTreeMap<String, usize>,
}

#[derive(Clone, Copy, Default)]
struct Gates {
    silent: bool,
    /// How often all watches were cut.
    cuts: usize,
}

impl Cutter {
    /// Starts a proxy that passes everything on through `client`, until it is told otherwise.
    pub(crate) async fn start(client: Client, page_objects: Option<usize>) -> Self {
        let state = Mutex::new(State {
            plan: Box::new(|_| Fate::Pass),
            asked: Vec::new(),
            counts: BTreeMap::new(),
            accepted: BTreeMap::new(),
        });
        let gates = watch::Sender::new(Gates::default());
        let shared = Arc::new(Shared { client, page_objects, state, gates });
        let stand_in = StandIn::start(Arc::clone(&shared)).await;
        Self { shared, stand_in }
    }

    /// The path of a kubeconfig file that leads here.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.stand_in.kubeconfig()
    }

    /// From here on `plan` decides.
    pub(crate) fn plan(&self, plan: impl FnMut(&Asked) -> Fate + Send + 'static) {
        self.shared.state().plan = Box::new(plan);
    }

    /// From here on everything goes through.
    pub(crate) fn calm(&self) {
        self.plan(|_| Fate::Pass);
    }

    /// Breaks the connections of all watches.
    pub(crate) fn cut_watches(&self) {
        self.shared.gates.send_modify(|gates| gates.cuts += 1);
    }

    /// From here on nothing comes, to or fro; connections stay open.
    pub(crate) fn fall_silent(&self) {
        self.shared.gates.send_modify(|gates| gates.silent = true);
    }

    /// Ends the silence. What was held back comes through, where anybody still waits for it.
    pub(crate) fn speak_again(&self) {
        self.shared.gates.send_modify(|gates| gates.silent = false);
    }

    /// Everything asked for so far, in the order in which it came.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.state().asked.clone()
    }

    /// What was asked for so far with this verb at paths that end so.
    pub(crate) fn asked_for(&self, verb: Verb, path_end: &str) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.is(verb, path_end));
        asked
    }

    /// How many Bindings the API server has accepted, by the pod's UID.
    pub(crate) fn accepted(&self) -> BTreeMap<String, usize> {
        self.shared.state().accepted.clone()
    }
}

impl Asked {
    /// Whether it has this verb and its path ends so.
    pub(crate) fn is(&self, verb: Verb, path_end: &str) -> bool {
        self.verb == verb && self.path.ends_with(path_end)
    }

    fn new(parts: &http::request::Parts, body: &[u8]) -> Self {
        let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
        let verb = match (&parts.method, path) {
            (&Method::GET, _) if query.contains("watch=true") => Verb::Watch,
            (&Method::GET, _) if query.contains("limit=") => Verb::List,
            (&Method::POST, path) if path.ends_with("/binding") => Verb::Bind,
            (&Method::PATCH, path) if path.ends_with("/status") => Verb::Condition,
            (_, path) if path.contains("/events") => Verb::Event,
            _ => Verb::Other,
        };
        let body: Value = match verb {
            Verb::Bind => serde_json::from_slice(body).unwrap_or_default(),
            _ => Value::Null,
        };
        Self {
            verb,
            path: path.to_owned(),
            query: query.to_owned(),
            uid: body["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
            at: Instant::now(),
            nth: 0,
        }
    }
}

impl Answers for Shared {
    async fn answer(&self, request: Request<Incoming>) -> anyhow::Result<Response<ProxyBody>> {
        let (mut parts, body) = received(request).await?;
        let asked = Asked::new(&parts, &body);
        self.audible().await;
        let fate = self.note(&asked);
        match fate {
            Fate::Refuse(code, patience) => return Ok(refusal(code, patience)),
            Fate::Foreign(code, text) => {
                return Ok(text_answer(status_code(code), text.to_owned()));
            }
            Fate::Drop => anyhow::bail!("dropped on purpose"),
            Fate::ExpiredEvent => {
                let line = json!({"type": "ERROR", "object": status(410)}).to_string() + "\n";
                return Ok(text_answer(StatusCode::OK, line));
            }
            _ => {}
        }
        if let Some(objects) = self.page_objects {
            shorten_pages(&mut parts.uri, objects);
        }
        if matches!(fate, Fate::Inject(_)) {
            // What is put in is JSON.
            parts.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        }
        let answer = self.client.send(Request::from_parts(parts, Body::from(body))).await?;
        if asked.verb == Verb::Bind && answer.status().is_success() {
            *self.state().accepted.entry(asked.uid.clone()).or_default() += 1;
        }
        if matches!(fate, Fate::LoseAnswer) {
            drop(answer.into_body().collect_bytes().await);
            anyhow::bail!("lost on purpose");
        }
        self.audible().await;
        let mut answer = passed_on(answer);
        if matches!(fate, Fate::Cut(_) | Fate::Garble(_)) {
            answer.headers_mut().remove(header::CONTENT_LENGTH);
        }
        if let (Fate::Inject(objects), Verb::List) = (&fate, asked.verb) {
            let text = answer.into_body().collect_bytes().await?;
            return Ok(text_answer(StatusCode::OK, with_objects(&text, objects)?.to_string()));
        }
        Ok(answer.map(|body| self.shaped(body, fate, asked.verb == Verb::Watch)))
    }
}

impl Shared {
    /// Notes a request and asks the plan what becomes of it.
    fn note(&self, asked: &Asked) -> Fate {
        let mut state = self.state();
        let count = state.counts.entry((asked.verb, asked.path.clone())).or_default();
        *count += 1;
        let asked = Asked { nth: *count, ..asked.clone() };
        let fate = (state.plan)(&asked);
        state.asked.push(asked);
        fate
    }

    async fn audible(&self) {
        // The sender lives as long as `self`.
        drop(self.gates.subscribe().wait_for(|gates| !gates.silent).await);
    }

    /// The body as `fate` leaves it; that of a watch ends when watches are cut.
    fn shaped(&self, body: Body, fate: Fate, is_watch: bool) -> ProxyBody {
        let gates = self.gates.subscribe();
        let cuts = gates.borrow().cuts;
        let frames = stream::unfold(Some((body, gates, fate)), move |state| async move {
            let (mut body, mut gates, mut fate) = state?;
            if let Fate::Inject(objects) = fate {
                let change = |object: &Value| json!({"type": "ADDED", "object": object});
                let lines = objects.iter().map(|object| format!("{}\n", change(object)));
                let bytes = Bytes::from(lines.collect::<String>());
                return Some((Ok(Frame::data(bytes)), Some((body, gates, Fate::Pass))));
            }
            if let Fate::Cut(0) = fate {
                return Some((Err(BoxError::from("cut on purpose")), None));
            }
            let frame = {
                let mut cut = gates.clone();
                tokio::select! {
                    frame = body.frame() => frame?,
                    _ = cut.wait_for(|gates| is_watch && gates.cuts != cuts) => {
                        return Some((Err(BoxError::from("cut on purpose")), None));
                    }
                }
            };
            let shaped = match frame.map(Frame::into_data) {
                Ok(Ok(bytes)) => shape(&bytes, &mut fate).await,
                Ok(Err(_)) => Ok(Bytes::new()),
                Err(error) => Err(BoxError::from(error)),
            };
            gates.wait_for(|gates| !gates.silent).await.ok()?;
            let next = shaped.is_ok().then_some((body, gates, fate));
            Some((shaped.map(Frame::data), next))
        });
        StreamBody::new(frames).boxed_unsync()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `fate` leaves of a piece of a body.
async fn shape(bytes: &Bytes, fate: &mut Fate) -> Result<Bytes, BoxError> {
    match fate {
        Fate::Mute => std::future::pending().await,
        Fate::Cut(left) => {
            let passed = bytes.slice(..bytes.len().min(*left));
            *left -= passed.len();
            Ok(passed)
        }
        Fate::Garble(0) => {
            *fate = Fate::Pass;
            Ok(Bytes::from([&bytes[..bytes.len() / 2], b"\n"].concat()))
        }
        Fate::Garble(left) => {
            *left -= 1;
            Ok(bytes.clone())
        }
        _ => Ok(bytes.clone()),
    }
}

/// A list with further objects in the middle.
fn with_objects(list: &[u8], objects: &[Value]) -> anyhow::Result<Value> {
    let mut list: Value = serde_json::from_slice(list)?;
    if let Value::Array(items) = &mut list["items"] {
        let middle = items.len() / 2;
        items.splice(middle..middle, objects.iter().cloned());
    }
    Ok(list)
}

fn shorten_pages(uri: &mut Uri, objects: usize) {
    let shorter = uri.to_string().replace("limit=500", &format!("limit={objects}"));
    *uri = shorter.parse().expect("another number makes no other path");
}

fn status(code: u16) -> Value {
    let message = match code {
        401 => "Unauthorized".to_owned(),
        403 => "this is forbidden: User \"berth\" cannot do it".to_owned(),
        _ => format!("{} on purpose", status_code(code)),
    };
    json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code,
        "message": message})
}

fn refusal(code: u16, patience: Option<u32>) -> Response<ProxyBody> {
    let mut answer = text_answer(status_code(code), status(code).to_string());
    if let Some(seconds) = patience {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}
