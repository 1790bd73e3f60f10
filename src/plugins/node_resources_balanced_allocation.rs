//! NodeResourcesBalancedAllocation: prefers nodes on which the pod evens out the use of CPU and memory.

use crate::cluster::View;
use crate::framework::{Eval, MAX_NODE_SCORE, Parts, Plugin, PluginEval, PluginInfo, PrepareCx};
use crate::model::Pod;
use crate::units::NodeId;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "NodeResourcesBalancedAllocation",
    default_weight: 1,
    summary: "prefers nodes on which the pod evens out the use of CPU and memory",
    make: || Box::new(BalancedAllocation),
};

struct BalancedAllocation;

impl Plugin for BalancedAllocation {
    /// A pod that asks for neither CPU nor memory is skipped.
    fn prepare(&self, pod: &Pod, _cx: &PrepareCx<'_>) -> PluginEval {
        let (milli_cpu, memory) = (pod.requests.usage.milli_cpu, pod.requests.usage.memory);
        if milli_cpu == 0 && memory == 0 {
            return PluginEval::Skip;
        }
        PluginEval::Run(Box::new(BalancedAllocationEval { milli_cpu, memory }))
    }
}

struct BalancedAllocationEval {
    milli_cpu: i64,
    memory: i64,
}

impl Eval for BalancedAllocationEval {
    fn parts(&self) -> Parts {
        Parts { score: true, ..Parts::default() }
    }

    /// Upstream: balancedResourceScorer, v1.37: the change of balance; 75 is neutral.
    fn score(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [i64]) {
        const HALF: i64 = MAX_NODE_SCORE / 2;
        for (node, points) in nodes.iter().zip(out) {
            let row = view.row(*node);
            let (cpu, memory) = (row.allocatable_milli_cpu, row.allocatable_memory);
            let (used_cpu, used_memory) = (row.requested_milli_cpu, row.requested_memory);
            let before = balance((used_cpu, cpu), (used_memory, memory));
            let after = balance(
                (used_cpu.wrapping_add(self.milli_cpu), cpu),
                (used_memory.wrapping_add(self.memory), memory),
            );
            *points = HALF + (HALF + after - before) / 2;
        }
    }
}

/// How even two uses are, from 50 (one full, one empty) to 100; (requested, allocatable) each.
///
/// Upstream: balancedResourceScore with two resources, v1.37: half the distance of the fractions.
#[expect(clippy::cast_precision_loss, reason = "upstream divides the same numbers as floats")]
#[expect(clippy::cast_possible_truncation, reason = "the value is between 50 and 100")]
fn balance(cpu: (i64, i64), memory: (i64, i64)) -> i64 {
    let fraction = |(requested, allocatable): (i64, i64)| {
        let fraction = requested as f64 / allocatable as f64;
        if fraction > 1.0 { 1.0 } else { fraction }
    };
    let deviation = if cpu.1 == 0 || memory.1 == 0 {
        0.0
    } else {
        ((fraction(cpu) - fraction(memory)) / 2.0).abs()
    };
    ((1.0 - deviation) * MAX_NODE_SCORE as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenness() {
        let rows = [
            ((0, 4), (0, 8), 100),
            ((4, 4), (0, 8), 50),
            ((1, 4), (4, 8), 87),
            ((9, 4), (0, 0), 100),
            ((9, 4), (8, 8), 100),
        ];
        for (cpu, memory, want) in rows {
            assert_eq!(balance(cpu, memory), want, "{cpu:?} {memory:?}");
        }
    }
}
