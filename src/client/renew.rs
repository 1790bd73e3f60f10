//! The connection with a credential that changes: [`Renewing`], a layer around `kube`'s own connection.
//! Made by `connect` where the kubeconfig, or the pod that berth runs in, has such a credential.
//!
//! A request waits while there is no valid credential, and fails where none can be had. The answer 401
//! makes the next request ask for a new one, as in client-go. A renewal is a task of its own: the requests
//! that wait for it may give up, and it goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode, header};
use k8s_openapi::ByteString;
use kube::Config;
use kube::client::{Body, ClientBuilder, DynBody};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::util::BoxService;
use tower::{BoxError, Layer, Service, ServiceExt};
use tracing::{info, warn};

use super::credential::{Credential, Identity, Origin};
use super::proxy::Proxy;

/// The least time between two looks for a credential: nobody is to be flooded, whatever the answers.
const RENEW_GAP: Duration = Duration::from_secs(2);

/// A connection as `kube` makes it.
pub(super) type Transport = BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>;

/// Why a request was not sent.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no credentials: {0}")]
struct NoCredential(String);

/// A request that did not get through a proxy.
#[derive(Debug, thiserror::Error)]
#[error("through the proxy {proxy}")]
struct ThroughProxy {
    proxy: Arc<Proxy>,
    source: BoxError,
}

/// What a connection is made from.
#[derive(Clone)]
pub(super) struct Route {
    /// With no credential that changes.
    pub(super) config: Config,
    /// The proxy that `config` has, to be named in errors.
    pub(super) proxy: Option<Arc<Proxy>>,
}

/// A connection whose credential is kept up to date.
pub(super) struct Renewing {
    route: Route,
    origin: Arc<Origin>,
    transport: Transport,
    credential: Credential,
    /// Counts the credentials; answers are about the one that their request had.
    number: u64,
    /// The last credential that was refused.
    refused: Arc<AtomicU64>,
    asked: Instant,
    renewal: Option<JoinHandle<Result<Credential, String>>>,
    failure: Option<NoCredential>,
}

impl Route {
    /// A connection with what `kube` knows about credentials.
    pub(super) fn connect(self) -> Result<Transport, kube::Error> {
        let caught = Caught::default();
        drop(ClientBuilder::try_from(self.config)?.with_layer(&caught));
        let transport = caught.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let transport = transport.expect("invariant: a layer is given what it is put around");
        let Some(proxy) = self.proxy else { return Ok(transport) };
        let name = move |source| -> BoxError {
            Box::new(ThroughProxy { proxy: Arc::clone(&proxy), source })
        };
        Ok(BoxService::new(transport.map_err(name)))
    }

    /// A connection with a client certificate.
    fn connect_as(mut self, identity: Option<&Identity>) -> Result<Transport, String> {
        if let Some(Identity { certificate, key }) = identity {
            self.config.auth_info.client_certificate_data = Some(base64(certificate));
            self.config.auth_info.client_key_data = Some(base64(key).into());
        }
        self.connect().map_err(|error| super::api::chain(&error))
    }
}

fn base64(text: &str) -> String {
    let encoded = serde_json::to_value(ByteString(text.as_bytes().to_vec())).unwrap_or_default();
    encoded.as_str().unwrap_or_default().to_owned()
}

impl Renewing {
    /// Gets the first credential and makes the connection.
    ///
    /// # Errors
    ///
    /// One line that says why there is no credential, or why it cannot be used.
    pub(super) async fn start(route: Route, origin: Origin) -> Result<Self, String> {
        let credential = origin.fetch().await?;
        let transport = route.clone().connect_as(credential.identity.as_ref())?;
        Ok(Self {
            route,
            origin: Arc::new(origin),
            transport,
            credential,
            number: 1,
            refused: Arc::default(),
            asked: Instant::now(),
            renewal: None,
            failure: None,
        })
    }

    fn is_due(&self, now: Instant) -> bool {
        let ended = self.credential.renew_at.is_some_and(|at| at <= now);
        let refused = self.refused.load(Ordering::Relaxed) >= self.number;
        (ended || refused || self.failure.is_some()) && now.duration_since(self.asked) >= RENEW_GAP
    }

    /// Takes what a renewal brought.
    fn take(&mut self, renewed: Result<Credential, String>) {
        let connected = renewed.and_then(|credential| {
            if credential.identity != self.credential.identity {
                let route = self.route.clone();
                self.transport = route.connect_as(credential.identity.as_ref())?;
            }
            Ok(credential)
        });
        match connected {
            Ok(credential) => {
                if self.failure.take().is_some() {
                    info!("there are credentials again");
                }
                self.credential = credential;
                self.number += 1;
            }
            Err(what) => {
                if self.failure.is_none() {
                    let used =
                        if self.origin.outlives_failure() { "; the last one is used" } else { "" };
                    warn!("no new credentials: {what}{used}");
                }
                self.failure = Some(NoCredential(what));
            }
        }
    }
}

impl Service<Request<Body>> for Renewing {
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    /// Waits for a renewal that is due. Its failure is that of the requests, not of the connection.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.renewal.is_none() {
            let now = Instant::now();
            if self.is_due(now) {
                self.asked = now;
                let origin = Arc::clone(&self.origin);
                self.renewal = Some(tokio::spawn(async move { origin.fetch().await }));
            }
        }
        if let Some(renewal) = &mut self.renewal {
            let renewed = ready!(renewal.poll_unpin(cx));
            self.renewal = None;
            self.take(renewed.unwrap_or_else(|error| Err(error.to_string())));
        }
        self.transport.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(failure) = &self.failure
            && !self.origin.outlives_failure()
        {
            let failure: BoxError = Box::new(failure.clone());
            return std::future::ready(Err(failure)).boxed();
        }
        if let Some(authorization) = &self.credential.authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        }
        let (refused, number) = (Arc::clone(&self.refused), self.number);
        let answer = self.transport.call(request);
        async move {
            let answer = answer.await?;
            if answer.status() == StatusCode::UNAUTHORIZED {
                refused.fetch_max(number, Ordering::Relaxed);
            }
            Ok(answer)
        }
        .boxed()
    }
}

/// Takes the connection out of `kube`'s builder, which gives it to layers only.
#[derive(Default)]
struct Caught(Mutex<Option<Transport>>);

impl Layer<Transport> for Caught {
    type Service = ();

    fn layer(&self, transport: Transport) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(transport);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use tokio::time::advance;

    /// A server that knows one token.
    fn server(token: &'static str) -> Transport {
        let answer = move |request: Request<Body>| {
            let known = request.headers().get(header::AUTHORIZATION);
            let known = known.is_some_and(|value| value == &format!("Bearer {token}"));
            let status = if known { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            let body: Box<DynBody> = Box::new(Body::empty().map_err(BoxError::from));
            let mut answer = Response::new(body);
            *answer.status_mut() = status;
            std::future::ready(Ok(answer))
        };
        BoxService::new(tower::service_fn(answer))
    }

    async fn ask(renewing: &mut Renewing) -> u16 {
        let ready = renewing.ready().await.unwrap();
        ready.call(Request::new(Body::empty())).await.unwrap().status().as_u16()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_read_again_but_not_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "first").unwrap();
        let config = Config::new("http://127.0.0.1:1".parse().unwrap());
        let route = Route { config, proxy: None };
        let mut renewing = Renewing::start(route, Origin::TokenFile(path.clone())).await.unwrap();
        renewing.transport = server("second");
        assert_eq!(ask(&mut renewing).await, 401);
        std::fs::write(&path, "second").unwrap();
        assert_eq!(ask(&mut renewing).await, 401, "it was looked at just now");
        advance(RENEW_GAP).await;
        assert_eq!(ask(&mut renewing).await, 200);
        // The last token outlives its file, and the next one is found.
        std::fs::remove_file(&path).unwrap();
        advance(RENEW_GAP * 10).await;
        assert_eq!(ask(&mut renewing).await, 200);
        assert!(renewing.failure.is_some());
        renewing.transport = server("third");
        std::fs::write(&path, "third").unwrap();
        advance(RENEW_GAP).await;
        assert_eq!(ask(&mut renewing).await, 200);
        assert!(renewing.failure.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_asks_without_the_credentials_of_a_plugin() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "first").unwrap();
        let config = Config::new("http://127.0.0.1:1".parse().unwrap());
        let route = Route { config, proxy: None };
        let mut renewing = Renewing::start(route, Origin::TokenFile(path)).await.unwrap();
        renewing.transport = server("first");
        let exec = kube::config::ExecConfig {
            api_version: Some("client.authentication.k8s.io/v1".to_owned()),
            command: Some("/nowhere/plugin".to_owned()),
            ..Default::default()
        };
        let plugin = super::super::plugin::Plugin::new("u", exec).unwrap();
        renewing.origin = Arc::new(Origin::Plugin(Box::new(plugin)));
        renewing.credential.renew_at = Some(Instant::now() + RENEW_GAP);
        assert_eq!(ask(&mut renewing).await, 200);
        advance(RENEW_GAP).await;
        let ready = renewing.ready().await.unwrap();
        let error = ready.call(Request::new(Body::empty())).await.err().unwrap().to_string();
        assert!(error.starts_with("no credentials: user \"u\": credential plugin"), "{error}");
    }
}
