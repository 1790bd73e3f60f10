//! The secure port beside kube-scheduler's: the same requests to both, from the same people, and the same
//! answers. Both know people by the same real API server.

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use k8s_openapi::ByteString;
use kube::client::Body;
use kube::config::AuthInfo;
use kube::{Client, Config};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use support::berth::Berth;
use support::control_plane::{ControlPlane, Options};
use support::endpoint::{free_port, start_secure};
use support::process::Process;
use support::users::User;
use support::{require, upstream};

/// How long kube-scheduler may take to answer.
const DEADLINE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);
/// How often a port is chosen anew that another program has taken meanwhile.
const PORT_CHOICES_MAX: usize = 5;

/// Who asks.
#[derive(Clone, Debug, Default)]
struct Person {
    token: Option<&'static str>,
    /// Certificate and key, PEM.
    certificate: Option<(String, String)>,
}

impl Person {
    fn with_token(token: &'static str) -> Self {
        Self { token: Some(token), ..Self::default() }
    }
}

/// An authority that signs certificates of clients.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate can be made").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn person(&self, name: &str, group: &str) -> Person {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("it can be signed");
        Person { certificate: Some((certificate.pem(), key.serialize_pem())), token: None }
    }

    fn write(&self, folder: &TempDir, name: &str) -> String {
        let path = folder.path().join(name);
        std::fs::write(&path, &self.pem).expect("the folder can be written");
        path.display().to_string()
    }
}

/// Status, content type and body.
type Answer = (u16, String, String);

fn client(port: u16, person: &Person) -> Client {
    let uri = format!("https://127.0.0.1:{port}");
    let mut config = Config::new(uri.parse().expect("a port makes a URI"));
    config.accept_invalid_certs = true;
    if let Some((certificate, key)) = &person.certificate {
        let base64 = |text: &str| {
            let text = serde_json::to_value(ByteString(text.as_bytes().to_vec()));
            text.expect("bytes are written").as_str().expect("as a text").to_owned()
        };
        config.auth_info = AuthInfo {
            client_certificate_data: Some(base64(certificate)),
            client_key_data: Some(base64(key).into()),
            ..AuthInfo::default()
        };
    }
    Client::try_from(config).expect("the configuration is good")
}

/// A request: who asks, how, for what, and with which headers.
struct Question {
    person: Person,
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: &'static str,
}

async fn ask(port: u16, question: &Question) -> Option<Answer> {
    let mut request = Request::builder().method(question.method).uri(question.path);
    if let Some(token) = question.person.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in &question.headers {
        request = request.header(*name, *value);
    }
    let body = Body::from(question.body.as_bytes().to_vec());
    let request = request.body(body).expect("a test writes requests");
    let response = client(port, &question.person).send(request).await.ok()?;
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type");
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    Some((status, kind, String::from_utf8_lossy(&body).into_owned()))
}

fn question(person: &Person, path: &'static str) -> Question {
    Question { person: person.clone(), method: "GET", path, headers: Vec::new(), body: "" }
}

/// kube-scheduler with a secure port on loopback.
struct Upstream {
    _process: Process,
    _folder: TempDir,
    port: u16,
}

impl Upstream {
    async fn start(program: &Path, flags: &[String]) -> Self {
        let mut choices = 0;
        loop {
            choices += 1;
            assert!(choices <= PORT_CHOICES_MAX, "no port stays free");
            let folder = tempfile::Builder::new().prefix("kube-scheduler-").tempdir();
            let folder = folder.expect("a folder for the log can be made");
            let port = free_port();
            let mut command = Command::new(program);
            command.args(["--secure-port", &port.to_string()]).args(flags);
            let process = Process::spawn(&mut command, &folder.path().join("log"));
            let mut process = process.expect("kube-scheduler can be started");
            let deadline = Instant::now() + DEADLINE;
            let ready = question(&Person::default(), "/readyz");
            while process.exited().expect("it can be looked at").is_none() {
                if ask(port, &ready).await.is_some_and(|(status, ..)| status == 200) {
                    return Self { _process: process, _folder: folder, port };
                }
                assert!(Instant::now() < deadline, "not ready; {}", process.log_tail());
                sleep(POLL).await;
            }
            assert!(
                process.log_tail().contains("address already in use"),
                "{}",
                process.log_tail()
            );
        }
    }
}

/// Both schedulers, and what it takes to ask them.
struct Pair {
    upstream: Upstream,
    berth: Berth,
    port: u16,
    clients: Authority,
    proxies: Authority,
    _plane: ControlPlane,
    _folder: TempDir,
}

impl Pair {
    async fn start(test: &str) -> Option<Self> {
        let program = upstream::binary("kube-scheduler").expect("kube-scheduler can be built");
        let program = require(test, "kube-scheduler", Ok(program))?;
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (clients, proxies) = (Authority::new("clients"), Authority::new("proxies"));
        let flags = [
            ("--client-ca-file", clients.write(&folder, "clients.crt")),
            ("--requestheader-client-ca-file", proxies.write(&folder, "proxies.crt")),
            ("--requestheader-allowed-names", "front".to_owned()),
            ("--requestheader-username-headers", "X-Remote-User".to_owned()),
            ("--requestheader-group-headers", "X-Remote-Group".to_owned()),
            ("--requestheader-extra-headers-prefix", "X-Remote-Extra-".to_owned()),
        ];
        let options = Options {
            users: vec![
                User::new("viewer", &["devs"]),
                User::new("monitor", &["system:monitoring"]),
            ],
            apiserver_flags: flags.map(|(name, value)| format!("{name}={value}")).to_vec(),
            ..Options::default()
        };
        let plane = ControlPlane::start_with(test, &options).await?;
        let kubeconfig = plane.kubeconfig();
        let path = kubeconfig.display().to_string();
        let shared = [
            format!("--authentication-kubeconfig={path}"),
            format!("--authorization-kubeconfig={path}"),
            "--leader-elect=false".to_owned(),
            // Their defaults differ on purpose.
            "--leader-elect-resource-name=lease".to_owned(),
            "--leader-elect-resource-namespace=default".to_owned(),
        ];
        let (berth, endpoint) =
            start_secure(&kubeconfig, "s", &shared.each_ref().map(String::as_str)).await;
        let ready = question(&Person::default(), "/readyz");
        let port = endpoint.address.port();
        let is_ready = async || ask(port, &ready).await.filter(|(status, ..)| *status == 200);
        berth.wait_for("readiness", is_ready).await;
        let as_berth = ["--kube-api-qps=5000", "--kube-api-burst=5000", "--bind-address=127.0.0.1"];
        let mut flags: Vec<_> = as_berth.iter().map(ToString::to_string).collect();
        flags.push(format!("--kubeconfig={path}"));
        flags.extend(shared);
        let upstream = Upstream::start(&program, &flags).await;
        Some(Self { upstream, berth, port, clients, proxies, _plane: plane, _folder: folder })
    }

    /// The answers of kube-scheduler and berth, what must differ taken out.
    async fn ask(&self, question: &Question) -> [Answer; 2] {
        let upstream = ask(self.upstream.port, question).await;
        let berth = ask(self.port, question).await;
        let path = question.path;
        [upstream, berth].map(|answer| {
            let (status, kind, body) = answer.expect("both answer");
            let body = body
                .replace("kube-scheduler statusz", "berth statusz")
                .replace("kube-scheduler flagz", "berth flagz")
                // A check of berth's own.
                .replace("[+]engine ok\n", "");
            let flags = path == "/flagz" && kind.starts_with("text/");
            (status, kind, if flags { without_delimiters(&body) } else { body })
        })
    }

    async fn same(&self, question: &Question) {
        let [upstream, berth] = self.ask(question).await;
        let Question { person, method, path, headers, .. } = question;
        assert_eq!(upstream, berth, "{person:?}: {method} {path} {headers:?}");
    }
}

/// What `/flagz` says, without the port and with one delimiter: kube-scheduler chooses one by chance.
fn without_delimiters(text: &str) -> String {
    let line = |line: &str| {
        let delimiter = |c: char| [':', '=', ' '].contains(&c);
        let (name, value) = line.split_once(delimiter).unwrap_or((line, ""));
        let value = if name == "secure-port" { "PORT" } else { value.trim_start() };
        format!("{name}={value}\n")
    };
    text.lines().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secure_port_answers_as_upstreams() {
    let test = "the_secure_port_answers_as_upstreams";
    let Some(pair) = Pair::start(test).await else { return };
    people(&pair).await;
    paths(&pair).await;
    pages(&pair).await;
    log_level(&pair).await;
    pair.berth.stop().await;
}

/// Everybody asks for a path that all may ask for, for one that some may, and for one that only masters may.
async fn people(pair: &Pair) {
    let people = [
        Person::default(),
        Person::with_token("token-of-admin"),
        Person::with_token("token-of-viewer"),
        Person::with_token("token-of-monitor"),
        Person::with_token("token-of-nobody"),
        pair.clients.person("alice", "devs"),
        pair.clients.person("bob", "system:masters"),
        pair.clients.person("carol", "system:monitoring"),
        pair.proxies.person("front", "x"),
        pair.proxies.person("back", "x"),
        Authority::new("strangers").person("mallory", "system:masters"),
        Person { token: Some("token-of-admin"), ..pair.proxies.person("back", "x") },
    ];
    for person in &people {
        for path in ["/healthz", "/livez/ping", "/nothing", "/a%20b?c=d"] {
            pair.same(&question(person, path)).await;
            for named in ["dave", ""] {
                let headers = vec![("x-remote-user", named), ("x-remote-group", "system:masters")];
                pair.same(&Question { headers, ..question(person, path) }).await;
            }
        }
    }
    let viewer = Person::with_token("token-of-viewer");
    for headers in [
        vec![("accept", "application/yaml")],
        vec![("accept", "text/html")],
        vec![("user-agent", "curl/8")],
        vec![("authorization", "Basic YTpi")],
    ] {
        let [upstream, berth] =
            pair.ask(&Question { headers, ..question(&viewer, "/metrics") }).await;
        assert_eq!((upstream.0, &upstream.1), (berth.0, &berth.1));
        assert_eq!(parsed(&upstream.2), parsed(&berth.2));
    }
}

/// YAML, of which JSON is a part.
fn parsed(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("the body is JSON or YAML")
}

async fn paths(pair: &Pair) {
    let admin = Person::with_token("token-of-admin");
    for path in [
        "/",
        "/healthz",
        "/healthz?verbose",
        "/healthz?exclude=x&verbose",
        "/healthz/",
        "/healthz/ping",
        "/healthz/nope",
        "/livez",
        "/livez?verbose",
        "/livez/ping",
        "/livez/nope",
        "/readyz",
        "/readyz?verbose",
        "/readyz?verbose&exclude=shutdown",
        "/readyz/ping",
        "/readyz/shutdown",
        "/readyz/sched-handler-sync",
        "/readyz/leaderElection",
        "/flagz",
        "/debug/flags",
        "/debug/flags/",
        "/debug/flags/v",
        "/debug/nothing",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            pair.same(&Question { method, ..question(&admin, path) }).await;
        }
    }
    for path in ["/metrics", "/metrics/resources"] {
        let [upstream, berth] =
            pair.ask(&Question { method: "DELETE", ..question(&admin, path) }).await;
        assert_eq!((upstream.0, upstream.2), (berth.0, berth.2), "DELETE {path}");
    }
    let [upstream, berth] = pair.ask(&question(&admin, "/metrics/slis")).await;
    assert_eq!((upstream.0, &upstream.1), (berth.0, &berth.1));
    let of_ping = |text: &str| {
        let lines = text.lines().filter(|line| line.starts_with('#') || line.contains("\"ping\""));
        lines.map(|line| line.split(' ').take(3).collect::<String>()).collect::<Vec<_>>()
    };
    assert!(of_ping(&upstream.2).len() > 4);
    let [upstream, berth] = pair.ask(&question(&admin, "/configz")).await;
    assert_eq!((upstream.0, &upstream.1), (berth.0, &berth.1));
    assert_eq!(configuration(&upstream.2), configuration(&berth.2));
}

/// What `/configz` says, without the name of the profile and the plugins, which are compared elsewhere.
fn configuration(text: &str) -> Value {
    let mut all: Value = serde_json::from_str(text).expect("it is JSON");
    let profile = &mut all["componentconfig"]["profiles"][0];
    profile["schedulerName"] = Value::Null;
    all
}

async fn pages(pair: &Pair) {
    let admin = Person::with_token("token-of-admin");
    for (path, kind) in [("/flagz", "Flagz"), ("/statusz", "Statusz")] {
        let structured = |form: &str, version: &str| -> &'static str {
            format!("application/{form};g=config.k8s.io;v={version};as={kind}").leak()
        };
        for accept in [
            structured("json", "v1beta1"),
            structured("json", "v1alpha1"),
            structured("yaml", "v1beta1"),
            structured("json", "v2"),
            "application/json",
            "application/cbor",
            "text/html",
        ] {
            let question = Question { headers: vec![("accept", accept)], ..question(&admin, path) };
            let [upstream, berth] = pair.ask(&question).await;
            assert_eq!((upstream.0, &upstream.1), (berth.0, &berth.1), "{path} {accept}");
            let bodies = [&upstream.2, &berth.2].map(|text| {
                let mut object = parsed(text);
                for field in ["startTime", "uptimeSeconds", "goVersion", "binaryVersion"] {
                    if let Some(value) = object.get_mut(field) {
                        *value = Value::Null;
                    }
                }
                if let Some(name) = object.pointer_mut("/metadata/name") {
                    *name = Value::Null;
                }
                if let Some(port) = object.pointer_mut("/flags/secure-port") {
                    *port = Value::Null;
                }
                object
            });
            assert_eq!(bodies[0], bodies[1], "{path} {accept}");
        }
        for accept in ["*/*", "text/plain", "text/plain;q=0.5,*/*"] {
            let question = Question { headers: vec![("accept", accept)], ..question(&admin, path) };
            let [upstream, berth] = pair.ask(&question).await;
            assert_eq!((upstream.0, &upstream.1), (berth.0, &berth.1), "{path} {accept}");
            let lines = |text: &str| text.lines().count();
            assert_eq!(lines(&upstream.2), lines(&berth.2), "{path} {accept}");
        }
    }
}

async fn log_level(pair: &Pair) {
    let admin = Person::with_token("token-of-admin");
    let put = |person: &Person, body| Question {
        method: "PUT",
        body,
        ..question(person, "/debug/flags/v")
    };
    for body in ["x", "", "-3", "99999999999999999999"] {
        pair.same(&put(&admin, body)).await;
    }
    pair.same(&put(&Person::with_token("token-of-viewer"), "5")).await;
    let detail = "unable to authenticate the request";
    assert!(!pair.berth.log().contains(detail), "{}", pair.berth.log());
    pair.same(&put(&admin, "5")).await;
    pair.same(&question(&Person::with_token("token-of-nobody"), "/livez")).await;
    pair.berth.wait_for_log(detail).await;
    pair.same(&put(&admin, "0")).await;
}
