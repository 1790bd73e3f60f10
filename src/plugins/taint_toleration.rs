//! TaintToleration: untolerated taints keep pods away, or make other nodes better.

use crate::cluster::{Cluster, Fact, Facts, View};
use crate::framework::{
    Action, Candidate, Cells, Change, Code, Eval, ExtensionPoint, Hint, Interest, KeyOut, Parts,
    Plugin, PluginEval, PluginInfo, PrepareCx, Resource, Verdict, default_normalise,
};
use crate::model::{Effect, Pod, Taint, Toleration};
use crate::units::NodeId;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "TaintToleration",
    default_weight: Some(3),
    points: &[
        ExtensionPoint::PreFilter,
        ExtensionPoint::Filter,
        ExtensionPoint::PreScore,
        ExtensionPoint::Score,
    ],
    summary: "honours taints and tolerations",
    make: |args| {
        let compares = args.gates.taint_toleration_comparison_operators;
        Ok(Box::new(TaintToleration { compares }))
    },
};

const REASON: &str = "node(s) had untolerated taint(s)";

struct TaintToleration {
    /// Tolerations may compare numbers.
    compares: bool,
}

impl Plugin for TaintToleration {
    fn lacks(&self, missing: ExtensionPoint, at: ExtensionPoint) -> Option<&'static str> {
        use ExtensionPoint::{PreScore, Score};
        match (missing, at) {
            (PreScore, Score) => {
                Some("failed to read \"PreScoreTaintToleration\" from cycleState: not found")
            }
            _ => None,
        }
    }

    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::of(&[Fact::TaintSets]))
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let mut sets = vec![SetVerdict::default(); cx.view.cluster.taint_sets_bound()];
        for (set, taints) in cx.view.cluster.taint_sets() {
            sets[set as usize] = SetVerdict::of(taints, &pod.tolerations, self.compares);
        }
        PluginEval::Run(Box::new(TaintTolerationEval { position: cx.position, sets }))
    }

    fn events(&self) -> &'static [Interest] {
        const {
            &[
                Interest::asks(Resource::Node, Action::ADD.or(Action::UPDATE_NODE_TAINT)),
                Interest::always(Resource::TargetPod, Action::UPDATE_POD_TOLERATION),
            ]
        }
    }

    /// A node helps whose taints the pod tolerates, if it did not before.
    ///
    /// Upstream: isSchedulableAfterNodeChange, v1.37.
    fn hint(&self, change: &Change, pod: Candidate<'_>, _: &Cluster) -> Hint {
        let (old, Some(new)) = change.node() else { return Hint::Error };
        let rejects =
            |taints: &[Taint]| SetVerdict::of(taints, &pod.pod.tolerations, self.compares).rejects;
        Hint::queue_if(old.is_none_or(|old| rejects(&old.taints)) && !rejects(&new.taints))
    }
}

/// What one set of taints means to the pod.
#[derive(Clone, Copy, Default)]
struct SetVerdict {
    rejects: bool,
    /// Number of PreferNoSchedule taints that the pod does not tolerate.
    not_preferred: u32,
}

impl SetVerdict {
    fn of(taints: &[Taint], tolerations: &[Toleration], compares: bool) -> Self {
        let mut out = Self::default();
        for taint in taints {
            let tolerated = tolerations.iter().any(|one| one.tolerates(taint, compares));
            match taint.effect {
                _ if tolerated => {}
                Effect::NoSchedule | Effect::NoExecute => out.rejects = true,
                Effect::PreferNoSchedule => out.not_preferred += 1,
                Effect::Unknown => {}
            }
        }
        out
    }
}

struct TaintTolerationEval {
    position: u16,
    sets: Vec<SetVerdict>,
}

impl Eval for TaintTolerationEval {
    fn parts(&self) -> Parts {
        Parts { filter: true, key_words: 1, cell_score: true, ..Parts::default() }
    }

    fn lasting(&self) -> Option<u64> {
        Some(0)
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let rejected = Verdict::reject(self.position, Code::UnschedulableAndUnresolvable, 0);
        for (node, verdict) in nodes.iter().zip(out) {
            if self.sets[view.row(*node).taints as usize].rejects && verdict.is_pass() {
                *verdict = rejected;
            }
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, _verdict: Verdict) -> Vec<String> {
        vec![REASON.into()]
    }

    fn key(&self, view: &View<'_>, nodes: &[NodeId], out: &mut KeyOut<'_>) {
        for (index, node) in nodes.iter().enumerate() {
            out.set(index, 0, self.sets[view.row(*node).taints as usize].not_preferred);
        }
    }

    fn raw(&self, _view: &View<'_>, cells: Cells<'_>, out: &mut [i64]) {
        for (cell, score) in out.iter_mut().enumerate() {
            *score = i64::from(cells.word(cell, 0));
        }
    }

    fn normalise(&self, _cells: Cells<'_>, raw: &mut [i64]) {
        default_normalise(raw, true);
    }
}
