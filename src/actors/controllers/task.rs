//! The task that runs the controllers: the watches, the queue, and the requests under way.

use std::future::Future;
use std::sync::Arc;

use futures::stream::SelectAll;
use futures::{StreamExt, future, stream};
use kube::core::DynamicObject;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep_until;
use tracing::{debug, warn};

use crate::units::{Nanos, Set};

use super::super::clock::Clock;
use super::super::node_model::node_model;
use super::super::watch::follow;
use super::super::write::Failure;
use super::cache::{Cache, From};
use super::event::{Subject, event};
use super::kind::{Key, Kind};
use super::plan::{Action, Plan, Say};
use super::pod::{self, Pod, SeenPod};
use super::queue::Queue;
use super::{
    ControllerOptions, daemon_set, deployment, disruption, garbage, job, namespace, plan,
    replica_set, stateful_set, volume,
};

/// Objects that are worked on at the same time.
const WORKERS_MAX: usize = 64;
/// How often a namespace that is being deleted is looked at.
const EMPTY_AGAIN: Nanos = Nanos(500_000_000);
/// Answers that wait to be taken into the cache.
const REPORTS_MAX: usize = 1024;
/// Kinds of controllers that own pods by a selector.
const SELECTING: [Kind; 4] =
    [Kind::ReplicaSet, Kind::ReplicationController, Kind::StatefulSet, Kind::DaemonSet];

/// An object to be looked at.
type Work = (Kind, Key);

/// Runs the controllers until `shutdown` is ready.
///
/// Nothing that the API server answers ends it. What is being written then is left.
pub async fn run(client: Client, options: ControllerOptions, shutdown: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = shutdown => {}
        () = garbage::run(client.clone()) => {}
        () = work(client, options) => {}
    }
}

/// What a watch says.
enum Seen {
    Pods(watcher::Event<SeenPod>),
    Objects(Kind, watcher::Event<DynamicObject>),
}

/// What became of a request, or of a whole plan.
enum Report {
    Wrote(Kind, Value),
    Deleted(Kind, Key, Box<str>),
    Finished(Work, bool),
    /// A namespace is not empty yet.
    NotEmpty(Work),
}

async fn work(client: Client, options: ControllerOptions) {
    let clock = Clock::start();
    let mut watches = watches(&client);
    let (reports, mut reported) = mpsc::channel(REPORTS_MAX);
    let executor = Executor {
        client,
        requests: Arc::new(Semaphore::new(options.writes_max.max(1))),
        reports,
        clock,
    };
    let mut hub = Hub::default();
    let mut under_way = JoinSet::new();
    loop {
        let now = clock.now();
        // Nothing is decided before everything was seen once: what is missing would be created again.
        while hub.has_seen_all()
            && under_way.len() < WORKERS_MAX
            && let Some(work) = hub.queue.pop(now)
        {
            if hub.is_to_be_emptied(&work) {
                under_way.spawn(executor.clone().empty(work));
                continue;
            }
            let plan = hub.look(&work, now);
            if plan.actions.is_empty() {
                hub.queue.done(&work, true, now);
            } else {
                let subject = hub.subject(&work);
                under_way.spawn(executor.clone().carry_out(work, subject, plan));
            }
        }
        let next =
            hub.queue.next_due().filter(|_| hub.has_seen_all() && under_way.len() < WORKERS_MAX);
        let next = next.map(|at| clock.instant(at));
        tokio::select! {
            Some(seen) = watches.next() => hub.see(seen),
            Some(report) = reported.recv() => hub.take(report, clock.now()),
            Some(ended) = under_way.join_next() => {
                if let Err(error) = ended {
                    warn!("a plan was not carried out: {error}");
                }
            }
            () = sleep_until(next.unwrap_or_else(tokio::time::Instant::now)), if next.is_some() => {}
        }
    }
}

type Watches = SelectAll<stream::BoxStream<'static, Seen>>;

fn watches(client: &Client) -> Watches {
    let mut watches = Watches::new();
    for kind in Kind::ALL {
        watches.push(watch(client.clone(), kind));
    }
    watches
}

fn watch(client: Client, kind: Kind) -> stream::BoxStream<'static, Seen> {
    let (what, config) = (kind.plural().to_owned(), watcher::Config::default());
    if kind == Kind::Pod {
        return follow(what, Api::<SeenPod>::all(client), config).map(Seen::Pods).boxed();
    }
    let api = Api::<DynamicObject>::all_with(client, &kind.api_resource());
    follow(what, api, config).map(move |event| Seen::Objects(kind, event)).boxed()
}

/// The cache, and what follows from its changes.
#[derive(Default)]
struct Hub {
    cache: Cache,
    queue: Queue<Work>,
    listing: Set<Kind>,
    listed: Set<Kind>,
}

impl Hub {
    fn has_seen_all(&self) -> bool {
        self.listed.len() == Kind::ALL.len()
    }

    /// What is to be done about an object.
    fn look(&mut self, work: &Work, now: Nanos) -> Plan {
        let (kind, key) = work;
        let mut plan = match kind {
            Kind::ReplicaSet | Kind::ReplicationController => {
                replica_set::reconcile(&self.cache, *kind, key, now)
            }
            Kind::Deployment => deployment::reconcile(&self.cache, key, now),
            Kind::StatefulSet => stateful_set::reconcile(&self.cache, key, now),
            Kind::DaemonSet => daemon_set::reconcile(&self.cache, key, now),
            Kind::Job => job::reconcile(&self.cache, key, now),
            Kind::PodDisruptionBudget => disruption::reconcile(&self.cache, key, now),
            Kind::PersistentVolumeClaim => volume::reconcile_claim(&self.cache, key),
            Kind::PersistentVolume => volume::reconcile_volume(&self.cache, key),
            _ => Plan::default(),
        };
        let namespace = Key { namespace: "".into(), name: key.namespace.clone() };
        if self.cache.get(Kind::Namespace, &namespace).is_some_and(plan::is_deleting) {
            // Nothing new may come into it.
            plan.actions.retain(|action| !action.is_create());
        }
        if let Some(at) = plan.again {
            self.queue.add_at(work.clone(), at);
        }
        plan
    }

    fn is_to_be_emptied(&self, (kind, key): &Work) -> bool {
        *kind == Kind::Namespace && self.cache.get(*kind, key).is_some_and(namespace::waits)
    }

    fn subject(&self, (kind, key): &Work) -> Subject {
        let uid = self.cache.get(*kind, key).and_then(ResourceExt::uid).unwrap_or_default();
        Subject { kind: *kind, key: key.clone(), uid: uid.into() }
    }

    fn see(&mut self, seen: Seen) {
        match seen {
            Seen::Pods(event) => match event {
                watcher::Event::Init => self.list_is_void(Kind::Pod),
                watcher::Event::InitApply(pod) => {
                    self.list_goes_on(Kind::Pod);
                    self.pod_is(pod.trim(), From::Watch);
                }
                watcher::Event::InitDone => {
                    for key in self.list_ends(Kind::Pod) {
                        let uid = self.cache.pod(&key).map(|pod| pod.uid.clone());
                        self.pod_is_gone(&key, &uid.unwrap_or_default());
                    }
                }
                watcher::Event::Apply(pod) => self.pod_is(pod.trim(), From::Watch),
                watcher::Event::Delete(pod) => {
                    let pod = pod.trim();
                    self.pod_is_gone(&pod.key, &pod.uid);
                }
            },
            Seen::Objects(kind, event) => match event {
                watcher::Event::Init => self.list_is_void(kind),
                watcher::Event::InitApply(object) => {
                    self.list_goes_on(kind);
                    self.object_is(kind, object, From::Watch);
                }
                watcher::Event::InitDone => {
                    for key in self.list_ends(kind) {
                        let uid = self.cache.get(kind, &key).and_then(ResourceExt::uid);
                        self.object_is_gone(kind, &key, &uid.unwrap_or_default());
                    }
                }
                watcher::Event::Apply(object) => self.object_is(kind, object, From::Watch),
                watcher::Event::Delete(object) => {
                    let key = pod::key(&object.metadata);
                    self.object_is_gone(kind, &key, &object.uid().unwrap_or_default());
                }
            },
        }
    }

    fn take(&mut self, report: Report, now: Nanos) {
        match report {
            Report::Wrote(Kind::Pod, object) => match SeenPod::deserialize(&object) {
                Ok(pod) => self.pod_is(pod.trim(), From::OwnWrite),
                Err(error) => debug!("an answer that is no pod: {error}"),
            },
            Report::Wrote(kind, object) => match serde_json::from_value(object) {
                Ok(object) => self.object_is(kind, object, From::OwnWrite),
                Err(error) => debug!("an answer that is no {}: {error}", kind.name()),
            },
            Report::Deleted(Kind::Pod, key, uid) => self.pod_is_gone(&key, &uid),
            Report::Deleted(kind, key, uid) => self.object_is_gone(kind, &key, &uid),
            Report::Finished(work, succeeded) => self.queue.done(&work, succeeded, now),
            Report::NotEmpty(work) => {
                self.queue.add_at(work.clone(), now + EMPTY_AGAIN);
                self.queue.done(&work, true, now);
            }
        }
    }

    fn list_is_void(&mut self, kind: Kind) {
        self.listing.remove(&kind);
    }

    fn list_goes_on(&mut self, kind: Kind) {
        if self.listing.insert(kind) {
            self.cache.list_begins(kind);
        }
    }

    fn list_ends(&mut self, kind: Kind) -> Vec<Key> {
        self.list_goes_on(kind);
        self.listing.remove(&kind);
        self.listed.insert(kind);
        self.cache.list_ends(kind)
    }

    fn pod_is(&mut self, pod: Pod, from: From) {
        if let Some(before) = self.cache.pod(&pod.key) {
            let before = before.clone();
            self.pod_concerns(&before);
        }
        let now = pod.clone();
        if self.cache.observe_pod(pod, from) {
            self.pod_concerns(&now);
        }
    }

    fn pod_is_gone(&mut self, key: &Key, uid: &str) {
        if let Some(pod) = self.cache.forget_pod(key, uid) {
            self.pod_concerns(&pod);
        }
    }

    /// Queues whoever has to do with a pod.
    fn pod_concerns(&mut self, pod: &Pod) {
        let namespace = &*pod.key.namespace;
        match &pod.owner {
            Some(owner) => {
                if let Some(kind) = owner.kind {
                    let key = Key { namespace: namespace.into(), name: owner.name.clone() };
                    self.queue.add((kind, key));
                }
            }
            None => {
                for kind in SELECTING {
                    for key in self.cache.selecting(kind, namespace, pod) {
                        self.queue.add((kind, key.clone()));
                    }
                }
            }
        }
        for name in &pod.claims {
            let key = Key { namespace: namespace.into(), name: name.clone() };
            self.queue.add((Kind::PersistentVolumeClaim, key));
        }
        for key in self.cache.selecting(Kind::PodDisruptionBudget, namespace, pod) {
            self.queue.add((Kind::PodDisruptionBudget, key.clone()));
        }
    }

    fn object_is(&mut self, kind: Kind, object: DynamicObject, from: From) {
        let key = pod::key(&object.metadata);
        let owner = pod::owner(&object.metadata);
        if kind == Kind::Node
            && self.cache.get(kind, &key).map(node_model) != Some(node_model(&object))
        {
            self.all_daemon_sets();
        }
        if self.cache.observe(kind, object, from) {
            self.object_concerns(kind, key, owner);
        }
    }

    fn object_is_gone(&mut self, kind: Kind, key: &Key, uid: &str) {
        if let Some(object) = self.cache.forget(kind, key, uid) {
            if kind == Kind::Node {
                self.all_daemon_sets();
            }
            self.object_concerns(kind, key.clone(), pod::owner(&object.metadata));
        }
    }

    /// A node came, went, or is another one to pods.
    fn all_daemon_sets(&mut self) {
        for (key, _) in self.cache.all(Kind::DaemonSet) {
            self.queue.add((Kind::DaemonSet, key.clone()));
        }
    }

    /// Queues an object and its owner.
    fn object_concerns(&mut self, kind: Kind, key: Key, owner: Option<pod::Owner>) {
        if let Some((kind, name)) = owner.and_then(|owner| Some((owner.kind?, owner.name))) {
            self.queue.add((kind, Key { namespace: key.namespace.clone(), name }));
        }
        self.volumes_concerned(kind, &key);
        if matches!(kind, Kind::ReplicaSet | Kind::Deployment | Kind::StatefulSet) {
            // A budget in percent is of their size.
            for budget in self.cache.objects_in(Kind::PodDisruptionBudget, &key.namespace) {
                self.queue.add((Kind::PodDisruptionBudget, pod::key(&budget.metadata)));
            }
        }
        self.queue.add((kind, key));
    }

    /// Queues the claims that a volume or a class may help, and the volumes of a claim. Both are few.
    fn volumes_concerned(&mut self, kind: Kind, key: &Key) {
        match kind {
            Kind::PersistentVolume | Kind::StorageClass => {
                let is_open = |claim: &DynamicObject| claim.data["status"]["phase"] != "Bound";
                let claims = self.cache.all(Kind::PersistentVolumeClaim);
                for (key, _) in claims.filter(|(_, claim)| is_open(claim)) {
                    self.queue.add((Kind::PersistentVolumeClaim, key.clone()));
                }
            }
            Kind::PersistentVolumeClaim => {
                let of_claim = |volume: &DynamicObject| {
                    let claim = &volume.data["spec"]["claimRef"];
                    claim["name"] == *key.name && claim["namespace"] == *key.namespace
                };
                let volumes = self.cache.all(Kind::PersistentVolume);
                for (key, _) in volumes.filter(|(_, volume)| of_claim(volume)) {
                    self.queue.add((Kind::PersistentVolume, key.clone()));
                }
            }
            _ => {}
        }
    }
}

/// Carries out plans.
#[derive(Clone)]
struct Executor {
    client: Client,
    requests: Arc<Semaphore>,
    reports: mpsc::Sender<Report>,
    clock: Clock,
}

impl Executor {
    /// In order, and like requests in growing batches, so that a thousand pods that are refused cost a
    /// few requests only. It ends at the first failure.
    ///
    /// Upstream: replicaset slowStartBatch, v1.37.
    async fn carry_out(self, work: Work, subject: Subject, plan: Plan) {
        let mut actions = plan.actions.as_slice();
        let (mut batch, mut succeeded) = (1, true);
        while succeeded && !actions.is_empty() {
            let first = method(&actions[0]);
            let alike = actions.iter().take(batch).take_while(|action| method(action) == first);
            let (now, later) = actions.split_at(alike.count());
            let outcomes = future::join_all(now.iter().map(|action| self.act(&subject, action)));
            succeeded = outcomes.await.into_iter().all(|outcome| outcome);
            batch = batch.saturating_mul(2);
            actions = later;
        }
        // The receiver lives for as long as the task that waits for this one.
        let _ = self.reports.send(Report::Finished(work, succeeded)).await;
    }

    /// Empties a namespace.
    async fn empty(self, work: Work) {
        let report = match namespace::empty(&self.client, &work.1.name).await {
            Ok(true) => Report::Finished(work, true),
            Ok(false) => Report::NotEmpty(work),
            Err(error) => {
                debug!("the namespace {} is not emptied: {error}", work.1.name);
                Report::Finished(work, false)
            }
        };
        let _ = self.reports.send(report).await;
    }

    /// Sends one request and says what it did. True where there is nothing to be tried again.
    async fn act(&self, subject: &Subject, action: &Action) -> bool {
        let Some(write) = &action.write else {
            self.say(subject, action.say.as_ref(), "").await;
            return true;
        };
        let answer = {
            let Ok(_permit) = self.requests.acquire().await else { return false };
            write.send(&self.client).await
        };
        match answer {
            Ok(object) => {
                let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                self.report(action, object).await;
                self.say(subject, action.say.as_ref(), &name).await;
                true
            }
            Err(Failure::NotFound(_)) if !action.is_create() => {
                if let Some((key, uid)) = &action.deletes {
                    let gone = Report::Deleted(action.kind, key.clone(), uid.clone());
                    let _ = self.reports.send(gone).await;
                }
                true
            }
            // Another object has its name: it will be seen.
            Err(Failure::Conflict(_)) if action.deletes.is_some() => true,
            Err(error) => {
                let Key { namespace, name } = &subject.key;
                debug!(
                    "{} {namespace}/{name}: {} {}: {error}",
                    subject.kind.name(),
                    write.method,
                    write.path
                );
                if let Some(reason) = action.failed
                    && matches!(error, Failure::Refused(_))
                {
                    let verb = if action.is_create() { "creating" } else { "deleting" };
                    let say = Say::warning(reason, format!("Error {verb}: {error}"));
                    self.say(subject, Some(&say), "").await;
                }
                false
            }
        }
    }

    async fn report(&self, action: &Action, object: Value) {
        let is_status = object["kind"] == "Status";
        let report = match &action.deletes {
            // Gone, or waiting for its finalizers: the watch will tell.
            Some((key, uid)) if is_status => Report::Deleted(action.kind, key.clone(), uid.clone()),
            _ if is_status => return,
            _ => Report::Wrote(action.kind, object),
        };
        let _ = self.reports.send(report).await;
    }

    /// Events are worth one attempt.
    async fn say(&self, subject: &Subject, say: Option<&Say>, name: &str) {
        let Some(say) = say else { return };
        let now = self.clock.now();
        let serial = crate::units::hash_bytes(now.0, name.as_bytes());
        let write = event(subject, say, name, serial, now);
        let Ok(_permit) = self.requests.acquire().await else { return };
        if let Err(error) = write.send(&self.client).await {
            debug!("an event was not written: {error}");
        }
    }
}

/// Actions of one method may go at the same time; those that only say something are of none.
fn method(action: &Action) -> Option<http::Method> {
    action.write.as_ref().map(|write| write.method.clone())
}
