//! One connection from its first byte to its last: handshake, requests, limits. Driven by `listener`, in a
//! task of its own.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

use super::listener::Limits;
use super::peer::PeerCertificates;

/// How long a TLS handshake and the headers of the first request may take together. A healthy client is
/// done in a second, also across an ocean.
const FIRST_STEPS_MAX: Duration = Duration::from_secs(10);

/// Bytes of a request's headers at most; a client certificate or a long token has some thousands.
const HEADERS_BYTES_MAX: usize = 64 << 10;
/// The same, as HTTP/2 wants it said.
const HEADERS_BYTES_MAX_H2: u32 = 64 << 10;

/// Bytes of answers that an HTTP/2 stream holds for a client that does not read.
const SEND_BUFFER_BYTES_MAX: usize = 64 << 10;

/// The first byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;
/// What a client hears that speaks HTTP where HTTPS is spoken. Upstream: Go's net/http, in the same words.
const NOT_HTTPS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// What it takes to attend a connection.
#[derive(Clone)]
pub(super) struct Attendant {
    pub(super) service: Router,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) limits: Limits,
    /// Turns true when connections are to end.
    pub(super) stopped: watch::Receiver<bool>,
}

impl Attendant {
    /// Serves a connection to its end. Its errors are the client's business.
    pub(super) async fn attend(mut self, stream: TcpStream, activity: Arc<Activity>) {
        // Answers are small and written at once; a failure only makes them slower.
        drop(stream.set_nodelay(true));
        let Some(tls) = self.tls.take() else {
            return self.serve(stream, None, &activity).await;
        };
        let stream = tokio::select! {
            biased;
            () = asked(&mut self.stopped) => return,
            stream = timeout(FIRST_STEPS_MAX, handshake(&tls, stream)) => stream,
        };
        if let Ok(Some(stream)) = stream {
            let peer = PeerCertificates::of(stream.get_ref().1);
            self.serve(stream, peer, &activity).await;
        }
    }

    async fn serve<S>(mut self, stream: S, peer: Option<PeerCertificates>, activity: &Arc<Activity>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let protocol = protocol(&self.limits);
        let service = service_fn(|mut request: Request<Incoming>| {
            if let Some(peer) = &peer {
                request.extensions_mut().insert(peer.clone());
            }
            answer(self.service.clone(), request, activity.begin())
        });
        let mut connection = pin!(protocol.serve_connection(TokioIo::new(stream), service));
        let mut stopping = false;
        loop {
            // A request may end meanwhile, so it is looked at again after a while in any case.
            let look = Instant::now() + self.limits.idle_max.min(self.limits.stalled_max);
            let look = look.min(activity.deadline(&self.limits));
            tokio::select! {
                biased;
                () = asked(&mut self.stopped), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                _ = connection.as_mut() => return,
                () = sleep_until(look) => {
                    if activity.deadline(&self.limits) <= Instant::now() {
                        return;
                    }
                }
            }
        }
    }
}

/// Waits until `stopped` is true, or nobody is left to say so.
pub(super) async fn asked(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// How HTTP is spoken.
fn protocol(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut protocol = auto::Builder::new(TokioExecutor::new());
    protocol.http1().max_buf_size(HEADERS_BYTES_MAX);
    protocol
        .http2()
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(HEADERS_BYTES_MAX_H2)
        .max_send_buf_size(SEND_BUFFER_BYTES_MAX);
    protocol
}

async fn handshake(tls: &TlsAcceptor, mut stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await.ok()? == 0 {
        return None;
    }
    if first != [TLS_HANDSHAKE] {
        // Unread bytes would make the system take back the answer.
        let mut request = [0; 4096];
        let length = stream.read(&mut request).await.ok()?;
        if request[..length].first().is_some_and(u8::is_ascii_uppercase) {
            stream.write_all(NOT_HTTPS).await.ok()?;
            stream.shutdown().await.ok()?;
        }
        return None;
    }
    tls.accept(stream).await.ok()
}

async fn answer(
    service: Router,
    request: Request<Incoming>,
    open: Open,
) -> Result<Response<Counted>, Infallible> {
    let response = service.oneshot(request).await?;
    Ok(response.map(|body| Counted { body, open }))
}

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests that are being answered.
    open: usize,
    /// When the last one of all requests began or ended, or else the connection.
    since: Instant,
    /// There was a request.
    begun: bool,
    /// Of each answer that waits for the client to take what it was given: since when. As many as there
    /// are requests open, at most.
    untaken: Vec<Instant>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            open: 0,
            since: Instant::now(),
            begun: false,
            untaken: Vec::new(),
        }))
    }

    /// Since when it has had no request.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.open == 0).then_some(state.since)
    }

    /// When it is closed if nothing happens.
    fn deadline(&self, limits: &Limits) -> Instant {
        /// Later than any process lives.
        const NEVER: Duration = Duration::from_hours(24 * 365 * 10);
        let state = self.state();
        let at_most = match (state.open, state.begun) {
            (0, false) => FIRST_STEPS_MAX,
            (0, true) => limits.idle_max,
            _ => limits.busy_max.unwrap_or(NEVER),
        };
        let quiet = state.since + at_most;
        state.untaken.iter().map(|since| *since + limits.stalled_max).fold(quiet, Instant::min)
    }

    /// A request begins; it ends with what is returned.
    fn begin(self: &Arc<Self>) -> Open {
        let mut state = self.state();
        state.open += 1;
        state.begun = true;
        state.since = Instant::now();
        Open { activity: Arc::clone(self), untaken: None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered.
struct Open {
    activity: Arc<Activity>,
    /// Since when a part of the answer waits to be taken.
    untaken: Option<Instant>,
}

impl Open {
    /// A part of the answer is handed over.
    fn given(&mut self) {
        let now = Instant::now();
        self.untaken = Some(now);
        self.activity.state().untaken.push(now);
    }

    /// The connection asks for more, so it has room again.
    fn taken(&mut self) {
        let Some(since) = self.untaken.take() else { return };
        let mut state = self.activity.state();
        if let Some(at) = state.untaken.iter().position(|other| *other == since) {
            state.untaken.swap_remove(at);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.taken();
        let mut state = self.activity.state();
        state.open -= 1;
        state.since = Instant::now();
    }
}

/// The body of an answer. Its request is open for as long as it is there.
struct Counted {
    body: Body,
    open: Open,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Asked only once there is room for more.
        self.open.taken();
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(Some(Ok(_)))) && !self.body.is_end_stream() {
            self.open.given();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
