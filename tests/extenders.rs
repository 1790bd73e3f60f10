//! Extenders as services on loopback: berth asks them as upstream does, takes their word, and works on where
//! they fail, hang or talk nonsense.

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;

use support::berth::Berth;
use support::control_plane::{ControlPlane, Server};
use support::extender::{Reply, TestExtender};
use support::rest::{NODES, Rest, node_of, pods_path, scheduled_condition};

const NAMESPACE: &str = "default";

/// An API server, berth with extenders, and nodes `a`, `b` and `c`. Its parts end in the order of these fields.
struct Bench {
    berth: Berth,
    rest: Rest,
    _folder: TempDir,
    _plane: ControlPlane,
}

impl Bench {
    async fn start(test: &str, extenders: &Value) -> Self {
        Self::start_with(test, extenders, &[]).await
    }

    async fn start_with(test: &str, extenders: &Value, flags: &[&str]) -> Self {
        let plane = ControlPlane::start_on(Server::Embedded, test).await;
        let plane = plane.expect("berth apiserver needs nothing");
        let rest = Rest(plane.client().await);
        for name in ["a", "b", "c"] {
            let capacity = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
            let status = json!({"allocatable": capacity, "capacity": capacity});
            let labels = json!({"kubernetes.io/hostname": name});
            let node = json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": {"name": name, "labels": labels}, "status": status,
            });
            rest.create(NODES, &node).await;
        }
        let folder = tempfile::Builder::new().prefix("berth-extenders-").tempdir();
        let folder = folder.expect("a folder can be made");
        let config = write_config(&folder, extenders);
        let mut all = vec!["--config", config.to_str().expect("a temporary path is text")];
        all.extend_from_slice(flags);
        let berth = Berth::start(&plane.kubeconfig(), "berth", &all);
        Self { berth, rest, _folder: folder, _plane: plane }
    }

    async fn create_pod(&self, name: &str) {
        self.create_pod_with(name, &json!({})).await;
    }

    /// A pod whose only container has these resources.
    async fn create_pod_with(&self, name: &str, resources: &Value) {
        let container = json!({"name": "c", "image": "i", "resources": resources});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"schedulerName": "berth", "containers": [container]},
        });
        self.rest.create(&pods_path(NAMESPACE), &pod).await;
    }

    async fn pod(&self, name: &str) -> Value {
        let path = format!("{}/{name}", pods_path(NAMESPACE));
        self.rest.get(&path).await.unwrap_or_default()
    }

    /// A pod of this priority that takes a whole node.
    async fn create_large_pod(&self, name: &str, priority: &str) {
        let class = json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": format!("of-{name}")}, "value": priority.parse::<i32>().unwrap_or(0),
        });
        self.rest.create("/apis/scheduling.k8s.io/v1/priorityclasses", &class).await;
        let container = json!({"name": "c", "image": "i", "resources": {"requests": {"cpu": "3"}}});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {
                "schedulerName": "berth", "containers": [container],
                "priorityClassName": format!("of-{name}"), "terminationGracePeriodSeconds": 0,
            },
        });
        self.rest.create(&pods_path(NAMESPACE), &pod).await;
    }

    /// The node on which the pod comes to be.
    async fn placed(&self, name: &str) -> String {
        let look = async || node_of(&self.pod(name).await).map(str::to_owned);
        self.berth.wait_for(&format!("{name} on a node"), look).await
    }

    /// What its condition comes to say of why it is on no node, with this reason.
    async fn failed(&self, name: &str, reason: &str) -> String {
        let look = async || {
            let pod = self.pod(name).await;
            let condition = scheduled_condition(&pod);
            let is = condition["reason"] == reason;
            is.then(|| condition["message"].as_str().unwrap_or_default().to_owned())
        };
        self.berth.wait_for(&format!("{name} with the condition {reason}"), look).await
    }
}

fn write_config(folder: &TempDir, extenders: &Value) -> PathBuf {
    let path = folder.path().join("config.yaml");
    let config = json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
        "profiles": [{"schedulerName": "berth"}], "extenders": extenders,
    });
    fs::write(&path, config.to_string()).expect("the file can be written");
    path
}

/// The names of the nodes of a request, however it gives them.
fn nodes_of(request: &Value) -> Vec<String> {
    let by_name = request["NodeNames"].as_array().into_iter().flatten();
    let whole = request["Nodes"]["items"].as_array().into_iter().flatten();
    let whole = whole.map(|node| &node["metadata"]["name"]);
    let mut names: Vec<_> =
        by_name.chain(whole).map(|name| name.as_str().unwrap_or_default().to_owned()).collect();
    names.sort_unstable();
    names
}

/// Leaves only `node` of the nodes of a request, in its own form.
fn leave(request: &Value, node: &str) -> Reply {
    if request["NodeNames"].is_array() {
        return Reply::Json(json!({"NodeNames": [node]}));
    }
    let items = request["Nodes"]["items"].as_array().cloned().unwrap_or_default();
    let items: Vec<_> = items.into_iter().filter(|item| item["metadata"]["name"] == node).collect();
    Reply::Json(json!({"Nodes": {"metadata": {}, "items": items}}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_and_scores_decide() {
    let first = TestExtender::start(|verb, request| match verb {
        "filter" => Reply::Json(json!({
            "NodeNames": ["b", "c"], "FailedNodes": {"a": "not a"},
            "Error": "", "nodes": nodes_of(request),
        })),
        _ => Reply::Status(404),
    });
    // Whole objects, over TLS, and the node that has most points.
    let second = TestExtender::start_tls(|verb, request| match verb {
        "filter" => Reply::Json(json!({"Nodes": request["Nodes"]})),
        "prioritize" => Reply::Json(json!([{"Host": "b", "Score": 1}, {"Host": "c", "Score": 10}])),
        _ => Reply::Status(404),
    });
    // Its scores count less, and its errors not at all.
    let third = TestExtender::start(|_, _| Reply::Json(json!([{"Host": "b", "Score": 2}])));
    let fourth = TestExtender::start(|_, _| Reply::Status(500));
    let certificate = k8s_openapi::ByteString(second.certificate.clone().into_bytes());
    let prioritize = |url: String| {
        json!({
            "urlPrefix": url, "prioritizeVerb": "prioritize", "weight": 3, "nodeCacheCapable": true,
        })
    };
    let extenders = json!([
        {"urlPrefix": first.url(), "filterVerb": "filter", "nodeCacheCapable": true},
        {
            "urlPrefix": second.url(), "filterVerb": "filter", "prioritizeVerb": "prioritize",
            "weight": 5, "enableHTTPS": true, "tlsConfig": {"caData": certificate},
        },
        prioritize(third.url()),
        prioritize(fourth.url()),
    ]);
    let bench = Bench::start("filters_and_scores_decide", &extenders).await;
    for pod in ["p0", "p1", "p2"] {
        bench.create_pod(pod).await;
        // The plugins would spread them.
        assert_eq!(bench.placed(pod).await, "c");
    }
    let filter = &first.calls("filter")[0];
    assert_eq!(nodes_of(filter), ["a", "b", "c"]);
    assert!(filter["Nodes"].is_null(), "{filter}");
    assert_eq!(filter["Pod"]["metadata"]["name"], "p0");
    assert_eq!(filter["Pod"]["spec"]["containers"][0]["image"], "i");
    assert!(filter["Pod"]["metadata"]["managedFields"].is_null(), "{filter}");
    let whole = &second.calls("filter")[0];
    assert!(whole["NodeNames"].is_null());
    assert_eq!(nodes_of(whole), ["b", "c"]);
    let node = &whole["Nodes"]["items"][0];
    assert_eq!(node["metadata"]["labels"]["kubernetes.io/hostname"], node["metadata"]["name"]);
    assert_eq!(node["status"]["allocatable"]["cpu"], "4");
    assert_eq!(nodes_of(&third.calls("prioritize")[0]), ["b", "c"]);
    bench.berth.wait_for_log("gave no scores: failed prioritize with extender at URL").await;
    bench.berth.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_extenders_leave_no_node_says_why_and_is_tried_again() {
    let extender = TestExtender::start(|_, request| {
        let nodes = nodes_of(request);
        if nodes.iter().any(|node| node == "d") {
            return leave(request, "d");
        }
        Reply::Json(json!({
            "NodeNames": [], "FailedNodes": {"a": "too warm", "b": "too warm"},
            "FailedAndUnresolvableNodes": {"c": "on fire", "b": "on fire"},
        }))
    });
    let extenders =
        json!([{"urlPrefix": extender.url(), "filterVerb": "filter", "nodeCacheCapable": true}]);
    let test = "a_pod_that_extenders_leave_no_node_says_why_and_is_tried_again";
    let bench = Bench::start(test, &extenders).await;
    bench.create_pod("p").await;
    let message = bench.failed("p", "Unschedulable").await;
    let want =
        "0/3 nodes are available: 1 too warm, 2 on fire. preemption: 0/3 nodes are available: ";
    assert!(message.starts_with(want), "{message}");
    // Anything may help it.
    let capacity = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
    let status = json!({"allocatable": capacity, "capacity": capacity});
    let node =
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "d"}, "status": status});
    bench.rest.create(NODES, &node).await;
    assert_eq!(bench.placed("p").await, "d");
    bench.berth.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_manages_resources_is_asked_about_pods_that_want_them() {
    let extender = TestExtender::start(|verb, request| match verb {
        "filter" => leave(request, "b"),
        _ => Reply::Status(404),
    });
    let managed = json!([{"name": "example.com/foo", "ignoredByScheduler": true}]);
    let extenders = json!([
        {"urlPrefix": extender.url(), "filterVerb": "filter", "managedResources": managed},
    ]);
    let test = "one_that_manages_resources_is_asked_about_pods_that_want_them";
    let bench = Bench::start(test, &extenders).await;
    bench.create_pod("plain").await;
    bench.placed("plain").await;
    assert_eq!(extender.calls("filter").len(), 0);
    // No node has any: NodeResourcesFit does not look.
    bench.create_pod_with("wants", &json!({"limits": {"example.com/foo": "1"}})).await;
    assert_eq!(bench.placed("wants").await, "b");
    assert_eq!(extender.calls("filter").len(), 1);
    bench.berth.stop().await;
}

/// Of one extender: what it replies about the pod `p`, and what the pod's condition then says.
fn failures() -> Vec<(Reply, &'static str)> {
    vec![
        (Reply::Status(500), "failed filter with extender at URL {url}/filter, code 500"),
        (Reply::Text("<html>"), "the answer cannot be read: expected value at line 1 column 1"),
        (Reply::Json(json!({"Error": "out of licences"})), "out of licences"),
        (
            Reply::Json(json!({"NodeNames": ["ghost"]})),
            "extender \"{url}\" claims a filtered node \"ghost\" which is not found in the input \
             node list",
        ),
        (
            Reply::Hang,
            "Post \"{url}/filter\": context deadline exceeded (Client.Timeout exceeded while \
             awaiting headers)",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_fails_fails_its_pods_and_no_others() {
    let failures = failures();
    // Each pod is about the failure that its name says, until all have failed.
    let replies: Vec<_> = failures.iter().map(|(reply, _)| reply.clone()).collect();
    let healed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_healed = std::sync::Arc::clone(&healed);
    let extender = TestExtender::start(move |_, request| {
        let name = request["Pod"]["metadata"]["name"].as_str().unwrap_or_default();
        let at = name.strip_prefix("bad-").and_then(|at| at.parse::<usize>().ok());
        match at {
            Some(at) if !is_healed.load(std::sync::atomic::Ordering::Relaxed) => {
                replies[at].clone()
            }
            _ => leave(request, "a"),
        }
    });
    let url = extender.url();
    let extenders = json!([{
        "urlPrefix": url, "filterVerb": "filter", "nodeCacheCapable": true, "httpTimeout": "3s",
    }]);
    let test = "a_filter_that_fails_fails_its_pods_and_no_others";
    let bench = Bench::start(test, &extenders).await;
    for at in 0..failures.len() {
        bench.create_pod(&format!("bad-{at}")).await;
    }
    bench.create_pod("good").await;
    assert_eq!(bench.placed("good").await, "a");
    for (at, (_, want)) in failures.iter().enumerate() {
        let message = bench.failed(&format!("bad-{at}"), "SchedulerError").await;
        assert_eq!(message, want.replace("{url}", &url));
    }
    healed.store(true, std::sync::atomic::Ordering::Relaxed);
    for at in 0..failures.len() {
        assert_eq!(bench.placed(&format!("bad-{at}")).await, "a");
    }
    let warnings = bench.berth.warnings();
    let code_500 = warnings.iter().filter(|line| line.contains("code 500")).count();
    assert_eq!(code_500, 1, "{warnings:?}");
    bench.berth.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_asks_for_a_certificate_is_shown_it() {
    let (authority, certificate, key) = client_certificate();
    let asks = TestExtender::start_mutual(&authority, |_, request| leave(request, "b"));
    let data = |text: &str| k8s_openapi::ByteString(text.as_bytes().to_vec());
    let extender = |tls: Value| {
        json!([{
            "urlPrefix": asks.url(), "filterVerb": "filter", "enableHTTPS": true,
            "nodeCacheCapable": true, "tlsConfig": tls,
        }])
    };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("it can be written");
        path.display().to_string()
    };
    let of_files = json!({
        "caData": data(&asks.certificate), "certFile": file("cert", &certificate),
        "keyFile": file("key", &key),
    });
    let of_data = json!({"certData": data(&certificate), "keyData": data(&key)});
    for (at, tls) in [of_files, of_data].into_iter().enumerate() {
        let test = format!("one_that_asks_for_a_certificate_is_shown_it_{at}");
        let bench = Bench::start(&test, &extender(tls)).await;
        bench.create_pod("p").await;
        assert_eq!(bench.placed("p").await, "b");
        bench.berth.stop().await;
    }
    assert_eq!(asks.calls("filter").len(), 2);
    // A key is needed too, as for client-go.
    let without = json!({"certData": data(&certificate)});
    let bench = Bench::start("one_that_asks_for_a_certificate_without", &extender(without)).await;
    bench.create_pod("p").await;
    let message = bench.failed("p", "SchedulerError").await;
    assert!(message.starts_with(&format!("Post \"{}/filter\": ", asks.url())), "{message}");
    assert_eq!(asks.calls("filter").len(), 2);
    bench.berth.stop().await;
}

/// An authority, and a client's certificate and key of it; PEM.
fn client_certificate() -> (String, String, String) {
    let key = || KeyPair::generate().expect("keys can be made");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, key()).expect("so can certificates");
    let mut params = CertificateParams::default();
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    let own = key();
    let certificate = params.signed_by(&own, &authority).expect("so can certificates");
    (authority.pem(), certificate.pem(), own.serialize_pem())
}

/// Upstream's client is Go's, which goes where it is sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_where_they_are_sent() {
    let target = TestExtender::start(|verb, request| match verb {
        "asked-again" if request.is_null() => Reply::Json(json!({"NodeNames": ["c"]})),
        _ => leave(request, "b"),
    });
    let there = target.url();
    let first = TestExtender::start(move |verb, request| {
        let name = request["Pod"]["metadata"]["name"].as_str().unwrap_or_default();
        match (verb, name) {
            ("moved", _) => leave(request, "a"),
            (_, "repeated") => Reply::Redirect(307, format!("{there}/filter")),
            (_, "near") => Reply::Redirect(308, "/scheduler/moved".to_owned()),
            (_, "asked") => Reply::Redirect(303, format!("{there}/asked-again")),
            (_, "nowhere") => Reply::Redirect(302, String::new()),
            _ => Reply::Redirect(307, "/scheduler/filter".to_owned()),
        }
    });
    let url = first.url();
    let extenders = json!([{"urlPrefix": url, "filterVerb": "filter", "nodeCacheCapable": true}]);
    let bench = Bench::start("calls_go_where_they_are_sent", &extenders).await;
    for (pod, node) in [("repeated", "b"), ("near", "a"), ("asked", "c")] {
        bench.create_pod(pod).await;
        assert_eq!(bench.placed(pod).await, node, "{pod}");
    }
    for (pod, want) in [
        ("nowhere", "302 response missing Location header"),
        ("circle", "stopped after 10 redirects"),
    ] {
        bench.create_pod(pod).await;
        let message = bench.failed(pod, "SchedulerError").await;
        assert_eq!(message, format!("Post \"{url}/filter\": {want}"), "{pod}");
    }
    bench.berth.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_pods_go_on_while_one_waits_for_an_extender() {
    let extender = TestExtender::start(|_, request| {
        let slow = request["Pod"]["metadata"]["name"] == "slow";
        if slow { Reply::Hang } else { leave(request, "b") }
    });
    let extenders = json!([{
        "urlPrefix": extender.url(), "filterVerb": "filter", "nodeCacheCapable": true,
        "httpTimeout": "10m",
    }]);
    let test = "other_pods_go_on_while_one_waits_for_an_extender";
    let bench = Bench::start(test, &extenders).await;
    bench.create_pod("slow").await;
    bench.berth.wait_for("the call", async || extender.calls("filter").first().cloned()).await;
    for pod in ["p0", "p1"] {
        bench.create_pod(pod).await;
        assert_eq!(bench.placed(pod).await, "b");
    }
    let slow = bench.pod("slow").await;
    assert_eq!((node_of(&slow), scheduled_condition(&slow)), (None, &Value::Null));
    // It does not hold up the end either.
    bench.berth.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ignorable_one_is_skipped_where_it_fails() {
    let broken = TestExtender::start(|_, _| Reply::Status(503));
    let sound = TestExtender::start(|_, request| leave(request, "c"));
    let extenders = json!([
        {"urlPrefix": broken.url(), "filterVerb": "filter", "bindVerb": "bind", "ignorable": true},
        {"urlPrefix": "http://127.0.0.1:1", "filterVerb": "filter", "ignorable": true},
        {"urlPrefix": sound.url(), "filterVerb": "filter", "nodeCacheCapable": true},
    ]);
    let bench = Bench::start("an_ignorable_one_is_skipped_where_it_fails", &extenders).await;
    bench.create_pod("p").await;
    assert_eq!(bench.placed("p").await, "c");
    assert_eq!(nodes_of(&broken.calls("filter")[0]), ["c"], "ignorable ones come last");
    assert_eq!(broken.calls("bind").len(), 1);
    bench.berth.wait_for_log("127.0.0.1:1 is skipped, as it is ignorable: Post").await;
    bench.berth.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_extender_binds_in_place_of_berth() {
    let extender = TestExtender::start(|_, request| {
        let refused = request["PodName"] == "refused";
        Reply::Json(if refused { json!({"Error": "not this one"}) } else { json!({}) })
    });
    let extenders = json!([{"urlPrefix": extender.url(), "bindVerb": "bind"}]);
    let bench = Bench::start("an_extender_binds_in_place_of_berth", &extenders).await;
    bench.create_pod("p").await;
    let bound = async || extender.calls("bind").first().cloned();
    let binding = bench.berth.wait_for("the call that binds", bound).await;
    let pod = bench.pod("p").await;
    assert_eq!(node_of(&pod), None, "nobody has bound it");
    assert_eq!(binding["PodName"], "p");
    assert_eq!(binding["PodNamespace"], NAMESPACE);
    assert_eq!(binding["PodUID"], pod["metadata"]["uid"]);
    let node = binding["Node"].as_str().expect("a node is named").to_owned();
    // What the extender does, which said yes.
    bench.rest.bind(NAMESPACE, "p", &node).await;
    let scheduled = async || {
        let events = bench.rest.events(NAMESPACE).await;
        events.into_iter().find(|event| event["reason"] == "Scheduled")
    };
    let event = bench.berth.wait_for("the event Scheduled", scheduled).await;
    assert!(event["note"].as_str().is_some_and(|note| note.ends_with(&node)), "{event}");
    bench.create_pod("refused").await;
    assert_eq!(bench.failed("refused", "SchedulerError").await, "not this one");
    bench.berth.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_binding_is_waited_for_at_a_stop() {
    let told = Arc::new(Notify::new());
    let binds = Arc::clone(&told);
    let extender = TestExtender::start(move |_, _| Reply::Held(Arc::clone(&binds), json!({})));
    let extenders = json!([{"urlPrefix": extender.url(), "bindVerb": "bind", "httpTimeout": "1m"}]);
    let bench = Bench::start("one_that_is_binding_is_waited_for_at_a_stop", &extenders).await;
    bench.create_pod("p").await;
    let asked = async || extender.calls("bind").pop();
    let node = bench.berth.wait_for("a pod to be bound", asked).await["Node"].clone();
    bench.berth.ask_to_stop();
    bench.berth.wait_for_log("stopping: ").await;
    told.notify_one();
    assert!(bench.berth.exit().await.success());
    let log = bench.berth.log();
    assert!(log.contains(" stopped") && !log.contains("still at work"), "{log}");
    // What follows from the answer is written, too.
    let events = bench.rest.events(NAMESPACE).await;
    let scheduled = events.iter().find(|event| event["reason"] == "Scheduled");
    let note = scheduled.map(|event| event["note"].clone()).unwrap_or_default();
    let node = node.as_str().unwrap_or_default();
    assert_eq!(note, format!("Successfully assigned {NAMESPACE}/p to {node}"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_asks_and_binds_nothing() {
    let extender = TestExtender::start(|verb, request| match verb {
        "filter" => leave(request, "b"),
        _ => Reply::Json(json!({})),
    });
    let extenders = json!([{
        "urlPrefix": extender.url(), "filterVerb": "filter", "bindVerb": "bind",
        "nodeCacheCapable": true,
    }]);
    let test = "a_dry_run_asks_and_binds_nothing";
    let bench = Bench::start_with(test, &extenders, &["--dry-run"]).await;
    bench.create_pod("p").await;
    bench.berth.wait_for_log("would go to b, one of 1 best nodes").await;
    assert_eq!(extender.calls("bind").len(), 0);
    bench.berth.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_called_ends_berth_with_one_line() {
    let extenders = json!([{"urlPrefix": "host/path", "filterVerb": "filter"}]);
    let bench = Bench::start("one_that_cannot_be_called_ends_berth", &extenders).await;
    let status = bench.berth.exit().await;
    let log = bench.berth.log();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("extender \"host/path\": urlPrefix"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extenders_have_a_say_in_evictions() {
    // The first gets whole pods and leaves two nodes, the second gets UIDs and leaves one.
    let first = TestExtender::start(|_, request| {
        let victims = request["NodeNameToVictims"].as_object().cloned().unwrap_or_default();
        let meta = |victims: &Value| {
            let pods = victims["Pods"].as_array().cloned().unwrap_or_default();
            let pods: Vec<_> =
                pods.iter().map(|pod| json!({"UID": pod["metadata"]["uid"]})).collect();
            json!({"Pods": pods, "NumPDBViolations": victims["NumPDBViolations"]})
        };
        let kept = victims.iter().filter(|(node, _)| *node != "a");
        let kept: serde_json::Map<_, _> =
            kept.map(|(node, victims)| (node.clone(), meta(victims))).collect();
        Reply::Json(json!({"NodeNameToMetaVictims": kept}))
    });
    let second = TestExtender::start(|_, request| {
        let kept = &request["NodeNameToMetaVictims"]["c"];
        Reply::Json(json!({"NodeNameToMetaVictims": {"c": kept}}))
    });
    let extenders = json!([
        {"urlPrefix": first.url(), "preemptVerb": "preempt"},
        {"urlPrefix": second.url(), "preemptVerb": "preempt", "nodeCacheCapable": true},
    ]);
    let bench = Bench::start("extenders_have_a_say_in_evictions", &extenders).await;
    let mut on_c = String::new();
    for name in ["low-0", "low-1", "low-2"] {
        bench.create_large_pod(name, "1").await;
        if bench.placed(name).await == "c" {
            name.clone_into(&mut on_c);
        }
    }
    bench.create_large_pod("high", "10").await;
    assert_eq!(bench.placed("high").await, "c");
    assert_eq!(bench.pod(&on_c).await, Value::Null, "it was evicted");
    let asked = &first.calls("preempt")[0];
    assert_eq!(asked["Pod"]["metadata"]["name"], "high");
    let victims = asked["NodeNameToVictims"].as_object().expect("whole pods are sent");
    assert_eq!(victims.len(), 3, "{asked}");
    assert_eq!(asked["NodeNameToVictims"]["c"]["Pods"][0]["metadata"]["name"], *on_c);
    let asked = &second.calls("preempt")[0];
    let victims = asked["NodeNameToMetaVictims"].as_object().expect("UIDs are sent");
    assert_eq!(victims.keys().collect::<Vec<_>>(), ["b", "c"]);
    bench.berth.stop().await;
}
