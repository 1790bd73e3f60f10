//! The task that runs the [`Fleet`]: two watches, a timer, and a bounded number of requests under way.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, stream};
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use tokio::time::{sleep, sleep_until};
use tracing::{debug, info, warn};

use crate::units::Set;

use super::super::clock::Clock;
use super::super::watch::follow;
use super::super::write::{Failure, Write};
use super::KubeletOptions;
use super::fleet::{Act, Fleet};
use super::pod::{BoundPod, SeenPod};

/// How often a request is sent whose outcome is unknown, and the first pause; it doubles.
const ATTEMPTS_MAX: u32 = 6;
const PAUSE_FIRST: Duration = Duration::from_millis(500);

/// Pretends to be the kubelets of the chosen nodes until `shutdown` is ready.
///
/// Nothing that the API server answers ends it. What is being written then is left.
pub async fn run(client: Client, options: KubeletOptions, shutdown: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = shutdown => {}
        () = work(client, options) => {}
    }
}

async fn work(client: Client, options: KubeletOptions) {
    create_nodes(&client, &options).await;
    let clock = Clock::start();
    let writes_max = options.writes_max.max(1);
    let nodes =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Node"), "nodes");
    let nodes: Api<DynamicObject> = Api::all_with(client.clone(), &nodes);
    let of_nodes = match &options.selector {
        Some(selector) => watcher::Config::default().labels(selector),
        None => watcher::Config::default(),
    };
    let mut nodes = pin!(follow("nodes".to_owned(), nodes, of_nodes));
    // The pods' watch is made once the nodes are known: a pod is admitted by its node.
    let pods_client = client.clone();
    let (nodes_known, known) = tokio::sync::oneshot::channel::<()>();
    let mut nodes_known = Some(nodes_known);
    let pods = known.map(move |_| {
        let bound = watcher::Config::default().fields("spec.nodeName!=");
        follow("pods".to_owned(), Api::<SeenPod>::all(pods_client), bound)
    });
    let mut pods = pin!(stream::once(pods).flatten());
    let mut task = Task { client, clock, fleet: Fleet::new(options) };
    let mut node_list: Option<Set<Box<str>>> = None;
    let mut pod_list: Option<Vec<BoundPod>> = None;
    let mut under_way: FuturesUnordered<BoxFuture<'static, Outcome>> = FuturesUnordered::new();
    loop {
        // What is due waits in the fleet, in few bytes, until it can be sent.
        let room = writes_max.saturating_sub(under_way.len());
        for act in task.fleet.take_acts(clock.now(), room) {
            under_way.push(carry_out(task.client.clone(), act).boxed());
        }
        let next = task.fleet.next_due().filter(|_| under_way.len() < writes_max);
        let next = next.map(|at| clock.instant(at));
        tokio::select! {
            Some(event) = nodes.next() => {
                let complete = matches!(event, watcher::Event::InitDone);
                task.node_event(event, &mut node_list);
                if complete && let Some(known) = nodes_known.take() {
                    // Its receiver is in the stream above.
                    let _ = known.send(());
                }
            }
            Some(event) = pods.next() => task.pod_event(event, &mut pod_list),
            Some(outcome) = under_way.next() => task.outcome(outcome),
            () = sleep_until(next.unwrap_or_else(tokio::time::Instant::now)), if next.is_some() => {}
        }
    }
}

async fn create_nodes(client: &Client, options: &KubeletOptions) {
    let Some(new) = &options.create else { return };
    let create = async |number: usize| {
        let write = Write::create("/api/v1/nodes", new.node(number));
        match send(client, &write).await {
            Ok(()) | Err(Failure::Conflict(_)) => {}
            Err(error) => warn!("node-{number} cannot be created: {error}"),
        }
    };
    stream::iter(1..=new.count).for_each_concurrent(options.writes_max.max(1), create).await;
    info!("{} nodes are there", new.count);
}

struct Task {
    client: Client,
    clock: Clock,
    fleet: Fleet,
}

/// What came of an [`Act`].
enum Outcome {
    Done,
    LeaseMissing(Arc<str>),
    Pods(Vec<BoundPod>),
}

impl Task {
    fn node_event(
        &mut self,
        event: watcher::Event<DynamicObject>,
        list: &mut Option<Set<Box<str>>>,
    ) {
        let now = self.clock.now();
        match event {
            watcher::Event::Init => *list = None,
            watcher::Event::InitApply(node) => {
                list.get_or_insert_default().insert(node.name_any().into());
                self.fleet.node_seen(&node, now);
            }
            watcher::Event::InitDone => {
                self.fleet.only_nodes(&list.take().unwrap_or_default());
            }
            watcher::Event::Apply(node) => self.fleet.node_seen(&node, now),
            watcher::Event::Delete(node) => self.fleet.node_gone(&node.name_any()),
        }
    }

    fn pod_event(&mut self, event: watcher::Event<SeenPod>, list: &mut Option<Vec<BoundPod>>) {
        let now = self.clock.now();
        match event {
            watcher::Event::Init => *list = None,
            watcher::Event::InitApply(pod) => list.get_or_insert_default().push(pod.trim()),
            watcher::Event::InitDone => {
                self.fleet.all_pods(list.take().unwrap_or_default(), now);
            }
            watcher::Event::Apply(pod) => self.fleet.pod_seen(pod.trim(), now),
            watcher::Event::Delete(pod) => self.fleet.pod_gone(&pod.trim().key),
        }
    }

    fn outcome(&mut self, outcome: Outcome) {
        let now = self.clock.now();
        match outcome {
            Outcome::Done => {}
            Outcome::LeaseMissing(node) => self.fleet.lease_missing(&node, now),
            Outcome::Pods(pods) => {
                for pod in pods {
                    self.fleet.pod_seen(pod, now);
                }
            }
        }
    }
}

async fn carry_out(client: Client, act: Act) -> Outcome {
    match act {
        Act::Write(write) => {
            match send(&client, &write).await {
                Ok(()) => {}
                // The pod or the node is gone, or another one has its name.
                Err(error @ (Failure::NotFound(_) | Failure::Conflict(_))) => {
                    debug!("{} {}: {error}", write.method, write.path);
                }
                Err(error) => warn!("{} {}: {error}", write.method, write.path),
            }
            Outcome::Done
        }
        // The next renewal comes soon enough.
        Act::Renew(node, write) => match write.send(&client).await {
            Err(Failure::NotFound(_)) => Outcome::LeaseMissing(node),
            Err(error) => {
                debug!("the lease of {node} was not renewed: {error}");
                Outcome::Done
            }
            Ok(_) => Outcome::Done,
        },
        Act::ListPods(node) => {
            let params = ListParams::default().fields(&format!("spec.nodeName={node}"));
            match Api::<SeenPod>::all(client).list(&params).await {
                Ok(pods) => Outcome::Pods(pods.items.into_iter().map(SeenPod::trim).collect()),
                Err(error) => {
                    warn!("the pods of {node} cannot be listed: {error}");
                    Outcome::Done
                }
            }
        }
    }
}

/// Sends it again where that may help.
async fn send(client: &Client, write: &Write) -> Result<(), Failure> {
    let mut pause = PAUSE_FIRST;
    for _ in 1..ATTEMPTS_MAX {
        match write.send(client).await {
            Err(Failure::Again(_)) => sleep(pause).await,
            answer => return answer.map(drop),
        }
        pause *= 2;
    }
    write.send(client).await.map(drop)
}
