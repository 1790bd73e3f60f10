//! An address at which berth answers over HTTP or HTTPS: [`Endpoint`].

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use http::Request;
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::{Client, Config};

use super::berth::Berth;

/// How often a port is chosen anew that another program has taken meanwhile.
const PORT_CHOICES_MAX: usize = 5;

/// A status and a body.
pub(crate) type Answer = (u16, String);

/// Where to ask, and whom to trust there.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    /// The one certificate that is good, DER; without it, each is.
    trusted: Option<Vec<u8>>,
}

impl Endpoint {
    pub(crate) fn http(address: SocketAddr) -> Self {
        Self { address, scheme: "http", trusted: None }
    }

    /// HTTPS with any certificate.
    pub(crate) fn https(address: SocketAddr) -> Self {
        Self { address, scheme: "https", trusted: None }
    }

    /// The same address, where only this certificate is good.
    pub(crate) fn trusting(&self, certificate: &[u8]) -> Self {
        Self { trusted: Some(certificate.to_owned()), ..self.clone() }
    }

    /// Asks in a connection of its own; `None` where there is no answer.
    pub(crate) async fn get(&self, path: &str) -> Option<Answer> {
        self.get_as(path, None).await
    }

    /// [`Endpoint::get`] with a bearer token.
    pub(crate) async fn get_as(&self, path: &str, token: Option<&str>) -> Option<Answer> {
        let uri = format!("{}://{}", self.scheme, self.address);
        let mut config = Config::new(uri.parse().expect("an address makes a URI"));
        config.accept_invalid_certs = self.trusted.is_none();
        config.root_cert = self.trusted.clone().map(|certificate| vec![certificate]);
        let client = Client::try_from(config).expect("the configuration is good");
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::empty()).expect("a test writes paths");
        let response = client.send(request).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// A port on loopback that nobody listens at, for now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a listener has an address").port()
}

/// Starts berth with a secure port on loopback, where everybody may ask for everything unless `flags` say
/// otherwise, and waits until something listens there.
pub(crate) async fn start_secure(
    kubeconfig: &Path,
    scheduler: &str,
    flags: &[&str],
) -> (Berth, Endpoint) {
    for _ in 0..PORT_CHOICES_MAX {
        let port = free_port();
        let text = port.to_string();
        let ours = ["--bind-address", "127.0.0.1", "--secure-port", &text];
        let open = ["--authorization-always-allow-paths", "/*"];
        let all = flags.iter().any(|flag| flag.starts_with("--authorization"));
        let open = if all { &[][..] } else { &open[..] };
        let berth = Berth::start(kubeconfig, scheduler, &[&ours, open, flags].concat());
        let endpoint = Endpoint::https((Ipv4Addr::LOCALHOST, port).into());
        let up = berth.logged_or_ended(&format!("https://{} serves", endpoint.address)).await;
        if up {
            return (berth, endpoint);
        }
        assert!(berth.log().contains("address in use"), "{}", berth.log());
    }
    super::fail("no port stays free")
}

/// The address of the plain endpoint that berth says it has.
pub(crate) async fn plain_of(berth: &Berth) -> Endpoint {
    let address = async || {
        let log = berth.log();
        let (_, rest) = log.split_once("http://")?;
        rest.split_once(" serves")?.0.parse().ok()
    };
    Endpoint::http(berth.wait_for("the plain address", address).await)
}
