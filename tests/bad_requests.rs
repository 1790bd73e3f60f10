//! Requests that are wrong, sent to the embedded API server and to the real one: the same code, the same
//! reason, the same words. None of them stores anything, and the server is as well after them as before.

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use berth::apiserver::kinds::Resource;
use berth::apiserver::selection::Selection;
use berth::apiserver::server::{Options, Server};
use berth::apiserver::store::ListRequest;
use berth::server::listener::Listener;
use http::Request;
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::time::timeout;

use support::control_plane::ControlPlane;

/// How long an answer, or the first event of a watch, may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const JSON_PATCH: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

const PODS: &str = "/api/v1/namespaces/default/pods";
const POD: &str = "/api/v1/namespaces/default/pods/a";
const BOUND: &str = "/api/v1/namespaces/default/pods/bound";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const MAP: &str = "/api/v1/namespaces/default/configmaps/m";

/// How much of an answer is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Same {
    /// Code, reason and message.
    All,
    /// Code and reason: the words are those of a parser.
    Reason,
    /// Nothing: the real one is not asked, for it answers something else (500 to some patches) or its answer
    /// depends on what it has; this is the code that ours has to answer.
    Ours(u16),
}
use Same::{All, Ours, Reason};

/// A wrong request.
struct Case {
    method: &'static str,
    path: String,
    media_type: &'static str,
    accept: &'static str,
    body: Vec<u8>,
    same: Same,
}

fn case(
    method: &'static str,
    path: &str,
    media_type: &'static str,
    body: impl Into<Vec<u8>>,
) -> Case {
    Case { method, path: path.to_owned(), media_type, accept: JSON, body: body.into(), same: All }
}

fn get(path: &str) -> Case {
    case("GET", path, JSON, "")
}

impl Case {
    fn same(self, same: Same) -> Self {
        Self { same, ..self }
    }

    fn accept(self, accept: &'static str) -> Self {
        Self { accept, ..self }
    }

    fn name(&self) -> String {
        let body = String::from_utf8_lossy(&self.body).chars().take(160).collect::<String>();
        let path: String = self.path.chars().take(200).collect();
        format!("{} {path} {} {} {body}", self.method, self.media_type, self.accept)
    }
}

/// What an answer says, without what differs from server to server.
#[derive(Debug, Default, PartialEq)]
struct Said {
    code: u16,
    reason: String,
    message: String,
    warnings: Vec<String>,
}

/// How often a long body is sent until its answer is seen: a server that refuses it without having read it
/// may close the connection, and the answer is lost with it.
const LONG_BODY_TRIES: usize = 50;
/// A body that is read in any case.
const SHORT_BODY_BYTES: usize = 64 << 10;

fn request(case: &Case) -> Request<Body> {
    let request = Request::builder()
        .method(case.method)
        .uri(&case.path)
        .header("content-type", case.media_type)
        .header("accept", case.accept)
        .header("user-agent", "test");
    request.body(Body::from(case.body.clone())).expect("the request is well formed")
}

async fn send(client: &Client, case: &Case) -> Said {
    let tries = if case.body.len() > SHORT_BODY_BYTES { LONG_BODY_TRIES } else { 1 };
    let mut response = None;
    for _ in 0..tries {
        // The real one may wait for a version that is still to come, as long as the client does.
        let Ok(answer) = timeout(ANSWER_MAX, client.send(request(case))).await else {
            return Said { message: "silence".into(), ..Said::default() };
        };
        response = answer.ok();
        if response.is_some() {
            break;
        }
    }
    let response = response.expect("the server answers");
    let mut code = response.status().as_u16();
    let warnings = response.headers().get_all("warning").iter();
    let warnings = warnings.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    let is_watch = case.path.contains("watch=");
    // A watch that nothing is wrong with says nothing here.
    while let Ok(Some(frame)) = timeout(ANSWER_MAX, body.frame()).await {
        bytes.extend_from_slice(&frame.expect("it is whole").into_data().unwrap_or_default());
        if is_watch && bytes.ends_with(b"\n") {
            break;
        }
    }
    let mut value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if value["type"] == "ERROR" {
        value = value["object"].take();
        code = value["code"].as_u64().and_then(|code| code.try_into().ok()).unwrap_or(0);
    }
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let message =
        if value.is_null() { String::from_utf8_lossy(&bytes).into() } else { text("message") };
    Said { code, reason: text("reason"), message: bare(&message), warnings }
}

/// Numbers of three digits and more are versions, and words as long as UIDs are those.
fn bare(message: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in message.chars().chain([' ']) {
        if c.is_ascii_alphanumeric() || c == '-' {
            word.push(c);
            continue;
        }
        let is_version = word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_digit());
        let is_uid = word.len() == 36 && word.matches('-').count() == 4;
        out.push_str(if is_version || is_uid { "X" } else { &word });
        out.push(c);
        word.clear();
    }
    out.trim_end().to_owned()
}

/// What both servers have before it begins.
fn first() -> Vec<(&'static str, String, Value)> {
    let pod = |name: &str| {
        let spec = json!({"containers": [{"name": "c", "image": "i"}]});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    };
    let of = |kind: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
    let mut map = of("ConfigMap", "m");
    map["data"] = json!({"k": "v", "n": "1"});
    let mut binding = of("Binding", "bound");
    binding["target"] = json!({"kind": "Node", "name": "n1"});
    vec![
        ("POST", "/api/v1/nodes".to_owned(), of("Node", "n1")),
        ("POST", "/api/v1/namespaces".to_owned(), of("Namespace", "going")),
        ("DELETE", "/api/v1/namespaces/going".to_owned(), json!({})),
        ("POST", PODS.to_owned(), pod("a")),
        ("POST", PODS.to_owned(), pod("bound")),
        ("POST", format!("{BOUND}/binding"), binding),
        ("POST", MAPS.to_owned(), map.clone()),
        ("PATCH", format!("{MAP}?fieldManager=first"), map),
    ]
}

async fn prepare(client: &Client) {
    for (method, path, value) in first() {
        let media_type = if method == "PATCH" { APPLY } else { JSON };
        let body = if method == "DELETE" { Vec::new() } else { value.to_string().into_bytes() };
        let said = send(client, &case(method, &path, media_type, body)).await;
        assert!(said.code < 300, "{method} {path}: {said:?}");
    }
}

fn pod(change: impl Fn(&mut Value)) -> String {
    let spec = json!({"containers": [{"name": "c", "image": "i"}]});
    let mut pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "new"}, "spec": spec});
    change(&mut pod);
    pod.to_string()
}

#[expect(clippy::too_many_lines, reason = "a table, a line or two a row")]
fn bodies() -> Vec<Case> {
    let post = |body: String| case("POST", PODS, JSON, body);
    let raw = |body: &'static str| case("POST", PODS, JSON, body);
    let dry =
        |query: &str, body: String| case("POST", &format!("{PODS}?dryRun=All{query}"), JSON, body);
    let strange = || pod(|pod| pod["spec"]["strange"] = 1.into());
    let twice = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"new","name":"new"},"spec":{"containers":[{"name":"c","image":"i"}]}}"#;
    let labels: serde_json::Map<String, Value> =
        (0..100_000).map(|i| (format!("l{i}"), "v".into())).collect();
    vec![
        raw("{").same(Reason),
        raw("").same(Reason),
        raw("[]").same(Reason),
        raw("null").same(Ours(400)),
        raw("1").same(Reason),
        raw(r#"{"apiVersion":"v1","kind":"Pod""#).same(Reason),
        case(
            "POST",
            PODS,
            JSON,
            &b"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"\xff\"}"[..],
        )
        .same(Reason),
        case("POST", PODS, YAML, "a: [").same(Reason),
        case("POST", PODS, YAML, "a: &a [*a]").same(Ours(400)),
        case("POST", PODS, YAML, "[".repeat(10_000)).same(Ours(400)),
        post("[".repeat(10_000)).same(Ours(400)),
        post("{\"a\":".repeat(10_000)).same(Ours(400)),
        post(pod(|pod| pod["metadata"]["name"] = 1.into())),
        post(pod(|pod| pod["spec"] = "x".into())),
        post(pod(|pod| pod["spec"]["containers"] = json!({}))),
        post(pod(|pod| pod["spec"]["priority"] = json!(1.5))),
        post(pod(|pod| pod["spec"]["priority"] = json!(1_u64 << 40))),
        post(pod(|_| ()).replace("\"new\"", "1e400")).same(Reason),
        post(pod(|pod| {
            pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "much"}});
        })),
        post(pod(|pod| pod["apiVersion"] = "v2".into())),
        post(pod(|pod| pod["apiVersion"] = "apps/v1".into())),
        post(pod(|pod| pod["kind"] = "Gadget".into())),
        post(pod(|pod| pod["kind"] = "Node".into())),
        post(pod(|pod| pod["metadata"]["namespace"] = "kube-system".into())),
        post(pod(|pod| pod["metadata"]["name"] = "A_b".into())),
        post(pod(|pod| pod["metadata"]["name"] = "..".into())),
        post(pod(|pod| pod["metadata"]["name"] = "a/b".into())),
        post(pod(|pod| pod["metadata"]["name"] = "a".into())),
        post(pod(|pod| pod["metadata"] = json!({}))),
        post(pod(|pod| pod["metadata"] = json!({"generateName": "A!"}))).same(Reason),
        post(pod(|pod| pod["metadata"]["resourceVersion"] = "5".into())),
        post(pod(|pod| pod["metadata"]["labels"] = json!({"a b": "c d"}))),
        dry("", pod(|pod| pod["metadata"]["labels"] = Value::Object(labels.clone())))
            .same(Ours(201)),
        post(pod(|pod| pod["metadata"]["annotations"] = json!({"a": "x".repeat(300_000)}))),
        post(pod(|pod| pod["metadata"]["name"] = "x".repeat(2000).into())),
        post(pod(|pod| pod["spec"]["containers"] = json!([]))),
        post(pod(|pod| pod["spec"] = json!({}))),
        post(" ".repeat((3 << 20) + 1)),
        case("PUT", POD, JSON, " ".repeat((3 << 20) + 1)),
        case("PATCH", POD, MERGE, " ".repeat((3 << 20) + 1)),
        dry("", strange()),
        dry("&fieldValidation=Warn", strange()),
        dry("&fieldValidation=Ignore", strange()),
        dry("&fieldValidation=Strict", strange()),
        dry("&fieldValidation=Strict", twice.to_owned()),
        dry("", twice.to_owned()),
        dry("&fieldValidation=Perhaps", strange()),
        case("POST", &format!("{PODS}?dryRun=Some"), JSON, strange()),
        case("POST", PODS, "text/plain", strange()),
        case("POST", PODS, "application/x-www-form-urlencoded", strange()),
        case("POST", PODS, "nonsense", strange()),
        case("POST", "/api/v1/namespaces/missing/pods", JSON, pod(|_| ())),
        case("POST", "/api/v1/namespaces/going/pods", JSON, pod(|_| ())),
    ]
}

fn reads() -> Vec<Case> {
    let list = |query: &str| get(&format!("{PODS}?{query}"));
    vec![
        // The real one has further forms to offer.
        get(POD).accept("text/html").same(Reason),
        get(POD).accept("application/json;as=Gadget;v=v1;g=meta.k8s.io").same(Reason),
        get(PODS).accept("nonsense").same(Reason),
        get("/nonsense").same(Ours(404)),
        get("/api/v1/gadgets"),
        get("/api/v7/pods"),
        get("/apis/gadgets.example.com/v1/gadgets"),
        get("/apis/apps/v7/deployments"),
        get(&format!("{PODS}/missing")),
        get(&format!("{PODS}/%00")).same(Ours(404)),
        get(&format!("{PODS}/..")).same(Ours(404)),
        get(&format!("{PODS}/%zz")).same(Ours(404)),
        get("/api/v1/namespaces/default/../../nodes").same(Ours(404)),
        get(&format!("{PODS}/{}", "x".repeat(5000))),
        case("PUT", PODS, JSON, pod(|_| ())),
        case("POST", POD, JSON, pod(|_| ())),
        case("PATCH", PODS, MERGE, "{}"),
        case("POST", "/api/v1/pods", JSON, pod(|_| ())),
        case("DELETE", "/api/v1/pods", JSON, ""),
        case("BREW", PODS, JSON, "").same(Ours(405)),
        list("limit=x"),
        list("limit=-1").same(Ours(200)),
        list("timeoutSeconds=x"),
        list("continue=garbage").same(Reason),
        list("labelSelector=a%20b"),
        list("labelSelector=a%20in%20b"),
        list("labelSelector=%21%21"),
        list("labelSelector=a%3D%3D%3Db").same(Reason),
        list("labelSelector=a%3D-%21"),
        list("fieldSelector=a%3Db"),
        list("fieldSelector=metadata.name"),
        list("fieldSelector=spec.strange%3D1"),
        list("resourceVersion=abc"),
        list("resourceVersion=-1"),
        list("resourceVersionMatch=Exact"),
        list("resourceVersionMatch=Exactly&resourceVersion=5"),
        list("resourceVersionMatch=Exact&resourceVersion=0"),
        list("sendInitialEvents=true"),
        list("resourceVersion=99999999999999999"),
        list("watch=1&resourceVersion=abc"),
        // The real one has a history of its first minutes.
        list("watch=1&resourceVersion=1").same(Ours(410)),
        list("watch=1&resourceVersion=99999999999999999").same(Reason),
        list("watch=1&sendInitialEvents=true"),
        list("watch=1&resourceVersionMatch=Exact&resourceVersion=5").same(Reason),
        list("watch=1&labelSelector=a%20b"),
        list("watch=1&resourceVersion=0").accept("text/html").same(Reason),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, a line or two a row")]
fn patches() -> Vec<Case> {
    let patch = |sort: &'static str, body: &'static str| case("PATCH", MAP, sort, body);
    let apply = |query: &str, body: Value| {
        case("PATCH", &format!("{MAP}?{query}"), APPLY, body.to_string())
    };
    let map = |value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"k": value}});
    vec![
        patch(JSON, "{}"),
        patch(JSON_PATCH, "{").same(Reason),
        patch(JSON_PATCH, "{}").same(Reason),
        patch(JSON_PATCH, r#"[{"op":"jump","path":"/data"}]"#).same(Reason),
        patch(JSON_PATCH, r#"[{"op":"test","path":"/data/k","value":"w"}]"#),
        patch(JSON_PATCH, r#"[{"op":"remove","path":"/data/missing"}]"#),
        patch(JSON_PATCH, r#"[{"op":"replace","path":"/metadata/resourceVersion","value":"1"}]"#),
        patch(JSON_PATCH, r#"[{"op":"replace","path":"/metadata/name","value":"other"}]"#),
        patch(JSON_PATCH, r#"[{"op":"replace","path":"/data","value":[1]}]"#).same(Reason),
        patch(MERGE, "[]").same(Reason),
        patch(MERGE, "{").same(Reason),
        patch(MERGE, r#"{"data":{"k":{}}}"#).same(Reason),
        patch(MERGE, r#"{"data":5}"#).same(Reason),
        patch(MERGE, r#"{"metadata":{"resourceVersion":"1"}}"#),
        patch(MERGE, r#"{"metadata":{"resourceVersion":"abc"}}"#).same(Reason),
        patch(MERGE, r#"{"metadata":{"uid":"other"}}"#),
        patch(MERGE, r#"{"metadata":{"name":"other"}}"#),
        patch(MERGE, r#"{"kind":"Secret"}"#).same(Reason),
        patch(STRATEGIC, "[]").same(Reason),
        patch(STRATEGIC, r#"{"data":[]}"#).same(Reason),
        patch(STRATEGIC, r#"{"metadata":{"resourceVersion":"1"}}"#),
        case("PATCH", POD, STRATEGIC, r#"{"spec":{"containers":[{"image":"i"}]}}"#).same(Ours(400)),
        case("PATCH", POD, STRATEGIC, r#"{"spec":{"containers":[{"$patch":"x","name":"c"}]}}"#)
            .same(Ours(400)),
        case("PATCH", POD, STRATEGIC, r#"{"spec":{"nodeName":"n1"}}"#).same(Reason),
        case(
            "PATCH",
            POD,
            STRATEGIC,
            r#"{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"much"}}}]}}"#,
        )
        .same(Reason),
        case("PATCH", &format!("{MAPS}/missing"), MERGE, "{}"),
        apply("", map("v")),
        apply("fieldManager=second", map("w")),
        apply(
            "fieldManager=second",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": 1}}),
        )
        .same(Ours(400)),
        apply("fieldManager=second", json!({"apiVersion": "v1", "kind": "Secret"})).same(Reason),
        apply("fieldManager=second", json!({"kind": "ConfigMap"})).same(Reason),
        apply("fieldManager=second", json!([])).same(Reason),
        apply(
            "fieldManager=second",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "n"}}),
        ),
        apply(
            "fieldManager=second",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"managedFields": []}}),
        )
        .same(Ours(400)),
        case("PATCH", &format!("{MAP}?fieldManager=second"), APPLY, "a: [").same(Reason),
        case(
            "PATCH",
            &format!("{POD}?fieldManager=second"),
            APPLY,
            json!({"apiVersion": "v1", "kind": "Pod", "spec": {"overhead": {"cpu": "much"}}})
                .to_string(),
        )
        .same(Reason),
        case(
            "PATCH",
            &format!("{PODS}/new?fieldManager=second"),
            APPLY,
            json!({"apiVersion": "v1", "kind": "Pod", "spec": {"overhead": {"cpu": "much"}}})
                .to_string(),
        )
        .same(Reason),
    ]
}

/// Puts the fields of `value` into `object`.
fn extend(object: &mut Value, value: &Value) {
    if let (Some(object), Some(fields)) = (object.as_object_mut(), value.as_object()) {
        object.extend(fields.clone());
    }
}

fn writes() -> Vec<Case> {
    let text = |value: Value| value.to_string();
    let map = |metadata: Value| {
        text(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))
    };
    let options = |value: Value| {
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        extend(&mut options, &value);
        options.to_string()
    };
    let bind = |path: &str, metadata: Value, target: Value| {
        let binding =
            json!({"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": target});
        case("POST", &format!("{path}/binding"), JSON, binding.to_string())
    };
    let evict = |path: &str, value: Value| {
        let mut eviction =
            json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}});
        extend(&mut eviction, &value);
        case("POST", &format!("{path}/eviction"), JSON, eviction.to_string())
    };
    let node = || json!({"kind": "Node", "name": "n1"});
    vec![
        case("PUT", MAP, JSON, map(json!({"name": "m", "resourceVersion": "1"}))),
        case("PUT", MAP, JSON, map(json!({"name": "m", "resourceVersion": "abc"}))).same(Reason),
        case("PUT", MAP, JSON, map(json!({"name": "m", "uid": "other"}))).same(Reason),
        case("PUT", MAP, JSON, map(json!({"name": "other"}))),
        case("PUT", MAP, JSON, map(json!({"name": "m", "namespace": "other"}))),
        case("PUT", &format!("{MAPS}/missing"), JSON, map(json!({"name": "missing"}))),
        case("PUT", &format!("{POD}/status"), JSON, pod(|pod| pod["status"] = json!([])))
            .same(Reason),
        case("PUT", &format!("{POD}/status"), JSON, pod(|pod| pod["status"] = json!({"phase": 1})))
            .same(Reason),
        case("PUT", &format!("{POD}/strange"), JSON, pod(|_| ())),
        case("DELETE", MAP, JSON, options(json!({"preconditions": {"uid": "other"}}))),
        case("DELETE", MAP, JSON, options(json!({"preconditions": {"resourceVersion": "1"}}))),
        case("DELETE", MAP, JSON, options(json!({"propagationPolicy": "Perhaps"}))),
        case("DELETE", MAP, JSON, options(json!({"gracePeriodSeconds": "x"}))).same(Reason),
        case("DELETE", MAP, JSON, options(json!({"dryRun": ["Some"]}))),
        case("DELETE", MAP, JSON, "{").same(Reason),
        case("DELETE", &format!("{MAPS}/missing"), JSON, ""),
        case("DELETE", &format!("{MAP}?gracePeriodSeconds=x"), JSON, ""),
        case("DELETE", "/api/v1/namespaces/default", JSON, ""),
        bind(POD, json!({"name": "a"}), json!({})),
        bind(POD, json!({"name": "a"}), json!({"kind": "Pod", "name": "n1"})),
        bind(POD, json!({"name": "a", "uid": "other"}), node()),
        bind(POD, json!({"name": "a"}), json!({"kind": "Node", "name": "A_b"})),
        bind(POD, json!({"name": "b"}), node()),
        bind(POD, json!({"name": "a"}), json!([])).same(Reason),
        bind(BOUND, json!({"name": "bound"}), node()),
        bind(&format!("{PODS}/missing"), json!({"name": "missing"}), node()),
        evict(POD, json!({"metadata": {"name": "b"}})),
        // The real one tries it again, and again.
        evict(POD, json!({"deleteOptions": {"preconditions": {"uid": "other"}}})).same(Ours(409)),
        evict(POD, json!({"deleteOptions": 5})).same(Reason),
        evict(POD, json!({"kind": "Pod"})).same(Reason),
        evict(&format!("{PODS}/missing"), json!({"metadata": {"name": "missing"}})),
    ]
}

fn ours() -> (Server, Config) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = Listener::bind(address).expect("a port is free");
    let server = Server::start(listener, Options::default()).expect("it can be served");
    let url = format!("http://{}", server.address()).parse().expect("an address is a URL");
    (server, Config::new(url))
}

/// A client that tries nothing again.
fn client(mut config: Config) -> Client {
    config.default_retry = false;
    config.proxy_url = None;
    Client::try_from(config).expect("the configuration is complete")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_those_of_kube_apiserver() {
    let (server, config) = ours();
    let own = client(config);
    prepare(&own).await;
    let plane = ControlPlane::start("refusals_are_those_of_kube_apiserver").await;
    let real = match &plane {
        None => None,
        Some(plane) => {
            let file = Kubeconfig::read_from(plane.kubeconfig()).expect("the harness writes it");
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(file, &options).await;
            let real = client(config.expect("the harness writes it"));
            prepare(&real).await;
            Some(real)
        }
    };
    let mut differences = Vec::new();
    let cases = [bodies(), reads(), patches(), writes()];
    for case in cases.iter().flatten() {
        let before = server.api().store.revision();
        let said = send(&own, case).await;
        let is_stored = server.api().store.revision() != before;
        if is_stored {
            differences.push(format!("{}\n  has stored something: {said:?}", case.name()));
        }
        if let Ours(code) = case.same {
            if said.code != code {
                differences.push(format!("{}\n  ours: {said:?}", case.name()));
            }
            continue;
        }
        let Some(real) = &real else { continue };
        let mut wanted = send(real, case).await;
        if case.same == Reason {
            wanted.message.clone_from(&said.message);
        }
        if said != wanted {
            differences.push(format!("{}\n  ours: {said:?}\n  real: {wanted:?}", case.name()));
        }
    }
    for (resource, wanted) in
        [("pods", "default/a default/bound"), ("configmaps", "default/m"), ("nodes", "n1")]
    {
        let keys: Vec<String> = stored(&server, resource);
        assert_eq!(keys.join(" "), wanted, "{resource}");
    }
    assert!(differences.is_empty(), "{}:\n{}", differences.len(), differences.join("\n"));
}

/// The keys of all objects of a resource.
fn stored(server: &Server, resource: &str) -> Vec<String> {
    let resource = Resource::by_qualified(resource).expect("it is served");
    let selection = Selection::default();
    let page = server.api().store.list(resource.table, &ListRequest::of(&selection));
    page.expect("the present is there").objects.iter().map(|one| one.key().to_owned()).collect()
}

/// What a server says to bytes that are hardly HTTP.
fn speak(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(ANSWER_MAX)).expect("a socket has one");
    // It may be closed while it is being written to.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hardly_http_is_refused_and_the_server_lives() {
    let (server, config) = ours();
    let address = server.address();
    let long = "x".repeat(1 << 20);
    let rows = [
        (format!("GET /api/v1/pods HTTP/1.1\r\nhost: a\r\nlong: {long}\r\n\r\n"), "431"),
        (format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"), "4"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("GET /api HTTP/9.9\r\n\r\n".to_owned(), "400"),
        ("POST /api/v1/nodes HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n".to_owned(), "400"),
        (
            "POST /api/v1/nodes HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\nconnection: close\r\n\r\n".to_owned(),
            "413",
        ),
    ];
    for (bytes, code) in rows {
        let answer = tokio::task::spawn_blocking(move || speak(address, bytes.as_bytes()));
        let answer = answer.await.expect("it does not panic");
        assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{code}: {answer}");
    }
    let own = client(config);
    assert_eq!(send(&own, &get("/api/v1/nodes")).await.code, 200);
}
