//! The claims of a pod: whether each can be used at all, and which of them still wait for a volume.

use crate::cluster::Cluster;
use crate::model::{BindingMode, PersistentVolumeClaim, Pod, VolumeSource};

/// The claims of a pod that can go somewhere, in the order of its volumes; a claim that the pod names twice
/// is there twice.
#[derive(Debug, Default)]
pub(super) struct PodClaims<'a> {
    /// Those that are bound.
    pub(super) bound: Vec<&'a PersistentVolumeClaim>,
    /// Those that are bound once the pod is placed.
    pub(super) waiting: Vec<&'a PersistentVolumeClaim>,
}

/// The claims of `pod`, `None` where it has none; the error says why it fits nowhere.
///
/// Upstream: VolumeBinding.podHasPVCs and volumeBinder.GetPodVolumeClaims, v1.37.
pub(super) fn pod_claims<'a>(
    cluster: &'a Cluster,
    pod: &Pod,
) -> Result<Option<PodClaims<'a>>, String> {
    let namespace = &*pod.key.namespace;
    let mut names = Vec::new();
    for volume in &pod.volumes {
        let Some(name) = volume.claim_name(&pod.key.name) else { continue };
        let ephemeral = volume.source == VolumeSource::Ephemeral;
        check(cluster, pod, &name, ephemeral)?;
        names.push(name);
    }
    if names.is_empty() {
        return Ok(None);
    }
    let mut claims = PodClaims::default();
    let mut immediate = false;
    for name in names {
        let Some(claim) = cluster.objects().assumed_claim(namespace, &name) else { continue };
        if claim.is_fully_bound() {
            claims.bound.push(claim);
        } else if claim.volume_name.is_empty() && waits_for_consumer(cluster, claim) {
            claims.waiting.push(claim);
        } else {
            immediate = true;
        }
    }
    if immediate {
        return Err("pod has unbound immediate PersistentVolumeClaims".to_owned());
    }
    Ok(Some(claims))
}

/// Upstream: volume.IsDelayBindingMode of component-helpers, v1.37.
fn waits_for_consumer(cluster: &Cluster, claim: &PersistentVolumeClaim) -> bool {
    let class = cluster.objects().classes.named(&claim.class);
    class.is_some_and(|class| class.binding_mode == BindingMode::WaitForFirstConsumer)
}

/// Whether the claim `name` of `pod` can be used.
fn check(cluster: &Cluster, pod: &Pod, name: &str, ephemeral: bool) -> Result<(), String> {
    let Some(claim) = cluster.objects().claims.get(&pod.key.namespace, name) else {
        return Err(if ephemeral {
            format!(
                "waiting for ephemeral volume controller to create the persistentvolumeclaim {name:?}"
            )
        } else {
            format!("persistentvolumeclaim {name:?} not found")
        });
    };
    if claim.lost {
        let volume = &claim.volume_name;
        return Err(format!(
            "persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}"
        ));
    }
    if claim.terminating {
        return Err(format!("persistentvolumeclaim {name:?} is being deleted"));
    }
    // Upstream: ephemeral.VolumeIsForPod, v1.37.
    if ephemeral && claim.controller_uid.as_deref() != Some(&*pod.uid) {
        return Err(format!(
            "PVC {}/{name} was not created for pod {} (pod is not owner)",
            claim.namespace, pod.key
        ));
    }
    Ok(())
}
