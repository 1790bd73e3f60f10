//! From a chosen node to a bound pod: what plugins may say and do at Reserve, Permit, PreBind, Bind and
//! PostBind. The engine asks; what takes time is data here, or a [`PluginCall`] that the edge carries out.

use std::fmt;
use std::sync::Arc;

use crate::model::{Pod, PodKey};
use crate::units::{Nanos, NodeId, PodId};

use super::{Code, ExtensionPoint, Plugin};

/// The longest that a plugin may make a pod wait at Permit.
///
/// Upstream: maxTimeout of the framework, v1.37.
pub const PERMIT_WAIT_MAX: Nanos = Nanos::from_secs(15 * 60);

/// A pod and the node that it was given.
#[derive(Clone, Copy, Debug)]
pub struct Placement<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// Its number in the cluster.
    pub id: PodId,
    /// The node.
    pub node: NodeId,
    /// The name of the node.
    pub node_name: &'a str,
}

/// Why a placement cannot stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The pod does not go there; another attempt may find another node.
    Reject(Code, Vec<String>),
    /// Something went wrong.
    Fail(String),
}

impl Refusal {
    /// As a status.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Reject(code, _) => *code,
            Self::Fail(_) => Code::Error,
        }
    }
}

/// What a plugin says at Permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permit {
    /// The pod may be bound.
    Allow,
    /// It waits until this plugin allows it, at most so long (and [`PERMIT_WAIT_MAX`]).
    Wait(Nanos),
    /// It may not be bound.
    Refuse(Refusal),
}

/// The pods that wait for a plugin at Permit, and what it decides about them.
#[derive(Debug, Default)]
pub struct WaitingPods {
    /// Namespace, name and number of each, the one that waits longest first.
    pub pods: Vec<(PodKey, PodId)>,
    pub(crate) decided: Vec<(PodId, Option<String>)>,
}

impl WaitingPods {
    /// Lets a pod go on, as far as this plugin is concerned.
    pub fn allow(&mut self, pod: PodId) {
        self.decided.push((pod, None));
    }

    /// Turns a pod away.
    pub fn reject(&mut self, pod: PodId, reason: impl Into<String>) {
        self.decided.push((pod, Some(reason.into())));
    }
}

/// What a plugin has to do at PreBind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreBind {
    /// Nothing.
    Skip,
    /// These objects are to be written; [`Plugin::pre_bound`] says when all is done, within this time.
    Write {
        /// What is written, side by side.
        operations: Vec<ApiOperation>,
        /// How long it may take.
        within: Nanos,
    },
    /// [`Plugin::pre_bind_call`], outside of the engine.
    Call,
    /// The pod cannot be bound.
    Refuse(Refusal),
}

/// Whether what a plugin began at PreBind is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreBound {
    /// Not yet.
    Waiting,
    /// Yes.
    Done,
    /// It will not be.
    Refuse(Refusal),
}

/// Who binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// Another plugin.
    Skip,
    /// The API server, by a Binding.
    Api,
    /// [`Plugin::bind_call`], outside of the engine.
    Call,
}

/// A write to the API server that a plugin wants before the pod is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiOperation {
    /// Gives a volume to a claim: `spec.claimRef`, and the annotation `bound-by-controller`.
    BindVolume {
        /// The PersistentVolume.
        volume: Box<str>,
        /// The version that it must still have.
        resource_version: Box<str>,
        /// Namespace and name of the claim.
        claim: PodKey,
        /// UID of the claim.
        claim_uid: Box<str>,
        /// The version of the claim, which goes into the reference.
        claim_version: Box<str>,
        /// Whether the annotation is set: nobody kept the volume for the claim before.
        by_controller: bool,
    },
    /// Asks for a volume near a node: the annotation `selected-node` of a claim.
    SelectNode {
        /// Namespace and name of the claim.
        claim: PodKey,
        /// The version that it must still have.
        resource_version: Box<str>,
        /// The node.
        node: Box<str>,
    },
}

/// A call of a plugin that may take long: made outside of the engine, on a thread that may block.
#[derive(Clone)]
pub struct PluginCall {
    pub(crate) plugin: Arc<dyn Plugin>,
    pub(crate) point: ExtensionPoint,
    pub(crate) pod: Box<Pod>,
    pub(crate) node: Box<str>,
}

impl PluginCall {
    /// The extension point at which it is made.
    #[must_use]
    pub fn point(&self) -> ExtensionPoint {
        self.point
    }

    /// Makes the call.
    pub fn run(&self) -> Result<(), Refusal> {
        match self.point {
            ExtensionPoint::Bind => self.plugin.bind_call(&self.pod, &self.node),
            ExtensionPoint::PostBind => {
                self.plugin.post_bind(&self.pod, &self.node);
                Ok(())
            }
            _ => self.plugin.pre_bind_call(&self.pod, &self.node),
        }
    }
}

impl fmt::Debug for PluginCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { point, pod, node, .. } = self;
        write!(f, "PluginCall({point:?}, {}, {node})", pod.key)
    }
}

impl PartialEq for PluginCall {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.plugin, &other.plugin)
            && (self.point, &self.pod, &self.node) == (other.point, &other.pod, &other.node)
    }
}
