//! Reads a kubeconfig: which server, by which way, as whom. Called by `connect`.
//!
//! The file's form is `kube`'s; what follows from it is decided here, because `kube` lets the environment
//! change it (see [`super::proxy`]) and does not tell whose credentials are wrong.

use std::path::Path;

use http::Uri;
use kube::Config;
use kube::config::{
    AuthInfo, Cluster, Context, ExecAuthCluster, Kubeconfig, KubeconfigError, LoadDataError,
};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tracing::warn;

use super::credential::Origin;
use super::plugin::Plugin;
use super::proxy::{Proxy, without_user};

/// What a kubeconfig's current context says.
pub(super) struct Access {
    /// The server, and the credentials that never change.
    pub(super) config: Config,
    /// The cluster's proxy-url.
    pub(super) proxy: Option<Proxy>,
    /// The credentials that change.
    pub(super) origin: Option<Origin>,
}

/// Reads `path`.
///
/// # Errors
///
/// One line that says what is wrong with the file; the caller names it.
pub(super) fn read(path: &Path) -> Result<Access, String> {
    let kubeconfig = Kubeconfig::read_from(path).map_err(|error| reason(&error))?;
    let context = current_context(&kubeconfig)?;
    let cluster = cluster(&kubeconfig, &context.cluster)?;
    let mut config = Config::new(server(cluster, &context.cluster)?);
    if let Some(namespace) = &context.namespace {
        config.default_namespace.clone_from(namespace);
    }
    // This is also what a credential plugin may ask to be told.
    let told = ExecAuthCluster::try_from(cluster).map_err(|error| reason(&error))?;
    let authority = told.certificate_authority_data.as_deref();
    config.root_cert = authority.map(|pem| certificates(pem, &context.cluster)).transpose()?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    config.tls_server_name = given(cluster.tls_server_name.as_ref()).cloned();
    let proxy =
        given(cluster.proxy_url.as_ref()).map(|url| Proxy::of_kubeconfig(url)).transpose()?;
    let name = context.user.as_deref().unwrap_or_default();
    config.auth_info = user(&kubeconfig, name);
    let origin = take_origin(&mut config.auth_info, name, told)?;
    Ok(Access { config, proxy, origin })
}

fn current_context(kubeconfig: &Kubeconfig) -> Result<&Context, String> {
    let Some(name) = given(kubeconfig.current_context.as_ref()) else {
        return Err("has no current-context".to_owned());
    };
    let named = kubeconfig.contexts.iter().find(|context| &context.name == name);
    let context = named.and_then(|named| named.context.as_ref());
    context.ok_or_else(|| format!("has no context {name:?}, which is its current-context"))
}

fn cluster<'a>(kubeconfig: &'a Kubeconfig, name: &str) -> Result<&'a Cluster, String> {
    let named = kubeconfig.clusters.iter().find(|cluster| cluster.name == name);
    let cluster = named.and_then(|named| named.cluster.as_ref());
    cluster.ok_or_else(|| format!("has no cluster {name:?}, which its current context names"))
}

/// The user's credentials; none where there is no such user, as in client-go.
fn user(kubeconfig: &Kubeconfig, name: &str) -> AuthInfo {
    let named = kubeconfig.auth_infos.iter().find(|user| user.name == name);
    if named.is_none() && !name.is_empty() {
        warn!(
            "the kubeconfig has no user {name:?}, whom its current context names: no credentials"
        );
    }
    named.and_then(|named| named.auth_info.clone()).unwrap_or_default()
}

fn server(cluster: &Cluster, name: &str) -> Result<Uri, String> {
    let Some(server) = given(cluster.server.as_ref()) else {
        return Err("the cluster of the current context has no server".to_owned());
    };
    let shown = without_user(server);
    let wrong = |what: &str| format!("cluster {name:?}: server {shown:?} {what}");
    let uri: Uri = server.parse().map_err(|_| wrong("is not an address"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("does not begin with https:// or http://"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(wrong("has a user in it; users have a list of their own"));
    }
    Ok(uri)
}

fn certificates(pem: &[u8], cluster: &str) -> Result<Vec<Vec<u8>>, String> {
    let authorities = CertificateDer::pem_slice_iter(pem);
    let authorities =
        authorities.map(|one| one.map(|one| one.to_vec())).collect::<Result<Vec<_>, _>>();
    let wrong = |what: &str| format!("cluster {cluster:?}: certificate-authority {what}");
    let authorities = authorities.map_err(|error| wrong(&format!("is not PEM: {error}")))?;
    if authorities.is_empty() {
        return Err(wrong("has no certificate in it"));
    }
    Ok(authorities)
}

/// Takes out of a user's credentials those that change. The order of precedence is client-go's: a token
/// file before a token, and both before a plugin.
fn take_origin(
    auth_info: &mut AuthInfo,
    user: &str,
    cluster: ExecAuthCluster,
) -> Result<Option<Origin>, String> {
    let (file, exec) = (auth_info.token_file.take(), auth_info.exec.take());
    if let Some(file) = file.filter(|file| !file.is_empty()) {
        auth_info.token = None;
        return Ok(Some(Origin::TokenFile(file.into())));
    }
    match exec {
        Some(mut exec) if auth_info.token.is_none() && auth_info.username.is_none() => {
            exec.cluster = Some(cluster);
            Ok(Some(Origin::Plugin(Box::new(Plugin::new(user, exec)?))))
        }
        _ => Ok(None),
    }
}

fn given(text: Option<&String>) -> Option<&String> {
    text.filter(|text| !text.is_empty())
}

/// What is wrong with a kubeconfig, in `kube`'s words where they will do.
fn reason(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(error, _) => format!("cannot be read: {error}"),
        KubeconfigError::LoadCertificateAuthority(LoadDataError::ReadFile(error, path)) => {
            format!("certificate-authority {} cannot be read: {error}", path.display())
        }
        // What follows the first line is a piece of the file, which has secrets in it.
        error => error.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}
