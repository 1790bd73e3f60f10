//! Health and metrics of `berth run` as probes and scrapers see them: without an API server, with the real
//! one, while it stops, and under strangers who mean no good.

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use berth::engine::Kind;
use rcgen::{CertificateParams, KeyPair};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use support::berth::Berth;
use support::control_plane::ControlPlane;
use support::endpoint::{Answer, Endpoint, free_port, plain_of, start_secure};
use support::memory::resident_kib;
use support::plain::{node, pod};
use support::proxy::{Action, Proxy};
use support::rest::{NODES, Rest, pods_path};

const PLAIN: [&str; 2] = ["--http-address", "127.0.0.1:0"];
/// Connections that are opened at once.
const FLOOD: usize = 2000;
/// What berth may have in memory after all that, in kB; it begins with some 15,000.
const MEMORY_MAX_KB: u64 = 64 << 10;

/// A kubeconfig that leads to where nobody listens.
fn nowhere() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("kubeconfig");
    let server = format!("http://127.0.0.1:{}", free_port());
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "nobody"}}],
    });
    fs::write(&path, kubeconfig.to_string()).expect("the kubeconfig can be written");
    (folder, path)
}

/// The answer to be: a status and a whole body.
fn answer(status: u16, body: &str) -> Answer {
    (status, body.to_owned())
}

#[tokio::test]
async fn without_an_api_server_it_is_alive_and_not_ready() {
    let (_folder, kubeconfig) = nowhere();
    let berth = Berth::start(&kubeconfig, "s", &PLAIN);
    let endpoint = plain_of(&berth).await;
    for path in ["/livez", "/healthz", "/livez/ping", "/livez/engine", "/readyz/shutdown"] {
        assert_eq!(endpoint.get(path).await, Some(answer(200, "ok")), "{path}");
    }
    let failed = "[+]engine ok\n[+]shutdown ok\n[-]sched-handler-sync failed: reason \
                  withheld\nreadyz check failed\n";
    assert_eq!(endpoint.get("/readyz").await, Some(answer(500, failed)));
    let kinds: Vec<_> = Kind::all().map(Kind::plural).collect();
    let reason = format!(
        "internal server error: handlers are not fully synchronized: not listed yet: {}\n",
        kinds.join(", ")
    );
    assert_eq!(endpoint.get("/readyz/sched-handler-sync").await, Some(answer(500, &reason)));
    assert_eq!(endpoint.get("/readyz?exclude=sched-handler-sync").await, Some(answer(200, "ok")));
    assert_eq!(endpoint.get("/configz").await, Some(answer(404, "404 page not found\n")));
    let (status, metrics) = endpoint.get("/metrics").await.expect("there is an answer");
    assert!(status == 200 && metrics.starts_with("# HELP "), "{metrics}");
    berth.stop().await;
    assert_eq!(endpoint.get("/livez").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_with_the_watches_and_not_while_it_stops() {
    let test = "ready_with_the_watches_and_not_while_it_stops";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let rest = Rest(plane.client().await);
    let proxy = Proxy::start(plane.client().await).await;
    proxy.decide(|_| Action::Hold);
    let (berth, endpoint) = start_secure(&proxy.kubeconfig(), "s", &PLAIN).await;
    let ready = async |path: &str| endpoint.get(path).await.filter(|(status, _)| *status == 200);
    berth.wait_for("readiness", async || ready("/readyz").await).await;
    let passed = "[+]engine ok\n[+]shutdown ok\n[+]sched-handler-sync ok\nreadyz check \
                  passed\n";
    assert_eq!(endpoint.get("/readyz?verbose").await, Some(answer(200, passed)));
    assert_eq!(plain_of(&berth).await.get("/readyz").await, Some(answer(200, "ok")));

    rest.create(NODES, &node("n", "4")).await;
    rest.create(&pods_path("default"), &pod("held", "s", "1")).await;
    let asked = async || proxy.asked_for("held").into_iter().next();
    berth.wait_for("a Binding", asked).await;
    berth.ask_to_stop();
    let failed = "[+]engine ok\n[-]shutdown failed: reason withheld\n\
                  [+]sched-handler-sync ok\nreadyz check failed\n";
    let stopping =
        async || (endpoint.get("/readyz").await == Some(answer(500, failed))).then_some(());
    berth.wait_for("an end of readiness", stopping).await;
    assert_eq!(endpoint.get("/livez").await, Some(answer(200, "ok")));
    let shutdown = Some(answer(500, "internal server error: process is shutting down\n"));
    assert_eq!(endpoint.get("/readyz/shutdown").await, shutdown);
    proxy.release("held");
    assert!(berth.exit().await.success(), "{}", berth.log());
    assert_eq!(endpoint.get("/livez").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_a_pod_waits_is_there_in_full_however_much_of_it_its_event_says() {
    const RESOURCES: usize = 28;
    let test = "why_a_pod_waits_is_there_in_full_however_much_of_it_its_event_says";
    let Some(plane) = ControlPlane::start(test).await else { return };
    let rest = Rest(plane.client().await);
    let berth = Berth::start(&plane.kubeconfig(), "s", &PLAIN);
    let endpoint = plain_of(&berth).await;
    rest.create(NODES, &node("n", "4")).await;
    let wanted = (0..RESOURCES).map(|at| format!("example.com/nobody-has-any-of-these-{at:02}"));
    let wanted: Vec<String> = wanted.collect();
    let pods = pods_path("default");
    // Two that are alike in why they wait, but for a third.
    for name in ["a", "b", "c"] {
        let mut pod = pod(name, "s", "1");
        let resources = &mut pod["spec"]["containers"][0]["resources"];
        for resource in wanted.iter().skip(usize::from(name == "c")) {
            resources["requests"][resource] = json!("1");
            resources["limits"][resource] = json!("1");
        }
        rest.create(&pods, &pod).await;
    }
    let asked = async |query: &str| -> Option<Value> {
        let (status, body) = endpoint.get(&format!("/debug/pending-pods{query}")).await?;
        (status == 200).then(|| serde_json::from_str(&body).expect("it is JSON"))
    };
    let all = async || {
        let found = asked("?namespace=default").await?;
        let reasons = found["reasons"].as_array()?;
        let told = reasons.len() == 2 && reasons.iter().all(|reason| reason["message"].is_string());
        (found["queue"]["unschedulable"] == 3 && told).then_some(found)
    };
    let all = berth.wait_for("three pods that wait for two reasons", all).await;
    assert_eq!((&all["count"], &all["reasonsLeftOut"]), (&json!(3), &json!(0)), "{all}");
    let shared = all["reasons"].as_array().into_iter().flatten().find(|it| it["count"] == 2);
    let shared = shared.expect("two wait for the same reason");
    assert_eq!(shared["pods"], json!(["default/a", "default/b"]));
    assert_eq!(shared["plugins"], json!(["NodeResourcesFit"]));
    let message = shared["message"].as_str().expect("it says why");
    assert!(message.starts_with("0/1 nodes are available: "), "{message}");
    let said = |resource: &&String| message.contains(&format!("1 Insufficient {resource}"));
    assert_eq!(wanted.iter().filter(said).count(), RESOURCES, "{message}");

    let one = asked("?namespace=default&name=b").await.expect("it waits");
    assert_eq!((&one["message"], &one["place"]), (&json!(message), &json!("unschedulable")));
    let reported = async || {
        let events = rest.events("default").await;
        let about = |event: &&Value| {
            event["reason"] == "FailedScheduling" && event["regarding"]["name"] == "b"
        };
        events.iter().find(about).map(|event| event["note"].clone())
    };
    let note = berth.wait_for("its event", reported).await;
    let note = note.as_str().expect("an event has a note");
    let kept = note.strip_suffix(" ...").expect("it is cut");
    assert!(note.len() == 1024 && message.len() > 1024 && message.starts_with(kept), "{note}");
    assert_eq!(asked("?namespace=default&name=d").await, None, "there is no such pod");
    berth.stop().await;
}

/// Puts a new file in the place of an old one.
fn replace(folder: &Path, name: &str, text: &str) {
    let new = folder.join("new");
    fs::write(&new, text).expect("a file can be written");
    fs::rename(new, folder.join(name)).expect("a file can be renamed");
}

/// A certificate for 127.0.0.1, DER; with its key it is in the files `crt` and `key`.
fn write_certificate(folder: &Path) -> Vec<u8> {
    let key = KeyPair::generate().expect("a key can be made");
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("the name is good");
    let certificate = params.self_signed(&key).expect("a certificate can be made");
    replace(folder, "crt", &certificate.pem());
    replace(folder, "key", &key.serialize_pem());
    certificate.der().to_vec()
}

#[tokio::test]
async fn a_given_certificate_is_shown_and_a_new_one_is_taken_over() {
    let (folder, kubeconfig) = nowhere();
    let first = write_certificate(folder.path());
    let path = |name| folder.path().join(name).display().to_string();
    let flags = ["--tls-cert-file", &path("crt"), "--tls-private-key-file", &path("key")];
    let (berth, endpoint) = start_secure(&kubeconfig, "s", &flags).await;
    let asked = async |certificate: &[u8]| endpoint.trusting(certificate).get("/livez").await;
    assert_eq!(asked(&first).await, Some(answer(200, "ok")));
    let second = write_certificate(folder.path());
    berth.wait_for("the new certificate", async || asked(&second).await).await;
    assert_eq!(asked(&first).await, None);

    replace(folder.path(), "crt", "nonsense");
    let complaint = "crt: no PEM section with a certificate in it";
    let kept = async || {
        assert_eq!(asked(&second).await, Some(answer(200, "ok")));
        berth.log().contains(complaint).then_some(())
    };
    berth.wait_for("a word about the nonsense", kept).await;
    berth.stop().await;
    assert_eq!(berth.log().matches(complaint).count(), 1, "{}", berth.log());
}

#[tokio::test]
async fn what_cannot_be_served_is_said_before_anything_is_started() {
    let (folder, kubeconfig) = nowhere();
    write_certificate(folder.path());
    let path = |name| folder.path().join(name).display().to_string();
    let (crt, key) = (path("crt"), path("key"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let in_use = format!("listen on {address}: address in use; choose another");
    let port = address.port().to_string();
    let secure = ["--bind-address", "127.0.0.1", "--secure-port", &port];
    let cases: [(&[&str], String); 5] = [
        (&secure, format!("{in_use} --secure-port, or 0 for none")),
        (&["--http-address", &address.to_string()], format!("{in_use} --http-address")),
        (
            &["--tls-cert-file", &crt],
            format!("--tls-cert-file: {crt}: --tls-private-key-file is needed with it"),
        ),
        (
            &["--secure-port=1", "--tls-cert-file", &key, "--tls-private-key-file", &key],
            format!("{key}: no PEM section with a certificate in it"),
        ),
        (
            &["--secure-port=1", "--tls-cert-file", &crt, "--tls-private-key-file", "/none"],
            "/none: No such file or directory (os error 2)".to_owned(),
        ),
    ];
    for (flags, said) in cases {
        let berth = Berth::start(&kubeconfig, "s", flags);
        assert_eq!(berth.exit().await.code(), Some(2), "{}", berth.log());
        assert_eq!(berth.log(), format!("error: {said}\n"));
        assert!(!berth.has_decision_log(), "it may be that of a berth that runs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_who_mean_no_good() {
    // Half of the connections are at this end.
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(3 * FLOOD as u64, |maximum| maximum.min(3 * FLOOD as u64));
    if current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).unwrap();
    }
    let flood = FLOOD.min(usize::try_from(wanted).unwrap() / 2);

    let (_folder, kubeconfig) = nowhere();
    let (berth, secure) = start_secure(&kubeconfig, "s", &PLAIN).await;
    let plain = plain_of(&berth).await;
    let long = vec![b'A'; 100_000];
    let beginnings: [&[u8]; 8] = [
        b"",
        b"GET /livez HTTP/1.1\r\nhost: a\r\nslow: ",
        b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x16\xff\xff\xff\xff\xff",
        &[0; 512],
        &long,
    ];
    for endpoint in [&plain, &secure] {
        let mut strangers = Vec::new();
        for i in 0..flood {
            let mut stranger = TcpStream::connect(endpoint.address).await.unwrap();
            // Some are closed while they speak.
            let _ = stranger.write_all(beginnings[i % beginnings.len()]).await;
            strangers.push(stranger);
        }
        answers(endpoint).await;
        // The first ones have made room for others.
        let mut read = Vec::new();
        let end = strangers[0].read_to_end(&mut read);
        assert!(timeout(Duration::from_mins(1), end).await.is_ok(), "the first one is still there");
    }
    answers(&plain).await;
    answers(&secure).await;
    let memory = resident_kib(berth.id());
    assert!(memory < MEMORY_MAX_KB, "{memory} kB");
    berth.stop().await;
    assert!(!berth.log().contains("panic"), "{}", berth.log());
}

/// Waits until all is well there.
async fn answers(endpoint: &Endpoint) {
    // A connection of ours may be the one that makes room for the last strangers.
    for _ in 0..600 {
        if endpoint.get("/livez").await == Some(answer(200, "ok")) {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(endpoint.get("/livez").await, Some(answer(200, "ok")));
}
