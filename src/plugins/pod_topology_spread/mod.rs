//! PodTopologySpread: pods are spread over the domains of a topology, by constraints of their own or by
//! those of the profile.
//!
//! `constraint` has what a constraint asks for, `defaults` what pods without one get; `counting` says which
//! pods and nodes count, `counter` counts by `domains`; `filter` and `score` are the two halves of the plugin.

mod constraint;
mod counter;
mod counting;
mod defaults;
mod domains;
mod filter;
mod hint;
mod log;
mod score;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, Hash};

use crate::cluster::{Cluster, Fact, Facts, NodeNews, View};
use crate::framework::{
    Action, Candidate, Cells, Change, Eval, ExtensionPoint, Hint, Interest, KeyOut, Parts, Plugin,
    PluginEval, PluginInfo, PrepareCx, Resource, Verdict,
};
use crate::model::{
    DefaultSpread, FeatureGates, PluginArgs, Pod, SpreadConstraint, WhenUnsatisfiable,
};
use crate::units::{NodeId, Set};

use constraint::Constraint;
use filter::Hard;
use score::Soft;

use super::hints::has_place;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "PodTopologySpread",
    default_weight: Some(2),
    points: &[
        ExtensionPoint::PreFilter,
        ExtensionPoint::Filter,
        ExtensionPoint::PreScore,
        ExtensionPoint::Score,
    ],
    summary: "spreads pods over zones, hosts and other domains",
    make: |args| Ok(Box::new(PodTopologySpread::new(args))),
};

struct PodTopologySpread {
    /// The constraints of pods that have none.
    defaults: Vec<SpreadConstraint>,
    /// Those are upstream's own.
    system_defaulted: bool,
    gates: FeatureGates,
}

impl PodTopologySpread {
    fn new(args: &PluginArgs) -> Self {
        let (defaults, system_defaulted) = match &args.default_spread {
            DefaultSpread::System => (defaults::system_constraints(), true),
            DefaultSpread::List(constraints) => (constraints.clone(), false),
        };
        Self { defaults, system_defaulted, gates: args.gates }
    }

    /// The constraints of this kind on `pod`; an error names `kind`, hard or soft.
    fn constraints(
        &self,
        pod: &Pod,
        cluster: &Cluster,
        when: WhenUnsatisfiable,
        kind: &str,
    ) -> Result<Vec<Constraint>, String> {
        let own = &pod.topology_spread;
        if !own.is_empty() {
            return Constraint::those_of(own, &pod.labels, when, self.gates).map_err(|error| {
                format!("obtaining pod's {kind} topology spread constraints: {error}")
            });
        }
        let mut constraints = Constraint::those_of(&self.defaults, &pod.labels, when, self.gates)
            .map_err(|error| {
            format!("setting default {kind} topology spread constraints: {error}")
        })?;
        if constraints.is_empty() {
            return Ok(constraints);
        }
        let selector = defaults::selector(pod, cluster);
        if selector.requirements.is_empty() {
            return Ok(Vec::new());
        }
        for constraint in &mut constraints {
            constraint.selector = Some(selector.clone());
        }
        Ok(constraints)
    }
}

impl Plugin for PodTopologySpread {
    fn lacks(&self, missing: ExtensionPoint, at: ExtensionPoint) -> Option<&'static str> {
        use ExtensionPoint::{Filter, PreFilter, PreScore, Score};
        match (missing, at) {
            (PreFilter, Filter) => {
                Some("reading \"PreFilterPodTopologySpread\" from cycleState: not found")
            }
            (PreScore, Score) => {
                Some("error reading \"PreScorePodTopologySpread\" from cycleState: not found")
            }
            _ => None,
        }
    }

    /// With constraints of its own a pod asks nobody which pods belong to it.
    fn prepared_from(&self, pod: &Pod) -> Option<Facts> {
        let nodes = Facts::of(&[Fact::NodeLabels, Fact::TaintSets]);
        if !pod.topology_spread.is_empty() {
            return Some(nodes);
        }
        if self.defaults.is_empty() {
            return Some(Facts::NONE);
        }
        // The pod's own controller only.
        let belongs =
            if pod.owner.is_some() { Facts::of(&[Fact::Controllers]) } else { Facts::NONE };
        Some(nodes.and(Facts::of(&[Fact::Services])).and(belongs))
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        use WhenUnsatisfiable::{DoNotSchedule, ScheduleAnyway};
        let view = &cx.view;
        let hard = match self.constraints(pod, view.cluster, DoNotSchedule, "hard") {
            Ok(constraints) => constraints,
            Err(error) => return PluginEval::Fail(format!("get constraints from pod: {error}")),
        };
        let soft = self.constraints(pod, view.cluster, ScheduleAnyway, "soft");
        let soft = soft.map_err(|error| format!("calculating preScoreState: {error}"));
        let none = soft.as_ref().is_ok_and(Vec::is_empty);
        if hard.is_empty() && none {
            return PluginEval::Skip;
        }
        let require_all = !pod.topology_spread.is_empty() || !self.system_defaulted;
        let selected_by = match hard.iter().chain(soft.iter().flatten()).next() {
            Some(constraint) if pod.topology_spread.is_empty() => hash(&constraint.selector),
            _ => 0,
        };
        let hard = (!hard.is_empty()).then(|| Hard::new(hard, pod, view));
        let first_word = hard.as_ref().map_or(0, Hard::key_words);
        PluginEval::Run(Box::new(SpreadEval {
            position: cx.position,
            hard,
            soft: (!none)
                .then(|| soft.map(|soft| Soft::new(soft, require_all, first_word, pod, view))),
            selected_by,
        }))
    }

    fn events(&self) -> &'static [Interest] {
        const {
            let pod = Action::ADD.or(Action::UPDATE_POD_LABEL).or(Action::DELETE);
            let target = Action::UPDATE_POD_TOLERATION.or(Action::UPDATE_POD_LABEL);
            let node = Action::ADD
                .or(Action::DELETE)
                .or(Action::UPDATE_NODE_LABEL)
                .or(Action::UPDATE_NODE_TAINT);
            &[
                Interest::asks(Resource::AssignedPod, pod),
                Interest::asks(Resource::TargetPod, target),
                Interest::asks(Resource::Node, node),
            ]
        }
    }

    fn hint(&self, change: &Change, pod: Candidate<'_>, cluster: &Cluster) -> Hint {
        let (old, new) = change.pod();
        let assigned = change.event.resource == Resource::AssignedPod;
        let elsewhere =
            |other: &Pod| !has_place(other) || other.key.namespace != pod.pod.key.namespace;
        if assigned && [old, new].into_iter().flatten().any(elsewhere) {
            return Hint::Skip;
        }
        let when = WhenUnsatisfiable::DoNotSchedule;
        let Ok(constraints) = self.constraints(pod.pod, cluster, when, "hard") else {
            return Hint::Error;
        };
        match (change.event.resource, old, new) {
            (Resource::TargetPod, Some(old), Some(new)) => {
                hint::after_target(&constraints, old, new)
            }
            (Resource::AssignedPod, ..) => hint::after_pod(&constraints, (old, new)),
            (Resource::Node, ..) => hint::after_node(&constraints, change.node()),
            _ => Hint::Error,
        }
    }
}

fn hash(value: &impl Hash) -> u64 {
    Set::<()>::default().hasher().hash_one(value)
}

struct SpreadEval {
    position: u16,
    /// The constraints that keep pods away from nodes.
    hard: Option<Hard>,
    /// The constraints that make nodes worse, or why they cannot be read.
    soft: Option<Result<Soft, String>>,
    /// A hash of the selector that a pod without constraints gets, which follows from the services and
    /// controllers that there are; else 0.
    selected_by: u64,
}

impl SpreadEval {
    fn scoring(&self) -> Option<&Soft> {
        self.soft.as_ref()?.as_ref().ok()
    }
}

impl Eval for SpreadEval {
    fn parts(&self) -> Parts {
        Parts {
            filter: self.hard.is_some(),
            gate: self.hard.is_some(),
            pre_score: matches!(self.soft, Some(Err(_))),
            score: false,
            key_words: self.hard.as_ref().map_or(0, Hard::key_words)
                + self.scoring().map_or(0, Soft::key_words),
            cell_score: self.soft.is_some(),
        }
    }

    fn lasting(&self) -> Option<u64> {
        Some(self.selected_by)
    }

    fn follow(&mut self, view: &View<'_>) {
        if let Some(hard) = &mut self.hard {
            hard.follow(view);
        }
        if let Some(Ok(soft)) = &mut self.soft {
            soft.follow(view);
        }
    }

    fn concerned(&self, changes: &[NodeNews], out: &mut Vec<NodeId>) -> bool {
        let (hard, soft) = (self.hard.as_ref(), self.scoring());
        let concerns = |change: &&NodeNews| {
            hard.is_some_and(|hard| hard.concerns(change))
                || soft.is_some_and(|soft| soft.concerns(change))
        };
        out.extend(changes.iter().filter(concerns).map(|change| change.node));
        true
    }

    fn catch_up(&mut self, view: &View<'_>, nodes: &[NodeId]) -> bool {
        let hard = self.hard.as_mut().is_none_or(|hard| hard.catch_up(view, nodes));
        let soft = match &mut self.soft {
            Some(Ok(soft)) => soft.catch_up(view, nodes),
            _ => true,
        };
        hard && soft
    }

    fn bytes(&self) -> usize {
        let hard = self.hard.as_ref().map_or(0, Hard::bytes);
        size_of::<Self>() + hard + self.scoring().map_or(0, Soft::bytes)
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        if let Some(hard) = &self.hard {
            hard.filter(self.position, view, nodes, out);
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, verdict: Verdict) -> Vec<String> {
        vec![filter::reason(verdict.detail).into()]
    }

    fn score_error(&self) -> Option<&str> {
        Some(self.soft.as_ref()?.as_ref().err()?)
    }

    fn key(&self, view: &View<'_>, nodes: &[NodeId], out: &mut KeyOut<'_>) {
        if let Some(hard) = &self.hard {
            hard.key(view, nodes, out);
        }
        if let Some(soft) = self.scoring() {
            soft.key(view, nodes, out);
        }
    }

    fn gate(&self, _view: &View<'_>, cells: Cells<'_>, out: &mut [Verdict]) {
        if let Some(hard) = &self.hard {
            hard.gate(self.position, cells, out);
        }
    }

    fn raw(&self, _view: &View<'_>, cells: Cells<'_>, out: &mut [i64]) {
        if let Some(soft) = self.scoring() {
            soft.raw(cells, out);
        }
    }

    fn normalise(&self, cells: Cells<'_>, raw: &mut [i64]) {
        if let Some(soft) = self.scoring() {
            soft.normalise(cells, raw);
        }
    }
}
