//! A proxy between berth and the API server in which a test decides what becomes of every Binding:
//! [`Proxy`]. Plain HTTP on loopback; it forwards with the rights of the admin and needs no credentials.
//!
//! [`super::scene`] puts one in front of the control plane. It can also hold back what watches say, so
//! that a test decides whether berth hears of a change from its watch or from an answer.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::listening::{
    Answers, BoxError, ProxyBody, StandIn, passed_on, received, status_code, text_answer,
};

type Decide = Box<dyn FnMut(&Ask) -> Action + Send>;

/// A Binding that berth asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) pod: String,
    pub(crate) uid: String,
    pub(crate) node: String,
    /// It is the how manieth for a pod of this name, counted from 1.
    pub(crate) nth: usize,
    /// It is the how manieth of all, counted from 1.
    pub(crate) number: usize,
}

/// What becomes of a Binding.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// It goes through.
    Pass,
    /// It goes through once the pod's name, or everything, is released.
    Hold,
    /// It goes through, but its answer does not come back.
    LoseAnswer,
    /// It gets lost, and nobody says so.
    LoseRequest,
    /// It does not go through and is answered with this.
    Answer(StatusCode, HeaderMap, String),
}

impl Action {
    /// An answer as an API server gives it.
    pub(crate) fn status(code: u16, message: &str) -> Self {
        let status = json!({
            "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message,
        });
        Self::Answer(status_code(code), HeaderMap::new(), status.to_string())
    }
}

/// The running proxy. Dropping it ends it with all its connections.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    stand_in: StandIn,
}

struct Shared {
    client: Client,
    state: Mutex<State>,
    gates: watch::Sender<Gates>,
}

struct State {
    asked: Vec<Ask>,
    decide: Decide,
}

/// What is let through.
#[derive(Default)]
struct Gates {
    released: BTreeSet<String>,
    all_released: bool,
    watches_paused: bool,
    cut_off: bool,
}

impl Proxy {
    /// Starts a proxy that passes everything on through `client`.
    pub(crate) async fn start(client: Client) -> Self {
        let state = State { asked: Vec::new(), decide: Box::new(|_| Action::Pass) };
        let gates = watch::Sender::new(Gates::default());
        let shared = Arc::new(Shared { client, state: Mutex::new(state), gates });
        let stand_in = StandIn::start(Arc::clone(&shared)).await;
        Self { shared, stand_in }
    }

    /// The path of a kubeconfig file that leads here.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.stand_in.kubeconfig()
    }

    /// From here on `decide` says what becomes of a Binding.
    pub(crate) fn decide(&self, decide: impl FnMut(&Ask) -> Action + Send + 'static) {
        self.shared.state().decide = Box::new(decide);
    }

    /// Every Binding asked for so far, in the order in which they came.
    pub(crate) fn asked(&self) -> Vec<Ask> {
        self.shared.state().asked.clone()
    }

    /// The Bindings asked for so far for pods of this name.
    pub(crate) fn asked_for(&self, pod: &str) -> Vec<Ask> {
        let mut asked = self.asked();
        asked.retain(|ask| ask.pod == pod);
        asked
    }

    /// Lets through what is held, or will be, for pods of this name.
    pub(crate) fn release(&self, pod: &str) {
        self.shared.gates.send_modify(|gates| {
            gates.released.insert(pod.to_owned());
        });
    }

    /// Lets through all that is held or will be.
    pub(crate) fn release_all(&self) {
        self.shared.gates.send_modify(|gates| gates.all_released = true);
    }

    /// Holds back what watches say, from here on.
    pub(crate) fn pause_watches(&self) {
        self.watch_pauser()();
    }

    /// What [`Proxy::pause_watches`] does, to be done when a Binding is asked for.
    pub(crate) fn watch_pauser(&self) -> impl Fn() + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.gates.send_modify(|gates| gates.watches_paused = true)
    }

    /// From here on no request gets to the API server; berth has no answer to any.
    pub(crate) fn cut_off(&self) {
        self.shared.gates.send_modify(|gates| gates.cut_off = true);
    }

    /// Lets requests through again, also those that have come meanwhile and whose senders still wait.
    pub(crate) fn restore(&self) {
        self.shared.gates.send_modify(|gates| gates.cut_off = false);
    }

    /// Lets watches say what was held back.
    pub(crate) fn resume_watches(&self) {
        self.shared.gates.send_modify(|gates| gates.watches_paused = false);
    }
}

impl Answers for Shared {
    async fn answer(&self, request: Request<Incoming>) -> anyhow::Result<Response<ProxyBody>> {
        let (parts, body) = received(request).await?;
        let action = match asks_for(&parts, &body) {
            Some((pod, uid, node)) => self.ask(pod, uid, node),
            None => (String::new(), Action::Pass),
        };
        let is_watch = parts.uri.query().is_some_and(|query| query.contains("watch=true"));
        let request = Request::from_parts(parts, Body::from(body));
        match action {
            (_, Action::Answer(status, headers, text)) => {
                let mut answer = text_answer(status, text);
                *answer.headers_mut() = headers;
                return Ok(answer);
            }
            (_, Action::LoseRequest) => return std::future::pending().await,
            (_, Action::LoseAnswer) => {
                self.client.send(request).await?.into_body().collect_bytes().await?;
                return std::future::pending().await;
            }
            (pod, Action::Hold) => self.wait_for_release(&pod).await,
            (_, Action::Pass) => {}
        }
        let mut gates = self.gates.subscribe();
        // The sender lives as long as `self`.
        drop(gates.wait_for(|gates| !gates.cut_off).await);
        let answer = passed_on(self.client.send(request).await?);
        Ok(answer.map(|body| if is_watch { self.gated(body) } else { plain(body) }))
    }
}

impl Shared {
    /// Notes a Binding and asks the test what becomes of it.
    fn ask(&self, pod: String, uid: String, node: String) -> (String, Action) {
        let mut state = self.state();
        let nth = 1 + state.asked.iter().filter(|ask| ask.pod == pod).count();
        let ask = Ask { pod, uid, node, nth, number: state.asked.len() + 1 };
        let action = (state.decide)(&ask);
        state.asked.push(ask.clone());
        (ask.pod, action)
    }

    async fn wait_for_release(&self, pod: &str) {
        let mut gates = self.gates.subscribe();
        let released = |gates: &Gates| gates.all_released || gates.released.contains(pod);
        // The sender lives as long as `self`.
        drop(gates.wait_for(released).await);
    }

    /// A body that gives nothing while watches are paused.
    fn gated(&self, body: Body) -> ProxyBody {
        let state = (body, self.gates.subscribe());
        let frames = stream::unfold(state, |(mut body, mut gates)| async {
            let frame = body.frame().await?.map_err(boxed);
            gates.wait_for(|gates| !gates.watches_paused && !gates.cut_off).await.ok()?;
            Some((frame, (body, gates)))
        });
        StreamBody::new(frames).boxed_unsync()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pod, UID and node of a request, if it is one for a Binding.
fn asks_for(parts: &http::request::Parts, body: &[u8]) -> Option<(String, String, String)> {
    if parts.method != Method::POST || !parts.uri.path().ends_with("/binding") {
        return None;
    }
    let binding: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &binding["metadata"];
    Some((text(&metadata["name"]), text(&metadata["uid"]), text(&binding["target"]["name"])))
}

fn plain(body: Body) -> ProxyBody {
    body.map_err(boxed).boxed_unsync()
}

fn boxed(error: kube::Error) -> BoxError {
    Box::new(error)
}
