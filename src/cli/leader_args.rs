//! The flags of leader election, kube-scheduler's by name and meaning. Used by `args` and `options`.

use std::time::Duration;

use clap::Args;

use super::go_flags::{parse_bool, parse_duration};

/// What the command line says of leader election; `None` is a flag that was not given. What is given wins
/// over the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub struct LeaderElectionOptions {
    /// Take part in an election, and schedule as the leader only.
    #[arg(long, value_name = "BOOL", value_parser = parse_bool)]
    pub leader_elect: Option<bool>,

    /// How long a leader that does not renew stays leader [default: 15s].
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub leader_elect_lease_duration: Option<Duration>,

    /// How long the leader tries to renew before it steps down [default: 10s].
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub leader_elect_renew_deadline: Option<Duration>,

    /// How long to wait between two tries to lead or to renew [default: 2s].
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub leader_elect_retry_period: Option<Duration>,

    /// What kind of object is the lock: leases.
    #[arg(long, value_name = "KIND")]
    pub leader_elect_resource_lock: Option<String>,

    /// The name of the lock.
    #[arg(long, value_name = "NAME")]
    pub leader_elect_resource_name: Option<String>,

    /// The namespace of the lock.
    #[arg(long, value_name = "NAME")]
    pub leader_elect_resource_namespace: Option<String>,
}
