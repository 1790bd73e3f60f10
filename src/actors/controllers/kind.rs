//! The kinds of objects that the controllers keep, and where the API has them.

use std::fmt::Display;

use kube::core::{ApiResource, GroupVersionKind};

use crate::model::PodKey;

/// Namespace and name of an object; the namespace of a node is empty.
pub(super) type Key = PodKey;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Pod,
    Node,
    Namespace,
    ReplicationController,
    PersistentVolumeClaim,
    ReplicaSet,
    Deployment,
    StatefulSet,
    DaemonSet,
    ControllerRevision,
    Job,
    PodDisruptionBudget,
    PersistentVolume,
    StorageClass,
}

impl Kind {
    pub(super) const ALL: [Kind; 14] = [
        Kind::Pod,
        Kind::Node,
        Kind::Namespace,
        Kind::ReplicationController,
        Kind::PersistentVolumeClaim,
        Kind::ReplicaSet,
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::ControllerRevision,
        Kind::Job,
        Kind::PodDisruptionBudget,
        Kind::PersistentVolume,
        Kind::StorageClass,
    ];

    /// Name, group, version and plural.
    const fn facts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Pod => ("Pod", "v1", "pods"),
            Self::Node => ("Node", "v1", "nodes"),
            Self::Namespace => ("Namespace", "v1", "namespaces"),
            Self::ReplicationController => {
                ("ReplicationController", "v1", "replicationcontrollers")
            }
            Self::PersistentVolumeClaim => {
                ("PersistentVolumeClaim", "v1", "persistentvolumeclaims")
            }
            Self::ReplicaSet => ("ReplicaSet", "apps/v1", "replicasets"),
            Self::Deployment => ("Deployment", "apps/v1", "deployments"),
            Self::StatefulSet => ("StatefulSet", "apps/v1", "statefulsets"),
            Self::DaemonSet => ("DaemonSet", "apps/v1", "daemonsets"),
            Self::ControllerRevision => ("ControllerRevision", "apps/v1", "controllerrevisions"),
            Self::Job => ("Job", "batch/v1", "jobs"),
            Self::PodDisruptionBudget => {
                ("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets")
            }
            Self::PersistentVolume => ("PersistentVolume", "v1", "persistentvolumes"),
            Self::StorageClass => ("StorageClass", "storage.k8s.io/v1", "storageclasses"),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        self.facts().0
    }

    pub(super) const fn api_version(self) -> &'static str {
        self.facts().1
    }

    pub(super) const fn plural(self) -> &'static str {
        self.facts().2
    }

    /// Its place in [`Kind::ALL`].
    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// The kind that an owner reference names.
    pub(super) fn of_owner(api_version: &str, name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name && kind.api_version() == api_version)
    }

    pub(super) fn api_resource(self) -> ApiResource {
        let (group, version) = match self.api_version().split_once('/') {
            Some(parts) => parts,
            None => ("", self.api_version()),
        };
        let kind = GroupVersionKind::gvk(group, version, self.name());
        ApiResource::from_gvk_with_plural(&kind, self.plural())
    }

    /// The path of all objects of a namespace; of all where that is empty.
    pub(super) fn collection(self, namespace: &str) -> String {
        collection(self.api_version(), self.plural(), namespace)
    }

    /// The path of one object.
    pub(super) fn path(self, key: &Key) -> String {
        format!("{}/{}", self.collection(&key.namespace), key.name)
    }
}

/// The path of the objects `plural` of a namespace; of all where that is empty.
pub(super) fn collection(api_version: &str, plural: &str, namespace: &str) -> String {
    let root = if api_version.contains('/') { "apis" } else { "api" };
    let scope = |namespace: &dyn Display| format!("/{root}/{api_version}/{namespace}{plural}");
    if namespace.is_empty() { scope(&"") } else { scope(&format_args!("namespaces/{namespace}/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_apis() {
        let key = Key { namespace: "ns".into(), name: "a".into() };
        assert_eq!(Kind::Pod.path(&key), "/api/v1/namespaces/ns/pods/a");
        assert_eq!(Kind::Job.path(&key), "/apis/batch/v1/namespaces/ns/jobs/a");
        assert_eq!(Kind::Node.collection(""), "/api/v1/nodes");
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), at);
            assert_eq!(Kind::of_owner(kind.api_version(), kind.name()), Some(kind));
        }
    }
}
