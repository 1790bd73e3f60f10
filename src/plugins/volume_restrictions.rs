//! VolumeRestrictions: no disk is used by two pods of a node that cannot share it, and no claim with the
//! access mode `ReadWriteOncePod` by two pods at all.

use std::any::Any;
use std::hash::BuildHasher;

use crate::cluster::{Cluster, Facts, View};
use crate::framework::{
    Action, Candidate, Change, Code, Eval, ExtensionPoint, Hint, Interest, Parts, Plugin,
    PluginEval, PluginInfo, PrepareCx, Resource, Verdict,
};
use crate::model::{AccessModes, PersistentVolumeClaim, Pod, PodVolume, VolumeSource};
use crate::units::{NodeId, PodId, Set};

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "VolumeRestrictions",
    default_weight: Some(0),
    points: &[ExtensionPoint::PreFilter, ExtensionPoint::Filter],
    summary: "no pod of the node uses a disk of the pod that cannot be shared",
    make: |_| Ok(Box::new(VolumeRestrictions)),
};

const DISK_IN_USE: &str = "node(s) had no available disk";
const CLAIM_IN_USE: &str = "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod \
                            access mode already in-use by another pod";

/// [`Verdict::detail`] of a disk that is in use.
const DISK: u32 = 0;
/// [`Verdict::detail`] of a claim that is in use.
const CLAIM: u32 = 1;
/// [`Verdict::detail`] where nobody looked for claims.
const UNREAD: u32 = 2;

struct VolumeRestrictions;

impl Plugin for VolumeRestrictions {
    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::NONE)
    }

    fn prepares_each(&self, pod: &Pod) -> bool {
        pod.volumes.iter().any(|volume| named_claim(volume).is_some())
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        if pod.volumes.is_empty() {
            return PluginEval::Skip;
        }
        let cluster = cx.view.cluster;
        let claims = match exclusive_claims(pod, cluster) {
            Ok(claims) => claims,
            Err(reason) => {
                return PluginEval::Reject(Code::UnschedulableAndUnresolvable, vec![reason]);
            }
        };
        let is_used = |name: &str| cluster.is_claim_named(&pod.key.namespace, name);
        let in_use = claims.iter().map(|name| i64::from(is_used(name))).sum();
        let disks = restricted_disks(pod);
        if disks.is_empty() && in_use == 0 {
            return PluginEval::Skip;
        }
        let (position, claims) = (cx.position, Some(claims));
        PluginEval::Run(Box::new(VolumeRestrictionsEval { position, disks, claims, in_use }))
    }

    /// Disks are looked at first; that PreFilter was not asked comes to light after them.
    fn unprepared(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let (position, disks) = (cx.position, restricted_disks(pod));
        let eval = VolumeRestrictionsEval { position, disks, claims: None, in_use: 0 };
        PluginEval::Run(Box::new(eval))
    }

    fn events(&self) -> &'static [Interest] {
        const {
            &[
                Interest::asks(Resource::AssignedPod, Action::DELETE),
                Interest::always(Resource::Node, Action::ADD),
                Interest::asks(Resource::PersistentVolumeClaim, Action::ADD),
            ]
        }
    }

    /// A pod of the namespace helps that leaves and has a disk or a claim of the pod; a claim, if it is one of
    /// the pod's.
    ///
    /// Upstream: isSchedulableAfterAssignedPodDeleted and isSchedulableAfterPersistentVolumeClaimAdded,
    /// v1.37.
    fn hint(&self, change: &Change, pod: Candidate<'_>, _: &Cluster) -> Hint {
        let (namespace, own) = (&pod.pod.key.namespace, &pod.pod.volumes);
        let names = |name: &str| own.iter().filter_map(named_claim).any(|claim| claim == name);
        match (change.pod(), change.object::<PersistentVolumeClaim>()) {
            ((Some(left), _), _) => {
                let stood_in_the_way = left.volumes.iter().any(|there| {
                    own.iter().any(|disk| exclude_each_other(&disk.source, &there.source))
                        || named_claim(there).is_some_and(names)
                });
                Hint::queue_if(left.key.namespace == *namespace && stood_in_the_way)
            }
            (_, (_, Some(claim))) => {
                Hint::queue_if(claim.namespace == *namespace && names(&claim.name))
            }
            _ => Hint::Error,
        }
    }
}

fn restricted_disks(pod: &Pod) -> Vec<VolumeSource> {
    let disks = pod.volumes.iter().map(|volume| &volume.source);
    disks.filter(|disk| is_restricted(disk)).cloned().collect()
}

/// Upstream: needsRestrictionsCheck, v1.37.
fn is_restricted(source: &VolumeSource) -> bool {
    matches!(
        source,
        VolumeSource::GcePersistentDisk { .. }
            | VolumeSource::AwsElasticBlockStore { .. }
            | VolumeSource::Iscsi { .. }
            | VolumeSource::Rbd { .. }
    )
}

/// Whether two pods of a node cannot use these two.
///
/// Upstream: isVolumeConflict, v1.37.
fn exclude_each_other(one: &VolumeSource, other: &VolumeSource) -> bool {
    use VolumeSource::{AwsElasticBlockStore, GcePersistentDisk, Iscsi, Rbd};
    match (one, other) {
        (
            GcePersistentDisk { pd_name: a, read_only: a_read_only },
            GcePersistentDisk { pd_name: b, read_only: b_read_only },
        )
        | (Iscsi { iqn: a, read_only: a_read_only }, Iscsi { iqn: b, read_only: b_read_only }) => {
            a == b && !(*a_read_only && *b_read_only)
        }
        (AwsElasticBlockStore { volume_id: a }, AwsElasticBlockStore { volume_id: b }) => a == b,
        (
            Rbd { monitors: a_monitors, image: a, pool: a_pool, read_only: a_read_only },
            Rbd { monitors: b_monitors, image: b, pool: b_pool, read_only: b_read_only },
        ) => {
            a == b
                && a_pool == b_pool
                && !(*a_read_only && *b_read_only)
                && a_monitors.iter().any(|monitor| b_monitors.contains(monitor))
        }
        _ => false,
    }
}

/// The claims of the pod that only one pod may use, each once; of a claim that does not exist, the words
/// that say so.
///
/// Upstream: readWriteOncePodPVCsForPod, v1.37: the claims of ephemeral volumes are not asked.
fn exclusive_claims(pod: &Pod, cluster: &Cluster) -> Result<Vec<Box<str>>, String> {
    let mut claims: Vec<Box<str>> = Vec::new();
    for name in pod.volumes.iter().filter_map(named_claim) {
        let Some(claim) = cluster.objects().claims.get(&pod.key.namespace, name) else {
            return Err(format!("persistentvolumeclaim {name:?} not found"));
        };
        let exclusive = claim.access_modes.contains(AccessModes::READ_WRITE_ONCE_POD);
        if exclusive && !claims.iter().any(|other| **other == *name) {
            claims.push(name.into());
        }
    }
    Ok(claims)
}

fn named_claim(volume: &PodVolume) -> Option<&str> {
    match &volume.source {
        VolumeSource::Claim { name } => Some(name),
        _ => None,
    }
}

struct VolumeRestrictionsEval {
    position: u16,
    /// Its disks that cannot be shared freely.
    disks: Vec<VolumeSource>,
    /// Its claims that only one pod may use; `None` where PreFilter did not look for them.
    claims: Option<Vec<Box<str>>>,
    /// How many of them are used by a pod that is on a node.
    in_use: i64,
}

impl VolumeRestrictionsEval {
    /// How many claims are in use, and which it may be.
    fn in_the_way(&self) -> Option<(i64, Option<&Vec<Box<str>>>)> {
        (self.in_use > 0).then_some((self.in_use, self.claims.as_ref()))
    }

    /// How many uses of its claims stand in the way in this view.
    ///
    /// Upstream: updateWithPod, v1.37: at first a claim counts once however many pods use it; then every
    /// volume of a pod that comes or goes counts whose claim is called alike, in whatever namespace.
    fn in_use(&self, view: &View<'_>) -> i64 {
        let claims = self.claims.as_deref().unwrap_or_default();
        let Some(overlay) = view.overlay().filter(|_| !claims.is_empty()) else {
            return self.in_use;
        };
        let uses = |pod: &PodId| -> i64 {
            let volumes = view.cluster.pod(*pod).map_or(&[][..], |entry| &entry.volumes);
            let names = volumes.iter().filter_map(named_claim);
            names.map(|name| i64::from(claims.iter().any(|claim| **claim == *name))).sum()
        };
        let more: i64 = overlay.added().iter().map(uses).sum();
        let less: i64 = overlay.removed().iter().map(uses).sum();
        self.in_use + more - less
    }

    fn disk_in_use(&self, view: &View<'_>, node: NodeId) -> bool {
        let taken = |pod: PodId| {
            let there = view.cluster.pod(pod).map_or(&[][..], |entry| &entry.volumes);
            there
                .iter()
                .any(|there| self.disks.iter().any(|disk| exclude_each_other(disk, &there.source)))
        };
        !self.disks.is_empty() && view.pods_on(node).any(taken)
    }
}

impl Eval for VolumeRestrictionsEval {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
    }

    fn lasting(&self) -> Option<u64> {
        self.claims.as_ref().map(|_| 0)
    }

    /// The disks are those of the template; whose claims nobody uses is judged by these alone.
    fn is_like(&self, other: &dyn Eval, _view: &View<'_>, _unlike: &mut Vec<NodeId>) -> bool {
        let other = (other as &dyn Any).downcast_ref::<Self>();
        other.is_some_and(|other| self.in_the_way() == other.in_the_way())
    }

    fn shape(&self, _view: &View<'_>) -> u64 {
        Set::<()>::default().hasher().hash_one(self.in_the_way())
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let rejected = |detail| Verdict::reject(self.position, Code::Unschedulable, detail);
        let in_use = self.in_use(view) > 0;
        for (node, verdict) in nodes.iter().zip(out).filter(|(_, verdict)| verdict.is_pass()) {
            if self.disk_in_use(view, *node) {
                *verdict = rejected(DISK);
            } else if self.claims.is_none() {
                *verdict = Verdict::reject(self.position, Code::Error, UNREAD);
            } else if in_use {
                *verdict = rejected(CLAIM);
            }
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, verdict: Verdict) -> Vec<String> {
        let reason = match verdict.detail {
            DISK => DISK_IN_USE,
            CLAIM => CLAIM_IN_USE,
            _ => "cannot read \"PreFilterVolumeRestrictions\" from cycleState",
        };
        vec![reason.into()]
    }
}
