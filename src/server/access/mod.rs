//! Who asks, and whether they may: what stands before the endpoints of the secure port. `runtime` starts an
//! [`Access`] and puts it around a router.
//!
//! Who asks is said, in this order, by a proxy with a certificate of its own, by a client's certificate, or by
//! a bearer token that the API server reviews; otherwise it is `system:anonymous`. What they may ask for is
//! said by the paths that are always allowed, and otherwise by the API server.
//!
//! Upstream: DelegatingAuthenticationOptions and DelegatingAuthorizationOptions of k8s.io/apiserver, v1.37.
//! Differs from upstream: the fingerprint of a client's certificate is no part of what is known of a user.

mod authorities;
mod cache;
mod lookup;
mod permission;
mod refusal;
mod request_header;
mod review;
mod subject;
mod token;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::request::Parts;
use kube::Client;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::telemetry::AccessMetrics;

use super::peer::PeerCertificates;
use super::tls::TlsError;
use authorities::Authorities;
use permission::{Permissions, Verdict};
use request_header::{HeaderNames, RequestHeader};
use token::Tokens;

pub use permission::PathError;
pub use request_header::HeaderNames as ProxyHeaders;
/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// What tells two users of one name apart over time; may be empty.
    pub uid: String,
    /// The groups.
    pub groups: Vec<String>,
    /// Whatever else is known: names, each with values.
    pub extra: Vec<(String, Vec<String>)>,
}

/// What a way of knowing users says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// It is this user.
    User(User),
    /// Nothing: there is none of what it looks at.
    Nothing,
    /// There is, and it is not good.
    Wrong(String),
}

/// How users are known, and how long answers about them are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessOptions {
    /// The authorities of clients' certificates, PEM; looked up in the cluster where there are none.
    pub client_ca: Option<PathBuf>,
    /// The authorities of proxies, PEM; looked up in the cluster where there are none.
    pub proxy_ca: Option<PathBuf>,
    /// What proxies with certificates of `proxy_ca` say in which headers.
    pub proxy_headers: HeaderNames,
    /// Look nothing up in the cluster.
    pub skip_lookup: bool,
    /// Go on where the cluster has nothing to look up.
    pub tolerate_lookup_failure: bool,
    /// How long the answer about a token is believed.
    pub token_ttl: Duration,
    /// Paths that everybody may ask for.
    pub always_allowed: Vec<String>,
    /// How long a yes is believed.
    pub allowed_ttl: Duration,
    /// How long a no is believed.
    pub denied_ttl: Duration,
}

/// Why the secure port cannot be guarded; the exit code is 2.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A file of authorities cannot be used.
    #[error("{flag}: {error}")]
    Authorities {
        /// The flag that names the file.
        flag: &'static str,
        /// What is wrong.
        error: TlsError,
    },
    /// A path that is always allowed is none.
    #[error("--authorization-always-allow-paths: {0}")]
    Path(#[from] PathError),
    /// The cluster does not say who the authorities are.
    #[error(
        "{0}; with --authentication-tolerate-lookup-failure=true berth starts without, and clients \
         with certificates are unknown"
    )]
    Lookup(String),
}

/// What decides about requests. Dropping it ends what it keeps up to date.
#[derive(Debug)]
pub struct Access {
    proxies: Option<Arc<RequestHeader>>,
    clients: Option<Arc<Authorities>>,
    tokens: Option<Tokens>,
    permissions: Permissions,
    /// Keeps the authorities that are looked up in the cluster up to date.
    lookup: Option<JoinHandle<()>>,
}

impl Access {
    /// Reads the authorities. `authentication` is where tokens are reviewed and authorities are looked up,
    /// `authorization` where permissions are asked for; without them nobody has any.
    pub async fn start(
        options: AccessOptions,
        authentication: Option<Client>,
        authorization: Option<Client>,
    ) -> Result<Self, AccessError> {
        let of_file = |flag, path: &PathBuf| {
            Authorities::of_file(path).map_err(|error| AccessError::Authorities { flag, error })
        };
        let clients = options.client_ca.as_ref().map(|path| of_file("--client-ca-file", path));
        let mut clients = clients.transpose()?.map(Arc::new);
        let flag = "--requestheader-client-ca-file";
        let proxies = options.proxy_ca.as_ref().map(|path| of_file(flag, path)).transpose()?;
        let names = options.proxy_headers;
        let mut proxies = proxies.map(|authorities| RequestHeader::new(authorities, names));
        let mut lookup = None;
        if !options.skip_lookup && (clients.is_none() || proxies.is_none()) {
            match &authentication {
                None => warn!(
                    "neither --authentication-kubeconfig nor a service account: clients with \
                     certificates are unknown unless --client-ca-file names their authorities"
                ),
                Some(client) => {
                    let found = lookup::Found::new(clients.is_none(), proxies.is_none());
                    lookup::first(client, &found, options.tolerate_lookup_failure).await?;
                    clients = clients.or_else(|| found.clients.clone());
                    proxies = proxies.or_else(|| found.proxies.clone());
                    lookup = Some(tokio::spawn(lookup::follow(client.clone(), found)));
                }
            }
        }
        if authorization.is_none() {
            warn!(
                "neither --authorization-kubeconfig nor a service account: only system:masters may \
                 ask for more than {}",
                options.always_allowed.join(", ")
            );
        }
        let (allowed, denied) = (options.allowed_ttl, options.denied_ttl);
        Ok(Self {
            proxies,
            clients,
            tokens: authentication.map(|client| Tokens::new(client, options.token_ttl)),
            permissions: Permissions::new(&options.always_allowed, authorization, allowed, denied)?,
            lookup,
        })
    }

    /// `router` for those who may ask.
    pub fn guard(self, router: Router, metrics: Arc<AccessMetrics>) -> Router {
        router.layer(from_fn_with_state((Arc::new(self), metrics), admit))
    }

    /// Who asks; an error where that cannot be told.
    async fn user(&self, request: &Parts) -> Result<User, String> {
        let peer = request.extensions.get::<PeerCertificates>();
        let mut wrong = Vec::new();
        let by_proxy = || {
            self.proxies.as_ref().map_or(Said::Nothing, |known| known.user(peer, &request.headers))
        };
        let by_certificate =
            || self.clients.as_ref().map_or(Said::Nothing, |known| of_certificate(known, peer));
        let mut found = None;
        for way in [&by_proxy as &dyn Fn() -> Said, &by_certificate] {
            match way() {
                Said::User(user) => {
                    found = Some(user);
                    break;
                }
                Said::Nothing => {}
                Said::Wrong(reason) => wrong.push(reason),
            }
        }
        if let (None, Some(tokens)) = (&found, &self.tokens) {
            match tokens.user(&request.headers).await {
                Said::User(user) => found = Some(user),
                Said::Nothing => {}
                Said::Wrong(reason) => wrong.push(reason),
            }
        }
        match found {
            Some(user) => Ok(authenticated(user)),
            None if wrong.is_empty() => Ok(anonymous()),
            None => Err(wrong.join("; ")),
        }
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        if let Some(lookup) = &self.lookup {
            lookup.abort();
        }
    }
}

async fn admit(
    State((access, metrics)): State<(Arc<Access>, Arc<AccessMetrics>)>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let began = Instant::now();
    let user = access.user(&parts).await;
    let name = user.as_ref().ok().map(|user| user.name.as_str());
    metrics.authenticated(name, began.elapsed().as_secs_f64());
    let user = match user {
        Ok(user) => user,
        Err(reason) => {
            debug!("unable to authenticate the request: {reason}");
            return refusal::unauthorized(&parts);
        }
    };
    let path = refusal::decoded_path(&parts);
    let verb = parts.method.as_str().to_ascii_lowercase();
    let began = Instant::now();
    let verdict = access.permissions.of(&user, &verb, &path).await;
    let allowed = match verdict {
        Verdict::Allowed => Some(true),
        Verdict::Forbidden(_) => Some(false),
        Verdict::Unknown(_) => None,
    };
    metrics.authorized(allowed, began.elapsed().as_secs_f64());
    match verdict {
        Verdict::Allowed => next.run(Request::from_parts(parts, body)).await,
        Verdict::Forbidden(reason) => refusal::forbidden(&parts, &user, &verb, &path, &reason),
        Verdict::Unknown(reason) => {
            warn!("whether {:?} may {verb} {path:?} cannot be told: {reason}", user.name);
            refusal::unknown(&parts, &reason)
        }
    }
}

/// Who shows a certificate.
fn of_certificate(known: &Authorities, peer: Option<&PeerCertificates>) -> Said {
    let Some((own, others)) = peer.and_then(PeerCertificates::parts) else {
        return Said::Nothing;
    };
    match known.verify(own, others) {
        None => return Said::Nothing,
        Some(Err(reason)) => return Said::Wrong(reason),
        Some(Ok(())) => {}
    }
    let Some(subject) = subject::read(own) else {
        return Said::Wrong("the subject of the client's certificate cannot be read".to_owned());
    };
    if subject.common_name.is_empty() {
        return Said::Nothing;
    }
    Said::User(User {
        name: subject.common_name,
        uid: subject.uid,
        groups: subject.organizations,
        extra: Vec::new(),
    })
}

/// A user that is known is in a group more.
fn authenticated(mut user: User) -> User {
    const GROUPS: [&str; 2] = ["system:authenticated", "system:unauthenticated"];
    if !user.groups.iter().any(|group| GROUPS.contains(&group.as_str())) {
        user.groups.push(GROUPS[0].to_owned());
    }
    user
}

fn anonymous() -> User {
    User {
        name: "system:anonymous".to_owned(),
        groups: vec!["system:unauthenticated".to_owned()],
        ..User::default()
    }
}
