//! Tests of the listener and its certificates, over real sockets on loopback: [`Client`] is a stranger who
//! may send anything.

mod certificates;
mod health;
mod limits;
mod protocols;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::listener::{Limits, Listener, Serving};

const LOOPBACK: &str = "127.0.0.1:0";

/// A request after which the server closes the connection.
const GET: &str = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// A request after which it does not.
const GET_AND_STAY: &str = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// The usual limits, and a long time for everything.
const LIMITS: Limits = Limits {
    connections_max: 16,
    streams_max: 8,
    idle_max: std::time::Duration::from_secs(90),
    busy_max: None,
    stalled_max: std::time::Duration::from_mins(1),
};

/// A service that greets.
fn greeter() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

fn serve(tls: Option<Arc<ServerConfig>>, service: Router, limits: Limits) -> Serving {
    let listener = Listener::bind(LOOPBACK.parse().unwrap()).unwrap();
    listener.serve(tls, service, limits).unwrap()
}

/// One end of a connection.
struct Client<S>(S);

impl Client<TcpStream> {
    async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// A handshake that checks the certificate, which is its own authority.
    async fn over_tls(
        self,
        certificate_pem: &str,
        name: &str,
        protocol: &str,
    ) -> std::io::Result<Client<TlsStream<TcpStream>>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate_pem.as_bytes()).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, self.0).await.map(Client)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The server may have closed it, which is what the test looks at then.
        let _ = self.0.write_all(bytes.as_ref()).await;
        let _ = self.0.flush().await;
    }

    /// What comes until it ends in `end`, or the connection does.
    async fn until(&mut self, end: &[u8]) -> String {
        let mut found = Vec::new();
        while !found.ends_with(end) {
            match self.0.read_u8().await {
                Ok(byte) => found.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8_lossy(&found).into_owned()
    }

    /// All that comes until the connection is closed.
    async fn rest(&mut self) -> String {
        let mut found = Vec::new();
        // A reset is an end, too.
        let _ = self.0.read_to_end(&mut found).await;
        String::from_utf8_lossy(&found).into_owned()
    }
}
