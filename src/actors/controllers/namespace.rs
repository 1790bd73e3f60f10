//! Namespaces that are being deleted: all that is in them is deleted, and then they are finalized.
//!
//! Upstream: pkg/controller/namespace, v1.37. Differs from upstream: no conditions are written.

use futures::{StreamExt, stream};
use http::Request;
use kube::Client;
use kube::core::DynamicObject;
use serde_json::{Value, json};
use tracing::debug;

use super::super::write::{Failure, Write};
use super::discovery::discover;
use super::kind::Kind;
use super::plan::is_deleting;

/// The finalizer in the spec of every namespace.
const FINALIZER: &str = "kubernetes";
/// Requests at the same time.
const REQUESTS: usize = 8;

/// Whether a namespace waits to be emptied.
pub(super) fn waits(namespace: &DynamicObject) -> bool {
    let finalizers = namespace.data["spec"]["finalizers"].as_array();
    is_deleting(namespace)
        && finalizers.is_some_and(|all| all.iter().any(|finalizer| finalizer == FINALIZER))
}

/// Deletes what is in the namespace `name`. True once nothing is left and it was finalized.
pub(super) async fn empty(client: &Client, name: &str) -> Result<bool, Failure> {
    let mut kinds = discover(client).await?;
    kinds.retain(|kind| kind.namespaced);
    // Events have no owner and are no reason to wait, but they go, too.
    let events = Write::delete(format!("/api/v1/namespaces/{name}/events"), json!({}));
    let each = kinds.into_iter().map(|kind| delete_all(client.clone(), kind.collection(name)));
    let left: Vec<_> = stream::iter(each).buffer_unordered(REQUESTS).collect().await;
    let mut is_empty = true;
    for of_kind in left {
        is_empty &= of_kind?;
    }
    if !is_empty {
        return Ok(false);
    }
    if let Err(error) = events.send(client).await {
        debug!("the events of the namespace {name} are left: {error}");
    }
    finalize(client, name).await?;
    Ok(true)
}

/// Deletes all objects of the collection `path`. True where none is left.
async fn delete_all(client: Client, path: String) -> Result<bool, Failure> {
    if is_empty(&client, &path).await? {
        return Ok(true);
    }
    let all = Write::delete(&path, json!({"propagationPolicy": "Background"}));
    match all.send(&client).await {
        Ok(_) => {}
        Err(error) => debug!("{path} cannot be deleted: {error}"),
    }
    is_empty(&client, &path).await
}

async fn is_empty(client: &Client, path: &str) -> Result<bool, Failure> {
    let request = Request::get(format!("{path}?limit=1")).body(Vec::new());
    let request = request.map_err(|error| Failure::Refused(error.to_string()))?;
    let list: Value = client.request(request).await?;
    Ok(list["items"].as_array().is_none_or(Vec::is_empty))
}

async fn finalize(client: &Client, name: &str) -> Result<(), Failure> {
    let path = format!("{}/{name}", Kind::Namespace.collection(""));
    let request = Request::get(&path).body(Vec::new());
    let request = request.map_err(|error| Failure::Refused(error.to_string()))?;
    let mut object: Value = client.request(request).await?;
    if let Some(finalizers) = object["spec"]["finalizers"].as_array_mut() {
        finalizers.retain(|finalizer| finalizer != FINALIZER);
    }
    Write::replace(format!("{path}/finalize"), object).send(client).await.map(drop)
}
