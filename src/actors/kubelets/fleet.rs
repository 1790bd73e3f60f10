//! [`Fleet`]: all pretend kubelets as one state machine. Observations and the time go in, requests come
//! out; it does no IO.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::core::DynamicObject;
use serde_json::json;
use tracing::debug;

use crate::model::PodKey;
use crate::units::{Map, Nanos, Set, hash_bytes};

use super::super::clock::{self, nanos, seconds_text};
use super::super::timers::Timers;
use super::super::write::Write;
use super::KubeletOptions;
use super::admission::{Charge, Refusal};
use super::node::Node;
use super::pod::{Plan, SeenPod};
use super::status::{self, Place, Run};

/// Names of nodes remembered because pods were bound to them before they were seen. Beyond it, pods on
/// nodes that come later are found at the next list only.
const STRAYS_MAX: usize = 10_000;

/// What there is to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    /// Send this.
    Write(Write),
    /// Renew this node's Lease, and tell [`Fleet::lease_missing`] where there is none.
    Renew(Arc<str>, Write),
    /// List the pods of this node.
    ListPods(Arc<str>),
}

/// All kubelets.
#[derive(Debug)]
pub(super) struct Fleet {
    options: KubeletOptions,
    nodes: BTreeMap<Arc<str>, Node>,
    nodes_seen: u32,
    pods: Map<PodKey, Pod>,
    strays: Set<Box<str>>,
    timers: Timers<Due>,
    acts: Vec<Act>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Pod(PodKey),
    Lease(Arc<str>),
    Status(Arc<str>),
}

/// A pod on one of the nodes, in as few words as it takes.
#[derive(Debug)]
struct Pod {
    uid: Box<str>,
    node: Arc<str>,
    /// What it takes of its node, while it does.
    charge: Option<Charge>,
    address: u16,
    stage: Stage,
    /// Before this time no timer means this pod.
    due: Nanos,
    /// Needed until it runs, and of those whose containers end by themselves until they have.
    plan: Option<Box<Plan>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Starting,
    Running(Run),
    Stopping { has_finalizers: bool },
    Ended,
}

impl Fleet {
    pub(super) fn new(options: KubeletOptions) -> Self {
        Self {
            options,
            nodes: BTreeMap::new(),
            nodes_seen: 0,
            pods: Map::default(),
            strays: Set::default(),
            timers: Timers::default(),
            acts: Vec::new(),
        }
    }

    /// What is to be done since the last call.
    pub(super) fn take_acts(&mut self) -> Vec<Act> {
        std::mem::take(&mut self.acts)
    }

    /// When [`Fleet::tick`] has something to do.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        self.timers.next()
    }

    /// A node is there, or has changed.
    pub(super) fn node_seen(&mut self, object: &DynamicObject, now: Nanos) {
        let Some(name) = object.metadata.name.as_deref() else { return };
        let is_new = !self.nodes.contains_key(name);
        if is_new {
            let node = Node::new(name, self.nodes_seen);
            self.nodes_seen = self.nodes_seen.wrapping_add(1);
            self.nodes.insert(Arc::clone(&node.name), node);
        }
        let every = self.options.status_every;
        let Some(node) = self.nodes.get_mut(name) else { return };
        let due_before = node.status_due;
        if node.observe(object, every, now) {
            self.acts.push(Act::Write(node.status_patch(every, now)));
        }
        let (name, due) = (Arc::clone(&node.name), node.status_due);
        if due != due_before {
            self.timers.set(due, Due::Status(Arc::clone(&name)));
        }
        if is_new {
            // Spread over the time between two renewals, and the first one soon.
            let every = nanos(self.options.lease_every(self.nodes.len())).0.max(1);
            let soon = every.min(clock::nanos(super::LEASE_EVERY).0);
            let at = now + Nanos(hash_bytes(1, name.as_bytes()) % soon);
            self.timers.set(at, Due::Lease(Arc::clone(&name)));
            if self.strays.remove(&*name) {
                self.acts.push(Act::ListPods(name));
            }
        }
    }

    /// A node is gone. Its pods stay what they are; somebody else deletes them.
    pub(super) fn node_gone(&mut self, name: &str) {
        self.nodes.remove(name);
    }

    /// The nodes that a complete list has; all others are gone.
    pub(super) fn only_nodes(&mut self, names: &Set<Box<str>>) {
        self.nodes.retain(|name, _| names.contains(&**name));
    }

    /// There is no Lease of this node.
    pub(super) fn lease_missing(&mut self, name: &str, now: Nanos) {
        let every = self.options.lease_every(self.nodes.len());
        if let Some(node) = self.nodes.get(name) {
            self.acts.push(Act::Write(node.lease(every, now)));
        }
    }

    /// The pods of a complete list: those that are gone are forgotten, and of the others those that run
    /// already keep their place before new ones are admitted, the oldest first.
    pub(super) fn all_pods(&mut self, mut pods: Vec<SeenPod>, now: Nanos) {
        let listed: Set<PodKey> = pods.iter().map(SeenPod::key).collect();
        let gone: Vec<_> = self.pods.keys().filter(|key| !listed.contains(*key)).cloned().collect();
        for key in gone {
            self.pod_gone(&key);
        }
        pods.sort_by_key(|pod| {
            let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
            (!is_started(pod), created, pod.key())
        });
        for pod in &pods {
            self.pod_seen(pod, now);
        }
    }

    /// A pod is bound, or has changed.
    pub(super) fn pod_seen(&mut self, seen: &SeenPod, now: Nanos) {
        let key = seen.key();
        if self.pods.get(&key).is_some_and(|known| *known.uid != *seen.uid()) {
            self.pod_gone(&key);
        }
        let Some(name) = self.nodes.get(seen.node_name()).map(|node| Arc::clone(&node.name)) else {
            if self.strays.len() < STRAYS_MAX {
                self.strays.insert(seen.node_name().into());
            }
            return;
        };
        if !self.pods.contains_key(&key) {
            let pod = Pod {
                uid: seen.uid().into(),
                node: name,
                charge: None,
                address: 0,
                stage: Stage::Ended,
                due: Nanos(u64::MAX),
                plan: None,
            };
            self.pods.insert(key.clone(), pod);
            match seen.phase() {
                "Succeeded" | "Failed" => {}
                _ if is_started(seen) => self.resume(&key, seen, now),
                _ if seen.grace().is_some() => {}
                _ => self.admit(&key, seen, now),
            }
        }
        if matches!(seen.phase(), "Succeeded" | "Failed") {
            self.release(&key);
        }
        if let Some(grace) = seen.grace() {
            self.stop(&key, seen, nanos(grace.min(self.options.stop_after)), now);
        }
    }

    /// A pod is gone.
    pub(super) fn pod_gone(&mut self, key: &PodKey) {
        self.release(key);
        self.pods.remove(key);
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Nanos) {
        while let Some(due) = self.timers.pop_due(now) {
            match due {
                Due::Pod(key) => self.pod_due(&key, now),
                Due::Lease(name) => self.renew(name, now),
                Due::Status(name) => {
                    let every = self.options.status_every;
                    let Some(node) = self.nodes.get_mut(&name) else { continue };
                    if node.status_due <= now {
                        self.acts.push(Act::Write(node.status_patch(every, now)));
                        self.timers.set(node.status_due, Due::Status(name));
                    }
                }
            }
        }
    }

    fn renew(&mut self, name: Arc<str>, now: Nanos) {
        let every = nanos(self.options.lease_every(self.nodes.len()));
        let Some(node) = self.nodes.get(&name) else { return };
        self.acts.push(Act::Renew(Arc::clone(&name), node.renewal(now)));
        self.timers.set(now + every, Due::Lease(name));
    }

    fn admit(&mut self, key: &PodKey, seen: &SeenPod, now: Nanos) {
        let (Some(pod), Some(node)) =
            (self.pods.get_mut(key), self.nodes.get_mut(seen.node_name()))
        else {
            return;
        };
        let admitted = seen.to_model().map_err(Refusal::unexpected).and_then(|wanted| {
            let Some(offer) = &node.model else {
                return Err(Refusal::unexpected("The node cannot be read."));
            };
            node.account.admit(offer, &wanted).map(|()| Charge::new(&wanted))
        });
        match admitted {
            Ok(charge) => {
                node.account.add(&charge);
                pod.charge = Some(charge);
                pod.address = node.take_address();
                pod.plan = Some(Box::new(Plan::new(seen)));
                pod.stage = Stage::Starting;
                pod.due = now + nanos(self.options.start_after);
                self.timers.set(pod.due, Due::Pod(key.clone()));
            }
            Err(refusal) => {
                debug!("{key} is refused: {}: {}", refusal.reason, refusal.message);
                let generation = seen.metadata.generation.unwrap_or_default();
                let patch = status::refused(&pod.uid, generation, &refusal, now);
                self.acts.push(Act::Write(Write::strategic(status_path(key), patch)));
                let event = refusal_event(key, &pod.uid, &pod.node, &refusal, now);
                self.acts.push(Act::Write(event));
            }
        }
    }

    /// A pod that was started before it was seen: it keeps its place, whatever the node's state.
    fn resume(&mut self, key: &PodKey, seen: &SeenPod, now: Nanos) {
        let (Some(pod), Some(node)) =
            (self.pods.get_mut(key), self.nodes.get_mut(seen.node_name()))
        else {
            return;
        };
        if let Ok(model) = seen.to_model() {
            let charge = Charge::new(&model);
            node.account.add(&charge);
            pod.charge = Some(charge);
        }
        let status = seen.status.as_ref();
        let text = |of: Option<&String>| of.cloned().unwrap_or_default();
        pod.address = node.keep_address(&text(status.and_then(|status| status.pod_ip.as_ref())));
        let started = clock::parse(&text(status.and_then(|status| status.start_time.as_ref())));
        let started = started.unwrap_or(now);
        let plan = Plan::new(seen);
        if seen.phase() != "Running" {
            pod.stage = Stage::Starting;
            pod.due = now + nanos(self.options.start_after);
            if pod.address == 0 {
                pod.address = node.take_address();
            }
            pod.plan = Some(Box::new(plan));
            self.timers.set(pod.due, Due::Pod(key.clone()));
            return;
        }
        pod.stage = Stage::Running(Run { restarts: 0, started });
        if let Some((after, _)) = plan.exit {
            pod.due = started + nanos(after);
            pod.plan = Some(Box::new(plan));
            self.timers.set(pod.due, Due::Pod(key.clone()));
        }
    }

    fn stop(&mut self, key: &PodKey, seen: &SeenPod, after: Nanos, now: Nanos) {
        let Some(pod) = self.pods.get_mut(key) else { return };
        if matches!(pod.stage, Stage::Stopping { .. }) {
            return;
        }
        pod.stage = Stage::Stopping { has_finalizers: seen.has_finalizers() };
        pod.plan = None;
        pod.due = now + after;
        self.timers.set(pod.due, Due::Pod(key.clone()));
    }

    fn pod_due(&mut self, key: &PodKey, now: Nanos) {
        let Some(pod) = self.pods.get_mut(key) else { return };
        if now < pod.due {
            return;
        }
        pod.due = Nanos(u64::MAX);
        match pod.stage {
            Stage::Starting => self.start(key, None, Run { restarts: 0, started: now }),
            Stage::Running(run) => self.exit(key, run, now),
            Stage::Stopping { has_finalizers } => {
                pod.stage = Stage::Ended;
                let patch = status::stopped(&pod.uid);
                let delete = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}});
                if has_finalizers && pod.charge.is_some() {
                    self.acts.push(Act::Write(Write::strategic(status_path(key), patch)));
                }
                self.release(key);
                self.acts.push(Act::Write(Write::delete(path(key), delete)));
            }
            Stage::Ended => {}
        }
    }

    /// The containers run from now on.
    fn start(&mut self, key: &PodKey, before: Option<(Run, Nanos, i32)>, run: Run) {
        let Some(pod) = self.pods.get_mut(key) else { return };
        let (Some(plan), Some(node)) = (&pod.plan, self.nodes.get(&pod.node)) else { return };
        let ip = node.pod_ip(pod.address);
        let place = Place { uid: &pod.uid, host_ip: &node.host_ip, pod_ip: &ip };
        let patch = status::running(plan, place, run, before);
        self.acts.push(Act::Write(Write::strategic(status_path(key), patch)));
        pod.stage = Stage::Running(run);
        match plan.exit {
            Some((after, _)) => {
                pod.due = run.started + nanos(after);
                self.timers.set(pod.due, Due::Pod(key.clone()));
            }
            None => pod.plan = None,
        }
    }

    /// The containers end, and are started again where the pod asks for that.
    fn exit(&mut self, key: &PodKey, run: Run, now: Nanos) {
        let Some(pod) = self.pods.get_mut(key) else { return };
        let (Some(plan), Some(node)) = (&pod.plan, self.nodes.get(&pod.node)) else { return };
        let Some((_, code)) = plan.exit else { return };
        if plan.restarts_after(code) {
            let next = Run { restarts: run.restarts.saturating_add(1), started: now };
            self.start(key, Some((run, now, code)), next);
            return;
        }
        let place = Place { uid: &pod.uid, host_ip: &node.host_ip, pod_ip: "" };
        let patch = status::ended(plan, place, run, now, code);
        self.acts.push(Act::Write(Write::strategic(status_path(key), patch)));
        self.release(key);
    }

    /// Gives back what a pod takes of its node.
    fn release(&mut self, key: &PodKey) {
        let Some(pod) = self.pods.get_mut(key) else { return };
        let node = self.nodes.get_mut(&pod.node);
        if let Some(charge) = pod.charge.take()
            && let Some(node) = node
        {
            node.account.remove(&charge);
            node.free_address(pod.address);
        }
        pod.address = 0;
        pod.plan = None;
        if !matches!(pod.stage, Stage::Stopping { .. }) {
            pod.stage = Stage::Ended;
        }
    }
}

/// Whether its kubelet has taken it already.
fn is_started(pod: &SeenPod) -> bool {
    let has_start = pod.status.as_ref().is_some_and(|status| status.start_time.is_some());
    pod.phase() == "Running" || (has_start && pod.phase() != "Failed")
}

fn path(key: &PodKey) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", key.namespace, key.name)
}

fn status_path(key: &PodKey) -> String {
    format!("{}/status", path(key))
}

/// The event of a refusal. Its name is the pod's with the time, as client-go's recorder makes it.
fn refusal_event(key: &PodKey, uid: &str, node: &str, refusal: &Refusal, now: Nanos) -> Write {
    let at = seconds_text(now);
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": format!("{}.{:x}", key.name, now.0), "namespace": key.namespace},
        "involvedObject": {
            "apiVersion": "v1", "kind": "Pod", "namespace": key.namespace, "name": key.name,
            "uid": uid,
        },
        "type": "Warning", "reason": refusal.reason, "message": refusal.message,
        "source": {"component": "kubelet", "host": node}, "count": 1,
        "firstTimestamp": at, "lastTimestamp": at, "eventTime": null,
        "reportingComponent": "kubelet", "reportingInstance": node,
    });
    Write::create(format!("/api/v1/namespaces/{}/events", key.namespace), event)
}
