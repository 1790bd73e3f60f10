//! Credential plugins: the program that a kubeconfig names under `exec`, which prints an ExecCredential.
//! Run by [`super::credential`], at the start and whenever what it gave ends.
//!
//! Own code where `kube` has some: that one gives the plugin a terminal's standard input, puts what it
//! printed (the token) into its errors, takes any document for an answer, and runs a plugin that gives no
//! date, or a certificate, never again. Nothing a plugin prints on standard output is ever shown here.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::credential::Identity;

/// The versions of `client.authentication.k8s.io` that there are.
const API_VERSIONS: [&str; 2] =
    ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// How long a plugin may take; one that asks somebody over the network takes seconds.
const PLUGIN_TIMEOUT: Duration = Duration::from_mins(1);

/// Bytes of a plugin's answer, and of its complaints, that are read. A certificate chain has some 10 kB.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// Bytes of a plugin's last complaint that are shown.
const COMPLAINT_BYTES_MAX: usize = 300;

/// A plugin that can be run.
#[derive(Debug)]
pub(super) struct Plugin {
    user: String,
    command: String,
    config: ExecConfig,
    api_version: &'static str,
    /// What the plugin finds in KUBERNETES_EXEC_INFO.
    info: String,
}

/// What a plugin gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) token: Option<String>,
    pub(super) identity: Option<Identity>,
    pub(super) expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    api_version: Option<String>,
    kind: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Plugin {
    /// The plugin of `user`, looked at and not run.
    ///
    /// # Errors
    ///
    /// One line that names the user, the program, and why it cannot be run by anything.
    pub(super) fn new(user: &str, config: ExecConfig) -> Result<Self, String> {
        let command = config.command.clone().filter(|command| !command.is_empty());
        let Some(command) = command else {
            return Err(format!("user {user:?}: exec has no command"));
        };
        let wrong =
            |what: String| Err(format!("user {user:?}: credential plugin {command:?}: {what}"));
        let version = config.api_version.as_deref().unwrap_or_default();
        let Some(api_version) = API_VERSIONS.into_iter().find(|known| *known == version) else {
            return wrong(format!("apiVersion {version:?} is not {}", API_VERSIONS.join(" or ")));
        };
        if config.interactive_mode == Some(ExecInteractiveMode::Always) {
            return wrong(
                "needs a terminal (interactiveMode: Always), and berth has none".to_owned(),
            );
        }
        let mut info = json!({
            "apiVersion": api_version, "kind": "ExecCredential", "spec": {"interactive": false},
        });
        if config.provide_cluster_info {
            info["spec"]["cluster"] = serde_json::to_value(&config.cluster).unwrap_or_default();
        }
        let (user, info) = (user.to_owned(), info.to_string());
        Ok(Self { user, command, config, api_version, info })
    }

    /// Runs the plugin. Dropping the future ends it.
    ///
    /// # Errors
    ///
    /// One line that names the user, the program, and what went wrong.
    pub(super) async fn run(&self) -> Result<Given, String> {
        let given = timeout(PLUGIN_TIMEOUT, self.output()).await;
        let given = given
            .unwrap_or_else(|_| Err(format!("has not ended after {} s", PLUGIN_TIMEOUT.as_secs())));
        given.and_then(|output| self.read(&output)).map_err(|what| {
            format!("user {:?}: credential plugin {:?}: {what}", self.user, self.command)
        })
    }

    async fn output(&self) -> Result<Vec<u8>, String> {
        let mut command = Command::new(&self.command);
        command.args(self.config.args.iter().flatten()).env("KUBERNETES_EXEC_INFO", &self.info);
        for variable in self.config.env.iter().flatten() {
            if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
                command.env(name, value);
            }
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| self.cannot_run(&error))?;
        let (out, complaints) = (read(child.stdout.take()), read(child.stderr.take()));
        let (out, complaints, status) = tokio::join!(out, complaints, child.wait());
        let status = status.map_err(|error| format!("cannot be waited for: {error}"))?;
        // Before its end is looked at: it fails because nobody reads on.
        if out.len() > OUTPUT_BYTES_MAX {
            return Err(format!("prints more than {OUTPUT_BYTES_MAX} bytes"));
        }
        if !status.success() {
            return Err(failure(status, &complaints));
        }
        Ok(out)
    }

    fn cannot_run(&self, error: &io::Error) -> String {
        let hint = self.config.install_hint.as_deref().unwrap_or_default();
        // A hint may have many lines, and this is one.
        let hint: Vec<&str> = hint.split_whitespace().collect();
        let separator = if hint.is_empty() { "" } else { "; " };
        format!("cannot be run: {error}{separator}{}", hint.join(" "))
    }

    /// Reads an answer. Errors say nothing of its content: where it is broken the token is in it, too.
    fn read(&self, output: &[u8]) -> Result<Given, String> {
        // client-go takes YAML, too, and some plugins rely on it.
        let answer: Result<ExecCredential, _> = serde_saphyr::from_slice(output);
        let Ok(answer) = answer else {
            return Err("does not print an ExecCredential".to_owned());
        };
        let version = answer.api_version.unwrap_or_default();
        if answer.kind.as_deref() != Some("ExecCredential") || version != self.api_version {
            return Err(format!("does not print an ExecCredential of {}", self.api_version));
        }
        let Some(status) = answer.status else {
            return Err("prints an ExecCredential without a status".to_owned());
        };
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let identity = match (given(status.client_certificate_data), given(status.client_key_data))
        {
            (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
            (None, None) => None,
            _ => return Err("prints a client certificate or its key without the other".to_owned()),
        };
        let token = given(status.token);
        if token.is_none() && identity.is_none() {
            return Err("prints neither a token nor a client certificate".to_owned());
        }
        let expires = given(status.expiration_timestamp).map(|text| text.parse::<Timestamp>());
        let expires = expires.transpose();
        let expires =
            expires.map_err(|error| format!("expirationTimestamp is not a time: {error}"))?;
        Ok(Given { token, identity, expires })
    }
}

/// What comes out of a pipe, up to one byte more than the limit; then the pipe is closed.
async fn read(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let limit = u64::try_from(OUTPUT_BYTES_MAX).unwrap_or(u64::MAX) + 1;
        // What was read before an error is as good as an answer cut short.
        drop(pipe.take(limit).read_to_end(&mut bytes).await);
    }
    bytes
}

/// How a plugin failed: its end, and the last line of its complaints.
fn failure(status: ExitStatus, complaints: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaints);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let end = last.floor_char_boundary(COMPLAINT_BYTES_MAX);
    let separator = if last.is_empty() { "" } else { ": " };
    format!("{status}{separator}{}", &last[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(script: &str) -> ExecConfig {
        ExecConfig {
            api_version: Some(API_VERSIONS[0].to_owned()),
            command: Some("/bin/sh".to_owned()),
            args: Some(vec!["-c".to_owned(), script.to_owned()]),
            ..ExecConfig::default()
        }
    }

    fn plugin(script: &str) -> Plugin {
        Plugin::new("u", config(script)).unwrap()
    }

    fn answer(status: &str) -> String {
        let version = API_VERSIONS[0];
        format!(r#"{{"apiVersion":"{version}","kind":"ExecCredential","status":{status}}}"#)
    }

    #[tokio::test]
    async fn a_plugin_gets_its_environment_and_no_terminal() {
        let script = r#"
            read -r line && exit 7
            echo "$KUBERNETES_EXEC_INFO" | grep -q '"interactive":false' || exit 8
            cat <<END
apiVersion: client.authentication.k8s.io/v1
kind: ExecCredential
status: {token: $SECRET, expirationTimestamp: "2030-01-02T03:04:05Z"}
END"#;
        let mut config = config(script);
        let variable = [("name", "SECRET"), ("value", "t")];
        config.env = Some(vec![variable.map(|(k, v)| (k.to_owned(), v.to_owned())).into()]);
        let given = Plugin::new("u", config).unwrap().run().await.unwrap();
        let expires = Some("2030-01-02T03:04:05Z".parse().unwrap());
        assert_eq!(given, Given { token: Some("t".into()), identity: None, expires });
    }

    #[tokio::test]
    async fn what_goes_wrong_is_one_line_without_secrets() {
        let prints = |text: &str| format!("cat <<'END'\n{text}\nEND");
        let rows = [
            ("echo one >&2; echo two >&2; echo s3cret; exit 3".to_owned(), "exit status: 3: two"),
            ("echo s3cret".to_owned(), "does not print an ExecCredential"),
            (prints("{s3cret"), "does not print an ExecCredential"),
            (
                prints(r#"{"kind":"Pod","status":{"token":"s3cret"}}"#),
                "an ExecCredential of client",
            ),
            (prints(&answer("null")), "without a status"),
            (prints(&answer("{}")), "neither a token nor a client certificate"),
            (prints(&answer(r#"{"clientKeyData":"s3cret"}"#)), "without the other"),
            (
                prints(&answer(r#"{"token":"s3cret","expirationTimestamp":"soon"}"#)),
                "expirationTimestamp is not a time",
            ),
            ("yes s3cret | head -c 2000000".to_owned(), "prints more than 1048576 bytes"),
        ];
        for (script, want) in rows {
            let error = plugin(&script).run().await.unwrap_err();
            assert!(error.starts_with("user \"u\": credential plugin \"/bin/sh\": "), "{error}");
            assert!(error.contains(want), "{error:?} should say {want:?}");
            assert!(!error.contains("s3cret") && error.lines().count() == 1, "{error}");
        }
    }

    #[tokio::test]
    async fn a_missing_program_comes_with_the_hint() {
        let mut config = config("");
        config.command = Some("/nowhere/plugin".to_owned());
        config.install_hint = Some("get it\n  from there".to_owned());
        let error = Plugin::new("u", config).unwrap().run().await.unwrap_err();
        let want =
            "credential plugin \"/nowhere/plugin\": cannot be run: No such file or directory";
        assert!(error.contains(want) && error.ends_with("; get it from there"), "{error}");
    }

    #[test]
    fn what_cannot_be_run_is_said_before() {
        let always = Some(ExecInteractiveMode::Always);
        let rows = [
            (ExecConfig { interactive_mode: always, ..config("") }, "needs a terminal"),
            (ExecConfig { command: None, ..config("") }, "exec has no command"),
            (ExecConfig { api_version: None, ..config("") }, "apiVersion \"\" is not client"),
        ];
        for (config, want) in rows {
            let error = Plugin::new("u", config).unwrap_err();
            assert!(error.starts_with("user \"u\": ") && error.contains(want), "{error}");
        }
    }
}
