//! Who berth is, on the real API server: every kind of credential that a kubeconfig can have, and those that
//! end and are renewed while berth runs.

mod support;

use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use support::access::{Access, exec_credential, exec_user};
use support::berth::Berth;
use support::control_plane::Options;

/// How long what a plugin gives is good, where it is to end within a test: longer than the 5 s before its
/// end in which it is renewed.
const SHORT: SignedDuration = SignedDuration::from_secs(8);

/// An authority for client certificates.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().expect("keys can be made");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("so can certificates");
        let folder = tempfile::tempdir().expect("and folders");
        fs::write(folder.path().join("ca.crt"), issuer.pem()).expect("and files");
        Self { issuer, folder }
    }

    /// What makes kube-apiserver know users by the certificates of this authority.
    fn options(&self) -> Options {
        let path = self.folder.path().join("ca.crt");
        let flags = vec![format!("--client-ca-file={}", path.display())];
        Options { apiserver_flags: flags, ..Options::default() }
    }

    /// Certificate and key of a user, as PEM.
    fn user(&self, name: &str, group: &str) -> (String, String) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("keys can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("so can certificates");
        (certificate.pem(), key.serialize_pem())
    }
}

/// The base64 form of a text, as kubeconfigs have it.
fn base64(text: &str) -> Value {
    json!(k8s_openapi::ByteString(text.as_bytes().to_vec()))
}

/// A plugin that prints the file `credential`, and keeps what it printed.
fn plugin(access: &Access) -> PathBuf {
    let lines = r#"
        cd "$(dirname "$0")" && given=$(cat credential) && printf '%s\n' "$given"
        printf '%s\n' "$given" >> printed"#;
    access.script("plugin", lines)
}

/// What the plugin has printed, run by run.
fn printed(access: &Access) -> Vec<String> {
    let text = fs::read_to_string(access.path("printed")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Creates pods until the plugin has printed `credential`, and waits until each is on the node.
async fn bind_until_printed(access: &Access, berth: &Berth, credential: &str) {
    let done = async || {
        let pod = format!("meanwhile-{}", Timestamp::now().as_nanosecond());
        access.bind(berth, &pod).await;
        (printed(access).last()? == credential).then_some(())
    };
    berth.wait_for("another run of the plugin", done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_changes() {
    let authority = Authority::new();
    let Some(access) = Access::start("what_never_changes", &authority.options()).await else {
        return;
    };
    let (certificate, key) = authority.user("admin", "system:masters");
    let token = access.admin_token();
    // Beside the kubeconfig, where it is looked for.
    access.write("user.crt", &certificate);
    access.write("user.key", &key);
    let cluster = access.cluster();
    let authority_file = cluster["certificate-authority"].as_str().expect("it is a path");
    let authority_pem = fs::read_to_string(authority_file).expect("the harness writes it");
    let with_data = json!({
        "server": cluster["server"], "certificate-authority-data": base64(&authority_pem),
    });
    let not_looked_at = json!({"server": cluster["server"], "insecure-skip-tls-verify": true});
    let other_name = access.plane.url().replace("127.0.0.1", "localhost");
    let other_name = json!({
        "server": other_name, "certificate-authority": cluster["certificate-authority"],
        "tls-server-name": "kubernetes.default.svc",
    });
    let by_token = json!({"token": token});
    let by_files = json!({"client-certificate": "user.crt", "client-key": "user.key"});
    let by_data =
        json!({"client-certificate-data": base64(&certificate), "client-key-data": base64(&key)});
    let as_another = json!({"token": token, "as": "somebody", "as-groups": ["system:masters"]});
    let rows = [
        ("token", &cluster, by_token.clone()),
        ("certificate-files", &cluster, by_files),
        ("certificate-data", &with_data, by_data),
        ("as-another", &cluster, as_another),
        ("insecure-skip-tls-verify", &not_looked_at, by_token.clone()),
        ("tls-server-name", &other_name, by_token),
    ];
    for (name, cluster, user) in rows {
        let berth = Berth::start(&access.kubeconfig(name, cluster, &user), "berth", &[]);
        access.bind(&berth, name).await;
        berth.stop().await;
        assert!(!berth.log().contains(&token), "{}", berth.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impersonation_is_subject_to_the_rights_of_whom_it_acts_as() {
    let test = "impersonation_is_subject_to_the_rights_of_whom_it_acts_as";
    let Some(access) = Access::start(test, &Options::default()).await else { return };
    let user = json!({"token": access.admin_token(), "as": "nobody"});
    let berth = Berth::start(&access.kubeconfig("as", &access.cluster(), &user), "berth", &[]);
    berth.wait_for_log("User \"nobody\" cannot").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_file_is_read_again_after_its_token_has_ended() {
    let test = "a_token_file_is_read_again_after_its_token_has_ended";
    let Some(access) = Access::start(test, &Options::default()).await else { return };
    access.create_service_account().await;
    let (first, second) = (access.token("first").await, access.token("second").await);
    access.write("token", &format!("{first}\n"));
    let user = json!({"tokenFile": "token", "token": "the file goes first"});
    let berth = Berth::start(&access.kubeconfig("k", &access.cluster(), &user), "berth", &[]);
    access.bind(&berth, "before").await;
    access.write("token", &second);
    access.end_token(&berth, "first", &first).await;
    access.bind(&berth, "after").await;
    // A file that is gone takes nothing away.
    fs::remove_file(access.path("token")).expect("it is there");
    let warned = async || {
        // Something to ask the API server, so that the file is missed.
        let pod = format!("without-{}", Timestamp::now().as_nanosecond());
        access.bind(&berth, &pod).await;
        berth.log().contains("no new credentials: token file").then_some(())
    };
    berth.wait_for("a word about the file", warned).await;
    berth.stop().await;
    let log = berth.log();
    assert!(!log.contains(&first) && !log.contains(&second), "{log}");
    assert_eq!(log.matches("no new credentials").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_run_again_before_its_token_ends() {
    let test = "a_plugin_is_run_again_before_its_token_ends";
    let Some(access) = Access::start(test, &Options::default()).await else { return };
    access.create_service_account().await;
    let (first, second) = (access.token("first").await, access.token("second").await);
    let ends = Timestamp::now() + SHORT;
    let short = exec_credential(&json!({"token": first, "expirationTimestamp": ends.to_string()}));
    access.write("credential", &short);
    let user = exec_user(&plugin(&access));
    let berth = Berth::start(&access.kubeconfig("k", &access.cluster(), &user), "berth", &[]);
    access.bind(&berth, "before").await;
    let long = Timestamp::now() + SignedDuration::from_hours(1);
    let long = exec_credential(&json!({"token": second, "expirationTimestamp": long.to_string()}));
    access.write("credential", &long);
    bind_until_printed(&access, &berth, &long).await;
    let runs = printed(&access).len();
    access.end_token(&berth, "first", &first).await;
    access.bind(&berth, "after").await;
    assert_eq!(printed(&access).len(), runs, "the second token is good for an hour");
    berth.stop().await;
    assert!(!berth.log().contains(&second), "{}", berth.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_run_again_after_its_token_was_refused_and_after_its_own_failure() {
    let test = "a_plugin_is_run_again_after_its_token_was_refused_and_after_its_own_failure";
    let Some(access) = Access::start(test, &Options::default()).await else { return };
    access.create_service_account().await;
    let (first, second) = (access.token("first").await, access.token("second").await);
    access.write("credential", &exec_credential(&json!({"token": first})));
    let user = exec_user(&plugin(&access));
    let berth = Berth::start(&access.kubeconfig("k", &access.cluster(), &user), "berth", &[]);
    access.bind(&berth, "before").await;
    access.script("plugin", "echo 'the moon is in the wrong phase' >&2; exit 4");
    access.end_token(&berth, "first", &first).await;
    access.create_pod("after").await;
    berth.wait_for_log("the moon is in the wrong phase").await;
    access.write("credential", &exec_credential(&json!({"token": second})));
    plugin(&access);
    access.bound(&berth, "after").await;
    berth.wait_for_log("there are credentials again").await;
    berth.stop().await;
    let log = berth.log();
    let line = log.lines().find(|line| line.contains("no new credentials")).unwrap_or_default();
    let path = access.path("plugin");
    let want = format!("user \"tester\": credential plugin {path:?}: exit status: 4: the moon");
    assert!(line.contains(&want), "{log}");
    assert!(!log.contains(&first) && !log.contains(&second), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_may_give_certificates_one_after_the_other() {
    let test = "a_plugin_may_give_certificates_one_after_the_other";
    let authority = Authority::new();
    let Some(access) = Access::start(test, &authority.options()).await else { return };
    let credential = |user: &str, ends: Timestamp| {
        let (certificate, key) = authority.user(user, "users");
        exec_credential(&json!({
            "clientCertificateData": certificate, "clientKeyData": key,
            "expirationTimestamp": ends.to_string(),
        }))
    };
    for user in ["one", "two"] {
        access.allow(user, &json!({"kind": "User", "name": user})).await;
    }
    access.write("credential", &credential("one", Timestamp::now() + SHORT));
    let user = exec_user(&plugin(&access));
    let berth = Berth::start(&access.kubeconfig("k", &access.cluster(), &user), "berth", &[]);
    access.bind(&berth, "before").await;
    let hour = SignedDuration::from_hours(1);
    let second = credential("two", Timestamp::now() + hour);
    access.write("credential", &second);
    bind_until_printed(&access, &berth, &second).await;
    // The first user's watches go on, its Bindings would not.
    access.forbid("one").await;
    access.bind(&berth, "after").await;
    berth.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_credentials_it_does_not_start_and_says_why_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let exec = |command: &str, more: Value| {
        let mut exec = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", command],
        });
        exec.as_object_mut()
            .expect("it is one")
            .extend(more.as_object().cloned().unwrap_or_default());
        json!({"exec": exec})
    };
    let hint = "install it";
    let rows = [
        (
            exec("echo s3cret; echo broken >&2; exit 3", json!({})),
            "credential plugin \"sh\": exit status: 3: broken",
        ),
        (
            exec("", json!({"command": "/nowhere/plugin", "installHint": hint})),
            "credential plugin \"/nowhere/plugin\": cannot be run: No such file or directory (os error 2); install it",
        ),
        (exec("echo s3cret", json!({})), "\"sh\": does not print an ExecCredential"),
        (
            exec("", json!({"interactiveMode": "Always"})),
            "needs a terminal (interactiveMode: Always), and berth has none",
        ),
    ];
    for (user, want) in rows {
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        });
        let path = folder.path().join("kubeconfig");
        fs::write(&path, kubeconfig.to_string()).expect("it can be written");
        let berth = Berth::start(&path, "berth", &[]);
        let status = berth.exit().await;
        let log = berth.log();
        assert_eq!(status.code(), Some(2), "{log}");
        let path = path.display();
        let line = format!("error: kubeconfig {path}: user \"u\": ");
        assert!(
            log.starts_with(&line) && log.trim_end().ends_with(want),
            "{log} should say {want}"
        );
        assert!(log.lines().count() == 1 && !log.contains("s3cret"), "{log}");
    }
}
