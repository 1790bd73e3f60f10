//! The flags of the secure port: where and how it is served, and who may ask there. They are
//! kube-scheduler's by name and meaning. Used by `args`; `secure` works out what they mean.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::args::{parse_ip, path};
use super::go_flags::{parse_bool, parse_duration, parse_integer};

/// Where and how HTTPS is served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub struct SecureServingArgs {
    /// Port of the endpoints over HTTPS; 0 is none [default: 10259].
    #[arg(long, value_name = "PORT", value_parser = parse_integer::<u16>)]
    pub secure_port: Option<u16>,

    /// Address of the secure port [default: 0.0.0.0].
    #[arg(long, value_name = "IP", value_parser = parse_ip)]
    pub bind_address: Option<IpAddr>,

    /// Take the secure port with SO_REUSEPORT, so that others of this user can take it, too.
    #[arg(long, value_name = "BOOL", value_parser = parse_bool)]
    pub permit_port_sharing: Option<bool>,

    /// Certificate of the secure port, PEM, with those that lead to its authority behind it. It is read
    /// again when it changes [default: made at the start].
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub tls_cert_file: Option<PathBuf>,

    /// Private key of that certificate, PEM.
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub tls_private_key_file: Option<PathBuf>,

    /// Where to keep the certificate that is made where none is given [default: in memory].
    #[arg(long, value_name = "FOLDER", value_parser = path())]
    pub cert_dir: Option<PathBuf>,

    /// The least version of TLS: VersionTLS12 or VersionTLS13.
    #[arg(long, value_name = "VERSION")]
    pub tls_min_version: Option<String>,

    /// The cipher suites of TLS 1.2, by the names that Go has for them. Those of TLS 1.3 are always on.
    #[arg(long, value_name = "NAMES")]
    pub tls_cipher_suites: Vec<String>,

    /// The key exchanges, by Go's numbers for them: 23, 24 and 29.
    #[arg(long, value_name = "NUMBERS")]
    pub tls_curve_preferences: Vec<String>,

    /// Speak HTTP/1.1 only.
    #[arg(long, value_name = "BOOL", value_parser = parse_bool)]
    pub disable_http2_serving: Option<bool>,

    /// Requests at once in an HTTP/2 connection [default: 8].
    #[arg(long, value_name = "N", value_parser = parse_integer::<i64>)]
    pub http2_max_streams_per_connection: Option<i64>,
}

/// How clients of the secure port are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub struct AuthenticationArgs {
    /// Kubeconfig of the cluster that knows the clients' tokens and certificates [default: the service
    /// account of the pod; outside a pod all tokens count as none].
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub authentication_kubeconfig: Option<PathBuf>,

    /// Do not look in the cluster for the authorities of clients' certificates.
    #[arg(long, value_name = "BOOL", value_parser = parse_bool)]
    pub authentication_skip_lookup: Option<bool>,

    /// Start also where those cannot be looked up [default: true].
    #[arg(long, value_name = "BOOL", value_parser = parse_bool)]
    pub authentication_tolerate_lookup_failure: Option<bool>,

    /// How long the answer about a token is believed [default: 10s].
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub authentication_token_webhook_cache_ttl: Option<Duration>,

    /// Authorities of clients' certificates, PEM; read again when it changes [default: those of the
    /// cluster].
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub client_ca_file: Option<PathBuf>,

    /// Authorities of the certificates of proxies that say in headers who asks, PEM [default: those of
    /// the cluster].
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub requestheader_client_ca_file: Option<PathBuf>,

    /// Common names of those proxies [default: any].
    #[arg(long, value_name = "NAMES")]
    pub requestheader_allowed_names: Vec<String>,

    /// Headers with the user's name [default: x-remote-user].
    #[arg(long, value_name = "HEADERS")]
    pub requestheader_username_headers: Option<Vec<String>>,

    /// Headers with the user's UID [default: none].
    #[arg(long, value_name = "HEADERS")]
    pub requestheader_uid_headers: Vec<String>,

    /// Headers with the user's groups [default: x-remote-group].
    #[arg(long, value_name = "HEADERS")]
    pub requestheader_group_headers: Option<Vec<String>>,

    /// Beginnings of headers with more about the user [default: x-remote-extra-].
    #[arg(long, value_name = "HEADERS")]
    pub requestheader_extra_headers_prefix: Option<Vec<String>>,
}

/// What clients of the secure port may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub struct AuthorizationArgs {
    /// Kubeconfig of the cluster that says what clients may ask for [default: the service account of the
    /// pod; outside a pod nobody but system:masters may ask for more than is always allowed].
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub authorization_kubeconfig: Option<PathBuf>,

    /// Paths that everybody may ask for; a * at the end stands for anything [default:
    /// /healthz,/readyz,/livez].
    #[arg(long, value_name = "PATHS")]
    pub authorization_always_allow_paths: Option<Vec<String>>,

    /// How long a yes is believed [default: 10s].
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub authorization_webhook_cache_authorized_ttl: Option<Duration>,

    /// How long a no is believed [default: 10s].
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub authorization_webhook_cache_unauthorized_ttl: Option<Duration>,
}
