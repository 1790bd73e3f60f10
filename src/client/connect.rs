//! Makes the connection to the API server, from a kubeconfig or from inside a cluster. Called once at
//! start; every error names the file and what is wrong with it.

use std::path::{Path, PathBuf};

use http::{HeaderValue, header};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

/// Where the address and the credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A kubeconfig file, with its current context.
    Kubeconfig(PathBuf),
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
    /// There is no usable service account.
    #[error("no kubeconfig was given and the service account of a pod cannot be used: {reason}")]
    InCluster {
        /// What is missing.
        reason: String,
    },
}

/// A client of the API server, and its address for the log.
///
/// Must be called on a tokio runtime: the client keeps a task there.
pub async fn connect(source: &Source) -> Result<(Client, String), ConnectError> {
    let config = load(source).await?;
    let server = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(|error| source.error(error.to_string()))?;
    Ok((client, server))
}

/// What berth calls itself towards the API server.
#[must_use]
pub fn user_agent() -> &'static str {
    concat!("berth/", env!("CARGO_PKG_VERSION"))
}

async fn load(source: &Source) -> Result<Config, ConnectError> {
    let mut config = match source {
        Source::Kubeconfig(path) => {
            read(path).await.map_err(|error| source.error(reason(&error)))?
        }
        Source::InCluster => {
            Config::incluster().map_err(|error| source.error(error.to_string()))?
        }
    };
    if config.root_cert.as_ref().is_some_and(Vec::is_empty) {
        // No certificate of any server would ever be trusted.
        return Err(source.error("the certificate-authority has no certificate in it".to_owned()));
    }
    // kube's own retry covers POST: a Binding that was retried unseen could come back as 409 though
    // the first one was accepted. What is retried, and how often, is decided here.
    config.default_retry = false;
    config.headers.push((header::USER_AGENT, HeaderValue::from_static(user_agent())));
    Ok(config)
}

async fn read(path: &Path) -> Result<Config, KubeconfigError> {
    let kubeconfig = Kubeconfig::read_from(path)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await
}

/// What is wrong with a kubeconfig, in one line; its path is named by the caller.
fn reason(error: &KubeconfigError) -> String {
    let text = match error {
        KubeconfigError::ReadConfig(error, _) => format!("cannot be read: {error}"),
        KubeconfigError::CurrentContextNotSet => "has no current-context".to_owned(),
        KubeconfigError::MissingClusterUrl => {
            "the cluster of the current context has no server".to_owned()
        }
        error => error.to_string(),
    };
    // The parser of YAML shows the place, too.
    text.lines().next().unwrap_or_default().to_owned()
}

impl Source {
    fn error(&self, reason: String) -> ConnectError {
        match self {
            Source::Kubeconfig(path) => ConnectError::Kubeconfig { path: path.clone(), reason },
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
        let config = load(&source).await.unwrap();
        assert!(!config.default_retry);
        let agent = config.headers.iter().find(|(name, _)| name == header::USER_AGENT).unwrap();
        assert_eq!(agent.1, concat!("berth/", env!("CARGO_PKG_VERSION")));
        let (_client, server) = connect(&source).await.unwrap();
        assert_eq!(server, "http://127.0.0.1:1234/");
    }

    #[tokio::test]
    async fn errors_name_the_file_and_what_is_wrong() {
        let rows = [
            (GOOD.replace("current-context: a", ""), "has no current-context"),
            (GOOD.replace("current-context: a", "current-context: b"), "b"),
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
