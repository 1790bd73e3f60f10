//! Where the endpoints of `berth run` are served. The addresses are taken before anything is started, so
//! that a port in use is said at once.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio_rustls::rustls::ServerConfig;

use super::listener::{Limits, Listener, Serving};
use super::tls::{self, TlsError};
use super::tls_settings::TlsSettings;

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
    /// The certificate to show.
    pub certificate: Certificate,
    /// Which TLS is spoken there.
    pub tls: TlsSettings,
    /// Requests at once in an HTTP/2 connection; `None` is berth's own limit.
    pub streams_max: Option<NonZeroU32>,
    /// Whether others of this user may take the same address.
    pub port_sharing: bool,
}

/// Where a certificate comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// It is made at the start and kept in memory.
    #[default]
    InMemory,
    /// It is made unless it is in this folder, and kept there.
    Folder(PathBuf),
    /// It is in these files.
    Files(CertificateFiles),
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
    secure: Option<(Listener, Arc<ServerConfig>, Limits)>,
    plain: Option<Listener>,
}

impl Addresses {
    /// Takes the addresses and reads or makes the certificate. `hostname` is this host's name. An address that
    /// is shared takes a tokio runtime around.
    pub fn take(&self, hostname: &str) -> Result<Taken, AddressError> {
        let secure = self.secure.as_ref().map(|secure| {
            let config = match &secure.certificate {
                Certificate::Files(CertificateFiles { certificate, key }) => {
                    tls::from_files_with(certificate, key, &secure.tls)?
                }
                Certificate::Folder(folder) => tls::from_folder(folder, hostname, &secure.tls)?,
                Certificate::InMemory => tls::self_signed_with(hostname, &secure.tls)?.config,
            };
            let listener = if secure.port_sharing {
                Listener::bind_shared(secure.address)
            } else {
                Listener::bind(secure.address)
            };
            let listener = taken(listener, secure.address, "--secure-port, or 0 for none")?;
            let streams_max = secure.streams_max.map_or(LIMITS.streams_max, NonZeroU32::get);
            Ok::<_, AddressError>((listener, config, Limits { streams_max, ..LIMITS }))
        });
        let plain =
            self.plain.map(|address| taken(Listener::bind(address), address, "--http-address"));
        Ok(Taken { secure: secure.transpose()?, plain: plain.transpose()? })
    }
}

fn taken(
    listener: io::Result<Listener>,
    address: SocketAddr,
    hint: &'static str,
) -> Result<Listener, AddressError> {
    listener.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => AddressError::InUse { address, hint },
        _ => AddressError::Listen { address, error },
    })
}

impl Taken {
    /// Something is to be served over HTTPS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure.is_some()
    }

    /// Serves `secure` over HTTPS and `plain` over HTTP, in tasks of the current tokio runtime.
    pub fn serve(self, secure: Router, plain: Router) -> io::Result<Served> {
        let secure = self.secure.map(|(listener, config, limits)| {
            tracing::info!("https://{} serves health and metrics", listener.address());
            listener.serve(Some(config), secure, limits)
        });
        let plain = self.plain.map(|listener| {
            tracing::info!("http://{} serves health and metrics", listener.address());
            listener.serve(None, plain, LIMITS)
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
