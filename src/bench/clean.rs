//! Leaves a cluster as it was: removes everything that has the bench's label, and looks before whether a
//! cluster may be used at all. Called by `run`, and by `cli` for `--clean`.

use std::time::Duration;

use anyhow::Context as _;
use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::client::Plain;

use super::kinds::{KINDS, Kind};
use super::list;
use super::load::{self, Pace};
use super::plan::LABEL;

/// Deletions under way.
const IN_FLIGHT: usize = 32;

/// How long the cluster's own controller may take to begin with a namespace that is being deleted. Where
/// nobody does, it is finished here: there is nothing of ours in it any more.
const NAMESPACE_BEGUN_MAX: Duration = Duration::from_secs(5);

/// How long a namespace may take to go.
const NAMESPACE_GONE_MAX: Duration = Duration::from_mins(2);

/// How often it is looked whether it is gone.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is done about nodes that the bench did not make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnNodes {
    /// A cluster that has some is refused: pods would really start there.
    #[default]
    Refuse,
    /// They are used, and none is made.
    Use,
}

/// Whether the cluster may be used: nothing of an earlier run is there, and the nodes are as they are said to be.
pub(super) async fn check(plain: &Plain, own_nodes: OwnNodes) -> anyhow::Result<()> {
    for kind in KINDS.iter().filter(|kind| !kind.namespaced) {
        if let Some(name) = list::first(plain, &kind.path(""), LABEL).await? {
            let kind = kind.name();
            anyhow::bail!("the {kind} {name:?} is there from an earlier run; --clean removes it");
        }
    }
    let node = KINDS.iter().find(|kind| kind.name() == "Node").context("nodes are a kind")?;
    match (list::first(plain, &node.path(""), &format!("!{LABEL}")).await?, own_nodes) {
        (Some(name), OwnNodes::Refuse) => anyhow::bail!(
            "the cluster has nodes of its own ({name:?} is one), and pods would really start there; \
             --use-my-nodes has them take the pods, and makes no nodes"
        ),
        (None, OwnNodes::Use) => anyhow::bail!("--use-my-nodes: the cluster has no nodes"),
        _ => Ok(()),
    }
}

/// Removes everything that has the label.
pub async fn clean(plain: &Plain) -> anyhow::Result<()> {
    for kind in KINDS.iter().filter(|kind| kind.name() != "Namespace") {
        if kind.name() == "Event" {
            continue;
        }
        remove(plain, kind, "", LABEL).await?;
    }
    let kind =
        KINDS.iter().find(|kind| kind.name() == "Namespace").context("namespaces are a kind")?;
    for namespace in list::all(plain, &kind.path(""), LABEL).await? {
        for kind in KINDS.iter().filter(|kind| kind.namespaced) {
            remove(plain, kind, &namespace.name, "").await?;
        }
        let path = format!("{}/{}", kind.path(""), namespace.name);
        load::delete(plain, &path).await?;
        gone(plain, &path).await?;
    }
    Ok(())
}

/// Removes the objects of a kind that a selector chooses.
async fn remove(plain: &Plain, kind: &Kind, namespace: &str, selector: &str) -> anyhow::Result<()> {
    let pace = Pace { in_flight: IN_FLIGHT, per_second: None };
    let all = list::all(plain, &kind.path(namespace), selector).await?;
    load::paced(all.len(), pace, |number| {
        let object = &all[number];
        let path = format!("{}/{}", kind.path(&object.namespace), object.name);
        async move {
            load::delete(plain, &path).await?;
            if !object.finalizers.is_empty() {
                // Who is to take them away may not be there: a bare API server has nobody for the protection
                // of volumes. It may have gone meanwhile, or go by itself.
                let none = json!({"metadata": {"finalizers": null}}).to_string();
                drop(plain.merge(&path, none).await);
            }
            Ok(())
        }
    })
    .await
}

/// Waits until a namespace is gone.
async fn gone(plain: &Plain, path: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let namespace: Value = match plain.read(path).await {
            Ok(namespace) => namespace,
            Err(error) if error.status == 404 => return Ok(()),
            Err(error) => return Err(error).context(path.to_owned()),
        };
        anyhow::ensure!(
            began.elapsed() < NAMESPACE_GONE_MAX,
            "{path} is not gone after {NAMESPACE_GONE_MAX:?}"
        );
        let taken_up = namespace.pointer("/status/conditions").is_some();
        if !taken_up && began.elapsed() > NAMESPACE_BEGUN_MAX {
            let mut namespace = namespace;
            namespace["spec"] = json!({});
            let finalize = format!("{path}/finalize");
            // Somebody may have done it meanwhile; then it is gone.
            drop(plain.write(Method::PUT, &finalize, namespace.to_string()).await);
        }
        sleep(LOOK_EVERY).await;
    }
}
