//! Whether the volumes of a pod are bound, as the API server has them.

use crate::cluster::{Cluster, View};
use crate::framework::Placement;
use crate::model::PersistentVolume;
use crate::units::NodeId;

use super::plan::check_affinity;
use super::reserve::{Reserved, ReservedClaim, ReservedVolume};

/// Whether everything is bound; the error where it will not be.
///
/// Upstream: volumeBinder.checkBindings, v1.37. Differs from upstream: a claim that lost all of its
/// annotations reads as one whose node was taken back, and a volume that another claim has by now as one that
/// was taken back from its claim.
pub(super) fn is_bound(
    reserved: &Reserved,
    at: &Placement<'_>,
    cluster: &Cluster,
) -> Result<bool, String> {
    let name = at.node_name;
    let node = cluster.find_node(name);
    let node =
        node.ok_or_else(|| format!("failed to get node {name:?}: node {name:?} not found"))?;
    for volume in &reserved.volumes {
        if !volume_is_bound(volume, node, cluster)? {
            return Ok(false);
        }
    }
    for claim in &reserved.claims {
        if !claim_is_bound(claim, at, node, cluster)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn volume_is_bound(
    reserved: &ReservedVolume,
    node: NodeId,
    cluster: &Cluster,
) -> Result<bool, String> {
    let ReservedVolume { name, claim, claim_uid, version, written, .. } = reserved;
    let gone = |kind: &str, name: &dyn std::fmt::Display| {
        format!("failed to check binding: {kind} \"{name}\" not found")
    };
    let objects = cluster.objects();
    let volume = objects.volumes.named(name).ok_or_else(|| gone("persistentvolumes", name))?;
    let now = objects.claims.get(&claim.namespace, &claim.name);
    let now = now.ok_or_else(|| gone("persistentvolumeclaims", claim))?;
    // What was written has not come back yet: it was refused unless the object still had that version.
    if *written && volume.resource_version == *version {
        return Ok(false);
    }
    check_node(cluster, volume, node).map_err(|why| match why {
        Trouble::Untranslatable(why) => format!("failed to translate pv to csi: {why}"),
        Trouble::Mismatch(why) => why,
    })?;
    if volume.claim.as_ref().is_none_or(|kept| kept.uid != *claim_uid) {
        return Err(format!("ClaimRef got reset for pv {name:?}"));
    }
    Ok(now.is_fully_bound())
}

fn claim_is_bound(
    reserved: &ReservedClaim,
    at: &Placement<'_>,
    node: NodeId,
    cluster: &Cluster,
) -> Result<bool, String> {
    let ReservedClaim { claim, version, written } = reserved;
    let objects = cluster.objects();
    let now = objects.claims.get(&claim.namespace, &claim.name).ok_or_else(|| {
        format!("failed to check provisioning pvc: persistentvolumeclaims \"{claim}\" not found")
    })?;
    if *written && now.resource_version == *version {
        return Ok(false);
    }
    // Whoever cannot make the volume takes the node back, so that another one is tried.
    if now.selected_node.as_deref() != Some(at.node_name) {
        return Err(format!("provisioning failed for PVC {:?}", claim.name));
    }
    if !now.volume_name.is_empty() {
        // It may come later than the claim that names it.
        let Some(volume) = objects.volumes.named(&now.volume_name) else { return Ok(false) };
        check_node(cluster, volume, node).map_err(|why| match why {
            Trouble::Untranslatable(why) | Trouble::Mismatch(why) => why,
        })?;
    }
    Ok(now.is_fully_bound())
}

/// Why a volume cannot be used from a node.
enum Trouble {
    Untranslatable(String),
    Mismatch(String),
}

fn check_node(cluster: &Cluster, volume: &PersistentVolume, node: NodeId) -> Result<(), Trouble> {
    match check_affinity(&View::new(cluster), volume, node) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Trouble::Mismatch(format!(
            "pv {:?} node affinity doesn't match node {:?}: no matching NodeSelectorTerms",
            volume.name,
            cluster.node_name(node)
        ))),
        Err(why) => Err(Trouble::Untranslatable(why)),
    }
}
