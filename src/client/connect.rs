//! Makes the connection to the API server, from a kubeconfig or from inside a cluster. Called once at
//! start; every error names the file and what is wrong with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{HeaderValue, header};
use kube::{Client, Config};

use super::api::chain;
use super::credential::Origin;
use super::kubeconfig::{self, Access};
use super::proxy::{Proxy, without_user};
use super::renew::{Renewing, Route};
use super::requests::{Counted, Requests};

/// Where the address and the credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A kubeconfig file, with its current context.
    Kubeconfig(PathBuf),
    /// This address, with everything else from a kubeconfig file, or with no credentials at all.
    Address {
        /// A URL; without a scheme it is HTTP.
        address: String,
        /// The file.
        kubeconfig: Option<PathBuf>,
    },
    /// The service account of the pod that berth runs in.
    InCluster,
}

/// Why there is no connection. The text is complete; `kube`'s errors repeat their sources in their own
/// text, so no source is passed on.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {}: {reason}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The address cannot be used.
    #[error("--master: {address:?}: {reason}")]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no usable service account.
    #[error("no kubeconfig was given and the service account of a pod cannot be used: {reason}")]
    InCluster {
        /// What is missing.
        reason: String,
    },
    /// The environment names a proxy that cannot be used.
    #[error("{reason}")]
    Proxy {
        /// The variable, and what is wrong with it.
        reason: String,
    },
}

/// A client of the API server, and for the log its address, with the proxy that leads there.
///
/// Must be called on a tokio runtime: the client keeps a task there.
pub async fn connect(source: &Source) -> Result<(Client, String), ConnectError> {
    connect_counted(source, &Requests::default()).await
}

/// As [`connect`], its requests counted among those to the same host.
pub async fn connect_counted(
    source: &Source,
    requests: &Requests,
) -> Result<(Client, String), ConnectError> {
    let Access { mut config, proxy, origin } = load(source)?;
    let variable = |name: &str| std::env::var(name).ok();
    let proxy = match proxy {
        Some(proxy) => Some(proxy),
        None => Proxy::of_environment(&config.cluster_url, variable)
            .map_err(|reason| ConnectError::Proxy { reason })?,
    };
    config.proxy_url = proxy.as_ref().map(|proxy| proxy.url.clone());
    spare_authorities(&mut config);
    let server = match &proxy {
        Some(proxy) => format!("{} through the proxy {proxy}", config.cluster_url),
        None => config.cluster_url.to_string(),
    };
    let namespace = config.default_namespace.clone();
    let host = config.cluster_url.authority().map_or("", |authority| authority.as_str());
    let requests = requests.to(host);
    let route = Route { config, proxy: proxy.map(Arc::new) };
    let client = if let Some(origin) = origin {
        let renewing = Renewing::start(route, origin).await;
        let renewing = renewing.map_err(|reason| source.error(reason))?;
        Client::new(Counted::new(renewing, requests), namespace)
    } else {
        let transport = route.connect().map_err(|error| source.error(chain(&error)))?;
        Client::new(Counted::new(transport, requests), namespace)
    };
    Ok((client, server))
}

/// Keeps `kube` from looking for the machine's own certificate authorities where none is asked. It fails
/// without them, and berth's image has none.
pub(super) fn spare_authorities(config: &mut Config) {
    let is_tls = |uri: &http::Uri| uri.scheme_str() == Some("https");
    let tls = is_tls(&config.cluster_url) || config.proxy_url.as_ref().is_some_and(is_tls);
    if config.root_cert.is_none() && (config.accept_invalid_certs || !tls) {
        config.root_cert = Some(Vec::new());
    }
}

/// What berth calls itself towards the API server.
#[must_use]
pub fn user_agent() -> &'static str {
    concat!("berth/", env!("CARGO_PKG_VERSION"))
}

fn load(source: &Source) -> Result<Access, ConnectError> {
    let mut access = match source {
        Source::Kubeconfig(path) => {
            kubeconfig::read(path).map_err(|reason| source.error(reason))?
        }
        Source::Address { address, kubeconfig } => at(address, kubeconfig.as_deref())?,
        Source::InCluster => in_cluster().map_err(|reason| source.error(reason))?,
    };
    let config = &mut access.config;
    // kube's own retry covers POST: a Binding that was retried unseen could come back as 409 though
    // the first one was accepted. What is retried, and how often, is decided here.
    config.default_retry = false;
    config.headers.push((header::USER_AGENT, HeaderValue::from_static(user_agent())));
    Ok(access)
}

/// Upstream: BuildConfigFromFlags in client-go, v1.37.
fn at(address: &str, kubeconfig: Option<&Path>) -> Result<Access, ConnectError> {
    let wrong = |reason: &str| ConnectError::Address {
        address: without_user(address),
        reason: reason.to_owned(),
    };
    let url =
        if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let url: http::Uri = url.parse().map_err(|_| wrong("is not an address"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(wrong("does not begin with https:// or http://"));
    }
    let Some(path) = kubeconfig else {
        return Ok(Access { config: Config::new(url), proxy: None, origin: None });
    };
    let source = Source::Kubeconfig(path.to_owned());
    let mut access = kubeconfig::read(path).map_err(|reason| source.error(reason))?;
    access.config.cluster_url = url;
    Ok(access)
}

fn in_cluster() -> Result<Access, String> {
    let mut config = Config::incluster().map_err(|error| error.to_string())?;
    let token_file = config.auth_info.token_file.take();
    let origin = token_file.map(|path| Origin::TokenFile(path.into()));
    Ok(Access { config, proxy: None, origin })
}

impl Source {
    fn error(&self, reason: String) -> ConnectError {
        match self {
            Source::Kubeconfig(path) => ConnectError::Kubeconfig { path: path.clone(), reason },
            Source::Address { address, .. } => {
                ConnectError::Address { address: without_user(address), reason }
            }
            Source::InCluster => ConnectError::InCluster { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
apiVersion: v1
kind: Config
current-context: a
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1234'}}]
users: [{name: u, user: {token: secret}}]
contexts: [{name: a, context: {cluster: c, user: u}}]
";

    fn file(text: &str) -> (tempfile::TempDir, Source) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, text).unwrap();
        (dir, Source::Kubeconfig(path))
    }

    #[tokio::test]
    async fn a_good_file_gives_a_client_without_kubes_retry() {
        let (_dir, source) = file(GOOD);
        let config = load(&source).unwrap().config;
        assert!(!config.default_retry);
        let agent = config.headers.iter().find(|(name, _)| name == header::USER_AGENT).unwrap();
        assert_eq!(agent.1, concat!("berth/", env!("CARGO_PKG_VERSION")));
        let (_client, server) = connect(&source).await.unwrap();
        assert_eq!(server, "http://127.0.0.1:1234/");
    }

    #[test]
    fn authorities_are_looked_for_where_they_are_asked_only() {
        let rows = [
            ("http://a", None, false, false),
            ("http://a", Some("http://p"), false, false),
            ("http://a", Some("https://p"), false, true),
            ("https://a", None, false, true),
            ("https://a", Some("socks5://p:1"), false, true),
            ("https://a", None, true, false),
        ];
        for (server, proxy, insecure, want) in rows {
            let mut config = Config::new(server.parse().unwrap());
            config.proxy_url = proxy.map(|proxy| proxy.parse().unwrap());
            config.accept_invalid_certs = insecure;
            spare_authorities(&mut config);
            assert_eq!(config.root_cert.is_none(), want, "{server} {proxy:?} {insecure}");
        }
    }

    #[tokio::test]
    async fn errors_name_the_file_and_what_is_wrong() {
        let rows = [
            (GOOD.replace("current-context: a", ""), "has no current-context"),
            (GOOD.replace("current-context: a", "current-context: b"), "has no context \"b\""),
            (GOOD.replace("{name: c,", "{name: d,"), "has no cluster \"c\""),
            (GOOD.replace("http://127", "127"), "server \"127.0.0.1:1234\""),
            (GOOD.replace("http://127", "http://me:s3cret@127"), "has a user in it"),
            (GOOD.replace("token: secret", "tokenFile: gone"), "/gone: cannot be read: No such"),
            (
                GOOD.replace("token: secret", "exec: {command: x}"),
                "user \"u\": credential plugin \"x\"",
            ),
            (
                GOOD.replace("server:", "proxy-url: 'ftp://u:s3cret@p', server:"),
                "proxy-url: \"ftp://p\"",
            ),
            (
                GOOD.replace("server:", "certificate-authority: gone, server:"),
                "/gone cannot be read",
            ),
            (
                GOOD.replace("server:", "certificate-authority-data: eA==, server:"),
                "no certificate in it",
            ),
            (GOOD.replace("server: 'http://127.0.0.1:1234'", ""), "has no server"),
            (GOOD.replace("token: secret", "client-certificate-data: '%%'"), "base64"),
            (
                GOOD.replace("'http://", "'https://")
                    .replace("1234'", "1234', certificate-authority-data: 'Z2FyYmFnZQ=='"),
                "no certificate",
            ),
            ("clusters: [".to_owned(), "YAML"),
        ];
        for (text, want) in rows {
            let (_dir, source) = file(&text);
            let Source::Kubeconfig(path) = &source else { unreachable!() };
            let error = connect(&source).await.err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains(want), "{error:?} should say {want:?}");
            assert!(!error.contains("s3cret") && error.lines().count() == 1, "{error}");
            assert!(error.contains(&path.display().to_string()), "{error:?} should name the file");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[tokio::test]
    async fn a_missing_file_is_named_once() {
        let source = Source::Kubeconfig("/nowhere/config".into());
        let error = connect(&source).await.err().unwrap().to_string();
        let want = "kubeconfig /nowhere/config: cannot be read: No such file or directory";
        assert!(error.starts_with(want), "{error}");
    }
}
