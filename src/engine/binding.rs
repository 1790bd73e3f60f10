//! From an assumed pod to a bound one: the Binding's answer, the watch's confirmation, and everything
//! that can come in between.

use std::sync::Arc;

use crate::framework::{
    AttemptResult, Code, ExtensionPoint, Placement, Plugin, PluginCall, Refusal, Run, Span,
};
use crate::model::{Pod, PodKey};
use crate::queue::{QueuedPod, Reach, Rejected};
use crate::units::{Nanos, NodeId, PodId};

use super::changes::world;
use super::cycle::pod_ref;
use super::lifecycle::Waits;
use super::{
    AttemptId, BindOutcome, DecisionVerdict, Effect, Engine, Nomination, NoticeLevel, PodRef,
    Report,
};

/// The first wait before a Binding whose fate is unknown is sent again; it doubles each time.
pub(super) const RETRY_INITIAL: Nanos = Nanos(100 * Nanos::MILLISECOND.0);
/// The longest such wait that the server does not ask for.
pub(super) const RETRY_MAX: Nanos = Nanos::from_secs(30);
/// The longest such wait, whatever the server asks for.
pub(super) const RETRY_ASKED_MAX: Nanos = Nanos::from_secs(60);
/// After so many tries without a definite answer it is noted, and again at each multiple.
const TRIES_BEFORE_NOTICE: u32 = 4;

/// A pod that is assumed on a node.
pub(super) struct Attempt {
    pub(super) pod: PodId,
    pub(super) queued: QueuedPod,
    /// What writers know the pod by.
    who: Arc<PodRef>,
    pub(super) node: Arc<str>,
    pub(super) node_id: NodeId,
    /// How often the Binding was sent.
    tries: u32,
    /// When it was decided.
    pub(super) began: Nanos,
    /// When Permit, PreBind or Bind began, by the clock of the probe.
    since: Nanos,
    pub(super) stage: Stage,
    /// Name of the plugin that binds; empty where it is an extender.
    pub(super) binder: &'static str,
    /// Its node is written as its nomination, since the Binding is yet to come.
    pub(super) announced: bool,
}

/// How far an attempt is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Plugins make it wait, each until a time.
    Permitting(Waits),
    /// The `index`th plugin at PreBind is at work.
    PreBinding { index: usize, until: Nanos, answered: bool, is_call: bool },
    /// A plugin or an extender binds the pod in its own way.
    Calling,
    /// A writer has the Binding.
    InFlight,
    /// The Binding is sent again at this time.
    Waiting(Nanos),
    /// The API server said yes; the watch has not shown it yet.
    Acknowledged,
}

impl Stage {
    /// Whether somebody outside of berth is at work for the pod.
    pub(super) fn is_call(&self) -> bool {
        matches!(self, Self::Calling | Self::PreBinding { is_call: true, answered: false, .. })
    }
}

impl Attempt {
    /// Whether its Binding was handed over once at most.
    pub(super) fn is_first_try(&self) -> bool {
        self.tries <= 1
    }

    /// A call of `plugin` about this placement.
    pub(super) fn call(&self, point: ExtensionPoint, plugin: Arc<dyn Plugin>) -> PluginCall {
        let (pod, node) = (self.queued.pod.clone(), Box::from(&*self.node));
        PluginCall { plugin, point, pod, node }
    }

    /// What plugins are asked about.
    pub(super) fn placement(&self) -> Placement<'_> {
        Placement { pod: &self.queued.pod, id: self.pod, node: self.node_id, node_name: &self.node }
    }

    /// When its stage must be looked at.
    pub(super) fn stage_deadline(&self) -> Option<Nanos> {
        match &self.stage {
            Stage::Permitting(waits) => waits.iter().map(|(_, until)| *until).min(),
            Stage::PreBinding { until, is_call: false, .. } => Some(*until),
            Stage::Waiting(at) => Some(*at),
            Stage::PreBinding { .. } | Stage::Calling | Stage::InFlight | Stage::Acknowledged => {
                None
            }
        }
    }
}

impl Engine {
    /// Lets a pod that was just assumed go on: it waits at Permit, or what comes before its Binding is
    /// done.
    pub(super) fn start_binding(
        &mut self,
        (pod, who): (PodId, Arc<PodRef>),
        queued: QueuedPod,
        (node_id, node): (NodeId, Arc<str>),
        waits: Waits,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        self.last_attempt += 1;
        let id = AttemptId(self.last_attempt);
        let must_wait = !waits.is_empty();
        let stage = Stage::Permitting(waits);
        let attempt = Box::new(Attempt {
            pod,
            queued,
            who,
            node,
            node_id,
            tries: 0,
            began: now,
            since: self.config.probe.clock(),
            stage,
            binder: "",
            announced: false,
        });
        self.set_deadline(id, None, attempt.stage_deadline());
        self.attempts.insert(id, attempt);
        self.attempt_of.insert(pod, id);
        if must_wait {
            self.announce(id, out);
        } else {
            self.pre_bind(id, 0, now, out);
        }
    }

    /// Asks for the Binding.
    pub(super) fn send(&mut self, id: AttemptId, out: &mut Vec<Effect>) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.stage = Stage::InFlight;
        attempt.tries = attempt.tries.saturating_add(1);
        self.in_flight += 1;
        let (pod, node) = (Arc::clone(&attempt.who), Arc::clone(&attempt.node));
        out.push(Effect::Bind { attempt: id, pod, node });
    }

    /// A Binding was answered, or is known not to be.
    pub(super) fn bind_result(
        &mut self,
        id: AttemptId,
        outcome: BindOutcome,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        self.in_flight = self.in_flight.saturating_sub(1);
        // The watch may have been faster, or the pod may be gone: then nobody waits for this answer.
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        match outcome {
            BindOutcome::Bound => {
                attempt.stage = Stage::Acknowledged;
                let activated = self.bound(id, &self.attempts[&id], now, out);
                self.activate(activated, now);
            }
            BindOutcome::Unknown { message, retry_after } => {
                self.wait_to_send(id, &message, retry_after, now, out);
            }
            BindOutcome::BoundElsewhere { node } => {
                // Not back into the queue: the watch will show it there, and until then a failed
                // attempt would be written onto a pod that is bound.
                let why = format!("bound to {node} by somebody else");
                if let Some(attempt) = self.take_back(id, &why, now, out) {
                    let text = format!("meant for {}, but {why}", attempt.node);
                    Self::notice(NoticeLevel::Warn, &attempt.queued.pod, text, out);
                }
            }
            BindOutcome::Retracted => self.retracted(id, now, out),
            BindOutcome::Gone => self.abandon(id, "the pod is gone", now, out),
            BindOutcome::NotNow { message } => self.abandon(id, &message, now, out),
            BindOutcome::Refused { message } => {
                // An extender's words stand for themselves.
                let text = match attempt.binder {
                    "" => message.clone(),
                    binder => format!("running Bind plugin \"{binder}\": {message}"),
                };
                let mut queued = attempt.queued.clone();
                let failed = ("SchedulerError", text);
                self.say_failed(&mut queued, failed, Nomination::Clear, now, out);
                if let Some(attempt) = self.attempts.get_mut(&id) {
                    attempt.queued = queued;
                }
                // Where one is refused all may be: the writer says so, once for many.
                self.abandon_at(NoticeLevel::Debug, id, &message, now, out);
            }
        }
    }

    /// Keeps the assumption and sends the same Binding again later: whether the pod is bound is not
    /// known, and binding it elsewhere could use two nodes for one pod.
    fn wait_to_send(
        &mut self,
        id: AttemptId,
        message: &str,
        retry_after: Option<Nanos>,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if self.cluster.find_node(&attempt.node).is_none() {
            self.abandon(id, "the node is gone", now, out);
            return;
        }
        let doublings = attempt.tries.saturating_sub(1).min(16);
        let own = Nanos(RETRY_INITIAL.0 << doublings);
        let asked = retry_after.unwrap_or_default().min(RETRY_ASKED_MAX);
        let at = now + own.min(RETRY_MAX).max(asked);
        attempt.stage = Stage::Waiting(at);
        if attempt.tries % TRIES_BEFORE_NOTICE == 0 {
            let text = format!(
                "binding to {} got no definite answer in {} tries, still trying: {message}",
                attempt.node, attempt.tries
            );
            // In an outage these are all pods: the writer tells the operator, once for many.
            Self::notice(NoticeLevel::Debug, &attempt.queued.pod, text, out);
        }
        self.retries.insert((at, id));
    }

    /// Ends the waits that are over. Bindings are sent again whether or not a writer is free: they are spaced by their
    /// waits, and one that is due must not be looked at again and again.
    pub(super) fn send_retries(&mut self, now: Nanos, out: &mut Vec<Effect>) {
        while let Some(&(at, id)) = self.retries.first() {
            if at > now {
                break;
            }
            self.retries.pop_first();
            match self.attempts.get(&id).map(|attempt| &attempt.stage) {
                Some(Stage::Waiting(_)) => self.send(id, out),
                _ => self.stage_is_late(id, now, out),
            }
        }
    }

    /// A node is gone: pods whose Binding to it waits to be sent again go back to the queue.
    pub(super) fn forget_retries_on(&mut self, node: &str, now: Nanos, out: &mut Vec<Effect>) {
        let waiting = self.retries.iter().map(|(_, id)| *id);
        let here = waiting.filter(|id| self.attempts.get(id).is_some_and(|a| &*a.node == node));
        for id in here.collect::<Vec<_>>() {
            self.abandon(id, "the node is gone", now, out);
        }
    }

    /// Takes the assumption back and puts the pod into error backoff.
    fn abandon(&mut self, id: AttemptId, why: &str, now: Nanos, out: &mut Vec<Effect>) {
        // Nothing is written about it, but whoever asks is told.
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.queued.tell(&self.queue.keep(again(why)), now);
        }
        self.abandon_at(NoticeLevel::Info, id, why, now, out);
    }

    fn abandon_at(
        &mut self,
        level: NoticeLevel,
        id: AttemptId,
        why: &str,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Some(attempt) = self.take_back(id, why, now, out) else { return };
        Self::withdraw_announced(&attempt, out);
        Self::notice(level, &attempt.queued.pod, again(why), out);
        let world = world(&self.config, &self.cluster, now);
        self.queue.put_back(attempt.pod, attempt.queued, Rejected::default(), world);
    }

    /// A plugin's own way of binding has ended.
    pub(super) fn bind_call_result(
        &mut self,
        id: AttemptId,
        outcome: Result<(), Refusal>,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let outcome = match outcome {
            Ok(()) => BindOutcome::Bound,
            Err(Refusal::Fail(message)) => BindOutcome::Refused { message },
            Err(Refusal::Reject(_, reasons)) => {
                BindOutcome::Refused { message: reasons.join(", ") }
            }
        };
        self.bind_result(id, outcome, now, out);
    }

    /// Takes the assumption back: its room is free for others.
    pub(super) fn take_back(
        &mut self,
        id: AttemptId,
        why: &str,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) -> Option<Box<Attempt>> {
        let (attempt, left) = self.take_back_unsaid(id, why, now, out)?;
        self.pod_left(left, Reach::All, now);
        Some(attempt)
    }

    /// As [`Engine::take_back`], but the queue is not told yet; gives the pod as it counted on its node.
    pub(super) fn take_back_unsaid(
        &mut self,
        id: AttemptId,
        why: &str,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) -> Option<(Box<Attempt>, Option<Arc<Pod>>)> {
        let (attempt, left) = self.take_back_unmeasured(id, why, out)?;
        self.measure(&attempt, AttemptResult::Error, now);
        Some((attempt, left))
    }

    /// As [`Engine::take_back_unsaid`], where the attempt has not failed.
    pub(super) fn take_back_unmeasured(
        &mut self,
        id: AttemptId,
        why: &str,
        out: &mut Vec<Effect>,
    ) -> Option<(Box<Attempt>, Option<Arc<Pod>>)> {
        let attempt = self.take_attempt(id)?;
        let left = self.pod_before(attempt.pod);
        self.unreserve(&attempt.queued, attempt.pod, attempt.node_id);
        self.cluster.forget(attempt.pod);
        let (node, reason) = (attempt.node.clone(), why.to_owned());
        self.decide_about(&attempt.who, DecisionVerdict::Forgotten { node, reason }, out);
        Some((attempt, left))
    }

    /// A pod is bound, for all that is known. The pods that are to be tried now.
    fn bound(
        &self,
        id: AttemptId,
        attempt: &Attempt,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) -> Vec<PodKey> {
        let report = Report::Scheduled { node: Arc::clone(&attempt.node) };
        out.push(self.report_about(Arc::clone(&attempt.who), attempt.queued.profile, report));
        self.measure_bound(attempt, now);
        self.post_bind(id, attempt, out)
    }

    fn measure_bound(&self, attempt: &Attempt, now: Nanos) {
        let queued = &attempt.queued;
        let ready = queued.ready_since.unwrap_or(attempt.began);
        self.measure(attempt, AttemptResult::Scheduled, now);
        self.config.probe.scheduled(queued.attempts, now.since(ready));
        if queued.flushed {
            self.config.probe.scheduled_after_flush();
        }
    }

    /// The end of an attempt whose Binding was asked for, with the time that it took to be answered.
    fn measure(&self, attempt: &Attempt, result: AttemptResult, now: Nanos) {
        let (profile, probe) = (attempt.queued.profile, &self.config.probe);
        if !matches!(attempt.stage, Stage::Permitting(_) | Stage::PreBinding { .. }) {
            let scheduled = result == AttemptResult::Scheduled;
            let status = if scheduled { Code::Success } else { Code::Error };
            let (plugin, point) = (attempt.binder, ExtensionPoint::Bind);
            let took = probe.clock().since(attempt.since);
            probe.extension_point(Span { profile, point, status, took });
            if !plugin.is_empty() && probe.times_plugins() {
                probe.plugin(Run { plugin, point, status, took });
            }
        }
        probe.attempt(profile, result, now.since(attempt.began));
    }

    /// What waiting at Permit, or PreBind, has come to; what is next begins.
    pub(super) fn measure_stage(&mut self, id: AttemptId, point: ExtensionPoint, status: Code) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        let now = self.config.probe.clock();
        let took = now.since(std::mem::replace(&mut attempt.since, now));
        match point {
            ExtensionPoint::Permit => self.config.probe.permit_wait(status, took),
            ExtensionPoint::PreBind => {
                let profile = attempt.queued.profile;
                self.config.probe.extension_point(Span { profile, point, status, took });
            }
            _ => {}
        }
    }

    /// The pod is gone, or may not be bound any more: nothing is to be put back.
    ///
    /// Differs from upstream: what plugins keep for it is given back at once, and not only when a plugin that is
    /// at work for it at PreBind or Bind has ended.
    pub(super) fn drop_attempt(&mut self, pod: PodId, why: &str, out: &mut Vec<Effect>) {
        let Some(id) = self.attempt_of.get(&pod).copied() else { return };
        if let Some(attempt) = self.take_attempt(id) {
            self.unreserve(&attempt.queued, attempt.pod, attempt.node_id);
            let reason = why.to_owned();
            let verdict = DecisionVerdict::Forgotten { node: attempt.node, reason };
            self.decide_about(&attempt.who, verdict, out);
        }
    }

    /// The watch shows the pod on `node`: the attempt is over, well or not.
    pub(super) fn confirm_attempt(
        &mut self,
        id: PodId,
        pod: &Pod,
        node: &str,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Some(number) = self.attempt_of.get(&id).copied() else { return };
        let Some(attempt) = self.take_attempt(number) else { return };
        if *attempt.node != *node {
            self.unreserve(&attempt.queued, attempt.pod, attempt.node_id);
            let reason = format!("bound to {node} by somebody else");
            let text = format!("meant for {}, but {reason}", attempt.node);
            Self::notice(NoticeLevel::Warn, pod, text, out);
            let verdict = DecisionVerdict::Forgotten { node: attempt.node, reason };
            self.decide(pod, verdict, out);
        } else if attempt.stage != Stage::Acknowledged {
            // The watch was faster than the answer, or the answer was lost.
            let activated = self.bound(number, &attempt, now, out);
            self.activate(activated, now);
        }
    }

    /// An assumed pod changed without being on a node yet.
    ///
    /// Upstream: only a deletion matters then, since a pod that is being deleted is never bound.
    pub(super) fn assumed_changed(
        &mut self,
        id: PodId,
        pod: Box<Pod>,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let list = self.lists[super::Kind::Pod.index()].number;
        if pod.terminating {
            let left = self.pod_before(id);
            self.drop_attempt(id, "the pod is being deleted", out);
            self.cluster.forget(id);
            self.cluster.update_pod(id, &pod, list);
            self.victim_goes(&pod.uid);
            self.pod_left(left, Reach::All, now);
            return;
        }
        self.cluster.update_pod(id, &pod, list);
        let attempt = self.attempt_of.get(&id).and_then(|at| self.attempts.get_mut(at));
        if let Some(attempt) = attempt {
            attempt.who = Arc::new(pod_ref(&pod));
            let before = std::mem::replace(&mut attempt.queued.pod, pod.clone());
            self.note_own(before, pod);
        }
    }

    /// The attempts that `wanted` says yes to, in the order in which they began.
    pub(super) fn attempts_where(&self, wanted: impl Fn(&Attempt) -> bool) -> Vec<AttemptId> {
        let some = self.attempts.iter().filter(|(_, attempt)| wanted(attempt));
        let mut some: Vec<_> = some.map(|(id, _)| *id).collect();
        some.sort_unstable();
        some
    }

    fn take_attempt(&mut self, id: AttemptId) -> Option<Box<Attempt>> {
        let attempt = self.attempts.remove(&id)?;
        self.attempt_of.remove(&attempt.pod);
        self.set_deadline(id, attempt.stage_deadline(), None);
        Some(attempt)
    }
}

/// What is said of a pod whose Binding came to nothing.
fn again(why: &str) -> String {
    format!("binding failed, the pod is tried again: {why}")
}
