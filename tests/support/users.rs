//! Who may use a control plane, and the files and clients that prove it.
//!
//! [`super::control_plane`] writes these for every control plane it starts.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;

/// The user that may do everything.
pub(crate) const ADMIN: &str = "admin";

/// A user that the API server knows by token. RBAC decides what it may do.
#[derive(Clone, Debug)]
pub(crate) struct User {
    name: String,
    groups: Vec<String>,
}

impl User {
    /// A user of this name in these groups.
    pub(crate) fn new(name: &str, groups: &[&str]) -> Self {
        Self { name: name.into(), groups: groups.iter().map(ToString::to_string).collect() }
    }

    /// The name without the colons that Kubernetes likes and files do not; the token is made of it.
    fn plain_name(name: &str) -> String {
        name.replace([':', '/'], "-")
    }

    fn token(&self) -> String {
        format!("token-of-{}", Self::plain_name(&self.name))
    }
}

/// Writes the tokens that the API server reads, and a kubeconfig file for every user.
pub(crate) fn write(folder: &Path, url: &str, users: &[User]) -> Result<()> {
    let admin = User::new(ADMIN, &["system:masters"]);
    let mut tokens = String::new();
    for user in std::iter::once(&admin).chain(users) {
        let (name, token) = (&user.name, user.token());
        writeln!(tokens, "{token},{name},{name},\"{}\"", user.groups.join(","))?;
        // JSON is YAML too.
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {
                "server": url,
                // kube-apiserver writes its certificate there, and the authority that signed it.
                "certificate-authority": folder.join("certs/apiserver.crt"),
            }}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
            "current-context": "test",
        });
        fs::write(kubeconfig_path(folder, name), serde_json::to_vec_pretty(&kubeconfig)?)?;
    }
    fs::write(folder.join("tokens.csv"), tokens)?;
    Ok(())
}

/// The kubeconfig file of a user.
pub(crate) fn kubeconfig_path(folder: &Path, user: &str) -> PathBuf {
    folder.join(format!("{}.kubeconfig", User::plain_name(user)))
}

/// A client made from a kubeconfig file.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    // A proxy of this machine does not lead to loopback.
    config.proxy_url = None;
    Ok(Client::try_from(config)?)
}
