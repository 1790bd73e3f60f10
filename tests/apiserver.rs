//! The embedded API server through kube-rs, over HTTP on loopback: what a client of the real one relies on.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;

use berth::apiserver::server::{Options, Server};
use berth::server::listener::Listener;
use futures::StreamExt as _;
use http::Request;
use http_body_util::BodyExt as _;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Namespace, Node, Pod};
use k8s_openapi::api::events::v1::Event as NewEvent;
use kube::api::{
    Api, DeleteParams, EvictParams, ListParams, Patch, PatchParams, PostParams, Preconditions,
    PropagationPolicy, WatchEvent, WatchParams,
};
use kube::core::Status;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, Config, Error, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A server of one test, and a client of it.
struct Cluster {
    server: Server,
    client: Client,
}

impl Cluster {
    fn start() -> Self {
        Self::start_with(Options::default())
    }

    fn start_with(options: Options) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::start(Listener::bind(address).unwrap(), options).unwrap();
        let url = format!("http://{}", server.address()).parse().unwrap();
        let mut config = Config::new(url);
        // A refused eviction is an answer here, not a reason to wait.
        config.default_retry = false;
        let client = Client::try_from(config).unwrap();
        Self { server, client }
    }

    fn all<T: Resource<DynamicType = ()>>(&self) -> Api<T> {
        Api::all(self.client.clone())
    }

    fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client.clone())
    }

    fn config_maps(&self) -> Api<ConfigMap> {
        Api::default_namespaced(self.client.clone())
    }

    /// A request that no typed client makes: the status code and the answer.
    async fn raw(&self, method: &str, path: &str, media_type: &str, body: &str) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", media_type)
            .body(body.as_bytes().to_vec().into())
            .unwrap();
        let response = self.client.send(request).await.unwrap();
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&bytes).unwrap_or_default())
    }
}

fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn pod(name: &str) -> Pod {
    object(json!({
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }))
}

fn node(name: &str) -> Node {
    object(json!({
        "metadata": {"name": name},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}},
    }))
}

fn config_map(name: &str) -> ConfigMap {
    object(json!({"metadata": {"name": name}, "data": {"a": "1"}}))
}

fn status<T: std::fmt::Debug>(result: Result<T, Error>) -> Box<Status> {
    match result {
        Err(Error::Api(status)) => status,
        other => panic!("no Status: {other:?}"),
    }
}

async fn create<T>(api: &Api<T>, value: &T) -> T
where
    T: Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    api.create(&PostParams::default(), value).await.unwrap()
}

async fn bind(cluster: &Cluster, name: &str, node: &str) -> (u16, Value) {
    let path = format!("/api/v1/namespaces/default/pods/{name}/binding");
    let body = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
        "target": {"kind": "Node", "name": node},
    });
    cluster.raw("POST", &path, "application/json", &body.to_string()).await
}

#[tokio::test]
async fn a_new_object_has_what_the_server_gives_it() {
    let cluster = Cluster::start();
    let made = create(&cluster.pods(), &pod("x")).await;
    assert_eq!(made.namespace().as_deref(), Some("default"));
    assert!(made.uid().is_some_and(|uid| uid.len() == 36));
    assert!(made.creation_timestamp().is_some() && made.resource_version().is_some());
    assert_eq!(made.metadata.generation, Some(1));
    assert_eq!(made.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Pending"));
    let read = cluster.pods().get("x").await.unwrap();
    assert_eq!(read, made);
    let generated: Pod = object(json!({
        "metadata": {"generateName": "web-"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }));
    let names =
        [create(&cluster.pods(), &generated).await, create(&cluster.pods(), &generated).await];
    let names = names.map(|pod| pod.name_any());
    assert!(names.iter().all(|name| name.starts_with("web-") && name.len() == 9), "{names:?}");
    assert_ne!(names[0], names[1]);
}

#[tokio::test]
async fn refusals_are_those_of_upstream() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    let missing = status(pods.get("x").await);
    assert_eq!((missing.code, &*missing.reason), (404, "NotFound"));
    assert_eq!(missing.message, r#"pods "x" not found"#);
    create(&pods, &pod("x")).await;
    let twice = status(pods.create(&PostParams::default(), &pod("x")).await);
    assert_eq!((twice.code, &*twice.reason), (409, "AlreadyExists"));
    let nowhere: Api<Pod> = Api::namespaced(cluster.client.clone(), "nowhere");
    let nowhere = status(nowhere.create(&PostParams::default(), &pod("x")).await);
    assert_eq!((nowhere.code, &*nowhere.message), (404, r#"namespaces "nowhere" not found"#));
    let unnamed = status(pods.create(&PostParams::default(), &Pod::default()).await);
    assert_eq!(unnamed.code, 422);
}

#[tokio::test]
async fn bodies_that_are_wrong_get_the_right_status() {
    let cluster = Cluster::start();
    let path = "/api/v1/namespaces/default/configmaps";
    let json = "application/json";
    let big = format!(r#"{{"data":{{"a":"{}"}}}}"#, "x".repeat(4 << 20));
    for (method, path, media_type, body, expected, reason) in [
        ("POST", path, json, "{", 400, "BadRequest"),
        ("POST", path, json, "[]", 400, "BadRequest"),
        ("POST", path, "application/yaml", "a: [", 400, "BadRequest"),
        ("POST", path, json, r#"{"apiVersion":"v2","kind":"ConfigMap"}"#, 400, "BadRequest"),
        ("POST", path, json, r#"{"apiVersion":"v1","kind":"Secret"}"#, 400, "BadRequest"),
        ("POST", path, json, r#"{"metadata":{"name":"a","namespace":"b"}}"#, 400, "BadRequest"),
        ("POST", path, json, &big, 413, "RequestEntityTooLarge"),
        ("POST", path, "application/vnd.kubernetes.protobuf", "k8s", 400, "BadRequest"),
        ("POST", path, "application/cbor", "k8s", 415, "UnsupportedMediaType"),
        ("PATCH", "/api/v1/nodes/n", json, "{}", 415, "UnsupportedMediaType"),
        ("POST", "/api/v1/configmaps", json, "{}", 405, "MethodNotAllowed"),
        ("GET", "/api/v1/gadgets", json, "", 404, "NotFound"),
        ("GET", "/apis/apps/v1/things", json, "", 404, "NotFound"),
        ("GET", "/api/v1/pods?limit=x", json, "", 400, "BadRequest"),
        ("GET", "/api/v1/pods?fieldSelector=spec.foo%3D1", json, "", 400, "BadRequest"),
        ("GET", "/api/v1/pods?labelSelector=a+b", json, "", 400, "BadRequest"),
        ("GET", "/api/v1/pods?resourceVersion=x", json, "", 400, "BadRequest"),
        ("GET", "/api/v1/pods?continue=x", json, "", 400, "BadRequest"),
        ("GET", "/api/v1/pods?resourceVersionMatch=Exact", json, "", 422, "Invalid"),
    ] {
        let (code, answer) = cluster.raw(method, path, media_type, body).await;
        let shown = &body[..body.len().min(60)];
        assert_eq!(code, expected, "{method} {path} {shown}: {answer}");
        assert_eq!(answer["reason"], reason, "{method} {path} {shown}");
        assert_eq!(answer["kind"], "Status");
    }
}

#[tokio::test]
async fn yaml_is_taken() {
    let cluster = Cluster::start();
    let body = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: \"1\"\n";
    let path = "/api/v1/namespaces/default/configmaps";
    let (code, made) = cluster.raw("POST", path, "application/yaml", body).await;
    assert_eq!((code, made["data"]["a"].as_str()), (201, Some("1")));
}

#[tokio::test]
async fn a_stale_update_is_a_conflict() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    let first = create(&maps, &config_map("x")).await;
    let mut second = first.clone();
    second.data = Some(BTreeMap::from([("a".into(), "2".into())]));
    let second = maps.replace("x", &PostParams::default(), &second).await.unwrap();
    assert_ne!(first.resource_version(), second.resource_version());
    let stale = status(maps.replace("x", &PostParams::default(), &first).await);
    assert_eq!((stale.code, &*stale.reason), (409, "Conflict"));
    assert!(stale.message.contains("the object has been modified; please apply your changes"));
    // Without a version it is not conditional, and what changes nothing is no new version.
    let mut unconditional = config_map("x");
    unconditional.data.clone_from(&second.data);
    unconditional.metadata.managed_fields.clone_from(&second.metadata.managed_fields);
    let third = maps.replace("x", &PostParams::default(), &unconditional).await.unwrap();
    assert_eq!(third.resource_version(), second.resource_version());
    // Another UID is another object.
    unconditional.metadata.uid = Some("other".into());
    let other = status(maps.replace("x", &PostParams::default(), &unconditional).await);
    assert!(other.message.contains("Precondition failed: UID in precondition: other"), "{other:?}");
    let lease: Lease = object(json!({"metadata": {"name": "l"}}));
    let leases: Api<Lease> = Api::default_namespaced(cluster.client.clone());
    create(&leases, &lease).await;
    let unversioned = status(leases.replace("l", &PostParams::default(), &lease).await);
    assert!(unversioned.message.contains("must be specified for an update"), "{unversioned:?}");
}

#[tokio::test]
async fn all_sorts_of_patches_are_applied() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    create(&maps, &config_map("x")).await;
    let params = PatchParams::default();
    let merge = Patch::Merge(json!({"data": {"b": "2", "a": null}}));
    let merged = maps.patch("x", &params, &merge).await.unwrap();
    assert_eq!(merged.data, Some(BTreeMap::from([("b".to_owned(), "2".to_owned())])));
    let strategic = Patch::Strategic(json!({"metadata": {"labels": {"l": "1"}}}));
    let labelled = maps.patch("x", &params, &strategic).await.unwrap();
    assert_eq!(labelled.labels().get("l").map(String::as_str), Some("1"));
    let path = "/api/v1/namespaces/default/configmaps/x";
    let body = r#"[{"op":"replace","path":"/data/b","value":"3"}]"#;
    let (code, patched) = cluster.raw("PATCH", path, "application/json-patch+json", body).await;
    assert_eq!((code, patched["data"]["b"].as_str()), (200, Some("3")));
    let apply = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {"a": "1"},
    }));
    let applied = maps.patch("new", &PatchParams::apply("me"), &apply).await.unwrap();
    assert_eq!(applied.data, Some(BTreeMap::from([("a".to_owned(), "1".to_owned())])));
    let stale = Patch::Merge(json!({"metadata": {"resourceVersion": "1"}, "data": {"b": "4"}}));
    assert_eq!(status(maps.patch("x", &params, &stale).await).code, 409);
    let missing = status(maps.patch("y", &params, &merge).await);
    assert_eq!(missing.code, 404);
}

#[tokio::test]
async fn status_and_the_rest_are_written_at_their_own_addresses() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    let made = create(&pods, &pod("x")).await;
    let main = Patch::Merge(json!({"status": {"phase": "Running"}}));
    let main = pods.patch("x", &PatchParams::default(), &main).await.unwrap();
    assert_eq!(main.status.unwrap().phase.as_deref(), Some("Pending"));
    let part = Patch::Merge(json!({"spec": {"hostname": "h"}, "status": {"phase": "Running"}}));
    let part = pods.patch_status("x", &PatchParams::default(), &part).await.unwrap();
    assert_eq!(part.status.unwrap().phase.as_deref(), Some("Running"));
    assert_eq!(part.spec.unwrap().hostname, None);
    assert_eq!(part.metadata.generation, made.metadata.generation);
}

#[tokio::test]
async fn lists_come_in_pages_of_one_version() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    for name in ["a", "b", "c"] {
        create(&maps, &config_map(name)).await;
    }
    let first = maps.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(1));
    maps.delete("c", &DeleteParams::default()).await.unwrap();
    create(&maps, &config_map("d")).await;
    let token = first.metadata.continue_.clone().unwrap();
    let second = ListParams::default().limit(2).continue_token(&token);
    let second = maps.list(&second).await.unwrap();
    let names: Vec<String> = second.items.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["c"]);
    assert_eq!(second.metadata.resource_version, first.metadata.resource_version);
    assert_eq!(second.metadata.continue_, None);
}

#[tokio::test]
async fn a_page_whose_version_is_past_has_expired() {
    let mut options = Options::default();
    options.limits.history_changes = 2;
    let cluster = Cluster::start_with(options);
    let maps = cluster.config_maps();
    for name in ["a", "b", "c"] {
        create(&maps, &config_map(name)).await;
    }
    let first = maps.list(&ListParams::default().limit(1)).await.unwrap();
    for name in ["d", "e", "f"] {
        create(&maps, &config_map(name)).await;
    }
    let token = first.metadata.continue_.clone().unwrap();
    let path = format!(
        "/api/v1/namespaces/default/configmaps?limit=5&continue={}",
        token.replace('/', "%2F")
    );
    let (code, expired) = cluster.raw("GET", &path, "", "").await;
    assert_eq!((code, expired["reason"].as_str()), (410, Some("Expired")));
    let token = expired["metadata"]["continue"].as_str().unwrap();
    let rest = ListParams::default().continue_token(token);
    assert_eq!(maps.list(&rest).await.unwrap().items.len(), 5);
}

#[tokio::test]
async fn large_lists_are_whole() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    let mut map = config_map("");
    map.data = Some(BTreeMap::from([("a".to_owned(), "x".repeat(3000))]));
    for at in 0..100 {
        map.metadata.name = Some(format!("m{at:03}"));
        create(&maps, &map).await;
    }
    let list = maps.list(&ListParams::default()).await.unwrap();
    assert_eq!(list.items.len(), 100);
    assert!(list.items.iter().all(|one| one.data == map.data));
}

#[tokio::test]
async fn a_watch_goes_on_where_a_list_ended() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    create(&cluster.all(), &node("n")).await;
    let list = pods.list(&ListParams::default()).await.unwrap();
    let version = list.metadata.resource_version.unwrap();
    let params = WatchParams::default().labels("app=web");
    let mut events = pin!(pods.watch(&params, &version).await.unwrap());
    create(&pods, &pod("x")).await;
    assert_eq!(bind(&cluster, "x", "n").await.0, 201);
    let unlabelled = Patch::Merge(json!({"metadata": {"labels": null}}));
    pods.patch("x", &PatchParams::default(), &unlabelled).await.unwrap();
    let mut next = async || events.next().await.unwrap().unwrap();
    assert!(matches!(next().await, WatchEvent::Added(pod) if pod.name_any() == "x"));
    let WatchEvent::Modified(bound) = next().await else { panic!("the binding is missing") };
    assert_eq!(bound.spec.unwrap().node_name.as_deref(), Some("n"));
    let WatchEvent::Deleted(left) = next().await else { panic!("it has left the selection") };
    // As it was in the selection, with the version at which it left.
    assert_eq!(left.metadata.labels.map(|labels| labels.len()), Some(1));
    assert!(left.metadata.resource_version > bound.metadata.resource_version);
}

#[tokio::test]
async fn a_watch_of_a_version_that_is_past_is_told_so() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    let mut events = pin!(pods.watch(&WatchParams::default(), "1").await.unwrap());
    match events.next().await.unwrap().unwrap() {
        WatchEvent::Error(status) => assert_eq!((status.code, &*status.reason), (410, "Expired")),
        other => panic!("{other:?}"),
    }
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_streaming_list_ends_with_a_bookmark() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    create(&maps, &config_map("a")).await;
    let mut events = pin!(watcher(maps.clone(), watcher::Config::default().streaming_lists()));
    let mut seen = Vec::new();
    loop {
        match events.next().await.unwrap().unwrap() {
            watcher::Event::Init => seen.push("init".to_owned()),
            watcher::Event::InitApply(map) => seen.push(map.name_any()),
            watcher::Event::InitDone => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, ["init", "a"]);
    create(&maps, &config_map("b")).await;
    let next = events.next().await.unwrap().unwrap();
    assert!(matches!(next, watcher::Event::Apply(map) if map.name_any() == "b"));
}

#[tokio::test]
async fn a_watcher_follows_all_changes_over_relists() {
    let mut options = Options::default();
    options.limits.history_changes = 5;
    let cluster = Cluster::start_with(options);
    let maps = cluster.config_maps();
    let stream = watcher(maps.clone(), watcher::Config::default().page_size(3));
    let mut events = pin!(stream.default_backoff().applied_objects());
    let mut seen = 0;
    for at in 0..20 {
        create(&maps, &config_map(&format!("m{at:02}"))).await;
        while seen <= at {
            let map = events.next().await.unwrap().unwrap();
            if map.name_any() == format!("m{at:02}") {
                seen = at + 1;
            }
        }
    }
    assert_eq!(seen, 20);
}

#[tokio::test]
async fn watches_end_with_the_server() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    let mut events = pin!(pods.watch(&WatchParams::default(), "0").await.unwrap());
    create(&pods, &pod("x")).await;
    assert!(events.next().await.unwrap().is_ok());
    cluster.server.shutdown().await;
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn deletions_wait_for_grace_and_finalizers() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    create(&cluster.all(), &node("n")).await;
    // Nobody runs it: it goes at once.
    create(&pods, &pod("unassigned")).await;
    pods.delete("unassigned", &DeleteParams::default()).await.unwrap();
    assert!(pods.get_opt("unassigned").await.unwrap().is_none());
    create(&pods, &pod("bound")).await;
    assert_eq!(bind(&cluster, "bound", "n").await.0, 201);
    pods.delete("bound", &DeleteParams::default()).await.unwrap();
    let marked = pods.get("bound").await.unwrap();
    assert_eq!(marked.metadata.deletion_grace_period_seconds, Some(30));
    assert!(marked.metadata.deletion_timestamp.is_some());
    assert_eq!(bind(&cluster, "bound", "n").await.0, 409);
    pods.delete("bound", &DeleteParams::default().grace_period(0)).await.unwrap();
    assert!(pods.get_opt("bound").await.unwrap().is_none());

    let maps = cluster.config_maps();
    let mut held = config_map("held");
    held.metadata.finalizers = Some(vec!["example.com/hold".to_owned()]);
    create(&maps, &held).await;
    maps.delete("held", &DeleteParams::default()).await.unwrap();
    assert!(maps.get("held").await.unwrap().metadata.deletion_timestamp.is_some());
    let more = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold", "b/c"]}}));
    let more = status(maps.patch("held", &PatchParams::default(), &more).await);
    assert_eq!(more.code, 422, "{more:?}");
    let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &PatchParams::default(), &none).await.unwrap();
    assert!(maps.get_opt("held").await.unwrap().is_none());
}

#[tokio::test]
async fn deletions_have_preconditions_and_policies() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    let made = create(&maps, &config_map("x")).await;
    let other = Preconditions { uid: Some("other".into()), resource_version: None };
    let refused = maps.delete("x", &DeleteParams::default().preconditions(other)).await;
    assert_eq!(status(refused).code, 409);
    let own = Preconditions { uid: made.uid(), resource_version: made.resource_version() };
    maps.delete("x", &DeleteParams::default().preconditions(own)).await.unwrap();
    create(&maps, &config_map("y")).await;
    let foreground = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Foreground),
        ..DeleteParams::default()
    };
    maps.delete("y", &foreground).await.unwrap();
    assert_eq!(maps.get("y").await.unwrap().finalizers(), ["foregroundDeletion"]);
    for name in ["a", "b"] {
        create(&maps, &config_map(name)).await;
    }
    let selected = ListParams::default().fields("metadata.name!=a");
    maps.delete_collection(&DeleteParams::default(), &selected).await.unwrap();
    assert!(maps.get_opt("a").await.unwrap().is_some());
    assert!(maps.get_opt("b").await.unwrap().is_none());
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let made = maps.create(&dry, &config_map("x")).await.unwrap();
    assert!(made.uid().is_some() && made.resource_version().is_none());
    assert!(maps.get_opt("x").await.unwrap().is_none());
    let made = create(&maps, &config_map("x")).await;
    let patch = Patch::Merge(json!({"data": {"a": "2"}}));
    let patched = maps.patch("x", &PatchParams::default().dry_run(), &patch).await.unwrap();
    assert_eq!(patched.data.unwrap()["a"], "2");
    maps.delete("x", &DeleteParams::default().dry_run()).await.unwrap();
    assert_eq!(maps.get("x").await.unwrap(), made);
}

#[tokio::test]
async fn a_namespace_goes_when_it_is_finalized_and_takes_nothing_new_before() {
    let cluster = Cluster::start();
    let namespaces: Api<Namespace> = cluster.all();
    let namespace: Namespace = object(json!({"metadata": {"name": "n"}}));
    create(&namespaces, &namespace).await;
    namespaces.delete("n", &DeleteParams::default()).await.unwrap();
    let going = namespaces.get("n").await.unwrap();
    assert_eq!(going.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Terminating"));
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "n");
    let refused = status(maps.create(&PostParams::default(), &config_map("x")).await);
    assert_eq!(refused.code, 403);
    assert!(refused.message.contains("because it is being terminated"), "{refused:?}");
    let causes = &refused.details.as_ref().unwrap().causes;
    assert_eq!(causes[0].reason, "NamespaceTerminating");
    let mut empty = serde_json::to_value(&going).unwrap();
    empty["spec"]["finalizers"] = json!([]);
    let path = "/api/v1/namespaces/n/finalize";
    let (code, _) = cluster.raw("PUT", path, "application/json", &empty.to_string()).await;
    assert_eq!(code, 200);
    assert!(namespaces.get_opt("n").await.unwrap().is_none());
}

#[tokio::test]
async fn evictions_ask_the_budget() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    create(&cluster.all(), &node("n")).await;
    let path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = json!({
        "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    });
    let (code, made) = cluster.raw("POST", path, "application/json", &budget.to_string()).await;
    assert_eq!(code, 201, "{made}");
    for name in ["a", "b"] {
        create(&pods, &pod(name)).await;
        assert_eq!(bind(&cluster, name, "n").await.0, 201);
        let running = Patch::Merge(json!({"status": {
            "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
        }}));
        pods.patch_status(name, &PatchParams::default(), &running).await.unwrap();
    }
    let refused = status(pods.evict("a", &EvictParams::default()).await);
    assert_eq!((refused.code, &*refused.reason), (429, "TooManyRequests"));
    let status_path = format!("{path}/b/status");
    let allowed = json!({"status": {
        "observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1,
        "expectedPods": 2,
    }});
    let merge = "application/merge-patch+json";
    let (code, answer) = cluster.raw("PATCH", &status_path, merge, &allowed.to_string()).await;
    assert_eq!(code, 200, "{answer}");
    pods.evict("a", &EvictParams::default()).await.unwrap();
    assert!(pods.get("a").await.unwrap().metadata.deletion_timestamp.is_some());
    let refused = status(pods.evict("b", &EvictParams::default()).await);
    assert_eq!(refused.code, 429);
    assert_eq!(refused.details.as_ref().unwrap().causes[0].reason, "DisruptionBudget");
    let (_, budget) = cluster.raw("GET", &format!("{path}/b"), "", "").await;
    assert_eq!(budget["status"]["disruptionsAllowed"], 0);
    assert!(budget["status"]["disruptedPods"]["a"].is_string());
}

#[tokio::test]
async fn scales_are_read_and_set() {
    let cluster = Cluster::start();
    let path = "/apis/apps/v1/namespaces/default/replicasets";
    let set = json!({
        "metadata": {"name": "r"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    });
    let (code, made) = cluster.raw("POST", path, "application/json", &set.to_string()).await;
    assert_eq!(code, 201, "{made}");
    let (_, scale) = cluster.raw("GET", &format!("{path}/r/scale"), "", "").await;
    assert_eq!(scale["kind"], "Scale");
    assert_eq!(
        (&scale["spec"]["replicas"], &scale["status"]["selector"]),
        (&json!(2), &json!("app=web"))
    );
    let patch = r#"{"spec":{"replicas":5}}"#;
    let merge = "application/merge-patch+json";
    let (code, scale) = cluster.raw("PATCH", &format!("{path}/r/scale"), merge, patch).await;
    assert_eq!((code, &scale["spec"]["replicas"]), (200, &json!(5)));
    let (_, set) = cluster.raw("GET", &format!("{path}/r"), "", "").await;
    assert_eq!((&set["spec"]["replicas"], &set["metadata"]["generation"]), (&json!(5), &json!(2)));
}

#[tokio::test]
async fn events_have_two_faces() {
    let cluster = Cluster::start();
    let new: NewEvent = object(json!({
        "metadata": {"name": "e", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "berth",
        "reportingInstance": "berth-0", "action": "Binding", "reason": "Scheduled",
        "type": "Normal", "note": "assigned",
        "regarding": {"kind": "Pod", "namespace": "default", "name": "x"},
    }));
    let new_events: Api<NewEvent> = Api::default_namespaced(cluster.client.clone());
    let made = create(&new_events, &new).await;
    assert_eq!(made.note.as_deref(), Some("assigned"));
    let old: Api<Event> = Api::default_namespaced(cluster.client.clone());
    let selected = ListParams::default().fields("involvedObject.name=x,reason=Scheduled");
    let list = old.list(&selected).await.unwrap();
    assert_eq!(list.items.len(), 1);
    assert_eq!(list.items[0].message.as_deref(), Some("assigned"));
    let list = new_events.list(&ListParams::default().fields("regarding.name=x")).await.unwrap();
    assert_eq!(list.items, [made]);
}

#[tokio::test]
async fn metadata_and_tables_are_answered_where_they_are_asked_for() {
    let cluster = Cluster::start();
    create(&cluster.pods(), &pod("x")).await;
    let list = cluster.pods().list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(list.items.len(), 1);
    assert_eq!(cluster.pods().get_metadata("x").await.unwrap().name_any(), "x");
    let request = Request::get("/api/v1/pods")
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        .body(Vec::new())
        .unwrap();
    let table: Value = cluster.client.request(request).await.unwrap();
    assert_eq!((&table["kind"], &table["rows"][0]["cells"][0]), (&json!("Table"), &json!("x")));
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
}

#[tokio::test]
async fn a_token_is_wanted_where_there_is_one() {
    let options = Options { token: Some("secret".into()), ..Options::default() };
    let cluster = Cluster::start_with(options);
    let refused = status(cluster.pods().list(&ListParams::default()).await);
    assert_eq!((refused.code, &*refused.reason), (401, "Unauthorized"));
    let request =
        Request::get("/version").header("authorization", "Bearer secret").body(Vec::new()).unwrap();
    let version: Value = cluster.client.request(request).await.unwrap();
    assert_eq!(version["minor"], "37");
}

#[tokio::test]
async fn discovery_names_every_kind() {
    let cluster = Cluster::start();
    let found = kube::discovery::Discovery::new(cluster.client.clone()).run().await.unwrap();
    let kinds: Vec<String> = found
        .groups()
        .flat_map(|group| group.recommended_resources())
        .map(|(resource, _)| resource.kind)
        .collect();
    for kind in ["Pod", "Node", "Deployment", "Lease", "PriorityClass", "ResourceClaim"] {
        assert!(kinds.iter().any(|one| one == kind), "{kind}: {kinds:?}");
    }
}

#[tokio::test]
async fn two_hundred_watchers_see_the_same_and_a_stalled_one_is_no_matter() {
    const WATCHERS: usize = 200;
    const PODS: usize = 50;
    let cluster = Cluster::start();
    let pods = cluster.pods();
    let version = pods.list(&ListParams::default()).await.unwrap().metadata.resource_version;
    let version = version.unwrap();
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        watchers.push(pods.watch(&WatchParams::default(), &version).await.unwrap());
    }
    // One that is never read.
    let stalled = pods.watch(&WatchParams::default(), &version).await.unwrap();
    for at in 0..PODS {
        create(&pods, &pod(&format!("p{at}"))).await;
    }
    for watcher in watchers {
        let mut events = pin!(watcher);
        let seen = events.by_ref().take(PODS).map(|event| match event.unwrap() {
            WatchEvent::Added(pod) => pod.name_any(),
            other => panic!("{other:?}"),
        });
        let seen: Vec<String> = seen.collect().await;
        let expected: Vec<String> = (0..PODS).map(|at| format!("p{at}")).collect();
        assert_eq!(seen, expected);
    }
    drop(stalled);
}
