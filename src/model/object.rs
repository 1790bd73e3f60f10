//! The objects besides nodes, pods and namespaces that plugins read: their kinds, what names one, and one
//! of any kind.

use std::borrow::Cow;
use std::fmt;

use super::{
    CsiDriver, CsiNode, CsiStorageCapacity, PersistentVolume, PersistentVolumeClaim,
    PodDisruptionBudget, ReplicaSet, ReplicationController, Service, StatefulSet, StorageClass,
    VolumeAttachment,
};

/// An object of a kind that is kept by its name. Text of what has no namespace is empty.
pub trait Named: Clone + fmt::Debug + PartialEq + Eq {
    /// Its kind.
    const KIND: ObjectKind;

    /// Its namespace; empty where the kind has none.
    fn namespace(&self) -> &str;

    /// Its name.
    fn name(&self) -> &str;

    /// `object`, if it is of this kind.
    fn of(object: &Object) -> Option<&Self>;

    /// What objects of this kind are looked up by besides their names, such as a storage class; no two are the
    /// same.
    fn groups(&self) -> Groups<'_> {
        [const { None }; GROUPS_MAX]
    }
}

/// In how many groups an object may be.
const GROUPS_MAX: usize = 3;

/// The groups that an object is in.
pub type Groups<'a> = [Option<Cow<'a, str>>; GROUPS_MAX];

/// Objects of this kind are in namespaces.
pub trait Namespaced: Named {}

/// Objects of this kind belong to the whole cluster.
pub trait ClusterWide: Named {}

/// Names the kinds in their order: model, `kind` and plural in the API.
macro_rules! kinds {
    ($($model:ident $kind:literal $plural:literal $scope:ident $(by $groups:expr)?;)+) => {
        /// The kinds of objects that are listed and watched besides nodes, pods and namespaces.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ObjectKind {
            $(#[doc = concat!("`", $kind, "`.")] $model,)+
        }

        /// An object of one of these kinds.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Object {
            $(#[doc = concat!("`", $kind, "`.")] $model($model),)+
        }

        impl ObjectKind {
            /// All kinds, in their order.
            pub const ALL: [Self; [$($plural),+].len()] = [$(Self::$model),+];

            /// `kind` in the API, such as `CSINode`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$model => $kind,)+ }
            }

            /// The resource in the API, such as `csinodes`.
            #[must_use]
            pub const fn plural(self) -> &'static str {
                match self { $(Self::$model => $plural,)+ }
            }

            /// Whether its objects are in namespaces.
            #[must_use]
            pub const fn is_namespaced(self) -> bool {
                match self { $(Self::$model => kinds!(@namespaced $scope),)+ }
            }
        }

        impl Object {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> ObjectKind {
                match self { $(Self::$model(_) => ObjectKind::$model,)+ }
            }

            /// What names it.
            #[must_use]
            pub fn key(&self) -> ObjectKey {
                match self { $(Self::$model(object) => ObjectKey::of(object),)+ }
            }
        }

        $(
            impl From<$model> for Object {
                fn from(object: $model) -> Self {
                    Self::$model(object)
                }
            }

            impl $scope for $model {}

            impl Named for $model {
                const KIND: ObjectKind = ObjectKind::$model;

                fn namespace(&self) -> &str {
                    kinds!(@namespace self $scope)
                }

                fn name(&self) -> &str {
                    &self.name
                }

                fn of(object: &Object) -> Option<&Self> {
                    match object {
                        Object::$model(object) => Some(object),
                        _ => None,
                    }
                }

                $(fn groups(&self) -> Groups<'_> {
                    let groups: fn(&$model) -> Groups<'_> = $groups;
                    groups(self)
                })?
            }
        )+
    };
    (@namespaced Namespaced) => { true };
    (@namespaced ClusterWide) => { false };
    (@namespace $self:ident Namespaced) => { &$self.namespace };
    (@namespace $self:ident ClusterWide) => { "" };
}

kinds! {
    Service "Service" "services" Namespaced;
    ReplicationController "ReplicationController" "replicationcontrollers" Namespaced;
    ReplicaSet "ReplicaSet" "replicasets" Namespaced;
    StatefulSet "StatefulSet" "statefulsets" Namespaced;
    PodDisruptionBudget "PodDisruptionBudget" "poddisruptionbudgets" Namespaced;
    PersistentVolumeClaim "PersistentVolumeClaim" "persistentvolumeclaims" Namespaced by PersistentVolumeClaim::groups;
    PersistentVolume "PersistentVolume" "persistentvolumes" ClusterWide by PersistentVolume::groups;
    StorageClass "StorageClass" "storageclasses" ClusterWide;
    CsiNode "CSINode" "csinodes" ClusterWide;
    CsiDriver "CSIDriver" "csidrivers" ClusterWide;
    CsiStorageCapacity "CSIStorageCapacity" "csistoragecapacities" Namespaced by |it| [Some((&*it.class).into()), None, None];
    VolumeAttachment "VolumeAttachment" "volumeattachments" ClusterWide by VolumeAttachment::groups;
}

impl ObjectKind {
    /// The kind that the API calls `name`.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What names an object among those of its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its namespace; empty where the kind has none.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

impl ObjectKey {
    /// What names `object`.
    #[must_use]
    pub fn of<T: Named>(object: &T) -> Self {
        Self { namespace: object.namespace().into(), name: object.name().into() }
    }
}

/// `namespace/name`, or the name alone.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}
