//! Preemptions under way: all victims of a pod but the last are asked to go at once, the last one when they
//! are going, and until then the pod is not tried again. Called by `preempt` with a place and its victims,
//! and with every answer.
//!
//! Upstream: preemption.Executor with asynchronous preemption, v1.37.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::{Cluster, Place, PodEntry};
use crate::model::PodKey;
use crate::queue::{QueuedPod, Rejected};
use crate::units::{Nanos, PodId, Set};

use super::binding::Stage;
use super::changes::world;
use super::{Effect, Engine, Eviction, EvictionOutcome, Nomination, PodRef, Report};

/// The plugin that preempts, as pods are told.
const PLUGIN: &str = "DefaultPreemption";

/// The preemptions under way, by the UID of the pod that others make way for.
///
/// As many as there are pods with victims that have not answered; each of them is asked for by one waiting
/// pod at a time.
#[derive(Debug, Default)]
pub(super) struct Preemptions {
    under_way: BTreeMap<Box<str>, UnderWay>,
    /// Whose victim a pod (by UID) is, while it is being asked to go.
    wanted_by: BTreeMap<Box<str>, Vec<Box<str>>>,
}

/// Pods make way for one.
#[derive(Debug)]
struct UnderWay {
    /// The pod that they make way for.
    preemptor: PodId,
    node: Box<str>,
    /// What reports, and what victims are told.
    profile: usize,
    /// UIDs of victims that have not answered.
    asked: Set<Box<str>>,
    last: Last,
    /// One could not be evicted.
    failed: bool,
    /// When it began, by the clock of the probe.
    began: Nanos,
}

/// The last victim, whose going lets the pod be tried again.
#[derive(Debug)]
enum Last {
    /// The others come first.
    Later(PodId, Box<str>),
    /// It is being asked to go.
    Asked(PodKey, Box<str>),
}

/// How a victim was asked to go.
enum Asked {
    /// A request is under way.
    Request(PodKey, Box<str>),
    /// It was not bound yet, and is not going to be.
    InMemory,
    /// It is gone.
    Gone,
}

impl Preemptions {
    /// Whether pods are being asked to make way for the pod with this UID. Once the last of them is known to
    /// be going, that is over, although its answer may be still to come.
    ///
    /// Upstream: IsPodRunningPreemption, v1.37.
    fn holds(&self, uid: &str, cluster: &Cluster) -> bool {
        match self.under_way.get(uid).map(|under_way| &under_way.last) {
            None => false,
            Some(Last::Later(..)) => true,
            Some(Last::Asked(key, uid)) => {
                let pod = cluster.find_pod(key).and_then(|id| cluster.pod(id));
                let stays = |class: &crate::cluster::PodClass| !class.terminating;
                pod.filter(|pod| pod.uid == *uid)
                    .is_some_and(|pod| cluster.class(pod.class).is_some_and(stays))
            }
        }
    }
}

impl Engine {
    /// Has `victims` make way for a pod on `node`: those that are not going already.
    ///
    /// Upstream: prepareCandidateAsync, v1.37.
    pub(super) fn make_room(
        &mut self,
        id: PodId,
        queued: &QueuedPod,
        node: &str,
        victims: &[PodId],
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        if !victims.is_empty() {
            self.config.probe.victims(victims.len());
        }
        let mut stay: Vec<_> = victims.iter().copied().filter(|id| self.stays(*id)).collect();
        let Some(last) = stay.pop() else { return };
        self.clear_lower_nominations(node, queued.pod.priority, out);
        let last_uid = self.cluster.pod(last).map(|entry| entry.uid.clone()).unwrap_or_default();
        let uid = queued.pod.uid.clone();
        let under_way = UnderWay {
            preemptor: id,
            node: node.into(),
            profile: queued.profile,
            asked: Set::default(),
            last: Last::Later(last, last_uid),
            failed: false,
            began: self.config.probe.clock(),
        };
        self.preemptions.under_way.insert(uid.clone(), under_way);
        self.cluster.set_preempting(&uid, true);
        for victim in stay {
            if let Asked::Request(_, victim) = self.ask_to_go(victim, &uid, now, out)
                && let Some(under_way) = self.preemptions.under_way.get_mut(&uid)
            {
                under_way.asked.insert(victim);
            }
        }
        self.ask_last(&uid, now, out);
    }

    /// Whether the pod is there and not on its way already.
    fn stays(&self, id: PodId) -> bool {
        let Some(entry) = self.cluster.pod(id) else { return false };
        let terminating = self.cluster.class(entry.class).is_some_and(|class| class.terminating);
        let granted = entry.evicted && !self.preemptions.wanted_by.contains_key(&entry.uid);
        !terminating && !granted
    }

    /// Asks one victim to go. One that waits at Permit or is at PreBind goes back into the queue; it may be
    /// placed elsewhere.
    ///
    /// Upstream: Executor.PreemptPod, v1.37.
    fn ask_to_go(&mut self, victim: PodId, by: &str, now: Nanos, out: &mut Vec<Effect>) -> Asked {
        let Some(under_way) = self.preemptions.under_way.get(by) else { return Asked::Gone };
        let (node, profile) = (under_way.node.clone(), under_way.profile);
        let Some(entry) = self.cluster.pod(victim) else { return Asked::Gone };
        let pod = PodRef {
            key: entry.key.clone(),
            uid: entry.uid.clone(),
            resource_version: Box::default(),
        };
        let observed_generation = entry.generation;
        let marked = entry.preempted;
        if self.unplace(victim, now, out) {
            let report = Report::Preempted { by: by.into(), node, in_memory: true };
            let profile = self.config.profiles[profile].name.clone();
            out.push(Effect::Report { pod: Arc::new(pod), profile, report });
            return Asked::InMemory;
        }
        let (key, uid) = (pod.key.clone(), pod.uid.clone());
        let wanted_by = self.preemptions.wanted_by.entry(uid.clone()).or_default();
        wanted_by.push(by.into());
        // One that makes way for two pods is asked once.
        if wanted_by.len() == 1 {
            let scheduler = &self.config.profiles[profile].name;
            let message = format!("{scheduler}: preempting to accommodate a higher priority pod");
            let message = (!marked).then_some(message);
            out.push(Effect::Evict(Eviction { pod, message, observed_generation }));
            self.cluster.set_evicted(victim, true);
        }
        Asked::Request(key, uid)
    }

    /// Takes a placement back that can still be taken back.
    fn unplace(&mut self, victim: PodId, now: Nanos, out: &mut Vec<Effect>) -> bool {
        let attempt = self.attempt_of.get(&victim).copied();
        let Some((id, attempt)) = attempt.and_then(|id| Some((id, self.attempts.get(&id)?))) else {
            return false;
        };
        let message = match attempt.stage {
            Stage::Permitting(_) => "waiting on permit for pod: preempted".to_owned(),
            Stage::PreBinding { .. } => format!("preempted by {PLUGIN}"),
            Stage::Calling | Stage::InFlight | Stage::Waiting(_) | Stage::Acknowledged => {
                return false;
            }
        };
        if let Some(attempt) = self.take_back(id, &message, now, out) {
            Self::withdraw_announced(&attempt, out);
            let mut queued = attempt.queued;
            let failed = ("SchedulerError", message);
            self.say_failed(&mut queued, failed, Nomination::Clear, now, out);
            let world = world(&self.config, &self.cluster, now);
            self.queue.put_back(attempt.pod, queued, Rejected::default(), world);
        }
        true
    }

    /// A victim has answered.
    pub(super) fn evicted(
        &mut self,
        key: &PodKey,
        uid: &str,
        outcome: EvictionOutcome,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let wanted_by = self.preemptions.wanted_by.remove(uid).unwrap_or_default();
        if outcome == EvictionOutcome::Failed
            && let Some(id) = self.cluster.find_pod(key)
            && self.cluster.pod(id).is_some_and(|entry| *entry.uid == *uid)
        {
            self.cluster.set_evicted(id, false);
        }
        for by in wanted_by {
            let Some(under_way) = self.preemptions.under_way.get_mut(&by) else { continue };
            if outcome == EvictionOutcome::Done {
                let node = under_way.node.clone();
                let report = Report::Preempted { by: by.clone(), node, in_memory: false };
                let profile = self.config.profiles[under_way.profile].name.clone();
                let pod =
                    PodRef { key: key.clone(), uid: uid.into(), resource_version: Box::default() };
                out.push(Effect::Report { pod: Arc::new(pod), profile, report });
            }
            under_way.failed |= outcome == EvictionOutcome::Failed;
            if under_way.asked.remove(uid) {
                self.ask_last(&by, now, out);
            } else {
                let look_again = under_way.failed || self.left_unseen(key, uid, &by);
                self.room_made(&by, look_again, now);
            }
        }
    }

    /// Once all others have answered, the last victim is asked to go; unless one of them stays, which makes
    /// it useless.
    fn ask_last(&mut self, by: &str, now: Nanos, out: &mut Vec<Effect>) {
        let Some(under_way) = self.preemptions.under_way.get_mut(by) else { return };
        if !under_way.asked.is_empty() {
            return;
        }
        if under_way.failed {
            self.room_made(by, true, now);
            return;
        }
        let Last::Later(last, uid) = &under_way.last else { return };
        let (last, uid) = (*last, uid.clone());
        // Its id may be another pod's by now.
        let same = self.cluster.pod(last).is_some_and(|entry| entry.uid == uid);
        match if same { self.ask_to_go(last, by, now, out) } else { Asked::Gone } {
            Asked::Request(key, uid) => {
                if let Some(under_way) = self.preemptions.under_way.get_mut(by) {
                    under_way.last = Last::Asked(key, uid);
                }
            }
            // Nothing will be seen to go any more.
            Asked::InMemory | Asked::Gone => self.room_made(by, true, now),
        }
    }

    /// A pod is going or gone: whoever waited for it as the last one may be tried again. Its room is free
    /// only after this, which wakes them.
    pub(super) fn victim_goes(&mut self, uid: &str) {
        let wanted_by = self.preemptions.wanted_by.get(uid).map_or(&[][..], Vec::as_slice);
        for by in wanted_by {
            if !self.preemptions.holds(by, &self.cluster) {
                self.cluster.set_preempting(by, false);
            }
        }
    }

    /// As [`Engine::victim_goes`], of a pod that is gone and was not counted on a node any more.
    ///
    /// Differs from upstream: whoever waited for it is tried at once. The room was free when the Binding came to
    /// nothing, and they were held then, so that upstream lets them wait for some other change.
    pub(super) fn unbound_victim_gone(&mut self, uid: &str, now: Nanos) {
        let wanted_by = self.preemptions.wanted_by.get(uid).cloned().unwrap_or_default();
        let held = wanted_by.into_iter().filter(|by| self.cluster.is_preempting(by));
        let held: Vec<_> = held.collect();
        self.victim_goes(uid);
        for by in held {
            let under_way = self.preemptions.under_way.get(&by);
            let Some(id) = under_way.map(|under_way| under_way.preemptor) else { continue };
            let free = !self.cluster.is_preempting(&by);
            if free && self.cluster.pod(id).is_some_and(|pod| pod.uid == by) {
                self.queue.force(id, &by, world(&self.config, &self.cluster, now));
            }
        }
    }

    /// Whether a victim has agreed to go whose room was free while `by` was held: its Binding had come to nothing.
    fn left_unseen(&self, victim: &PodKey, uid: &str, by: &str) -> bool {
        let victim = self.cluster.find_pod(victim).and_then(|id| self.cluster.pod(id));
        let unbound = |victim: &PodEntry| *victim.uid == *uid && victim.place == Place::Pending;
        victim.is_some_and(unbound) && self.cluster.is_preempting(by)
    }

    /// A preemption is over. With `look_again` the pod is to be tried at once: nothing else would wake it.
    fn room_made(&mut self, by: &str, look_again: bool, now: Nanos) {
        let Some(under_way) = self.preemptions.under_way.remove(by) else { return };
        let took = self.config.probe.clock().since(under_way.began);
        self.config.probe.preemption(under_way.failed, took);
        self.cluster.set_preempting(by, false);
        let same = self.cluster.pod(under_way.preemptor).is_some_and(|pod| *pod.uid == *by);
        if look_again && same {
            let world = world(&self.config, &self.cluster, now);
            self.queue.force(under_way.preemptor, by, world);
        }
    }
}
