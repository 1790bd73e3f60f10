//! berth: a Kubernetes-compatible pod scheduler.
//!
//! # Bird's-eye view
//! The watches of the API server become [`engine::Event`]s with plain owned values, one thread owns the
//! engine, [`engine::Engine::step`] turns events into [`engine::Effect`]s, and the writers carry those
//! out: a Binding, an Event, a condition. The only way back into the core is another event.
//!
//! # Code map
//! The core, in this order; a folder uses only those above it:
//! - [`units`]: quantities, ids, time. [`model`]: our own Pod, Node, Toleration; no Kubernetes types.
//! - [`cluster`]: the cached state in rows and columns; assume, confirm, forget; the change log.
//! - [`framework`]: extension points, verdicts, profiles, tables, the diagnosis of a failed attempt.
//! - [`preemption`]: what evicting pods of lower priority would bring.
//! - [`plugins`]: one file a plugin; `plugins/table.rs` is the only list of them.
//! - [`queue`]: which pod is next, and when one that failed comes back.
//! - [`engine`]: `step(event, now) -> effects`, the scheduling cycle, and `query`.
//!
//! The edges: [`telemetry`] (log), [`wire`] (what Kubernetes objects look like to us), [`config`]
//! (KubeSchedulerConfiguration), [`client`] (watch, write, call extenders), [`server`] (health and metrics
//! over HTTP), [`apiserver`] (a Kubernetes API in memory), [`actors`] (pretend kubelets and small
//! controllers for any API server), [`playground`] (all of it in one process), [`bench`] (how fast it is),
//! [`runtime`] (the wiring), [`cli`].
//!
//! # Invariants
//! - The core does no IO, reads no clock and cannot fail: outcomes are data, time comes in as `now`.
//! - One thread owns the core. Everything else sends it events and takes effects.
//! - The same seed, configuration and list of events give the same list of effects, byte for byte.
//!   Production, tests and `berth evaluate` run the same code.
//! - Events carry plain owned values; the cluster interns them. Only the core sees a [`units::Symbol`].
//! - Nothing waits for the engine while it waits for the network, and the watch reader never waits for
//!   a write.
//! - One implementation a plugin: the full scan is a table that is built, asked and dropped.
//!
//! `tests/tidy.rs` checks the directions between the folders.

pub mod model;
pub mod units;

pub mod cluster;
pub mod engine;
pub mod framework;
pub mod plugins;
pub mod preemption;
pub mod queue;

pub mod actors;
pub mod apiserver;
pub mod bench;
pub mod cli;
pub mod client;
pub mod config;
pub mod playground;
pub mod runtime;
pub mod server;
pub mod telemetry;
pub mod wire;
