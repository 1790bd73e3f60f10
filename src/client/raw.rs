//! The JSON of nodes and pods as the watches gave it, for extenders that want whole objects. Filled by
//! `watch`, read by `extender`; there is none where no extender is configured.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;

use crate::engine::{Event, Kind};
use crate::units::Map;
use crate::wire::Identity;

/// Which objects are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Pods without a node that ask for one of these schedulers.
    pub(super) schedulers: Vec<Box<str>>,
    /// Pods that are on a node, too.
    pub(super) placed_pods: bool,
    /// Nodes.
    pub(super) nodes: bool,
}

/// The JSON of objects: of pods by UID, of nodes by name. What a watch says is here before the engine hears
/// of it.
#[derive(Debug, Default)]
pub struct RawObjects {
    wanted: Wanted,
    pods: Mutex<Kept>,
    nodes: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Number of the list that is being read, or was read last.
    list: u32,
    objects: Map<Box<str>, (u32, Arc<RawValue>)>,
}

impl RawObjects {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// Takes in what a watch makes of an object.
    pub(super) fn keep(&self, event: &Event, raw: &RawValue) {
        match event {
            Event::PodUpsert(pod) => {
                let ours =
                    || self.wanted.schedulers.iter().any(|name| **name == *pod.scheduler_name);
                let wanted = match pod.node_name {
                    Some(_) => self.wanted.placed_pods,
                    None => self.wanted.placed_pods || ours(),
                };
                lock(&self.pods).put(&pod.uid, wanted.then_some(raw));
            }
            Event::NodeUpsert(node) => {
                lock(&self.nodes).put(&node.name, Some(raw).filter(|_| self.wanted.nodes));
            }
            _ => {}
        }
    }

    /// An object is gone.
    pub(super) fn forget(&self, kind: Kind, gone: &Identity) {
        match kind {
            Kind::Pod => lock(&self.pods).put(&gone.uid, None),
            Kind::Node => lock(&self.nodes).put(&gone.name, None),
            Kind::Namespace | Kind::Object(_) => {}
        }
    }

    /// A list begins; what it does not name by its end is gone.
    pub(super) fn list_begins(&self, kind: Kind) {
        if let Some(kept) = self.of(kind) {
            lock(kept).list += 1;
        }
    }

    /// The list that began is complete.
    pub(super) fn list_ends(&self, kind: Kind) {
        if let Some(kept) = self.of(kind) {
            let mut kept = lock(kept);
            let list = kept.list;
            kept.objects.retain(|_, (seen, _)| *seen == list);
        }
    }

    /// The pod with this UID.
    pub(super) fn pod(&self, uid: &str) -> Option<Arc<RawValue>> {
        lock(&self.pods).get(uid)
    }

    /// The nodes of these names; without those that are gone.
    pub(super) fn nodes(&self, names: &[Box<str>]) -> Vec<Arc<RawValue>> {
        let kept = lock(&self.nodes);
        names.iter().filter_map(|name| kept.get(name)).collect()
    }

    fn of(&self, kind: Kind) -> Option<&Mutex<Kept>> {
        match kind {
            Kind::Pod => Some(&self.pods),
            Kind::Node => Some(&self.nodes),
            Kind::Namespace | Kind::Object(_) => None,
        }
    }
}

impl Kept {
    fn put(&mut self, key: &str, raw: Option<&RawValue>) {
        match raw {
            Some(raw) => drop(self.objects.insert(key.into(), (self.list, raw.to_owned().into()))),
            None => drop(self.objects.remove(key)),
        }
    }

    fn get(&self, key: &str) -> Option<Arc<RawValue>> {
        self.objects.get(key).map(|(_, raw)| Arc::clone(raw))
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Node, Pod};

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn pod(uid: &str, scheduler: &str, node: Option<&str>) -> Event {
        let mut pod = Pod { uid: uid.into(), ..Pod::default() };
        pod.scheduler_name = scheduler.into();
        pod.node_name = node.map(Into::into);
        Event::PodUpsert(Box::new(pod))
    }

    #[test]
    fn pods_are_kept_while_they_wait_for_us() {
        let kept = |all, event: &Event| {
            let schedulers = vec!["ours".into()];
            let objects = RawObjects::new(Wanted { schedulers, placed_pods: all, nodes: false });
            objects.keep(event, &raw("{}"));
            objects.pod("u").is_some()
        };
        assert!(kept(false, &pod("u", "ours", None)));
        assert!(!kept(false, &pod("u", "theirs", None)));
        assert!(!kept(false, &pod("u", "ours", Some("n"))));
        assert!(kept(true, &pod("u", "theirs", Some("n"))));
    }

    #[test]
    fn what_is_gone_or_not_in_a_list_is_forgotten() {
        let objects = RawObjects::new(Wanted { nodes: true, ..Wanted::default() });
        let put = |name: &str| {
            let node = Node { name: name.into(), ..Node::default() };
            objects
                .keep(&Event::NodeUpsert(Box::new(node)), &raw(&format!("{{\"n\":\"{name}\"}}")));
        };
        let names = || {
            let nodes = objects.nodes(&["a".into(), "b".into(), "c".into()]);
            nodes.iter().map(|raw| raw.get().to_owned()).collect::<Vec<_>>()
        };
        objects.list_begins(Kind::Node);
        for name in ["a", "b", "c"] {
            put(name);
        }
        objects.list_ends(Kind::Node);
        objects.forget(Kind::Node, &Identity { name: "b".to_owned(), ..Identity::default() });
        assert_eq!(names(), [r#"{"n":"a"}"#, r#"{"n":"c"}"#]);
        objects.list_begins(Kind::Node);
        put("c");
        // What has changed since belongs to the list.
        put("b");
        objects.list_ends(Kind::Node);
        assert_eq!(names(), [r#"{"n":"b"}"#, r#"{"n":"c"}"#]);
    }
}
