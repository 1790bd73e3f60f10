//! The embedded API server through kube-rs, over HTTP on loopback: what a client of the real one relies on.

mod deletions;
mod reads;
mod watches;
mod writes;

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
pub(crate) struct Cluster {
    pub(crate) server: Server,
    pub(crate) client: Client,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::start_with(Options::default())
    }

    pub(crate) fn start_with(options: Options) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Listener::bind(address).expect("a port is free");
        let server = Server::start(server, options).expect("it can be served");
        let url = format!("http://{}", server.address());
        let url = url.parse().expect("an address is a URL");
        let mut config = Config::new(url);
        // A refused eviction is an answer here, not a reason to wait.
        config.default_retry = false;
        let client = Client::try_from(config).expect("the configuration is complete");
        Self { server, client }
    }

    pub(crate) fn all<T: Resource<DynamicType = ()>>(&self) -> Api<T> {
        Api::all(self.client.clone())
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client.clone())
    }

    pub(crate) fn config_maps(&self) -> Api<ConfigMap> {
        Api::default_namespaced(self.client.clone())
    }

    /// A request that no typed client makes: the status code and the answer.
    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &str,
    ) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", media_type)
            .body(body.as_bytes().to_vec().into())
            .expect("the request is well formed");
        let response = self.client.send(request).await.expect("the server answers");
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("the answer ends").to_bytes();
        (code, serde_json::from_slice(&bytes).unwrap_or_default())
    }
}

pub(crate) fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the test writes it right")
}

pub(crate) fn pod(name: &str) -> Pod {
    object(json!({
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }))
}

pub(crate) fn node(name: &str) -> Node {
    object(json!({
        "metadata": {"name": name},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}},
    }))
}

pub(crate) fn config_map(name: &str) -> ConfigMap {
    object(json!({"metadata": {"name": name}, "data": {"a": "1"}}))
}

#[expect(clippy::panic, reason = "a helper of tests fails the way a test does")]
pub(crate) fn status<T: std::fmt::Debug>(result: Result<T, Error>) -> Box<Status> {
    match result {
        Err(Error::Api(status)) => status,
        other => panic!("no Status: {other:?}"),
    }
}

pub(crate) async fn create<T>(api: &Api<T>, value: &T) -> T
where
    T: Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    api.create(&PostParams::default(), value).await.expect("it can be created")
}

pub(crate) async fn bind(cluster: &Cluster, name: &str, node: &str) -> (u16, Value) {
    let path = format!("/api/v1/namespaces/default/pods/{name}/binding");
    let body = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
        "target": {"kind": "Node", "name": node},
    });
    cluster.raw("POST", &path, "application/json", &body.to_string()).await
}
