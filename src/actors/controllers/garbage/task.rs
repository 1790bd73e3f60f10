//! The task that collects garbage: a watch of the metadata of every kind, and the graph.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll};
use http::Request;
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::watcher;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};
use tracing::{debug, warn};

use crate::units::Set;

use super::super::super::clock::Clock;
use super::super::super::watch::follow;
use super::super::super::write::{Failure, Write};
use super::super::discovery::{Discovered, discover};
use super::super::queue::Queue;
use super::graph::{Graph, Object, Owner, Step, Uid};

/// Objects that are worked on at the same time.
const WORKERS_MAX: usize = 16;
/// The pause before a discovery that failed is tried again.
const DISCOVER_AGAIN: Duration = Duration::from_secs(2);

type Seen = (usize, watcher::Event<PartialObjectMeta<DynamicObject>>);

/// Collects garbage for ever.
pub(in super::super) async fn run(client: Client) {
    let kinds = loop {
        match discover(&client).await {
            Ok(kinds) => break Arc::new(kinds),
            Err(error) => warn!("the kinds of the API server cannot be read: {error}"),
        }
        sleep(DISCOVER_AGAIN).await;
    };
    let clock = Clock::start();
    let mut watches: SelectAll<BoxStream<'static, Seen>> = SelectAll::new();
    for (number, kind) in kinds.iter().enumerate() {
        let api: Api<PartialObjectMeta<DynamicObject>> =
            Api::all_with(client.clone(), &kind.api_resource());
        let what = format!("the metadata of {}", kind.plural);
        let events = follow(what, api, watcher::Config::default());
        watches.push(events.map(move |event| (number, event)).boxed());
    }
    let mut collector = Collector {
        listed: vec![None; kinds.len()],
        kinds,
        graph: Graph::default(),
        queue: Queue::default(),
    };
    let mut under_way = JoinSet::new();
    loop {
        let now = clock.now();
        while under_way.len() < WORKERS_MAX
            && let Some(uid) = collector.queue.pop(now)
        {
            match collector.job(&uid) {
                Some(job) => drop(under_way.spawn(job.carry_out(client.clone(), uid))),
                None => collector.queue.done(&uid, true, now),
            }
        }
        let next = collector.queue.next_due().filter(|_| under_way.len() < WORKERS_MAX);
        let next = next.map(|at| clock.instant(at));
        tokio::select! {
            Some(seen) = watches.next() => collector.see(seen),
            Some(Ok((uid, outcome))) = under_way.join_next() => {
                let now = clock.now();
                collector.queue.done(&uid, outcome.is_ok(), now);
                match outcome {
                    Ok(found) => for (owner, is_there) in found {
                        collector.graph.remember(&owner, is_there);
                        collector.queue.add(uid.clone());
                    },
                    Err(error) => debug!("garbage is left for now: {error}"),
                }
            }
            () = sleep_until(next.unwrap_or_else(tokio::time::Instant::now)), if next.is_some() => {}
        }
    }
}

struct Collector {
    kinds: Arc<Vec<Discovered>>,
    graph: Graph,
    queue: Queue<Uid>,
    /// What a list that is being read has shown, by kind.
    listed: Vec<Option<Set<Uid>>>,
}

impl Collector {
    fn see(&mut self, (kind, event): Seen) {
        let concerned = match event {
            watcher::Event::Init => {
                self.listed[kind] = None;
                Vec::new()
            }
            watcher::Event::InitApply(object) => {
                let uid = object.metadata.uid.clone().unwrap_or_default();
                self.listed[kind].get_or_insert_default().insert(uid.as_str().into());
                self.graph.observe(&uid, Object::new(kind, &object.metadata))
            }
            watcher::Event::InitDone => {
                let listed = self.listed[kind].take().unwrap_or_default();
                let known = self.graph.of_kind(kind);
                let gone = known.into_iter().filter(|uid| !listed.contains(uid));
                gone.flat_map(|uid| self.graph.forget(&uid)).collect()
            }
            watcher::Event::Apply(object) => {
                let uid = object.metadata.uid.as_deref().unwrap_or_default();
                self.graph.observe(uid, Object::new(kind, &object.metadata))
            }
            watcher::Event::Delete(object) => {
                self.graph.forget(object.metadata.uid.as_deref().unwrap_or_default())
            }
        };
        for uid in concerned {
            self.queue.add(uid);
        }
    }

    fn path(&self, uid: &str) -> Option<String> {
        let object = self.graph.get(uid)?;
        let collection = self.kinds[object.kind].collection(&object.namespace);
        Some(format!("{collection}/{}", object.name))
    }

    /// Where an owner is to be found; `None` where nobody knows its kind.
    fn owner_path(&self, owner: &Owner, namespace: &str) -> Option<String> {
        let kind = self
            .kinds
            .iter()
            .find(|kind| *kind.kind == *owner.kind && *kind.api_version == *owner.api_version)?;
        let namespace = if kind.namespaced { namespace } else { "" };
        Some(format!("{}/{}", kind.collection(namespace), owner.name))
    }

    fn job(&mut self, uid: &Uid) -> Option<Job> {
        let path = self.path(uid)?;
        match self.graph.look(uid) {
            Step::Nothing => None,
            Step::Dependents(dependents) => {
                for dependent in dependents {
                    self.queue.add(dependent);
                }
                None
            }
            Step::Verify(owners) => {
                let namespace = self.graph.get(uid)?.namespace.clone();
                let find = |owner: Owner| {
                    let path = self.owner_path(&owner, &namespace);
                    (owner.uid, path)
                };
                Some(Job::Find(owners.into_iter().map(find).collect()))
            }
            Step::Delete(propagation) => Some(Job::Delete(path, propagation)),
            Step::Unlink(owners) => Some(Job::Unlink(vec![path], owners)),
            Step::Orphan(dependents) => {
                let paths = dependents.iter().filter_map(|uid| self.path(uid)).collect();
                Some(Job::Unlink(paths, vec![uid.clone()]))
            }
            Step::Finish(finalizer) => Some(Job::Finish(path, finalizer)),
        }
    }
}

/// Requests that one step takes.
enum Job {
    Find(Vec<(Uid, Option<String>)>),
    Delete(String, &'static str),
    Unlink(Vec<String>, Vec<Uid>),
    Finish(String, &'static str),
}

/// Owners that were looked for, and whether they are there.
type Found = Vec<(Uid, bool)>;

impl Job {
    async fn carry_out(self, client: Client, uid: Uid) -> (Uid, Result<Found, Failure>) {
        let outcome = self.try_out(&client, &uid).await;
        (uid, outcome)
    }

    async fn try_out(self, client: &Client, uid: &Uid) -> Result<Found, Failure> {
        let mut found = Vec::new();
        match self {
            Self::Find(owners) => {
                for (owner, path) in owners {
                    let is_there = match path {
                        Some(path) => get(client, &path).await?.is_some_and(|o| is(&o, &owner)),
                        // Of a kind that nobody here knows: left alone.
                        None => true,
                    };
                    found.push((owner, is_there));
                }
            }
            Self::Delete(path, propagation) => {
                let options =
                    json!({"preconditions": {"uid": uid}, "propagationPolicy": propagation});
                match Write::delete(path, options).send(client).await {
                    Ok(_) | Err(Failure::NotFound(_) | Failure::Conflict(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            Self::Unlink(paths, owners) => {
                for path in paths {
                    change(client, &path, |object| {
                        let mut references = object["metadata"]["ownerReferences"].take();
                        if let Some(all) = references.as_array_mut() {
                            all.retain(|r| !owners.iter().any(|owner| r["uid"] == **owner));
                        }
                        json!({"ownerReferences": references})
                    })
                    .await?;
                }
            }
            Self::Finish(path, finalizer) => {
                change(client, &path, |object| {
                    let mut finalizers = object["metadata"]["finalizers"].take();
                    if let Some(all) = finalizers.as_array_mut() {
                        all.retain(|name| name != finalizer);
                    }
                    json!({"finalizers": finalizers})
                })
                .await?;
            }
        }
        Ok(found)
    }
}

fn is(object: &Value, uid: &str) -> bool {
    object["metadata"]["uid"] == uid
}

/// The object at `path`, if there is one.
async fn get(client: &Client, path: &str) -> Result<Option<Value>, Failure> {
    let request = Request::get(path).body(Vec::new());
    let request = request.map_err(|error| Failure::Refused(error.to_string()))?;
    match client.request::<Value>(request).await.map_err(Failure::from) {
        Ok(object) => Ok(Some(object)),
        Err(Failure::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Changes the metadata of the object at `path`, if there is one, as it is now.
async fn change(
    client: &Client,
    path: &str,
    with: impl Fn(&mut Value) -> Value,
) -> Result<(), Failure> {
    let Some(mut object) = get(client, path).await? else { return Ok(()) };
    let mut metadata = with(&mut object);
    metadata["resourceVersion"] = object["metadata"]["resourceVersion"].clone();
    metadata["uid"] = object["metadata"]["uid"].clone();
    match Write::merge(path, json!({"metadata": metadata})).send(client).await {
        Ok(_) | Err(Failure::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
