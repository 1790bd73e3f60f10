//! The flags of leader election, and what they, the file and the surroundings mean together. Used by `args` and
//! `options`.

use clap::Args;

use super::go_flags::parse_bool;
use crate::config::{ElectionProblem, LeaderElection, LeaderElectionOverrides, parse_go_duration};

/// Where a pod finds the name of its namespace.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// The namespace of the Lease outside of a cluster. Upstream: `--leader-elect-resource-namespace`, v1.37.
const NAMESPACE: &str = "kube-system";

/// The flags of leader election, named as kube-scheduler's, by which ids `/flagz` finds them. One that is given wins over the --config file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct LeaderElectionArgs {
    /// Of several berths with the same lease let one schedule while the others stand by. A dry run needs no
    /// lease and has none [default: true].
    // True as upstream, on a laptop, too: what goes wrong there is a second berth that was forgotten in another
    // terminal. It costs one Lease, and the log says at the start whether this berth leads, or who does and what
    // to do about it.
    #[arg(
        id = "leader_elect", long = "leader-elect",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = parse_bool
    )]
    pub elect: Option<bool>,

    /// How long the others wait after the last renewal that they saw before they take the lease [default: 15s].
    #[arg(id = "leader_elect_lease_duration", long = "leader-elect-lease-duration", value_name = "DURATION", allow_hyphen_values = true, value_parser = parse_nanos)]
    pub lease_duration: Option<i64>,

    /// How long a leader goes on without renewing the lease; then it ends itself [default: 10s].
    #[arg(id = "leader_elect_renew_deadline", long = "leader-elect-renew-deadline", value_name = "DURATION", allow_hyphen_values = true, value_parser = parse_nanos)]
    pub renew_deadline: Option<i64>,

    /// How often the lease is renewed, or looked at [default: 2s].
    #[arg(id = "leader_elect_retry_period", long = "leader-elect-retry-period", value_name = "DURATION", allow_hyphen_values = true, value_parser = parse_nanos)]
    pub retry_period: Option<i64>,

    /// The kind of object that is locked: only leases [default: leases].
    #[arg(
        id = "leader_elect_resource_lock",
        long = "leader-elect-resource-lock",
        value_name = "KIND",
        allow_hyphen_values = true
    )]
    pub resource_lock: Option<String>,

    /// The name of the lease [default: berth].
    #[arg(
        id = "leader_elect_resource_name",
        long = "leader-elect-resource-name",
        value_name = "NAME",
        allow_hyphen_values = true
    )]
    pub resource_name: Option<String>,

    /// The namespace of the lease [default: that of the pod with whose service account berth runs, else
    /// kube-system].
    #[arg(
        id = "leader_elect_resource_namespace",
        long = "leader-elect-resource-namespace",
        value_name = "NAMESPACE",
        allow_hyphen_values = true
    )]
    pub resource_namespace: Option<String>,
}

impl LeaderElectionArgs {
    /// Puts what is given in the place of what the file says.
    ///
    /// # Errors
    ///
    /// What is wrong with the result.
    pub(super) fn apply(&self, election: &mut LeaderElection) -> Result<(), ElectionProblem> {
        if let Some(elect) = self.elect {
            election.leader_elect = elect;
        }
        let durations = [
            (&mut election.lease_nanos, self.lease_duration),
            (&mut election.renew_nanos, self.renew_deadline),
            (&mut election.retry_nanos, self.retry_period),
        ];
        for (nanos, given) in durations {
            *nanos = given.unwrap_or(*nanos);
        }
        let texts = [
            (&mut election.resource_lock, &self.resource_lock),
            (&mut election.resource_name, &self.resource_name),
            (&mut election.resource_namespace, &self.resource_namespace),
        ];
        for (text, given) in texts {
            if let Some(given) = given {
                text.clone_from(given);
            }
        }
        election.problems().into_iter().next().map_or(Ok(()), Err)
    }
}

impl LeaderElectionArgs {
    /// What is given, for the configuration that is shown or written.
    pub(super) fn overrides(&self) -> LeaderElectionOverrides {
        LeaderElectionOverrides {
            leader_elect: self.elect,
            lease_duration: self.lease_duration,
            renew_deadline: self.renew_deadline,
            retry_period: self.retry_period,
            resource_lock: self.resource_lock.clone(),
            resource_name: self.resource_name.clone(),
            resource_namespace: self.resource_namespace.clone(),
        }
    }
}

/// The namespace of the Lease where none is given: that of the pod, else upstream's. With a kubeconfig it is the
/// latter even in a pod, since the cluster may be another one.
pub(super) fn own_namespace(has_kubeconfig: bool) -> String {
    let of_pod = || std::fs::read_to_string(NAMESPACE_FILE).ok();
    let found = if has_kubeconfig { None } else { of_pod() };
    let found = found.map(|text| text.trim().to_owned()).filter(|name| !name.is_empty());
    found.unwrap_or_else(|| NAMESPACE.to_owned())
}

/// Go's `time.ParseDuration`, in nanoseconds.
fn parse_nanos(text: &str) -> Result<i64, String> {
    parse_go_duration(text)
        .ok_or_else(|| "must be a duration with a unit, such as 15s or 1m30s".to_owned())
}
