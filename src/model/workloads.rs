//! What selects pods: services, the controllers of replicas, disruption budgets.

use super::{LabelSelector, Labels};

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// The labels that it selects by; none at all selects nothing.
    pub selector: Labels,
}

/// A replication controller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicationController {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// The labels that it selects by.
    pub selector: Labels,
}

/// A replica set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaSet {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// The pods that it selects; `None` where there is no selector that can be read.
    pub selector: Option<LabelSelector>,
}

/// A stateful set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatefulSet {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// The pods that it selects; `None` where there is no selector that can be read.
    pub selector: Option<LabelSelector>,
}

/// A pod disruption budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodDisruptionBudget {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// The pods that it protects; `None` where there is no selector that can be read. To preemption a
    /// selector without requirements protects no pod either.
    pub selector: Option<LabelSelector>,
    /// `status.disruptionsAllowed`.
    pub disruptions_allowed: i32,
    /// Names of the pods whose eviction was let through and not seen yet (`status.disruptedPods`),
    /// sorted.
    pub disrupted_pods: Vec<Box<str>>,
}
