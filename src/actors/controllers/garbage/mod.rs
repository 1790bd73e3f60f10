//! The collection of garbage: objects whose owners are gone are deleted, those whose owner is deleted in
//! the foreground before it, and those that are to be orphaned lose their reference.
//!
//! Upstream: pkg/controller/garbagecollector, v1.37. Differs from upstream: kinds are discovered once, at
//! the start, and an owner's namespace is taken to be the dependent's own.

mod graph;
mod task;

pub(super) use task::run;
