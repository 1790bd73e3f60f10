//! Whether this process leads: [`Standing`]. Written by the candidacy alone, read by whoever is about to write,
//! by health checks and by metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::units::Nanos;

/// How long after its end a lease that was not renewed may still be taken for ours. Upstream: the timeout of
/// the watchdog in kube-scheduler, v1.37.
const WATCHDOG_GRACE: Nanos = Nanos::from_secs(20);

/// What a process is among those with the same Lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It waits until the lease is free.
    #[default]
    Standby,
    /// It leads.
    Leader,
    /// It led and does no longer, for this reason. It stays so.
    Lost(String),
}

/// What the process is, and until when. Once it may write no more it never may again.
#[derive(Debug)]
pub struct Standing {
    role: watch::Sender<Role>,
    /// Until when it may write; zero where it does not lead.
    until: AtomicU64,
    /// How often a renewal came after a look at the Lease.
    slow_renewals: AtomicU64,
}

impl Standing {
    /// Of a process without an election: it leads, always.
    #[must_use]
    pub fn alone() -> Self {
        Self::new(Role::Leader, u64::MAX)
    }

    /// Of a process that begins to stand for election.
    #[must_use]
    pub fn standby() -> Self {
        Self::new(Role::Standby, 0)
    }

    fn new(role: Role, until: u64) -> Self {
        let (role, until) = (watch::Sender::new(role), AtomicU64::new(until));
        Self { role, until, slow_renewals: AtomicU64::new(0) }
    }

    /// Whether a write may be begun at `now`. Also where the process slept past its deadline this is no, before
    /// it has noticed anything.
    #[must_use]
    pub fn may_write(&self, now: Nanos) -> bool {
        now.0 < self.until.load(Ordering::Acquire)
    }

    /// Whether it leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        *self.role.borrow() == Role::Leader
    }

    /// How often a renewal came after a look at the Lease.
    #[must_use]
    pub fn slow_renewals(&self) -> u64 {
        self.slow_renewals.load(Ordering::Relaxed)
    }

    /// Waits until it leads.
    pub async fn leading(&self) {
        self.wait_for(|role| *role == Role::Leader).await;
    }

    /// Waits until it does not lead any more; why.
    pub async fn lost(&self) -> String {
        match self.wait_for(|role| matches!(role, Role::Lost(_))).await {
            Role::Lost(reason) => reason,
            Role::Standby | Role::Leader => String::new(),
        }
    }

    async fn wait_for(&self, wanted: impl FnMut(&Role) -> bool) -> Role {
        // The sender is part of this.
        self.role.subscribe().wait_for(wanted).await.map(|role| role.clone()).unwrap_or_default()
    }

    /// The check `leaderElection`: a leader whose lease ended long ago should have ended itself.
    ///
    /// Upstream: LeaderElector.Check, client-go v0.37.
    pub fn check(&self, lease: &str, after: Duration, now: Nanos) -> Result<(), String> {
        let until = Nanos(self.until.load(Ordering::Acquire));
        let after = Nanos(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
        if self.leads() && now.since(until) > after + WATCHDOG_GRACE {
            return Err(format!("failed election to renew leadership on lease {lease}"));
        }
        Ok(())
    }

    /// It leads until `until` if nothing more is heard.
    pub(super) fn lead(&self, until: Nanos, slow_renewals: u64) {
        self.slow_renewals.store(slow_renewals, Ordering::Relaxed);
        self.until.store(until.0, Ordering::Release);
        self.role.send_if_modified(|role| {
            let is_new = *role != Role::Leader;
            *role = Role::Leader;
            is_new
        });
    }

    /// It leads no more.
    pub(super) fn lose(&self, reason: String) {
        self.until.store(0, Ordering::Release);
        self.role.send_replace(Role::Lost(reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_outside_of_the_time_of_a_leader() {
        assert!(Standing::alone().may_write(Nanos(u64::MAX - 1)));
        let standing = Standing::standby();
        assert!(!standing.may_write(Nanos(0)) && !standing.leads());
        standing.lead(Nanos(10), 0);
        assert!(standing.leads() && standing.may_write(Nanos(9)) && !standing.may_write(Nanos(10)));
        standing.lead(Nanos(20), 1);
        assert!(standing.may_write(Nanos(19)));
        standing.lose("why".to_owned());
        assert!(!standing.may_write(Nanos(0)) && !standing.leads());
        assert_eq!(standing.slow_renewals(), 1);
    }

    #[test]
    fn the_watchdog_barks_long_after_the_end_of_a_lease() {
        let standing = Standing::standby();
        let check = |at| standing.check("berth", Duration::from_secs(5), Nanos::from_secs(at));
        assert_eq!(check(1_000), Ok(()));
        standing.lead(Nanos::from_secs(100), 0);
        assert_eq!(check(125), Ok(()));
        let barks = Err("failed election to renew leadership on lease berth".to_owned());
        assert_eq!(check(126), barks);
        standing.lose("why".to_owned());
        assert_eq!(check(126), Ok(()));
    }
}
