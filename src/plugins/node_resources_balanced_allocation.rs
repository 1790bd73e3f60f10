//! NodeResourcesBalancedAllocation: prefers nodes on which the pod evens out the use of CPU and memory.

use crate::cluster::{Fact, Facts, View};
use crate::framework::{
    Eval, ExtensionPoint, MAX_NODE_SCORE, Parts, Plugin, PluginEval, PluginInfo, PrepareCx,
};
use crate::model::Pod;
use crate::units::NodeId;

use super::resource_scores::ScoredResource;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "NodeResourcesBalancedAllocation",
    default_weight: Some(1),
    points: &[ExtensionPoint::PreScore, ExtensionPoint::Score],
    summary: "prefers nodes on which the pod evens out the use of CPU and memory",
    make: |args| Ok(Box::new(BalancedAllocation { resources: args.balanced_resources.0.clone() })),
};

struct BalancedAllocation {
    /// Names of the resources.
    resources: Vec<Box<str>>,
}

impl Plugin for BalancedAllocation {
    /// A pod that asks for none of the resources is skipped.
    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::of(&[Fact::ResourceNames]))
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let asks = &pod.requests.usage;
        let named = self.resources.iter();
        let scored = named.filter_map(|name| ScoredResource::new(&cx.view, name, 1, asks));
        let resources: Vec<_> = scored.collect();
        if resources.iter().all(|resource| resource.asked() == 0) {
            return PluginEval::Skip;
        }
        PluginEval::Run(Box::new(BalancedAllocationEval { resources }))
    }
}

struct BalancedAllocationEval {
    resources: Vec<ScoredResource>,
}

impl Eval for BalancedAllocationEval {
    fn parts(&self) -> Parts {
        Parts { score: true, ..Parts::default() }
    }

    fn lasting(&self) -> Option<u64> {
        Some(0)
    }

    /// Upstream: balancedResourceScorer, v1.37: the change of balance; 75 is neutral.
    fn score(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [i64]) {
        if let [cpu, memory] = &self.resources[..]
            && cpu.is_milli_cpu()
            && memory.is_memory()
        {
            score_usual(view, nodes, (cpu.asked(), memory.asked()), out);
            return;
        }
        let mut before = Vec::with_capacity(self.resources.len());
        let mut after = Vec::with_capacity(self.resources.len());
        for (node, points) in nodes.iter().zip(out) {
            let row = view.row(*node);
            before.clear();
            after.clear();
            for resource in &self.resources {
                let on = resource.on(view, *node, row, false);
                if on.allocatable != 0 {
                    before.push(fraction(on.used, on.allocatable));
                    after.push(fraction(on.used.wrapping_add(on.asked), on.allocatable));
                }
            }
            *points = change(&before, &after);
        }
    }
}

/// Half of the highest score.
const HALF: i64 = MAX_NODE_SCORE / 2;

/// The points for a change of balance.
#[inline]
fn change(before: &[f64], after: &[f64]) -> i64 {
    HALF + (HALF + balance(after) - balance(before)) / 2
}

/// The same for CPU and memory, upstream's default, straight from the rows.
fn score_usual(view: &View<'_>, nodes: &[NodeId], asked: (i64, i64), out: &mut [i64]) {
    for (node, points) in nodes.iter().zip(out) {
        let row = view.row(*node);
        let (cpu, memory) = (row.allocatable_milli_cpu, row.allocatable_memory);
        if cpu == 0 || memory == 0 {
            // One resource is always in balance.
            *points = HALF + HALF / 2;
            continue;
        }
        let (used_cpu, used_memory) = (row.requested_milli_cpu, row.requested_memory);
        let before = [fraction(used_cpu, cpu), fraction(used_memory, memory)];
        let after = [
            fraction(used_cpu.wrapping_add(asked.0), cpu),
            fraction(used_memory.wrapping_add(asked.1), memory),
        ];
        *points = change(&before, &after);
    }
}

/// How much of a resource is used, at most all of it.
#[expect(clippy::cast_precision_loss, reason = "upstream divides the same numbers as floats")]
fn fraction(requested: i64, allocatable: i64) -> f64 {
    let fraction = requested as f64 / allocatable as f64;
    if fraction > 1.0 { 1.0 } else { fraction }
}

/// How even the uses are, to 100.
///
/// Upstream: balancedResourceScore, v1.37: half the distance of two fractions, the standard deviation of
/// more.
#[expect(clippy::cast_precision_loss, reason = "few resources, and a score")]
#[expect(clippy::cast_possible_truncation, reason = "the value is at most 100")]
#[inline]
fn balance(fractions: &[f64]) -> i64 {
    let deviation = match fractions {
        [] | [_] => 0.0,
        [one, other] => ((one - other) / 2.0).abs(),
        all => {
            let count = all.len() as f64;
            let mean = all.iter().sum::<f64>() / count;
            let squares = all.iter().fold(0.0, |sum, f| sum + (f - mean) * (f - mean));
            (squares / count).sqrt()
        }
    };
    ((1.0 - deviation) * MAX_NODE_SCORE as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenness() {
        let rows: [(&[(i64, i64)], i64); 5] = [
            (&[(0, 4), (0, 8)], 100),
            (&[(4, 4), (0, 8)], 50),
            (&[(1, 4), (4, 8)], 87),
            (&[(9, 4)], 100),
            (&[(4, 4), (0, 8), (0, 2)], 52),
        ];
        for (uses, want) in rows {
            let fractions: Vec<_> = uses.iter().map(|(used, all)| fraction(*used, *all)).collect();
            assert_eq!(balance(&fractions), want, "{uses:?}");
        }
    }
}
