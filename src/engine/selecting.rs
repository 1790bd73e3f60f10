//! The keys of pods' labels that somebody selects by: of the labels of a pod only these tell templates apart.
//! Kept by `tables`.

use crate::cluster::{Cluster, Epochs, Fact, Facts};
use crate::model::{LabelSelector, Owner, Pod, PodAffinity};
use crate::units::Set;

/// The keys that services, and terms of pods on nodes, select pods by.
#[derive(Debug, Default)]
pub(super) struct Selecting {
    keys: Set<Box<str>>,
    /// What they were read from.
    read: Option<Epochs>,
}

impl Selecting {
    /// Reads the keys again, if somebody may select by others now.
    pub(super) fn refresh(&mut self, cluster: &Cluster) {
        const FROM: Facts = Facts::of(&[Fact::Services, Fact::AffinityClasses]);
        let now = cluster.epochs();
        if self.read.is_some_and(|read| read.agree(&now, FROM)) {
            return;
        }
        self.read = Some(now);
        self.keys.clear();
        for service in cluster.objects().services.iter() {
            self.keys.extend(service.selector.iter().map(|(key, _)| key.into()));
        }
        for class in cluster.classes_with_affinity() {
            let terms = cluster.class(*class).and_then(|class| class.affinity.as_deref());
            let terms = terms.into_iter().flat_map(PodAffinity::terms);
            for selector in terms.filter_map(|term| term.selector.as_ref()) {
                self.keys.extend(selector.requirements.iter().map(|r| r.key.clone()));
            }
        }
    }

    /// Whether somebody selects `pod` by its label `key`: one of those above, or its controller.
    pub(super) fn selects(&self, pod: &Pod, cluster: &Cluster, key: &str) -> bool {
        let by_owner = || {
            let owner = pod.owner.as_ref();
            owner.is_some_and(|owner| controller_selects(owner, &pod.key.namespace, cluster, key))
        };
        self.keys.contains(key) || by_owner()
    }
}

/// Whether the controller `owner` selects by the label `key`.
fn controller_selects(owner: &Owner, namespace: &str, cluster: &Cluster, key: &str) -> bool {
    let objects = cluster.objects();
    let names = |selector: Option<&LabelSelector>| {
        let requirements = selector.into_iter().flat_map(|selector| &selector.requirements);
        requirements.into_iter().any(|requirement| *requirement.key == *key)
    };
    let name = &*owner.name;
    match &*owner.kind {
        "ReplicationController" => {
            let found = objects.replication_controllers.get(namespace, name);
            found.is_some_and(|found| found.selector.get(key).is_some())
        }
        "ReplicaSet" => {
            let found = objects.replica_sets.get(namespace, name);
            names(found.and_then(|found| found.selector.as_ref()))
        }
        "StatefulSet" => {
            let found = objects.stateful_sets.get(namespace, name);
            names(found.and_then(|found| found.selector.as_ref()))
        }
        _ => false,
    }
}
