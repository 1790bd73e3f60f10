//! What the engine does when a pod comes, changes or goes.

use crate::cluster::Place;
use crate::framework::{Action, ClusterEvent, Resource};
use crate::model::{Pod, PodKey};
use crate::queue::{QueuedPod, Reach};
use crate::units::{Nanos, PodId};

use super::changes::{pod_actions, target_events, world};
use super::{Effect, Engine, Kind};

impl Engine {
    /// A pod was added or changed.
    pub(super) fn pod_upsert(&mut self, mut pod: Box<Pod>, now: Nanos, out: &mut Vec<Effect>) {
        if pod.finished {
            self.pod_delete(&pod.key, &pod.uid, now, out);
            return;
        }
        if pod.node_name.is_none() {
            self.cluster.share_report(&mut pod.report);
        }
        let known = self.cluster.find_pod(&pod.key);
        let same = |id: &PodId| self.cluster.pod(*id).is_some_and(|entry| entry.uid == pod.uid);
        match known {
            Some(id) if same(&id) => self.pod_changed(id, pod, now, out),
            Some(id) => {
                self.pod_gone(id, now, out);
                self.pod_added(pod, now, out);
            }
            None => self.pod_added(pod, now, out),
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
        let before = if placed { self.pod_before(id) } else { None };
        let queued =
            if placed { None } else { self.queue.remove(id).or_else(|| self.forget_parked(id)) };
        self.ask_what_became(id, now, out);
        // One that is going does not wait any more, but has room kept for it until it is gone.
        let facts = || self.cluster.pod_facts(id).map(Box::new);
        let waiting = queued.map(|queued| queued.pod);
        let nominated = if placed { waiting } else { waiting.or_else(facts) };
        let nominated = nominated.filter(|pod| pod.nominated_node.is_some());
        self.drop_attempt(id, "the pod is gone", out);
        self.forget_dry(id);
        let uid = self.cluster.remove_pod(id).unwrap_or_default();
        if !placed {
            self.handled_waiting(Action::DELETE);
        }
        if placed {
            self.victim_goes(&uid);
            self.pod_left(before, Reach::All, now);
        } else {
            self.unbound_victim_gone(&uid, now);
            if let Some(pod) = nominated {
                self.nomination_gone(pod, now);
            }
        }
    }

    fn pod_added(&mut self, pod: Box<Pod>, now: Nanos, out: &mut Vec<Effect>) {
        let list = self.lists[Kind::Pod.index()].number;
        if pod.node_name.is_some() {
            let id = self.cluster.add_pod(&pod, list);
            self.note_bind(id, false, now, out);
            self.pod_came(&pod, now);
        } else if let Some(profile) = self.profile_of(&pod) {
            let id = self.cluster.add_pod(&pod, list);
            self.handled_waiting(Action::ADD);
            let world = world(&self.config, &self.cluster, now);
            self.queue.add(id, QueuedPod::new(pod, profile), world);
        }
    }

    fn pod_changed(&mut self, id: PodId, pod: Box<Pod>, now: Nanos, out: &mut Vec<Effect>) {
        let Some(entry) = self.cluster.pod(id) else { return };
        let place = entry.place;
        let list = self.lists[Kind::Pod.index()].number;
        match (place, &pod.node_name) {
            (Place::Bound(_), Some(_)) => {
                let before = self.pod_before(id);
                let actions = before.as_ref().map(|before| pod_actions(before, &pod));
                self.cluster.update_pod(id, &pod, list);
                if pod.terminating {
                    self.victim_goes(&pod.uid);
                }
                if pod.terminating || pod.start_time.is_some() {
                    self.races.forget(id);
                }
                self.pod_on_node_changed(before.as_ref(), pod, &actions.unwrap_or_default(), now);
            }
            (_, Some(_)) => self.pod_placed(id, &pod, now, out),
            (Place::Bound(_), None) => {
                // A bound pod stays bound for as long as it lives; this one must have been missed.
                self.pod_gone(id, now, out);
                self.pod_added(pod, now, out);
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
        let before = assumed.and_then(|_| self.pod_before(id));
        // One that is assumed is in no queue.
        let waited = assumed.is_none() && {
            let parked = self.forget_parked(id).is_some();
            self.queue.remove(id).is_some_and(|queued| queued.attempts > 0) || parked
        };
        self.cluster.update_pod(id, pod, list);
        if pod.terminating {
            self.victim_goes(&pod.uid);
        }
        let node = pod.node_name.as_deref().unwrap_or_default();
        self.compare(id, pod, node, waited, out);
        let said = waited || self.was_told(id);
        self.confirm_attempt(id, pod, node, now, out);
        if said {
            out.push(Effect::Withdraw { uid: pod.uid.clone() });
        }
        let on = self.cluster.pod(id).and_then(|entry| entry.place.node());
        self.note_bind(id, assumed.is_some() && assumed == on, now, out);
        if assumed.is_some() && assumed != on {
            self.pod_left(before, Reach::All, now);
        }
        self.handled_waiting(Action::DELETE);
        self.pod_came(pod, now);
    }

    /// Whether something was to be written about a pod that is assumed, beside its Binding.
    fn was_told(&self, id: PodId) -> bool {
        let attempt = self.attempt_of.get(&id).and_then(|at| self.attempts.get(at));
        attempt.is_some_and(|attempt| attempt.announced || attempt.queued.told.is_some())
    }

    /// `action` was taken in of a pod that waits, or waited until now.
    fn handled_waiting(&mut self, action: Action) {
        self.handled.push(ClusterEvent::new(Resource::UnscheduledPod, action));
    }

    /// A waiting pod changed: it may be tried again because of that.
    fn waiting_changed(&mut self, id: PodId, pod: Box<Pod>, now: Nanos) {
        let Some(pod) = self.parked_changed(id, pod) else { return };
        let profile = self.profile_of(&pod);
        let Some(before) = self.queue.pod(id) else {
            self.handled_waiting(Action::UPDATE);
            let world = world(&self.config, &self.cluster, now);
            if let Some(profile) = profile.filter(|_| !self.is_decided_dry(id)) {
                self.queue.add(id, QueuedPod::new(pod, profile), world);
            }
            return;
        };
        let events = target_events(&before, &pod);
        for event in &events {
            self.handled_waiting(event.action);
        }
        let world = world(&self.config, &self.cluster, now);
        let was = before.nominated_node.as_ref();
        let gone = was.is_some() && was != pod.nominated_node.as_ref();
        let freed = gone.then(|| before.clone());
        self.queue.update(id, before, pod, &events, world);
        if let Some(before) = freed {
            self.nomination_gone(before, now);
        }
    }

    /// Index of the profile that a pod names.
    pub(super) fn profile_of(&self, pod: &Pod) -> Option<usize> {
        self.config.profiles.iter().position(|profile| *profile.name == *pod.scheduler_name)
    }
}
