//! What makes an API server look alive to its users: pretend kubelets and small controllers.
//!
//! Both are clients over HTTP alone, so that they serve any API server: the embedded one, kind's, a real
//! one. Each is one task that owns a pure state machine (observations and the time go in, writes come
//! out), with its writes at a named limit. `cli` and the playground call [`kubelets::run`] and
//! [`controllers::run`] with a client and a future that ends them.

pub mod controllers;
pub mod kubelets;

mod clock;
mod metadata;
mod node_fit;
mod node_model;
mod phase;
mod timers;
mod watch;
mod write;
