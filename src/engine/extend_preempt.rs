//! Attempts that ask extenders whom preemption may evict, before anybody is.

use std::sync::Arc;

use crate::framework::{Answer, Extender, NodeVictims};
use crate::model::Pod;
use crate::preemption::Proposal;
use crate::units::{Nanos, PodId};

use super::cycle::Trial;
use super::extend::{Asking, Parked, said};
use super::said::{Said, on_node};
use super::{Effect, Engine};

impl Engine {
    /// Preemption would evict pods: extenders are asked which of these evictions may be.
    pub(super) fn propose(
        &mut self,
        trial: Trial,
        mut said: Said,
        proposals: &[Proposal],
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let uid = |id: &PodId| Some(self.cluster.pod(*id)?.uid.clone());
        let on = |proposal: &Proposal| NodeVictims {
            node: self.cluster.node_name(proposal.node).into(),
            pods: proposal.victims.iter().filter_map(uid).collect(),
            budget_violations: i64::try_from(proposal.budget_violations).unwrap_or(i64::MAX),
        };
        said.victims = Some(Ok(proposals.iter().map(on).collect()));
        self.ask_preempter(trial, said, 0, now, out);
    }

    /// Asks the first extender from `from` on that has a say, as long as there are evictions left.
    fn ask_preempter(
        &mut self,
        trial: Trial,
        said: Said,
        from: usize,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let left = matches!(&said.victims, Some(Ok(victims)) if !victims.is_empty());
        let next = preempters(&self.config.extenders, &trial.queued.pod, from);
        match next.filter(|_| left) {
            Some(extender) => {
                self.park(trial, said, Asking::Preempt(extender), Arc::default(), out);
            }
            None => self.go_on(trial, said, now, out),
        }
    }

    /// An extender has said which evictions may be.
    ///
    /// Upstream: callExtenders of the preemption, v1.37.
    pub(super) fn preempted(
        &mut self,
        parked: Parked,
        extender: usize,
        answer: Result<Answer, String>,
        now: Nanos,
        out: &mut Vec<Effect>,
    ) {
        let Parked { trial, said: mut so_far, .. } = parked;
        let checked = match answer {
            Ok(Answer::Victims(victims)) => self.checked(extender, victims),
            answer => Err(said(answer)),
        };
        match checked {
            Err(text) if self.config.extenders[extender].ignorable => {
                self.skipped(extender, &trial.queued.pod, &text, out);
            }
            checked => so_far.victims = Some(checked),
        }
        self.ask_preempter(trial, so_far, extender + 1, now, out);
    }

    /// The victims that an extender named, which must be where it says, and on each node at least one.
    fn checked(
        &self,
        extender: usize,
        victims: Vec<NodeVictims>,
    ) -> Result<Vec<NodeVictims>, String> {
        let it = &self.config.extenders[extender];
        let mut checked = Vec::new();
        for on in victims {
            let name = &on.node;
            let node = self.cluster.find_node(name);
            let node = node.ok_or_else(|| format!("nodeinfo not found for node name {name:?}"))?;
            let missing = on.pods.iter().find(|uid| on_node(&self.cluster, node, uid).is_none());
            if let Some(uid) = missing {
                return Err(format!(
                    "extender: {} claims to preempt pod (UID: &{{{uid}}}) on node: {name}, but the \
                     pod is not found on that node",
                    it.name
                ));
            }
            if on.pods.is_empty() && !it.ignorable {
                return Err(format!("expected at least one victim pod on node {name:?}"));
            }
            if !on.pods.is_empty() {
                checked.push(on);
            }
        }
        Ok(checked)
    }
}

/// The first extender from `from` on that has a say in whom `pod` may evict.
pub(super) fn preempters(extenders: &[Extender], pod: &Pod, from: usize) -> Option<usize> {
    let mut all = extenders.iter().enumerate().skip(from);
    all.find(|(_, it)| it.preempts && it.is_interested(pod)).map(|(at, _)| at)
}
