//! Objects that are kept by name come, change and go.

use crate::cluster::ObjectChange;
use crate::framework::{Action, Resource};
use crate::model::{Object, ObjectKey, ObjectKind};
use crate::units::Nanos;

use super::Engine;

impl Engine {
    pub(super) fn object_upsert(&mut self, object: Object, now: Nanos) {
        let kind = object.kind();
        let action = match self.cluster.upsert_object(object) {
            None => return,
            Some(ObjectChange::Added) => Action::ADD,
            Some(ObjectChange::Updated) => Action::UPDATE,
        };
        self.object_event(kind, action, now);
    }

    pub(super) fn object_delete(&mut self, kind: ObjectKind, key: &ObjectKey, now: Nanos) {
        if self.cluster.delete_object(kind, key) {
            self.object_event(kind, Action::DELETE, now);
        }
    }

    /// Takes away what the list did not name; one event stands for all of it.
    pub(super) fn object_list_end(&mut self, kind: ObjectKind, now: Nanos) {
        if self.cluster.end_object_list(kind) > 0 {
            self.object_event(kind, Action::DELETE, now);
        }
    }

    fn object_event(&mut self, kind: ObjectKind, action: Action, now: Nanos) {
        if let Some(resource) = resource(kind) {
            self.cluster_event(resource, action, now);
        }
    }
}

/// What a change of an object of `kind` is called as an event of the cluster; `None` where no pod that
/// failed is tried again for it.
///
/// Upstream: addAllEventHandlers, v1.37.
fn resource(kind: ObjectKind) -> Option<Resource> {
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
