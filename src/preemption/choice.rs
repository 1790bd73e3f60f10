//! Which of several candidates it is.

use std::cmp::Reverse;

use crate::cluster::Cluster;

use super::candidates::Candidate;
use super::dry_run::Victim;
use crate::units::PodId;

/// What a candidate costs; the least is the best.
///
/// Upstream: pickOneNodeForPreemption, v1.37.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    /// How many victims a disruption budget protects.
    pub(super) violations: usize,
    /// The priority of the most important victim.
    highest: i32,
    /// The sum of all priorities, each counted from the lowest one that there can be.
    sum: i64,
    count: usize,
    /// When the first of the most important victims began; the later the better.
    earliest: Reverse<i64>,
}

impl Cost {
    /// What evicting `victims`, the most important one first, costs.
    pub(super) fn of(victims: &[Victim], violations: usize) -> Self {
        let victims = victims.iter().map(|victim| (victim.priority, victim.start));
        Self::of_each(victims, violations)
    }

    /// What evicting these pods costs.
    pub(super) fn of_pods(cluster: &Cluster, victims: &[PodId], violations: usize) -> Self {
        let pods = victims.iter().filter_map(|id| cluster.pod(*id));
        // One that has not begun begins now.
        let victims = pods.map(|pod| (pod.priority, pod.start_time.unwrap_or(i64::MAX)));
        Self::of_each(victims, violations)
    }

    /// The same for the priority and the start of each.
    fn of_each(victims: impl Iterator<Item = (i32, i64)> + Clone, violations: usize) -> Self {
        let highest = victims.clone().next().map_or(i32::MIN, |(priority, _)| priority);
        let above_lowest = |(priority, _)| i64::from(priority) - i64::from(i32::MIN);
        let top = victims.clone().filter(|(priority, _)| *priority == highest);
        Self {
            violations,
            highest,
            sum: victims.clone().map(above_lowest).sum(),
            count: victims.count(),
            earliest: Reverse(top.map(|(_, start)| start).min().unwrap_or(i64::MAX)),
        }
    }
}

/// The cheapest candidate. Of equal ones the one that was found first, or, among few, the one that
/// upstream takes most often.
pub(super) fn best(mut candidates: Vec<Candidate>, cluster: &Cluster) -> Option<Candidate> {
    let cost = candidates.iter().map(|candidate| candidate.cost).min()?;
    let mut tied = candidates.iter().enumerate().filter(|(_, c)| c.cost == cost);
    let (first, _) = tied.next()?;
    let alone = tied.next().is_none();
    let at = if alone || candidates.len() > SMALL_MAP {
        first
    } else {
        likeliest(&candidates, cost, first, cluster)
    };
    Some(candidates.swap_remove(at))
}

/// Up to so many entries upstream's map of candidates is a ring, walked from anywhere.
///
/// Source: Go's maps since 1.24, one group of eight slots.
const SMALL_MAP: usize = 8;

/// The tied candidate with most others of the ring right before it, where the first one that upstream
/// looks at wins; right after it, where the last one does, since all that begin now begin a moment later
/// than the one before. So the answer is the one that is seen when upstream is asked a few times.
fn likeliest(candidates: &[Candidate], cost: Cost, first: usize, cluster: &Cluster) -> usize {
    let turns = turns(candidates, cluster);
    let mut ring: Vec<usize> = (0..candidates.len()).collect();
    ring.sort_by_key(|at| turns[*at]);
    if cost.earliest == Reverse(i64::MAX) {
        ring.reverse();
    }
    let len = ring.len();
    let is_tied = |place: usize| candidates[ring[place % len]].cost == cost;
    let mut best = (0, first);
    for place in (0..len).filter(|place| is_tied(*place)) {
        let gap = (1..=len).find(|back| is_tied(place + len - back)).unwrap_or(len);
        if (gap, ring[place] == first) > (best.0, best.1 == first) {
            best = (gap, ring[place]);
        }
    }
    best.1
}

/// Where upstream's list of nodes has each candidate: it takes one node of each zone in turn.
///
/// Upstream: nodeTree, v1.37.
fn turns(candidates: &[Candidate], cluster: &Cluster) -> Vec<(u32, usize)> {
    let columns = ZONE_LABELS.map(|key| cluster.label_column(key));
    let mut zones: Vec<([Option<u32>; 2], u32)> = Vec::new();
    let mut turns = vec![(0, 0); candidates.len()];
    for node in cluster.nodes() {
        let zone = columns.map(|column| column.and_then(|column| column.number(node)));
        let at = zones.iter().position(|(other, _)| *other == zone).unwrap_or_else(|| {
            zones.push((zone, 0));
            zones.len() - 1
        });
        if let Some(candidate) = candidates.iter().position(|c| c.node == node) {
            turns[candidate] = (zones[at].1, at);
        }
        zones[at].1 += 1;
    }
    turns
}

const ZONE_LABELS: [&str; 2] = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"];
