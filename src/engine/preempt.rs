//! Preemption carried out: victims are deleted, room is kept for the pod that they make way for, and pods
//! of lower priority that are nominated there look for another place.
//!
//! Differs from upstream: the pod is not held back at PreEnqueue while its victims are being deleted; it may
//! be tried, but evicts no others until they are gone.

use std::sync::Arc;

use crate::cluster::{Cluster, Place};
use crate::model::{Pod, PodKey};
use crate::preemption::Outcome;
use crate::queue::{QueuedPod, Reach};
use crate::units::{Nanos, NodeId, PodId};

use super::cycle::pod_ref;
use super::{Effect, Engine, Nomination, PodRef, Report};

impl Engine {
    /// Does what preemption wants, and says what becomes of the pod's nomination. A dry run only says what
    /// it would do.
    pub(super) fn carry_out(
        &mut self,
        id: PodId,
        queued: &QueuedPod,
        outcome: Outcome,
        out: &mut Vec<Effect>,
    ) -> Nomination {
        if self.dry_run.is_some() {
            return Nomination::Keep;
        }
        match outcome {
            // Proposals are settled before.
            Outcome::Ineligible | Outcome::Proposed(_) => Nomination::Keep,
            Outcome::NoPlace => {
                self.withdraw_nomination(id);
                Nomination::Clear
            }
            Outcome::Place { node, victims } => {
                let name: Box<str> = self.cluster.node_name(node).into();
                self.clear_lower_nominations(&name, queued.pod.priority, out);
                for victim in victims {
                    self.evict(victim, queued, &name, out);
                }
                self.cluster.nominate(id, Some(&name));
                Nomination::Set(name)
            }
        }
    }

    /// The pod has no nomination any more.
    pub(super) fn withdraw_nomination(&mut self, id: PodId) {
        if self.dry_run.is_none() {
            self.cluster.nominate(id, None);
        }
    }

    /// Deletes `victim`, unless that is under way already.
    ///
    /// Upstream: Executor.PreemptPod, v1.37.
    fn evict(&mut self, victim: PodId, by: &QueuedPod, node: &str, out: &mut Vec<Effect>) {
        let Some(entry) = self.cluster.pod(victim) else { return };
        let class = self.cluster.class(entry.class);
        if entry.evicted || class.is_some_and(|class| class.terminating) {
            return;
        }
        let pod = PodRef {
            key: entry.key.clone(),
            uid: entry.uid.clone(),
            resource_version: Box::default(),
        };
        self.cluster.set_evicted(victim, true);
        let report = Report::Preempted { by: by.pod.uid.clone(), node: node.into() };
        let profile = self.config.profiles[by.profile].name.clone();
        out.push(Effect::Evict { pod: pod.clone() });
        out.push(Effect::Report { pod, profile, report });
    }

    /// Pods of a lower priority than `priority` that are nominated to `node` lose that: the room there is
    /// spoken for.
    ///
    /// Upstream: getLowerPriorityNominatedPods, v1.37.
    fn clear_lower_nominations(&mut self, node: &str, priority: i32, out: &mut Vec<Effect>) {
        for id in self.cluster.nominated_to(node) {
            let lower = self.cluster.pod(*id).is_some_and(|entry| entry.priority < priority);
            let Some(pod) = self.queue.pod(*id).filter(|_| lower) else { continue };
            if pod.nominated_node.is_some() {
                out.push(Effect::ClearNomination { pod: pod_ref(&pod) });
            }
        }
    }

    /// A victim could not be deleted: whoever waits for its room looks again.
    ///
    /// Upstream: the preemptor is activated after an error, v1.37.
    pub(super) fn eviction_failed(&mut self, key: &PodKey, uid: &str, now: Nanos) {
        let Some(id) = self.cluster.find_pod(key) else { return };
        if self.cluster.pod(id).is_some_and(|entry| *entry.uid == *uid && entry.evicted) {
            self.cluster.set_evicted(id, false);
            let victim = self.pod_before(id);
            self.pod_left(victim, Reach::All, now);
        }
    }

    /// A waiting pod that was nominated to a node is not any more, or to another one: pods that are no
    /// more important may have room there.
    ///
    /// Upstream: updatePodInSchedulingQueue, v1.37.
    pub(super) fn nomination_gone(&mut self, pod: Box<Pod>, now: Nanos) {
        let reach = Reach::UpTo(pod.priority);
        self.pod_left(Some(Arc::from(pod)), reach, now);
    }
}

/// The node that a waiting pod is nominated to: as its object says, or as was decided a moment ago.
pub(super) fn nominated_node(cluster: &Cluster, pod: &Pod) -> Option<NodeId> {
    let in_memory = || {
        let entry = cluster.pod(cluster.find_pod(&pod.key)?)?;
        let same = entry.uid == pod.uid && entry.place == Place::Pending;
        entry.nominated_node.as_deref().filter(|_| same)
    };
    cluster.find_node(pod.nominated_node.as_deref().or_else(in_memory)?)
}
