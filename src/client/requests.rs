//! What is counted of the requests to API servers, as client-go counts them: [`Requests`], and the layer around
//! a connection that counts. Made by `runtime`, handed to `connect`; read by whoever shows metrics.
//!
//! A request costs some additions to atomic numbers and two looks at the clock: nothing here is locked or
//! allocated for it.
//!
//! Upstream: client-go/rest and component-base/metrics/prometheus/restclient, v0.37. Differs from upstream: the
//! time spent waiting for `--kube-api-qps` is not part of a request's, since one is made when it may go.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use kube::client::Body;
use tower::Service;

/// The methods that are told apart; berth has no others.
const METHODS: [Method; 5] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Status codes go from 100 to 599.
const CODES: usize = 500;
const FIRST_CODE: usize = 100;

/// Upper bounds of times, in seconds. Upstream: rest_client_request_duration_seconds, v1.37.
const SECONDS: [f64; 12] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0];

/// Upper bounds of sizes, in bytes. Upstream: rest_client_request_size_bytes, v1.37.
const BYTES: [f64; 11] = [
    64.0,
    256.0,
    512.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];

const NANOS_PER_SECOND: f64 = 1e9;

/// The requests to all hosts.
#[derive(Debug, Default)]
pub struct Requests(Mutex<Vec<Arc<HostRequests>>>);

/// The requests to one host.
#[derive(Debug)]
pub struct HostRequests {
    host: String,
    methods: [OfMethod; METHODS.len()],
}

/// What was counted of one method.
#[derive(Debug)]
pub struct OfMethod {
    /// By status code, and at the end those without an answer.
    codes: Box<[AtomicU64]>,
    /// Times until the end of the answer. Watches have none.
    pub times: Histogram,
    /// Sizes of requests. Watches have none.
    pub sent: Histogram,
    /// Sizes of answers. Watches have none.
    pub received: Histogram,
}

/// Numbers by size. Only ever added to.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// How much of it makes one of what the bounds are in.
    per_unit: f64,
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// How many numbers there are in each bucket, not added up, with its upper bound; the last one has none.
    pub buckets: Vec<(f64, u64)>,
    /// Their sum.
    pub sum: f64,
    /// How many there are.
    pub count: u64,
}

impl Requests {
    /// Where the requests to `host` are counted.
    pub(super) fn to(&self, host: &str) -> Arc<HostRequests> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hosts.iter().find(|known| known.host == host) {
            return Arc::clone(known);
        }
        let methods = METHODS.map(|_| OfMethod::default());
        hosts.push(Arc::new(HostRequests { host: host.to_owned(), methods }));
        Arc::clone(hosts.last().expect("invariant: one was just added"))
    }

    /// All hosts, in the order in which they were first connected to.
    #[must_use]
    pub fn hosts(&self) -> Vec<Arc<HostRequests>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl HostRequests {
    /// The host, with its port where the address has one.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The methods with what was counted of each.
    pub fn methods(&self) -> impl Iterator<Item = (&'static str, &OfMethod)> {
        let names = ["GET", "POST", "PUT", "PATCH", "DELETE"];
        names.into_iter().zip(&self.methods)
    }
}

impl Default for OfMethod {
    fn default() -> Self {
        Self {
            codes: zeros(CODES + 1),
            times: Histogram::new(&SECONDS, NANOS_PER_SECOND),
            sent: Histogram::new(&BYTES, 1.0),
            received: Histogram::new(&BYTES, 1.0),
        }
    }
}

impl OfMethod {
    /// The codes of answers so far, `<error>` where there was none, and how many of each.
    pub fn codes(&self) -> impl Iterator<Item = (String, u64)> {
        let name = |at: usize| match at {
            CODES => "<error>".to_owned(),
            at => (FIRST_CODE + at).to_string(),
        };
        let counts = self.codes.iter().map(|count| count.load(Ordering::Relaxed)).enumerate();
        counts.filter(|(_, count)| *count > 0).map(move |(at, count)| (name(at), count))
    }

    fn answered(&self, code: Option<u16>) {
        let at = code.and_then(|code| usize::from(code).checked_sub(FIRST_CODE));
        self.codes[at.unwrap_or(CODES).min(CODES)].fetch_add(1, Ordering::Relaxed);
    }
}

fn zeros(count: usize) -> Box<[AtomicU64]> {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

impl Histogram {
    pub(super) fn new(bounds: &'static [f64], per_unit: f64) -> Self {
        Self { bounds, per_unit, counts: zeros(bounds.len() + 1), sum: AtomicU64::new(0) }
    }

    #[expect(clippy::cast_precision_loss, reason = "a bucket does not ask for nanoseconds")]
    pub(super) fn observe(&self, number: u64) {
        let units = number as f64 / self.per_unit;
        let bucket = self.bounds.partition_point(|bound| *bound < units);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(number, Ordering::Relaxed);
    }

    /// As it is now.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a float is what is shown")]
    pub fn shown(&self) -> Shown {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Shown { buckets, sum: self.sum.load(Ordering::Relaxed) as f64 / self.per_unit, count }
    }
}

/// A connection whose requests are counted.
pub(super) struct Counted<S> {
    connection: S,
    requests: Arc<HostRequests>,
}

impl<S> Counted<S> {
    pub(super) fn new(connection: S, requests: Arc<HostRequests>) -> Self {
        Self { connection, requests }
    }
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Unpin,
{
    type Response = Response<CountedBody<B>>;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.connection.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let exchange = Exchange::begin(&self.requests, &request);
        Answer { answer: self.connection.call(request), exchange }
    }
}

/// One request and its answer. What is known of it is counted when it is dropped.
struct Exchange {
    requests: Arc<HostRequests>,
    method: usize,
    began: Instant,
    /// Its size and time say nothing: it goes on for as long as the connection does.
    watch: bool,
    sent: u64,
    received: u64,
    answered: bool,
}

impl Exchange {
    /// `None` where the method is none that is counted.
    fn begin(requests: &Arc<HostRequests>, request: &Request<Body>) -> Option<Self> {
        let method = METHODS.iter().position(|method| method == request.method())?;
        Some(Self {
            requests: Arc::clone(requests),
            method,
            began: Instant::now(),
            watch: request.uri().query().is_some_and(|query| query.contains("watch=true")),
            sent: request.body().size_hint().exact().unwrap_or_default(),
            received: 0,
            answered: false,
        })
    }

    fn answered(&mut self, code: u16) {
        self.answered = true;
        self.requests.methods[self.method].answered(Some(code));
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let of_method = &self.requests.methods[self.method];
        if !self.answered {
            of_method.answered(None);
        }
        if self.watch {
            return;
        }
        let took = self.began.elapsed().as_nanos();
        of_method.times.observe(u64::try_from(took).unwrap_or(u64::MAX));
        of_method.sent.observe(self.sent);
        if self.answered {
            of_method.received.observe(self.received);
        }
    }
}

/// An answer that is awaited.
pub(super) struct Answer<F> {
    answer: F,
    exchange: Option<Exchange>,
}

impl<F, B, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, E>> + Unpin,
{
    type Output = Result<Response<CountedBody<B>>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(cx));
        let mut exchange = self.exchange.take();
        Poll::Ready(answer.map(|answer| {
            if let Some(exchange) = &mut exchange {
                exchange.answered(answer.status().as_u16());
            }
            answer.map(|body| CountedBody { body, exchange })
        }))
    }
}

/// The body of an answer. It is at its end where it is dropped.
pub(super) struct CountedBody<B> {
    body: B,
    exchange: Option<Exchange>,
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for CountedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let (Some(Ok(frame)), Some(exchange)) = (&frame, &mut self.exchange) {
            exchange.received += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};
    use tower::{ServiceExt, service_fn};

    use super::*;

    /// Answers with 201 and five bytes, but fails at `/gone`.
    async fn ask(requests: &Arc<HostRequests>, method: Method, uri: &str, body: &'static str) {
        let answer = |request: Request<Body>| {
            let gone = request.uri().path() == "/gone";
            let mut response = Response::new(Full::new(Bytes::from("hello")));
            *response.status_mut() = http::StatusCode::CREATED;
            std::future::ready(if gone { Err(()) } else { Ok(response) })
        };
        let request = Request::builder().method(method).uri(uri);
        let request = request.body(Body::from(body.as_bytes().to_vec())).unwrap();
        let counted = Counted::new(service_fn(answer), Arc::clone(requests));
        if let Ok(answer) = counted.oneshot(request).await {
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
        }
    }

    fn of<'a>(requests: &'a HostRequests, name: &str) -> &'a OfMethod {
        requests.methods().find(|(method, _)| *method == name).unwrap().1
    }

    #[tokio::test]
    async fn codes_times_and_sizes_are_counted() {
        let all = Requests::default();
        let requests = all.to("a:1");
        ask(&requests, Method::POST, "/", "123").await;
        ask(&requests, Method::POST, "/gone", "1234").await;
        ask(&requests, Method::GET, "/?a=b&watch=true", "").await;
        ask(&requests, Method::HEAD, "/", "").await;
        let codes = |name: &str| of(&requests, name).codes().collect::<Vec<_>>();
        assert_eq!(codes("POST"), [("201".to_owned(), 1), ("<error>".to_owned(), 1)]);
        assert_eq!(codes("GET"), [("201".to_owned(), 1)]);
        let post = of(&requests, "POST");
        let (sent, received) = (post.sent.shown(), post.received.shown());
        assert_eq!((sent.sum, sent.count, sent.buckets[0]), (7.0, 2, (64.0, 2)));
        assert_eq!((received.sum, received.count), (5.0, 1));
        assert_eq!((post.times.shown().count, of(&requests, "GET").times.shown().count), (2, 0));
        assert!(Arc::ptr_eq(&all.to("a:1"), &requests) && all.hosts().len() == 1);
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::new(&SECONDS, NANOS_PER_SECOND);
        for nanos in [5_000_000, 5_000_001, 61_000_000_000] {
            histogram.observe(nanos);
        }
        let counts: Vec<_> = histogram.shown().buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let shown = histogram.shown();
        assert_eq!((shown.count, shown.sum.round().to_string()), (3, "61".to_owned()));
    }
}
