//! Volumes and claims as they will be once a reservation is written. VolumeBinding assumes and restores
//! them at Reserve and Unreserve, so that the next pod sees what is taken; `Objects` drops what the watch
//! has overtaken.
//!
//! Upstream: volumebinding passiveAssumeCache, v1.37.

use std::collections::BTreeMap;

use crate::model::{
    Named, Object, ObjectKey, ObjectKind, PersistentVolume, PersistentVolumeClaim, VolumeGroup,
};

use super::{Cluster, Objects};

/// What is assumed, at most one entry an object that there is.
#[derive(Clone, Debug, Default)]
pub(super) struct Assumed {
    volumes: BTreeMap<Box<str>, PersistentVolume>,
    claims: BTreeMap<ObjectKey, PersistentVolumeClaim>,
    epoch: u64,
}

impl Assumed {
    /// How often something was assumed, or restored. What the watch overtakes has changed in its store.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// An object comes from the API server: what was assumed of another version of it is overtaken.
    pub(super) fn overtaken_by(&mut self, object: &Object) {
        let version = |assumed: Option<&Box<str>>, now: &str| assumed.is_some_and(|v| **v != *now);
        match object {
            Object::PersistentVolume(now) => {
                let assumed = self.volumes.get(&now.name).map(|v| &v.resource_version);
                if version(assumed, &now.resource_version) {
                    self.volumes.remove(&now.name);
                }
            }
            Object::PersistentVolumeClaim(now) if !self.claims.is_empty() => {
                let key = ObjectKey::of(now);
                let assumed = self.claims.get(&key).map(|claim| &claim.resource_version);
                if version(assumed, &now.resource_version) {
                    self.claims.remove(&key);
                }
            }
            _ => {}
        }
    }

    /// An object is gone.
    pub(super) fn gone(&mut self, kind: ObjectKind, key: &ObjectKey) {
        match kind {
            ObjectKind::PersistentVolume => drop(self.volumes.remove(&key.name)),
            ObjectKind::PersistentVolumeClaim => drop(self.claims.remove(key)),
            _ => {}
        }
    }

    /// A list is complete: drops what is assumed of objects that it did not name.
    pub(super) fn list_ended(
        &mut self,
        is_volume: impl Fn(&str) -> bool,
        is_claim: impl Fn(&ObjectKey) -> bool,
    ) {
        self.volumes.retain(|name, _| is_volume(name));
        self.claims.retain(|key, _| is_claim(key));
    }
}

impl Objects {
    /// The claim, as it will be where something is assumed of this version of it.
    #[must_use]
    pub fn assumed_claim(&self, namespace: &str, name: &str) -> Option<&PersistentVolumeClaim> {
        let claim = self.claims.get(namespace, name)?;
        if self.assumed.claims.is_empty() {
            return Some(claim);
        }
        let assumed = self.assumed.claims.get(&ObjectKey::of(claim));
        Some(assumed.filter(|a| a.resource_version == claim.resource_version).unwrap_or(claim))
    }

    /// The volume, as it will be where something is assumed of this version of it.
    #[must_use]
    pub fn assumed_volume(&self, name: &str) -> Option<&PersistentVolume> {
        self.volumes.named(name).map(|volume| self.as_assumed(volume))
    }

    /// The volumes of the class `class` (`""` for those without) that are in `group`, by name, each as it
    /// will be. `text` is memory for the group's name.
    pub fn assumed_volumes_in<'a>(
        &'a self,
        class: &str,
        group: VolumeGroup<'_>,
        text: &mut String,
    ) -> impl Iterator<Item = &'a PersistentVolume> + use<'a> {
        group.write(class, text);
        self.volumes.in_group(text).map(|volume| self.as_assumed(volume))
    }

    /// The volumes of the class `class` of which something is assumed, by name, each as it will be.
    pub fn volumes_only_assumed(&self, class: &str) -> impl Iterator<Item = &PersistentVolume> {
        self.assumed.volumes.values().filter(move |volume| {
            let now = self.volumes.named(&volume.name);
            *volume.class == *class
                && now.is_some_and(|v| v.resource_version == volume.resource_version)
        })
    }

    fn as_assumed<'a>(&'a self, volume: &'a PersistentVolume) -> &'a PersistentVolume {
        if self.assumed.volumes.is_empty() {
            return volume;
        }
        let assumed = self.assumed.volumes.get(volume.name());
        assumed.filter(|a| a.resource_version == volume.resource_version).unwrap_or(volume)
    }
}

impl Cluster {
    /// From now on the volume is seen like this, until a newer version comes or it is restored.
    pub fn assume_volume(&mut self, volume: PersistentVolume) {
        self.objects.assumed.epoch += 1;
        self.objects.assumed.volumes.insert(volume.name.clone(), volume);
    }

    /// As [`Cluster::assume_volume`], for a claim.
    pub fn assume_claim(&mut self, claim: PersistentVolumeClaim) {
        self.objects.assumed.epoch += 1;
        self.objects.assumed.claims.insert(ObjectKey::of(&claim), claim);
    }

    /// Nothing is assumed any more of this version of the volume.
    pub fn restore_volume(&mut self, name: &str, resource_version: &str) {
        let Assumed { volumes, epoch, .. } = &mut self.objects.assumed;
        if volumes.get(name).is_some_and(|volume| *volume.resource_version == *resource_version) {
            volumes.remove(name);
            *epoch += 1;
        }
    }

    /// Nothing is assumed any more of this version of the claim.
    pub fn restore_claim(&mut self, key: &ObjectKey, resource_version: &str) {
        let Assumed { claims, epoch, .. } = &mut self.objects.assumed;
        if claims.get(key).is_some_and(|claim| *claim.resource_version == *resource_version) {
            claims.remove(key);
            *epoch += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(version: &str, class: &str) -> PersistentVolume {
        PersistentVolume {
            name: "v".into(),
            resource_version: version.into(),
            class: class.into(),
            ..PersistentVolume::default()
        }
    }

    /// As `volume`, taken.
    fn taken(version: &str) -> PersistentVolume {
        PersistentVolume { bound_by_controller: true, ..volume(version, "") }
    }

    fn seen(cluster: &Cluster) -> Option<bool> {
        let objects = cluster.objects();
        let listed = objects.assumed_volumes_in("", VolumeGroup::Free, &mut String::new());
        let listed: Vec<_> = listed.map(|v| v.bound_by_controller).collect();
        let named = objects.assumed_volume("v").map(|v| v.bound_by_controller);
        assert_eq!(listed, named.into_iter().collect::<Vec<_>>());
        named
    }

    /// Upstream: TestAssumePV, TestRestorePV and TestAssumeUpdatePVCache, v1.37.
    #[test]
    fn what_is_assumed_stands_until_a_newer_version_comes_or_it_is_restored() {
        let mut cluster = Cluster::new(0);
        cluster.assume_volume(taken("1"));
        assert_eq!(seen(&cluster), None, "there is no such volume");
        cluster.upsert_object(volume("1", "").into());
        assert_eq!(seen(&cluster), Some(true));
        cluster.upsert_object(volume("1", "").into());
        assert_eq!(seen(&cluster), Some(true), "the same version once more");
        cluster.restore_volume("v", "0");
        assert_eq!(seen(&cluster), Some(true), "another version is restored");
        cluster.restore_volume("v", "1");
        assert_eq!(seen(&cluster), Some(false));
        cluster.assume_volume(taken("1"));
        cluster.upsert_object(volume("2", "").into());
        assert_eq!(seen(&cluster), Some(false));
        cluster.restore_volume("v", "1");
        assert_eq!(seen(&cluster), Some(false), "nothing is left to restore");
        cluster.assume_volume(taken("1"));
        assert_eq!(seen(&cluster), Some(false), "a version that is over");
    }

    #[test]
    fn nothing_is_left_of_what_is_gone() {
        let mut cluster = Cluster::new(0);
        let key = ObjectKey { namespace: "".into(), name: "v".into() };
        cluster.upsert_object(volume("1", "").into());
        cluster.assume_volume(taken("1"));
        cluster.delete_object(ObjectKind::PersistentVolume, &key);
        assert!(cluster.objects().assumed.volumes.is_empty());
        cluster.upsert_object(volume("1", "").into());
        assert_eq!(seen(&cluster), Some(false));
        cluster.assume_volume(taken("1"));
        cluster.begin_object_list(ObjectKind::PersistentVolume);
        cluster.end_object_list(ObjectKind::PersistentVolume);
        assert!(cluster.objects().assumed.volumes.is_empty());
    }

    #[test]
    fn claims_are_assumed_by_namespace_and_name() {
        let claim = |namespace: &str, node: Option<&str>| PersistentVolumeClaim {
            namespace: namespace.into(),
            name: "c".into(),
            resource_version: "1".into(),
            selected_node: node.map(Into::into),
            ..PersistentVolumeClaim::default()
        };
        let mut cluster = Cluster::new(0);
        cluster.upsert_object(claim("a", None).into());
        cluster.upsert_object(claim("b", None).into());
        cluster.assume_claim(claim("a", Some("n")));
        let node = |cluster: &Cluster, namespace| {
            let claim = cluster.objects().assumed_claim(namespace, "c");
            claim.and_then(|claim| claim.selected_node.clone())
        };
        assert_eq!(node(&cluster, "a").as_deref(), Some("n"));
        assert_eq!(node(&cluster, "b"), None);
        cluster.restore_claim(&ObjectKey { namespace: "a".into(), name: "c".into() }, "1");
        assert_eq!(node(&cluster, "a"), None);
    }
}
