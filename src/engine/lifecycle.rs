//! From an assumed pod to its Binding: Reserve, Permit, PreBind, and who binds. Every wait is the state of
//! an [`Attempt`]; answers carry its number, and what comes too late finds nobody.

use std::sync::Arc;

use crate::framework::{
    Bind, Code, Diagnosis, ExtensionPoint, Histogram, PERMIT_WAIT_MAX, Permit, Placement, PreBind,
    PreBound, Refusal, Stopwatch, WaitingPods,
};
use crate::model::PodKey;
use crate::queue::{QueuedPod, Reach, Rejected};
use crate::units::{Nanos, NodeId, PodId};

use super::binding::{Attempt, Stage};
use super::changes::world;
use super::{AttemptId, DecisionVerdict, Effect, Engine, Nomination};

/// Positions of plugins at Permit that make a pod wait, and until when.
pub(super) type Waits = Vec<(u16, Nanos)>;
/// What plugins decided at Permit about pods that waited: the pod, the plugin, why not.
pub(super) type Decided = Vec<(PodId, u16, Option<String>)>;

/// Who refused a placement, where.
pub(super) struct Refused {
    pub(super) plugin: u16,
    pub(super) point: ExtensionPoint,
    pub(super) refusal: Refusal,
}

impl Engine {
    /// Reserve. After an error nothing is kept.
    ///
    /// Upstream: RunReservePluginsReserve, v1.37.
    pub(super) fn reserve(
        &mut self,
        queued: &QueuedPod,
        id: PodId,
        (node, node_name): (NodeId, &str),
    ) -> Result<(), Refused> {
        let point = ExtensionPoint::Reserve;
        let at = Placement { pod: &queued.pod, id, node, node_name };
        let mut watch = Stopwatch::start(&*self.config.probe, queued.profile)
            .timing_plugins(self.config.probe.times_plugins());
        let mut refused = None;
        for (plugin, entry) in self.config.profiles[queued.profile].at(point) {
            let cluster = &mut self.cluster;
            let run = || match entry.refuses_all(point) {
                Some(refusal) => Err(refusal),
                None => entry.plugin.reserve(&at, cluster),
            };
            let code = |reserved: &Result<(), Refusal>| {
                reserved.as_ref().err().map_or(Code::Success, Refusal::code)
            };
            let reserved = watch.run(entry.name, point, run, code);
            if let Err(refusal) = reserved {
                refused = Some(Refused { plugin, point, refusal });
                break;
            }
        }
        let code = |refused: &Refused| refused.refusal.code();
        watch.spent(point, refused.as_ref().map_or(Code::Success, code));
        match refused {
            None => Ok(()),
            Some(refused) => {
                self.unreserve(queued, id, node);
                Err(refused)
            }
        }
    }

    /// Takes back what plugins keep for a pod, the last one first.
    pub(super) fn unreserve(&mut self, queued: &QueuedPod, id: PodId, node: NodeId) {
        let node_name: Box<str> = self.cluster.node_name(node).into();
        let at = Placement { pod: &queued.pod, id, node, node_name: &node_name };
        let profile = &self.config.profiles[queued.profile];
        let plugins: Vec<_> = profile.at(ExtensionPoint::Reserve).collect();
        for (_, entry) in plugins.into_iter().rev() {
            entry.plugin.unreserve(&at, &mut self.cluster);
        }
    }

    /// Permit: who makes the pod wait, and what is decided about pods that waited before, also where the pod
    /// itself is refused.
    ///
    /// Upstream: RunPermitPlugins, v1.37.
    pub(super) fn permit(
        &self,
        queued: &QueuedPod,
        id: PodId,
        node: NodeId,
        now: Nanos,
    ) -> (Result<Waits, Refused>, Decided) {
        let mut watch = Stopwatch::start(&*self.config.probe, queued.profile);
        let said = self.ask_permit(queued, id, node, now);
        let status = match &said {
            (Ok(waits), _) if waits.is_empty() => Code::Success,
            (Ok(_), _) => Code::Wait,
            (Err(refused), _) => refused.refusal.code(),
        };
        watch.spent(ExtensionPoint::Permit, status);
        said
    }

    fn ask_permit(
        &self,
        queued: &QueuedPod,
        id: PodId,
        node: NodeId,
        now: Nanos,
    ) -> (Result<Waits, Refused>, Decided) {
        let point = ExtensionPoint::Permit;
        let node_name = self.cluster.node_name(node);
        let at = Placement { pod: &queued.pod, id, node, node_name };
        let (mut waits, mut decided) = (Waits::new(), Decided::new());
        for (plugin, entry) in self.config.profiles[queued.profile].at(point) {
            let mut waiting = self.waiting_for(queued.profile, plugin);
            let said = entry.plugin.permit(&at, &mut waiting);
            decided.extend(waiting.decided.into_iter().map(|(pod, why)| (pod, plugin, why)));
            match said {
                Permit::Allow => {}
                Permit::Wait(time) => waits.push((plugin, now + time.min(PERMIT_WAIT_MAX))),
                Permit::Refuse(refusal) => {
                    return (Err(Refused { plugin, point, refusal }), decided);
                }
            }
        }
        (Ok(waits), decided)
    }

    fn waiting_for(&self, profile: usize, plugin: u16) -> WaitingPods {
        let waits = |attempt: &Attempt| {
            let Stage::Permitting(waits) = &attempt.stage else { return false };
            attempt.queued.profile == profile && waits.iter().any(|(other, _)| *other == plugin)
        };
        let attempts = self.attempts_where(waits).into_iter();
        let attempts = attempts.filter_map(|id| self.attempts.get(&id));
        let pods = attempts.map(|attempt| (attempt.queued.pod.key.clone(), attempt.pod)).collect();
        WaitingPods { pods, ..WaitingPods::default() }
    }

    /// Carries out what plugins decided about waiting pods.
    pub(super) fn settle_waiting(&mut self, decided: Decided, now: Nanos, out: &mut Vec<Effect>) {
        for (pod, plugin, rejected) in decided {
            if let Some(id) = self.attempt_of.get(&pod).copied() {
                self.permitted(id, plugin, rejected, now, out);
            }
        }
    }

    /// A plugin decided from outside about a pod that waits for it.
    pub(super) fn permit_event(
        &mut self,
        uid: &str,
        plugin: &str,
        rejected: Option<String>,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let mut attempts = self.attempts.iter();
        let Some((&id, attempt)) = attempts.find(|(_, a)| *a.queued.pod.uid == *uid) else {
            return;
        };
        let profile = &self.config.profiles[attempt.queued.profile];
        let named = profile.at(ExtensionPoint::Permit).find(|(_, entry)| entry.name == plugin);
        let position = named.map(|(position, _)| position);
        if let Some(position) = position {
            self.permitted(id, position, rejected, now, out);
        }
    }

    fn permitted(
        &mut self,
        id: AttemptId,
        plugin: u16,
        rejected: Option<String>,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        let Stage::Permitting(waits) = &mut attempt.stage else { return };
        let Some(at) = waits.iter().position(|(other, _)| *other == plugin) else { return };
        if let Some(reason) = rejected {
            let refusal = Refusal::Reject(Code::Unschedulable, vec![reason]);
            let refused = Refused { plugin, point: ExtensionPoint::Permit, refusal };
            self.turn_away(id, refused, now, out);
            return;
        }
        let before = attempt.stage_deadline();
        if let Stage::Permitting(waits) = &mut attempt.stage {
            waits.remove(at);
        }
        let (after, done) = (
            attempt.stage_deadline(),
            matches!(&attempt.stage, Stage::Permitting(waits) if waits.is_empty()),
        );
        self.set_deadline(id, before, after);
        if done {
            self.measure_stage(id, ExtensionPoint::Permit, Code::Success);
            self.pre_bind(id, 0, now, out);
        }
    }

    /// Moves the deadline of an attempt.
    pub(super) fn set_deadline(
        &mut self,
        id: AttemptId,
        before: Option<Nanos>,
        after: Option<Nanos>,
    ) {
        if let Some(at) = before {
            self.retries.remove(&(at, id));
        }
        if let Some(at) = after {
            self.retries.insert((at, id));
        }
    }

    /// The time of a stage is up.
    pub(super) fn stage_is_late(&mut self, id: AttemptId, now: Nanos, out: &mut Vec<Effect>) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        match &attempt.stage {
            Stage::Permitting(waits) => {
                let Some(&(plugin, until)) = waits.iter().min_by_key(|(_, until)| *until) else {
                    return;
                };
                let name =
                    self.config.profiles[attempt.queued.profile].plugins[usize::from(plugin)].name;
                let waited = until.since(attempt.began);
                let reason = format!(
                    "rejected due to timeout after waiting {} at plugin {name}",
                    seconds(waited)
                );
                let refusal = Refusal::Reject(Code::Unschedulable, vec![reason]);
                let refused = Refused { plugin, point: ExtensionPoint::Permit, refusal };
                self.turn_away(id, refused, now, out);
            }
            Stage::PreBinding { .. } => self.look_at(id, true, now, out),
            Stage::Calling | Stage::InFlight | Stage::Waiting(_) | Stage::Acknowledged => {}
        }
    }

    /// PreBind, from the `from`th plugin there on; then the Binding.
    ///
    /// Differs from upstream: plugins are never run side by side; only one of the built-in ones ever
    /// has work for a pod.
    pub(super) fn pre_bind(
        &mut self,
        id: AttemptId,
        from: usize,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.queued.done();
        let at = attempt.placement();
        let profile = &self.config.profiles[attempt.queued.profile];
        let mut plugins = profile.at(ExtensionPoint::PreBind).enumerate().skip(from);
        let first = plugins.find_map(|(index, (plugin, entry))| {
            let work = match entry.refuses_all(ExtensionPoint::PreBind) {
                Some(refusal) => PreBind::Refuse(refusal),
                None => entry.plugin.pre_bind(&at, &self.cluster),
            };
            (work != PreBind::Skip).then(|| (index, plugin, Arc::clone(&entry.plugin), work))
        });
        drop(plugins);
        if let Some((.., PreBind::Write { .. } | PreBind::Call)) = first {
            self.announce(id, out);
        }
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        match first {
            None | Some((.., PreBind::Skip)) => {
                self.measure_stage(id, ExtensionPoint::PreBind, Code::Success);
                self.bind(id, now, out);
            }
            Some((index, .., PreBind::Write { operations, within })) => {
                let until = now + within;
                let answered = operations.is_empty();
                attempt.stage = Stage::PreBinding { index, until, answered, is_call: false };
                self.retries.insert((until, id));
                if answered {
                    self.look_at(id, false, now, out);
                } else {
                    out.push(Effect::PreBind { attempt: id, operations });
                }
            }
            Some((index, _, plugin, PreBind::Call)) => {
                let call = attempt.call(ExtensionPoint::PreBind, plugin);
                let until = Nanos(u64::MAX);
                attempt.stage = Stage::PreBinding { index, until, answered: false, is_call: true };
                out.push(Effect::Call { attempt: id, call });
            }
            Some((_, plugin, _, PreBind::Refuse(refusal))) => {
                let point = ExtensionPoint::PreBind;
                self.turn_away(id, Refused { plugin, point, refusal }, now, out);
            }
        }
    }

    /// What a plugin wanted done at PreBind was answered.
    pub(super) fn pre_bind_result(
        &mut self,
        id: AttemptId,
        outcome: Result<(), Refusal>,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        let Stage::PreBinding { index, until, answered: false, is_call } = attempt.stage else {
            return;
        };
        match outcome {
            Err(refusal) => {
                let plugin = self.pre_binder(id, index);
                let point = ExtensionPoint::PreBind;
                self.turn_away(id, Refused { plugin, point, refusal }, now, out);
            }
            Ok(()) if is_call => self.pre_bind(id, index + 1, now, out),
            Ok(()) => {
                attempt.stage = Stage::PreBinding { index, until, answered: true, is_call };
                self.look_at(id, false, now, out);
            }
        }
    }

    /// Asks again whether what was begun at PreBind is done; after changes of objects that plugins wait
    /// for.
    pub(super) fn look_at_pre_bindings(&mut self, now: Nanos, out: &mut Vec<Effect>) {
        if self.attempts.is_empty() {
            return;
        }
        let is_pre_binding =
            |attempt: &Attempt| matches!(attempt.stage, Stage::PreBinding { answered: true, .. });
        for id in self.attempts_where(is_pre_binding) {
            self.look_at(id, false, now, out);
        }
    }

    fn look_at(&mut self, id: AttemptId, late: bool, now: Nanos, out: &mut Vec<Effect>) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let Stage::PreBinding { index, until, .. } = attempt.stage else { return };
        let at = attempt.placement();
        let profile = &self.config.profiles[attempt.queued.profile];
        let Some((plugin, entry)) = profile.at(ExtensionPoint::PreBind).nth(index) else { return };
        match entry.plugin.pre_bound(&at, &self.cluster, late) {
            PreBound::Waiting if !late => {}
            PreBound::Waiting => {
                let refusal = Refusal::Fail("timed out".to_owned());
                let point = ExtensionPoint::PreBind;
                self.turn_away(id, Refused { plugin, point, refusal }, now, out);
            }
            PreBound::Done => {
                self.retries.remove(&(until, id));
                self.pre_bind(id, index + 1, now, out);
            }
            PreBound::Refuse(refusal) => {
                let point = ExtensionPoint::PreBind;
                self.turn_away(id, Refused { plugin, point, refusal }, now, out);
            }
        }
    }

    /// Position in the profile of the `index`th plugin at PreBind.
    fn pre_binder(&self, id: AttemptId, index: usize) -> u16 {
        let profile = self.attempts.get(&id).map(|attempt| attempt.queued.profile);
        let profile = profile.map(|at| &self.config.profiles[at]);
        let at = profile.and_then(|profile| profile.at(ExtensionPoint::PreBind).nth(index));
        at.map_or(0, |(position, _)| position)
    }

    /// Lets the first extender bind that wants to, else the first plugin that does not skip the pod.
    fn bind(&mut self, id: AttemptId, now: Nanos, out: &mut Vec<Effect>) {
        self.bind_without(id, 0, now, out);
    }

    /// As [`Engine::bind`], without the first `tried` extenders.
    pub(super) fn bind_without(
        &mut self,
        id: AttemptId,
        tried: usize,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        if self.ask_to_bind(id, tried, out) {
            return;
        }
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        let at = attempt.placement();
        let profile = &self.config.profiles[attempt.queued.profile];
        let mut binders = profile.at(ExtensionPoint::Bind);
        let chosen = binders.find_map(|(_, entry)| match entry.plugin.bind(&at) {
            Bind::Skip => None,
            Bind::Api => Some((entry.name, None)),
            Bind::Call => Some((entry.name, Some(Arc::clone(&entry.plugin)))),
        });
        drop(binders);
        if let Some((name, _)) = &chosen {
            attempt.binder = name;
        }
        match chosen {
            Some((_, None)) => self.send(id, out),
            Some((_, Some(plugin))) => {
                let call = attempt.call(ExtensionPoint::Bind, plugin);
                attempt.stage = Stage::Calling;
                self.in_flight += 1;
                out.push(Effect::Call { attempt: id, call });
            }
            None => {
                let refusal = Refusal::Fail("no plugin binds the pod".to_owned());
                let refused = Refused { plugin: 0, point: ExtensionPoint::Bind, refusal };
                self.turn_away(id, refused, now, out);
            }
        }
    }

    /// Takes a placement back that a plugin refused, and puts the pod back into the queue.
    fn turn_away(&mut self, id: AttemptId, refused: Refused, now: Nanos, out: &mut Vec<Effect>) {
        let why = match &refused.refusal {
            Refusal::Reject(_, reasons) => reasons.join(", "),
            Refusal::Fail(error) => error.clone(),
        };
        self.measure_stage(id, refused.point, refused.refusal.code());
        let Some((attempt, left)) = self.take_back_unsaid(id, &why, now, out) else { return };
        Self::withdraw_announced(&attempt, out);
        let pod = attempt.pod;
        // That it leaves its node helps others, but not the pod itself if a plugin rejected it.
        let rejected = matches!(refused.refusal, Refusal::Reject(..));
        if rejected {
            self.put_back_refused(pod, attempt.queued, refused, now, out);
            self.pod_left(left, Reach::AllBut(pod), now);
        } else {
            self.pod_left(left, Reach::All, now);
            self.put_back_refused(pod, attempt.queued, refused, now, out);
        }
    }

    /// Says why a placement was refused, and puts the pod back into the queue.
    ///
    /// Upstream: schedulingCycle and bindingCycle, v1.37: a rejection at Reserve or Permit reads as one
    /// of a single node; one at PreBind names no plugin, so that the pod waits as after an error.
    pub(super) fn put_back_refused(
        &mut self,
        id: PodId,
        mut queued: QueuedPod,
        refused: Refused,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Refused { plugin, point, refusal } = refused;
        let name = self.config.profiles[queued.profile].plugins[usize::from(plugin)].name;
        let none = Rejected::default();
        let (reason, message, rejected) = match refusal {
            Refusal::Fail(error) => {
                let text = format!("running {} plugin \"{name}\": {error}", point.as_str());
                ("SchedulerError", text, none)
            }
            Refusal::Reject(_, reasons) if point == ExtensionPoint::PreBind => {
                ("Unschedulable", reasons.join(", "), none)
            }
            Refusal::Reject(code, reasons) => {
                let mut histogram = Histogram::default();
                for reason in reasons {
                    histogram.add(reason, 1);
                }
                let diagnosis = Diagnosis { nodes: 1, histogram, ..Diagnosis::default() };
                ("Unschedulable", diagnosis.message(), Rejected::with(code, 1 << plugin))
            }
        };
        self.say_failed(&mut queued, (reason, message), Nomination::Clear, now, out);
        let world = world(&self.config, &self.cluster, now);
        self.queue.put_back(id, queued, rejected, world);
    }

    /// A pod was turned away right after it was assumed: it does not count on its node any more.
    pub(super) fn refuse_placement(
        &mut self,
        id: PodId,
        queued: QueuedPod,
        refused: Refused,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        self.cluster.forget(id);
        let text = match &refused.refusal {
            Refusal::Reject(_, reasons) => reasons.join(", "),
            Refusal::Fail(error) => error.clone(),
        };
        self.decide(&queued.pod, DecisionVerdict::Message(text), out);
        self.put_back_refused(id, queued, refused, now, out);
    }

    /// PostBind. The pods that plugins want tried now.
    pub(super) fn post_bind(
        &self,
        id: AttemptId,
        attempt: &Attempt,
        out: &mut Vec<Effect>,
    ) -> Vec<PodKey> {
        let point = ExtensionPoint::PostBind;
        let watch = Stopwatch::start(&*self.config.probe, attempt.queued.profile);
        // Nobody waits for it.
        watch.record(point, Code::Success, Nanos(0));
        let mut activated = Vec::new();
        for (_, entry) in self.config.profiles[attempt.queued.profile].at(point) {
            let call = attempt.call(point, Arc::clone(&entry.plugin));
            out.push(Effect::Call { attempt: id, call });
            activated.extend(entry.plugin.activates(&attempt.placement(), &self.cluster));
        }
        activated
    }

    /// Has waiting pods tried at once.
    ///
    /// Upstream: PriorityQueue.Activate, v1.37.
    pub(super) fn activate(&mut self, pods: Vec<PodKey>, now: Nanos) {
        for key in pods {
            let Some(id) = self.cluster.find_pod(&key) else { continue };
            let uid = self.cluster.pod(id).map(|entry| entry.uid.clone()).unwrap_or_default();
            self.queue.force(id, &uid, world(&self.config, &self.cluster, now));
        }
    }
}

/// A time as Go prints whole seconds and minutes.
fn seconds(time: Nanos) -> String {
    let all = time.0 / Nanos::SECOND.0;
    match (all / 60, all % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}
