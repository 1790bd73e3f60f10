//! Many watchers of the embedded API server at once, each with a connection of its own: every one of them
//! sees every event once and in order, also beside one that never reads.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use berth::apiserver::server::{Options, Server};
use berth::apiserver::store::Limits;
use berth::server::listener::Listener;
use http::Request;
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::{Client, Config};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const WATCHERS: usize = 200;
const PODS: usize = 1000;
/// So many pods are created and bound before it is waited for that every watcher has seen them.
const BATCH: usize = 50;
/// More than a batch has in events, so that no watcher that reads is ever cut, and far less than all.
const QUEUE_BYTES_MAX: usize = 1 << 20;
/// Makes all events together larger than what the system buffers for a client that does not read.
const FILLER_BYTES: usize = 3000;
const STALLED_MAX: Duration = Duration::from_secs(5);
const PODS_PATH: &str = "/api/v1/namespaces/default/pods";
/// The pod that ends the watches.
const LAST: &str = "last";

/// What is looked at of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    kind: String,
    name: String,
    version: u64,
    node: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    object: Pod,
}

#[derive(Deserialize)]
struct Pod {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    resource_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
}

impl From<Event> for Seen {
    fn from(event: Event) -> Self {
        let Pod { metadata, spec } = event.object;
        let version = metadata.resource_version.parse().expect("a version is a number");
        Self { kind: event.kind, name: metadata.name, version, node: spec.node_name }
    }
}

fn start(limits: Limits) -> (Server, Client) {
    let listener = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    let options = Options { limits, stalled_max: STALLED_MAX, ..Options::default() };
    let server = Server::start(listener, options).expect("it can be served");
    let url = format!("http://{}", server.address()).parse().expect("an address is a URL");
    let mut config = Config::new(url);
    config.read_timeout = None;
    (server, Client::try_from(config).expect("the configuration is complete"))
}

async fn send(client: &Client, method: &str, path: &str, body: Option<&Value>) -> Value {
    let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json").body(bytes);
    client.request(request.expect("a request")).await.expect("an answer")
}

async fn create(client: &Client, name: &str) {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "annotations": {"filler": "x".repeat(FILLER_BYTES)}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    send(client, "POST", PODS_PATH, Some(&pod)).await;
}

async fn bind(client: &Client, name: &str) {
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
        "target": {"kind": "Node", "name": "n"},
    });
    send(client, "POST", &format!("{PODS_PATH}/{name}/binding"), Some(&binding)).await;
}

/// Watches the pods after `version` and returns what is seen up to [`LAST`].
async fn see(body: Body, progress: watch::Sender<usize>) -> Vec<Seen> {
    let (mut body, mut rest, mut seen) = (body, Vec::new(), Vec::new());
    loop {
        let frame = body.frame().await.expect("the watch goes on").expect("it can be read");
        rest.extend_from_slice(&frame.into_data().expect("data"));
        let mut at = 0;
        while let Some(end) = rest[at..].iter().position(|byte| *byte == b'\n') {
            let event: Event = serde_json::from_slice(&rest[at..at + end]).expect("an event");
            at += end + 1;
            seen.push(Seen::from(event));
        }
        rest.drain(..at);
        progress.send_replace(seen.len());
        if seen.last().is_some_and(|seen| seen.name == LAST) {
            return seen;
        }
    }
}

/// Opens a watch and reads nothing of it.
async fn stall(server: &Server, version: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(server.address()).await.expect("a connection");
    let path = format!("{PODS_PATH}?watch=1&resourceVersion={version}");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_watcher_sees_every_event_once_and_in_order() {
    let limits = Limits { watch_queue_bytes: QUEUE_BYTES_MAX, ..Limits::default() };
    let (server, client) = start(limits);
    let list = send(&client, "GET", PODS_PATH, None).await;
    let version = list["metadata"]["resourceVersion"].as_str().expect("a version");

    let mut stalled = stall(&server, version).await;
    let mut watchers = JoinSet::new();
    let mut progress = Vec::new();
    for _ in 0..WATCHERS {
        let path = format!("{PODS_PATH}?watch=1&resourceVersion={version}");
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let answer = client.send(request).await.expect("the watch begins");
        assert_eq!(answer.status(), 200);
        let (sender, receiver) = watch::channel(0);
        watchers.spawn(see(answer.into_body(), sender));
        progress.push(receiver);
    }

    for batch in (0..PODS).step_by(BATCH) {
        for pod in batch..batch + BATCH {
            let name = format!("pod-{pod:04}");
            create(&client, &name).await;
            bind(&client, &name).await;
        }
        for seen in &mut progress {
            let all = seen.wait_for(|seen| *seen >= 2 * (batch + BATCH)).await;
            drop(all.expect("the watcher is there"));
        }
    }
    create(&client, LAST).await;

    let all = watchers.join_all().await;
    assert_eq!(all.len(), WATCHERS);
    let first = &all[0];
    assert!(first.is_sorted_by(|a, b| a.version < b.version), "in the order of their versions");
    assert_eq!(first.len(), 2 * PODS + 1);
    for (pod, events) in first.chunks_exact(2).enumerate() {
        let name = format!("pod-{pod:04}");
        let what = events.iter().map(|seen| (&*seen.kind, &*seen.name, seen.node.as_deref()));
        let want = [("ADDED", &*name, None), ("MODIFIED", &*name, Some("n"))];
        assert_eq!(what.collect::<Vec<_>>(), want);
    }
    for other in &all {
        assert!(other == first, "all watchers see the same");
    }

    // What the system had taken for it comes, and then the end; the last pod never does.
    let mut got = Vec::new();
    // A reset is an end, too.
    let _ = stalled.read_to_end(&mut got).await;
    let got = String::from_utf8_lossy(&got);
    assert!(got.starts_with("HTTP/1.1 200 OK"), "{}", &got[..got.len().min(200)]);
    assert!(!got.contains(&format!(r#""name":"{LAST}""#)), "it was cut before the end");
}
