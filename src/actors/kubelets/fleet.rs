//! [`Fleet`]: all pretend kubelets as one state machine. Observations and the time go in, requests come
//! out, as many as can be sent; it does no IO.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use kube::core::DynamicObject;
use serde_json::json;
use tracing::debug;

use crate::model::PodKey;
use crate::units::{Map, Nanos, Set, hash_bytes};

use super::super::clock::{self, nanos, seconds_text};
use super::super::phase::Phase;
use super::super::timers::Timers;
use super::super::write::Write;
use super::KubeletOptions;
use super::admission::{Charge, Refusal};
use super::node::Node;
use super::pod::{BoundPod, Plan};
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
    /// What is to be done before what is due: a few acts, and lists of pods of late nodes.
    acts: VecDeque<Act>,
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
    /// Why it was refused, until that is written; with its generation.
    refused: Option<Box<(Refusal, i64)>>,
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
            acts: VecDeque::new(),
        }
    }

    /// What is to be done at `now`, at most `room` acts, in the order of their time. The rest stays due,
    /// and is made when there is room for it.
    pub(super) fn take_acts(&mut self, now: Nanos, room: usize) -> Vec<Act> {
        while self.acts.len() < room
            && let Some(due) = self.timers.pop_due(now)
        {
            self.is_due(due, now);
        }
        let taken = room.min(self.acts.len());
        self.acts.drain(..taken).collect()
    }

    /// When [`Fleet::take_acts`] has something to do.
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
        node.observe(object, every, now);
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
                self.acts.push_back(Act::ListPods(name));
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
            self.acts.push_back(Act::Write(node.lease(every, now)));
        }
    }

    /// The pods of a complete list: those that are gone are forgotten, and of the others those that run
    /// already keep their place before new ones are admitted, the oldest first.
    pub(super) fn all_pods(&mut self, mut pods: Vec<BoundPod>, now: Nanos) {
        let listed: Set<&PodKey> = pods.iter().map(|pod| &pod.key).collect();
        let gone: Vec<_> = self.pods.keys().filter(|key| !listed.contains(key)).cloned().collect();
        for key in gone {
            self.pod_gone(&key);
        }
        pods.sort_by(|a, b| {
            let order = |pod: &BoundPod| (!pod.is_started(), pod.created);
            order(a).cmp(&order(b)).then_with(|| a.key.cmp(&b.key))
        });
        for pod in pods {
            self.pod_seen(pod, now);
        }
    }

    /// A pod is bound, or has changed.
    pub(super) fn pod_seen(&mut self, seen: BoundPod, now: Nanos) {
        let key = seen.key.clone();
        if self.pods.get(&key).is_some_and(|known| known.uid != seen.uid) {
            self.pod_gone(&key);
        }
        let Some(node) = self.nodes.get(&*seen.node).map(|node| Arc::clone(&node.name)) else {
            if self.strays.len() < STRAYS_MAX {
                self.strays.insert(seen.node);
            }
            return;
        };
        let is_finished = seen.phase.is_finished();
        let (grace, has_finalizers) = (seen.grace, seen.has_finalizers);
        if !self.pods.contains_key(&key) {
            let pod = Pod {
                uid: seen.uid.clone(),
                node,
                charge: None,
                address: 0,
                stage: Stage::Ended,
                due: Nanos(u64::MAX),
                plan: None,
                refused: None,
            };
            self.pods.insert(key.clone(), pod);
            if !is_finished && seen.is_started() {
                self.resume(&key, seen, now);
            } else if !is_finished && grace.is_none() {
                self.admit(&key, seen, now);
            }
        }
        if is_finished {
            self.release(&key);
        }
        if let Some(grace) = grace {
            self.stop(&key, has_finalizers, nanos(grace.min(self.options.stop_after)), now);
        }
    }

    /// A pod is gone.
    pub(super) fn pod_gone(&mut self, key: &PodKey) {
        self.release(key);
        self.pods.remove(key);
    }

    fn is_due(&mut self, due: Due, now: Nanos) {
        match due {
            Due::Pod(key) => self.pod_due(&key, now),
            Due::Lease(name) => self.renew(name, now),
            Due::Status(name) => {
                let every = self.options.status_every;
                let Some(node) = self.nodes.get_mut(&name) else { return };
                if node.status_due <= now {
                    self.acts.push_back(Act::Write(node.status_patch(every, now)));
                    self.timers.set(node.status_due, Due::Status(name));
                }
            }
        }
    }

    fn renew(&mut self, name: Arc<str>, now: Nanos) {
        let every = nanos(self.options.lease_every(self.nodes.len()));
        let Some(node) = self.nodes.get(&name) else { return };
        self.acts.push_back(Act::Renew(Arc::clone(&name), node.renewal(now)));
        self.timers.set(now + every, Due::Lease(name));
    }

    fn admit(&mut self, key: &PodKey, seen: BoundPod, now: Nanos) {
        let (Some(pod), Some(node)) = (self.pods.get_mut(key), self.nodes.get_mut(&*seen.node))
        else {
            return;
        };
        let admitted = seen.needs.map_err(Refusal::unexpected).and_then(|needs| {
            let Some(offer) = &node.model else {
                return Err(Refusal::unexpected("The node cannot be read."));
            };
            node.account.admit(offer, &needs).map(|()| needs.charge)
        });
        match admitted {
            Ok(charge) => {
                node.account.add(&charge);
                pod.charge = Some(charge);
                pod.address = node.take_address();
                pod.plan = Some(seen.plan);
                pod.stage = Stage::Starting;
                pod.due = now + nanos(self.options.start_after);
                self.timers.set(pod.due, Due::Pod(key.clone()));
            }
            Err(refusal) => {
                debug!("{key} is refused: {}: {}", refusal.reason, refusal.message);
                pod.refused = Some(Box::new((refusal, seen.plan.generation)));
                self.timers.set(now, Due::Pod(key.clone()));
            }
        }
    }

    /// A pod that was started before it was seen: it keeps its place, whatever the node's state.
    fn resume(&mut self, key: &PodKey, seen: BoundPod, now: Nanos) {
        let (Some(pod), Some(node)) = (self.pods.get_mut(key), self.nodes.get_mut(&*seen.node))
        else {
            return;
        };
        if let Ok(needs) = seen.needs {
            node.account.add(&needs.charge);
            pod.charge = Some(needs.charge);
        }
        pod.address = seen.ip.map_or(0, |ip| node.keep_address(ip));
        let started = seen.started.unwrap_or(now);
        if seen.phase != Phase::Running {
            pod.stage = Stage::Starting;
            pod.due = now + nanos(self.options.start_after);
            if pod.address == 0 {
                pod.address = node.take_address();
            }
            pod.plan = Some(seen.plan);
            self.timers.set(pod.due, Due::Pod(key.clone()));
            return;
        }
        pod.stage = Stage::Running(Run { restarts: 0, started });
        if let Some((after, _)) = seen.plan.exit {
            pod.due = started + nanos(after);
            pod.plan = Some(seen.plan);
            self.timers.set(pod.due, Due::Pod(key.clone()));
        }
    }

    fn stop(&mut self, key: &PodKey, has_finalizers: bool, after: Nanos, now: Nanos) {
        let Some(pod) = self.pods.get_mut(key) else { return };
        if matches!(pod.stage, Stage::Stopping { .. }) {
            return;
        }
        pod.stage = Stage::Stopping { has_finalizers };
        pod.plan = None;
        pod.due = now + after;
        self.timers.set(pod.due, Due::Pod(key.clone()));
    }

    fn pod_due(&mut self, key: &PodKey, now: Nanos) {
        let Some(pod) = self.pods.get_mut(key) else { return };
        if let Some((refusal, generation)) = pod.refused.take().map(|refused| *refused) {
            let patch = status::refused(&pod.uid, generation, &refusal, now);
            self.acts.push_back(Act::Write(Write::strategic(status_path(key), patch)));
            let event = refusal_event(key, &pod.uid, &pod.node, &refusal, now);
            self.acts.push_back(Act::Write(event));
        }
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
                    self.acts.push_back(Act::Write(Write::strategic(status_path(key), patch)));
                }
                self.release(key);
                self.acts.push_back(Act::Write(Write::delete(path(key), delete)));
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
        self.acts.push_back(Act::Write(Write::strategic(status_path(key), patch)));
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
        self.acts.push_back(Act::Write(Write::strategic(status_path(key), patch)));
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
