//! What Kubernetes objects look like to us: structs with only the fields that a scheduler reads, the API
//! server's defaults, and the conversion to [`crate::model`]. `client` reads watches with [`page`] and
//! [`change`] (in protobuf: [`protobuf::page`] and [`protobuf::change`]), `berth evaluate` hands whole JSON documents to [`decode`]. Pure: no IO, no clock.
//!
//! Fields that are not named here are skipped without being kept, and a `null` is a field that is not
//! there, as in Go. A wrong type fails the decoding of its object, never that of the objects around it; a
//! value that cannot be read, such as a quantity, fails the conversion of its object with an
//! [`ObjectError`] that says where it stands.

mod affinity;
mod alike;
mod amounts;
mod claim;
mod error;
mod feed;
mod json;
mod kept;
mod metadata;
mod namespace;
mod node;
mod node_affinity;
mod object;
mod persistent_volume;
mod pod;
mod pod_requests;
mod pod_to_model;
pub mod protobuf;
mod raw;
mod required_features;
mod selector;
mod status;
mod storage;
mod topology_spread;
mod unsupported;
mod volume;
mod volume_fields;
mod workloads;

#[cfg(test)]
mod tests;

pub use alike::Alike;
pub use claim::PersistentVolumeClaim;
pub use error::ObjectError;
pub(crate) use metadata::core_kind;

pub use feed::{Change, Identity, Page, Unreadable, change, page};
pub use kept::Kept;
pub use namespace::Namespace;
pub use node::Node;
pub use object::{Object, decode};
pub use persistent_volume::PersistentVolume;
pub use pod::Pod;
pub use raw::WithRaw;
pub use storage::{CsiDriver, CsiNode, CsiStorageCapacity, StorageClass, VolumeAttachment};
pub use workloads::{PodDisruptionBudget, ReplicaSet, ReplicationController, Service, StatefulSet};
