//! How much of a node is used, resource by resource: what NodeResourcesFit and
//! NodeResourcesBalancedAllocation score by.

use crate::cluster::{Row, View};
use crate::framework::MAX_NODE_SCORE;
use crate::model::{ScoringStrategy, StrategyKind};
use crate::units::{NodeId, Resources, is_scalar_resource};

/// One resource of a node and how much of it the pod asks for.
pub(super) struct ScoredResource {
    kind: Kind,
    /// What the pod asks for.
    asked: i64,
    /// What it counts for.
    pub(super) weight: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    MilliCpu,
    Memory,
    EphemeralStorage,
    /// A countable resource; `None` where no node and no pod on one names it.
    Scalar(Option<u32>),
}

/// What is there of a resource on a node, and what its pods use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) allocatable: i64,
    pub(super) used: i64,
    pub(super) asked: i64,
}

impl ScoredResource {
    /// The resource `name`. A countable resource that the pod does not ask for is left out.
    ///
    /// Upstream: calculateNodeAllocatableRequest, v1.37.
    pub(super) fn new(view: &View<'_>, name: &str, weight: i64, pod: &Resources) -> Option<Self> {
        let (kind, asked) = match name {
            "cpu" => (Kind::MilliCpu, pod.milli_cpu),
            "memory" => (Kind::Memory, pod.memory),
            "ephemeral-storage" => (Kind::EphemeralStorage, pod.ephemeral_storage),
            _ => (Kind::Scalar(view.cluster.resource_name(name)), pod.scalar(name)),
        };
        let skipped = matches!(kind, Kind::Scalar(_)) && asked == 0 && is_scalar_resource(name);
        (!skipped).then_some(Self { kind, asked, weight })
    }

    /// Whether it is CPU.
    pub(super) fn is_milli_cpu(&self) -> bool {
        self.kind == Kind::MilliCpu
    }

    /// Whether it is memory.
    pub(super) fn is_memory(&self) -> bool {
        self.kind == Kind::Memory
    }

    /// What the pod asks for.
    pub(super) fn asked(&self) -> i64 {
        self.asked
    }

    /// Its use on `node`; CPU and memory with defaults for pods that ask for none if `non_zero`.
    pub(super) fn on(&self, view: &View<'_>, node: NodeId, row: &Row, non_zero: bool) -> Use {
        let (allocatable, used) = match self.kind {
            Kind::MilliCpu if non_zero => (row.allocatable_milli_cpu, row.non_zero_milli_cpu),
            Kind::MilliCpu => (row.allocatable_milli_cpu, row.requested_milli_cpu),
            Kind::Memory if non_zero => (row.allocatable_memory, row.non_zero_memory),
            Kind::Memory => (row.allocatable_memory, row.requested_memory),
            Kind::EphemeralStorage => {
                (row.allocatable_ephemeral_storage, row.requested_ephemeral_storage)
            }
            Kind::Scalar(number) => {
                let column = view.scalars(node);
                let found = column.iter().find(|scalar| Some(scalar.name) == number);
                found.map_or((0, 0), |scalar| (scalar.allocatable, scalar.requested))
            }
        };
        Use { allocatable, used, asked: self.asked }
    }
}

/// A shape's scores go to 10, a node's to 100.
pub(super) const SCALE: i64 = MAX_NODE_SCORE / 10;

/// A scoring strategy, compiled for one pod.
pub(super) struct Scorer {
    resources: Vec<ScoredResource>,
    formula: Formula,
}

enum Formula {
    Least,
    Most,
    /// Utilization in percent and score from 0 to 100, utilization rising.
    Shape(Vec<(i64, i64)>),
}

impl Scorer {
    /// `strategy` for a pod that asks for `pod`, defaults included.
    pub(super) fn new(view: &View<'_>, strategy: &ScoringStrategy, pod: &Resources) -> Self {
        let scored = |resource: &crate::model::WeightedResource| {
            ScoredResource::new(view, &resource.name, resource.weight, pod)
        };
        let formula = match &strategy.kind {
            StrategyKind::LeastAllocated => Formula::Least,
            StrategyKind::MostAllocated => Formula::Most,
            StrategyKind::RequestedToCapacityRatio(shape) => {
                Formula::Shape(shape.iter().map(|(at, score)| (*at, score * SCALE)).collect())
            }
        };
        Self { resources: strategy.resources.iter().filter_map(scored).collect(), formula }
    }

    /// The points of `node`.
    pub(super) fn points(&self, view: &View<'_>, node: NodeId) -> i64 {
        let row = view.row(node);
        let (mut sum, mut weights) = (0i64, 0i64);
        for resource in &self.resources {
            let on = resource.on(view, node, row, true);
            if on.allocatable == 0 {
                continue;
            }
            let requested = on.used.wrapping_add(on.asked);
            let score = match &self.formula {
                Formula::Least => least_allocated(requested, on.allocatable),
                Formula::Most => percent(requested.min(on.allocatable), on.allocatable),
                Formula::Shape(shape) => match by_shape(shape, requested, on.allocatable) {
                    0 => continue,
                    score => score,
                },
            };
            sum = sum.wrapping_add(score.wrapping_mul(resource.weight));
            weights += resource.weight;
        }
        match &self.formula {
            _ if weights == 0 => 0,
            Formula::Least | Formula::Most => sum / weights,
            Formula::Shape(_) => divide_and_round(sum, weights),
        }
    }
}

/// How much of `capacity` is left, from 0 to 100; zero where there is none.
///
/// Upstream: leastRequestedScore, v1.37.
pub(super) fn least_allocated(requested: i64, capacity: i64) -> i64 {
    if capacity == 0 || requested > capacity {
        return 0;
    }
    percent(capacity.wrapping_sub(requested), capacity)
}

/// `part` of `whole` in hundredths, cut; sums wrap as upstream's.
fn percent(part: i64, whole: i64) -> i64 {
    part.wrapping_mul(MAX_NODE_SCORE).wrapping_div(whole)
}

/// Upstream: buildRequestedToCapacityRatioScorerFunction and BuildBrokenLinearFunction, v1.37.
pub(super) fn by_shape(shape: &[(i64, i64)], requested: i64, capacity: i64) -> i64 {
    let full = requested > capacity;
    let utilization = if full { 100 } else { percent(requested, capacity) };
    let next = shape.iter().position(|(at, _)| utilization <= *at);
    match next {
        Some(0) => shape[0].1,
        Some(next) => {
            let ((from, low), (to, high)) = (shape[next - 1], shape[next]);
            low + (high - low) * (utilization - from) / (to - from)
        }
        None => shape.last().map_or(0, |(_, score)| *score),
    }
}

/// Half away from zero, as Go's `math.Round` of the quotient.
#[expect(clippy::cast_precision_loss, reason = "upstream divides the same numbers as floats")]
#[expect(clippy::cast_possible_truncation, reason = "the quotient is a score")]
fn divide_and_round(sum: i64, weights: i64) -> i64 {
    (sum as f64 / weights as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_in_hundredths() {
        let rows = [((0, 0), 0), ((5, 4), 0), ((1, 3), 66), ((0, 7), 100), ((3, 4), 25)];
        for ((requested, capacity), want) in rows {
            assert_eq!(least_allocated(requested, capacity), want, "{requested} of {capacity}");
        }
    }

    #[test]
    fn a_shape_is_linear_between_its_points_and_flat_beyond() {
        let shape = [(10, 20), (50, 100), (90, 0)];
        let rows = [(0, 20), (10, 20), (30, 60), (50, 100), (70, 50), (90, 0), (100, 0)];
        for (used, want) in rows {
            assert_eq!(by_shape(&shape, used, 100), want, "{used} %");
        }
        assert_eq!(by_shape(&[(0, 0), (100, 100)], 9, 4), 100, "more than there is");
    }
    /// Upstream: TestBrokenLinearFunction, v1.37, without the utilisation below 0, which no pod makes; above
    /// 100 the shape is taken at 100.
    #[test]
    fn the_points_of_upstreams_broken_linear_functions() {
        type Points = &'static [(i64, i64)];
        let rows: [(Points, Points); 3] = [
            (
                &[(10, 1), (90, 9)],
                &[
                    (0, 1),
                    (9, 1),
                    (10, 1),
                    (15, 1),
                    (19, 1),
                    (20, 2),
                    (89, 8),
                    (90, 9),
                    (99, 9),
                    (110, 9),
                ],
            ),
            (
                &[(0, 2), (40, 10), (100, 0)],
                &[(0, 2), (20, 6), (30, 8), (40, 10), (70, 5), (100, 0), (110, 0)],
            ),
            (&[(0, 2), (40, 2), (100, 2)], &[(0, 2), (20, 2), (30, 2), (40, 2), (70, 2), (110, 2)]),
        ];
        for (shape, wanted) in rows {
            for (used, want) in wanted {
                assert_eq!(by_shape(shape, *used, 100), *want, "{used} % of {shape:?}");
            }
        }
    }
}
