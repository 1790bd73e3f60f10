//! What the proxies of tests have in common: [`Listening`], connections on loopback, and [`StandIn`], what
//! berth takes for its API server.

use std::convert::Infallible;
use std::fs;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::client::Body;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Connections at once; berth has some 60 requests in flight at most.
const CONNECTIONS_MAX: usize = 128;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type ProxyBody = UnsyncBoxBody<Bytes, BoxError>;

/// A port of loopback that is served. Dropping it ends it with all its connections.
pub(super) struct Listening {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    /// Serves each connection in a task of its own.
    pub(super) async fn start<F, Served>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> Served + Send + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        Self { address, task: tokio::spawn(accept(listener, serve)) }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept<F, Served>(listener: TcpListener, serve: F)
where
    F: Fn(TcpStream) -> Served,
    Served: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        // A connection that breaks off before it is accepted is nobody's any more.
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream));
        }
    }
}

/// What answers requests; an error breaks the connection.
pub(super) trait Answers: Send + Sync + 'static {
    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = anyhow::Result<Response<ProxyBody>>> + Send;
}

/// Answers over plain HTTP, and a kubeconfig file that leads to them.
pub(super) struct StandIn {
    _listening: Listening,
    folder: TempDir,
}

impl StandIn {
    pub(super) async fn start(answers: Arc<impl Answers>) -> Self {
        let listening = Listening::start(move |stream| {
            let answers = Arc::clone(&answers);
            async move {
                let service = service_fn(|request| answers.answer(request));
                let stream = TokioIo::new(stream);
                // It ends with an error where berth gives up a request, where the API server is not there,
                // and wherever a connection is broken on purpose.
                drop(http1::Builder::new().serve_connection(stream, service).await);
            }
        })
        .await;
        let folder = tempfile::Builder::new().prefix("berth-proxy-").tempdir();
        let folder = folder.expect("a folder for the kubeconfig can be made");
        write_kubeconfig(&folder, listening.address());
        Self { _listening: listening, folder }
    }

    /// The path of a kubeconfig file that leads here.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }
}

fn write_kubeconfig(folder: &TempDir, address: SocketAddr) {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "nobody"}}],
    });
    fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string())
        .expect("the kubeconfig can be written");
}

/// A request as it is passed on, without what is between two neighbours.
pub(super) async fn received(
    request: Request<Incoming>,
) -> Result<(http::request::Parts, Bytes), hyper::Error> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    // The client knows where it sends to.
    parts.headers.remove(header::HOST);
    Ok((parts, body))
}

/// An answer as it is passed on: how a body is cut into pieces is between two neighbours.
pub(super) fn passed_on(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().remove(header::TRANSFER_ENCODING);
    answer.headers_mut().remove(header::CONNECTION);
    answer
}

/// An answer of the test's own.
pub(super) fn text_answer(status: StatusCode, text: String) -> Response<ProxyBody> {
    let never = |infallible: Infallible| match infallible {};
    let mut answer = Response::new(Full::from(text).map_err(never).boxed_unsync());
    *answer.status_mut() = status;
    answer
}

pub(super) fn status_code(code: u16) -> StatusCode {
    StatusCode::from_u16(code).expect("a test answers with codes that exist")
}
