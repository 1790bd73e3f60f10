//! What the flags of the secure port mean together: addresses, certificate, TLS, and who may ask. Called by
//! `options`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::args::RunArgs;
use super::options::{OptionsError, given};
use super::secure_args::{AuthenticationArgs, SecureServingArgs};
use super::upstream_args::split;
use crate::client::Source;
use crate::runtime::Guard;
use crate::server::access::{AccessOptions, ProxyHeaders};
use crate::server::addresses::{Addresses, Certificate, CertificateFiles, Secure};
use crate::server::tls_settings::TlsSettings;

/// Where HTTPS is served unless a flag says otherwise. Upstream: `--bind-address` and `--secure-port` of
/// kube-scheduler, v1.37.
const BIND_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const SECURE_PORT: u16 = 10259;

/// How long answers of the API server about users are believed.
///
/// Upstream: NewDelegatingAuthenticationOptions and NewDelegatingAuthorizationOptions, v1.37.
const TTL: Duration = Duration::from_secs(10);
/// Paths that everybody may ask for. Upstream: the same, v1.37.
const ALWAYS_ALLOWED: [&str; 3] = ["/healthz", "/readyz", "/livez"];

impl RunArgs {
    /// Where to serve, and with which certificate.
    pub(super) fn addresses(
        &self,
        in_cluster: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Addresses, OptionsError> {
        let flags = &self.secure;
        let certificate = flags.certificate()?;
        let port = flags.secure_port.unwrap_or(SECURE_PORT);
        if port == 0 && certificate != Certificate::InMemory {
            let flag = match certificate {
                Certificate::Folder(_) => "--cert-dir",
                _ => "--tls-cert-file",
            };
            warnings.push(format!("{flag} is ignored because --secure-port is 0"));
        }
        let address = SocketAddr::new(flags.bind_address.unwrap_or(BIND_ADDRESS), port);
        let mut tls = flags.tls()?;
        tls.asks_clients = self.authentication.knows_certificates(in_cluster);
        let secure = Secure {
            address,
            certificate,
            tls,
            streams_max: flags.streams_max()?,
            port_sharing: flags.permit_port_sharing == Some(true),
        };
        Ok(Addresses { secure: (port != 0).then_some(secure), plain: self.http_address })
    }

    /// Who may ask at the secure port.
    pub(super) fn guard(&self, in_cluster: bool) -> Guard {
        let (who, what) = (&self.authentication, &self.authorization);
        let source = |path: &Option<PathBuf>| match given(path.as_ref()) {
            Some(path) => Some(Source::Kubeconfig(path.clone())),
            None => in_cluster.then_some(Source::InCluster),
        };
        let list = |values: Option<&Vec<String>>, default: &[&str]| match values {
            Some(values) => split(values),
            None => default.iter().map(|item| (*item).to_owned()).collect(),
        };
        let options = AccessOptions {
            client_ca: given(who.client_ca_file.as_ref()).cloned(),
            proxy_ca: given(who.requestheader_client_ca_file.as_ref()).cloned(),
            proxy_headers: ProxyHeaders {
                allowed: split(&who.requestheader_allowed_names),
                user: list(who.requestheader_username_headers.as_ref(), &["x-remote-user"]),
                uid: split(&who.requestheader_uid_headers),
                groups: list(who.requestheader_group_headers.as_ref(), &["x-remote-group"]),
                extra_prefixes: list(
                    who.requestheader_extra_headers_prefix.as_ref(),
                    &["x-remote-extra-"],
                ),
            },
            skip_lookup: who.authentication_skip_lookup == Some(true),
            tolerate_lookup_failure: who.authentication_tolerate_lookup_failure != Some(false),
            token_ttl: who.authentication_token_webhook_cache_ttl.unwrap_or(TTL),
            always_allowed: list(what.authorization_always_allow_paths.as_ref(), &ALWAYS_ALLOWED),
            allowed_ttl: what.authorization_webhook_cache_authorized_ttl.unwrap_or(TTL),
            denied_ttl: what.authorization_webhook_cache_unauthorized_ttl.unwrap_or(TTL),
        };
        Guard {
            options,
            authentication: source(&who.authentication_kubeconfig),
            authorization: source(&what.authorization_kubeconfig),
        }
    }
}

impl AuthenticationArgs {
    /// Some authority of clients' certificates is named, or can be looked up.
    fn knows_certificates(&self, in_cluster: bool) -> bool {
        let named = |path: &Option<PathBuf>| given(path.as_ref()).is_some();
        let looked_up = self.authentication_skip_lookup != Some(true)
            && (in_cluster || named(&self.authentication_kubeconfig));
        looked_up || named(&self.client_ca_file) || named(&self.requestheader_client_ca_file)
    }
}

impl SecureServingArgs {
    fn certificate(&self) -> Result<Certificate, OptionsError> {
        let [certificate, key] =
            [&self.tls_cert_file, &self.tls_private_key_file].map(|path| given(path.as_ref()));
        let alone = |flag, path: &PathBuf, other| {
            refused(flag, &path.display().to_string(), &format!("{other} is needed with it"))
        };
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Certificate::Files(CertificateFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            })),
            (Some(path), None) => Err(alone("--tls-cert-file", path, "--tls-private-key-file")),
            (None, Some(path)) => Err(alone("--tls-private-key-file", path, "--tls-cert-file")),
            (None, None) => Ok(match given(self.cert_dir.as_ref()) {
                Some(folder) => Certificate::Folder(folder.clone()),
                None => Certificate::InMemory,
            }),
        }
    }

    fn tls(&self) -> Result<TlsSettings, OptionsError> {
        let mut settings = TlsSettings::default();
        settings.only_http1 = self.disable_http2_serving == Some(true);
        let version = self.tls_min_version.as_deref().unwrap_or_default();
        settings
            .set_min_version(version)
            .map_err(|message| refused("--tls-min-version", version, message))?;
        settings.set_cipher_suites(&split(&self.tls_cipher_suites)).map_err(|name| {
            let known = TlsSettings::known_cipher_suites();
            refused("--tls-cipher-suites", &name, &format!("not spoken; there are {known}"))
        })?;
        settings.set_curves(&split(&self.tls_curve_preferences)).map_err(|number| {
            let message = "not spoken; there are 23 (P-256), 24 (P-384) and 29 (X25519)";
            refused("--tls-curve-preferences", &number, message)
        })?;
        Ok(settings)
    }

    fn streams_max(&self) -> Result<Option<NonZeroU32>, OptionsError> {
        let streams = self.http2_max_streams_per_connection.unwrap_or(0);
        let Ok(streams) = u32::try_from(streams) else {
            let (flag, message) =
                ("--http2-max-streams-per-connection", "must be from 0 to 4294967295");
            return Err(refused(flag, &streams.to_string(), message));
        };
        Ok(NonZeroU32::new(streams))
    }
}

fn refused(flag: &str, value: &str, message: &str) -> OptionsError {
    OptionsError::Flag {
        flag: flag.to_owned(),
        value: value.to_owned(),
        message: message.to_owned(),
    }
}
