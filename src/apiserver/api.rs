//! [`Api`]: the store and what else the verbs need; and how the checks of `objects` look into it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::identity::{Identities, now};
use super::kinds::Resource;
use super::objects::Lookup;
use super::selection::Selection;
use super::store::{Encoder, Limits, ListRequest, Store, Stored};

/// The namespaces that are there from the start.
pub const FIRST_NAMESPACES: [&str; 4] =
    ["default", "kube-system", "kube-public", "kube-node-lease"];

/// The priority classes that are there from the start: name, value and description. Upstream: the hook
/// of kube-apiserver that creates them.
const FIRST_PRIORITIES: [(&str, i64, &str); 2] = [
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node \
         if necessary.",
    ),
];

/// Revisions begin with the time in steps of this many a second, so that a client of an earlier process
/// is told that its version is too old, and never waits for one that is long past.
const REVISIONS_A_SECOND: i64 = 10_000;

/// The state of the server. See the module.
#[derive(Debug)]
pub struct Api {
    /// The objects.
    pub store: Store,
    /// UIDs and generated names.
    pub identities: Identities,
    /// The name of the user that all requests count as.
    pub user: &'static str,
}

impl Api {
    /// A server that has the first namespaces and priority classes, and nothing else.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let micros_a_revision = 1_000_000 / REVISIONS_A_SECOND;
        let first = Timestamp::now().as_microsecond() / micros_a_revision;
        let store = Store::new(Resource::tables(), u64::try_from(first).unwrap_or(1), limits);
        let api = Self { store, identities: Identities::default(), user: "kubernetes-admin" };
        api.add_first_namespaces();
        api.add_first_priorities();
        api
    }

    fn add_first_namespaces(&self) {
        for name in FIRST_NAMESPACES {
            self.add_namespace(name);
        }
    }

    fn add_first_priorities(&self) {
        let Some(resource) = Resource::by_qualified("priorityclasses.scheduling.k8s.io") else {
            return;
        };
        for (name, value, description) in FIRST_PRIORITIES {
            let class = json!({
                "metadata": {
                    "name": name, "uid": self.identities.uid(), "creationTimestamp": now(), "generation": 1,
                },
                "value": value, "description": description, "preemptionPolicy": "PreemptLowerPriority",
            });
            // Nothing else can have taken the name yet.
            let _ = self.store.create(resource.table, Encoder(resource).encode(&class));
        }
    }

    /// Makes a namespace, unless it is there.
    pub(super) fn add_namespace(&self, name: &str) {
        let Some(resource) = Resource::by_qualified("namespaces") else { return };
        let namespace = json!({
            "metadata": {
                "name": name,
                "uid": self.identities.uid(),
                "creationTimestamp": now(),
                "labels": {"kubernetes.io/metadata.name": name},
            },
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        });
        // It fails where the name is taken, and then there is nothing to do.
        let _ = self.store.create(resource.table, Encoder(resource).encode(&namespace));
    }

    /// An object of a stored resource.
    #[must_use]
    pub fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        self.store.get(resource.table, &resource.key(namespace, name))
    }
}

impl Api {
    /// An object without a namespace, parsed.
    #[must_use]
    pub fn get_parsed(&self, resource: &str, name: &str) -> Option<Arc<Value>> {
        Lookup::get(self, resource, "", name)
    }
}

fn parsed(resource: &Resource, object: &Stored) -> Option<Arc<Value>> {
    if resource.keep_parsed { object.parsed() } else { object.parse().ok().map(Arc::new) }
}

impl Lookup for Api {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let resource = Resource::by_qualified(resource)?;
        parsed(resource, &*Api::get(self, resource, namespace, name)?)
    }

    fn label(&self, resource: &str, namespace: &str, name: &str, key: &str) -> Option<String> {
        let resource = Resource::by_qualified(resource)?;
        Api::get(self, resource, namespace, name)?.label(key).map(str::to_owned)
    }

    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let Some(resource) = Resource::by_qualified(resource) else { return Vec::new() };
        let selection = namespace.map_or_else(Selection::default, Selection::of_namespace);
        let page = self.store.list(resource.table, &ListRequest::of(&selection));
        // A list at the current version cannot have expired.
        let objects = page.map(|page| page.objects).unwrap_or_default();
        objects.iter().filter_map(|object| parsed(resource, object)).collect()
    }
}
