//! Objects that are kept by name come, change and go.

use std::sync::Arc;

use crate::cluster::ObjectChange;
use crate::framework::{Action, Resource};
use crate::model::{Object, ObjectKey, ObjectKind};
use crate::units::Nanos;

use super::Engine;

impl Engine {
    pub(super) fn object_upsert(&mut self, object: Object, now: Nanos) {
        let resource = resource(object.kind());
        let watched = resource.is_some() && self.queue.is_watching();
        let new = watched.then(|| Arc::new(object.clone()));
        let (action, old) = match self.cluster.upsert_object(object) {
            Some(ObjectChange::Added) => (Action::ADD, None),
            Some(ObjectChange::Updated(old)) => (Action::UPDATE, Some(old)),
            None => return,
        };
        if let Some(resource) = resource {
            self.object_changed((resource, action), old, new, now);
        }
    }

    pub(super) fn object_delete(&mut self, kind: ObjectKind, key: &ObjectKey, now: Nanos) {
        if let Some(gone) = self.cluster.delete_object(kind, key) {
            self.object_gone(gone, now);
        }
    }

    /// Takes away what the list did not name.
    pub(super) fn object_list_end(&mut self, kind: ObjectKind, now: Nanos) {
        for gone in self.cluster.end_object_list(kind) {
            self.object_gone(gone, now);
        }
    }

    fn object_gone(&mut self, gone: Object, now: Nanos) {
        if let Some(resource) = resource(gone.kind()) {
            self.object_changed((resource, Action::DELETE), Some(gone), None, now);
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
