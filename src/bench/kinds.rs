//! The kinds of objects that a workload may be made of, and where each is created. Used by `plan` to create
//! them and by `clean` to remove them.

use serde_json::Value;

/// A kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    api_version: &'static str,
    name: &'static str,
    plural: &'static str,
    /// Whether its objects are in namespaces.
    pub(super) namespaced: bool,
}

/// Every kind, in the order in which they are removed: who makes others first.
pub(super) const KINDS: [Kind; 14] = [
    namespaced("apps/v1", "Deployment", "deployments"),
    namespaced("apps/v1", "DaemonSet", "daemonsets"),
    namespaced("apps/v1", "ReplicaSet", "replicasets"),
    namespaced("v1", "Pod", "pods"),
    namespaced("v1", "Service", "services"),
    namespaced("v1", "Secret", "secrets"),
    namespaced("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    namespaced("events.k8s.io/v1", "Event", "events"),
    cluster("v1", "PersistentVolume", "persistentvolumes"),
    cluster("storage.k8s.io/v1", "StorageClass", "storageclasses"),
    cluster("storage.k8s.io/v1", "CSINode", "csinodes"),
    cluster("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses"),
    cluster("v1", "Node", "nodes"),
    cluster("v1", "Namespace", "namespaces"),
];

const fn namespaced(api_version: &'static str, name: &'static str, plural: &'static str) -> Kind {
    Kind { api_version, name, plural, namespaced: true }
}

const fn cluster(api_version: &'static str, name: &'static str, plural: &'static str) -> Kind {
    Kind { api_version, name, plural, namespaced: false }
}

impl Kind {
    /// The kind of an object, by its `apiVersion` and `kind`.
    pub(super) fn of(object: &Value) -> Option<&'static Self> {
        let field = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_it =
            |kind: &&Kind| kind.api_version == field("apiVersion") && kind.name == field("kind");
        KINDS.iter().find(is_it)
    }

    /// Its `kind`.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Where its objects are: all of them where there is no namespace.
    pub(super) fn path(&self, namespace: &str) -> String {
        let root = if self.api_version.contains('/') { "/apis" } else { "/api" };
        let scope = match namespace {
            "" => String::new(),
            namespace => format!("/namespaces/{namespace}"),
        };
        format!("{root}/{}{scope}/{}", self.api_version, self.plural)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_are_the_api_s() {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment"});
        let kind = Kind::of(&deployment).unwrap();
        assert_eq!(kind.path("n"), "/apis/apps/v1/namespaces/n/deployments");
        let node = json!({"apiVersion": "v1", "kind": "Node"});
        assert_eq!(Kind::of(&node).unwrap().path(""), "/api/v1/nodes");
        assert_eq!(Kind::of(&json!({"apiVersion": "v1", "kind": "Deployment"})), None);
    }
}
