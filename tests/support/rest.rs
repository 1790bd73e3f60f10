//! The API server spoken to in plain JSON: [`Rest`].
//!
//! The end-to-end tests use it in place of `kube`'s typed API, so that what they create, compare and hand
//! to the oracle is what the API server said, with nothing lost on the way through a type.

use http::{Method, Request, header};
use kube::Client;
use serde_json::{Value, json};

/// Where pods are; events are in [`Rest::events`].
pub(crate) fn pods_path(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods")
}

/// Where nodes are.
pub(crate) const NODES: &str = "/api/v1/nodes";

/// A client of the API server with the rights of the admin.
#[derive(Clone)]
pub(crate) struct Rest(pub(crate) Client);

impl Rest {
    /// Sends a request; an error has the API server's Status in it.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Option<&Value>,
    ) -> kube::Result<Value> {
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, content_type)
            .body(bytes)
            .expect("a test writes paths that are paths");
        self.0.request(request).await
    }

    /// The object at `path`, if there is one.
    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        match self.send(Method::GET, path, "application/json", None).await {
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            found => Some(found.expect("the API server can be read")),
        }
    }

    /// The objects of a collection. Lists leave out what kind their items are, so `kind` is put in.
    pub(crate) async fn list(&self, path: &str, kind: &str) -> Vec<Value> {
        let mut list = self.get(path).await.unwrap_or_default();
        let Value::Array(mut items) = list["items"].take() else { return Vec::new() };
        for item in &mut items {
            item["apiVersion"] = list["apiVersion"].clone();
            item["kind"] = json!(kind);
        }
        items
    }

    /// Creates `object` in the collection `path`; returns what the API server made of it.
    pub(crate) async fn create(&self, path: &str, object: &Value) -> Value {
        let made = self.send(Method::POST, path, "application/json", Some(object)).await;
        made.expect("the API server takes what a test creates")
    }

    /// Merges `change` into the object at `path`.
    pub(crate) async fn patch(&self, path: &str, change: &Value) -> Value {
        let content_type = "application/merge-patch+json";
        let changed = self.send(Method::PATCH, path, content_type, Some(change)).await;
        changed.expect("the API server takes a test's patch")
    }

    /// Deletes the object at `path`.
    pub(crate) async fn delete(&self, path: &str) {
        let deleted = self.send(Method::DELETE, path, "application/json", None).await;
        deleted.expect("what a test deletes is there");
    }

    /// Binds a pod by hand, as another scheduler does.
    pub(crate) async fn bind(&self, namespace: &str, pod: &str, node: &str) {
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod, "namespace": namespace},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        self.create(&format!("{}/{pod}/binding", pods_path(namespace)), &binding).await;
    }

    /// The Events of a namespace.
    pub(crate) async fn events(&self, namespace: &str) -> Vec<Value> {
        self.list(&format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"), "Event").await
    }
}

/// Where priority classes are.
pub(crate) const PRIORITY_CLASSES: &str = "/apis/scheduling.k8s.io/v1/priorityclasses";

/// A class of pods of this priority.
pub(crate) fn priority_class(name: &str, value: i32) -> Value {
    json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": name}, "value": value,
    })
}

/// The node that a pod is on.
pub(crate) fn node_of(pod: &Value) -> Option<&str> {
    pod["spec"]["nodeName"].as_str()
}

/// The condition `PodScheduled` of a pod, or null.
pub(crate) fn scheduled_condition(pod: &Value) -> &Value {
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().find(|c| c["type"] == "PodScheduled").unwrap_or(&Value::Null)
}
