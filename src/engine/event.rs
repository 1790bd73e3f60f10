//! What goes into the engine and what comes out. Events are made by `client`, effects are carried out
//! there; both are plain owned values.

use std::sync::Arc;

use crate::framework::{Answer, ApiOperation, ExtenderVerb, LostBy, PluginCall, Question, Refusal};
use crate::model::{Namespace, Node, Object, ObjectKey, ObjectKind, Pod, PodKey};
use crate::units::Nanos;

/// Something that happened. A closed list: nothing else makes the engine do anything.
#[derive(Clone, Debug)]
pub enum Event {
    /// A node was added or changed.
    NodeUpsert(Box<Node>),
    /// A node is gone.
    NodeDelete(Box<str>),
    /// A pod was added or changed, whoever schedules it.
    PodUpsert(Box<Pod>),
    /// A pod is gone, or left the watched set because it finished. An empty UID means any.
    PodDelete {
        /// Which pod.
        key: PodKey,
        /// Its UID.
        uid: Box<str>,
    },
    /// A namespace was added or changed.
    NamespaceUpsert(Box<Namespace>),
    /// A namespace is gone.
    NamespaceDelete(Box<str>),
    /// An object of another kind was added or changed.
    ObjectUpsert(Box<Object>),
    /// An object of another kind is gone.
    ObjectDelete(ObjectKind, ObjectKey),
    /// A list of all objects of `Kind` begins; what it does not name by its end is gone.
    ListBegin(Kind),
    /// The list that began is complete.
    ListEnd(Kind),
    /// A Binding was answered, or its answer never came.
    BindResult {
        /// The attempt that the Binding belongs to.
        attempt: AttemptId,
        /// What came of it.
        outcome: BindOutcome,
    },
    /// What came of [`Effect::Evict`].
    Evicted {
        /// Which pod.
        key: PodKey,
        /// Its UID.
        uid: Box<str>,
        /// What came of it.
        outcome: EvictionOutcome,
    },
    /// What a plugin's attempt wanted written or called before the pod is bound was done, or not.
    PreBindResult {
        /// The attempt.
        attempt: AttemptId,
        /// What came of it.
        outcome: Result<(), Refusal>,
    },
    /// A plugin's own way of binding has ended.
    BindCallResult {
        /// The attempt.
        attempt: AttemptId,
        /// What came of it.
        outcome: Result<(), Refusal>,
    },
    /// An extender has answered, or it is known that it will not.
    ExtenderAnswer {
        /// The attempt that asked.
        attempt: AttemptId,
        /// Index of the extender.
        extender: usize,
        /// What was asked for.
        verb: ExtenderVerb,
        /// What it said, or what went wrong.
        answer: Result<Answer, String>,
    },
    /// A plugin decides about a pod that waits for it at Permit.
    Permit {
        /// UID of the pod.
        uid: Box<str>,
        /// Name of the plugin.
        plugin: Box<str>,
        /// Why it may not be bound; `None` lets it go on.
        rejected: Option<String>,
    },
    /// What came of [`Effect::Inquire`], where the pod was refused.
    Refused(Refused),
    /// Judge the next pod, if there is one and a writer is free.
    Attempt,
    /// Time has passed: backoffs, flushes, retries.
    Tick,
    /// This replica leads from here on. For an engine that is on standby; one that has led never stands by
    /// again, since its process ends.
    Lead,
    /// No new attempts from here on; bindings in flight may finish.
    Stop,
}

impl Event {
    /// Whether it is about one object that is watched.
    pub(super) fn is_of_object(&self) -> bool {
        matches!(
            self,
            Self::NodeUpsert(_)
                | Self::NodeDelete(_)
                | Self::PodUpsert(_)
                | Self::PodDelete { .. }
                | Self::ObjectUpsert(_)
                | Self::ObjectDelete(..)
        )
    }
}

/// The kinds that are listed and watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Nodes.
    Node,
    /// Pods that are not finished.
    Pod,
    /// Namespaces.
    Namespace,
    /// Objects that are kept by name.
    Object(ObjectKind),
}

impl Kind {
    /// How many there are.
    pub const COUNT: usize = 3 + ObjectKind::ALL.len();

    /// All of them, in the order of their indices.
    pub fn all() -> impl Iterator<Item = Self> {
        let objects = ObjectKind::ALL.into_iter().map(Self::Object);
        [Self::Node, Self::Pod, Self::Namespace].into_iter().chain(objects)
    }

    /// A number below [`Kind::COUNT`] of its own.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Node => 0,
            Self::Pod => 1,
            Self::Namespace => 2,
            Self::Object(kind) => 3 + kind as usize,
        }
    }

    /// The resource in the API, such as `pods`.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Node => "nodes",
            Self::Pod => "pods",
            Self::Namespace => "namespaces",
            Self::Object(kind) => kind.plural(),
        }
    }
}

/// Number of a scheduling attempt; counts up from 1 and is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u64);

/// What came of a Binding, classified once by the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindOutcome {
    /// The API server accepted it, or our pod's UID is on our node.
    Bound,
    /// The pod is on another node (409, then read).
    BoundElsewhere {
        /// The node it is on.
        node: Box<str>,
    },
    /// The pod is gone, or the name belongs to another UID (404, or 409 then read).
    Gone,
    /// The pod is there and unbound, but may not be bound now: it is being deleted or is gated.
    NotNow {
        /// The API server's words.
        message: String,
    },
    /// It was never sent: [`Effect::Retract`] came first.
    Retracted,
    /// A definite no, such as 403 or 422; the same request would be refused again.
    Refused {
        /// The API server's words.
        message: String,
    },
    /// Whether it was bound is not known: no answer, 5xx, 429. The same node is tried again.
    Unknown {
        /// What is known.
        message: String,
        /// How long the server asks to wait, if it does.
        retry_after: Option<Nanos>,
    },
}

/// A pod that ended right after its bind and has not run; its node may have refused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// The pod; its resource version is not known.
    pub pod: PodRef,
    /// The node that it was bound to.
    pub node: Box<str>,
    /// Whose pod it is.
    pub lost_by: LostBy,
}

/// A pod that its node refused for want of room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was asked about.
    pub inquiry: Inquiry,
    /// The kubelet's reason, such as `OutOfcpu`.
    pub reason: Box<str>,
}

/// What came of an eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvictionOutcome {
    /// The pod is being deleted.
    Done,
    /// It was gone already.
    Gone,
    /// It is there and stays.
    Failed,
}

/// A pod that is to make room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eviction {
    /// The pod; its UID is a precondition.
    pub pod: PodRef,
    /// What the condition DisruptionTarget says; `None` where the pod has it already.
    pub message: Option<String>,
    /// The pod's generation; zero where it has none.
    pub observed_generation: i64,
}

/// What pod an effect is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRef {
    /// Namespace and name.
    pub key: PodKey,
    /// Its UID.
    pub uid: Box<str>,
    /// The resource version it was last seen with.
    pub resource_version: Box<str>,
}

/// Something to be done outside the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// POST a Binding. Never dropped; answered by [`Event::BindResult`].
    Bind {
        /// The attempt it belongs to.
        attempt: AttemptId,
        /// The pod.
        pod: Arc<PodRef>,
        /// The node.
        node: Arc<str>,
    },
    /// Take a Binding back that is not sent yet; then it is answered with [`BindOutcome::Retracted`]. One
    /// that is sent is answered as ever.
    Retract {
        /// The attempt that the Binding belongs to.
        attempt: AttemptId,
    },
    /// Read whether a pod that has ended was refused; answered by [`Event::Refused`] where it was.
    Inquire(Inquiry),
    /// Write objects before a Binding. Never dropped; answered by [`Event::PreBindResult`] once all is
    /// written, or one could not be.
    PreBind {
        /// The attempt it belongs to.
        attempt: AttemptId,
        /// What is written, side by side.
        operations: Vec<ApiOperation>,
    },
    /// Call a plugin; answered by [`Event::PreBindResult`] or [`Event::BindCallResult`] where there is an
    /// attempt that waits for it.
    Call {
        /// The attempt it belongs to.
        attempt: AttemptId,
        /// The call.
        call: PluginCall,
    },
    /// Ask an extender. Never dropped; always answered by [`Event::ExtenderAnswer`].
    AskExtender {
        /// The attempt it belongs to.
        attempt: AttemptId,
        /// Index of the extender.
        extender: usize,
        /// The pod.
        pod: PodRef,
        /// The question.
        question: Question,
    },
    /// Write an Event.
    Report {
        /// The pod it is about.
        pod: Arc<PodRef>,
        /// Name of the profile, which reports.
        profile: Arc<str>,
        /// What happened.
        report: Report,
    },
    /// Set the condition PodScheduled to False.
    PatchCondition {
        /// The pod.
        pod: PodRef,
        /// Reason, message, and what else stands in it.
        condition: FailedCondition,
        /// What becomes of `status.nominatedNodeName` with it.
        nomination: Nomination,
    },
    /// Write `status.nominatedNodeName` alone: where a pod is about to be bound, or that the room there is
    /// not kept for it any more.
    Nominate {
        /// The pod.
        pod: PodRef,
        /// What becomes of it.
        nomination: Nomination,
    },
    /// A condition PodScheduled=False that is not written yet is out of date: the pod is on a node.
    Withdraw {
        /// UID of the pod.
        uid: Box<str>,
    },
    /// Mark a pod as disrupted and delete it, to make room for one of higher priority. Never dropped;
    /// answered by [`Event::Evicted`].
    Evict(Eviction),
    /// A decision was made; for the decision log.
    Decision(Decision),
    /// One line for the operator.
    Notice {
        /// How loud.
        level: NoticeLevel,
        /// The pod it is about, if it is about one.
        pod: Option<PodKey>,
        /// The text.
        message: String,
    },
}

/// How loud a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeLevel {
    /// Something an operator should look at.
    Warn,
    /// A state change that a person acts on.
    Info,
    /// Details (`-v=2` and above).
    Debug,
}

/// An Event to be written about a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Normal, reason Scheduled, action Binding.
    Scheduled {
        /// The node.
        node: Arc<str>,
    },
    /// Warning, reason FailedScheduling, action Scheduling.
    FailedScheduling {
        /// The full text; the writer cuts it at the API's limit.
        message: Arc<str>,
    },
    /// Normal, reason Preempted, action Preempting.
    Preempted {
        /// UID of the pod that takes the place.
        by: Box<str>,
        /// The node.
        node: Box<str>,
        /// It was not bound yet, so that nothing was deleted.
        in_memory: bool,
    },
}

/// What becomes of `status.nominatedNodeName`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Nomination {
    /// It stays as it is.
    #[default]
    Keep,
    /// It goes.
    Clear,
    /// It becomes this node.
    Set(Box<str>),
}

impl Nomination {
    /// Itself, or [`Nomination::Keep`] where the object already says `said`.
    #[must_use]
    pub fn news_to(self, said: Option<&str>) -> Self {
        match (&self, said) {
            (Self::Clear, None) => Self::Keep,
            (Self::Set(node), Some(said)) if **node == *said => Self::Keep,
            _ => self,
        }
    }
}

/// The condition PodScheduled=False.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedCondition {
    /// `Unschedulable` or `SchedulerError`.
    pub reason: &'static str,
    /// The full text.
    pub message: Arc<str>,
    /// The pod's generation; zero where it has none.
    pub observed_generation: i64,
    /// When the status flipped; `None` means now.
    pub last_transition_time: Option<Box<str>>,
}

/// A line of the decision log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Counts up from 1 in the order in which decisions were made.
    pub number: u64,
    /// The pod.
    pub pod: Arc<PodRef>,
    /// What was decided.
    pub verdict: DecisionVerdict,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecisionVerdict {
    /// The pod goes to this node.
    Node(Arc<str>),
    /// It goes nowhere, and why.
    Message(String),
    /// A placement that was decided before did not come true; the pod no longer counts on that node.
    Forgotten {
        /// The node it was meant for.
        node: Arc<str>,
        /// Why.
        reason: String,
    },
}
