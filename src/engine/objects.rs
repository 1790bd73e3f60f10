//! Objects that are kept by name come, change and go.

use crate::cluster::ObjectChange;
use crate::framework::{Action, Resource};
use crate::model::{Object, ObjectKey, ObjectKind};
use crate::units::Nanos;

use super::Engine;

impl Engine {
    pub(super) fn object_upsert(&mut self, object: Object, now: Nanos) {
        if let Some((resource, action)) = self.object_change(object) {
            self.cluster_event(resource, action, now);
        }
    }

    /// Records an object; gives the event that this is, if it is one.
    pub(super) fn object_change(&mut self, object: Object) -> Option<(Resource, Action)> {
        let resource = resource(object.kind());
        let action = match self.cluster.upsert_object(object)? {
            ObjectChange::Added => Action::ADD,
            ObjectChange::Updated => Action::UPDATE,
        };
        Some((resource?, action))
    }

    pub(super) fn object_delete(&mut self, kind: ObjectKind, key: &ObjectKey, now: Nanos) {
        if self.cluster.delete_object(kind, key) {
            self.objects_gone(kind, now);
        }
    }

    /// Takes away what the list did not name; one event stands for all of it.
    pub(super) fn object_list_end(&mut self, kind: ObjectKind, now: Nanos) {
        if self.cluster.end_object_list(kind) > 0 {
            self.objects_gone(kind, now);
        }
    }

    fn objects_gone(&mut self, kind: ObjectKind, now: Nanos) {
        if let Some(resource) = resource(kind) {
            self.cluster_event(resource, Action::DELETE, now);
        }
    }
}

/// What a change of an object of `kind` is called as an event of the cluster; `None` where no pod that
/// failed is tried again for it.
///
/// Upstream: addAllEventHandlers, v1.37.
pub(super) fn resource(kind: ObjectKind) -> Option<Resource> {
    match kind {
        ObjectKind::Service
        | ObjectKind::ReplicationController
        | ObjectKind::ReplicaSet
        | ObjectKind::StatefulSet
        | ObjectKind::PodDisruptionBudget => None,
        ObjectKind::PersistentVolumeClaim => Some(Resource::PersistentVolumeClaim),
        ObjectKind::PersistentVolume => Some(Resource::PersistentVolume),
        ObjectKind::StorageClass => Some(Resource::StorageClass),
        ObjectKind::CsiNode => Some(Resource::CsiNode),
        ObjectKind::CsiDriver => Some(Resource::CsiDriver),
        ObjectKind::CsiStorageCapacity => Some(Resource::CsiStorageCapacity),
        ObjectKind::VolumeAttachment => Some(Resource::VolumeAttachment),
    }
}
