//! The edge to the API server: a connection, a watch a kind, one writer.
//!
//! A watch turns what it reads into [`Event`]s and puts them into the engine's channel; it may wait for
//! the engine, never for a write. The engine thread hands effects to the [`Outbox`], which never blocks;
//! the [`Writer`]'s task carries them out, with queues and limits of their own for bindings, writes
//! before them, evictions, conditions and events, but one lane a pod. Outcomes of bindings go back as
//! [`Event::BindResult`], those of the writes before them as [`Event::PreBindResult`]. What was
//! dropped, merged or unreadable is in [`Counters`].
//!
//! [`Extenders`] calls the extenders that a configuration names; for them the watches keep [`RawObjects`].
//!
//! A [`Candidacy`] stands for election where several berths have the same Lease; outside of the time in which it
//! leads the writer starts nothing.
//!
//! Nothing here decides anything about scheduling. `runtime` starts all of it.

mod api;
mod bind;
mod condition;
mod connect;
mod counters;
mod credential;
mod evict;
mod extender;
mod inquiry;
mod json;
mod kubeconfig;
mod lanes;
mod lease;
mod limit;
mod lines;
mod outbox;
mod plain;
mod plugin;
mod pre_bind;
mod printf;
mod proxy;
mod raw;
mod renew;
mod report;
mod requests;
mod series;
mod stopwatch;
mod task;
mod trouble;
mod watch;
mod watch_log;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use connect::{ConnectError, Source, connect, connect_counted, user_agent};
pub use counters::{Counter, Counters};
pub use extender::{ExtenderError, Extenders};
pub use lease::{Candidacy, LeaderElection, Role, Standing, Times, identity};
pub use limit::RateLimit;
pub use outbox::Outbox;
pub use plain::{Plain, PlainError, PlainLines};
pub use raw::RawObjects;
pub use requests::{Histogram, HostRequests, OfMethod, Requests, Shown};
pub use stopwatch::Stopwatch;
pub use watch::{Reading, watch};
pub use watch_log::Said;
pub use writer::{Left, WRITE_TIME_MAX, Writer, WriterOptions};

#[cfg(doc)]
use crate::engine::Event;
use crate::units::Nanos;

/// Tells the time: nanoseconds since the Unix epoch, never backwards, at the pace of tokio's clock.
pub type Clock = Arc<dyn Fn() -> Nanos + Send + Sync>;
