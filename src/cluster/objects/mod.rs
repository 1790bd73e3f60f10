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
    StatefulSet, StorageClass, VolumeAttachment, VolumeGroup, end_of,
};

use crate::units::NodeId;

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

    /// How often a class or a driver of storage came, changed or went.
    #[must_use]
    pub fn classes_epoch(&self) -> u64 {
        self.classes.epoch() + self.csi_drivers.epoch()
    }

    /// How often something that is said of claims, volumes and what storage is left, or assumed of them, came,
    /// changed or went. What is about one node, its `CSINode` and what is attached to it, is not in it: that
    /// changes the node, as does a change of a claim that a pod on it uses, or of that claim's volume.
    pub(super) fn volumes_epoch(&self) -> u64 {
        let said = self.claims.epoch() + self.volumes.epoch();
        said + self.capacities.epoch() + self.assumed.epoch()
    }

    /// The claims that name this volume, by namespace and name.
    pub fn claims_of_volume<'a>(
        &'a self,
        volume: &str,
    ) -> impl Iterator<Item = &'a PersistentVolumeClaim> + use<'a> {
        self.claims.in_group(volume)
    }

    /// The attachments of this volume, by name.
    pub fn attachments_of<'a>(
        &'a self,
        volume: &str,
    ) -> impl Iterator<Item = &'a VolumeAttachment> + use<'a> {
        self.attachments.in_group(&VolumeAttachment::group_of_volume(volume))
    }

    /// The volumes that a CSI driver may call so, whichever it is, and others that it calls by names with the same
    /// [end](end_of), by name.
    pub fn volumes_called<'a>(
        &'a self,
        handle: &str,
    ) -> impl Iterator<Item = &'a PersistentVolume> + use<'a> {
        let mut text = String::new();
        VolumeGroup::Called(end_of(handle)).write("", &mut text);
        self.volumes.in_group(&text)
    }

    /// Whether [`Objects::volumes_called`] may not find a volume, which has no CSI driver of its own.
    #[must_use]
    pub fn has_volumes_called_oddly(&self) -> bool {
        let mut text = String::new();
        VolumeGroup::CalledOddly.write("", &mut text);
        self.volumes.has_group(&text)
    }

    /// Whether there is a volume of the class `class` that nobody has and only one host can use.
    #[must_use]
    pub fn has_volumes_on_hosts(&self, class: &str) -> bool {
        let mut text = String::new();
        VolumeGroup::OnHosts.write(class, &mut text);
        self.volumes.has_group(&text)
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

impl Cluster {
    /// The objects that are kept by name.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Records an object; says what is different, if anything is.
    pub fn upsert_object(&mut self, object: Object) -> Option<ObjectChange> {
        self.objects.assumed.overtaken_by(&object);
        let mut nodes = self.nodes_of(&object);
        let change = self.objects.upsert(object)?;
        if let ObjectChange::Updated(old) = &change {
            nodes.extend(self.nodes_of(old));
        }
        self.have_changed(nodes);
        Some(change)
    }

    fn have_changed(&mut self, mut nodes: Vec<NodeId>) {
        nodes.sort_unstable();
        nodes.dedup();
        for node in nodes {
            self.changes.push(node);
        }
    }

    /// Forgets an object; gives it back, if it was there.
    pub fn delete_object(&mut self, kind: ObjectKind, key: &ObjectKey) -> Option<Object> {
        self.objects.assumed.gone(kind, key);
        let gone = self.objects.delete(kind, key)?;
        let nodes = self.nodes_of(&gone);
        self.have_changed(nodes);
        Some(gone)
    }

    /// A list of all objects of `kind` begins.
    pub fn begin_object_list(&mut self, kind: ObjectKind) {
        self.objects.begin_list(kind);
    }

    /// The list is complete: forgets the objects that it did not name, and gives them back.
    pub fn end_object_list(&mut self, kind: ObjectKind) -> Vec<Object> {
        let gone = self.objects.end_list(kind);
        let nodes = gone.iter().flat_map(|object| self.nodes_of(object)).collect();
        self.have_changed(nodes);
        let Objects { volumes, claims, assumed, .. } = &mut self.objects;
        assumed.list_ended(
            |name| volumes.named(name).is_some(),
            |key| claims.get(&key.namespace, &key.name).is_some(),
        );
        gone
    }
}
