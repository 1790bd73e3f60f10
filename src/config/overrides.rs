//! What flags change in a configuration when it is shown or written. Made by `cli`; what a configuration
//! then means is compiled elsewhere.
//!
//! Upstream: ApplyDeprecated and ApplyLeaderElectionTo of kube-scheduler's options, v1.37.

use super::leader_election::LeaderElectionFields;
use super::v1::File;

/// Values of flags; `None` changes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// The name of the only profile.
    pub scheduler_name: Option<String>,
    /// `clientConnection.kubeconfig`.
    pub kubeconfig: Option<String>,
    /// `clientConnection.contentType`.
    pub content_type: Option<String>,
    /// `clientConnection.qps`.
    pub qps: Option<f64>,
    /// `clientConnection.burst`.
    pub burst: Option<i32>,
    /// `enableProfiling`.
    pub profiling: Option<bool>,
    /// `enableContentionProfiling`.
    pub contention_profiling: Option<bool>,
    /// `leaderElection`.
    pub leader_election: LeaderElectionOverrides,
}

/// Values for `leaderElection`; durations in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderElectionOverrides {
    /// `leaderElect`.
    pub leader_elect: Option<bool>,
    /// `leaseDuration`.
    pub lease_duration: Option<i64>,
    /// `renewDeadline`.
    pub renew_deadline: Option<i64>,
    /// `retryPeriod`.
    pub retry_period: Option<i64>,
    /// `resourceLock`.
    pub resource_lock: Option<String>,
    /// `resourceName`.
    pub resource_name: Option<String>,
    /// `resourceNamespace`.
    pub resource_namespace: Option<String>,
}

/// No flag is given.
pub(super) const NO_FLAGS: LeaderElectionOverrides = LeaderElectionOverrides {
    leader_elect: None,
    lease_duration: None,
    renew_deadline: None,
    retry_period: None,
    resource_lock: None,
    resource_name: None,
    resource_namespace: None,
};

impl Overrides {
    /// Changes `file`, which has its defaults.
    pub(super) fn apply(&self, file: &mut File) {
        if let (Some(name), [profile]) = (&self.scheduler_name, file.profiles.as_mut_slice()) {
            profile.scheduler_name = Some(name.clone());
        }
        let client = &mut file.client_connection;
        set_some(&mut client.kubeconfig, self.kubeconfig.as_ref());
        set_some(&mut client.content_type, self.content_type.as_ref());
        set_some(&mut client.qps, self.qps.as_ref());
        set_some(&mut client.burst, self.burst.as_ref());
        set_some(&mut file.enable_profiling, self.profiling.as_ref());
        set_some(&mut file.enable_contention_profiling, self.contention_profiling.as_ref());
        self.leader_election.apply(&mut file.leader_election);
    }
}

impl LeaderElectionOverrides {
    /// Changes the block of a file.
    pub(super) fn apply(&self, fields: &mut LeaderElectionFields) {
        set_some(&mut fields.leader_elect, self.leader_elect.as_ref());
        let durations = [&self.lease_duration, &self.renew_deadline, &self.retry_period];
        for (nanos, given) in fields.nanos.iter_mut().zip(durations) {
            set(nanos, given.as_ref());
        }
        set(&mut fields.resource_lock, self.resource_lock.as_ref());
        set(&mut fields.resource_name, self.resource_name.as_ref());
        set(&mut fields.resource_namespace, self.resource_namespace.as_ref());
    }
}

fn set<T: Clone>(field: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}

fn set_some<T: Clone>(field: &mut Option<T>, value: Option<&T>) {
    if value.is_some() {
        *field = value.cloned();
    }
}
