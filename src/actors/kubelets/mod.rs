//! Pretend kubelets: nodes that are ready, and pods on them that run.
//!
//! [`run`] keeps every chosen node Ready and its Lease renewed, makes bound pods Running and Ready after
//! a settable time, refuses those that do not fit as a kubelet does, ends containers that are to end
//! ([`EXIT_AFTER`]), and finishes deleted pods. One task and two watches serve thousands of nodes.
//!
//! What is simpler than a kubelet:
//! - A pod's status is written once, when it runs: there is no time in which its init containers run.
//! - A container that is asked to stop ends at once, or after [`KubeletOptions::stop_after`], never after
//!   its grace period. A pod of which finalizers are left gets the phase Failed first.
//! - A container that ends and is to be restarted runs again at once, without a backoff.
//! - Resizes are not carried out. Events are written of refusals only.

mod admission;
mod fleet;
mod new_nodes;
mod node;
mod pod;
mod status;
mod task;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use new_nodes::NewNodes;
pub use pod::{EXIT_AFTER, EXIT_CODE};
pub use task::run;

/// How often a kubelet writes a node's status that has not changed (`nodeStatusReportFrequency`).
pub const STATUS_EVERY: Duration = Duration::from_mins(5);
/// How often a kubelet renews its Lease: a quarter of the lease's time of 40 s.
pub const LEASE_EVERY: Duration = Duration::from_secs(10);
/// The longest time between two renewals that is chosen by itself: what the node lifecycle controller
/// takes for dead has been silent for 50 s.
const LEASE_EVERY_MAX: Duration = Duration::from_secs(40);
/// Leases renewed a second, beyond which they are renewed less often.
const LEASES_PER_SECOND_MAX: usize = 100;
/// Requests under way at the same time, unless set.
pub const WRITES_MAX: usize = 32;

/// Whose kubelets to pretend, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeletOptions {
    /// Only nodes that this label selector matches; `None` means all.
    pub selector: Option<String>,
    /// Nodes to be created at the start.
    pub create: Option<NewNodes>,
    /// From the binding of a pod until it runs and is ready.
    pub start_after: Duration,
    /// From the deletion of a pod until its containers have ended; its grace period is the limit.
    pub stop_after: Duration,
    /// How often a node's status is written.
    pub status_every: Duration,
    /// How often a Lease is renewed; `None` means every 10 s, and less often for more than 1,000 nodes,
    /// up to every 40 s.
    pub lease_every: Option<Duration>,
    /// Requests under way at the same time.
    pub writes_max: usize,
}

impl Default for KubeletOptions {
    fn default() -> Self {
        Self {
            selector: None,
            create: None,
            start_after: Duration::ZERO,
            stop_after: Duration::ZERO,
            status_every: STATUS_EVERY,
            lease_every: None,
            writes_max: WRITES_MAX,
        }
    }
}

impl KubeletOptions {
    /// How often each of `nodes` Leases is renewed.
    fn lease_every(&self, nodes: usize) -> Duration {
        let seconds = u64::try_from(nodes / LEASES_PER_SECOND_MAX).unwrap_or(u64::MAX);
        let by_itself = Duration::from_secs(seconds).clamp(LEASE_EVERY, LEASE_EVERY_MAX);
        self.lease_every.unwrap_or(by_itself)
    }
}
