//! A proxy between berth and the API server in which a test decides what becomes of every Binding:
//! [`Proxy`]. Plain HTTP on loopback; it forwards with the rights of the admin and needs no credentials.
//!
//! [`super::scene`] puts one in front of the control plane. It can also hold back what watches say, so
//! that a test decides whether berth hears of a change from its watch or from an answer.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Connections at once; berth has some 60 requests in flight at most.
const CONNECTIONS_MAX: usize = 128;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type ProxyBody = UnsyncBoxBody<Bytes, BoxError>;
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
    folder: TempDir,
    task: JoinHandle<()>,
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
}

impl Proxy {
    /// Starts a proxy that passes everything on through `client`.
    pub(crate) async fn start(client: Client) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let folder = tempfile::Builder::new().prefix("berth-proxy-").tempdir();
        let folder = folder.expect("a folder for the kubeconfig can be made");
        write_kubeconfig(&folder, address);
        let state = State { asked: Vec::new(), decide: Box::new(|_| Action::Pass) };
        let gates = watch::Sender::new(Gates::default());
        let shared = Arc::new(Shared { client, state: Mutex::new(state), gates });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { shared, folder, task }
    }

    /// The path of a kubeconfig file that leads here.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
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

    /// Lets watches say what was held back.
    pub(crate) fn resume_watches(&self) {
        self.shared.gates.send_modify(|gates| gates.watches_paused = false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Writes a kubeconfig file that leads to a proxy.
pub(super) fn write_kubeconfig(folder: &TempDir, address: SocketAddr) {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "nobody"}}],
    });
    fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string())
        .expect("the kubeconfig can be written");
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        // A connection that breaks off before it is accepted is nobody's any more.
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, Arc::clone(&shared)));
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { shared.answer(request).await }
    });
    // It ends with an error where berth gives up a request, or where the API server is not there.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> anyhow::Result<Response<ProxyBody>> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        // The client knows where it sends to.
        parts.headers.remove(header::HOST);
        let action = match asks_for(&parts, &body) {
            Some((pod, uid, node)) => self.ask(pod, uid, node),
            None => (String::new(), Action::Pass),
        };
        let is_watch = parts.uri.query().is_some_and(|query| query.contains("watch=true"));
        let request = Request::from_parts(parts, Body::from(body));
        match action {
            (_, Action::Answer(status, headers, text)) => {
                let mut answer = Response::new(Full::from(text).map_err(never).boxed_unsync());
                *answer.status_mut() = status;
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
        let mut answer = self.client.send(request).await?;
        // How a body is cut into pieces is between two neighbours.
        answer.headers_mut().remove(header::TRANSFER_ENCODING);
        answer.headers_mut().remove(header::CONNECTION);
        Ok(answer.map(|body| if is_watch { self.gated(body) } else { plain(body) }))
    }

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
            gates.wait_for(|gates| !gates.watches_paused).await.ok()?;
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

pub(super) fn plain(body: Body) -> ProxyBody {
    body.map_err(boxed).boxed_unsync()
}

pub(super) fn boxed(error: kube::Error) -> BoxError {
    Box::new(error)
}

pub(super) fn never(infallible: Infallible) -> BoxError {
    match infallible {}
}

pub(super) fn status_code(code: u16) -> StatusCode {
    StatusCode::from_u16(code).expect("a test answers with codes that exist")
}
