//! NodeResourcesFit: the pod's requests fit what is left of the node; nodes are scored by how full they
//! would be, by one of three strategies.

use crate::cluster::{Cluster, Fact, Facts, Row, View};
use crate::framework::{
    Action, Candidate, Change, Code, Eval, ExtensionPoint, Hint, Interest, Parts, Plugin,
    PluginEval, PluginInfo, PrepareCx, Resource, Verdict,
};
use crate::model::{Node, NodeResourcesFitArgs, Pod, ScoringStrategy};
use crate::units::{NodeId, Resources, is_extended_resource};

use super::hints::has_place;
use super::resource_scores::{Scorer, least_allocated};

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "NodeResourcesFit",
    default_weight: Some(1),
    points: &[
        ExtensionPoint::PreFilter,
        ExtensionPoint::Filter,
        ExtensionPoint::PreScore,
        ExtensionPoint::Score,
    ],
    summary: "the pod's requests fit; emptier nodes score higher",
    make: |args| Ok(Box::new(NodeResourcesFit { args: args.node_resources_fit.clone() })),
};

/// How many countable resources one pod may ask for: each has a bit in a verdict, behind the first four.
///
/// Differs from upstream: there is no limit there; a pod with more is held with a message that says so.
const SCALARS_MAX: usize = 28;

const TOO_MANY_PODS: u32 = 1;
const CPU: u32 = 1 << 1;
const MEMORY: u32 = 1 << 2;
const EPHEMERAL_STORAGE: u32 = 1 << 3;
const FIRST_SCALAR: usize = 4;

struct NodeResourcesFit {
    args: NodeResourcesFitArgs,
}

impl NodeResourcesFit {
    /// Whether the profile says not to look at the extended resource `name`.
    fn ignores(&self, name: &str) -> bool {
        let group = name.split('/').next().unwrap_or_default();
        is_extended_resource(name)
            && (self.args.ignored_resources.iter().any(|ignored| **ignored == *name)
                || self.args.ignored_resource_groups.iter().any(|ignored| **ignored == *group))
    }
}

/// An amount that a pod asks for, and how to find the same in other resources.
type Amount<'a> = (i64, Box<dyn Fn(&Resources) -> i64 + 'a>);

impl NodeResourcesFit {
    /// What `asked` has more than nothing of, without what the profile ignores.
    fn amounts<'a>(&'a self, asked: &'a Resources) -> impl Iterator<Item = Amount<'a>> {
        let fixed: [Amount<'a>; 3] = [
            (asked.milli_cpu, Box::new(|of: &Resources| of.milli_cpu)),
            (asked.memory, Box::new(|of: &Resources| of.memory)),
            (asked.ephemeral_storage, Box::new(|of: &Resources| of.ephemeral_storage)),
        ];
        let scalars = asked.scalars.iter().filter(|(name, _)| !self.ignores(name));
        let scalars = scalars.map(|(name, amount)| -> Amount<'a> {
            (*amount, Box::new(move |of: &Resources| of.scalar(name)))
        });
        fixed.into_iter().chain(scalars).filter(|(amount, _)| *amount > 0)
    }

    /// A node helps which the pod would fit if it were empty, and that has more of something the pod asks
    /// for than before.
    ///
    /// Upstream: isSchedulableAfterNodeChange, v1.37. Differs from upstream: what the profile ignores is
    /// not looked at here either, so that such a pod does not wait for a node that has it.
    fn helped_by_node(&self, pod: &Pod, old: Option<&Node>, new: &Node) -> bool {
        let asked = &pod.requests.request;
        let fits = new.allocatable_pods > 0
            && self.amounts(asked).all(|(amount, of)| amount <= of(&new.allocatable));
        let more = |old: &Node| {
            new.allocatable_pods > old.allocatable_pods
                || self.amounts(asked).any(|(_, of)| of(&new.allocatable) > of(&old.allocatable))
        };
        fits && old.is_none_or(more)
    }

    /// A pod on a node helps that asks for less of something the pod asks for.
    ///
    /// Upstream: haveEnoughRelevantResourcesDecreased, v1.37.
    fn helped_by_less(&self, pod: &Pod, old: &Pod, new: &Pod) -> bool {
        let (old, new) = (&old.requests.usage, &new.requests.usage);
        self.amounts(&pod.requests.usage).any(|(_, of)| of(old) > of(new))
    }
}

impl Plugin for NodeResourcesFit {
    fn lacks(&self, missing: ExtensionPoint, at: ExtensionPoint) -> Option<&'static str> {
        use ExtensionPoint::{Filter, PreFilter};
        match (missing, at) {
            (PreFilter, Filter) => {
                Some("error reading \"PreFilterNodeResourcesFit\" from cycleState: not found")
            }
            _ => None,
        }
    }

    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::of(&[Fact::ResourceNames]))
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let Resources { milli_cpu, memory, ephemeral_storage, scalars } = &pod.requests.request;
        let asked = scalars.iter().filter(|(name, amount)| *amount > 0 && !self.ignores(name));
        let scalar = |(name, amount): &(Box<str>, i64)| Scalar {
            name: name.clone(),
            number: cx.view.cluster.resource_name(name),
            amount: *amount,
        };
        let scalars: Vec<_> = asked.map(scalar).collect();
        if scalars.len() > SCALARS_MAX {
            let reason = format!(
                "berth does not support more than {SCALARS_MAX} extended resources in one pod, \
                 this one asks for {}",
                scalars.len()
            );
            return PluginEval::Reject(Code::UnschedulableAndUnresolvable, vec![reason]);
        }
        let strategy = &self.args.strategy;
        let usual = *strategy == ScoringStrategy::default();
        PluginEval::Run(Box::new(FitEval {
            position: cx.position,
            milli_cpu: *milli_cpu,
            memory: *memory,
            ephemeral_storage: *ephemeral_storage,
            scalars,
            scored_milli_cpu: pod.requests.scored.milli_cpu,
            scored_memory: pod.requests.scored.memory,
            scorer: (!usual).then(|| Scorer::new(&cx.view, strategy, &pod.requests.scored)),
        }))
    }

    fn events(&self) -> &'static [Interest] {
        const {
            let node = Action::ADD.or(Action::UPDATE_NODE_ALLOCATABLE);
            let assigned = Action::DELETE.or(Action::UPDATE_POD_SCALE_DOWN);
            &[
                Interest::asks(Resource::AssignedPod, assigned),
                Interest::asks(Resource::Node, node),
                Interest::always(Resource::TargetPod, Action::UPDATE_POD_SCALE_DOWN),
            ]
        }
    }

    /// Upstream: isSchedulableAfterNodeChange, isSchedulableAfterAssignedPodDelete and
    /// isSchedulableAfterAssignedPodScaleDown, v1.37.
    fn hint(&self, change: &Change, pod: Candidate<'_>, _: &Cluster) -> Hint {
        match (change.node(), change.pod()) {
            ((old, Some(new)), _) => Hint::queue_if(self.helped_by_node(pod.pod, old, new)),
            (_, (Some(old), Some(new))) => {
                Hint::queue_if(new.node_name.is_some() && self.helped_by_less(pod.pod, old, new))
            }
            (_, (Some(left), None)) => Hint::queue_if(has_place(left)),
            _ => Hint::Error,
        }
    }
}

/// A countable resource that the pod asks for.
struct Scalar {
    name: Box<str>,
    /// Its interned name; `None` where no node and no pod on one names it.
    number: Option<u32>,
    amount: i64,
}

struct FitEval {
    position: u16,
    milli_cpu: i64,
    memory: i64,
    ephemeral_storage: i64,
    scalars: Vec<Scalar>,
    scored_milli_cpu: i64,
    scored_memory: i64,
    /// `None` for upstream's default strategy, which has a shorter way.
    scorer: Option<Scorer>,
}

/// Whether `asked` is more than what is left; sums wrap as upstream's.
fn lacks(asked: i64, allocatable: i64, requested: i64) -> bool {
    asked > 0 && asked > allocatable.wrapping_sub(requested)
}

impl FitEval {
    /// The bits of everything that does not fit, and whether some of it never would.
    ///
    /// Upstream: fitsRequest, v1.37. Too many pods never makes a node unresolvable.
    fn judge(&self, view: &View<'_>, node: NodeId, row: &Row) -> (u32, bool) {
        let mut lacking = 0;
        let mut never = false;
        let mut check = |bit: u32, asked: i64, allocatable: i64, requested: i64| {
            if lacks(asked, allocatable, requested) {
                lacking |= bit;
                never |= asked > allocatable;
            }
        };
        check(CPU, self.milli_cpu, row.allocatable_milli_cpu, row.requested_milli_cpu);
        check(MEMORY, self.memory, row.allocatable_memory, row.requested_memory);
        check(
            EPHEMERAL_STORAGE,
            self.ephemeral_storage,
            row.allocatable_ephemeral_storage,
            row.requested_ephemeral_storage,
        );
        for (at, scalar) in self.scalars.iter().enumerate() {
            let column = view.scalars(node);
            let used = column.iter().find(|s| Some(s.name) == scalar.number).copied();
            let used = used.unwrap_or_default();
            let bit = 1 << (FIRST_SCALAR + at);
            check(bit, scalar.amount, used.allocatable, used.requested);
        }
        if row.pods + 1 > row.allocatable_pods {
            lacking |= TOO_MANY_PODS;
        }
        (lacking, never)
    }
}

impl Eval for FitEval {
    fn parts(&self) -> Parts {
        Parts { filter: true, score: true, ..Parts::default() }
    }

    fn lasting(&self) -> Option<u64> {
        Some(0)
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        for (node, verdict) in nodes.iter().zip(out) {
            if !verdict.is_pass() {
                continue;
            }
            let (lacking, never) = self.judge(view, *node, view.row(*node));
            if lacking != 0 {
                let code =
                    if never { Code::UnschedulableAndUnresolvable } else { Code::Unschedulable };
                *verdict = Verdict::reject(self.position, code, lacking);
            }
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, verdict: Verdict) -> Vec<String> {
        let lacks = |bit: u32| verdict.detail & bit != 0;
        let mut reasons = Vec::new();
        let fixed = [
            (TOO_MANY_PODS, "Too many pods"),
            (CPU, "Insufficient cpu"),
            (MEMORY, "Insufficient memory"),
            (EPHEMERAL_STORAGE, "Insufficient ephemeral-storage"),
        ];
        for (bit, text) in fixed {
            if lacks(bit) {
                reasons.push(text.to_owned());
            }
        }
        for (at, scalar) in self.scalars.iter().enumerate() {
            if lacks(1 << (FIRST_SCALAR + at)) {
                reasons.push(format!("Insufficient {}", scalar.name));
            }
        }
        reasons
    }

    fn score(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [i64]) {
        if let Some(scorer) = &self.scorer {
            for (node, points) in nodes.iter().zip(out) {
                *points = scorer.points(view, *node);
            }
            return;
        }
        for (node, points) in nodes.iter().zip(out) {
            let row = view.row(*node);
            let cpu = row.non_zero_milli_cpu.wrapping_add(self.scored_milli_cpu);
            let memory = row.non_zero_memory.wrapping_add(self.scored_memory);
            let of_cpu = least_allocated(cpu, row.allocatable_milli_cpu);
            let of_memory = least_allocated(memory, row.allocatable_memory);
            *points = match (row.allocatable_milli_cpu, row.allocatable_memory) {
                (0, _) => of_memory,
                (_, 0) => of_cpu,
                _ => i64::midpoint(of_cpu, of_memory),
            };
        }
    }
}
