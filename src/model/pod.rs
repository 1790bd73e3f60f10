//! A pod as the scheduler sees it.

use std::sync::Arc;

use super::{
    Labels, NodeAffinity, PodAffinity, PodRequests, PodVolume, ResourceReport, SpreadConstraint,
    Toleration,
};

/// Namespace and name of a pod, as people write it: `namespace/name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodKey {
    /// The namespace.
    pub namespace: Box<str>,
    /// The name.
    pub name: Box<str>,
}

impl std::fmt::Display for PodKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A pod, without what nobody here reads. What pods of one template have in common is shared where the reader has
/// seen it before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Pod {
    /// Namespace and name.
    pub key: PodKey,
    /// Its UID: another pod of the same name is another pod.
    pub uid: Box<str>,
    /// `metadata.resourceVersion`, opaque; events refer to it.
    pub resource_version: Box<str>,
    /// `metadata.generation`; zero where unset.
    pub generation: i64,
    /// Its labels.
    pub labels: Labels,
    /// It has a deletionTimestamp.
    pub terminating: bool,
    /// Its phase is Succeeded or Failed: it uses nothing any more.
    pub finished: bool,
    /// The scheduler it asks for.
    pub scheduler_name: Arc<str>,
    /// Its priority; zero where unset.
    pub priority: i32,
    /// `preemptionPolicy: Never`.
    pub never_preempts: bool,
    /// The node it is bound to, or asks for by name.
    pub node_name: Option<Box<str>>,
    /// Names of its scheduling gates.
    pub scheduling_gates: Vec<Box<str>>,
    /// Its tolerations.
    pub tolerations: Arc<[Toleration]>,
    /// `spec.nodeSelector`.
    pub node_selector: Labels,
    /// `spec.affinity.nodeAffinity`.
    pub node_affinity: Option<NodeAffinity>,
    /// Host ports of its containers and sidecars, one entry each.
    pub host_ports: Vec<HostPort>,
    /// What it needs, worked out.
    pub requests: PodRequests,
    /// What metrics say of that; equal ones are kept once.
    pub report: Arc<ResourceReport>,
    /// Normalised names of the images of init containers, containers and image volumes, repetitions
    /// included.
    pub images: Arc<[Box<str>]>,
    /// Its pod affinity and anti-affinity, if it has a term of either.
    pub pod_affinity: Option<Box<PodAffinity>>,
    /// Its topology spread constraints.
    pub topology_spread: Vec<SpreadConstraint>,
    /// Features that its node must declare, sorted.
    pub required_features: Vec<&'static str>,
    /// Its volumes of the kinds that volume plugins judge.
    pub volumes: Vec<PodVolume>,
    /// The controller that it belongs to.
    pub owner: Option<Owner>,
    /// `status.nominatedNodeName`.
    pub nominated_node: Option<Box<str>>,
    /// `status.startTime` in seconds since 1970.
    pub start_time: Option<i64>,
    /// It has the condition DisruptionTarget, True, for the reason PreemptionByScheduler.
    pub preempted: bool,
    /// Constraints that berth cannot honour yet; such a pod is held, never placed wrongly.
    pub unsupported: Vec<Unsupported>,
    /// Its condition PodScheduled, if it has one.
    pub scheduled_condition: Option<ScheduledCondition>,
}

/// A port of the node that a pod asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// `TCP`, `UDP` or `SCTP`; never empty.
    pub protocol: Box<str>,
    /// The address; `0.0.0.0` for all.
    pub ip: Box<str>,
    /// The number.
    pub port: i32,
}

impl HostPort {
    /// Whether both cannot be had on one node.
    ///
    /// Upstream: HostPortInfo.CheckConflict, v1.37: an address for all meets every other.
    #[must_use]
    pub fn conflicts_with(&self, other: &Self) -> bool {
        const ALL: &str = "0.0.0.0";
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || &*self.ip == ALL || &*other.ip == ALL)
    }
}

/// The controller that a pod belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// `apiVersion`, such as `apps/v1`.
    pub api_version: Box<str>,
    /// `kind`, such as `ReplicaSet`.
    pub kind: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its UID.
    pub uid: Box<str>,
}

/// A part of a pod that berth cannot judge yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unsupported {
    /// What it is.
    pub feature: UnsupportedFeature,
    /// Where in the pod it stands, such as `spec.affinity.nodeAffinity`.
    pub path: Box<str>,
}

/// What berth cannot judge yet, by the upstream plugin that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnsupportedFeature {
    /// DynamicResources: resource claims.
    ResourceClaims,
}

/// The condition PodScheduled, as far as a writer must know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduledCondition {
    /// `True`, `False` or `Unknown`.
    pub status: Arc<str>,
    /// Its reason.
    pub reason: Arc<str>,
    /// Its message. Many pods say the same: the queue keeps it once.
    pub message: Arc<str>,
    /// It has a `lastProbeTime`, which a scheduler never writes.
    pub probed: bool,
    /// When its status last flipped, as the API writes it.
    pub last_transition_time: Option<Box<str>>,
}
