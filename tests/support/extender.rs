//! An extender on loopback, for one test: [`TestExtender`]. It answers as the test says and keeps what it was
//! asked.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use berth::server::listener::{Limits, Listener, Serving};
use berth::server::tls::self_signed;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

const LIMITS: Limits = Limits {
    connections_max: 64,
    streams_max: 64,
    idle_max: Duration::from_mins(1),
    busy_max: None,
    stalled_max: Duration::from_mins(1),
};

/// What an extender does with a call.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// 200 with this.
    Json(Value),
    /// 200 with text that is no JSON.
    Text(&'static str),
    /// Another status.
    Status(u16),
    /// 200 with this, once it is told to.
    Held(Arc<Notify>, Value),
    /// This status, with this as the place to go to.
    Redirect(u16, String),
    /// Never answers.
    Hang,
}

/// A call: the verb, and what was sent.
pub(crate) type Call = (String, Value);

type Script = dyn Fn(&str, &Value) -> Reply + Send + Sync;

/// A service that is being asked. Dropping it ends it.
pub(crate) struct TestExtender {
    serving: Serving,
    calls: Arc<Mutex<Vec<Call>>>,
    scheme: &'static str,
    /// PEM; empty without TLS.
    pub(crate) certificate: String,
}

impl TestExtender {
    /// Serves over plain HTTP. `script` is given the verb and the request.
    pub(crate) fn start(script: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(false, None, Arc::new(script))
    }

    /// Serves over TLS, with a certificate of its own for localhost.
    pub(crate) fn start_tls(
        script: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve(true, None, Arc::new(script))
    }

    /// The same, for callers alone that show a certificate of this authority, which is PEM.
    pub(crate) fn start_mutual(
        authority: &str,
        script: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve(true, Some(authority), Arc::new(script))
    }

    fn serve(tls: bool, clients: Option<&str>, script: Arc<Script>) -> Self {
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let noted = Arc::clone(&calls);
        let answer = move |uri: Uri, body: Bytes| {
            let verb = uri.path().trim_start_matches("/scheduler/").to_owned();
            // A GET after a redirect has none.
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let reply = script(&verb, &body);
            noted.lock().unwrap_or_else(PoisonError::into_inner).push((verb, body));
            async move { Ok::<_, Infallible>(respond(reply).await) }
        };
        let router = Router::new().fallback(answer);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = Listener::bind(address).expect("loopback has a free port");
        let made = tls.then(|| self_signed("localhost").expect("a certificate can be made"));
        let config = made.as_ref().map(|made| match clients {
            None => Arc::clone(&made.config),
            Some(authority) => asking_for_certificates(&made.config, authority),
        });
        let serving = listener.serve(config, router, LIMITS).expect("it can be served");
        let scheme = if tls { "https" } else { "http" };
        let certificate = made.map(|made| made.certificate_pem).unwrap_or_default();
        Self { serving, calls, scheme, certificate }
    }

    /// What stands before its verbs.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}/scheduler", self.scheme, self.serving.address())
    }

    /// What it was asked to do with `verb` so far.
    pub(crate) fn calls(&self, verb: &str) -> Vec<Value> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().filter(|(called, _)| called == verb).map(|(_, body)| body.clone()).collect()
    }
}

/// The server's part of TLS as it is, but for callers with a certificate of `authority`.
fn asking_for_certificates(own: &Arc<ServerConfig>, authority: &str) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority.as_bytes()).expect("it is PEM");
    roots.add(authority).expect("it is an authority");
    let provider = Arc::clone(own.crypto_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = verifier.build().expect("there is an authority");
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().expect("there are versions");
    let resolver = Arc::clone(&own.cert_resolver);
    let mut config = config.with_client_cert_verifier(verifier).with_cert_resolver(resolver);
    config.alpn_protocols.clone_from(&own.alpn_protocols);
    Arc::new(config)
}

async fn respond(reply: Reply) -> Response {
    match reply {
        Reply::Json(value) => value.to_string().into_response(),
        Reply::Text(text) => text.into_response(),
        Reply::Status(code) => {
            StatusCode::from_u16(code).expect("a test knows its codes").into_response()
        }
        Reply::Held(told, value) => {
            told.notified().await;
            value.to_string().into_response()
        }
        Reply::Redirect(code, to) => {
            let code = StatusCode::from_u16(code).expect("a test knows its codes");
            (code, [("location", to)]).into_response()
        }
        Reply::Hang => std::future::pending().await,
    }
}
