//! The embedded API server: a Kubernetes API in memory, for tests, pipelines and the playground.
//!
//! A request comes in through [`http`], which finds the [`kinds`] row it is about and reads its query and
//! body; a verb of [`verbs`] (or of [`subresources`]) has [`objects`], [`patch`] and [`schema`] look at
//! the object and puts it into the [`store`]; [`http`] writes out the answer, which for a watch is a
//! stream that the store fills. [`discovery`] tells clients what there is, [`print`] makes tables.
//!
//! # Invariants
//! - An object is parsed once when it comes in and serialized once when it is stored. Watches and lists
//!   copy the stored bytes.
//! - Nothing waits under the lock of the store, and no client can make another one wait.
//! - Whatever comes in, the answer is a Status with upstream's reason; nothing panics.

pub mod api;
pub mod discovery;
pub mod failure;
pub mod http;
pub mod identity;
pub mod import;
pub mod kinds;
pub mod kubeconfig;
pub mod objects;
pub mod orphans;
pub mod patch;
pub mod print;
pub mod protobuf;
pub mod schema;
pub mod selection;
pub mod server;
pub mod store;
pub mod subresources;
pub mod verbs;

mod events;
