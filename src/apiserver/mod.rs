//! The embedded API server: a Kubernetes API in memory, for tests, pipelines and the playground.

pub mod patch;
pub mod schema;
