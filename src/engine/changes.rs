//! What changes of the cluster are called as events, and how the queue is told: with the object before and
//! after, which nobody puts together while no pod waits for such a change.
//!
//! Upstream: addAllEventHandlers and framework/events.go, v1.37.

use std::sync::Arc;

use crate::cluster::{Cluster, NodeChange};
use crate::framework::{Action, Change, Changed, ClusterEvent, Resource};
use crate::model::{Node, Object, Pod, PodRequests};
use crate::queue::{Reach, World};
use crate::units::{Nanos, NodeId, PodId};

use super::{Engine, EngineConfig};

/// What the queue looks at.
pub(super) fn world<'a>(config: &'a EngineConfig, cluster: &'a Cluster, now: Nanos) -> World<'a> {
    World { profiles: &config.profiles, cluster, now, probe: &*config.probe }
}

impl Engine {
    /// Tells the queue that `action` happened to `resource`; `object` is called where somebody waits for
    /// that.
    pub(super) fn tell(
        &mut self,
        (resource, action): (Resource, Action),
        object: impl FnOnce() -> Changed,
        reach: Reach,
        now: Nanos,
    ) {
        let event = ClusterEvent::new(resource, action);
        self.handled.push(event);
        let world = world(&self.config, &self.cluster, now);
        if self.queue.wants(event, world) {
            self.queue.on_change(Change::new(event, object()), reach, world);
        }
    }

    /// Pod `id` as it is known now, if somebody may want to know later what it was before a change.
    pub(super) fn pod_before(&self, id: PodId) -> Option<Arc<Pod>> {
        self.queue.is_watching().then(|| self.cluster.pod_facts(id).map(Arc::new)).flatten()
    }

    /// Node `id` as it is known now, if somebody may want to know later what it was before a change.
    pub(super) fn node_before(&self, id: NodeId) -> Option<Arc<Node>> {
        self.queue.is_watching().then(|| Arc::new(self.cluster.node_facts(id)))
    }

    /// A pod that counted on a node does not any more.
    pub(super) fn pod_left(&mut self, old: Option<Arc<Pod>>, reach: Reach, now: Nanos) {
        let event = (Resource::AssignedPod, Action::DELETE);
        self.tell(event, || Changed::Pod(old, None), reach, now);
    }

    /// A pod is on a node that was not before.
    pub(super) fn pod_came(&mut self, pod: &Pod, now: Nanos) {
        let event = (Resource::AssignedPod, Action::ADD);
        self.tell(event, || Changed::Pod(None, Some(Arc::new(pod.clone()))), Reach::All, now);
    }

    /// A pod on a node has changed, as its `changes` say.
    pub(super) fn pod_on_node_changed(
        &mut self,
        old: Option<&Arc<Pod>>,
        pod: Box<Pod>,
        changes: &[Action],
        now: Nanos,
    ) {
        if changes.is_empty() {
            self.handled.push(ClusterEvent::new(Resource::AssignedPod, Action::UPDATE));
            return;
        }
        let new: Arc<Pod> = Arc::from(pod);
        for action in changes {
            let object = || Changed::Pod(old.cloned(), Some(Arc::clone(&new)));
            self.tell((Resource::AssignedPod, *action), object, Reach::All, now);
        }
    }

    /// A pod that is being tried has changed.
    pub(super) fn note_own(&mut self, before: Box<Pod>, pod: Box<Pod>) {
        let events = target_events(&before, &pod);
        let only = Some(pod.uid.clone());
        let object = Changed::Pod(Some(Arc::from(before)), Some(Arc::from(pod)));
        for event in events {
            let change = Change::new(event, object.clone());
            self.queue.note(Change { only: only.clone(), ..change });
        }
    }

    /// A node was added or has changed, as `change` says.
    pub(super) fn node_changed(
        &mut self,
        old: Option<Arc<Node>>,
        node: Box<Node>,
        change: NodeChange,
        now: Nanos,
    ) {
        let new: Arc<Node> = Arc::from(node);
        let old = old.filter(|_| !change.added);
        for action in node_actions(change) {
            let object = || Changed::Node(old.clone(), Some(Arc::clone(&new)));
            self.tell((Resource::Node, action), object, Reach::All, now);
        }
    }

    /// A node is to go.
    pub(super) fn node_left(&mut self, old: Option<Arc<Node>>, now: Nanos) {
        let event = (Resource::Node, Action::DELETE);
        self.tell(event, || Changed::Node(old, None), Reach::All, now);
    }

    /// An object that is kept by name came, changed or went.
    pub(super) fn object_changed(
        &mut self,
        (resource, action): (Resource, Action),
        old: Option<Object>,
        new: Option<Arc<Object>>,
        now: Nanos,
    ) {
        let object = || Changed::Object(old.map(Arc::new), new);
        self.tell((resource, action), object, Reach::All, now);
    }
}

/// The events that a changed node means.
///
/// Upstream: nodeSchedulingPropertiesChange, v1.37; a heartbeat means none.
fn node_actions(change: NodeChange) -> impl Iterator<Item = Action> {
    let update = |changed: bool, action| (changed && !change.added).then_some(action);
    [
        change.added.then_some(Action::ADD),
        update(change.allocatable, Action::UPDATE_NODE_ALLOCATABLE),
        update(change.labels, Action::UPDATE_NODE_LABEL),
        update(change.taints, Action::UPDATE_NODE_TAINT),
        update(change.declared_features, Action::UPDATE_NODE_DECLARED_FEATURE),
    ]
    .into_iter()
    .flatten()
}

/// The events that a change of a pod means, on a node or waiting.
///
/// Upstream: PodSchedulingPropertiesChange, v1.37: of tolerations only the number is compared. Differs from
/// upstream: tolerations of pods on nodes are not known, and no built-in plugin asks about them.
pub(super) fn pod_actions(before: &Pod, after: &Pod) -> Vec<Action> {
    let waits = after.node_name.is_none();
    let gates_gone = !before.scheduling_gates.is_empty() && after.scheduling_gates.is_empty();
    let tolerations = waits && before.tolerations.len() != after.tolerations.len();
    let changes = [
        (before.labels != after.labels, Action::UPDATE_POD_LABEL),
        (asks_less(&before.requests, &after.requests), Action::UPDATE_POD_SCALE_DOWN),
        (asks_less(&after.requests, &before.requests), Action::UPDATE_POD_SCALE_UP),
        (gates_gone, Action::UPDATE_POD_GATES_ELIMINATED),
        (tolerations, Action::UPDATE_POD_TOLERATION),
    ];
    let happened = changes.into_iter().filter(|(changed, _)| *changed);
    let mut actions: Vec<_> = happened.map(|(_, action)| action).collect();
    if actions.is_empty() {
        actions.push(Action::UPDATE);
    }
    actions
}

/// The same, as events that the waiting pod itself is asked about.
pub(super) fn target_events(before: &Pod, after: &Pod) -> Vec<ClusterEvent> {
    let event = |action| ClusterEvent::new(Resource::TargetPod, action);
    pod_actions(before, after).into_iter().map(event).collect()
}

fn asks_less(before: &PodRequests, after: &PodRequests) -> bool {
    let (old, new) = (&before.usage, &after.usage);
    new.milli_cpu < old.milli_cpu
        || new.memory < old.memory
        || new.ephemeral_storage < old.ephemeral_storage
        || old.scalars.iter().any(|(name, amount)| new.scalar(name) < *amount)
}
