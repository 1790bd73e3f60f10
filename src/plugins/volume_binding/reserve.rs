//! What is kept for a pod on its way to a node: volumes given to its claims and claims that asked for a
//! volume there, assumed in the cluster until the API server has them.

use crate::cluster::{Cluster, View};
use crate::framework::{ApiOperation, Placement};
use crate::model::{ClaimRef, ObjectKey, PersistentVolumeClaim, PodKey};

use super::claims::pod_claims;
use super::find::Slice;
use super::plan::{Plan, is_kept_for};

/// What is kept for a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reserved {
    pub(super) volumes: Vec<ReservedVolume>,
    pub(super) claims: Vec<ReservedClaim>,
}

/// A volume given to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReservedVolume {
    pub(super) name: Box<str>,
    /// The version of it that is changed.
    pub(super) version: Box<str>,
    pub(super) claim: PodKey,
    pub(super) claim_uid: Box<str>,
    pub(super) claim_version: Box<str>,
    /// Nobody kept it for the claim before, nor marked it.
    pub(super) by_controller: bool,
    /// Something of it is to be written.
    pub(super) written: bool,
}

/// A claim for which a volume is made near the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReservedClaim {
    pub(super) claim: PodKey,
    /// The version of it that is changed.
    pub(super) version: Box<str>,
    /// The node is to be written into it.
    pub(super) written: bool,
}

/// Keeps volumes for the pod; `None` where all of its claims are bound. The error where it finds none.
///
/// Upstream: volumeBinder.AssumePodVolumes, v1.37.
pub(super) fn reserve(
    at: &Placement<'_>,
    cluster: &mut Cluster,
) -> Result<Option<Reserved>, String> {
    let reserved = choose(at, cluster)?;
    let Some(reserved) = reserved else { return Ok(None) };
    for volume in reserved.volumes.iter().filter(|volume| volume.written) {
        let Some(now) = cluster.objects().volumes.named(&volume.name) else { continue };
        let mut assumed = now.clone();
        assumed.bound_by_controller |= volume.by_controller;
        assumed.claim = Some(ClaimRef {
            namespace: volume.claim.namespace.clone(),
            name: volume.claim.name.clone(),
            uid: volume.claim_uid.clone(),
        });
        cluster.assume_volume(assumed);
    }
    for ReservedClaim { claim, .. } in &reserved.claims {
        let now = cluster.objects().claims.get(&claim.namespace, &claim.name);
        let Some(now) = now else { continue };
        let selected_node = Some(at.node_name.into());
        let assumed = PersistentVolumeClaim { selected_node, ..now.clone() };
        cluster.assume_claim(assumed);
    }
    Ok(Some(reserved))
}

/// What there is for the pod on its node.
fn choose(at: &Placement<'_>, cluster: &Cluster) -> Result<Option<Reserved>, String> {
    let claims = pod_claims(cluster, at.pod)?;
    let Some(claims) = claims.filter(|claims| !claims.waiting.is_empty()) else { return Ok(None) };
    let view = View::new(cluster);
    let plan = Plan::new(&view, &claims);
    let nodes = [at.node];
    let found = Slice::new(&plan, &view, &nodes).find(0).map_err(|trouble| trouble.text)?;
    if found.reasons != 0 {
        return Err(format!("no pod volume found for node {:?}", at.node_name));
    }
    let objects = cluster.objects();
    let namespace = &at.pod.key.namespace;
    let claim_of = |name: &str| {
        let key = PodKey { namespace: namespace.clone(), name: name.into() };
        objects.assumed_claim(namespace, name).map(|claim| (key, claim))
    };
    let volumes = found.volumes.iter().filter_map(|(waiting, candidate)| {
        let (key, claim) = claim_of(&waiting.name)?;
        // What is only assumed for another pod with this claim is not written yet.
        let volume = objects.volumes.named(&candidate.name)?;
        let by_controller = !is_kept_for(volume, claim) && !volume.bound_by_controller;
        let same_claim = is_kept_for(volume, claim)
            && volume.claim.as_ref().is_some_and(|kept| kept.uid == claim.uid);
        Some(ReservedVolume {
            name: volume.name.clone(),
            version: volume.resource_version.clone(),
            claim: key,
            claim_uid: claim.uid.clone(),
            claim_version: claim.resource_version.clone(),
            by_controller,
            written: by_controller || !same_claim,
        })
    });
    let claims = found.made.iter().filter_map(|(waiting, _)| {
        let (key, claim) = claim_of(&waiting.name)?;
        let now = objects.claims.get(namespace, &waiting.name)?;
        let written = now.selected_node.as_deref() != Some(at.node_name);
        Some(ReservedClaim { claim: key, version: claim.resource_version.clone(), written })
    });
    Ok(Some(Reserved { volumes: volumes.collect(), claims: claims.collect() }))
}

impl Reserved {
    /// Gives everything back.
    ///
    /// Upstream: volumeBinder.RevertAssumedPodVolumes, v1.37.
    pub(super) fn undo(&self, cluster: &mut Cluster) {
        for volume in &self.volumes {
            cluster.restore_volume(&volume.name, &volume.version);
        }
        for ReservedClaim { claim, version, .. } in &self.claims {
            let PodKey { namespace, name } = claim.clone();
            cluster.restore_claim(&ObjectKey { namespace, name }, version);
        }
    }

    /// What must be written: volumes first, then claims.
    ///
    /// Upstream: volumeBinder.bindAPIUpdate, v1.37, which writes objects that are right already, too.
    pub(super) fn operations(&self, node: &str) -> Vec<ApiOperation> {
        let volumes = self.volumes.iter().filter(|volume| volume.written);
        let volumes = volumes.map(|volume| ApiOperation::BindVolume {
            volume: volume.name.clone(),
            resource_version: volume.version.clone(),
            claim: volume.claim.clone(),
            claim_uid: volume.claim_uid.clone(),
            claim_version: volume.claim_version.clone(),
            by_controller: volume.by_controller,
        });
        let claims = self.claims.iter().filter(|claim| claim.written);
        let claims = claims.map(|claim| ApiOperation::SelectNode {
            claim: claim.claim.clone(),
            resource_version: claim.version.clone(),
            node: node.into(),
        });
        volumes.chain(claims).collect()
    }
}
