//! Queueing hints: what has changed in the cluster, and whether that can help a pod which a plugin
//! rejected. Changes are made by `engine` from what the cluster knew before and knows now; `queue` asks the
//! plugins, once for all pods that look alike.
//!
//! Upstream: QueueingHintFn and ClusterEventWithHint, v1.37.

use std::sync::Arc;

use crate::model::{Named, Node, Object, Pod};

use super::{Action, ClusterEvent, Resource};

/// A kind of change that a plugin wants to know of, and what it has to be asked when one happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// The kind of change.
    pub event: ClusterEvent,
    /// What has to be asked.
    pub asks: Asks,
}

/// What has to be asked before a pod is tried again because of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Nothing: the change always may help.
    Nothing,
    /// [`super::Plugin::hint`], once for all pods that are alike but for their own facts.
    Shape,
    /// [`super::Plugin::hint`], for each pod: the answer depends on its name or its UID.
    Each,
}

impl Interest {
    /// Everything: what a plugin wants to know of that does not say.
    pub const EVERYTHING: &'static [Self] = &[Self::always(Resource::Any, Action::ALL)];

    /// A change that always may help.
    #[must_use]
    pub const fn always(resource: Resource, action: Action) -> Self {
        Self { event: ClusterEvent::new(resource, action), asks: Asks::Nothing }
    }

    /// A change that helps some kinds of pods.
    #[must_use]
    pub const fn asks(resource: Resource, action: Action) -> Self {
        Self { event: ClusterEvent::new(resource, action), asks: Asks::Shape }
    }

    /// A change that helps single pods, by their names or UIDs.
    #[must_use]
    pub const fn asks_each(resource: Resource, action: Action) -> Self {
        Self { event: ClusterEvent::new(resource, action), asks: Asks::Each }
    }
}

/// Whether a change can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// It may: the pod is tried again.
    Queue,
    /// It cannot.
    Skip,
    /// That could not be found out: the pod is tried again.
    Error,
}

impl Hint {
    /// Upstream's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "Queue",
            Self::Skip => "QueueSkip",
            Self::Error => "Error",
        }
    }

    /// [`Hint::Queue`] where it `helps`, else [`Hint::Skip`].
    #[must_use]
    pub const fn queue_if(helps: bool) -> Self {
        if helps { Self::Queue } else { Self::Skip }
    }
}

/// A pod that waits, as hints and PreEnqueue see it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The pod. What is its own may be missing: name, UID, versions, status.
    pub pod: &'a Pod,
    /// Its name; empty where all pods that look like this one are asked about at once.
    pub name: &'a str,
    /// Its UID; empty as the name is.
    pub uid: &'a str,
}

impl<'a> Candidate<'a> {
    /// All of `pod`.
    #[must_use]
    pub fn whole(pod: &'a Pod) -> Self {
        Self { pod, name: &pod.key.name, uid: &pod.uid }
    }

    /// All pods that look like `pod`.
    #[must_use]
    pub fn alike(pod: &'a Pod) -> Self {
        Self { pod, name: "", uid: "" }
    }
}

/// Something that has changed in the cluster.
#[derive(Clone, Debug)]
pub struct Change {
    /// What kind of change it is.
    pub event: ClusterEvent,
    /// What changed, as far as somebody wants to know.
    pub object: Changed,
    /// The UID of the only pod that it concerns, if there is one.
    pub only: Option<Box<str>>,
}

/// An object before and after a change. `None` before: it came; after: it went.
#[derive(Clone, Debug)]
pub enum Changed {
    /// Nothing is known of it.
    Unknown,
    /// A node, without its images.
    Node(Option<Arc<Node>>, Option<Arc<Node>>),
    /// A pod. Before a change of a pod on a node it has only what [`crate::cluster::Cluster`] knows of it:
    /// names, labels, affinity, ports, volumes, and what it uses.
    Pod(Option<Arc<Pod>>, Option<Arc<Pod>>),
    /// An object that is kept by name.
    Object(Option<Arc<Object>>, Option<Arc<Object>>),
}

impl Change {
    /// `event` happened to `object`.
    #[must_use]
    pub fn new(event: ClusterEvent, object: Changed) -> Self {
        Self { event, object, only: None }
    }

    /// The node before and after; nothing where it is not about a node.
    #[must_use]
    pub fn node(&self) -> (Option<&Node>, Option<&Node>) {
        match &self.object {
            Changed::Node(old, new) => (old.as_deref(), new.as_deref()),
            _ => (None, None),
        }
    }

    /// The pod before and after; nothing where it is not about a pod.
    #[must_use]
    pub fn pod(&self) -> (Option<&Pod>, Option<&Pod>) {
        match &self.object {
            Changed::Pod(old, new) => (old.as_deref(), new.as_deref()),
            _ => (None, None),
        }
    }

    /// The object of kind `T` before and after; nothing where it is not about one.
    #[must_use]
    pub fn object<T: Named>(&self) -> (Option<&T>, Option<&T>) {
        match &self.object {
            Changed::Object(old, new) => {
                (old.as_deref().and_then(T::of), new.as_deref().and_then(T::of))
            }
            _ => (None, None),
        }
    }
}
