//! Pods come, are assumed, confirmed, forgotten, change and go.

use crate::model::{HostPort, Pod, PodKey, PodVolume};
use crate::units::{NodeId, PodId};

use super::Cluster;
use super::row::{Usage, count_ports, count_usage};

/// Where a pod counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: it waits.
    #[default]
    Pending,
    /// On a node for which a Binding is under way.
    Assumed(NodeId),
    /// On a node, as the API server says.
    Bound(NodeId),
}

impl Place {
    /// The node it counts on.
    #[must_use]
    pub fn node(self) -> Option<NodeId> {
        match self {
            Self::Pending => None,
            Self::Assumed(node) | Self::Bound(node) => Some(node),
        }
    }
}

/// A pod that is on a node, or waits for one of our profiles.
#[derive(Clone, Debug, Default)]
pub struct PodEntry {
    /// Namespace and name.
    pub key: PodKey,
    /// Its UID.
    pub uid: Box<str>,
    /// Its priority.
    pub priority: i32,
    /// Where it counts.
    pub place: Place,
    /// What it takes from its node.
    pub(crate) usage: Usage,
    /// Host ports that it uses.
    pub(crate) ports: Box<[HostPort]>,
    /// Number of its class.
    pub class: u32,
    /// Number of what metrics say of its resources.
    pub(super) report: u32,
    /// Its volumes of the kinds that volume plugins judge.
    pub volumes: Box<[PodVolume]>,
    /// The node that it is nominated to while it waits.
    pub nominated_node: Option<Box<str>>,
    /// Its object has `status.nominatedNodeName`.
    said_nominated: bool,
    /// `status.startTime` in seconds since 1970.
    pub start_time: Option<i64>,
    /// `metadata.generation`; zero where unset.
    pub generation: i64,
    /// It is being deleted to make room for a pod of higher priority.
    pub preempted: bool,
    /// It is to be deleted, by our own decision, to make room for another.
    pub evicted: bool,
    /// Number of the list that named it last.
    pub(crate) seen: u32,
}

impl Cluster {
    /// The pod of this namespace and name.
    #[must_use]
    pub fn find_pod(&self, key: &PodKey) -> Option<PodId> {
        self.pod_names.find(key, |id| self.pod(id).is_some_and(|entry| entry.key == *key))
    }

    /// The pod `id`, while it is known.
    #[must_use]
    pub fn pod(&self, id: PodId) -> Option<&PodEntry> {
        self.pods.get(id)?.as_ref()
    }

    /// Records a pod under a key that is not in use: on its node if it has one, else pending.
    pub fn add_pod(&mut self, pod: &Pod, list: u32) -> PodId {
        let mut entry = PodEntry { key: pod.key.clone(), ..PodEntry::default() };
        self.fill(&mut entry, pod, list);
        let id = if let Some(id) = self.free_pods.pop() {
            self.pods[id] = Some(entry);
            id
        } else {
            self.pods.push(Some(entry))
        };
        self.pod_names.insert(&pod.key, id);
        if let Some(name) = &pod.node_name {
            let node = self.node_id(name);
            self.put(id, Place::Bound(node));
        } else {
            self.nominate(id, pod.nominated_node.as_deref());
        }
        id
    }

    /// Records what changed of a pod: what it uses, its priority, its node if it has one now.
    pub fn update_pod(&mut self, id: PodId, pod: &Pod, list: u32) {
        let known = self.pod(id).map_or(Place::Pending, |entry| entry.place);
        let place = match (&pod.node_name, known.node()) {
            (None, _) => known,
            (Some(name), Some(node)) if *self.entries[node].name == **name => Place::Bound(node),
            (Some(name), _) => Place::Bound(self.node_id(name)),
        };
        if known.node().is_some() && known.node() == place.node() && self.counts_alike(id, pod) {
            self.confirm(id, place, pod, list);
            return;
        }
        let before = self.put(id, Place::Pending);
        let mut said = false;
        if let Some(mut entry) = self.pods[id].take() {
            self.drain(&mut entry);
            said = entry.said_nominated;
            self.fill(&mut entry, pod, list);
            self.pods[id] = Some(entry);
        }
        self.put(id, place);
        if place == Place::Pending {
            self.nominated_changed(id);
            self.nominate_as_said(id, said, pod.nominated_node.as_deref());
        }
        self.free_if_vacant(before);
    }

    /// Whether `pod` would count on its node just as what is known of it does.
    fn counts_alike(&self, id: PodId, pod: &Pod) -> bool {
        let Some(entry) = self.pod(id) else { return false };
        let (old, new) = (&entry.usage, &pod.requests.usage);
        let scalar = |((number, amount), (name, new)): (&(u32, i64), &(Box<str>, i64))| {
            self.resource_names.get(*number) == Some(name) && amount == new
        };
        entry.uid == pod.uid
            && entry.priority == pod.priority
            && (old.milli_cpu, old.memory) == (new.milli_cpu, new.memory)
            && old.ephemeral_storage == new.ephemeral_storage
            && old.non_zero_milli_cpu == pod.requests.non_zero_milli_cpu
            && old.non_zero_memory == pod.requests.non_zero_memory
            && old.scalars.len() == new.scalars.len()
            && old.scalars.iter().zip(&new.scalars).all(scalar)
            && *entry.ports == *pod.host_ports
            && *entry.volumes == *pod.volumes
            && self.class(entry.class).is_some_and(|class| class.is_of(pod))
            && self.reports.get(entry.report) == Some(&pod.report)
    }

    /// Records what changed of a pod that counts on its node as before: no node has changed.
    fn confirm(&mut self, id: PodId, place: Place, pod: &Pod, list: u32) {
        let Some(entry) = self.pods[id].as_mut() else { return };
        entry.seen = list;
        entry.said_nominated = pod.nominated_node.is_some();
        entry.start_time = pod.start_time;
        entry.generation = pod.generation;
        entry.preempted = pod.preempted;
        let before = std::mem::replace(&mut entry.place, place);
        self.recount(before, place);
        // As upstream, where an update takes the pod away and adds it again: the last one in the list.
        if let Some(node) = place.node() {
            let pods = &mut self.node_pods[node];
            if let Some(at) = pods.iter().position(|other| *other == id) {
                pods.swap_remove(at);
                pods.push(id);
            }
        }
    }

    /// Forgets a pod and frees what it used; gives its UID.
    pub fn remove_pod(&mut self, id: PodId) -> Option<Box<str>> {
        let before = self.put(id, Place::Pending);
        self.free_if_vacant(before);
        self.withdraw(id);
        let mut entry = self.pods[id].take()?;
        self.drain(&mut entry);
        self.pod_names.remove(&entry.key, id);
        self.free_pods.push(id);
        Some(entry.uid)
    }

    /// Counts a pending pod on `node` before the API server has agreed. Its nomination has done its work.
    pub fn assume(&mut self, id: PodId, node: NodeId) {
        debug_assert!(self.pod(id).is_some_and(|p| p.place == Place::Pending), "assumed twice");
        self.put(id, Place::Assumed(node));
    }

    /// Takes an assumption back.
    pub fn forget(&mut self, id: PodId) {
        debug_assert!(matches!(self.pod(id).map(|p| p.place), Some(Place::Assumed(_))));
        let before = self.put(id, Place::Pending);
        self.free_if_vacant(before);
    }

    /// Notes whether the pod is to be deleted to make room for another.
    pub fn set_evicted(&mut self, id: PodId, evicted: bool) {
        if let Some(entry) = self.pods[id].as_mut() {
            entry.evicted = evicted;
        }
    }

    /// Notes whether others are being asked to make way for the waiting pod with this UID.
    pub fn set_preempting(&mut self, uid: &str, preempting: bool) {
        if preempting {
            self.preempting.insert(uid.into());
        } else {
            self.preempting.remove(uid);
        }
    }

    /// Whether others are being asked to make way for the waiting pod with this UID.
    #[must_use]
    pub fn is_preempting(&self, uid: &str) -> bool {
        self.preempting.contains(uid)
    }

    /// Whether `pod` uses less of something than is counted for it.
    #[must_use]
    pub fn asks_less(&self, id: PodId, pod: &Pod) -> bool {
        let Some(PodEntry { usage, .. }) = self.pod(id) else { return false };
        let new = &pod.requests.usage;
        let scalar = |(number, amount): &(u32, i64)| {
            self.resource_names.get(*number).is_some_and(|name| new.scalar(name) < *amount)
        };
        new.milli_cpu < usage.milli_cpu
            || new.memory < usage.memory
            || new.ephemeral_storage < usage.ephemeral_storage
            || usage.scalars.iter().any(scalar)
    }

    /// The pods that the list `list` did not name.
    #[must_use]
    pub fn pods_not_seen(&self, list: u32) -> Vec<PodId> {
        let unseen = |(id, entry): (PodId, &Option<PodEntry>)| {
            entry.as_ref().is_some_and(|e| e.seen != list).then_some(id)
        };
        self.pods.iter().filter_map(unseen).collect()
    }

    /// Number of pods that count on a node, and of those only assumed.
    #[must_use]
    pub fn placed_pods(&self) -> (usize, usize) {
        (self.bound_pods + self.assumed_pods, self.assumed_pods)
    }

    fn fill(&mut self, entry: &mut PodEntry, pod: &Pod, list: u32) {
        let usage = &pod.requests.usage;
        let names = &mut self.resource_names;
        entry.uid.clone_from(&pod.uid);
        entry.priority = pod.priority;
        entry.seen = list;
        entry.ports = pod.host_ports.as_slice().into();
        entry.usage = Usage {
            milli_cpu: usage.milli_cpu,
            memory: usage.memory,
            ephemeral_storage: usage.ephemeral_storage,
            non_zero_milli_cpu: pod.requests.non_zero_milli_cpu,
            non_zero_memory: pod.requests.non_zero_memory,
            scalars: usage
                .scalars
                .iter()
                .map(|(n, amount)| (names.acquire_str(n), *amount))
                .collect(),
        };
        entry.class = self.acquire_class(pod);
        entry.report = self.reports.acquire(&pod.report);
        entry.volumes = pod.volumes.as_slice().into();
        entry.said_nominated = pod.nominated_node.is_some();
        entry.start_time = pod.start_time;
        entry.generation = pod.generation;
        entry.preempted = pod.preempted;
    }

    fn drain(&mut self, entry: &mut PodEntry) {
        for (name, _) in std::mem::take(&mut entry.usage.scalars) {
            self.resource_names.release(name);
        }
        self.classes.release(entry.class);
        self.reports.release(entry.report);
    }

    /// Moves the pod to `place` in every column; returns where it was.
    fn put(&mut self, id: PodId, place: Place) -> Place {
        let before = self.recount_at(id, place);
        // Not before: the place may have nothing but the nomination to keep its id.
        if place != Place::Pending {
            self.withdraw(id);
        }
        before
    }

    fn recount_at(&mut self, id: PodId, place: Place) -> Place {
        let Some(entry) = self.pods[id].as_mut() else { return Place::Pending };
        let before = std::mem::replace(&mut entry.place, place);
        let (priority, class) = (entry.priority, entry.class);
        self.recount(before, place);
        if before.node() == place.node() {
            return before;
        }
        let class = (class, self.class_stamp(class));
        for node in [before.node(), place.node()].into_iter().flatten() {
            self.changes.push_pod(node, class);
        }
        if let Some(node) = before.node() {
            self.count(id, node, -1);
            let pods = &mut self.node_pods[node];
            if let Some(at) = pods.iter().position(|other| *other == id) {
                pods.swap_remove(at);
            }
            if self.rows[node].lowest_priority == priority && !self.has_pod_of(node, priority) {
                self.rows[node].lowest_priority = self.lowest_priority(node);
            }
        }
        if let Some(node) = place.node() {
            self.count(id, node, 1);
            self.node_pods[node].push(id);
            let row = &mut self.rows[node];
            row.lowest_priority = row.lowest_priority.min(priority);
        }
        before
    }

    fn recount(&mut self, before: Place, after: Place) {
        match before {
            Place::Pending => {}
            Place::Assumed(_) => self.assumed_pods -= 1,
            Place::Bound(_) => self.bound_pods -= 1,
        }
        match after {
            Place::Pending => {}
            Place::Assumed(_) => self.assumed_pods += 1,
            Place::Bound(_) => self.bound_pods += 1,
        }
    }

    /// Adds (`sign` 1) or takes away (-1) what the pod uses of `node`, and its class.
    fn count(&mut self, id: PodId, node: NodeId, sign: i64) {
        let Some(entry) = &self.pods[id] else { return };
        count_usage(&mut self.rows[node], &mut self.scalars[node], &entry.usage, sign);
        count_ports(&mut self.ports[node], &entry.ports, sign);
        self.storage_users.count(&entry.key, &entry.volumes, node, sign > 0);
        self.count_class(entry.class, node, sign);
    }

    fn free_if_vacant(&mut self, place: Place) {
        if let Some(node) = place.node() {
            self.free_node_if_vacant(node);
        }
    }

    fn has_pod_of(&self, node: NodeId, priority: i32) -> bool {
        self.node_pods[node].iter().any(|id| self.pod(*id).is_some_and(|p| p.priority == priority))
    }

    fn lowest_priority(&self, node: NodeId) -> i32 {
        let pods = self.node_pods[node].iter();
        pods.filter_map(|id| Some(self.pod(*id)?.priority)).min().unwrap_or(i32::MAX)
    }
}
