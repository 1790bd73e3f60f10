//! A kubeconfig that leads to this server, for `berth apiserver` and the playground.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use k8s_openapi::ByteString;
use serde_json::{Value, json};

/// A kubeconfig with one context. JSON is YAML, too.
#[must_use]
pub fn kubeconfig(url: &str, token: Option<&str>, authority: Option<&str>) -> String {
    let mut cluster = json!({"server": url});
    if let Some(pem) = authority {
        let bytes = ByteString(pem.as_bytes().to_vec());
        cluster["certificate-authority-data"] = serde_json::to_value(bytes).unwrap_or(Value::Null);
    }
    let user = token.map_or_else(|| json!({}), |token| json!({"token": token}));
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "berth",
        "clusters": [{"name": "berth", "cluster": cluster}],
        "users": [{"name": "berth", "user": user}],
        "contexts": [{"name": "berth", "context": {"cluster": "berth", "user": "berth"}}],
    });
    format!("{config:#}\n")
}

/// Writes a file that nobody else can read: there may be a token in it.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file =
        fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_has_what_clients_need() {
        let text = kubeconfig("https://127.0.0.1:1", Some("t"), Some("PEM"));
        let config: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(config["clusters"][0]["cluster"]["certificate-authority-data"], "UEVN");
        assert_eq!(config["users"][0]["user"]["token"], "t");
    }
}
