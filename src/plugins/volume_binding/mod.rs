//! VolumeBinding: the claims of the pod have volumes that can be used from the node, or find some there;
//! those are bound before the pod is.

mod check;
#[cfg(test)]
mod check_tests;
mod claims;
mod eval;
mod find;
mod plan;
mod reserve;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cluster::{Cluster, Facts};
use crate::framework::{
    Action, Candidate, Change, Code, ExtensionPoint, Hint, Interest, Placement, Plugin, PluginEval,
    PluginInfo, PreBind, PreBound, PrepareCx, Refusal, Resource,
};
use crate::model::{
    CsiDriver, CsiNode, CsiStorageCapacity, PersistentVolumeClaim, Pod, StorageClass,
    VolumeBindingArgs, VolumeSource,
};
use crate::units::{Nanos, PodId, Quantity};

use super::hints::uses_claim;
use super::resource_scores::SCALE;
use claims::pod_claims;
use eval::VolumeBindingEval;
use plan::Plan;
use reserve::Reserved;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "VolumeBinding",
    default_weight: Some(0),
    points: &[
        ExtensionPoint::PreFilter,
        ExtensionPoint::Filter,
        ExtensionPoint::PreScore,
        ExtensionPoint::Score,
        ExtensionPoint::Reserve,
        ExtensionPoint::PreBind,
    ],
    summary: "the pod's claims have volumes or find some from the node; binds them",
    make: |args| Ok(Box::new(VolumeBinding::new(&args.volume_binding))),
};

/// Upstream: the error of a context whose time is up.
const TIMED_OUT: &str = "context deadline exceeded";

struct VolumeBinding {
    /// Utilization in percent and score from 0 to 100; empty where nodes are not scored.
    shape: Vec<(i64, i64)>,
    /// How long volumes may take to be bound.
    bind_timeout: Nanos,
    /// What is kept for pods that are on their way; at most one entry a pod. Only the engine's thread
    /// comes here, so the lock is never waited for.
    reserved: Mutex<BTreeMap<PodId, Reserved>>,
}

impl VolumeBinding {
    fn new(args: &VolumeBindingArgs) -> Self {
        let seconds = u64::try_from(args.bind_timeout_seconds).unwrap_or_default();
        Self {
            shape: args.shape.iter().map(|(at, score)| (*at, score * SCALE)).collect(),
            bind_timeout: Nanos(seconds.saturating_mul(Nanos::SECOND.0)),
            reserved: Mutex::default(),
        }
    }

    fn reserved(&self) -> MutexGuard<'_, BTreeMap<PodId, Reserved>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plugin for VolumeBinding {
    fn lacks(&self, missing: ExtensionPoint, at: ExtensionPoint) -> Option<&'static str> {
        use ExtensionPoint::{Filter, PreBind, PreFilter, PreScore, Reserve, Score};
        match (missing, at) {
            (PreFilter, PreScore | Score) if self.shape.is_empty() => None,
            (PreFilter, Filter | PreScore | Score | Reserve | PreBind) => Some("not found"),
            _ => None,
        }
    }

    fn follows_filter(&self) -> bool {
        true
    }

    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::NONE)
    }

    fn prepares_each(&self, pod: &Pod) -> bool {
        let is_claim =
            |source: &_| matches!(source, VolumeSource::Claim { .. } | VolumeSource::Ephemeral);
        pod.volumes.iter().any(|volume| is_claim(&volume.source))
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        match pod_claims(cx.view.cluster, pod) {
            Ok(None) => PluginEval::Skip,
            Ok(Some(claims)) => PluginEval::Run(Box::new(VolumeBindingEval {
                position: cx.position,
                plan: Plan::new(&cx.view, &claims),
                shape: self.shape.clone(),
            })),
            Err(reason) => PluginEval::Reject(Code::UnschedulableAndUnresolvable, vec![reason]),
        }
    }

    fn events(&self) -> &'static [Interest] {
        const {
            let change = Action::ADD.or(Action::UPDATE);
            let node = Action::ADD.or(Action::UPDATE_NODE_LABEL);
            &[
                Interest::asks(Resource::StorageClass, change),
                Interest::asks_each(Resource::PersistentVolumeClaim, change),
                Interest::always(Resource::PersistentVolume, change),
                Interest::always(Resource::Node, node),
                Interest::asks(Resource::CsiNode, change),
                Interest::asks(Resource::CsiDriver, Action::UPDATE),
                Interest::asks(Resource::CsiStorageCapacity, change),
            ]
        }
    }

    /// What is new helps; a class, if its topologies change; a claim, if it is one of the pod's; a node's
    /// drivers, if they serve other plugins; a driver, if it does not say any more where storage is left;
    /// what is left, if it is more.
    ///
    /// Upstream: isSchedulableAfterStorageClassChange and its like, v1.37. Differs from upstream: there a
    /// driver helps only pods with a volume of it that stands in the pod, which needs no storage that is
    /// left; here all that this plugin rejected.
    fn hint(&self, change: &Change, pod: Candidate<'_>, _: &Cluster) -> Hint {
        if let (_, Some(claim)) = change.object::<PersistentVolumeClaim>() {
            return Hint::queue_if(uses_claim(pod, claim));
        }
        if let (old, Some(new)) = change.object::<StorageClass>() {
            let same = |old: &StorageClass| old.allowed_topologies == new.allowed_topologies;
            return Hint::queue_if(!old.is_some_and(same));
        }
        if let (old, Some(new)) = change.object::<CsiNode>() {
            let same = |old: &CsiNode| old.migrated_plugins == new.migrated_plugins;
            return Hint::queue_if(!old.is_some_and(same));
        }
        if let (Some(old), Some(new)) = change.object::<CsiDriver>() {
            return Hint::queue_if(old.storage_capacity && !new.storage_capacity);
        }
        match change.object::<CsiStorageCapacity>() {
            (None, Some(_)) => Hint::Queue,
            (Some(old), Some(new)) => {
                let limit = |of: &CsiStorageCapacity| of.volume_limit().map(Quantity::value);
                Hint::queue_if(limit(new) > limit(old))
            }
            _ => Hint::Error,
        }
    }

    fn reserve(&self, at: &Placement<'_>, cluster: &mut Cluster) -> Result<(), Refusal> {
        match reserve::reserve(at, cluster) {
            Ok(Some(reserved)) => {
                self.reserved().insert(at.id, reserved);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(why) => Err(Refusal::Fail(why)),
        }
    }

    fn unreserve(&self, at: &Placement<'_>, cluster: &mut Cluster) {
        if let Some(reserved) = self.reserved().remove(&at.id) {
            reserved.undo(cluster);
        }
    }

    /// Differs from upstream: the time for binding begins before the writes, not after them.
    fn pre_bind(&self, at: &Placement<'_>, _cluster: &Cluster) -> PreBind {
        match self.reserved().get(&at.id) {
            None => PreBind::Skip,
            Some(reserved) => {
                let operations = reserved.operations(at.node_name);
                PreBind::Write { operations, within: self.bind_timeout }
            }
        }
    }

    fn pre_bound(&self, at: &Placement<'_>, cluster: &Cluster, late: bool) -> PreBound {
        let mut all = self.reserved();
        let Some(reserved) = all.get(&at.id) else { return PreBound::Done };
        let failed = |why| PreBound::Refuse(Refusal::Fail(format!("binding volumes: {why}")));
        match check::is_bound(reserved, at, cluster) {
            Ok(true) => {
                all.remove(&at.id);
                PreBound::Done
            }
            Ok(false) if late => failed(TIMED_OUT.to_owned()),
            Ok(false) => PreBound::Waiting,
            Err(why) => failed(why),
        }
    }
}
