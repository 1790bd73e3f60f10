//! The least that a scheduler costs: binds each pod to the next node, whatever it asks for, and writes the
//! Event. Run by `cli` in a process of its own (`berth bench blind`), so that its CPU time is counted like any
//! other scheduler's.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Context as _;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use http::Method;
use serde::Deserialize;
use tokio::time::sleep;

use crate::client::{Plain, PlainError};
use crate::runtime::StopSignals;

use super::list::{self, List, PAGE_OBJECTS};

/// Writes under way.
const IN_FLIGHT: usize = 32;

/// Pods that wait for a write. Beyond it the watch is not read.
const WAITING_MAX: usize = 4_096;

/// The wait after a watch or a list that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// Which pods it binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloorOptions {
    /// Their `spec.schedulerName`.
    pub scheduler_name: String,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: Object<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Spec<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(borrow)]
    resource_version: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    node_name: Cow<'a, str>,
    #[serde(borrow)]
    scheduler_name: Cow<'a, str>,
}

/// A pod that has no node.
struct Pending {
    namespace: String,
    name: String,
    uid: String,
}

impl Pending {
    /// A pod that is to be bound here.
    fn of(pod: Object<'_>, options: &FloorOptions) -> Option<Self> {
        let ours = pod.spec.scheduler_name == options.scheduler_name;
        (ours && pod.spec.node_name.is_empty()).then(|| Self {
            namespace: pod.metadata.namespace.into_owned(),
            name: pod.metadata.name.into_owned(),
            uid: pod.metadata.uid.into_owned(),
        })
    }
}

/// Binds pods until it is told to stop.
pub async fn bind_blindly(
    plain: Plain,
    options: FloorOptions,
    mut stop: StopSignals,
) -> anyhow::Result<()> {
    tokio::select! {
        biased;
        () = stop.first() => Ok(()),
        outcome = bind_all(&plain, &options) => outcome,
    }
}

async fn bind_all(plain: &Plain, options: &FloorOptions) -> anyhow::Result<()> {
    let nodes = list::all(plain, "/api/v1/nodes", "").await?;
    anyhow::ensure!(!nodes.is_empty(), "the cluster has no nodes");
    let (mut waiting, mut writes) = (VecDeque::new(), FuturesUnordered::new());
    let (mut turn, mut stamp) = (0, 0);
    let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D&limit={PAGE_OBJECTS}");
    let text = plain.text(&path).await.context("GET /api/v1/pods")?;
    let list: List<Object<'_>> = serde_json::from_str(&text).context("a list of pods")?;
    // The first ones are enough: those that are there before this is are few.
    waiting.extend(list.items.into_iter().filter_map(|pod| Pending::of(pod, options)));
    let mut version = list.metadata.resource_version;
    loop {
        let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D&resourceVersion={version}");
        let Ok(mut lines) = plain.watch(&path).await else {
            sleep(PAUSE).await;
            continue;
        };
        loop {
            while writes.len() < IN_FLIGHT {
                let Some(pod) = waiting.pop_front() else { break };
                stamp += 1;
                turn = (turn + 1) % nodes.len();
                writes.push(bind(plain, options, pod, &nodes[turn].name, stamp));
            }
            tokio::select! {
                biased;
                Some(done) = writes.next() => {
                    let mut done: Option<Result<(), PlainError>> = Some(done);
                    while let Some(result) = done {
                        result.context("a pod cannot be bound")?;
                        done = writes.next().now_or_never().flatten();
                    }
                }
                line = lines.next(), if waiting.len() < WAITING_MAX => {
                    let Ok(Some((line, _))) = line else { break };
                    let line: Line<'_> = serde_json::from_slice(line).context("a line of a watch")?;
                    anyhow::ensure!(line.kind != "ERROR", "the watch of pods ended with an error");
                    version.clear();
                    version.push_str(&line.object.metadata.resource_version);
                    if line.kind == "ADDED" {
                        waiting.extend(Pending::of(line.object, options));
                    }
                }
            }
        }
    }
}

/// One Binding, and then its Event. A pod that is gone or bound is not our concern.
async fn bind(
    plain: &Plain,
    options: &FloorOptions,
    pod: Pending,
    node: &str,
    stamp: usize,
) -> Result<(), PlainError> {
    let Pending { namespace, name, uid } = pod;
    let scheduler = &options.scheduler_name;
    // Names that an API server has validated need no escapes.
    let body = format!(
        r#"{{"apiVersion":"v1","kind":"Binding","metadata":{{"namespace":"{namespace}","name":"{name}","uid":"{uid}"}},"target":{{"kind":"Node","name":"{node}"}}}}"#
    );
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/binding");
    match plain.write(Method::POST, &path, body).await {
        Ok(()) => {}
        Err(error) if matches!(error.status, 404 | 409) => return Ok(()),
        Err(error) => return Err(error),
    }
    let now = jiff::Timestamp::now();
    let body = format!(
        r#"{{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{{"name":"{name}.{stamp:x}","namespace":"{namespace}"}},"eventTime":"{now:.6}","reportingController":"{scheduler}","reportingInstance":"{scheduler}","action":"Binding","reason":"Scheduled","regarding":{{"kind":"Pod","namespace":"{namespace}","name":"{name}","uid":"{uid}","apiVersion":"v1"}},"note":"Successfully assigned {namespace}/{name} to {node}","type":"Normal"}}"#
    );
    let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
    plain.write(Method::POST, &path, body).await
}
