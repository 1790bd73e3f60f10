//! Which nodes are out of the question, by the required terms of either side.

use crate::cluster::{LabelColumn, View};
use crate::framework::{Code, Verdict};
use crate::units::NodeId;

use super::InterPodAffinityEval;
use super::effects::Sum;
use super::tally::Tally;

/// Detail of a rejection by the pod's affinity.
pub(super) const AFFINITY: u32 = 0;
/// Detail of a rejection by the pod's anti-affinity.
pub(super) const ANTI_AFFINITY: u32 = 1;
/// Detail of a rejection by other pods' anti-affinity.
pub(super) const EXISTING_ANTI_AFFINITY: u32 = 2;

/// The words behind a detail.
pub(super) fn reason(detail: u32) -> &'static str {
    match detail {
        AFFINITY => "node(s) didn't match pod affinity rules",
        ANTI_AFFINITY => "node(s) didn't match pod anti-affinity rules",
        _ => "node(s) didn't satisfy existing pods anti-affinity rules",
    }
}

/// A tally as it would be in a view.
struct Lane<'a> {
    sum: Sum,
    key: &'a str,
    column: Option<LabelColumn<'a>>,
    tally: Option<&'a Tally>,
    /// The value on the node that is changed in thought.
    changed: Option<u32>,
    /// What is added for that value.
    delta: i64,
}

impl<'a> Lane<'a> {
    fn new(view: &View<'a>, sum: Sum, key: &'a str, tally: Option<&'a Tally>) -> Self {
        let column = view.cluster.label_column(key);
        let changed = view.overlay().and_then(|overlay| column?.number(overlay.node()));
        Self { sum, key, column, tally, changed, delta: 0 }
    }

    fn of(view: &View<'a>, tally: &'a Tally) -> Self {
        Self::new(view, tally.sum, &tally.key, Some(tally))
    }

    /// The number of the value on `node`.
    fn number(&self, node: NodeId) -> Option<u32> {
        self.column?.number(node)
    }

    /// What counts for this value.
    fn count(&self, value: u32) -> i64 {
        let counted = self.tally.map_or(0, |tally| tally.at(value));
        if self.changed == Some(value) { counted + self.delta } else { counted }
    }

    /// Whether something counts where `node` is.
    fn counts_at(&self, node: NodeId) -> bool {
        self.number(node).is_some_and(|value| self.count(value) > 0)
    }
}

/// The tallies of the three rules, in the order in which they are looked at.
struct Lanes<'a> {
    affinity: Vec<Lane<'a>>,
    anti_affinity: Vec<Lane<'a>>,
    existing: Vec<Lane<'a>>,
    /// The pod's affinity holds wherever the keys are: nobody matches it but the pod itself.
    ///
    /// Upstream: satisfiesSelfAffinityCheck, v1.37.
    starts_group: bool,
}

impl InterPodAffinityEval {
    pub(super) fn judge(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let lanes = self.lanes(view);
        for (node, verdict) in nodes.iter().zip(out).filter(|(_, verdict)| verdict.is_pass()) {
            if let Some((code, detail)) = lanes.rejection(*node) {
                *verdict = Verdict::reject(self.position, code, detail);
            }
        }
    }

    fn lanes<'a>(&'a self, view: &View<'a>) -> Lanes<'a> {
        let mut all: Vec<_> = self.tallies.all.iter().map(|tally| Lane::of(view, tally)).collect();
        self.change(view, &mut all);
        let mut lanes = Lanes {
            affinity: Vec::new(),
            anti_affinity: Vec::new(),
            existing: Vec::new(),
            starts_group: false,
        };
        for lane in all {
            match lane.sum {
                Sum::Affinity => lanes.affinity.push(lane),
                Sum::AntiAffinity => lanes.anti_affinity.push(lane),
                Sum::ExistingAntiAffinity => lanes.existing.push(lane),
                Sum::Score => {}
            }
        }
        if self.matches_itself {
            let changes = lanes.affinity.iter().filter(|lane| lane.changed.is_some());
            let changes: i64 = changes.map(|lane| lane.delta).sum();
            lanes.starts_group = self.affinity_total + changes == 0;
        }
        lanes
    }

    /// Adds what is changed in thought to all `lanes`, of which the first are those of the tallies.
    ///
    /// Upstream: AddPod and RemovePod, v1.37.
    fn change<'a>(&'a self, view: &View<'a>, lanes: &mut Vec<Lane<'a>>) {
        for (number, sign) in view.class_changes() {
            if let Some(effects) = self.tallies.effects_of(view.cluster, number) {
                for &(lane, amount) in effects {
                    lanes[lane as usize].delta += amount.wrapping_mul(sign);
                }
            } else if let Some(class) = view.cluster.class(number) {
                self.incoming.effects(view.cluster, class, |sum, key, amount| {
                    let found = lanes.iter().position(|lane| lane.sum == sum && lane.key == key);
                    let at = found.unwrap_or_else(|| {
                        lanes.push(Lane::new(view, sum, key, None));
                        lanes.len() - 1
                    });
                    lanes[at].delta += amount.wrapping_mul(sign);
                });
            }
        }
    }
}

impl Lanes<'_> {
    /// Why `node` will not do.
    ///
    /// Upstream: Filter, v1.37.
    fn rejection(&self, node: NodeId) -> Option<(Code, u32)> {
        if !self.affinity_holds(node) {
            return Some((Code::UnschedulableAndUnresolvable, AFFINITY));
        }
        if self.anti_affinity.iter().any(|lane| lane.counts_at(node)) {
            return Some((Code::Unschedulable, ANTI_AFFINITY));
        }
        let repelled = self.existing.iter().any(|lane| lane.counts_at(node));
        repelled.then_some((Code::Unschedulable, EXISTING_ANTI_AFFINITY))
    }

    /// Whether the node has all keys of the pod's affinity, and with each of them a pod that matches, if
    /// not the pod is the first of its kind.
    ///
    /// Upstream: nodeTopologyMatchesAffinity, v1.37.
    fn affinity_holds(&self, node: NodeId) -> bool {
        let mut counts = true;
        for lane in &self.affinity {
            let Some(value) = lane.number(node) else { return false };
            counts &= lane.count(value) > 0;
        }
        counts || self.starts_group
    }
}
