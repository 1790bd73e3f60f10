//! How large the ReplicaSets of a Deployment are to be: the arithmetic of rollouts. Pure.
//!
//! Upstream: pkg/controller/deployment rolling.go and sync.go, v1.37.

use serde_json::Value;

use super::plan::{int, int_or_percent};

/// A Deployment's size, and how far a rollout may leave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) replicas: i64,
    pub(super) max_surge: i64,
    pub(super) max_unavailable: i64,
}

/// The sizes of a ReplicaSet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    /// `spec.replicas`.
    pub(super) wanted: i64,
    /// `status.replicas`.
    pub(super) there: i64,
    /// `status.availableReplicas`.
    pub(super) available: i64,
    /// The Deployment's greatest size when this was last scaled.
    pub(super) max: i64,
}

impl Limits {
    /// Reads them from a Deployment's spec.
    pub(super) fn of(spec: &Value) -> Self {
        let replicas = int(&spec["replicas"], 1);
        if spec["strategy"]["type"] == "Recreate" {
            return Self { replicas, max_surge: 0, max_unavailable: 0 };
        }
        let rolling = &spec["strategy"]["rollingUpdate"];
        let max_surge = int_or_percent(&rolling["maxSurge"], replicas, true, "25%");
        let max_unavailable = int_or_percent(&rolling["maxUnavailable"], replicas, false, "25%");
        // Upstream: ResolveFenceposts: both at zero would stand still.
        let stuck = max_surge == 0 && max_unavailable == 0;
        let max_unavailable = if stuck { 1 } else { max_unavailable };
        Self { replicas, max_surge, max_unavailable: max_unavailable.min(replicas) }
    }

    /// The most pods that there may be.
    pub(super) fn most(self) -> i64 {
        if self.replicas == 0 { 0 } else { self.replicas + self.max_surge }
    }

    /// The fewest pods that must be available.
    pub(super) fn least(self) -> i64 {
        self.replicas - self.max_unavailable
    }
}

/// The size of the new ReplicaSet in a rolling update.
///
/// Upstream: deploymentutil.NewRSNewReplicas and reconcileNewReplicaSet, v1.37.
pub(super) fn new_size(limits: Limits, new: Option<Set>, old: &[Set]) -> i64 {
    let own = new.map_or(0, |set| set.wanted);
    if own >= limits.replicas {
        return limits.replicas;
    }
    let all = own + old.iter().map(|set| set.wanted).sum::<i64>();
    let room = limits.replicas + limits.max_surge - all;
    own + room.max(0).min(limits.replicas - own)
}

/// The sizes of the old ReplicaSets, the oldest first, once the new one has its size.
///
/// Upstream: reconcileOldReplicaSets, v1.37: first what is not available, then as many as there are more
/// than must be.
pub(super) fn old_sizes(limits: Limits, new: Set, old: &[Set]) -> Vec<i64> {
    let mut sizes: Vec<i64> = old.iter().map(|set| set.wanted).collect();
    let all = new.wanted + sizes.iter().sum::<i64>();
    let mut may_go = all - limits.least() - (new.wanted - new.available);
    for (size, set) in sizes.iter_mut().zip(old) {
        let unavailable = (*size - set.available).clamp(0, may_go.max(0));
        *size -= unavailable;
        may_go -= unavailable;
    }
    let available = new.available + old.iter().map(|set| set.available).sum::<i64>();
    let mut surplus = available - limits.least();
    for size in &mut sizes {
        let gone = (*size).clamp(0, surplus.max(0));
        *size -= gone;
        surplus -= gone;
    }
    sizes
}

/// The sizes after the Deployment itself was scaled, or while it is paused. `desired` is the size that
/// the new ReplicaSet has noted. The new one's size stays as it is where nothing is answered for it.
///
/// Upstream: DeploymentController.scale, v1.37: a single set gets it all, a finished rollout empties the
/// old ones, and one that is under way shares by size.
pub(super) fn scale(
    limits: Limits,
    new: Option<Set>,
    desired: Option<i64>,
    old: &[Set],
) -> (Option<i64>, Vec<i64>) {
    let keep: Vec<i64> = old.iter().map(|set| set.wanted).collect();
    let active_old: Vec<usize> = (0..old.len()).filter(|at| old[*at].wanted > 0).collect();
    let new_is_active = new.is_some_and(|set| set.wanted > 0);
    match (active_old.as_slice(), new_is_active) {
        // With none that is active, the latest one: the new one, or else the newest of the old.
        ([], _) if new.is_some() => return (Some(limits.replicas), keep),
        ([only], false) => {
            let mut sizes = keep;
            sizes[*only] = limits.replicas;
            return (None, sizes);
        }
        ([], _) => {
            let mut sizes = keep;
            if let Some(last) = sizes.last_mut() {
                *last = limits.replicas;
            }
            return (None, sizes);
        }
        _ => {}
    }
    let saturated = new.is_some_and(|set| {
        set.wanted == limits.replicas
            && desired == Some(limits.replicas)
            && set.available == limits.replicas
    });
    if saturated {
        return (new.map(|set| set.wanted), vec![0; old.len()]);
    }
    share(limits, new, old)
}

/// Shares what is to be added or taken in proportion to the sets' sizes.
fn share(limits: Limits, new: Option<Set>, old: &[Set]) -> (Option<i64>, Vec<i64>) {
    let all: Vec<Set> = new.into_iter().chain(old.iter().copied()).collect();
    let mut sizes: Vec<i64> = all.iter().map(|set| set.wanted).collect();
    let mut left = limits.most() - sizes.iter().sum::<i64>();
    let adds = left > 0;
    // The largest first, and of equals the newest when adding, the oldest when taking.
    let mut order: Vec<usize> = (0..all.len()).filter(|at| all[*at].wanted > 0).collect();
    let age = |at: usize| if new.is_some() && at == 0 { 0 } else { all.len() - at };
    order.sort_by_key(|at| {
        let age = i64::try_from(age(*at)).unwrap_or_default();
        (-all[*at].wanted, if adds { age } else { -age })
    });
    for at in &order {
        let set = all[*at];
        let max = if set.max > 0 { set.max } else { limits.replicas.max(1) };
        let ideal = (2 * set.wanted * limits.most() + max) / (2 * max);
        let change = ideal - set.wanted;
        let change = if adds { change.clamp(0, left.max(0)) } else { change.clamp(left.min(0), 0) };
        sizes[*at] += change;
        left -= change;
    }
    // What rounding left over is the largest one's.
    if let Some(first) = order.first() {
        sizes[*first] = (sizes[*first] + left).max(0);
    }
    let old = sizes.split_off(usize::from(new.is_some()));
    (sizes.first().copied(), old)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn limits(replicas: i64, max_surge: i64, max_unavailable: i64) -> Limits {
        Limits { replicas, max_surge, max_unavailable }
    }

    fn set(wanted: i64, available: i64) -> Set {
        Set { wanted, there: wanted, available, max: 0 }
    }

    #[test]
    fn limits_are_read_with_upstreams_defaults() {
        assert_eq!(Limits::of(&json!({"replicas": 10})), limits(10, 3, 2));
        assert_eq!(Limits::of(&json!({})), limits(1, 1, 0));
        let none = json!({"replicas": 4, "strategy": {"rollingUpdate": {
            "maxSurge": 0, "maxUnavailable": "0%",
        }}});
        assert_eq!(Limits::of(&none), limits(4, 0, 1));
    }

    #[test]
    fn a_rollout_step_by_step() {
        let limits = limits(4, 1, 1);
        assert_eq!(new_size(limits, None, &[set(4, 4)]), 1);
        // One of the old may go at once, for one may be missing.
        assert_eq!(old_sizes(limits, set(1, 0), &[set(4, 4)]), [3]);
        assert_eq!(new_size(limits, Some(set(1, 0)), &[set(3, 3)]), 2);
        assert_eq!(old_sizes(limits, set(2, 0), &[set(3, 3)]), [3]);
        assert_eq!(old_sizes(limits, set(2, 2), &[set(3, 3)]), [1]);
        assert_eq!(new_size(limits, Some(set(2, 2)), &[set(1, 1)]), 4);
        assert_eq!(old_sizes(limits, set(4, 4), &[set(1, 1)]), [0]);
        assert_eq!(new_size(limits, Some(set(6, 6)), &[]), 4);
    }

    #[test]
    fn what_is_not_available_goes_first() {
        assert_eq!(old_sizes(limits(4, 1, 1), set(2, 0), &[set(1, 1), set(3, 1)]), [1, 2]);
    }

    #[test]
    fn scaling_in_the_middle_shares_by_size() {
        let single = scale(limits(5, 2, 0), Some(set(3, 3)), Some(3), &[set(0, 0)]);
        assert_eq!(single, (Some(5), vec![0]));
        let saturated = scale(limits(3, 1, 0), Some(set(3, 3)), Some(3), &[set(1, 1)]);
        assert_eq!(saturated, (Some(3), vec![0]));
        // 10 + 3 pods, 8 of them old; twice as many and twice the surge.
        let with_max = |wanted, max| Set { wanted, max, ..set(wanted, wanted) };
        let (new, old) =
            scale(limits(20, 6, 0), Some(with_max(5, 13)), Some(10), &[with_max(8, 13)]);
        assert_eq!((new, old), (Some(10), vec![16]));
        let only_old = scale(limits(5, 2, 0), None, None, &[set(0, 0), set(3, 3)]);
        assert_eq!(only_old, (None, vec![0, 5]));
    }
}
