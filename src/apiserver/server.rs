//! The server as a whole: an address, a store, and its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::ServerConfig;

use super::api::Api;
use super::http::{Front, router};
use super::store;
use crate::server::listener::{self, Listener, Serving};

/// Connections at once. Watches, pretend kubelets and idle clients have one each; an idle one makes room
/// for a new one.
const CONNECTIONS_MAX: usize = 4096;
/// Requests at once in one HTTP/2 connection. Upstream: 250 streams; watches of all kinds share one.
const STREAMS_MAX: u32 = 1000;
/// How long a connection may be idle. Upstream: 3 minutes before a connection is closed by the client.
const IDLE_MAX: Duration = Duration::from_mins(5);
/// How long a client may take nothing of an answer, a watch for instance, before its connection is closed;
/// at most twice as long. Upstream: a watcher that does not read has its buffer and no time; other requests
/// have 60 seconds.
pub const STALLED_MAX: Duration = Duration::from_secs(30);
/// How long requests that are being answered may take when the server ends.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Debug)]
pub struct Options {
    /// What clients must show; nothing where all are welcome.
    pub token: Option<String>,
    /// For HTTPS.
    pub tls: Option<Arc<ServerConfig>>,
    /// Bounds of the store.
    pub limits: store::Limits,
    /// See [`STALLED_MAX`].
    pub stalled_max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let limits = store::Limits::default();
        Self { token: None, tls: None, limits, stalled_max: STALLED_MAX }
    }
}

/// A running server. Dropping it closes the address and all connections.
#[derive(Debug)]
pub struct Server {
    api: Arc<Api>,
    serving: Serving,
}

impl Server {
    /// Serves at an address that is taken, in tasks of the current tokio runtime.
    pub fn start(listener: Listener, options: Options) -> io::Result<Self> {
        let Options { token, tls, limits, stalled_max } = options;
        let api = Arc::new(Api::new(limits));
        let service = router(Arc::new(Front { api: Arc::clone(&api), token }));
        let limits = listener::Limits {
            connections_max: CONNECTIONS_MAX,
            streams_max: STREAMS_MAX,
            idle_max: IDLE_MAX,
            busy_max: None,
            stalled_max,
        };
        let serving = listener.serve(tls, service, limits)?;
        Ok(Self { api, serving })
    }

    /// The state behind it.
    #[must_use]
    pub fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// Where it is served.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        self.serving.address()
    }

    /// Ends all watches, each at the end of an event, then all connections.
    pub async fn shutdown(self) {
        self.api.store.end_watches();
        self.serving.shutdown(SHUTDOWN_MAX).await;
    }
}
