//! One node in thought: all pods of lower priority taken away, and as many put back as leave room.

use std::cmp::Reverse;

use crate::cluster::Overlay;
use crate::framework::{Code, Evals, Verdict};
use crate::units::{NodeId, PodId};

use super::Unplaced;
use super::budgets::Budgets;

/// The start of a pod that says nothing of it: now, later than all others.
const NOW: i64 = i64::MAX;

/// A pod that may have to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Victim {
    pub(super) id: PodId,
    pub(super) priority: i32,
    /// When it began, in seconds since 1970.
    pub(super) start: i64,
    /// Its place among those that begin now: each of them a moment after the one before.
    turn: u32,
    /// Its class, for the disruption budgets.
    class: u32,
    /// A disruption budget protects it.
    violating: bool,
}

impl Victim {
    /// The order of importance.
    ///
    /// Upstream: MoreImportantVictim for single pods, v1.37.
    fn importance(&self) -> (Reverse<i32>, i64, u32) {
        (Reverse(self.priority), self.start, self.turn)
    }
}

/// What was found on a node.
pub(super) enum Found {
    /// [`DryRun::victims`] have to go, at least one.
    Victims,
    /// There is no pod of lower priority.
    NoVictims,
    /// The pod does not fit even without them.
    Rejected(Verdict),
    /// Nothing can be said.
    Error(String),
}

/// Tries nodes, with memory that serves one after the other.
pub(super) struct DryRun<'a> {
    unplaced: &'a Unplaced<'a>,
    evals: &'a Evals,
    overlay: Overlay,
    lower: Vec<Victim>,
    victims: Vec<Victim>,
    violations: usize,
    budgets: Budgets<'a>,
}

impl<'a> DryRun<'a> {
    /// Begins with `node`.
    pub(super) fn new(unplaced: &'a Unplaced<'a>, evals: &'a Evals, node: NodeId) -> Self {
        let cluster = unplaced.view.cluster;
        Self {
            unplaced,
            evals,
            overlay: Overlay::new(cluster, node),
            lower: Vec::new(),
            victims: Vec::new(),
            violations: 0,
            budgets: Budgets::new(cluster),
        }
    }

    /// The victims on the node that was tried last, the most important one first.
    pub(super) fn victims(&self) -> &[Victim] {
        &self.victims
    }

    /// How many of them a disruption budget protects.
    pub(super) fn violations(&self) -> usize {
        self.violations
    }

    /// The words behind a rejection of the node that was tried last.
    pub(super) fn reasons(&self, node: NodeId, verdict: Verdict) -> Vec<String> {
        self.evals.reasons(&self.unplaced.view.with(&self.overlay), node, verdict)
    }

    /// Tries `node`.
    ///
    /// Upstream: SelectVictimsOnNode, v1.37.
    pub(super) fn on(&mut self, node: NodeId) -> Found {
        let cluster = self.unplaced.view.cluster;
        self.victims.clear();
        self.violations = 0;
        if self.unplaced.view.row(node).lowest_priority >= self.unplaced.pod.priority {
            return Found::NoVictims;
        }
        self.take_lower(node);
        let verdict = self.judge(node);
        if verdict.code == Code::Error {
            let view = self.unplaced.view.with(&self.overlay);
            return Found::Error(self.evals.reasons(&view, node, verdict).join(", "));
        }
        if !verdict.is_pass() {
            return Found::Rejected(verdict);
        }
        self.lower.sort_by_key(Victim::importance);
        let protected = self.budgets.mark(&mut self.lower);
        for violating in [true, false] {
            if violating && protected == 0 {
                continue;
            }
            self.reprieve(node, violating);
        }
        if protected > 0 && protected < self.lower.len() {
            self.victims.sort_by_key(Victim::importance);
        }
        if self.victims.is_empty() {
            let name = cluster.node_name(node);
            return Found::Error(format!("expected at least one victim pod on node \"{name}\""));
        }
        Found::Victims
    }

    /// Takes all pods of lower priority off the node.
    fn take_lower(&mut self, node: NodeId) {
        let cluster = self.unplaced.view.cluster;
        self.overlay.reset(cluster, node);
        self.lower.clear();
        for (turn, id) in (0u32..).zip(cluster.pods_on(node)) {
            let Some(pod) = cluster.pod(*id) else { continue };
            if pod.priority >= self.unplaced.pod.priority {
                continue;
            }
            self.overlay.remove(cluster, *id);
            self.lower.push(Victim {
                id: *id,
                priority: pod.priority,
                start: pod.start_time.unwrap_or(NOW),
                turn: if pod.start_time.is_some() { 0 } else { turn },
                class: pod.class,
                violating: false,
            });
        }
    }

    /// Puts back, the most important ones first, those that leave room for the pod; the others become
    /// victims.
    fn reprieve(&mut self, node: NodeId, violating: bool) {
        let cluster = self.unplaced.view.cluster;
        for at in 0..self.lower.len() {
            let victim = self.lower[at];
            if victim.violating != violating {
                continue;
            }
            self.overlay.add(cluster, victim.id);
            if !self.judge(node).is_pass() {
                self.overlay.remove(cluster, victim.id);
                self.violations += usize::from(violating);
                self.victims.push(victim);
            }
        }
    }

    fn judge(&self, node: NodeId) -> Verdict {
        self.evals.filter_one(&self.unplaced.view.with(&self.overlay), node)
    }
}

impl Victim {
    /// The number of its class.
    pub(super) fn class(&self) -> u32 {
        self.class
    }

    /// Notes whether a disruption budget protects it.
    pub(super) fn set_violating(&mut self, violating: bool) {
        self.violating = violating;
    }
}
