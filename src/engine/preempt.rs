//! What preemption comes to: room is kept for the pod that others make way for, and pods of lower priority
//! that are nominated there look for another place. The evictions themselves are `preempting`'s.

use std::sync::Arc;

use crate::cluster::{Cluster, Place};
use crate::model::Pod;
use crate::preemption::Outcome;
use crate::queue::{QueuedPod, Reach};
use crate::units::{Nanos, NodeId, PodId};

use super::binding::Attempt;
use super::cycle::pod_ref;
use super::{AttemptId, Effect, Engine, Nomination};

impl Engine {
    /// Does what preemption wants, and says what becomes of the pod's nomination. A dry run only says what
    /// it would do.
    pub(super) fn carry_out(
        &mut self,
        id: PodId,
        queued: &QueuedPod,
        outcome: Outcome,
        now: Nanos,
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
                self.cluster.nominate(id, Some(&name));
                self.make_room(id, queued, &name, &victims, now, out);
                Nomination::Set(name)
            }
        }
    }

    /// Has the API server told where a pod is about to be bound, before something else that takes its time.
    ///
    /// Upstream: bindingCycle, v1.37.
    /// Differs from upstream: the wait, or the work at PreBind, begins before this is answered.
    pub(super) fn announce(&mut self, id: AttemptId, out: &mut Vec<Effect>) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if !self.config.announces_nodes || attempt.announced {
            return;
        }
        attempt.announced = true;
        let pod = &attempt.queued.pod;
        let nomination = Nomination::Set((&*attempt.node).into());
        let nomination = nomination.news_to(pod.nominated_node.as_deref());
        if nomination != Nomination::Keep {
            out.push(Effect::Nominate { pod: pod_ref(pod), nomination });
        }
    }

    /// A pod is not bound after all: what its object says of its node, or is about to say, is cleared. One
    /// patch says so together with the condition, where there is one.
    ///
    /// Upstream: handleBindingCycleError, v1.37, asks the object alone, which may not say it yet.
    pub(super) fn withdraw_announced(attempt: &Attempt, out: &mut Vec<Effect>) {
        let pod = &attempt.queued.pod;
        if attempt.announced || pod.nominated_node.is_some() {
            out.push(Effect::Nominate { pod: pod_ref(pod), nomination: Nomination::Clear });
        }
    }

    /// The pod has no nomination any more.
    pub(super) fn withdraw_nomination(&mut self, id: PodId) {
        if self.dry_run.is_none() {
            self.cluster.nominate(id, None);
        }
    }

    /// Pods of a lower priority than `priority` that are nominated to `node` lose that: the room there is
    /// spoken for.
    ///
    /// Upstream: getLowerPriorityNominatedPods, v1.37.
    pub(super) fn clear_lower_nominations(
        &mut self,
        node: &str,
        priority: i32,
        out: &mut Vec<Effect>,
    ) {
        for id in self.cluster.nominated_to(node) {
            let lower = self.cluster.pod(*id).is_some_and(|entry| entry.priority < priority);
            let Some(pod) = self.queue.pod(*id).filter(|_| lower) else { continue };
            if pod.nominated_node.is_some() {
                let (pod, nomination) = (pod_ref(&pod), Nomination::Clear);
                out.push(Effect::Nominate { pod, nomination });
            }
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
        if !cluster.has_nominations() {
            return None;
        }
        let entry = cluster.pod(cluster.find_pod(&pod.key)?)?;
        let same = entry.uid == pod.uid && entry.place == Place::Pending;
        entry.nominated_node.as_deref().filter(|_| same)
    };
    cluster.find_node(pod.nominated_node.as_deref().or_else(in_memory)?)
}
