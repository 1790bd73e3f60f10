//! Which of several candidates it is.

use std::cmp::Reverse;

use super::candidates::Candidate;
use super::dry_run::Victim;

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
        let highest = victims.first().map_or(i32::MIN, |victim| victim.priority);
        let above_lowest = |priority: i32| i64::from(priority) - i64::from(i32::MIN);
        let top = victims.iter().filter(|victim| victim.priority == highest);
        Self {
            violations,
            highest,
            sum: victims.iter().map(|victim| above_lowest(victim.priority)).sum(),
            count: victims.len(),
            earliest: Reverse(top.map(|victim| victim.start).min().unwrap_or(i64::MAX)),
        }
    }
}

/// The cheapest candidate; of equal ones the one that was found first, where upstream takes any.
pub(super) fn best(candidates: Vec<Candidate>) -> Option<Candidate> {
    candidates.into_iter().min_by_key(|candidate| candidate.cost)
}
