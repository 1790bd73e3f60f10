//! Where the endpoints of `berth run` are served. The addresses are taken before anything is started, so
//! that a port in use is said at once.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio_rustls::rustls::ServerConfig;

use super::listener::{Limits, Listener, Serving};
use super::tls::{self, TlsError};

/// What the endpoints take from their clients: a few probes and scrapers. Should every connection ask for
/// the metrics in every stream and read none, that is some 50 MB.
const LIMITS: Limits = Limits {
    connections_max: 64,
    streams_max: 8,
    // Upstream: the secure server's IdleTimeout, v1.37. Longer than the usual pause between two scrapes.
    idle_max: Duration::from_secs(90),
    busy_max: Some(Duration::from_secs(30)),
    stalled_max: Duration::from_secs(30),
};

/// Where the endpoints are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Over HTTPS.
    pub secure: Option<Secure>,
    /// Over HTTP, in the clear.
    pub plain: Option<SocketAddr>,
}

/// An address for HTTPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secure {
    /// The address.
    pub address: SocketAddr,
    /// The certificate to show; without one, it is made in memory.
    pub certificate: Option<CertificateFiles>,
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate and those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why the endpoints cannot be served; the exit code is 2.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Another program has the address.
    #[error("listen on {address}: address in use; choose another {hint}")]
    InUse {
        /// The address.
        address: SocketAddr,
        /// What to choose.
        hint: &'static str,
    },
    /// The address cannot be taken.
    #[error("listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// There is no certificate to show.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Addresses that are taken, and where nothing is accepted yet.
#[derive(Debug, Default)]
pub struct Taken {
    secure: Option<(Listener, Arc<ServerConfig>)>,
    plain: Option<Listener>,
}

impl Addresses {
    /// Takes the addresses and reads or makes the certificate. `hostname` is this host's name.
    pub fn take(&self, hostname: &str) -> Result<Taken, AddressError> {
        let secure = self.secure.as_ref().map(|secure| {
            let config = match &secure.certificate {
                Some(files) => tls::from_files(&files.certificate, &files.key)?,
                None => tls::self_signed(hostname)?.config,
            };
            Ok::<_, AddressError>((take(secure.address, "--secure-port, or 0 for none")?, config))
        });
        let plain = self.plain.map(|address| take(address, "--http-address"));
        Ok(Taken { secure: secure.transpose()?, plain: plain.transpose()? })
    }
}

fn take(address: SocketAddr, hint: &'static str) -> Result<Listener, AddressError> {
    Listener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => AddressError::InUse { address, hint },
        _ => AddressError::Listen { address, error },
    })
}

impl Taken {
    /// Serves `service` at every address, in tasks of the current tokio runtime.
    pub fn serve(self, service: &Router) -> io::Result<Served> {
        let secure = self.secure.map(|(listener, config)| {
            tracing::info!("https://{} serves health and metrics", listener.address());
            listener.serve(Some(config), service.clone(), LIMITS)
        });
        let plain = self.plain.map(|listener| {
            tracing::info!("http://{} serves health and metrics", listener.address());
            listener.serve(None, service.clone(), LIMITS)
        });
        Ok(Served { secure: secure.transpose()?, plain: plain.transpose()? })
    }
}

/// Endpoints that are being served. Dropping it ends that at once.
#[derive(Debug)]
pub struct Served {
    secure: Option<Serving>,
    plain: Option<Serving>,
}

impl Served {
    /// Accepts no more and waits for answers that are under way, at most that long.
    pub async fn shutdown(self, at_most: Duration) {
        let end = async |serving: Option<Serving>| {
            if let Some(serving) = serving {
                serving.shutdown(at_most).await;
            }
        };
        tokio::join!(end(self.secure), end(self.plain));
    }
}
