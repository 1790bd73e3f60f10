//! Small controllers: enough for people's Deployments, StatefulSets, DaemonSets and Jobs to do what they
//! expect, on an API server without kube-controller-manager.
//!
//! [`run`] watches, keeps what it saw in a [`cache`], and looks at an object whenever something about it
//! has changed. What is to be done then is worked out by a pure function, one file a kind, as a
//! [`plan::Plan`], and carried out by [`task`]. The collection of garbage and the emptying of namespaces
//! are tasks of their own.

mod cache;
mod conditions;
mod daemon_set;
mod deployment;
mod discovery;
mod disruption;
mod event;
mod garbage;
mod job;
mod kind;
mod namespace;
mod plan;
mod pod;
mod queue;
mod replica_set;
mod revision;
mod rollout;
mod stateful_set;
mod task;
mod volume;

#[cfg(test)]
mod kit;

pub use task::run;

/// Requests under way at the same time, unless set.
pub const WRITES_MAX: usize = 32;

/// How the controllers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControllerOptions {
    /// Requests under way at the same time.
    pub writes_max: usize,
}

impl Default for ControllerOptions {
    fn default() -> Self {
        Self { writes_max: WRITES_MAX }
    }
}
