//! The fake API server. It remembers every request and answers as a test's script says.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

use super::NEVER;

type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;
type Script = Box<dyn FnMut(&Seen) -> Reply + Send>;

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    pub(super) content_type: String,
    pub(super) accept: String,
    /// `null` where there was none.
    pub(super) body: Value,
    /// Milliseconds since the fake was made.
    pub(super) at_ms: u128,
}

/// What is answered.
pub(super) enum Reply {
    /// A status code, headers and a body.
    Answer(u16, Vec<(&'static str, &'static str)>, String),
    /// Lines, one a chunk, after which the connection stays open.
    Lines(Vec<Value>),
    /// The same, each line made when it is wanted.
    Recorded(Box<dyn Iterator<Item = Value> + Send>),
    /// Pieces of a body of this media type, after which it stays open, or ends.
    Pieces(&'static str, Vec<Vec<u8>>, bool),
    /// Nothing, ever.
    Never,
    /// The connection breaks.
    Broken,
    /// An answer that comes once the sender says so.
    Held(oneshot::Receiver<()>, Box<Reply>),
}

impl Reply {
    pub(super) fn json(code: u16, body: &Value) -> Self {
        Reply::Answer(code, Vec::new(), body.to_string())
    }

    /// An answer, and what lets it go.
    pub(super) fn held(reply: Reply) -> (Self, oneshot::Sender<()>) {
        let (sender, receiver) = oneshot::channel();
        (Reply::Held(receiver, Box::new(reply)), sender)
    }
}

struct Shared {
    script: Mutex<Script>,
    seen: watch::Sender<Vec<Seen>>,
    start: Instant,
}

/// The server; clones are the same server.
#[derive(Clone)]
pub(super) struct Fake(Arc<Shared>);

impl Fake {
    pub(super) fn new(script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        let script: Script = Box::new(script);
        Self(Arc::new(Shared {
            script: Mutex::new(script),
            seen: watch::Sender::new(Vec::new()),
            start: Instant::now(),
        }))
    }

    pub(super) fn client(&self) -> Client {
        Client::new(self.clone(), "default")
    }

    /// The requests so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.0.seen.borrow().clone()
    }

    /// "METHOD path" of the requests so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect()
    }

    /// Waits until `count` requests have come, and gives them.
    pub(super) async fn requests(&self, count: usize) -> Vec<Seen> {
        let mut receiver = self.0.seen.subscribe();
        let enough = receiver.wait_for(|seen| seen.len() >= count);
        let Ok(seen) = timeout(NEVER, enough).await else {
            panic!("only {:?} came, not {count} requests", self.lines());
        };
        seen.unwrap().clone()
    }
}

impl tower::Service<Request<Body>> for Fake {
    type Response = Response<AnswerBody>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await?;
            let header = |name: &str| match parts.headers.get(name) {
                Some(value) => value.to_str().unwrap().to_owned(),
                None => String::new(),
            };
            let seen = Seen {
                method: parts.method.to_string(),
                path: parts.uri.to_string(),
                content_type: header("content-type"),
                accept: header("accept"),
                body: serde_json::from_slice(&body).unwrap_or_default(),
                at_ms: shared.start.elapsed().as_millis(),
            };
            let reply = (shared.script.lock().unwrap())(&seen);
            shared.seen.send_modify(|all| all.push(seen));
            answer(reply).await
        }
        .boxed()
    }
}

async fn answer(
    reply: Reply,
) -> Result<Response<AnswerBody>, Box<dyn std::error::Error + Send + Sync>> {
    match reply {
        Reply::Answer(code, headers, text) => {
            let mut response = Response::builder().status(code);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(Full::new(Bytes::from(text)).boxed_unsync())?)
        }
        Reply::Lines(lines) => Box::pin(answer(Reply::Recorded(Box::new(lines.into_iter())))).await,
        Reply::Recorded(lines) => {
            let lines = stream::iter(lines).then(|line| async move {
                let mut whole = Full::new(Bytes::from(format!("{line}\n")));
                whole.frame().await.expect("a body with text has a frame")
            });
            let endless = lines.chain(stream::pending());
            Ok(Response::new(BodyExt::boxed_unsync(StreamBody::new(endless))))
        }
        Reply::Pieces(media, pieces, open) => {
            let frames = stream::iter(pieces).map(|piece| Ok(Frame::data(Bytes::from(piece))));
            let body = if open {
                StreamBody::new(frames.chain(stream::pending())).boxed_unsync()
            } else {
                StreamBody::new(frames).boxed_unsync()
            };
            Ok(Response::builder().header("content-type", media).body(body)?)
        }
        Reply::Never => std::future::pending().await,
        Reply::Broken => Err("connection reset by peer".into()),
        Reply::Held(receiver, reply) => {
            let _ = receiver.await;
            Box::pin(answer(*reply)).await
        }
    }
}
