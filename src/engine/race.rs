//! The race with other schedulers on the same nodes: what was bound of late and by whom, placements that a
//! foreign bind has overtaken, and pods that a kubelet refused for it.
//!
//! The API server checks no room at a bind, so nobody can close this race; everything here makes it shorter
//! or says how it went.

use std::collections::VecDeque;

use crate::cluster::{Place, View};
use crate::framework::{LostBy, Prepared, prepare};
use crate::queue::Reach;
use crate::units::{Map, Nanos, NodeId, PodId};

use super::binding::{Attempt, Stage};
use super::changes::world;
use super::{AttemptId, Effect, Engine, Inquiry, Kind, NoticeLevel, PodRef, Refused};

/// For so long after a foreign bind, a node is not taken where another one is as good: what is decided about
/// it elsewhere may be under way still.
pub(super) const BUSY: Nanos = Nanos(200 * Nanos::MILLISECOND.0);
/// For so long after a foreign bind, others count as being at work.
pub(super) const BESIDE_OTHERS: Nanos = Nanos::SECOND;
/// Bindings under way at once while others are at work. More would only queue up in the API server, each
/// decided before it saw what is bound meanwhile; at 5 ms a Binding these are 800 a second.
pub const BINDINGS_BESIDE_OTHERS_MAX: usize = 4;
/// A pod that ends so soon after its bind without having run may have been refused.
const REFUSED_WITHIN: Nanos = Nanos::from_secs(30);
/// Binds remembered. Beyond it the oldest are forgotten: 2 MB.
const BINDS_MAX: usize = 20_000;

/// What was bound of late.
#[derive(Default)]
pub(super) struct Races {
    /// Pods that have not run yet.
    pods: Map<PodId, LateBind>,
    /// All binds that are remembered, the oldest first.
    order: VecDeque<(Nanos, PodId, NodeId)>,
    nodes: Map<NodeId, Touched>,
    last_foreign: Option<Nanos>,
}

/// A bind.
#[derive(Clone, Copy, Debug)]
struct LateBind {
    at: Nanos,
    node: NodeId,
    own: bool,
}

/// The last binds to a node.
#[derive(Clone, Copy, Debug, Default)]
struct Touched {
    own: Option<Nanos>,
    foreign: Option<Nanos>,
}

impl Races {
    fn note(&mut self, pod: PodId, node: NodeId, own: bool, now: Nanos) {
        self.forget_old(now);
        self.pods.insert(pod, LateBind { at: now, node, own });
        self.order.push_back((now, pod, node));
        let touched = self.nodes.entry(node).or_default();
        if own {
            touched.own = Some(now);
        } else {
            touched.foreign = Some(now);
            self.last_foreign = Some(now);
        }
    }

    fn forget_old(&mut self, now: Nanos) {
        while let Some(&(at, pod, node)) = self.order.front() {
            if self.order.len() < BINDS_MAX && now.since(at) <= REFUSED_WITHIN {
                break;
            }
            self.order.pop_front();
            // Ids are used again: only what belongs to this bind goes.
            if self.pods.get(&pod).is_some_and(|bind| bind.at == at) {
                self.pods.remove(&pod);
            }
            let latest = self.nodes.get(&node).map(|touched| touched.own.max(touched.foreign));
            if latest.flatten().is_some_and(|latest| latest <= at) {
                self.nodes.remove(&node);
            }
        }
    }

    /// The pod has run, or is to go: no kubelet refuses it any more.
    pub(super) fn forget(&mut self, pod: PodId) {
        self.pods.remove(&pod);
    }

    /// Whether others have bound to the node a moment ago.
    pub(super) fn is_busy(&self, node: NodeId, now: Nanos) -> bool {
        let foreign = self.nodes.get(&node).and_then(|touched| touched.foreign);
        foreign.is_some_and(|at| now.since(at) < BUSY)
    }

    /// Whether other schedulers are at work.
    pub(super) fn beside_others(&self, now: Nanos) -> bool {
        self.last_foreign.is_some_and(|at| now.since(at) < BESIDE_OTHERS)
    }

    /// A pod is gone: who would have lost the race, where it may have been refused for one.
    fn loser(&mut self, pod: PodId, now: Nanos) -> Option<(NodeId, LostBy)> {
        let bind = self.pods.remove(&pod)?;
        let lately = |at: Nanos| now.since(at) <= REFUSED_WITHIN;
        let touched = self.nodes.get(&bind.node).copied().unwrap_or_default();
        // Others may race among themselves.
        let is_our_race = bind.own || touched.own.is_some_and(lately);
        let lost_by = if bind.own { LostBy::Own } else { LostBy::Foreign };
        (is_our_race && lately(bind.at)).then_some((bind.node, lost_by))
    }
}

impl Engine {
    /// A pod is seen on a node that was not there before. Where somebody else put it there, it may have taken
    /// the place of one whose Binding waits to be sent.
    pub(super) fn note_bind(&mut self, pod: PodId, own: bool, now: Nanos, out: &mut Vec<Effect>) {
        // What a first list shows may be there for long.
        if !self.is_listed(Kind::Pod) {
            return;
        }
        let Some(node) = self.cluster.pod(pod).and_then(|entry| entry.place.node()) else { return };
        self.races.note(pod, node, own, now);
        if !own {
            self.look_again_on(node, out);
        }
    }

    /// Bindings to the node that may not be sent yet are taken back where their pods do not fit any more.
    ///
    /// Differs from upstream, which does not look at a decision again.
    pub(super) fn look_again_on(&mut self, node: NodeId, out: &mut Vec<Effect>) {
        if self.in_flight == 0 {
            return;
        }
        // One that was sent before may have been carried out.
        let unsure = |attempt: &Attempt| attempt.stage == Stage::InFlight && attempt.is_first_try();
        for id in self.attempts_where(|attempt| attempt.node_id == node && unsure(attempt)) {
            if !self.still_fits(id) {
                out.push(Effect::Retract { attempt: id });
            }
        }
    }

    /// Whether the pod of an attempt would be let onto its node once more.
    fn still_fits(&mut self, id: AttemptId) -> bool {
        let Some(attempt) = self.attempts.get(&id) else { return true };
        let (pod, node) = (attempt.pod, attempt.node_id);
        if !View::new(&self.cluster).row(node).is_present() {
            return false;
        }
        let assumed = self.cluster.pod(pod).is_some_and(|e| e.place == Place::Assumed(node));
        // What plugins keep for a pod's volumes is not taken away here, and would be in its way.
        if !assumed || !attempt.queued.pod.volumes.is_empty() {
            return true;
        }
        self.cluster.forget(pod);
        let view = View::new(&self.cluster);
        let profile = &self.config.profiles[attempt.queued.profile];
        let fits = match prepare(profile, &attempt.queued.pod, view) {
            Prepared::Ready { evals, narrowed } => {
                narrowed.is_none_or(|(nodes, _)| nodes.contains(&node))
                    && evals.filter_one(&view, node).is_pass()
            }
            Prepared::Rejected { .. } => false,
            Prepared::Failed { .. } => true,
        };
        self.cluster.assume(pod, node);
        fits
    }

    /// A Binding was taken back before it was sent: the pod is decided about again, at once.
    pub(super) fn retracted(&mut self, id: AttemptId, now: Nanos, out: &mut Vec<Effect>) {
        let Some((attempt, left)) = self.take_back_unmeasured(id, OVERTAKEN, out) else { return };
        Self::withdraw_announced(&attempt, out);
        let pod = attempt.pod;
        let world = world(&self.config, &self.cluster, now);
        self.queue.try_again(pod, attempt.queued, world);
        self.pod_left(left, Reach::AllBut(pod), now);
    }

    /// A pod is about to be forgotten: asks what became of it where it may have been refused.
    pub(super) fn ask_what_became(&mut self, pod: PodId, now: Nanos, out: &mut Vec<Effect>) {
        let loser = self.races.loser(pod, now);
        let Some(entry) = self.cluster.pod(pod) else { return };
        // The watch may show the refusal before it has shown the bind.
        let unseen = match entry.place {
            Place::Assumed(node) if self.attempt_of.contains_key(&pod) => Some((node, LostBy::Own)),
            _ => None,
        };
        let Some((node, lost_by)) = loser.or(unseen) else { return };
        let (key, uid) = (entry.key.clone(), entry.uid.clone());
        let pod = PodRef { key, uid, resource_version: Box::default() };
        let node = self.cluster.node_name(node).into();
        out.push(Effect::Inquire(Inquiry { pod, node, lost_by }));
    }

    /// A kubelet refused a pod, since two schedulers had given the same room away.
    pub(super) fn refused(&mut self, refused: Refused, now: Nanos, out: &mut Vec<Effect>) {
        let Refused { inquiry: Inquiry { pod, node, lost_by }, reason } = refused;
        self.config.probe.bind_conflict(lost_by);
        if let Some(node) = self.cluster.find_node(&node) {
            // Its owner's next pod goes elsewhere first.
            self.races.nodes.entry(node).or_default().foreign = Some(now);
            self.races.last_foreign = Some(now);
        }
        let (level, message) = match lost_by {
            LostBy::Own => {
                let text = "the node's kubelet refused the pod right after its Binding, since another \
                            scheduler had used the room";
                (NoticeLevel::Warn, format!("{text}: {reason}"))
            }
            LostBy::Foreign => {
                let text =
                    "another scheduler's pod was refused where berth had bound one just before";
                (NoticeLevel::Debug, format!("{text}: {reason} on {node}"))
            }
        };
        out.push(Effect::Notice { level, pod: Some(pod.key), message });
    }
}

/// Why a Binding was taken back.
const OVERTAKEN: &str = "the pod did not fit there any more before its Binding was sent";
