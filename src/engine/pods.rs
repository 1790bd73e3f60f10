//! What the engine does when a pod comes, changes or goes.

use crate::cluster::Place;
use crate::framework::{Action, ClusterEvent, Resource};
use crate::model::{Pod, PodKey, PodRequests};
use crate::queue::QueuedPod;
use crate::units::{Nanos, PodId};

use super::{Effect, Engine, Kind};

impl Engine {
    /// A pod was added or changed.
    pub(super) fn pod_upsert(&mut self, pod: Box<Pod>, now: Nanos, out: &mut Vec<Effect>) {
        if pod.finished {
            self.pod_delete(&pod.key, &pod.uid, now, out);
            return;
        }
        let known = self.cluster.find_pod(&pod.key);
        let same = |id: &PodId| self.cluster.pod(*id).is_some_and(|entry| entry.uid == pod.uid);
        match known {
            Some(id) if same(&id) => self.pod_changed(id, pod, now, out),
            Some(id) => {
                self.pod_gone(id, now, out);
                self.pod_added(pod, now);
            }
            None => self.pod_added(pod, now),
        }
    }

    /// A pod is gone, if it is the one that is known.
    pub(super) fn pod_delete(
        &mut self,
        key: &PodKey,
        uid: &str,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Some(id) = self.cluster.find_pod(key) else { return };
        if uid.is_empty() || self.cluster.pod(id).is_some_and(|entry| *entry.uid == *uid) {
            self.pod_gone(id, now, out);
        }
    }

    /// Forgets a pod wherever it is; its node is free for others.
    pub(super) fn pod_gone(&mut self, id: PodId, now: Nanos, out: &mut Vec<Effect>) {
        let entry = self.cluster.pod(id);
        let placed = entry.is_some_and(|entry| entry.place != Place::Pending);
        let queued = self.queue.remove(id).or_else(|| self.forget_parked(id));
        let nominated = queued.filter(|queued| queued.pod.nominated_node.is_some());
        self.drop_attempt(id, "the pod is gone", out);
        self.forget_dry(id);
        let uid = self.cluster.pod(id).map(|entry| entry.uid.clone()).unwrap_or_default();
        self.cluster.remove_pod(id);
        self.preemptor_gone(id);
        if placed {
            self.victim_goes(&uid);
            self.cluster_event(Resource::AssignedPod, Action::DELETE, now);
        } else if let Some(queued) = nominated {
            self.nomination_gone(queued.pod.priority, now);
        }
    }

    fn pod_added(&mut self, pod: Box<Pod>, now: Nanos) {
        let list = self.lists[Kind::Pod.index()].number;
        if pod.node_name.is_some() {
            self.cluster.add_pod(&pod, list);
            self.cluster_event(Resource::AssignedPod, Action::ADD, now);
        } else if let Some(profile) = self.profile_of(&pod) {
            let id = self.cluster.add_pod(&pod, list);
            self.queue.add(id, QueuedPod::new(pod, profile), &self.config.profiles, now);
        }
    }

    fn pod_changed(&mut self, id: PodId, pod: Box<Pod>, now: Nanos, out: &mut Vec<Effect>) {
        let Some(entry) = self.cluster.pod(id) else { return };
        let place = entry.place;
        let list = self.lists[Kind::Pod.index()].number;
        match (place, &pod.node_name) {
            (Place::Bound(_), Some(_)) => {
                let less = self.cluster.asks_less(id, &pod);
                self.cluster.update_pod(id, &pod, list);
                if pod.terminating {
                    self.victim_goes(&pod.uid);
                }
                if less {
                    self.cluster_event(Resource::AssignedPod, Action::UPDATE_POD_SCALE_DOWN, now);
                }
            }
            (_, Some(_)) => self.pod_placed(id, &pod, now, out),
            (Place::Bound(_), None) => {
                // A bound pod stays bound for as long as it lives; this one must have been missed.
                self.pod_gone(id, now, out);
                self.pod_added(pod, now);
            }
            (Place::Assumed(_), None) => self.assumed_changed(id, pod, now, out),
            (Place::Pending, None) => {
                self.cluster.update_pod(id, &pod, list);
                self.waiting_changed(id, pod, now);
            }
        }
    }

    /// The watch shows a pod on a node that waited here, or was assumed.
    fn pod_placed(&mut self, id: PodId, pod: &Pod, now: Nanos, out: &mut Vec<Effect>) {
        let list = self.lists[Kind::Pod.index()].number;
        let assumed = self.cluster.pod(id).and_then(|entry| entry.place.node());
        let parked = self.forget_parked(id).is_some();
        let waited = self.queue.remove(id).is_some_and(|queued| queued.attempts > 0) || parked;
        self.cluster.update_pod(id, pod, list);
        let node = pod.node_name.as_deref().unwrap_or_default();
        self.compare(id, pod, node, waited, out);
        self.confirm_attempt(id, pod, node, now, out);
        let on = self.cluster.pod(id).and_then(|entry| entry.place.node());
        if assumed.is_some() && assumed != on {
            self.cluster_event(Resource::AssignedPod, Action::DELETE, now);
        }
        if assumed != on {
            self.cluster_event(Resource::AssignedPod, Action::ADD, now);
        }
    }

    /// A waiting pod changed: it may be tried again because of that.
    fn waiting_changed(&mut self, id: PodId, pod: Box<Pod>, now: Nanos) {
        let Some(pod) = self.parked_changed(id, pod) else { return };
        let profile = self.profile_of(&pod);
        let Some(before) = self.queue.get(id) else {
            if let Some(profile) = profile.filter(|_| !self.is_decided_dry(id)) {
                self.queue.add(id, QueuedPod::new(pod, profile), &self.config.profiles, now);
            }
            return;
        };
        let events = target_events(&before.pod, &pod);
        let was = before.pod.nominated_node.as_ref();
        let gone = was.is_some() && was != pod.nominated_node.as_ref();
        let freed = gone.then_some(before.pod.priority);
        self.queue.update(id, pod, &events, &self.config.profiles, now);
        if let Some(priority) = freed {
            self.nomination_gone(priority, now);
        }
    }

    /// Index of the profile that a pod names.
    pub(super) fn profile_of(&self, pod: &Pod) -> Option<usize> {
        self.config.profiles.iter().position(|profile| profile.name == pod.scheduler_name)
    }
}

/// The events that a change of a waiting pod means to itself.
///
/// Upstream: PodSchedulingPropertiesChange, v1.37: of tolerations only the number is compared.
pub(super) fn target_events(before: &Pod, after: &Pod) -> Vec<ClusterEvent> {
    let gates_gone = !before.scheduling_gates.is_empty() && after.scheduling_gates.is_empty();
    let changes = [
        (before.labels != after.labels, Action::UPDATE_POD_LABEL),
        (asks_less(&before.requests, &after.requests), Action::UPDATE_POD_SCALE_DOWN),
        (before.tolerations.len() != after.tolerations.len(), Action::UPDATE_POD_TOLERATION),
        (gates_gone, Action::UPDATE_POD_GATES_ELIMINATED),
    ];
    let happened = changes.into_iter().filter(|(changed, _)| *changed);
    let mut events: Vec<_> =
        happened.map(|(_, action)| ClusterEvent::new(Resource::TargetPod, action)).collect();
    if events.is_empty() {
        events.push(ClusterEvent::new(Resource::TargetPod, Action::UPDATE_POD_OTHER));
    }
    events
}

fn asks_less(before: &PodRequests, after: &PodRequests) -> bool {
    let (old, new) = (&before.usage, &after.usage);
    new.milli_cpu < old.milli_cpu
        || new.memory < old.memory
        || new.ephemeral_storage < old.ephemeral_storage
        || old.scalars.iter().any(|(name, amount)| new.scalar(name) < *amount)
}
