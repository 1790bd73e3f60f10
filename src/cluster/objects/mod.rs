//! Objects that plugins look up by name: workloads, claims, volumes, classes, what CSI drivers say. Kept
//! as they come; `engine` writes them through [`Cluster`], plugins read them from [`Cluster::objects`].

mod assumed;
mod store;
#[cfg(test)]
mod tests;

pub use store::Store;

use assumed::Assumed;

use crate::model::{
    CsiDriver, CsiNode, CsiStorageCapacity, Object, ObjectKey, ObjectKind, PersistentVolume,
    PersistentVolumeClaim, PodDisruptionBudget, ReplicaSet, ReplicationController, Service,
    StatefulSet, StorageClass, VolumeAttachment,
};

use super::Cluster;

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectChange<T = Object> {
    /// It was not there before.
    Added,
    /// Something that is kept of it is different from this.
    Updated(T),
}

impl<T> ObjectChange<T> {
    fn map<U>(self, into: impl FnOnce(T) -> U) -> ObjectChange<U> {
        match self {
            Self::Added => ObjectChange::Added,
            Self::Updated(old) => ObjectChange::Updated(into(old)),
        }
    }
}

/// The stores, with the kind of each.
macro_rules! stores {
    ($($field:ident: $model:ident;)+) => {
        /// All objects, one store a kind.
        #[derive(Clone, Debug, Default)]
        pub struct Objects {
            $(#[doc = concat!("Every [`", stringify!($model), "`].")] pub $field: Store<$model>,)+
            assumed: Assumed,
        }

        impl Objects {
            fn upsert(&mut self, object: Object) -> Option<ObjectChange> {
                match object {
                    $(Object::$model(object) => {
                        self.$field.upsert(object).map(|change| change.map(Object::$model))
                    })+
                }
            }

            fn delete(&mut self, kind: ObjectKind, key: &ObjectKey) -> Option<Object> {
                match kind {
                    $(ObjectKind::$model => {
                        self.$field.delete(&key.namespace, &key.name).map(Object::$model)
                    })+
                }
            }

            fn begin_list(&mut self, kind: ObjectKind) {
                match kind { $(ObjectKind::$model => self.$field.begin_list(),)+ }
            }

            fn end_list(&mut self, kind: ObjectKind) -> Vec<Object> {
                match kind {
                    $(ObjectKind::$model => {
                        self.$field.end_list().into_iter().map(Object::$model).collect()
                    })+
                }
            }

            /// How often an object of `kind` came, changed or went.
            #[must_use]
            pub fn epoch(&self, kind: ObjectKind) -> u64 {
                match kind { $(ObjectKind::$model => self.$field.epoch(),)+ }
            }
        }
    };
}

stores! {
    services: Service;
    replication_controllers: ReplicationController;
    replica_sets: ReplicaSet;
    stateful_sets: StatefulSet;
    disruption_budgets: PodDisruptionBudget;
    claims: PersistentVolumeClaim;
    volumes: PersistentVolume;
    classes: StorageClass;
    csi_nodes: CsiNode;
    csi_drivers: CsiDriver;
    capacities: CsiStorageCapacity;
    attachments: VolumeAttachment;
}

impl Objects {
    /// How often a controller of pods came, changed or went.
    pub(super) fn controllers_epoch(&self) -> u64 {
        let sets = self.replica_sets.epoch() + self.stateful_sets.epoch();
        self.replication_controllers.epoch() + sets
    }

    /// How often something that is said of storage, or assumed of it, came, changed or went: where it is the
    /// same, so is all of that. What is about one node, its `CSINode` and what is attached to it, is not in it:
    /// that changes the node.
    #[must_use]
    pub fn storage_epoch(&self) -> u64 {
        let said = self.claims.epoch() + self.volumes.epoch() + self.classes.epoch();
        said + self.csi_drivers.epoch() + self.capacities.epoch() + self.assumed.epoch()
    }

    /// What is said of the storage that is left of the class `class`, by namespace and name.
    pub fn capacities_of_class(&self, class: &str) -> impl Iterator<Item = &CsiStorageCapacity> {
        self.capacities.in_group(class)
    }

    /// The attachments to the node called `node`, by name.
    pub fn attachments_to(&self, node: &str) -> impl Iterator<Item = &VolumeAttachment> {
        self.attachments.in_group(node)
    }
}

/// The name of the node that an object is about.
fn node_of(object: &Object) -> Option<&str> {
    match object {
        Object::CsiNode(of_node) => Some(&of_node.name),
        Object::VolumeAttachment(attachment) => Some(&attachment.node_name),
        _ => None,
    }
}

impl Cluster {
    /// The objects that are kept by name.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Records an object; says what is different, if anything is.
    pub fn upsert_object(&mut self, object: Object) -> Option<ObjectChange> {
        self.objects.assumed.overtaken_by(&object);
        let node = node_of(&object).and_then(|name| self.find_node(name));
        let change = self.objects.upsert(object);
        if let (Some(_), Some(node)) = (&change, node) {
            self.changes.push(node);
        }
        if let Some(ObjectChange::Updated(old)) = &change {
            self.node_of_changes(old);
        }
        change
    }

    /// The node that `object` is about, if it is about one, has changed.
    fn node_of_changes(&mut self, object: &Object) {
        if let Some(node) = node_of(object).and_then(|name| self.find_node(name)) {
            self.changes.push(node);
        }
    }

    /// Forgets an object; gives it back, if it was there.
    pub fn delete_object(&mut self, kind: ObjectKind, key: &ObjectKey) -> Option<Object> {
        self.objects.assumed.gone(kind, key);
        let gone = self.objects.delete(kind, key)?;
        self.node_of_changes(&gone);
        Some(gone)
    }

    /// A list of all objects of `kind` begins.
    pub fn begin_object_list(&mut self, kind: ObjectKind) {
        self.objects.begin_list(kind);
    }

    /// The list is complete: forgets the objects that it did not name, and gives them back.
    pub fn end_object_list(&mut self, kind: ObjectKind) -> Vec<Object> {
        let gone = self.objects.end_list(kind);
        for object in &gone {
            self.node_of_changes(object);
        }
        let Objects { volumes, claims, assumed, .. } = &mut self.objects;
        assumed.list_ended(
            |name| volumes.named(name).is_some(),
            |key| claims.get(&key.namespace, &key.name).is_some(),
        );
        gone
    }
}
